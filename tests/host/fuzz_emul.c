/*
 * Decoding and emulation of any instruction, in any state that a guest can be in: what comes out is an
 * instruction that was stepped over, a fault that a CPU could raise, or a stopped VM; devices see accesses
 * that they can have, a bounded number of them, and what has faulted has changed nothing.
 *
 * sources: tests/host/fake_vm.c tests/host/fake_vcpu.c vm/emul.c vm/moveseen.c vm/decode.c vm/walk.c vm/emul_operand.c
 * sources: vm/emul_alu.c vm/emul_rmw.c vm/emul_move.c vm/emul_string.c vm/vcpu.c vm/iobus.c vm/state.c
 * sources: vm/vdev.c core/chardev.c
 * flags: -include tests/host/fake_cpu.h
 * runs: 60000
 * max_len: 256
 */
#include "arch/msr.h"
#include "arch/trap.h"
#include "tests/host/fake_vcpu.h"
#include "tests/host/fuzzing.h"
#include "vm/decode.h"
#include "vm/emul.h"
#include "vm/gmem.h"
#include "vm/lazy.h"
#include "vm/vdev.h"
#include "vm/walk.h"

#include <stdlib.h>
#include <string.h>

#define MMIO         0xfed10000u
#define MMIO_SIZE    0x1808u
#define LAPIC        0xfee00000u
#define PORT         0x300u
#define CODE         0x8000u
#define RAM_AT       0x20000u
#define PML4         0x10000u
#define EXITS_MAX    8
/* 64 iterations of two operands, each in at most 15 parts (8 bytes that nobody has). */
#define ACCESSES_MAX (64 * 2 * 15)

/* In the input's first byte. */
#define IN_MODE     3 /* 0, 1: 64-bit; 2: 32-bit; 3: 16-bit */
#define IN_REAL     BIT(2)
#define IN_USER     BIT(3)
#define IN_PORT     BIT(4)
#define IN_AT_END   BIT(5) /* the code is at the end of its page */
#define IN_SEGMENTS BIT(6)
#define IN_TABLES   BIT(7) /* other page tables */

static struct vcpu *v;
static struct vdev dev;
static u32 accesses;

void lazy_reset(struct vcpu *c) {}

static void check_access(u64 offset, u32 size)
{
	accesses++;
	CHECK(size == 1 || size == 2 || size == 4 || size == 8);
	CHECK(offset < MMIO_SIZE && size <= MMIO_SIZE - offset);
}

int vlapic_mmio(struct vlapic *l, u32 offset, u64 *value, u32 size, bool write)
{
	check_access(offset, size);
	CHECK(offset + size <= 4096);
	if (!write)
		*value = 0x12345678;
	return 0;
}

int gmem_store(struct vm *vm, gpa_t gpa, u64 value, size_t size)
{
	CHECK_EQ(gpa.v % size, 0);
	return gmem_write(vm, gpa, &value, size);
}

static int handler(struct vdev *d, u32 bank, struct io_access *a)
{
	check_access(a->offset, a->size);
	CHECK(bank == 0 || a->size <= 4);
	if (!a->write)
		a->value = 0x8877665544332211 * (a->offset + 1);
	return 0;
}

static void nothing(struct vdev *d) {}

static void put(u64 at, u64 entry)
{
	memcpy(fake_memory + at, &entry, 8);
}

/* Four levels: one to one, with what the other half of the space has, too. */
static void make_tables(void)
{
	put(PML4, 0x11007);
	put(PML4 + 511 * 8, 0x11007);
	put(0x11000, 0x12007);
	for (u64 k = 1; k < 4; k++)
		put(0x11000 + k * 8, k << 30 | 0x87);
	put(0x12000, 0x13007);
	for (u64 k = 0; k < 256;
	     k++) /* the last 64 KiB of memory can only be read, or by the kernel */
		put(0x13000 + k * 8, k << 12 | (k < 240 ? 7 : k < 248 ? 5 : 3));
}

static void start(void)
{
	static const struct vdev_ops ops = { .name = "test", .reset = nothing };

	fake_vcpu_new();
	v = fake_vcpu;
	v->vm->window_end = sizeof(fake_memory);
	vdev_add(fake_vm, &dev, &ops, 0, RANK_VDEV);
	CHECK_EQ(iobus_claim(fake_vm->bus, IO_MEM, MMIO, MMIO_SIZE, &dev, handler, 0), 0);
	CHECK_EQ(iobus_claim(fake_vm->bus, IO_PORT, PORT, 8, &dev, handler, 1), 0);
	make_tables();
}

/* An address where something is, or any. */
static u64 any_address(struct fuzz_in *in)
{
	static const u64 places[] = { MMIO,    MMIO + 0x1000, MMIO + MMIO_SIZE,
				      LAPIC,   RAM_AT,        1 << 20,
				      0xf0000, 0xf8000,       0x800000000000,
				      0,       ~0ull,         CODE };
	u32 kind = fuzz_below(in, 2 * ARRAY_LEN(places));

	if (kind >= ARRAY_LEN(places))
		return fuzz_bytes(in, 8);
	return places[kind] + (u64)(s8)fuzz_bytes(in, 1);
}

static void set_mode(struct fuzz_in *in, u8 how)
{
	u32 mode = how & IN_MODE;
	struct vcpu_regs *r = &v->regs;

	fake_vcpu_long_mode(how & IN_TABLES ? fuzz_bytes(in, 3) : PML4);
	for (u32 k = SEG_ES; k <= SEG_GS; k++) {
		struct segment *s = &r->seg[k];

		s->limit = 0xffffffff;
		s->attr = (u16)(SEG_ATTR_P | SEG_ATTR_S | SEG_ATTR_DB | (k == SEG_CS ? 0xb : 3));
		if (how & IN_SEGMENTS && k != SEG_CS) {
			s->attr ^= fuzz_bytes(in, 1);
			s->limit = (u32)fuzz_bytes(in, 4);
			s->base = (u32)any_address(in);
		}
	}
	r->seg[SEG_CS].attr = SEG_ATTR_P | SEG_ATTR_S | 0xb |
			      (mode < 2  ? SEG_ATTR_L :
			       mode == 2 ? SEG_ATTR_DB :
					   0);
	if (how & IN_REAL && mode >= 2) {
		r->cr0 = CR0_ET | (how & IN_USER ? CR0_PE : 0);
		r->efer = 0;
	}
	if (how & IN_USER)
		fake_vcpu_set_cpl(3);
	if (r->cr0 & CR0_PE && fuzz_below(in, 2))
		r->cr0 |= CR0_AM;
}

static u64 place_code(u8 how, const u8 *code, size_t n)
{
	u64 at = how & IN_AT_END ? CODE + 4096 - 3 : CODE;

	memset(fake_memory + at, 0xcc, 16);
	memcpy(fake_memory + at, code, n);
	return at;
}

/* Status flags and RF may change, and nothing else. */
static void check_flags(u64 before)
{
	const u64 may =
		RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF | RFLAGS_RF;

	CHECK_EQ((v->regs.rflags ^ before) & ~may, 0);
}

static void check_exception(void)
{
	const struct vm_event *e = &v->exception;

	switch (e->vector) {
	case TRAP_DB:
	case TRAP_UD:
		CHECK(!e->has_error);
		break;
	case TRAP_SS:
	case TRAP_GP:
	case TRAP_AC:
		CHECK(e->has_error && e->error == 0);
		break;
	case TRAP_PF:
		CHECK(e->has_error);
		CHECK_EQ(e->error & ~(PF_PRESENT | PF_WRITE | PF_USER | PF_RESERVED), 0);
		CHECK((v->regs.efer & EFER_LMA) || v->regs.cr0 & CR0_PG);
		break;
	default:
		CHECK(false);
	}
}

/* One exit. True: the instruction is not over yet. */
static bool step(struct fuzz_in *in, const struct vm_exit *e)
{
	struct vcpu_regs before = v->regs;
	u8 bytes[16] = { 0 };
	struct insn i;
	bool known, string, branch;

	(void)!vcpu_fetch(v, before.rip, bytes, 16);
	known = !insn_decode(bytes, 16, vcpu_mode(v), &i);
	string = known && i.op == OP_STRING;
	branch = known && i.op == OP_GROUP5 && ((i.reg & 7) == 2 || (i.reg & 7) == 4);
	accesses = 0;
	if (e->kind == EXIT_PORT)
		emul_port(v, e);
	else
		emul_mmio(v, e);
	CHECK(accesses <= ACCESSES_MAX);
	CHECK_EQ(fake_locks_held, 0);
	CHECK(fake_stops <= 1 && (!fake_stops || fake_stop_reason == STOP_EMULATION));
	check_flags(before.rflags);
	CHECK_EQ(v->regs.cr0 ^ before.cr0, 0);
	CHECK(!memcmp(v->regs.seg, before.seg, sizeof(before.seg)));
	if (v->exception.kind)
		check_exception();
	if (fake_stops || (v->exception.kind && v->exception.vector != TRAP_DB)) {
		CHECK_EQ(v->regs.rip, before.rip);
		CHECK(string || !memcmp(v->regs.gpr, before.gpr, sizeof(before.gpr)));
		CHECK(string || v->regs.rflags == before.rflags);
		return false;
	}
	if (v->regs.rip == before.rip && !branch)
		return !v->exception.kind;
	CHECK(known || e->kind == EXIT_PORT);
	if (!branch && (e->kind != EXIT_PORT || e->port.string))
		CHECK_EQ(v->regs.rip, before.rip + i.len);
	return false;
}

static void make_exit(struct fuzz_in *in, u8 how, struct vm_exit *e)
{
	*e = (struct vm_exit){ .kind = how & IN_PORT ? EXIT_PORT : EXIT_S2 };
	if (how & IN_PORT) {
		e->port.port = PORT;
		e->port.size = (u8)(1u << fuzz_below(in, 3));
		e->port.write = fuzz_below(in, 2);
		e->port.string = fuzz_below(in, 4);
		e->insn_len = e->port.string ? 0 : 1;
		return;
	}
	e->s2.gpa = GPA((fuzz_below(in, 2) ? MMIO : LAPIC) + (fuzz_bytes(in, 2) & 0xfff));
	e->s2.write = fuzz_below(in, 2);
	e->s2.cr3_64 = vcpu_mode(v) == 64 ? v->regs.cr3 : ~0ULL;
}

/* Decoding on a block of exactly those bytes. */
static void decode(const u8 *code, size_t n)
{
	static const u8 modes[] = { 16, 32, 64 };

	for (u32 k = 0; k < ARRAY_LEN(modes); k++) {
		u8 *exact = fuzz_copy(code, n);
		struct insn i;

		if (!insn_decode(exact, n, modes[k], &i)) {
			CHECK(i.len && i.len <= n && i.len <= INSN_MAX && i.op < OP_COUNT);
			CHECK(i.size == 1 || i.size == 2 || i.size == 4 || i.size == 8 ||
			      i.size == 16);
			CHECK_EQ(insn_length_bytes(exact, i.len, modes[k]), i.len);
			CHECK_EQ(insn_length_bytes(exact, i.len - 1u, modes[k]), 0);
		}
		free(exact);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };
	u8 how = (u8)fuzz_bytes(&in, 1), code[16];
	size_t n = fuzz_below(&in, 17);
	struct vm_exit e;

	for (size_t k = 0; k < n; k++)
		code[k] = (u8)fuzz_bytes(&in, 1);
	decode(code, n);
	start();
	make_exit(&in, how, &e);
	set_mode(&in, how);
	v->regs.rflags = BIT(1) | (fuzz_bytes(&in, 3) & 0x50dd5);
	for (u32 k = 0; k < 16; k++)
		v->regs.gpr[k] = any_address(&in);
	v->regs.rip = place_code(how, code, n);
	for (u32 k = 0; k < EXITS_MAX && step(&in, &e); k++)
		;
	return 0;
}

/* Instructions of every function, with a memory operand at [RDI] or [BX]. */
void fuzz_seeds(void)
{
	static const u8 codes[][5] = {
		{ 0x8b, 0x1f },
		{ 0x88, 0x3f },
		{ 0xc7, 0x07, 1 },
		{ 0x8c, 0x1f },
		{ 0xa1 },
		{ 0xa2 },
		{ 0x01, 0x1f },
		{ 0x13, 0x1f },
		{ 0x80, 0x2f, 1 },
		{ 0x85, 0x1f },
		{ 0xf7, 0x1f },
		{ 0xf6, 0x17 },
		{ 0xff, 0x0f },
		{ 0xff, 0x17 },
		{ 0xff, 0x27 },
		{ 0xff, 0x37 },
		{ 0x8f, 0x07 },
		{ 0x87, 0x1f },
		{ 0x63, 0x1f },
		{ 0x0f, 0xb6, 0x1f },
		{ 0x0f, 0xbf, 0x1f },
		{ 0x0f, 0xb1, 0x1f },
		{ 0x0f, 0xc1, 0x1f },
		{ 0x0f, 0xc7, 0x0f },
		{ 0x48, 0x0f, 0xc7, 0x0f },
		{ 0x0f, 0xc3, 0x1f },
		{ 0x0f, 0xab, 0x1f },
		{ 0x0f, 0xba, 0x3f, 1 },
		{ 0x0f, 0x38, 0xf0, 7 },
		{ 0xf3, 0xa5 },
		{ 0xf3, 0xa6 },
		{ 0xf2, 0xaf },
		{ 0xf3, 0xab },
		{ 0xf3, 0xac },
		{ 0xf3, 0x6c },
		{ 0xf3, 0x66, 0x6f },
	};
	static const u8 prefixes[] = { 0x90, 0xf0, 0x48, 0x65, 0x66, 0x67 };

	for (u32 k = 0; k < ARRAY_LEN(codes) * ARRAY_LEN(prefixes); k++) {
		u8 input[160], *p = input, prefix = prefixes[k % ARRAY_LEN(prefixes)];
		const u8 *code = codes[k / ARRAY_LEN(prefixes)];
		bool port = code[1] >= 0x6c && code[1] <= 0x6f && code[0] == 0xf3;

		*p++ = (u8)(fuzz_random(256) & ~(IN_PORT | IN_TABLES)) | (port ? IN_PORT : 0);
		*p++ = 16;
		if (prefix != 0x90)
			*p++ = prefix;
		memcpy(p, code, 5);
		p += 5;
		while (p < input + sizeof(input))
			*p++ = (u8)fuzz_random(fuzz_random(2) ? 12 : 256);
		fuzz_seed(input, sizeof(input));
	}
}
