/*
 * Operands of emulated instructions: addresses as the CPU forms and checks them, and accesses to what is
 * there, RAM or devices, in one page or two.
 */
#include "vm/emul_operand.h"

#include "arch/cpu.h"
#include "arch/msr.h"
#include "arch/trap.h"
#include "lib/errno.h"
#include "vm/gmem.h"
#include "vm/ioaccess.h"
#include "vm/lapic.h"
#include "vm/vm.h"

#define CANONICAL_BITS 48 /* CR4.LA57 is not offered */

/* Bits of a descriptor's type (SDM vol. 3, "Code- and Data-Segment Descriptor Types"). */
#define SEG_TYPE_CODE     BIT(3)
#define SEG_TYPE_DOWN     BIT(2) /* data: expands down */
#define SEG_TYPE_WRITABLE BIT(1) /* code: readable */

int emul_raise(struct emul *m, u8 vector)
{
	vcpu_raise(m->v, vector);
	return -EFAULT;
}

int emul_raise_zero(struct emul *m, u8 vector)
{
	vcpu_raise_error(m->v, vector, 0);
	return -EFAULT;
}

static bool is_high_byte(const struct emul *m, u32 r, u32 size)
{
	return size == 1 && !m->i->rex && r >= 4 && r < 8;
}

u64 reg_get(struct emul *m, u32 r, u32 size)
{
	if (unlikely(is_high_byte(m, r, size)))
		return gpr_get(m->v, r - 4) >> 8 & 0xff;
	return gpr_get(m->v, r) & size_mask(size);
}

void reg_set(struct emul *m, u32 r, u64 value, u32 size)
{
	if (unlikely(is_high_byte(m, r, size)))
		gpr_set(m->v, r - 4, (gpr_get(m->v, r - 4) & 0xff) | (value & 0xff) << 8, 2);
	else
		gpr_set(m->v, r, value, size);
}

/* --- addresses ------------------------------------------------------------------------------- */

/* The linear address of a segment's offset. */
static u64 linear(struct emul *m, u32 seg, u64 offset)
{
	struct vcpu *v = m->v;

	if (m->mode == 64) {
		if (seg != SEG_FS && seg != SEG_GS)
			return offset;
		vcpu_need(v, RG_SEG);
		return offset + v->regs.seg[seg].base;
	}
	vcpu_need(v, RG_SEG | RG_CS);
	return (u32)(offset + v->regs.seg[seg].base);
}

u64 operand_offset(struct emul *m)
{
	const struct insn *i = m->i;
	u64 offset = (u64)i->disp;

	if (i->base != NO_REG)
		offset += gpr_get(m->v, i->base);
	if (i->index != NO_REG)
		offset += gpr_get(m->v, i->index) << i->scale;
	if (i->rip_relative)
		offset += vcpu_rip(m->v) + i->len;
	return offset & size_mask(i->addrsize);
}

u32 operand_segment(const struct emul *m)
{
	const struct insn *i = m->i;

	if (i->seg != NO_REG)
		return i->seg;
	return i->base == GPR_RBP || i->base == GPR_RSP ? SEG_SS : SEG_DS;
}

static bool canonical(u64 va)
{
	u32 shift = 64 - CANONICAL_BITS;

	return (u64)((s64)(va << shift) >> shift) == va;
}

/* SDM vol. 3, "Limit Checking" and "Type Checking": outside 64-bit mode. */
static bool segment_allows(struct vcpu *v, u32 seg, u64 offset, u32 size, bool write)
{
	const struct segment *s = &v->regs.seg[seg];
	u64 last = offset + size - 1;
	bool code = s->attr & SEG_TYPE_CODE, down;

	vcpu_need(v, RG_CR | RG_RFLAGS);
	if ((v->regs.cr0 & CR0_PE) && !(v->regs.rflags & RFLAGS_VM)) {
		if (!(s->attr & SEG_ATTR_P))
			return false; /* the null selector */
		if (code && write)
			return false;
		if (!(s->attr & SEG_TYPE_WRITABLE) && (code || write))
			return false;
	}
	down = (s->attr & (SEG_TYPE_CODE | SEG_TYPE_DOWN)) == SEG_TYPE_DOWN;
	if (!down)
		return last <= s->limit;
	return offset > s->limit && last <= (s->attr & SEG_ATTR_DB ? 0xffffffffU : 0xffffU);
}

/* Checks all bytes of an access against its segment and forms its linear address. */
static int segment_check(struct emul *m, u32 seg, u64 offset, u32 size, bool write, u64 *va)
{
	struct vcpu *v = m->v;
	bool ok;

	*va = linear(m, seg, offset);
	if (m->mode == 64)
		ok = canonical(*va) && canonical(*va + size - 1);
	else
		ok = segment_allows(v, seg, offset, size, write);
	if (!ok)
		return emul_raise_zero(m, seg == SEG_SS ? TRAP_SS : TRAP_GP);
	return 0;
}

/* SDM vol. 3, "Interrupt 17, Alignment Check Exception". */
static bool alignment_checked(struct vcpu *v)
{
	return vcpu_cpl(v) == 3 && (v->regs.cr0 & CR0_AM) && (v->regs.rflags & RFLAGS_AC);
}

static int translate(struct emul *m, u64 va, bool write, gpa_t *at)
{
	struct vcpu *v = m->v;
	u32 error;

	if (!vcpu_translate(v, va, write, vcpu_cpl(v) == 3, at, &error))
		return 0;
	v->regs.cr2 = va;
	vcpu_dirty(v, RG_CR2);
	vcpu_raise_error(v, TRAP_PF, error);
	return -EFAULT;
}

int operand_find(struct emul *m, u32 seg, u64 offset, u32 size, enum operand_use use,
		 struct operand *o)
{
	u64 va, next;
	int err = segment_check(m, seg, offset, size, use, &va);

	if (err)
		return err;
	if (unlikely(size == 16) && va % 16)
		return emul_raise_zero(m, TRAP_GP); /* CMPXCHG16B */
	*o = (struct operand){ .size = size, .first = size };
	err = translate(m, va, use, &o->at[0]);
	if (err)
		return err;
	if ((va & PAGE_MASK) + size > PAGE_SIZE) {
		o->first = (u32)(PAGE_SIZE - (va & PAGE_MASK));
		next = va + o->first;
		err = translate(m, m->mode == 64 ? next : (u32)next, use, &o->at[1]);
		if (err)
			return err;
	}
	if (unlikely(va & (size - 1)) && alignment_checked(m->v))
		return emul_raise_zero(m, TRAP_AC);
	return 0;
}

int operand_find_own(struct emul *m, u64 offset, u32 size, enum operand_use use, struct operand *o)
{
	const struct vm_exit *e = m->e;
	u32 seg = operand_segment(m);
	u64 at = linear(m, seg, offset) & PAGE_MASK;

	if (likely(at == (e->s2.gpa.v & PAGE_MASK)) && likely(at + size <= PAGE_SIZE) &&
	    likely((use == USE_WRITE) == e->s2.write)) {
		o->at[0] = e->s2.gpa;
		o->size = o->first = size;
		o->exited = true;
		return 0;
	}
	return operand_find(m, seg, offset, size, use, o);
}

/* --- accesses -------------------------------------------------------------------------------- */

/* Nobody has all of it; somebody may have a part. */
static __noinline void access_halves(struct vcpu *v, gpa_t gpa, u64 *value, u32 size, bool write)
{
	u32 half = size / 2;
	u64 low = *value & size_mask(half), high = *value >> (8 * half) & size_mask(half);

	device_access(v, gpa, &low, half, write);
	device_access(v, GPA(gpa.v + half), &high, half, write);
	if (!write)
		*value = low | high << (8 * half);
}

void device_access(struct vcpu *v, gpa_t gpa, u64 *value, u32 size, bool write)
{
	int err;

	if ((gpa.v & ~PAGE_MASK) == VLAPIC_BASE &&
	    (v->apic_base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) == APIC_BASE_ENABLE) {
		vlapic_mmio(v->lapic, (u32)(gpa.v & PAGE_MASK), value, size, write);
		return;
	}
	v->io.value = *value;
	v->io.size = (u8)size;
	v->io.write = write;
	err = vcpu_io(v, IO_MEM, gpa.v);
	if (unlikely(err == -ENODEV) && size > 1)
		access_halves(v, gpa, value, size, write);
	else if (!write)
		*value = v->io.value;
}

/* Any number of bytes up to 8, as naturally aligned accesses. */
static void access_device_parts(struct vcpu *v, u64 gpa, u64 *value, u32 size, bool write)
{
	u64 whole = 0;

	for (u32 k = 0, n; k < size; k += n) {
		u64 part;

		for (n = 8; n > size - k || ((gpa + k) & (n - 1)); n /= 2)
			;
		part = *value >> (8 * k) & size_mask(n);
		device_access(v, GPA(gpa + k), &part, n, write);
		whole |= (part & size_mask(n)) << (8 * k);
	}
	if (!write)
		*value = whole;
}

static int access_ram(struct vcpu *v, gpa_t gpa, u64 *value, u32 size, bool write)
{
	bool natural = !(size & (size - 1)) && !(gpa.v & (size - 1)); /* shall not be torn */
	int err;

	if (write)
		err = natural ? gmem_store(v->vm, gpa, *value, size) :
				gmem_write(v->vm, gpa, value, size);
	else if (natural)
		err = gmem_load(v->vm, gpa, value, size);
	else
		err = gmem_read(v->vm, gpa, value, size);
	return err ? -EIO : 0;
}

/* size bytes, up to 8, of one page. */
static int access_page(struct vcpu *v, gpa_t gpa, u64 *value, u32 size, bool write)
{
	if (!write)
		*value = 0;
	if (gmem_is_ram(v->vm, gpa, size))
		return access_ram(v, gpa, value, size, write);
	if (size & (size - 1))
		access_device_parts(v, gpa.v, value, size, write);
	else
		device_access(v, gpa, value, size, write);
	return 0;
}

static int access_two(struct vcpu *v, const struct operand *o, u64 *value, bool write)
{
	u32 first = o->first, second = o->size - first;
	u64 low = *value & size_mask(first), high = *value >> (8 * first);
	int err = access_page(v, o->at[0], &low, first, write);

	if (!err)
		err = access_page(v, o->at[1], &high, second, write);
	if (!write)
		*value = low | high << (8 * first);
	return err;
}

static __always_inline int operand_access(struct emul *m, const struct operand *o, u64 *value,
					  bool write)
{
	if (likely(o->exited)) {
		device_access(m->v, o->at[0], value, o->size, write);
		return 0;
	}
	if (o->first < o->size)
		return access_two(m->v, o, value, write);
	return access_page(m->v, o->at[0], value, o->size, write);
}

int operand_read(struct emul *m, const struct operand *o, u64 *value)
{
	return operand_access(m, o, value, false);
}

int operand_write(struct emul *m, const struct operand *o, u64 value)
{
	return operand_access(m, o, &value, true);
}

bool operand_is_ram(struct emul *m, const struct operand *o)
{
	const struct vm *vm = m->v->vm;

	if (o->exited || !gmem_is_ram(vm, o->at[0], o->first))
		return false;
	return o->first == o->size || gmem_is_ram(vm, o->at[1], o->size - o->first);
}
