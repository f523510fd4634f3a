/*
 * The emulator against this machine's CPU: random instructions of the emulator's scope, with random
 * registers, flags and memory, run on both; registers, defined flags, memory and faults must be the same. The
 * emulated one sees the memory as devices' pages, with a page of RAM between. SEED=n and CASES=n in
 * the environment choose others than the usual ones.
 *
 * sources: tests/host/fake_vm.c tests/host/fake_vcpu.c tests/host/native.c tests/host/emul_cases.c
 * sources: vm/emul.c vm/moveseen.c vm/decode.c vm/walk.c
 * sources: vm/emul_operand.c vm/emul_alu.c vm/emul_rmw.c vm/emul_move.c vm/emul_string.c
 * sources: vm/vcpu.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 * flags: -D_GNU_SOURCE -Wno-missing-field-initializers -include tests/host/fake_cpu.h
 * timeout: 240
 */
#include "arch/msr.h"
#include "arch/trap.h"
#include "lib/errno.h"
#include "tests/host/emul_cases.h"
#include "tests/host/fake_vcpu.h"
#include "tests/host/harness.h"
#include "tests/host/native.h"
#include "vm/emul.h"
#include "vm/gmem.h"
#include "vm/lazy.h"
#include "vm/vdev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASES      30000 /* for each kind of code */
#define RAM_AT     0x40000u
#define CODE_PAGE0 0x8000u
#define CODE_PAGE1 0xa000u
#define PTE_RW     7ull
#define PTE_RO     5ull
#define MANY       5 /* failures that are printed */

static const u64 gpas[EMUL_PAGES] = { 0xfd000000, 0xfd004000, RAM_AT, 0xfd008000, 0xfd00c000 };

static struct vcpu *v;
static struct vdev dev;
static u8 pattern[EMUL_PAGES * 4096], device[EMUL_PAGES * 4096];
static u32 shown;

void lazy_reset(struct vcpu *c) {}

int vlapic_mmio(struct vlapic *l, u32 offset, u64 *value, u32 size, bool write)
{
	abort(); /* not used here */
}

int gmem_store(struct vm *vm, gpa_t gpa, u64 value, size_t size)
{
	return gmem_write(vm, gpa, &value, size);
}

/* bank: where the range begins in `device`. */
static int handler(struct vdev *d, u32 bank, struct io_access *a)
{
	u8 *p = device + bank + a->offset;

	if (a->write)
		memcpy(p, &a->value, a->size);
	else
		memcpy(&a->value, p, a->size);
	return 0;
}

static void nothing(struct vdev *d) {}

static void put(u64 at, u64 entry)
{
	memcpy(fake_memory + at, &entry, 8);
}

/* The guest has the pages of native.h at the same addresses. */
static void make_guest(void)
{
	static const struct vdev_ops ops = { .name = "test", .reset = nothing };

	fake_vcpu_new();
	v = fake_vcpu;
	vdev_add(fake_vm, &dev, &ops, 0, RANK_VDEV);
	put(0x10000, 0x11000 | PTE_RW);
	put(0x11000, 0x12000 | PTE_RW);
	put(0x12000 + (NATIVE_DATA >> 21) * 8, 0x13000 | PTE_RW);
	put(0x12000 + (NATIVE_CODE >> 21) * 8, 0x14000 | PTE_RW);
	for (u32 k = 0; k < EMUL_PAGES; k++) {
		put(0x13000 + k * 8, gpas[k] | (k < EMUL_PAGES - 1 ? PTE_RW : PTE_RO));
		if (k == EMUL_RAM_PAGE)
			continue;
		CHECK_EQ(iobus_claim(fake_vm->bus, IO_MEM, gpas[k], k ? 4096 : EMUL_SPLIT, &dev,
				     handler, k * 4096),
			 0);
	}
	CHECK_EQ(iobus_claim(fake_vm->bus, IO_MEM, gpas[0] + EMUL_SPLIT, 4096 - EMUL_SPLIT, &dev,
			     handler, EMUL_SPLIT),
		 0);
	put(0x14000, CODE_PAGE0 | PTE_RW);
	put(0x14008, CODE_PAGE1 | PTE_RW);
}

/* --- both ways ------------------------------------------------------------------------------------ */

static void run_native(struct emul_case *t)
{
	memcpy((u8 *)NATIVE_DATA, pattern, EMUL_WRITABLE);
	t->native = t->before;
	native_run(t->config, t->code, t->len, &t->native);
}

static void guest_segments(const struct emul_case *t)
{
	for (u32 k = 0; k < 6; k++) {
		const struct native_segment *s = emul_case_segment(t, k);

		v->regs.seg[k] = (struct segment){
			.base = s->base,
			.limit = s->limit,
			.selector = s->selector,
			.attr = s->attr,
		};
	}
}

static void guest_code(const struct emul_case *t)
{
	u64 at = t->before.rip - NATIVE_CODE;

	for (u32 k = 0; k < 32; k++, at++)
		fake_memory[at < 4096 ? CODE_PAGE0 + at : CODE_PAGE1 + at - 4096] =
			k < t->len ? t->code[k] : 0xcc;
}

static void stop_at(const struct emul_case *t, struct vm_exit *e)
{
	u64 at = t->target - NATIVE_DATA, size = emul_case_size(t);
	bool one_page = at / 4096 == (at + size - 1) / 4096;

	e->kind = EXIT_S2;
	e->s2.cr3_64 = vcpu_mode(v) == 64 ? v->regs.cr3 : ~0ULL;
	e->s2.write = t->row->writes && !emul_one_in(4); /* some CPUs read first */
	/* What faults does not stop anywhere. */
	if (t->exact && t->native.fault == ~0u && one_page && at < EMUL_WRITABLE &&
	    at / 4096 != EMUL_RAM_PAGE && t->row->kind != CASE_STRING)
		e->s2.gpa = GPA(gpas[at / 4096] + at % 4096);
	else
		e->s2.gpa = GPA(gpas[0] | ((at + 1) & 4095)); /* something else */
}

static void run_emulated(struct emul_case *t)
{
	struct vm_exit e;

	memcpy(device, pattern, sizeof(device));
	memcpy(fake_memory + RAM_AT, pattern + EMUL_RAM_PAGE * 4096, 4096);
	guest_code(t);
	fake_vcpu_long_mode(0x10000);
	guest_segments(t);
	if (t->mode != 64)
		v->regs.seg[SEG_CS].attr &= ~SEG_ATTR_L;
	memcpy(v->regs.gpr, t->before.gpr, sizeof(v->regs.gpr));
	v->regs.rflags = t->before.flags;
	v->regs.rip = t->before.rip - (t->mode == 64 ? 0 : emul_case_segment(t, SEG_CS)->base);
	v->regs.cr2 = 0;
	v->exception.kind = EVENT_NONE;
	fake_stops = 0;
	stop_at(t, &e);
	for (u32 k = 0; k < 1000; k++) {
		u64 rip = v->regs.rip;

		emul_mmio(v, &e);
		if (fake_stops || v->exception.kind || v->regs.rip != rip)
			return;
	}
}

/* --- the same? ------------------------------------------------------------------------------------ */

static bool differs(const char *what, u64 emulated, u64 native)
{
	if (emulated == native)
		return false;
	if (shown < MANY)
		printf("\t%s: emulated %#llx, native %#llx\n", what, (unsigned long long)emulated,
		       (unsigned long long)native);
	return true;
}

static bool same_faults(const struct emul_case *t)
{
	u32 fault = v->exception.kind ? v->exception.vector : ~0u;

	/* Which of CMPS' operands comes first is the CPU's affair. */
	if (t->row->kind == CASE_STRING && (t->row->opcode & 0xfe) == 0xa6 && fault != ~0u &&
	    t->native.fault != ~0u)
		return true;
	if (differs("exception", fault, t->native.fault))
		return false;
	if (fault == ~0u)
		return true;
	if (v->exception.has_error && differs("error code", v->exception.error, t->native.error))
		return false;
	return fault != TRAP_PF || !differs("CR2", v->regs.cr2, t->native.cr2);
}

static bool same_registers(const struct emul_case *t)
{
	static const char *const names[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp",
					       "rsi", "rdi", "r8",  "r9",  "r10", "r11",
					       "r12", "r13", "r14", "r15" };
	u64 mask = t->mode == 64 ? ~0ull : 0xffffffff, flags = EMUL_STATUS | RFLAGS_DF;
	bool faulted = t->native.fault != ~0u;

	for (u32 k = 0; k < (t->mode == 64 ? 16 : 8); k++) {
		/* With a 16-bit stack the kernel's IRET may leave the upper half of ESP. */
		u64 m = k == GPR_RSP && t->mode == 16 ? 0xffff : mask;

		if (differs(names[k], v->regs.gpr[k] & m, t->native.gpr[k] & m))
			return false;
	}
	/* SCAS and CMPS that fault may have those of before, or of the iterations that are done. */
	flags &= ~(u64)(faulted && t->row->kind == CASE_STRING ? EMUL_STATUS : t->row->undefined);
	return !differs("flags", v->regs.rflags & flags, t->native.flags & flags);
}

static bool same_memory(const struct emul_case *t)
{
	const u8 *native = (const u8 *)NATIVE_DATA;

	memcpy(device + EMUL_RAM_PAGE * 4096, fake_memory + RAM_AT, 4096);
	if (!memcmp(native, device, EMUL_WRITABLE))
		return true;
	for (u32 k = 0; k < EMUL_WRITABLE; k++) {
		if (native[k] != device[k])
			return !differs("memory", device[k], native[k]) && t;
	}
	return false;
}

static bool same_rip(const struct emul_case *t)
{
	u64 base = t->mode == 64 ? 0 : emul_case_segment(t, SEG_CS)->base;
	bool faulted = t->native.fault != ~0u;

	return !differs("rip", v->regs.rip + base,
			faulted ? t->native.rip : t->before.rip + t->len);
}

static void show(const struct emul_case *t)
{
	if (shown++ >= MANY)
		return;
	printf("\t%u-bit %s (set %u), target %#llx, flags %#llx, cr2 %#llx, error %#x:", t->mode,
	       t->row->name, t->config, (unsigned long long)t->target,
	       (unsigned long long)t->before.flags, (unsigned long long)t->native.cr2,
	       t->native.error);
	for (u32 k = 0; k < t->len; k++)
		printf(" %02x", t->code[k]);
	printf("\n\t");
	for (u32 k = 0; k < 16; k++)
		printf(" %llx", (unsigned long long)t->before.gpr[k]);
	printf("\n");
}

/* RAM alone that is read and modified, and what no device takes part in, the emulator leaves to the CPU. */
static bool left_to_cpu(const struct emul_case *t)
{
	return v->regs.rip ==
		       t->before.rip - (t->mode == 64 ? 0 : emul_case_segment(t, SEG_CS)->base) &&
	       !v->exception.kind && !fake_stops && fake_backend.flushes;
}

static void compare(enum native_config config, u32 cases)
{
	u32 faults = 0, left = 0, done = 0;

	for (u32 k = 0; k < cases; k++) {
		struct emul_case t;
		bool ok;

		emul_case_make(&t, config, pattern);
		run_native(&t);
		fake_backend.flushes = 0;
		run_emulated(&t);
		if (left_to_cpu(&t)) {
			left++;
			continue;
		}
		ok = !differs("stops", fake_stops, 0) && same_faults(&t) && same_rip(&t) &&
		     same_registers(&t) && same_memory(&t);
		if (!ok) {
			show(&t);
			CHECK(ok);
		}
		faults += t.native.fault != ~0u;
		done++;
	}
	printf("%u cases: %u faulted, %u were RAM's alone\n", cases, faults, left);
	/* Mostly what was meant. */
	CHECK(faults < cases / 2);
	CHECK(faults > cases / 1000);
	CHECK(done > cases * 3 / 4);
}

static u32 configs;

static u32 prepare(void)
{
	static bool ready;
	const char *seed = getenv("SEED"), *cases = getenv("CASES");

	if (!ready) {
		CHECK_EQ(native_init(&configs), 0);
		printf("SEED=%#llx\n",
		       (unsigned long long)emul_case_seed(seed ? strtoull(seed, NULL, 0) : 0));
		make_guest();
		for (u32 k = 0; k < sizeof(pattern); k++)
			pattern[k] = (u8)emul_below(256);
		memcpy((u8 *)NATIVE_DATA, pattern, sizeof(pattern));
		native_protect();
		ready = true;
	}
	return cases ? (u32)atoi(cases) : CASES;
}

static void run(enum native_config config, const char *what)
{
	u32 cases = prepare();

	if (configs & BIT(config))
		compare(config, cases);
	else
		printf("this machine does not run %s\n", what);
}

TEST(code_64)
{
	run(NATIVE_64, "64-bit code");
	CHECK(configs & BIT(NATIVE_64));
}

TEST(code_32_flat)
{
	run(NATIVE_32_FLAT, "32-bit code");
}

TEST(code_32)
{
	run(NATIVE_32, "32-bit code with segments of its own");
}

TEST(code_16)
{
	run(NATIVE_16, "16-bit code");
}
