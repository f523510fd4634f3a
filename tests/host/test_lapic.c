/*
 * The virtual local APIC against SDM vol. 3, chapter "Advanced Programmable Interrupt Controller":
 * registers, priorities, acknowledgement and EOI, errors, pins, modes and x2APIC. Destinations are in
 * test_lapic_ipi.c, the timer in test_lapic_timer.c.
 *
 * sources: tests/host/fake_trace.c
 * sources: tests/host/fake_lapic.c tests/host/fake_vm.c tests/host/fake_vcpu.c vm/lapic.c vm/lapic_ipi.c vm/lapic_lint.c vm/lapic_mode.c vm/tscscale.c vm/lapic_timer.c vm/lapic_state.c
 * sources: vm/irq.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "arch/msr.h"
#include "lib/errno.h"
#include "lib/hw/lapic.h"
#include "tests/host/fake_lapic.h"
#include "tests/host/fake_vcpu.h"
#include "tests/host/harness.h"
#include "vm/irq.h"
#include "vm/lapic_timer.h"

#include <string.h>

#define X2(offset) (MSR_X2APIC_BASE + (offset) / 16)

static void start_x2_here(void)
{
	CHECK_EQ(vlapic_set_base(l,
				 0xfee00000 | APIC_BASE_ENABLE | APIC_BASE_X2APIC | APIC_BASE_BSP),
		 0);
}

static void start_x2(void)
{
	start_on();
	start_x2_here();
}

static bool bit(u32 array, u8 vector)
{
	return rd(array + vector / 32u * 16) >> (vector % 32) & 1;
}

/* "Local APIC State After Power-Up or Reset" */
TEST(after_reset)
{
	start();
	CHECK_EQ(rd(LAPIC_ID), 0);
	CHECK_EQ(rd(LAPIC_VERSION) & 0xff, 0x14);
	CHECK_EQ(rd(LAPIC_VERSION) >> 16 & 0xff, 5); /* six LVT entries */
	CHECK_EQ(rd(LAPIC_SVR), 0xff);
	CHECK_EQ(rd(LAPIC_DFR), 0xffffffff);
	CHECK_EQ(rd(LAPIC_LDR), 0);
	CHECK_EQ(rd(LAPIC_TPR), 0);
	CHECK_EQ(rd(LAPIC_TIMER_INITIAL), 0);
	CHECK_EQ(rd(LAPIC_TIMER_CURRENT), 0);
	for (u32 o = LAPIC_LVT_TIMER; o <= LAPIC_LVT_ERROR; o += 16)
		CHECK_EQ(rd(o), LAPIC_LVT_MASKED);
	for (u32 o = LAPIC_ISR; o < LAPIC_ESR; o += 16)
		CHECK_EQ(rd(o), 0);
}

/* Software-disabled: no fixed interrupts, all LVT entries masked and kept so; NMIs come. */
TEST(software_disabled)
{
	struct irq_msg nmi = { .delivery = DELIVER_NMI };

	start();
	post(0x40, false);
	CHECK_EQ(vlapic_pending_vector(l), -1);
	CHECK(!bit(LAPIC_IRR, 0x40));
	wr(LAPIC_LVT_LINT0, 0x700);
	CHECK_EQ(rd(LAPIC_LVT_LINT0), 0x700 | LAPIC_LVT_MASKED);
	vlapic_accept(l, &nmi);
	/* So a level-triggered line does not wait for the EOI of what was not taken. */
	for (u8 mode = DELIVER_FIXED; mode <= DELIVER_EXTINT; mode++) {
		struct irq_msg msg = { .delivery = mode, .vector = 0x40, .level = true };

		CHECK_EQ(vlapic_match(l, &msg), mode > DELIVER_LOWEST);
	}
	CHECK(fake_requests & REQ_NMI);
	wr(LAPIC_SVR, 0x1ff);
	wr(LAPIC_LVT_LINT0, 0x700);
	CHECK_EQ(rd(LAPIC_LVT_LINT0), 0x700);
	CHECK(vlapic_match(l, &(struct irq_msg){ .vector = 0x40 }));
	post(0x40, false);
	CHECK_EQ(vlapic_pending_vector(l), 0x40);
	wr(LAPIC_SVR, 0xff);
	CHECK_EQ(rd(LAPIC_LVT_LINT0), 0x700 | LAPIC_LVT_MASKED);
	CHECK_EQ(vlapic_pending_vector(l), -1);
}

/* Who is on the vCPU's own thread need not wake it. */
TEST(own_thread)
{
	start_on();
	fake_vcpu->recheck = false;
	post(0x51, false);
	CHECK(fake_requests == REQ_EVENT && !fake_vcpu->recheck);

	struct thread *other = fake_thread;

	fake_vcpu_forget();
	fake_thread = fake_vcpu->port->thread;
	post(0x62, false);
	CHECK(!fake_requests && fake_vcpu->recheck);
	fake_thread = other;
}

/* "Task and Processor Priorities": only a class above both TPR's and that in service interrupts. */
TEST(priorities)
{
	start_on();
	post(0x51, false);
	post(0x62, false);
	CHECK(fake_requests & REQ_EVENT);
	CHECK_EQ(take(), 0x62);
	CHECK_EQ(rd(LAPIC_PPR), 0x60);
	CHECK(bit(LAPIC_ISR, 0x62) && !bit(LAPIC_IRR, 0x62));
	CHECK_EQ(take(), -1);
	post(0x6f, false); /* the same class as that in service */
	CHECK_EQ(take(), -1);
	post(0x70, false);
	CHECK_EQ(take(), 0x70);
	CHECK_EQ(rd(LAPIC_PPR), 0x70);
	wr(LAPIC_EOI, 0); /* ends the highest in service */
	CHECK(!bit(LAPIC_ISR, 0x70) && bit(LAPIC_ISR, 0x62));
	CHECK_EQ(take(), -1);
	wr(LAPIC_EOI, 0);
	CHECK_EQ(take(), 0x6f);
	wr(LAPIC_EOI, 0);
	CHECK_EQ(take(), 0x51);
	wr(LAPIC_EOI, 0);
	CHECK_EQ(take(), -1);
	wr(LAPIC_EOI, 0); /* nothing in service: nothing happens */
	CHECK_EQ(rd(LAPIC_PPR), 0);
}

TEST(task_priority)
{
	start_on();
	wr(LAPIC_TPR, 0x55);
	CHECK_EQ(rd(LAPIC_PPR), 0x55);
	post(0x5f, false);
	CHECK_EQ(take(), -1);
	post(0x60, false);
	CHECK_EQ(take(), 0x60);
	CHECK_EQ(rd(LAPIC_PPR),
		 0x60); /* the sub-class is TPR's only where TPR's class is the higher */
	wr(LAPIC_TPR, 0x77);
	CHECK_EQ(rd(LAPIC_PPR), 0x77);
	wr(LAPIC_TPR, 0xffffff00);
	CHECK_EQ(rd(LAPIC_TPR), 0); /* eight bits */
	wr(LAPIC_EOI, 0);
	CHECK_EQ(take(), 0x5f);
	/* CR8 is TPR's class. */
	vlapic_set_cr8(l, 0xa);
	CHECK_EQ(rd(LAPIC_TPR), 0xa0);
	wr(LAPIC_TPR, 0x9f);
	CHECK_EQ(vlapic_get_cr8(l), 9);
}

/* TMR says how an accepted interrupt was triggered; only the EOI of a level one is broadcast. */
TEST(trigger_mode_and_eoi_broadcast)
{
	start_on();
	post(0x41, true);
	post(0x52, false);
	CHECK(bit(LAPIC_TMR, 0x41) && !bit(LAPIC_TMR, 0x52));
	CHECK_EQ(take(), 0x52);
	wr(LAPIC_EOI, 0);
	CHECK_EQ(eoi_count, 0);
	CHECK_EQ(take(), 0x41);
	wr(LAPIC_EOI, 0);
	CHECK_EQ(eoi_count, 1);
	CHECK_EQ(eois[0], 0x41);
	post(0x41, false); /* the same vector, now by edge */
	CHECK(!bit(LAPIC_TMR, 0x41));
	CHECK_EQ(take(), 0x41);
	wr(LAPIC_EOI, 0);
	CHECK_EQ(eoi_count, 1);
	/* Broadcasts suppressed. */
	CHECK(rd(LAPIC_VERSION) & LAPIC_VERSION_EOI_SUPPRESS);
	wr(LAPIC_SVR, 0x11ff);
	CHECK_EQ(rd(LAPIC_SVR), 0x11ff);
	post(0x41, true);
	CHECK_EQ(take(), 0x41);
	wr(LAPIC_EOI, 0);
	CHECK_EQ(eoi_count, 1);
}

/* One interrupt in service and one of the same vector waiting. */
TEST(the_same_vector_again)
{
	start_on();
	post(0x80, false);
	CHECK_EQ(take(), 0x80);
	post(0x80, false);
	post(0x80, false);
	CHECK(bit(LAPIC_IRR, 0x80) && bit(LAPIC_ISR, 0x80));
	CHECK_EQ(take(), -1);
	wr(LAPIC_EOI, 0);
	CHECK_EQ(take(), 0x80);
	wr(LAPIC_EOI, 0);
	CHECK_EQ(take(), -1);
}

TEST(every_vector)
{
	start_on();
	for (u32 v = 16; v < 256; v++) {
		post((u8)v, v & 1);
		CHECK_EQ(take(), v);
		wr(LAPIC_EOI, 0);
	}
	CHECK_EQ(eoi_count, 120);
}

/* "Valid Interrupt Vectors": 0 to 15 are errors. */
TEST(illegal_vectors)
{
	start_on();
	for (u8 v = 0; v < 16; v++)
		post(v, false);
	CHECK_EQ(vlapic_pending_vector(l), -1);
	CHECK_EQ(rd(LAPIC_ESR), 0); /* a write shows what was gathered */
	wr(LAPIC_ESR, 0);
	CHECK_EQ(rd(LAPIC_ESR), BIT(6));
	wr(LAPIC_ICR, 0x40000 | 15);
	wr(LAPIC_ESR, 0);
	CHECK_EQ(rd(LAPIC_ESR), BIT(5));
	wr(LAPIC_ESR, 0);
	CHECK_EQ(rd(LAPIC_ESR), 0);
	wr(LAPIC_LVT_ERROR, 0x99);
	post(3, false);
	CHECK_EQ(take(), 0x99);
	wr(LAPIC_EOI, 0);
	/* The write to ESR arms it again: till then one is enough, of whatever kind. */
	post(3, false);
	wr(LAPIC_ICR, 0x40000 | 15);
	CHECK_EQ(rd(0x070), 0);
	CHECK_EQ(take(), -1);
	wr(LAPIC_ESR, 0);
	CHECK_EQ(rd(LAPIC_ESR), BIT(5) | BIT(6) | BIT(7));
	CHECK_EQ(take(), -1);
	wr(LAPIC_ICR, 0x40000 | 15);
	CHECK_EQ(take(), 0x99);
	wr(LAPIC_EOI, 0);
	/* An error's own illegal vector is one error more, and no endless loop. */
	wr(LAPIC_ESR, 0);
	wr(LAPIC_LVT_ERROR, 0x05);
	wr(LAPIC_ICR, 0x40000 | 15);
	CHECK_EQ(vlapic_pending_vector(l), -1);
	CHECK(!bit(LAPIC_IRR, 5));
	wr(LAPIC_ESR, 0);
	CHECK_EQ(rd(LAPIC_ESR), BIT(5) | BIT(6));
}

/* LINT0 as fixed interrupt by level: remote IRR till its EOI, then again while the line is up. */
TEST(lint0_level)
{
	const u32 lvt = (u32)LAPIC_LVT_LEVEL | 0x61, remote = lvt | (u32)LAPIC_LVT_REMOTE_IRR;

	start_on();
	wr(LAPIC_LVT_LINT0, lvt);
	CHECK_EQ(rd(LAPIC_LVT_LINT0), lvt);
	vlapic_lint0(l, true);
	CHECK_EQ(rd(LAPIC_LVT_LINT0), remote);
	CHECK(bit(LAPIC_TMR, 0x61));
	vlapic_lint0(l, true);
	CHECK_EQ(take(), 0x61);
	CHECK_EQ(take(), -1);
	wr(LAPIC_LVT_LINT0, lvt); /* read-only */
	CHECK_EQ(rd(LAPIC_LVT_LINT0), remote);
	CHECK(!bit(LAPIC_IRR, 0x61));
	wr(LAPIC_EOI, 0);
	CHECK_EQ(take(), 0x61); /* still up */
	vlapic_lint0(l, false);
	wr(LAPIC_SVR, 0x11ff); /* suppressed broadcasts are another matter */
	wr(LAPIC_EOI, 0);
	CHECK_EQ(rd(LAPIC_LVT_LINT0), lvt);
	CHECK_EQ(take(), -1);
	wr(LAPIC_LVT_LINT0, lvt | (u32)LAPIC_LVT_MASKED);
	vlapic_lint0(l, true);
	CHECK_EQ(take(), -1);
	wr(LAPIC_LVT_LINT0, lvt);
	CHECK_EQ(take(), 0x61);
	wr(LAPIC_LVT_LINT0, 0x61); /* an edge has none */
	CHECK_EQ(rd(LAPIC_LVT_LINT0), 0x61);
	wr(LAPIC_EOI, 0);
	CHECK_EQ(take(), -1);
	vlapic_lint0(l, true);
	CHECK_EQ(take(), -1);
	vlapic_lint0(l, false);
	vlapic_lint0(l, true);
	CHECK_EQ(take(), 0x61);
	CHECK(!bit(LAPIC_TMR, 0x61));
}

/* "x2APIC State Transitions": what is kept, and what is not. */
TEST(to_x2apic_and_back)
{
	u64 value;

	start_on();
	wr(LAPIC_TPR, 0x30);
	wr(LAPIC_LDR, 0x26000000);
	wr(LAPIC_ICR_HIGH, 0x55000000);
	wr(LAPIC_ICR, 0x44000 | 0x91);
	wr(LAPIC_LVT_LINT1, 0x400);
	CHECK_EQ(take(), 0x91);
	post(0xa1, true);
	start_x2_here();
	CHECK_EQ(vlapic_rdmsr(l, X2(LAPIC_TPR), &value), 0);
	CHECK_EQ(value, 0x30);
	CHECK_EQ(vlapic_rdmsr(l, X2(LAPIC_LDR), &value), 0);
	CHECK_EQ(value, 1);
	CHECK_EQ(vlapic_rdmsr(l, X2(LAPIC_ICR), &value), 0);
	CHECK_EQ(value, 0x44091); /* its upper half is gone */
	CHECK_EQ(vlapic_rdmsr(l, X2(LAPIC_LVT_LINT1), &value), 0);
	CHECK_EQ(value, 0x400);
	CHECK_EQ(vlapic_rdmsr(l, X2(LAPIC_SVR), &value), 0);
	CHECK_EQ(value, 0x1ff);
	CHECK_EQ(take(), 0xa1);
	/* INIT keeps the mode; off and on again is as after power-up. */
	vlapic_reset(l);
	CHECK_EQ(vlapic_rdmsr(l, X2(LAPIC_LDR), &value), 0);
	CHECK_EQ(value, 1);
	CHECK_EQ(vlapic_set_base(l, VLAPIC_BASE), 0);
	CHECK_EQ(vlapic_set_base(l, VLAPIC_BASE | APIC_BASE_ENABLE), 0);
	CHECK_EQ(rd(LAPIC_LDR), 0);
	CHECK_EQ(rd(LAPIC_SVR), 0xff);
	CHECK_EQ(rd(LAPIC_ICR), 0);
	CHECK_EQ(vlapic_ppr(l), 0);
}

/* From each mode to each: x2APIC without enable is none. */
TEST(transitions)
{
	static const u64 modes[] = { 0, APIC_BASE_ENABLE, APIC_BASE_X2APIC | APIC_BASE_ENABLE,
				     APIC_BASE_X2APIC };
	static const bool legal[3][4] = {
		{ true, true, false, false },
		{ true, true, true, false },
		{ true, false, true, false },
	};

	for (u32 from = 0; from < 3; from++) {
		for (u32 to = 0; to < 4; to++) {
			start();
			fake_vcpu->apic_base = VLAPIC_BASE | modes[from];
			CHECK_EQ(vlapic_set_base(l, VLAPIC_BASE | modes[to]),
				 legal[from][to] ? 0 : -EINVAL);
			CHECK_EQ(fake_vcpu->apic_base,
				 VLAPIC_BASE | modes[legal[from][to] ? to : from]);
		}
	}
}

/* The processor priority for each task priority and what is in service. */
TEST(ppr_table)
{
	for (u32 tpr = 0; tpr < 256; tpr += 5) {
		for (u32 isr = 0; isr < 256; isr += 7) {
			u32 expected = tpr >> 4 >= isr >> 4 || isr < 16 ? tpr : isr & 0xf0;

			start_on();
			if (isr >= 16) {
				post((u8)isr, false);
				CHECK_EQ(take(), isr);
			}
			wr(LAPIC_TPR, tpr);
			CHECK_EQ(rd(LAPIC_PPR), expected);
			for (u32 v = 16; v < 256; v += 16) {
				post((u8)v, false);
				CHECK_EQ(vlapic_pending_vector(l),
					 v > (expected | 0xf) ? (int)v : -1);
			}
		}
	}
}

/* "Local APIC Register Address Map" */
TEST(what_is_no_register)
{
	static const u32 no[] = { 0x000, 0x010, 0x040, 0x070, 0x290, 0x2e0,
				  0x2f0, 0x3a0, 0x3d0, 0x3f0, 0x400, 0xff0 };
	static const u32 read_only[] = { LAPIC_ID,  LAPIC_VERSION, LAPIC_APR,
					 LAPIC_PPR, LAPIC_RRD,     LAPIC_TIMER_CURRENT,
					 LAPIC_ISR, LAPIC_TMR,     LAPIC_IRR };
	u64 value;

	start_on();
	for (size_t i = 0; i < ARRAY_LEN(no); i++) {
		wr(LAPIC_ESR, 0);
		CHECK_EQ(rd(no[i]), 0);
		wr(LAPIC_ESR, 0);
		CHECK_EQ(rd(LAPIC_ESR), BIT(7));
	}
	/* Those that are only read, or only written, are there: no error, and no effect. */
	wr(LAPIC_ESR, 0);
	for (size_t i = 0; i < ARRAY_LEN(read_only); i++) {
		u32 before = rd(read_only[i]);

		wr(read_only[i], ~before);
		CHECK_EQ(rd(read_only[i]), before);
	}
	CHECK_EQ(rd(LAPIC_EOI), 0);
	wr(LAPIC_ESR, 0);
	CHECK_EQ(rd(LAPIC_ESR), 0);
	/* Bytes within a register can be read, nothing but whole registers written. */
	wr(LAPIC_TPR, 0x20);
	value = 0x30;
	CHECK_EQ(vlapic_mmio(l, LAPIC_TPR, &value, 1, true), 0);
	CHECK_EQ(vlapic_mmio(l, LAPIC_TPR + 4, &value, 4, true), 0);
	CHECK_EQ(rd(LAPIC_TPR), 0x20);
	CHECK_EQ(vlapic_mmio(l, LAPIC_VERSION + 2, &value, 1, false), 0);
	CHECK_EQ(value, 5);
	CHECK_EQ(vlapic_mmio(l, LAPIC_VERSION + 4, &value, 4, false), 0);
	CHECK_EQ(value, 0);
	CHECK_EQ(vlapic_mmio(l, 0xfff, &value, 8, false), 0);
}

/* Any access, anywhere: nothing but the page is touched. */
TEST(any_access)
{
	static const u8 sizes[] = { 1, 2, 4, 8 };

	start_on();
	for (u32 offset = 0; offset < PAGE_SIZE; offset++) {
		for (u32 s = 0; s < 4; s++) {
			u64 value = ~0ull;

			CHECK_EQ(vlapic_mmio(l, offset, &value, sizes[s], false), 0);
			if (sizes[s] < 8)
				CHECK_EQ(value >> (8 * sizes[s]), 0);
			value = 0xfedcba98fedcba98;
			CHECK_EQ(vlapic_mmio(l, offset, &value, sizes[s], true), 0);
		}
	}
	fake_advance(100000000);
}

/* The reserved bits of LVT entries read as zeroes. */
TEST(lvt_bits)
{
	start_on();
	wr(LAPIC_LVT_TIMER, 0xffffffff);
	CHECK_EQ(rd(LAPIC_LVT_TIMER), 0x000700ff);
	wr(LAPIC_LVT_LINT0, 0xffffffff);
	CHECK_EQ(rd(LAPIC_LVT_LINT0), 0x0001a7ff);
	wr(LAPIC_LVT_ERROR, 0xffffffff);
	CHECK_EQ(rd(LAPIC_LVT_ERROR), 0x000100ff);
	wr(LAPIC_LVT_PERF, 0xffffffff);
	CHECK_EQ(rd(LAPIC_LVT_PERF), 0x000107ff);
	wr(LAPIC_LVT_THERMAL, 0xffffffff);
	CHECK_EQ(rd(LAPIC_LVT_THERMAL), 0x000107ff);
}

/* LINT0 is where the PIC's output comes in. */
TEST(extint)
{
	start();
	CHECK(!vlapic_accepts_extint(l)); /* masked after reset */
	wr(LAPIC_SVR, 0x1ff);
	wr(LAPIC_LVT_LINT0, 0x700);
	CHECK(vlapic_accepts_extint(l));
	wr(LAPIC_LVT_LINT0, 0x10700);
	CHECK(!vlapic_accepts_extint(l));
	wr(LAPIC_LVT_LINT0, 0x040); /* fixed */
	CHECK(!vlapic_accepts_extint(l));
	CHECK_EQ(vlapic_set_base(l, 0xfee00000 | APIC_BASE_BSP), 0);
	CHECK(vlapic_accepts_extint(l)); /* no APIC: the CPU's INTR pin */
}

static bool match(u32 dest, bool logical)
{
	struct irq_msg msg = { .dest = dest, .logical = logical, .wide = dest > 0xff };

	return vlapic_match(l, &msg);
}

/* "Determining IPI Destination" */
TEST(destinations)
{
	start_on();
	CHECK(match(0, false) && match(0xff, false) && !match(1, false));
	wr(LAPIC_LDR, 0x26123456);
	CHECK_EQ(rd(LAPIC_LDR), 0x26000000);
	CHECK(match(0x02, true) && match(0x04, true) && match(0x20, true) && match(0xff, true));
	CHECK(!match(0x01, true) && !match(0x18, true) && !match(0, true));
	wr(LAPIC_DFR, 0x0fffffff); /* cluster 2, members 1 and 2 */
	CHECK_EQ(rd(LAPIC_DFR), 0x0fffffff);
	CHECK(match(0x22, true) && match(0x24, true) && match(0x2f, true));
	CHECK(!match(0x21, true) && !match(0x12, true) && !match(0x20, true));
	CHECK(match(0xff, true));
	start_x2();
	CHECK_EQ(rd(LAPIC_LDR), 1); /* x2APIC: from the id */
	CHECK(match(0xffffffff, false) && match(0xffffffff, true));
	CHECK(match(0x00000001, true) && !match(0x00000002, true) && !match(0x00010001, true));
	CHECK(match(0, false) && !match(0x100, false));
	CHECK_EQ(vlapic_set_base(l, 0xfee00000), 0);
	CHECK(!match(0, false) && !match(0xff, false));
}

/* "Interrupt Command Register (ICR)" */
TEST(icr)
{
	start_on();
	wr(LAPIC_ICR_HIGH, 0x00ffffff);
	CHECK_EQ(rd(LAPIC_ICR_HIGH), 0);
	wr(LAPIC_ICR, 0x4000 | 0x31); /* fixed, to physical 0: itself */
	CHECK_EQ(take(), 0x31);
	CHECK_EQ(rd(LAPIC_ICR), 0x4031); /* never pending */
	wr(LAPIC_EOI, 0);
	wr(LAPIC_ICR_HIGH, 0x01000000);
	wr(LAPIC_ICR, 0x4000 | 0x32); /* to another */
	CHECK_EQ(take(), -1);
	wr(LAPIC_ICR, 0x44000 | 0x33); /* self, whatever the destination */
	CHECK_EQ(take(), 0x33);
	wr(LAPIC_EOI, 0);
	wr(LAPIC_ICR, 0x84000 | 0x34); /* all */
	CHECK_EQ(take(), 0x34);
	wr(LAPIC_EOI, 0);
	wr(LAPIC_ICR, 0xc4000 | 0x35); /* all but itself */
	CHECK_EQ(take(), -1);
	wr(LAPIC_ICR, 0x4c000 | 0x36); /* IPIs are edge-triggered whatever the bit says */
	CHECK(!bit(LAPIC_TMR, 0x36));
	CHECK_EQ(take(), 0x36);
	wr(LAPIC_EOI, 0);
	CHECK_EQ(eoi_count, 0);
	fake_vcpu_forget();
	wr(LAPIC_ICR_HIGH, 0);
	wr(LAPIC_ICR, 0x4400); /* NMI */
	CHECK(fake_requests & REQ_NMI);
	wr(LAPIC_ICR, 0x8500);        /* INIT level de-assert: nothing */
	wr(LAPIC_ICR, 0x4100 | 0x37); /* lowest priority: the only one there is */
	CHECK_EQ(take(), 0x37);
}

/* "x2APIC Register Address Space": what is in that mode and what its reserved bits do. */
TEST(x2apic_registers)
{
	u64 value;

	start_on();
	CHECK_EQ(vlapic_rdmsr(l, X2(LAPIC_ID), &value), -EINVAL); /* not in that mode */
	CHECK_EQ(vlapic_wrmsr(l, X2(LAPIC_TPR), 0), -EINVAL);
	start_x2();
	CHECK_EQ(vlapic_rdmsr(l, X2(LAPIC_ID), &value), 0);
	CHECK_EQ(value, 0);
	for (u32 msr = 0x800; msr <= 0x8ff; msr++) {
		u32 o = (msr - 0x800) * 16;
		bool readable = o == 0x20 || o == 0x30 || o == 0x80 || o == 0xa0 || o == 0xd0 ||
				o == 0xf0 || (o >= 0x100 && o <= 0x280) || o == 0x300 ||
				(o >= 0x320 && o <= 0x390) || o == 0x3e0;
		bool writable = o == 0x80 || o == 0xb0 || o == 0xf0 || o == 0x280 || o == 0x300 ||
				(o >= 0x320 && o <= 0x380) || o == 0x3e0 || o == 0x3f0;

		CHECK_EQ(vlapic_rdmsr(l, msr, &value), readable ? 0 : -EINVAL);
		/* 0x3f0, the self-IPI, with a legal vector; others take a zero. */
		CHECK_EQ(vlapic_wrmsr(l, msr, o == 0x3f0 ? 0x40 : 0), writable ? 0 : -EINVAL);
		if (o != 0x300)
			CHECK_EQ(vlapic_wrmsr(l, msr, 1ull << 32), -EINVAL);
	}
	CHECK_EQ(vlapic_wrmsr(l, X2(LAPIC_EOI), 1), -EINVAL);
	CHECK_EQ(vlapic_wrmsr(l, X2(LAPIC_ESR), 1), -EINVAL);
	CHECK_EQ(vlapic_wrmsr(l, X2(LAPIC_TPR), 0x100), -EINVAL);
	CHECK_EQ(vlapic_wrmsr(l, X2(LAPIC_SVR), 0x2ff), -EINVAL);
	CHECK_EQ(vlapic_wrmsr(l, X2(LAPIC_SELF_IPI), 0x140), -EINVAL);
	CHECK_EQ(vlapic_wrmsr(l, X2(LAPIC_TIMER_DIVIDE), 4), -EINVAL);
	CHECK_EQ(vlapic_wrmsr(l, X2(LAPIC_ICR), BIT(20) | 0x40), -EINVAL);
	CHECK_EQ(vlapic_wrmsr(l, X2(LAPIC_ICR), BIT(16) | 0x40), -EINVAL);
	CHECK_EQ(vlapic_wrmsr(l, X2(LAPIC_ICR), BIT(13) | 0x40), -EINVAL);
	/* LVT: reserved bits, but for those that are only read. */
	for (u32 o = LAPIC_LVT_TIMER; o <= LAPIC_LVT_ERROR; o += 16) {
		for (u32 b = 0; b < 64; b++) {
			bool pin = o == LAPIC_LVT_LINT0 || o == LAPIC_LVT_LINT1;
			bool ok = b < 8 || b == 12 || b == 16 || (pin && b >= 13 && b <= 15) ||
				  (b >= 8 && b <= 10 && o != LAPIC_LVT_TIMER &&
				   o != LAPIC_LVT_ERROR) ||
				  (o == LAPIC_LVT_TIMER && (b == 17 || b == 18));

			CHECK_EQ(vlapic_wrmsr(l, X2(o), BIT(b)), ok ? 0 : -EINVAL);
			CHECK_EQ(vlapic_rdmsr(l, X2(o), &value), 0);
			CHECK(!(value & (BIT(12) | BIT(14))));
		}
	}
}

TEST(x2apic_ipis)
{
	u64 value;

	start_x2();
	CHECK_EQ(vlapic_wrmsr(l, X2(LAPIC_ICR), 0x4041), 0); /* to 0 */
	CHECK_EQ(take(), 0x41);
	CHECK_EQ(vlapic_wrmsr(l, X2(LAPIC_EOI), 0), 0);
	CHECK_EQ(vlapic_wrmsr(l, X2(LAPIC_ICR), 5ull << 32 | 0x4042), 0);
	CHECK_EQ(take(), -1);
	CHECK_EQ(vlapic_rdmsr(l, X2(LAPIC_ICR), &value), 0);
	CHECK_EQ(value, 5ull << 32 | 0x4042);
	/* As RDMSR by hardware finds it: 64 bits at its offset. */
	memcpy(&value, l->page + LAPIC_ICR, sizeof(value));
	CHECK_EQ(value, 5ull << 32 | 0x4042);
	CHECK_EQ(vlapic_wrmsr(l, X2(LAPIC_ICR), 0xffffffffull << 32 | 0x4043), 0);
	CHECK_EQ(take(), 0x43);
	CHECK_EQ(vlapic_wrmsr(l, X2(LAPIC_EOI), 0), 0);
	CHECK_EQ(vlapic_wrmsr(l, X2(LAPIC_SELF_IPI), 0x44), 0);
	CHECK_EQ(take(), 0x44);
}

/* IA32_APIC_BASE and "x2APIC State Transitions" */
TEST(apic_base)
{
	const u64 base = 0xfee00000 | APIC_BASE_BSP, on = base | APIC_BASE_ENABLE,
		  x2 = on | APIC_BASE_X2APIC;

	start();
	CHECK_EQ(vlapic_set_base(l, base | APIC_BASE_X2APIC), -EINVAL); /* x2APIC without enable */
	fake_cpuid_table.x2apic = false; /* the guest's CPU has none */
	CHECK_EQ(vlapic_set_base(l, on | APIC_BASE_X2APIC), -EINVAL);
	fake_cpuid_table.x2apic = true;
	CHECK_EQ(vlapic_set_base(l, on | BIT(9)), -EINVAL);
	CHECK_EQ(vlapic_set_base(l, on | 1), -EINVAL);
	CHECK_EQ(vlapic_set_base(l, (on & ~0xfee00000ull) | 0xfed00000),
		 -EINVAL); /* stays where it is */
	CHECK_EQ(vlapic_set_base(l, on | BIT(52)), -EINVAL);
	CHECK_EQ(fake_vcpu->apic_base, on);
	CHECK_EQ(vlapic_set_base(l, x2), 0);
	CHECK_EQ(vlapic_set_base(l, on), -EINVAL); /* not back to xAPIC */
	CHECK_EQ(vlapic_set_base(l, base), 0);
	CHECK_EQ(vlapic_set_base(l, x2), -EINVAL); /* not straight from off */
	CHECK_EQ(vlapic_set_base(l, on), 0);
	/* Switching it off resets it. */
	wr(LAPIC_SVR, 0x1ff);
	post(0x40, false);
	CHECK_EQ(vlapic_set_base(l, base), 0);
	CHECK_EQ(vlapic_pending_vector(l), -1);
	CHECK_EQ(vlapic_set_base(l, on), 0);
	CHECK_EQ(rd(LAPIC_SVR), 0xff);
	CHECK(!bit(LAPIC_IRR, 0x40));
}
