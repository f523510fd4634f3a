/*
 * The guest of the tests of emulated instructions: a vCPU, a device with memory and ports that records its
 * accesses, and steps. For test_emul.c and test_emul_string.c, each of which has it for itself.
 */
#pragma once

#include "arch/cpu.h"
#include "arch/msr.h"
#include "arch/trap.h"
#include "lib/errno.h"
#include "tests/host/fake_vcpu.h"
#include "tests/host/harness.h"
#include "vm/emul.h"
#include "vm/gmem.h"
#include "vm/lazy.h"
#include "vm/vdev.h"
#include "vm/walk.h"

#include <string.h>

#define MMIO      0xfed10000u /* a device's page, and the first byte of the next */
#define MMIO_SIZE 0x1010u
#define PORT      0x300u
#define CODE      0x8000u
#define RAM_AT    0x20000u

static struct vcpu *v;
static struct vdev dev;
static struct io_access seen[256];
static u32 seen_count;
static u64 answer;
static u32 lapic_calls, lapic_offset;
static bool exit_writes; /* what the CPU said of the access */

void lazy_reset(struct vcpu *c) {}

int vlapic_mmio(struct vlapic *l, u32 offset, u64 *value, u32 size, bool write)
{
	lapic_calls++;
	lapic_offset = offset;
	if (!write)
		*value = 0x12345678;
	return 0;
}

int gmem_store(struct vm *vm, gpa_t gpa, u64 value, size_t size)
{
	return gmem_write(vm, gpa, &value, size);
}

static int handler(struct vdev *d, u32 bank, struct io_access *a)
{
	if (seen_count < ARRAY_LEN(seen))
		seen[seen_count] = *a;
	seen_count++;
	if (!a->write)
		a->value = answer;
	return 0;
}

static void nothing(struct vdev *d) {}

/* 32-bit code with flat segments, no paging: linear addresses are physical ones. */
static void start(void)
{
	static const struct vdev_ops ops = { .name = "test", .reset = nothing };

	fake_vcpu_new();
	v = fake_vcpu;
	vdev_add(fake_vm, &dev, &ops, 0, RANK_VDEV);
	CHECK_EQ(iobus_claim(fake_vm->bus, IO_MEM, MMIO, MMIO_SIZE, &dev, handler, 0), 0);
	CHECK_EQ(iobus_claim(fake_vm->bus, IO_PORT, PORT, 8, &dev, handler, 1), 0);
	v->regs.cr0 = CR0_PE | CR0_ET;
	for (u32 i = SEG_ES; i <= SEG_GS; i++)
		v->regs.seg[i] = (struct segment){
			.limit = 0xffffffff,
			.attr = SEG_ATTR_DB | SEG_ATTR_P | SEG_ATTR_S | (i == SEG_CS ? 0xb : 3),
		};
	v->regs.rip = CODE;
	for (u32 i = 0; i < 16; i++)
		v->regs.gpr[i] = 0x1111111111111111ull * i;
	seen_count = 0;
	answer = 0x8877665544332211;
	lapic_calls = 0;
	exit_writes = false;
}

/* The same in 64-bit mode, memory and devices mapped one to one by pages of 1 GiB. */
static void start64(void)
{
	const u64 pml4 = 0x10000, pdpt = 0x11000;

	start();
	fake_vcpu_long_mode(pml4);
	for (u64 i = 0; i < 4; i++) {
		u64 e = i << 30 | 0x87;

		memcpy(fake_memory + pdpt + i * 8, &e, 8);
	}
	memcpy(fake_memory + pml4, &(u64){ pdpt | 7 }, 8);
}

#define CODE_IS(...)                                                                               \
	do {                                                                                       \
		static const u8 code_bytes[] = { __VA_ARGS__ };                                    \
		memset(fake_memory + CODE, 0xcc, 32);                                              \
		memcpy(fake_memory + CODE, code_bytes, sizeof(code_bytes));                        \
		code_size = sizeof(code_bytes);                                                    \
	} while (0)
static size_t code_size;

static void mmio(u64 gpa)
{
	struct vm_exit e = { .kind = EXIT_S2, .s2 = { .gpa = GPA(gpa), .write = exit_writes } };

	e.s2.cr3_64 = vcpu_mode(v) == 64 ? v->regs.cr3 : ~0ULL;
	emul_mmio(v, &e);
}

/* It went on to the next instruction. */
static void done(void)
{
	CHECK_EQ(fake_stops, 0);
	CHECK_EQ(v->exception.kind, EVENT_NONE);
	CHECK_EQ(v->regs.rip, CODE + code_size);
}

static void expect_access(u32 n, u64 offset, u8 size, bool write, u64 value)
{
	CHECK(seen_count > n);
	CHECK_EQ(seen[n].offset, offset);
	CHECK_EQ(seen[n].size, size);
	CHECK_EQ(seen[n].write, write);
	if (write)
		CHECK_EQ(seen[n].value, value);
}

#define ALL_A 0xaaaaaaaaaaaaaaaa

static void fault(u8 vector, bool has_error)
{
	CHECK_EQ(fake_stops, 0);
	CHECK_EQ(v->exception.kind, EVENT_EXCEPTION);
	CHECK_EQ(v->exception.vector, vector);
	CHECK_EQ(v->exception.has_error, has_error);
	CHECK_EQ(v->exception.error, 0);
	CHECK_EQ(seen_count, 0);
	CHECK_EQ(v->regs.rip, CODE);
	v->exception.kind = EVENT_NONE;
}
