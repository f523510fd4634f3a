/*
 * The AMD backend's events, windows, task priority and ASIDs: what the CPU sees at entries, and what is
 * made of it at exits.
 *
 * sources: tests/host/fake_trace.c
 * sources: svm/build.c svm/maps.c svm/exits.c svm/crinsn.c svm/event.c svm/asid.c svm/regs.c
 * sources: svm/run.c svm/caps.c svm/tscratio.c svm/avic.c vm/topology.c tests/host/fake_svm.c
 * flags: -include tests/host/fake_irq.h
 */
#include "tests/host/fake_svm.h"

#include <string.h>

/* --- events --- */

TEST(injection)
{
	static const struct {
		struct vm_event ev;
		u64 want;
	} cases[] = {
		{ { .kind = EVENT_INTR, .vector = 0xec }, 0x800000ec },
		{ { .kind = EVENT_NMI, .vector = 2 }, 0x80000202 },
		{ { .kind = EVENT_EXCEPTION, .vector = 6 }, 0x80000306 },
		{ { .kind = EVENT_EXCEPTION, .vector = 14, .has_error = true, .error = 7 },
		  0x780000b0e },
		{ { .kind = EVENT_SOFT_INT, .vector = 0x80, .insn_len = 2 }, 0x80000480 },
		{ { .kind = EVENT_SOFT_EXC, .vector = 3, .insn_len = 1 }, 0x80000303 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		for (int next_rip = 0; next_rip < 2; next_rip++) {
			setup();
			svm_caps.next_rip = next_rip;
			svm_inject(&v, &cases[i].ev);
			records(0x72, 0);
			CHECK_EQ(seen_event, cases[i].want);
			/* The return address of INT n is behind it. */
			CHECK_EQ(seen_rip, 0x1000 + (next_rip ? 0u : cases[i].ev.insn_len));
			if (next_rip && cases[i].ev.insn_len)
				CHECK_EQ(raw(0x0c8, 8), 0x1000 + cases[i].ev.insn_len);
			records(0x72, 0);
			CHECK_EQ(seen_event >> 31 & 1, 0); /* once */
		}
	}
}

TEST(cut_short_delivery)
{
	setup();
	v.recheck = false;
	records(0x400, 0x800000ec);
	CHECK_EQ(v.event.kind, EVENT_INTR);
	CHECK(v.recheck);
	CHECK_EQ(v.event.vector, 0xec);
	setup();
	records(0x400, 0x1000000080000b0eULL);
	CHECK_EQ(v.event.kind, EVENT_EXCEPTION);
	CHECK_EQ(v.event.vector, 14);
	CHECK(v.event.has_error);
	CHECK_EQ(v.event.error, 0x10000000);
	/* Software events execute again: nothing to deliver. */
	setup();
	records(0x400, 0x80000480);
	CHECK_EQ(v.event.kind, EVENT_NONE);
	setup();
	records(0x400, 0x80000303);
	CHECK_EQ(v.event.kind, EVENT_NONE);
	/* Where RIP had been moved for the injection, it goes back. */
	setup();
	svm_inject(&v, &(struct vm_event){ .kind = EVENT_SOFT_INT, .vector = 0x80, .insn_len = 2 });
	CHECK_EQ(v.regs.rip, 0x1002);
	records(0x400, 0x80000480);
	CHECK_EQ(v.regs.rip, 0x1000);
	records(0x400, 0x80000480); /* one of the guest's own */
	CHECK_EQ(v.regs.rip, 0x1000);
	/* An NMI that was not delivered does not block. */
	setup();
	svm_inject(&v, &(struct vm_event){ .kind = EVENT_NMI, .vector = 2 });
	records(0x400, 0x80000202);
	CHECK_EQ(v.event.kind, EVENT_NMI);
	CHECK_EQ(v.regs.shadow, 0);
	/* Nothing cut short: nothing there. */
	setup();
	records(0x400, 0x000000ec);
	CHECK_EQ(v.event.kind, EVENT_NONE);
}

TEST(interrupt_window)
{
	setup();
	svm_window(&v, WINDOW_INTR, true);
	records(0x72, 0);
	CHECK_EQ(seen_misc1 >> 4 & 1, 1);
	CHECK_EQ(seen_int_ctl & 0x1ffff00,
		 1u << 8 | 1u << 20 | 1u << 24); /* V_IRQ V_IGN_TPR V_INTR_MASKING */
	CHECK_EQ(records(0x64, 0).kind, EXIT_WINDOW);
	records(0x72, 0);
	CHECK_EQ(seen_misc1 >> 4 & 1, 0);
	CHECK_EQ(seen_int_ctl & 0x1ffff00, 1u << 24);
	svm_window(&v, WINDOW_INTR, true);
	svm_window(&v, WINDOW_INTR, false);
	records(0x72, 0);
	CHECK_EQ(seen_int_ctl & 0x1ffff00, 1u << 24);
}

TEST(emulators_that_lose_interrupts)
{
	setup();
	svm_window(&v, WINDOW_INTR, true);
	run();
	CHECK_EQ(rechecks, 0); /* elsewhere: no extra work */
	svm_window(&v, WINDOW_INTR, false);
	svm_caps.tcg = true;
	run();
	CHECK_EQ(rechecks, 0);
	svm_window(&v, WINDOW_INTR, true);
	run();
	run();
	CHECK_EQ(rechecks, 2);
	records(0x64, 0);
	run();
	CHECK_EQ(rechecks, 3);
}

/* There the exit behind the delivery keeps the interrupt from being delivered again. */
TEST(emulators_that_repeat_interrupts)
{
	const struct vm_event timer = { .kind = EVENT_INTR, .vector = 0xec };

	setup();
	svm_inject(&v, &timer);
	CHECK_EQ(ipis, 0); /* elsewhere: no extra work */
	svm_caps.tcg = true;
	svm_inject(&v, &timer);
	CHECK_EQ(ipis, 1);
	svm_inject(&v, &(struct vm_event){ .kind = EVENT_EXCEPTION, .vector = 6 });
	CHECK_EQ(ipis, 1);
}

TEST(interrupt_shadow)
{
	setup();
	poke(0x068, 1, 8);
	run();
	/* The first entry wrote the guest's: none. */
	CHECK_EQ(v.regs.shadow, 0);
	poke(0x068, 1, 8);
	run();
	CHECK_EQ(v.regs.shadow, SHADOW_STI);
	v.regs.shadow = 0;
	vcpu_dirty(&v, RG_SHADOW);
	run();
	CHECK_EQ(raw(0x068, 8), 0);
	v.regs.shadow = SHADOW_MOVSS;
	vcpu_dirty(&v, RG_SHADOW);
	run();
	CHECK_EQ(raw(0x068, 8), 1);
}

/* An NMI handler, a second NMI waiting, its IRET, the step over it. */
TEST(nmi_window_behind_iret)
{
	setup();
	svm_inject(&v, &(struct vm_event){ .kind = EVENT_NMI, .vector = 2 });
	records(0x72, 0);
	CHECK_EQ(v.regs.shadow, SHADOW_NMI);
	CHECK_EQ(seen_misc1 >> 20 & 1, 1);
	svm_window(&v, WINDOW_NMI, true);
	CHECK_EQ(records(0x72, 0).kind, EXIT_CPUID);
	CHECK_EQ(seen_rflags & RFLAGS_TF, 0);       /* not yet */
	CHECK_EQ(records(0x74, 0).kind, EXIT_NONE); /* before IRET */
	CHECK_EQ(v.regs.shadow, SHADOW_NMI);
	/* A page fault of the second stage in the IRET: nothing has happened yet. */
	CHECK_EQ(records(0x400, 0).kind, EXIT_S2);
	CHECK_EQ(seen_rflags & RFLAGS_TF, RFLAGS_TF);
	CHECK_EQ(v.regs.rflags & RFLAGS_TF, 0);
	CHECK_EQ(v.regs.shadow, SHADOW_NMI);
	/* The step: IRET loaded TF as the guest had it before the NMI. */
	poke(SAVE + 0x168, 0xffff4ff0, 8);
	CHECK_EQ(records(0x41, 0).kind, EXIT_WINDOW);
	CHECK_EQ(seen_misc1 >> 20 & 1, 0);
	CHECK_EQ(v.regs.shadow, 0);
	vcpu_need(&v, RG_DR7);
	CHECK_EQ(v.regs.dr6, 0xffff0ff0);
	records(0x72, 0);
	CHECK_EQ(raw(SAVE + 0x168, 8), 0xffff0ff0);
}

TEST(iret_ends_blocking_also_when_nothing_waits)
{
	setup();
	svm_inject(&v, &(struct vm_event){ .kind = EVENT_NMI, .vector = 2 });
	records(0x72, 0);
	records(0x74, 0);
	poke(SAVE + 0x168, 0xffff4ff0, 8);
	CHECK_EQ(records(0x41, 0).kind, EXIT_NONE);
	CHECK_EQ(v.regs.shadow, 0);
	records(0x72, 0);
	CHECK_EQ(seen_misc1 >> 20 & 1, 0);
	CHECK_EQ(seen_rflags & RFLAGS_TF, 0x100 & v.regs.rflags);
}

TEST(nmi_window_behind_a_shadow_or_an_event)
{
	setup();
	run();
	svm_window(&v, WINDOW_NMI, true);
	records(0x72, 0);
	CHECK_EQ(seen_rflags & RFLAGS_TF, RFLAGS_TF); /* one instruction */
	CHECK_EQ(v.regs.rflags & RFLAGS_TF, 0);
	poke(SAVE + 0x168, 0xffff4ff0, 8);
	CHECK_EQ(records(0x41, 0).kind, EXIT_WINDOW);
	CHECK_EQ(v.regs.rflags & RFLAGS_TF, 0);
	records(0x72, 0);
	CHECK_EQ(seen_rflags & RFLAGS_TF, 0);
	/* With an event to inject TF would go onto the guest's stack: an interrupt to ourselves instead. */
	svm_window(&v, WINDOW_NMI, true);
	svm_inject(&v, &(struct vm_event){ .kind = EVENT_INTR, .vector = 0x30 });
	CHECK_EQ(records(0x60, 0).kind, EXIT_WINDOW);
	CHECK_EQ(seen_rflags & RFLAGS_TF, 0);
	CHECK_EQ(ipis, 1);
	CHECK_EQ(host_interrupts, 1);
}

TEST(own_step_does_not_swallow_the_guests)
{
	setup();
	v.regs.rflags |= RFLAGS_TF;
	svm_window(&v, WINDOW_NMI, true);
	poke(SAVE + 0x168, 0xffff4ff0, 8);
	v.valid &= ~(u32)RG_DR7;
	v.dirty &= ~(u32)RG_DR7;
	struct vm_exit e = records(0x41, 0);

	CHECK_EQ(e.kind, EXIT_EXCEPTION);
	CHECK_EQ(e.exception.vector, 1);
	CHECK_EQ(e.exception.dr6, 0x4000);
	CHECK_EQ(v.regs.rflags & RFLAGS_TF, RFLAGS_TF);
}

/* --- task priority --- */

static void guest_sets_cr8(void)
{
	vmcb.control.v_tpr = 5;
	vmcb.control.exit_code = 0x72;
}

static void pend(u8 vector)
{
	u32 *irr = (u32 *)(lapic_page + 0x200 + vector / 32 * 16);

	*irr |= 1u << vector % 32;
}

TEST(task_priority)
{
	setup();
	lapic_page[0x80] = 0x3c;
	run();
	CHECK_EQ(raw(0x060, 1), 3);
	CHECK_EQ(lapic_page[0x80], 0x3c); /* the low bits stay */
	guest = guest_sets_cr8;
	v.recheck = false;
	run();
	CHECK_EQ(lapic_page[0x80], 0x50);
	CHECK(v.recheck);
}

TEST(cr8_exits_only_while_an_interrupt_is_held_back)
{
	static const struct {
		u8 tpr, vector;
		bool exits;
	} cases[] = {
		{ 0x00, 0x1f, false }, { 0x10, 0x1f, true },  { 0x10, 0x20, false },
		{ 0x20, 0x2f, true },  { 0x20, 0x30, false }, { 0x30, 0x3f, true },
		{ 0x30, 0x40, false }, { 0xf0, 0xff, true },  { 0xe0, 0xf0, false },
		{ 0xe0, 0xef, true },  { 0x50, 0x31, true },
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		setup();
		lapic_page[0x80] = cases[i].tpr;
		records(0x72, 0);
		CHECK_EQ(seen_cr >> 24 & 1, 0);
		pend(cases[i].vector);
		records(0x72, 0);
		CHECK_EQ(seen_cr >> 24 & 1, cases[i].exits);
		memset(lapic_page + 0x200, 0, 0x80);
		records(0x72, 0);
		CHECK_EQ(seen_cr >> 24 & 1, 0);
	}
}

/* --- ASIDs --- */

TEST(flush_takes_a_fresh_asid)
{
	bool used[8] = { false };

	setup();
	for (unsigned i = 1; i < 8; i++) {
		asid_flush(&hv);
		records(0x72, 0);
		CHECK(seen_asid >= 1 && seen_asid < 8);
		CHECK(!used[seen_asid]);
		used[seen_asid] = true;
		CHECK_EQ(seen_tlb, 0);
	}
	asid_flush(&hv);
	records(0x72, 0);
	CHECK_EQ(seen_tlb, 1); /* all used up: everything goes */
	CHECK(seen_asid >= 1 && seen_asid < 8);
	records(0x72, 0);
	CHECK_EQ(seen_tlb, 0); /* once */
}

TEST(flush_by_asid)
{
	setup();
	svm_caps.flush_by_asid = true;
	records(0x72, 0);
	u32 asid = seen_asid;

	asid_flush(&hv);
	records(0x72, 0);
	CHECK_EQ(seen_asid, asid);
	CHECK_EQ(seen_tlb, 3);
	records(0x72, 0);
	CHECK_EQ(seen_tlb, 0);
}

TEST(another_cpu_means_a_fresh_asid)
{
	setup();
	svm_caps.flush_by_asid = true;
	svm_caps.clean = CLEAN_ALL;
	records(0x72, 0);
	u32 first = seen_asid;

	asid_load(&hv, 0); /* back on the same CPU */
	records(0x72, 0);
	CHECK_EQ(seen_asid, first);
	asid_load(&hv, 1);
	CHECK_EQ(raw(0x0c0, 4), 0); /* and nothing is cached there */
	records(0x72, 0);
	asid_load(&hv, 0);
	records(0x72, 0);
	CHECK(seen_asid != first); /* what is tagged with the old one is stale */
}

TEST(generation_reaches_vcpus_that_were_away)
{
	setup();
	records(0x72, 0);
	u32 first = hv.asid;

	asid_cpu_init(8); /* as when another vCPU used up all ASIDs */
	asid_load(&hv, 0);
	CHECK(hv.work & WORK_ASID);
	records(0x72, 0);
	CHECK_EQ(seen_asid, 1);
	(void)first;
}

TEST(refused_entry_takes_no_flush_with_it)
{
	setup();
	asid_flush(&hv);
	records(0x72, 0);
	CHECK_EQ(seen_tlb, 0);
	exits(~0ULL, 0, 0); /* the CPU may not have flushed what it was told to */
	asid_flush(&hv);    /* as another vCPU does that comes here */
	records(0x72, 0);
	CHECK_EQ(seen_tlb, 1);
}

TEST(debug_exception_ends_protection)
{
	const struct vm_event db = { .kind = EVENT_EXCEPTION, .vector = 1 };
	const struct vm_event ud = { .kind = EVENT_EXCEPTION, .vector = 6 };

	setup();
	records(0x72, 0);
	poke(SAVE + 0x160, 0x2402, 8); /* DR7: GD, G0 */
	svm_inject(&v, &ud);
	records(0x72, 0);
	CHECK_EQ(raw(SAVE + 0x160, 8), 0x2402);
	svm_inject(&v, &db);
	records(0x72, 0);
	CHECK_EQ(raw(SAVE + 0x160, 8), 0x402);
}
