/*
 * The virtual local APIC in the state stream: all of it comes back, also where time is another; what no
 * guest can bring about is refused, and then nothing of it stays.
 *
 * sources: tests/host/fake_trace.c
 * sources: tests/host/fake_lapic.c tests/host/fake_vm.c tests/host/fake_vcpu.c vm/lapic.c vm/lapic_ipi.c vm/lapic_lint.c vm/lapic_mode.c vm/tscscale.c vm/lapic_timer.c
 * sources: vm/lapic_state.c vm/irq.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 * flags: -include tests/host/fake_cpu.h -D_GNU_SOURCE
 */
#include "vm/state.h"

#include <string.h>

#include "arch/msr.h"
#include "lib/errno.h"
#include "lib/hw/lapic.h"
#include "tests/host/fake_lapic.h"
#include "tests/host/fake_vcpu.h"
#include "tests/host/harness.h"
#include "vm/irq.h"
#include "vm/lapic_timer.h"

#define TICK 40ull /* nanoseconds, undivided */

static u8 stream[8192];

static long save(void)
{
	struct state s;

	state_init_save(&s, stream, sizeof(stream));
	vlapic_state(l, &s);
	return state_result(&s) ? state_result(&s) : (long)state_size(&s);
}

static int load(const u8 *buf, size_t n)
{
	struct state s;

	state_init_load(&s, buf, n);
	vlapic_state(l, &s);
	return state_result(&s);
}

TEST(state)
{
	long n;

	start_on();
	wr(LAPIC_TPR, 0x20);
	post(0x30, true);
	CHECK_EQ(take(), 0x30);
	post(0x91, false);
	post(2, false); /* an error that ESR does not show yet */
	wr(LAPIC_TIMER_DIVIDE, 0xb);
	wr(LAPIC_LVT_TIMER, 0x50);
	wr(LAPIC_TIMER_INITIAL, 1000);
	fake_advance(100 * TICK);
	n = save();
	CHECK(n > 4096);
	vlapic_reset(l);
	CHECK_EQ(vlapic_pending_vector(l), -1);
	CHECK_EQ(load(stream, (size_t)n), 0);
	CHECK(fake_vcpu->recheck);
	CHECK_EQ(rd(LAPIC_TPR), 0x20);
	CHECK_EQ(vlapic_ppr(l), 0x30);
	CHECK_EQ(rd(LAPIC_TIMER_CURRENT), 900);
	CHECK_EQ(take(), 0x91);
	wr(LAPIC_EOI, 0);
	wr(LAPIC_EOI, 0);
	CHECK_EQ(eoi_count, 1);
	CHECK_EQ(eois[0], 0x30);
	wr(LAPIC_ESR, 0);
	CHECK_EQ(rd(LAPIC_ESR), BIT(6));
	fake_advance(900 * TICK);
	CHECK_EQ(take(), 0x50);
	for (long k = 0; k < n; k += 7)
		CHECK(load(stream, (size_t)k) < 0);
}

/* A VM goes on where its time says something else. */
TEST(state_elsewhere)
{
	long n;

	start_on();
	wr(LAPIC_TIMER_DIVIDE, 0xb);
	wr(LAPIC_LVT_TIMER, 0x50);
	wr(LAPIC_TIMER_INITIAL, 1000);
	fake_advance(100 * TICK);
	n = save();
	start_on();
	fake_advance(1000000000);
	CHECK_EQ(load(stream, (size_t)n), 0);
	CHECK_EQ(rd(LAPIC_TIMER_CURRENT), 900);
	CHECK_EQ(fake_advance(899 * TICK), 0);
	CHECK_EQ(fake_advance(TICK), 1);
	CHECK_EQ(take(), 0x50);
}

/* The data of a field of the stream: behind its name and size. */
static u8 *field(const char *name)
{
	u8 *p = memmem(stream, sizeof(stream), name, strlen(name));

	return p ? p + strlen(name) + 4 : NULL;
}

/* The value that a register of the page gets in a stream that was saved, and whether it is taken. */
static int load_with(u32 offset, u32 value)
{
	long n;
	int ret;

	start_on();
	n = save();
	memcpy(field("page") + offset, &value, sizeof(value));
	ret = load(stream, (size_t)n);
	if (ret) { /* then nothing of it stays: as after a reset */
		CHECK_EQ(rd(LAPIC_SVR), 0xff);
		CHECK_EQ(rd(LAPIC_LVT_TIMER), LAPIC_LVT_MASKED);
		CHECK_EQ(fake_deadline(), ~0ull);
	}
	return ret;
}

TEST(state_that_cannot_be)
{
	u64 wait = BIT(62) + 1;
	long n;

	CHECK_EQ(load_with(LAPIC_TPR, 0xff), 0);
	CHECK_EQ(load_with(LAPIC_TPR, 0x100), -EINVAL);
	CHECK_EQ(load_with(LAPIC_ID, 1), -EINVAL);
	CHECK_EQ(load_with(LAPIC_TPR + 4, 1), -EINVAL); /* between registers */
	CHECK_EQ(load_with(0xffc, 1), -EINVAL);
	CHECK_EQ(load_with(LAPIC_SVR, 0x1ff), 0);
	CHECK_EQ(load_with(LAPIC_SVR, 0x3ff), -EINVAL);
	CHECK_EQ(load_with(LAPIC_IRR, BIT(16)), 0);
	CHECK_EQ(load_with(LAPIC_IRR, BIT(15)), -EINVAL); /* no such vectors */
	CHECK_EQ(load_with(LAPIC_ISR, BIT(0)), -EINVAL);
	CHECK_EQ(load_with(LAPIC_ISR + 0x70, ~0u), 0);
	CHECK_EQ(load_with(LAPIC_LVT_TIMER, LAPIC_TIMER_PERIODIC | 0x50), 0);
	CHECK_EQ(load_with(LAPIC_LVT_TIMER, 0x150), -EINVAL); /* it has no delivery mode */
	CHECK_EQ(load_with(LAPIC_TIMER_DIVIDE, 4), -EINVAL);
	CHECK_EQ(load_with(LAPIC_ICR, (u32)LAPIC_ICR_PENDING), -EINVAL);
	CHECK_EQ(load_with(LAPIC_ICR_HIGH, 1), -EINVAL);

	start(); /* disabled by software: all entries of the LVT are masked */
	n = save();
	memset(field("page") + LAPIC_LVT_LINT0, 0, 4);
	CHECK_EQ(load(stream, (size_t)n), -EINVAL);

	/* A wait that would wrap the host's clock. */
	start_on();
	wr(LAPIC_LVT_TIMER, 0x50);
	wr(LAPIC_TIMER_INITIAL, 1000);
	n = save();
	memcpy(field("left"), &wait, sizeof(wait));
	CHECK_EQ(load(stream, (size_t)n), -EINVAL);
	wait--;
	memcpy(field("left"), &wait, sizeof(wait));
	CHECK_EQ(load(stream, (size_t)n), 0);
	CHECK_EQ(fake_deadline(), fake_now + wait);
	vlapic_reset(l);
}

/* A message as of the PIC's that the vCPU has not looked at yet. */
TEST(pending_extint)
{
	const struct irq_msg msg = { .delivery = DELIVER_EXTINT };
	long n;

	start_on();
	CHECK(vlapic_accept(l, &msg));
	n = save();
	vlapic_reset(l);
	CHECK_EQ(l->extint & EXTINT_MESSAGE, 0);
	CHECK_EQ(load(stream, (size_t)n), 0);
	CHECK_EQ(l->extint & EXTINT_MESSAGE, EXTINT_MESSAGE);
	/* One that is there already, and is not in the stream, is not the loaded vCPU's. */
	start_on();
	n = save();
	CHECK(vlapic_accept(l, &msg));
	CHECK_EQ(load(stream, (size_t)n), 0);
	CHECK_EQ(l->extint & EXTINT_MESSAGE, 0);
}

static u32 at(u32 offset)
{
	u32 value;

	memcpy(&value, l->page + offset, sizeof(value));
	return value;
}

/* LINT0's level was accepted: nothing comes of the line, which the PIC sets anew, before the EOI; then again. */
TEST(remote_irr)
{
	const u32 lvt = LAPIC_LVT_LEVEL | 0x61;
	long n;

	start_on();
	wr(LAPIC_LVT_LINT0, lvt);
	vlapic_lint0(l, true);
	CHECK_EQ(take(), 0x61);
	n = save();
	vlapic_lint0(l, false);
	start_on();
	CHECK_EQ(load(stream, (size_t)n), 0);
	CHECK_EQ(rd(LAPIC_LVT_LINT0), lvt | (u32)LAPIC_LVT_REMOTE_IRR);
	vlapic_lint0(l, true);
	CHECK_EQ(at(LAPIC_IRR + 0x30), 0);
	wr(LAPIC_EOI, 0);
	CHECK_EQ(take(), 0x61);
	vlapic_lint0(l, false);
	wr(LAPIC_EOI, 0);
	CHECK_EQ(rd(LAPIC_LVT_LINT0), lvt);
	CHECK_EQ(take(), -1);
	/* Where there is none in the stream, one from before is gone. */
	n = save();
	vlapic_lint0(l, true);
	CHECK_EQ(take(), 0x61);
	CHECK_EQ(load(stream, (size_t)n), 0);
	CHECK_EQ(rd(LAPIC_LVT_LINT0), lvt);
	/* An edge has none. */
	CHECK_EQ(load_with(LAPIC_LVT_LINT0, LAPIC_LVT_REMOTE_IRR | 0x61), -EINVAL);
	CHECK_EQ(load_with(LAPIC_LVT_LINT0, LAPIC_LVT_REMOTE_IRR | LAPIC_LVT_LEVEL | 0x461),
		 -EINVAL);
	CHECK_EQ(load_with(LAPIC_LVT_LINT0, LAPIC_LVT_REMOTE_IRR | LAPIC_LVT_LEVEL | 0x61), 0);
}

/* An x2APIC's ICR has 64 bits at 300H; streams up to version 2 have the upper half at 310H. */
TEST(x2apic_icr)
{
	u64 icr = 7ull << 32 | 0x4042, value;
	u32 version = 2;
	long n;

	start_on();
	CHECK_EQ(vlapic_set_base(l, VLAPIC_BASE | APIC_BASE_ENABLE | APIC_BASE_X2APIC), 0);
	CHECK_EQ(vlapic_wrmsr(l, MSR_X2APIC_BASE + LAPIC_ICR / 16, icr), 0);
	n = save();
	CHECK_EQ(vlapic_wrmsr(l, MSR_X2APIC_BASE + LAPIC_ICR / 16, 0x41), 0);
	CHECK_EQ(load(stream, (size_t)n), 0);
	CHECK_EQ(vlapic_rdmsr(l, MSR_X2APIC_BASE + LAPIC_ICR / 16, &value), 0);
	CHECK_EQ(value, icr);
	/* At 310H there is nothing any more. */
	memcpy(field("page") + LAPIC_ICR_HIGH, &version, sizeof(version));
	CHECK_EQ(load(stream, (size_t)n), -EINVAL);
	memset(field("page") + 0x304, 0, 4);
	memcpy(field("lapic"), &version, sizeof(version));
	CHECK_EQ(load(stream, (size_t)n), 0);
	CHECK_EQ(vlapic_rdmsr(l, MSR_X2APIC_BASE + LAPIC_ICR / 16, &value), 0);
	CHECK_EQ(value, 2ull << 32 | 0x4042);
	CHECK_EQ(at(LAPIC_ICR_HIGH), 0);
	/* An xAPIC's stays where it is. */
	start_on();
	wr(LAPIC_ICR_HIGH, 0x05000000);
	n = save();
	memcpy(field("lapic"), &version, sizeof(version));
	CHECK_EQ(load(stream, (size_t)n), 0);
	CHECK_EQ(rd(LAPIC_ICR_HIGH), 0x05000000);
	memset(field("page") + 0x304, 1, 4);
	CHECK_EQ(load(stream, (size_t)n), -EINVAL);
}

/* A hostile stream does nothing that a guest could not. */
TEST(hostile_state)
{
	u64 seed = 1;
	long n;

	start_on();
	n = save();
	for (u32 round = 0; round < 300; round++) {
		u8 bad[sizeof(stream)];

		memcpy(bad, stream, sizeof(bad));
		for (u32 k = 0; k < 40; k++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			bad[seed >> 33 & 0xfff] ^= (u8)(seed >> 56);
		}
		if (load(bad, (size_t)n))
			continue;
		for (u32 k = 0; k < 300 && take() >= 0; k++)
			wr(LAPIC_EOI, 0);
		CHECK(fake_advance(1000000) < 1000);
		wr(LAPIC_ICR, 0x44040);
	}
}
