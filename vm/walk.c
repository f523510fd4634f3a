/*
 * Walks of the guest's page tables (SDM vol. 3, chapter "Paging"): none, 32-bit, PAE and four-level.
 */
#include "vm/walk.h"

#include "arch/cpu.h"
#include "arch/msr.h"
#include "arch/window.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/layout.h"
#include "vm/cpuid.h"
#include "vm/gmem.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define PTE_P      BIT(0)
#define PTE_W      BIT(1)
#define PTE_U      BIT(2)
#define PTE_A      BIT(5)
#define PTE_D      BIT(6) /* in a leaf */
#define PTE_PS     BIT(7)
#define PTE_NX     BIT(63)
#define PTE_ADDR   BITS(51, 12)
#define PTE32_ADDR BITS(31, 12)
#define PSE36_HIGH BITS(20, 13) /* of a 4 MiB page: address bits 39..32 */

/* One row per paging mode. */
struct mode {
	u8 levels, index_bits, entry_size;
	bool nx;
};
static const struct mode mode_32 = { 2, 10, 4, false };
static const struct mode mode_pae = { 3, 9, 8, true };
static const struct mode mode_64 = { 4, 9, 8, true };

static __always_inline bool leaf_allowed(const struct mode *m, const struct vcpu *v, u32 level)
{
	if (m == &mode_32)
		return level == 1 && (v->regs.cr4 & CR4_PSE);
	return level == 1 || (level == 2 && m == &mode_64);
}

static __always_inline gpa_t leaf_address(const struct mode *m, u64 entry, u64 va, u64 size)
{
	u64 base = entry & (m == &mode_32 ? PTE32_ADDR : PTE_ADDR) & ~(size - 1);

	if (m == &mode_32 && size > PAGE_SIZE)
		base |= (entry & PSE36_HIGH) << 19;
	return GPA(base | (va & (size - 1)));
}

/* An entry of size bytes, in a window that is open. */
static __always_inline bool load_entry(const struct vm *vm, u64 at, u32 size, u64 *entry)
{
	u64 value;

	/* window_end is page-aligned, and what is read is within eight aligned bytes. */
	if (at >= vm->window_end ||
	    !window_load64((const void *)(WINDOW_BASE + (at & ~7ULL)), &value))
		return false;
	*entry = size == 8 ? value : (u32)(value >> (at & 4) * 8);
	return true;
}

/* Goes down to the leaf, whose level comes back; -1 with *error. Collects the rights on the way. */
static __always_inline int descend(struct vcpu *v, const struct mode *m, u64 va, u64 *leaf,
				   u64 *leaf_at, u64 *granted, u64 *denied, u32 *error)
{
	u64 table = v->regs.cr3 & (m == &mode_pae ? BITS(31, 5) : PTE_ADDR);
	u64 reserved = m->nx && !(v->regs.efer & EFER_NXE) ? PTE_NX : 0, entry;

#pragma GCC unroll 4
	for (u32 level = m->levels; level-- > 0;) {
		u64 index =
			va >> (PAGE_SHIFT + m->index_bits * level) & ((1ULL << m->index_bits) - 1);
		bool pdpte = m == &mode_pae && level == 2;

		if (pdpte)
			index &= 3;
		*error = 0;
		if (!load_entry(v->vm, table + index * m->entry_size, m->entry_size, &entry) ||
		    !(entry & PTE_P))
			return -1;
		if (!pdpte) { /* the PDPTEs of PAE paging hold no rights */
			if (entry & reserved) {
				*error = PF_PRESENT | PF_RESERVED;
				return -1;
			}
			*granted &= entry;
			*denied |= entry;
		}
		*leaf = entry;
		*leaf_at = table + index * m->entry_size;
		if (level == 0 || ((entry & PTE_PS) && leaf_allowed(m, v, level)))
			return (int)level;
		table = entry & (m == &mode_32 ? PTE32_ADDR : PTE_ADDR);
	}
	return -1; /* not reached: level 0 returns */
}

/* Sets the accessed bits, and the dirty bit, of a translation that is allowed. -EFAULT: it has changed. */
static int mark(struct vcpu *v, const struct mode *m, u64 va, bool write)
{
	u64 table = v->regs.cr3 & (m == &mode_pae ? BITS(31, 5) : PTE_ADDR);

	for (u32 level = m->levels; level-- > 0;) {
		u64 at, entry = 0, marked;
		bool leaf, pdpte = m == &mode_pae && level == 2;

		at = va >> (PAGE_SHIFT + m->index_bits * level) & ((1ULL << m->index_bits) - 1);
		at = table + (pdpte ? at & 3 : at) * m->entry_size;
		if (gmem_load(v->vm, GPA(at), &entry, m->entry_size) || !(entry & PTE_P))
			return -EFAULT;
		leaf = level == 0 || ((entry & PTE_PS) && leaf_allowed(m, v, level));
		marked = entry | PTE_A | (leaf && write ? PTE_D : 0);
		if (!pdpte && marked != entry &&
		    gmem_cas(v->vm, GPA(at), &entry, marked, m->entry_size))
			return -EFAULT;
		if (leaf)
			return 0;
		table = entry & (m == &mode_32 ? PTE32_ADDR : PTE_ADDR);
	}
	return 0; /* not reached */
}

/* Inlined once for each mode. */
static __always_inline int walk_mode(struct vcpu *v, const struct mode *m, u64 va, struct walk *w,
				     u32 *error)
{
	u64 leaf = 0, leaf_at = 0, granted = ~0ULL, denied = 0;
	int level;

	window_open();
	level = descend(v, m, va, &leaf, &leaf_at, &granted, &denied, error);
	window_close();
	if (level < 0)
		return -EFAULT;
	w->page_size = 1ULL << (PAGE_SHIFT + m->index_bits * (u32)level);
	w->entry = leaf;
	w->entry_at = leaf_at;
	w->gpa = leaf_address(m, leaf, va, w->page_size);
	w->writable = granted & PTE_W;
	w->user = granted & PTE_U;
	w->executable = !m->nx || !(denied & PTE_NX);
	w->accessed = granted & PTE_A;
	w->dirty = leaf & PTE_D;
	return 0;
}

int walk_guest(struct vcpu *v, u64 va, struct walk *w, u32 *error)
{
	if (unlikely(!(v->valid & RG_CR)))
		vcpu_need(v, RG_CR);
	if (!(v->regs.cr0 & CR0_PG)) {
		*w = (struct walk){ .gpa = GPA((u32)va),
				    .page_size = PAGE_SIZE,
				    .writable = true,
				    .user = true,
				    .executable = true };
		return 0;
	}
	if (v->regs.efer & EFER_LMA)
		return walk_mode(v, &mode_64, va, w, error);
	if (v->regs.cr4 & CR4_PAE)
		return walk_mode(v, &mode_pae, (u32)va, w, error);
	return walk_mode(v, &mode_32, (u32)va, w, error);
}

int walk_path(struct vcpu *v, u64 cr3, u64 va, struct walk_path *p)
{
	u64 table = cr3 & PTE_ADDR, size;

	for (u32 level = PATH_LEVELS; level-- > 0;) {
		u64 at = table + (va >> (PAGE_SHIFT + 9 * level) & 511) * sizeof(u64), entry;

		if (gmem_load(v->vm, GPA(at), &entry, sizeof(entry)) || !(entry & PTE_P))
			break;
		for (u32 k = 0; k <= level; k++) {
			p->at[k] = at;
			p->entry[k] = entry;
		}
		size = 1ULL << (PAGE_SHIFT + 9 * level);
		if (level == 0 || ((entry & PTE_PS) && leaf_allowed(&mode_64, v, level))) {
			p->gpa = leaf_address(&mode_64, entry, va, size);
			return 0;
		}
		table = entry & PTE_ADDR;
	}
	return -EFAULT;
}

static int mark_guest(struct vcpu *v, u64 va, bool write)
{
	if (v->regs.efer & EFER_LMA)
		return mark(v, &mode_64, va, write);
	return mark(v, v->regs.cr4 & CR4_PAE ? &mode_pae : &mode_32, (u32)va, write);
}

int vcpu_translate(struct vcpu *v, u64 va, bool write, bool user, gpa_t *out, u32 *error)
{
	struct walk w;
	u32 err = (write ? PF_WRITE : 0) | (user ? PF_USER : 0), fault;
	bool ok;

	if (walk_guest(v, va, &w, &fault)) {
		*error = err | fault;
		return -EFAULT;
	}
	if (!(v->regs.cr0 & CR0_PG)) {
		*out = w.gpa;
		return 0;
	}
	if (user)
		ok = w.user && (!write || w.writable);
	else
		ok = !write || w.writable || !(v->regs.cr0 & CR0_WP);
	if (!user && w.user && (v->regs.cr4 & CR4_SMAP)) {
		vcpu_need(v, RG_RFLAGS);
		ok = ok && (v->regs.rflags & RFLAGS_AC);
	}
	if (!ok) {
		*error = err | PF_PRESENT;
		return -EFAULT;
	}
	if (unlikely(!w.accessed || (write && !w.dirty)) && mark_guest(v, va, write)) {
		*error =
			err |
			PF_PRESENT; /* changed by another CPU: faults by old translations are spurious */
		return -EFAULT;
	}
	*out = w.gpa;
	return 0;
}

int vcpu_fetch(struct vcpu *v, u64 va, u8 *buf, size_t n)
{
	while (n) {
		struct walk w;
		u32 fault;
		size_t part = MIN(n, PAGE_SIZE - (va & PAGE_MASK));

		if (walk_guest(v, va, &w, &fault) || gmem_read(v->vm, w.gpa, buf, part))
			return -EFAULT;
		va += part;
		buf += part;
		n -= part;
	}
	return 0;
}
