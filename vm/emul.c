/*
 * Emulation of one instruction: moves between registers and device memory, and port I/O. The
 * bytes are fetched and decoded once; everything after uses that copy.
 */
#include "vm/emul.h"

#include "arch/cpu.h"
#include "arch/msr.h"
#include "arch/trap.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "vm/decode.h"
#include "vm/gmem.h"
#include "vm/hvm.h"
#include "vm/iobus.h"
#include "vm/lapic.h"
#include "vm/skip.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vm/walk.h"

#define LAPIC_PAGE   0xfee00000ULL
#define STRING_BATCH 64 /* iterations of one REP per exit; the rest comes back */

/* What is at RIP: one byte more than an instruction has makes whole words. */
struct fetched {
	u32 mode; /* 16, 32 or 64 */
	u32 n;
	u8 bytes[INSN_MAX + 1];
};

static_assert(INSN_MAX + 1 == 2 * sizeof(u64), "two words");

/* Fetches as many bytes as are mapped, at most INSN_MAX + 1. */
static void fetch(struct vcpu *v, struct fetched *f)
{
	u64 va = vcpu_rip(v);
	u32 size = sizeof(f->bytes), first;

	f->mode = vcpu_mode(v);
	f->n = 0;
	if (f->mode != 64)
		va = (u32)(va + v->regs.seg[SEG_CS].base);
	first = MIN(size, (u32)(PAGE_SIZE - (va & PAGE_MASK)));
	if (vcpu_fetch(v, va, f->bytes, first))
		return;
	f->n = first;
	if (first < size && !vcpu_fetch(v, va + first, f->bytes + first, size - first))
		f->n = size;
}

u32 insn_length(struct vcpu *v)
{
	struct fetched f;

	fetch(v, &f);
	return insn_length_bytes(f.bytes, f.n, f.mode);
}

static const char hex_digits[] = "0123456789abcdef";

static void stop_with_bytes(struct vcpu *v, const char *what, const struct fetched *f)
{
	char text[INSN_MAX * 3 + 1];
	u32 n = MIN(f->n, (u32)INSN_MAX);

	for (u32 k = 0; k < n; k++) {
		text[3 * k] = ' ';
		text[3 * k + 1] = hex_digits[f->bytes[k] >> 4];
		text[3 * k + 2] = hex_digits[f->bytes[k] & 15];
	}
	text[3 * n] = 0;
	vm_stop(v->vm, STOP_EMULATION, "%s at rip %#llx, bytes%s", what,
		(unsigned long long)vcpu_rip(v), text);
}

static u64 size_mask(u32 size)
{
	static const u64 masks[9] = { [1] = 0xff, [2] = 0xffff, [4] = 0xffffffff, [8] = ~0ULL };

	return masks[size];
}

static u64 truncate(u64 value, u32 size)
{
	return value & size_mask(size);
}

static u64 gpr_get(struct vcpu *v, u32 r)
{
	if (r == GPR_RSP)
		vcpu_need(v, RG_RSP);
	return v->regs.gpr[r];
}

/* Writes size bytes of a register as the CPU does: 4-byte writes clear the upper half. */
static __always_inline void gpr_set(struct vcpu *v, u32 r, u64 value, u32 size)
{
	u64 mask = size_mask(size);

	value &= mask;
	if (size < 4)
		value |= gpr_get(v, r) & ~mask;
	v->regs.gpr[r] = value;
	if (r == GPR_RSP)
		vcpu_dirty(v, RG_RSP);
}

/* Byte registers: without REX, 4 to 7 are AH, CH, DH, BH. */
static u64 byte_get(struct vcpu *v, const struct insn *i, u32 r)
{
	if (!i->rex && r >= 4 && r < 8)
		return gpr_get(v, r - 4) >> 8 & 0xff;
	return gpr_get(v, r) & 0xff;
}

static void byte_set(struct vcpu *v, const struct insn *i, u32 r, u64 value)
{
	if (!i->rex && r >= 4 && r < 8)
		gpr_set(v, r - 4, (gpr_get(v, r - 4) & 0xff) | (value & 0xff) << 8, 2);
	else
		gpr_set(v, r, value, 1);
}

/* The linear address of a segment's offset. */
static u64 linear(struct vcpu *v, u32 mode, u32 seg, u64 offset)
{
	if (mode == 64) {
		if (seg != SEG_FS && seg != SEG_GS)
			return offset;
		vcpu_need(v, RG_SEG);
		return offset + v->regs.seg[seg].base;
	}
	vcpu_need(v, RG_SEG | RG_CS);
	return (u32)(offset + v->regs.seg[seg].base);
}

static u64 effective_address(struct vcpu *v, u32 mode, const struct insn *i)
{
	u64 offset = (u64)i->disp;
	u32 seg = i->seg;

	if (i->base != NO_REG)
		offset += gpr_get(v, i->base);
	if (i->index != NO_REG)
		offset += gpr_get(v, i->index) << i->scale;
	if (i->rip_relative)
		offset += vcpu_rip(v) + i->len;
	offset = truncate(offset, i->addrsize);
	if (seg == NO_REG)
		seg = i->base == GPR_RBP || i->base == GPR_RSP ? SEG_SS : SEG_DS;
	return linear(v, mode, seg, offset);
}

/* One access that does not cross a page, to a device. */
static int access_device(struct vcpu *v, gpa_t gpa, u64 *value, u32 size, bool write)
{
	struct io_access a = { .vcpu = v, .value = *value, .size = (u8)size, .write = write };

	if ((gpa.v & ~PAGE_MASK) == LAPIC_PAGE &&
	    (v->apic_base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) == APIC_BASE_ENABLE)
		return vlapic_mmio(v->lapic, (u32)(gpa.v & PAGE_MASK), value, size, write);
	iobus_access(v->vm->bus, IO_MEM, gpa.v, &a);
	if (!write)
		*value = a.value;
	return 0;
}

/* The same to RAM or a device. */
static int access_gpa(struct vcpu *v, gpa_t gpa, u64 *value, u32 size, bool write)
{
	if (!gmem_is_ram(v->vm, gpa, size))
		return access_device(v, gpa, value, size, write);
	if (write)
		return gmem_write(v->vm, gpa, value, size);
	*value = 0;
	return gmem_read(v->vm, gpa, value, size);
}

/* Accesses size bytes at a linear address. -EFAULT: an exception was raised. */
static int access_linear(struct vcpu *v, u64 va, u64 *value, u32 size, bool write)
{
	bool user = vcpu_cpl(v) == 3;
	u32 error;
	gpa_t gpa;

	if ((va & PAGE_MASK) + size > PAGE_SIZE) { /* byte by byte across the border */
		u64 whole = 0;

		for (u32 k = 0; k < size; k++) {
			u64 byte = *value >> (8 * k) & 0xff;

			if (access_linear(v, va + k, &byte, 1, write))
				return -EFAULT;
			whole |= byte << (8 * k);
		}
		if (!write)
			*value = whole;
		return 0;
	}
	if (vcpu_translate(v, va, write, user, &gpa, &error)) {
		v->regs.cr2 = va;
		vcpu_dirty(v, RG_CR2);
		vcpu_raise_error(v, TRAP_PF, error);
		return -EFAULT;
	}
	return access_gpa(v, gpa, value, size, write);
}

/*
 * Accesses the instruction's operand. The CPU has translated its address, found the access allowed and
 * stopped at e->s2.gpa. Where this is that access (the code may have been replaced since), nothing
 * needs translating again.
 */
static int access_operand(struct vcpu *v, const struct vm_exit *e, u64 va, u64 *value, u32 size,
			  bool write)
{
	u64 offset = va & PAGE_MASK;

	if (likely(offset == (e->s2.gpa.v & PAGE_MASK)) && likely(offset + size <= PAGE_SIZE) &&
	    likely(write == e->s2.write))
		return access_device(v, e->s2.gpa, value, size, write);
	return access_linear(v, va, value, size, write);
}

/* Moves between a register or immediate and memory. -ENOTSUP: not a move. */
static int emul_move(struct vcpu *v, const struct vm_exit *e, u32 mode, const struct insn *i)
{
	u32 size = i->opcode & 1 ? i->opsize : 1, from = size;
	u64 va = effective_address(v, mode, i), value = 0;
	bool sign = false;
	int err;

	if (i->map == 0) {
		switch (i->opcode) {
		case 0x88:
		case 0x89:
			value = size == 1 ? byte_get(v, i, i->reg) : gpr_get(v, i->reg);
			return access_operand(v, e, va, &value, size, true);
		case 0xa2:
		case 0xa3:
			value = gpr_get(v, GPR_RAX);
			return access_operand(v, e, va, &value, size, true);
		case 0xc6:
		case 0xc7:
			value = (u64)i->imm;
			return i->reg & 7 ? -ENOTSUP : access_operand(v, e, va, &value, size, true);
		case 0x8a:
		case 0x8b:
		case 0xa0:
		case 0xa1:
			break;
		case 0x63: /* MOVSXD */
			size = i->opsize;
			from = 4;
			sign = true;
			break;
		default:
			return -ENOTSUP;
		}
	} else {
		if ((i->opcode & 0xf6) != 0xb6) /* MOVZX, MOVSX */
			return -ENOTSUP;
		size = i->opsize;
		from = i->opcode & 1 ? 2 : 1;
		sign = i->opcode & 8;
	}
	err = access_operand(v, e, va, &value, from, false);
	if (err)
		return err;
	if (sign)
		value = (u64)((s64)(value << (64 - 8 * from)) >> (64 - 8 * from));
	if (i->opcode == 0xa0 || i->opcode == 0xa1)
		gpr_set(v, GPR_RAX, value, size);
	else if (size == 1)
		byte_set(v, i, i->reg, value);
	else
		gpr_set(v, i->reg, value, size);
	return 0;
}

void emul_mmio(struct vcpu *v, const struct vm_exit *e)
{
	struct vm_exit done = { .kind = e->kind };
	struct fetched f;
	struct insn i;
	int err;

	fetch(v, &f);
	err = insn_decode(f.bytes, f.n, f.mode, &i);
	if (!err)
		err = i.memory && !i.lock ? emul_move(v, e, f.mode, &i) : -ENOTSUP;
	if (err == -EFAULT && v->exception.kind)
		return;
	if (err) {
		stop_with_bytes(v, "instruction outside the emulator's scope", &f);
		return;
	}
	done.insn_len = i.len;
	vcpu_skip(v, &done);
}

/* One IN or OUT of a port. */
static __always_inline void port_access(struct vcpu *v, const struct vm_exit *e, u64 *value)
{
	struct io_access a = {
		.vcpu = v,
		.value = *value,
		.size = e->port.size,
		.write = e->port.write,
	};

	iobus_access(v->vm->bus, IO_PORT, e->port.port, &a);
	if (!e->port.write)
		*value = a.value;
}

static void string_step(struct vcpu *v, const struct insn *i, u32 r, u32 size)
{
	u64 step = v->regs.rflags & RFLAGS_DF ? -(u64)size : size;

	/* Address-size writes: 4 bytes clear the upper half, 2 keep the rest. */
	gpr_set(v, r, gpr_get(v, r) + step, i->addrsize);
}

/* INS or OUTS, once. -EFAULT: an exception was raised. */
static int string_once(struct vcpu *v, const struct vm_exit *e, u32 mode, const struct insn *i)
{
	u32 r = e->port.write ? GPR_RSI : GPR_RDI;
	u32 seg = !e->port.write ? SEG_ES : i->seg == NO_REG ? SEG_DS : i->seg;
	u64 va = linear(v, mode, seg, truncate(gpr_get(v, r), i->addrsize)), value = 0;
	int err;

	if (e->port.write) {
		err = access_linear(v, va, &value, e->port.size, false);
		if (err)
			return err;
		port_access(v, e, &value);
	} else {
		gpa_t gpa;
		u32 error;

		/* What cannot be stored is not read from the device. */
		if (vcpu_translate(v, va, true, vcpu_cpl(v) == 3, &gpa, &error))
			return access_linear(v, va, &value, e->port.size, true);
		port_access(v, e, &value);
		err = access_linear(v, va, &value, e->port.size, true);
		if (err)
			return err;
	}
	string_step(v, i, r, e->port.size);
	return 0;
}

static void port_string(struct vcpu *v, const struct vm_exit *e)
{
	struct vm_exit done = *e;
	struct fetched f;
	struct insn i;

	fetch(v, &f);
	if (insn_decode(f.bytes, f.n, f.mode, &i) || i.map || i.opcode < 0x6c || i.opcode > 0x6f) {
		stop_with_bytes(v, "string I/O that cannot be decoded", &f);
		return;
	}
	vcpu_need(v, RG_RFLAGS);
	for (u32 k = 0; k < STRING_BATCH; k++) {
		u64 count = truncate(gpr_get(v, GPR_RCX), i.addrsize);

		if (i.rep && !count)
			break;
		if (string_once(v, e, f.mode, &i))
			return;
		if (!i.rep)
			break;
		gpr_set(v, GPR_RCX, count - 1, i.addrsize);
	}
	if (i.rep && truncate(gpr_get(v, GPR_RCX), i.addrsize))
		return; /* the guest executes it again for the rest */
	done.insn_len = i.len;
	vcpu_skip(v, &done);
}

void emul_port(struct vcpu *v, const struct vm_exit *e)
{
	u64 value = v->regs.gpr[GPR_RAX];

	if (unlikely(e->port.string)) {
		port_string(v, e);
		return;
	}
	port_access(v, e, &value);
	if (!e->port.write)
		gpr_set(v, GPR_RAX, value, e->port.size);
	vcpu_skip(v, e);
}
