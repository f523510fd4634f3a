/*
 * Walks of the guest's page tables (SDM vol. 3, chapter "Paging"): none, 32-bit, PAE and four-level.
 */
#include "vm/walk.h"

#include "arch/cpu.h"
#include "arch/msr.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "vm/cpuid.h"
#include "vm/gmem.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define PTE_P      BIT(0)
#define PTE_W      BIT(1)
#define PTE_U      BIT(2)
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

static bool leaf_allowed(const struct mode *m, const struct vcpu *v, u32 level)
{
	if (m == &mode_32)
		return level == 1 && (v->regs.cr4 & CR4_PSE);
	return level == 1 || (level == 2 && m == &mode_64);
}

static gpa_t leaf_address(const struct mode *m, u64 entry, u64 va, u64 size)
{
	u64 base = entry & (m == &mode_32 ? PTE32_ADDR : PTE_ADDR) & ~(size - 1);

	if (m == &mode_32 && size > PAGE_SIZE)
		base |= (entry & PSE36_HIGH) << 19;
	return GPA(base | (va & (size - 1)));
}

static int walk_mode(struct vcpu *v, const struct mode *m, u64 va, struct walk *w, u32 *error)
{
	u64 table = v->regs.cr3 & (m == &mode_pae ? BITS(31, 5) : PTE_ADDR);
	bool nxe = m->nx && (v->regs.efer & EFER_NXE);
	u64 entry = 0;

	w->writable = w->user = w->executable = true;
	for (u32 level = m->levels; level-- > 0;) {
		u32 shift = PAGE_SHIFT + m->index_bits * level;
		u64 index = va >> shift & ((1ULL << m->index_bits) - 1);
		bool pdpte = m == &mode_pae && level == 2;

		if (pdpte)
			index &= 3;
		if (gmem_load(v->vm, GPA(table + index * m->entry_size), &entry, m->entry_size) ||
		    !(entry & PTE_P)) {
			*error = 0;
			return -EFAULT;
		}
		if (!pdpte) { /* the PDPTEs of PAE paging hold no rights */
			w->writable &= !!(entry & PTE_W);
			w->user &= !!(entry & PTE_U);
			if (m->nx && (entry & PTE_NX)) {
				if (!nxe) {
					*error = PF_PRESENT | PF_RESERVED;
					return -EFAULT;
				}
				w->executable = false;
			}
		}
		if (level == 0 || ((entry & PTE_PS) && leaf_allowed(m, v, level))) {
			w->page_size = 1ULL << shift;
			w->gpa = leaf_address(m, entry, va, w->page_size);
			return 0;
		}
		table = entry & (m == &mode_32 ? PTE32_ADDR : PTE_ADDR);
	}
	return -EFAULT; /* not reached: level 0 returns */
}

int walk_guest(struct vcpu *v, u64 va, struct walk *w, u32 *error)
{
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
