/*
 * The virtual local APIC's timer against SDM vol. 3, "APIC Timer": its three modes, dividers, what changes while
 * it counts, the guest's TSC, and that no guest can make it a storm.
 *
 * sources: tests/host/fake_trace.c
 * sources: tests/host/fake_lapic.c tests/host/fake_vm.c tests/host/fake_vcpu.c vm/lapic.c vm/lapic_ipi.c vm/lapic_lint.c vm/lapic_mode.c
 * sources: vm/tscscale.c vm/lapic_timer.c vm/irq.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "arch/msr.h"
#include "lib/hw/lapic.h"
#include "tests/host/fake_lapic.h"
#include "tests/host/fake_vcpu.h"
#include "tests/host/harness.h"
#include "vm/lapic_timer.h"

#define TICK 40ull /* nanoseconds, undivided */

/* One-shot and periodic may take turns while it counts; what is over stays so. */
TEST(timer_mode_changes_while_it_runs)
{
	start_on();
	wr(LAPIC_TIMER_DIVIDE, 0xb);
	wr(LAPIC_LVT_TIMER, 0x50);
	wr(LAPIC_TIMER_INITIAL, 1000);
	fake_advance(400 * TICK);
	wr(LAPIC_LVT_TIMER, LAPIC_TIMER_PERIODIC | 0x50);
	CHECK_EQ(rd(LAPIC_TIMER_CURRENT), 600);
	fake_advance(600 * TICK);
	CHECK_EQ(take(), 0x50);
	wr(LAPIC_EOI, 0);
	fake_advance(1000 * TICK);
	CHECK_EQ(take(), 0x50);
	wr(LAPIC_EOI, 0);
	fake_advance(100 * TICK);
	wr(LAPIC_LVT_TIMER, 0x50);
	fake_advance(900 * TICK);
	CHECK_EQ(take(), 0x50);
	wr(LAPIC_EOI, 0);
	fake_advance(10000 * TICK);
	CHECK_EQ(take(), -1);
	wr(LAPIC_LVT_TIMER, LAPIC_TIMER_PERIODIC | 0x50); /* nothing counts */
	fake_advance(10000 * TICK);
	CHECK_EQ(take(), -1);
	CHECK_EQ(rd(LAPIC_TIMER_CURRENT), 0);
	CHECK_EQ(rd(LAPIC_TIMER_INITIAL), 1000);
	/* To TSC-deadline: disarmed. */
	wr(LAPIC_TIMER_INITIAL, 1000);
	wr(LAPIC_LVT_TIMER, LAPIC_TIMER_DEADLINE | 0x50);
	fake_advance(10000 * TICK);
	CHECK_EQ(take(), -1);
	CHECK_EQ(rd(LAPIC_TIMER_CURRENT), 0);
}

/* Masked, by software off: it counts on and interrupts nobody; a mask that is gone in time does. */
TEST(timer_masked_meanwhile)
{
	start_on();
	wr(LAPIC_TIMER_DIVIDE, 0xb);
	wr(LAPIC_LVT_TIMER, 0x50);
	wr(LAPIC_TIMER_INITIAL, 1000);
	wr(LAPIC_SVR, 0xff);
	fake_advance(500 * TICK);
	CHECK_EQ(rd(LAPIC_TIMER_CURRENT), 500);
	wr(LAPIC_SVR, 0x1ff);
	CHECK_EQ(rd(LAPIC_LVT_TIMER), LAPIC_LVT_MASKED | 0x50); /* stays so */
	wr(LAPIC_LVT_TIMER, 0x50);
	fake_advance(500 * TICK);
	CHECK_EQ(take(), 0x50);
	wr(LAPIC_EOI, 0);
	wr(LAPIC_TIMER_INITIAL, 1000);
	wr(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED | 0x50);
	fake_advance(2000 * TICK);
	wr(LAPIC_LVT_TIMER, 0x50);
	CHECK_EQ(take(), -1); /* it came while masked: lost */
}

TEST(timer_one_shot)
{
	start_on();
	wr(LAPIC_TIMER_DIVIDE, 0xb); /* by 1 */
	wr(LAPIC_LVT_TIMER, 0x50);
	wr(LAPIC_TIMER_INITIAL, 1000);
	CHECK_EQ(rd(LAPIC_TIMER_CURRENT), 1000);
	fake_advance(400 * TICK);
	CHECK_EQ(rd(LAPIC_TIMER_CURRENT), 600);
	fake_advance(599 * TICK);
	CHECK_EQ(vlapic_pending_vector(l), -1); /* never early */
	CHECK_EQ(rd(LAPIC_TIMER_CURRENT), 1);
	fake_advance(TICK);
	CHECK_EQ(take(), 0x50);
	CHECK_EQ(rd(LAPIC_TIMER_CURRENT), 0);
	CHECK_EQ(rd(LAPIC_TIMER_INITIAL), 1000);
	wr(LAPIC_EOI, 0);
	fake_advance(100000 * TICK);
	CHECK_EQ(take(), -1); /* once */
	wr(LAPIC_TIMER_INITIAL, 1000);
	wr(LAPIC_TIMER_INITIAL, 0); /* stops it */
	fake_advance(100000 * TICK);
	CHECK_EQ(take(), -1);
}

/* "Divide Configuration Register": bits 3, 1 and 0. */
TEST(timer_divide)
{
	static const struct {
		u32 value, by;
	} rows[] = { { 0x0, 2 },  { 0x1, 4 },  { 0x2, 8 },   { 0x3, 16 },
		     { 0x8, 32 }, { 0x9, 64 }, { 0xa, 128 }, { 0xb, 1 } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		start_on();
		wr(LAPIC_TIMER_DIVIDE, rows[i].value | 0xfffffff4); /* the rest is ignored */
		CHECK_EQ(rd(LAPIC_TIMER_DIVIDE), rows[i].value);
		wr(LAPIC_LVT_TIMER, 0x50);
		wr(LAPIC_TIMER_INITIAL, 5000);
		fake_advance(5000 * TICK * rows[i].by - 1);
		CHECK_EQ(take(), -1);
		fake_advance(1);
		CHECK_EQ(take(), 0x50);
	}
}

TEST(timer_divide_changes_while_it_runs)
{
	start_on();
	wr(LAPIC_TIMER_DIVIDE, 0xb);
	wr(LAPIC_LVT_TIMER, 0x50);
	wr(LAPIC_TIMER_INITIAL, 1000);
	fake_advance(200 * TICK);
	wr(LAPIC_TIMER_DIVIDE, 0x1); /* 800 left, now four times as slow */
	CHECK_EQ(rd(LAPIC_TIMER_CURRENT), 800);
	fake_advance(4 * 799 * TICK);
	CHECK_EQ(rd(LAPIC_TIMER_CURRENT), 1);
	CHECK_EQ(take(), -1);
	fake_advance(4 * TICK);
	CHECK_EQ(take(), 0x50);
}

TEST(timer_periodic)
{
	u32 taken = 0;

	start_on();
	wr(LAPIC_TIMER_DIVIDE, 0xb);
	wr(LAPIC_LVT_TIMER, LAPIC_TIMER_PERIODIC | 0x51);
	wr(LAPIC_TIMER_INITIAL, 25000); /* 1 ms */
	for (u32 ms = 0; ms < 1000; ms++) {
		fake_advance(1000000);
		while (take() == 0x51) {
			taken++;
			wr(LAPIC_EOI, 0);
		}
	}
	CHECK_EQ(taken, 1000); /* no drift */
	CHECK_EQ(rd(LAPIC_TIMER_CURRENT), 25000);
	fake_advance(500000);
	CHECK_EQ(rd(LAPIC_TIMER_CURRENT), 12500);
	/* Masked, it counts on and delivers nothing. */
	wr(LAPIC_LVT_TIMER, LAPIC_TIMER_PERIODIC | LAPIC_LVT_MASKED | 0x51);
	fake_advance(10000000);
	CHECK_EQ(take(), -1);
	CHECK_EQ(rd(LAPIC_TIMER_CURRENT), 12500);
	wr(LAPIC_LVT_TIMER, LAPIC_TIMER_PERIODIC | 0x51);
	fake_advance(500000);
	CHECK_EQ(take(), 0x51);
}

/* A guest cannot keep the host busy: the shortest periods are stretched. */
TEST(timer_storm)
{
	start_on();
	wr(LAPIC_TIMER_DIVIDE, 0xb);
	wr(LAPIC_LVT_TIMER, LAPIC_TIMER_PERIODIC | 0x51);
	wr(LAPIC_TIMER_INITIAL, 1);
	CHECK(fake_advance(100000000) < 10000);
	CHECK_EQ(take(), 0x51);
	wr(LAPIC_LVT_TIMER,
	   LAPIC_TIMER_PERIODIC | 0x05); /* an illegal vector: an error each time */
	wr(LAPIC_LVT_ERROR, 0x06);
	CHECK(fake_advance(100000000) < 10000);
}

/* "TSC-Deadline Mode" */
TEST(timer_tsc_deadline)
{
	u64 value;

	start_on();
	fake_tsc = 1000;
	CHECK_EQ(vlapic_wrmsr(l, MSR_TSC_DEADLINE, 5000), 0); /* not in that mode: ignored */
	CHECK_EQ(vlapic_rdmsr(l, MSR_TSC_DEADLINE, &value), 0);
	CHECK_EQ(value, 0);
	CHECK_EQ(fake_advance(10000), 0);
	wr(LAPIC_LVT_TIMER, LAPIC_TIMER_DEADLINE | 0x52);
	wr(LAPIC_TIMER_INITIAL, 77); /* ignored in this mode */
	CHECK_EQ(rd(LAPIC_TIMER_CURRENT), 0);
	CHECK_EQ(vlapic_wrmsr(l, MSR_TSC_DEADLINE, 5000), 0); /* 4000 ticks, each 1 ns here */
	CHECK_EQ(vlapic_rdmsr(l, MSR_TSC_DEADLINE, &value), 0);
	CHECK_EQ(value, 5000);
	CHECK_EQ(rd(LAPIC_TIMER_CURRENT), 0);
	fake_advance(3999);
	CHECK_EQ(take(), -1);
	fake_advance(1);
	CHECK_EQ(take(), 0x52);
	CHECK_EQ(vlapic_rdmsr(l, MSR_TSC_DEADLINE, &value), 0);
	CHECK_EQ(value, 0); /* disarmed */
	wr(LAPIC_EOI, 0);
	CHECK_EQ(vlapic_wrmsr(l, MSR_TSC_DEADLINE, 1), 0); /* long ago: at once */
	fake_advance(1);
	CHECK_EQ(take(), 0x52);
	wr(LAPIC_EOI, 0);
	CHECK_EQ(vlapic_wrmsr(l, MSR_TSC_DEADLINE, 9000), 0);
	CHECK_EQ(vlapic_wrmsr(l, MSR_TSC_DEADLINE, 0), 0); /* 0 disarms */
	fake_advance(100000);
	CHECK_EQ(take(), -1);
	CHECK_EQ(vlapic_wrmsr(l, MSR_TSC_DEADLINE, 900000), 0);
	wr(LAPIC_LVT_TIMER, LAPIC_TIMER_ONESHOT | 0x52); /* leaving the mode disarms */
	fake_advance(10000000);
	CHECK_EQ(take(), -1);
}

/* The last value that the register takes is centuries away, not in the past. */
TEST(timer_tsc_deadline_far_away)
{
	start_on();
	fake_advance(1000000);
	fake_tsc = 1000;
	wr(LAPIC_LVT_TIMER, LAPIC_TIMER_DEADLINE | 0x52);
	CHECK_EQ(vlapic_wrmsr(l, MSR_TSC_DEADLINE, ~0ull), 0);
	fake_advance(1000000);
	CHECK_EQ(take(), -1);
}

/* The guest's TSC, not the host's. */
TEST(timer_tsc_offset)
{
	start_on();
	fake_tsc = 1000000;
	fake_vcpu->tsc_offset = -900000ull;
	wr(LAPIC_LVT_TIMER, LAPIC_TIMER_DEADLINE | 0x52);
	CHECK_EQ(vlapic_wrmsr(l, MSR_TSC_DEADLINE, 100500), 0);
	fake_advance(499);
	CHECK_EQ(take(), -1);
	fake_advance(1);
	CHECK_EQ(take(), 0x52);
}

/* A TSC at three times, and at half the frequency of the host's, by which the wait is measured. */
TEST(timer_tsc_scaled)
{
	start_on();
	fake_tsc = 1001;
	wr(LAPIC_LVT_TIMER, LAPIC_TIMER_DEADLINE | 0x52);
	fake_vm->tsc = (struct tscscale){
		.khz = 3000000, .mult = 3ull << 48, .bits = 48, .to_host = ratio_make(1, 3)
	};
	CHECK_EQ(vlapic_wrmsr(l, MSR_TSC_DEADLINE, 3003 + 3001), 0);
	fake_advance(1000);
	CHECK_EQ(take(), -1);
	fake_advance(1);
	CHECK_EQ(take(), 0x52);
	wr(LAPIC_EOI, 0);
	fake_vm->tsc = (struct tscscale){
		.khz = 500000, .mult = 1ull << 47, .bits = 48, .to_host = ratio_make(2, 1)
	};
	fake_tsc = 1001;
	CHECK_EQ(vlapic_wrmsr(l, MSR_TSC_DEADLINE, 500 + 100), 0); /* half of the tick has passed */
	fake_advance(198);
	CHECK_EQ(take(), -1);
	fake_advance(1);
	CHECK_EQ(take(), 0x52);
}

/* It is set while a deadline waits: that comes sooner or later then. */
TEST(timer_tsc_is_set)
{
	start_on();
	wr(LAPIC_LVT_TIMER, LAPIC_TIMER_DEADLINE | 0x52);
	vlapic_timer_tsc_changed(l); /* nothing waits */
	CHECK_EQ(fake_advance(1000000), 0);
	CHECK_EQ(vlapic_wrmsr(l, MSR_TSC_DEADLINE, 5000), 0);
	fake_vcpu->tsc_offset += 4000;
	vlapic_timer_tsc_changed(l);
	fake_advance(999);
	CHECK_EQ(take(), -1);
	fake_advance(1);
	CHECK_EQ(take(), 0x52);
}
