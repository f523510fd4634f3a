/*
 * Interrupts without exits on VT-x: what is used of what there is, the controls and the MSR bitmap of each mode of the
 * APIC, the descriptor between posters and the vCPU, and the fields that follow the APIC's page. Bits and encodings
 * are the SDM's, as numbers (vol. 3, "VM-Execution Control Fields", "APIC Virtualization and Virtual Interrupts").
 *
 * sources: tests/host/fake_vmx_apicv.c tests/host/fake_cpus.c vmx/apicv.c vmx/apicmode.c vmx/posted.c vmx/ipiv.c vmx/apicpage.c vmx/msrmap.c vm/apicv.c arch/lock.c
 * flags: -include tests/host/fake_vmcs.h -include tests/host/fake_percpu.h
 */
#include <string.h>

#include "lib/hw/pid.h"
#include "tests/host/fake_vmx_apicv.h"
#include "vm/build.h"
#include "vmx/posted.h"

static u32 used(const char *words)
{
	struct vmx_caps caps = full();

	return apic_features(&caps, apicv_parse(words));
}

/* --- what is used ------------------------------------------------------------------------------------ */

TEST(words)
{
	warnings = 0;
	CHECK_EQ(apicv_parse(""), 127);
	CHECK_EQ(apicv_parse("off"), 0);
	CHECK_EQ(apicv_parse("-posted"), 127 - POSTED);
	CHECK_EQ(apicv_parse("-x2apic,-registers"), 127 - X2APIC - REGISTERS);
	CHECK_EQ(apicv_parse("-tpr,-xapic,-delivery,-ipi,"), REGISTERS + X2APIC + POSTED);
	CHECK_EQ(warnings, 0);
	CHECK_EQ(apicv_parse("posted"), 127);
	CHECK_EQ(apicv_parse("-poste"), 127);
	CHECK_EQ(apicv_parse("-postedx,-x2apic"), 127 - X2APIC);
	CHECK_EQ(warnings, 3);
	strcpy(word, "-delivery");
	CHECK_EQ(apicv_allowed(), 127 - DELIVERY);
	word[0] = 0;
}

/* Each switch, with what cannot be without it (checks of VM entry). */
TEST(switches)
{
	CHECK_EQ(used(""), 63);
	CHECK_EQ(used("off"), 0);
	CHECK_EQ(used("-tpr"), 0);
	CHECK_EQ(used("-registers"), 63 - REGISTERS);
	CHECK_EQ(used("-xapic"), 63 - XAPIC);
	CHECK_EQ(used("-x2apic"), 63 - X2APIC);
	CHECK_EQ(used("-delivery"), 63 - DELIVERY - POSTED);
	CHECK_EQ(used("-posted"), 63 - POSTED);
}

TEST(what_is_not_there)
{
	static const struct {
		u32 pin, proc, proc2, left;
	} rows[] = {
		{ 0, BIT(21), 0, 0 },
		{ 0, 0, BIT(8), 63 - REGISTERS },
		{ 0, 0, BIT(0), 63 - XAPIC },
		{ 0, 0, BIT(4), 63 - X2APIC },
		{ 0, 0, BIT(9), 63 - DELIVERY - POSTED },
		{ BIT(7), 0, 0, 63 - POSTED },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct vmx_caps caps = full();

		caps.pin_may &= ~rows[i].pin;
		caps.proc_may &= ~rows[i].proc;
		caps.proc2_may &= ~rows[i].proc2;
		CHECK_EQ(apic_features(&caps, APICV_ALL), rows[i].left);
	}
}

TEST(modes)
{
	CHECK_EQ(apic_mode(63, VAPIC_OFF), APIC_MODE_OFF);
	CHECK_EQ(apic_mode(63, VAPIC_ON), APIC_MODE_XAPIC);
	CHECK_EQ(apic_mode(63, VAPIC_X2), APIC_MODE_X2APIC);
	CHECK_EQ(apic_mode(63 - XAPIC, VAPIC_ON), APIC_MODE_OFF);
	CHECK_EQ(apic_mode(63 - XAPIC, VAPIC_X2), APIC_MODE_X2APIC);
	CHECK_EQ(apic_mode(63 - X2APIC, VAPIC_X2), APIC_MODE_OFF);
}

/* Secondary: 0 accesses, 4 x2APIC, 8 registers, 9 delivery; never 0 and 4 together. Pin: 7 posted. */
TEST(controls)
{
	static const struct {
		u32 features;
		enum apic_mode mode;
		u32 pin, proc2;
	} rows[] = {
		{ 63, APIC_MODE_OFF, 0, 0 },
		{ 63, APIC_MODE_XAPIC, 0x80, 0x301 },
		{ 63, APIC_MODE_X2APIC, 0x80, 0x310 },
		{ 63 - REGISTERS, APIC_MODE_X2APIC, 0x80, 0x210 },
		{ 63 - POSTED, APIC_MODE_XAPIC, 0, 0x301 },
		{ 63 - POSTED - DELIVERY, APIC_MODE_X2APIC, 0, 0x110 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct apic_controls c = apic_controls(rows[i].features, rows[i].mode);

		CHECK_EQ(c.pin, rows[i].pin);
		CHECK_EQ(c.proc2, rows[i].proc2);
		CHECK_EQ(c.delivery, (rows[i].proc2 & 0x200) != 0);
		CHECK_EQ(c.posted, rows[i].pin != 0);
	}
}

static void bitmap_of(u8 *bitmap, u32 features)
{
	memset(bitmap, 0xff, 4096);
	apic_pass_msrs(bitmap, features);
}

TEST(x2apic_msrs)
{
	u8 b[4096];
	u32 reads = 0, writes = 0;

	bitmap_of(b, 63);
	for (u32 msr = 0x800; msr < 0x900; msr++) {
		reads += PASSED(b, msr);
		writes += PASSED(b + WRITES, msr);
	}
	/* ID, version, TPR, PPR, LDR, SVR, 24 of ISR, TMR and IRR, ESR, ICR, 6 of the LVT, initial count, divide */
	CHECK_EQ(reads, 6 + 24 + 2 + 6 + 2);
	CHECK_EQ(writes, 3);
	CHECK(PASSED(b + WRITES, 0x808) && PASSED(b + WRITES, 0x80b) && PASSED(b + WRITES, 0x83f));
	CHECK(!PASSED(b, 0x839)); /* it counts */
	CHECK(PASSED(b, 0x830) && !PASSED(b + WRITES, 0x830) && !PASSED(b, 0x80b) &&
	      !PASSED(b, 0x83f) && !PASSED(b, 0x80e));
	CHECK(!PASSED(b, 0x6e0) && !PASSED(b + WRITES, 0x6e0));
	/* By software: no EOI, no interrupt to itself, and PPR is not in the page. */
	bitmap_of(b, 63 - DELIVERY - POSTED);
	CHECK(PASSED(b, 0x808) && PASSED(b + WRITES, 0x808) && PASSED(b, 0x802));
	CHECK(!PASSED(b + WRITES, 0x80b) && !PASSED(b + WRITES, 0x83f) && !PASSED(b, 0x80a));
	/* Reads would be the host's. */
	bitmap_of(b, 63 - REGISTERS);
	CHECK(PASSED(b, 0x808) && !PASSED(b, 0x802) && !PASSED(b, 0x810) &&
	      PASSED(b + WRITES, 0x80b));
}

/* --- the descriptor ---------------------------------------------------------------------------------- */

TEST(descriptor)
{
	struct pi_desc d = { .control = 0 };
	u64 got[4];
	u32 to = 0;

	CHECK(!posted_listen(&d, 0xf1, 5));
	CHECK_EQ(d.control, 5ull << 32 | 0xf1ull << 16);
	CHECK(!posted_take(&d, got));
	CHECK_EQ(posted_post(&d, 0x41, &to), POSTED_NOTIFY);
	CHECK_EQ(to, 5);
	CHECK_EQ(d.control & 3, 1);
	CHECK_EQ(posted_post(&d, 0xff, &to), POSTED_NOTHING);
	CHECK_EQ(d.pir[1], 2);
	CHECK_EQ(d.pir[3], 1ull << 63);
	posted_suppress(&d);
	CHECK_EQ(d.control & 3, 3);
	CHECK(posted_listen(&d, 0xf1, 5)); /* it has to look */
	CHECK_EQ(d.control & 3, 1);
	CHECK(posted_take(&d, got));
	CHECK_EQ(got[1], 2);
	CHECK_EQ(got[3], 1ull << 63);
	CHECK_EQ(d.pir[0] | d.pir[1] | d.pir[2] | d.pir[3], 0);
	posted_suppress(&d);
	CHECK_EQ(posted_post(&d, 0x10, &to), POSTED_WAKE);
	posted_resume(&d); /* ON and all the rest stay */
	CHECK_EQ(d.control, 5ull << 32 | 0xf1ull << 16 | 1);
	posted_suppress(&d);
	/* On another CPU: ON stays. */
	CHECK(posted_listen(&d, 0xf1, 7));
	CHECK_EQ(d.control, 7ull << 32 | 0xf1ull << 16 | 1);
	CHECK(posted_take(&d, got));
	CHECK_EQ(got[0], 1 << 16);
	CHECK_EQ(posted_post(&d, 0x20, &to), POSTED_NOTIFY);
	CHECK_EQ(to, 7);
	CHECK(posted_take(&d, got));
	/* One that sleeps: software asks its thread, hardware sends the wake-up vector. */
	CHECK(!posted_listen(&d, 0xe9, 7));
	CHECK_EQ(d.control, 7ull << 32 | 0xe9ull << 16);
	CHECK_EQ(posted_post(&d, 0x21, &to), POSTED_WAKE);
	CHECK(posted_take(&d, got));
	/* Hardware that finds SN sets no ON. */
	posted_suppress(&d);
	CHECK(!posted_quietly(&d));
	d.pir[3] = 1ull << 63;
	CHECK(!posted_listen(&d, 0xf1, 7));
	CHECK(posted_quietly(&d));
	CHECK_EQ(d.control, 7ull << 32 | 0xf1ull << 16 | 1);
	CHECK(posted_take(&d, got));
	CHECK_EQ(got[3], 1ull << 63);
}

/* --- a vCPU ------------------------------------------------------------------------------------------ */

TEST(off)
{
	start("off", VAPIC_ON);
	CHECK(!apicv && !lapic.hw && !h.tpr);
	CHECK_EQ(fake_vmcs[F_PIN], 0x3f);
	CHECK_EQ(fake_vmcs[F_PROC2], 0xe2);
	CHECK_EQ(fake_vmcs[F_BITMAP], (u64)vm.hvm->msr_bitmap);
	CHECK(!vm.hvm->posted && !vm.hvm->access_page && !vm.hvm->x2apic_bitmap);
	finish();
}

TEST(construct)
{
	start("", VAPIC_ON);
	CHECK(apicv && lapic.hw && !h.tpr);
	CHECK_EQ(fake_vmcs[F_PIN], 0xbf);
	CHECK_EQ(fake_vmcs[F_PROC2], 0x3e3);
	CHECK_EQ(fake_vmcs[F_VAPIC], (u64)page);
	CHECK_EQ(fake_vmcs[F_ACCESS], (u64)vm.hvm->access_page);
	CHECK_EQ(mapped_gpa, 0xfee00000);
	CHECK_EQ(fake_vmcs[F_VECTOR], 0xf1);
	CHECK_EQ(fake_vmcs[F_DESC], (u64)&vm.hvm->posted[1]);
	CHECK_EQ(fake_vmcs[F_DESC] % 64, 0);
	CHECK_EQ(fake_vmcs[F_STATUS], 0);
	for (u32 i = 0; i < 4; i++)
		CHECK_EQ(fake_vmcs[F_EOI_EXIT + 2 * i], 0);
	CHECK_EQ(vm.hvm->posted[1].control, 3ull << 32 | 0xf1ull << 16);
	/* The TPR shadow is all there is. */
	start("-xapic,-x2apic", VAPIC_ON);
	CHECK(!apicv && !lapic.hw);
	CHECK(h.tpr == page + 0x80);
	finish();
}

TEST(transitions)
{
	start("", VAPIC_ON);
	page[LAPIC_ISR + 0x20] = 4; /* 0x42 */
	page[LAPIC_IRR + 0x20] = 2;
	set_mode(VAPIC_X2);
	CHECK(lapic.hw && h.posted);
	CHECK_EQ(fake_vmcs[F_PROC2], 0x3f2);
	CHECK_EQ(fake_vmcs[F_BITMAP], (u64)vm.hvm->x2apic_bitmap);
	CHECK_EQ(fake_vmcs[F_STATUS], 0x4241);
	isr_changes = 0;
	set_mode(VAPIC_OFF);
	CHECK(!lapic.hw && !h.posted && isr_changes == 1);
	CHECK_EQ(fake_vmcs[F_PIN], 0x3f);
	CHECK_EQ(fake_vmcs[F_PROC2], 0xe2);
	CHECK_EQ(fake_vmcs[F_BITMAP], (u64)vm.hvm->msr_bitmap);
	CHECK_EQ(vm.hvm->posted[1].control & PID_SN, PID_SN);
	CHECK(h.tpr == page + 0x80);
	set_mode(VAPIC_ON);
	CHECK(lapic.hw && h.posted && !h.tpr);
	CHECK_EQ(vm.hvm->posted[1].control & PID_SN, 0);
	CHECK_EQ(fake_vmcs[F_PROC2], 0x3e3);
	finish();
}

static struct vcpu other;

static void other_mode(u64 base)
{
	other.apic_base = base;
	apicv->refresh(&other);
}

static void other_goes(void)
{
	other_mode(VAPIC_X2);
}

static void other_comes_back(void)
{
	other_mode(VAPIC_ON);
}

/* The APIC's page is there while all are in xAPIC mode, as nobody else may find memory there. */
TEST(page)
{
	struct hvm_vcpu oh = { .vpid = 3 };
	struct vlapic ol = { .page = page, .vcpu = &other };

	start("", VAPIC_ON);
	other = v;
	other.hvm = &oh;
	other.lapic = &ol;
	CHECK_EQ(mapped_gpa, 0xfee00000);
	set_mode(VAPIC_X2);
	CHECK_EQ(mapped_gpa, 0);
	other_mode(VAPIC_X2);
	other_mode(VAPIC_X2);
	set_mode(VAPIC_OFF);
	CHECK_EQ(mapped_gpa, 0);
	set_mode(VAPIC_ON);
	CHECK_EQ(mapped_gpa, 0);
	other_mode(VAPIC_OFF);
	other_mode(VAPIC_ON);
	CHECK_EQ(mapped_gpa, 0xfee00000);
	/* While it is mapped for the last who came back, another goes; and the other way round. */
	set_mode(VAPIC_X2);
	while_mapping = other_goes;
	set_mode(VAPIC_ON);
	CHECK_EQ(mapped_gpa, 0);
	other_mode(VAPIC_ON);
	CHECK_EQ(mapped_gpa, 0xfee00000);
	set_mode(VAPIC_X2);
	set_mode(VAPIC_ON);
	while_mapping = other_comes_back;
	other_mode(VAPIC_X2);
	CHECK_EQ(mapped_gpa, 0xfee00000);
	finish();
	/* Nothing to virtualize, and no page. */
	start("-xapic", VAPIC_ON);
	CHECK_EQ(mapped_gpa, 0);
	set_mode(VAPIC_X2);
	set_mode(VAPIC_OFF);
	set_mode(VAPIC_ON);
	CHECK_EQ(mapped_gpa, 0);
	finish();
}

/* Where it is, who posts notifies; else its thread is asked to look. */
TEST(posting)
{
	start("", VAPIC_X2);
	apicv->post(&v, 0x51, false);
	CHECK_EQ(ipis, 1);
	CHECK_EQ(ipi_to, 3);
	apicv->post(&v, 0x52, false);
	CHECK_EQ(ipis, 1);
	apicv->sync(&v);
	CHECK_EQ(highest(LAPIC_IRR), 0x52);
	CHECK_EQ(fake_vmcs[F_STATUS], 0x52);
	apicv->sleep(&v, true);
	CHECK(!v.recheck);
	apicv->post(&v, 0x53, false);
	CHECK_EQ(ipis, 1);
	CHECK_EQ(requests, 1);
	v.activity = ACTIVITY_HALTED;
	apicv->sync(&v);
	CHECK_EQ(highest(LAPIC_IRR), 0x53);
	CHECK_EQ(fake_vmcs[F_STATUS], 0x52);
	v.activity = ACTIVITY_RUNS;
	apicv->sleep(&v, false);
	apicv->sync(&v);
	CHECK_EQ(fake_vmcs[F_STATUS], 0x53);
	/* On its way out something was posted: it looks when it comes back. */
	apicv->post(&v, 0x54, false);
	vmx_apicv_put(&v);
	host_id = 9;
	x2apic_host = false;
	v.recheck = false;
	vmx_apicv_load(&v);
	CHECK(v.recheck);
	apicv->sync(&v);
	apicv->post(&v, 0x55, false);
	CHECK_EQ(ipi_to, 9);
	CHECK_EQ(vm.hvm->posted[1].control >> 32, 9 << 8);
	finish();
	/* Without notifications each post asks the thread. */
	start("-posted", VAPIC_X2);
	CHECK(lapic.hw);
	apicv->post(&v, 0x51, false);
	CHECK_EQ(requests, 1);
	CHECK_EQ(ipis, 0);
	apicv->sync(&v);
	CHECK_EQ(fake_vmcs[F_STATUS], 0x51);
	finish();
}

/* The notification came while no guest ran: the thread that is there looks. */
TEST(notified_on_the_host)
{
	struct thread thread;

	start("", VAPIC_X2);
	handlers[0xf1]();
	thread = (struct thread){ .data = &vm.ports[1] };
	current = &thread;
	handlers[0xf1]();
	CHECK_EQ(vm.ports[1].requests, 0); /* not a vCPU's */
	thread.ops = build_vcpu_thread_ops;
	handlers[0xf1]();
	CHECK_EQ(vm.ports[1].requests, REQ_EVENT);
	finish();
}

/* EOIs of level-triggered vectors exit: TMR is the bitmap, and a vector is not there before its bit is. */
TEST(eoi_exits)
{
	start("", VAPIC_X2);
	page[LAPIC_TMR + 0x20] = 2; /* 0x41 */
	apicv->post(&v, 0x41, true);
	CHECK_EQ(vm.hvm->posted[1].pir[1], 0);
	CHECK_EQ(ipis, 0);
	CHECK_EQ(requests, 1);
	apicv->sync(&v);
	CHECK_EQ(fake_vmcs[F_EOI_EXIT + 2], 2);
	CHECK_EQ(highest(LAPIC_IRR), 0x41);
	CHECK_EQ(fake_vmcs[F_STATUS] & 0xff, 0x41);
	/* Now it is. */
	apicv->post(&v, 0x41, true);
	CHECK_EQ(vm.hvm->posted[1].pir[1], 2);
	CHECK_EQ(ipis, 1);
	/* By edge again. */
	page[LAPIC_TMR + 0x20] = 0;
	page[LAPIC_TMR + 0x70] = 1; /* 0xe0 */
	apicv->sync(&v);
	CHECK_EQ(fake_vmcs[F_EOI_EXIT + 2], 0);
	CHECK_EQ(fake_vmcs[F_EOI_EXIT + 6], 1ull << 32);
	/* RVI goes down, too; SVI stays. */
	fake_vmcs[F_STATUS] = 0x3041;
	memset(page + LAPIC_IRR, 0, 0x80);
	apicv->sync(&v);
	CHECK_EQ(fake_vmcs[F_STATUS], 0x3000);
	finish();
}
