/*
 * The end of a guest's run at a time: what is written to the VMCS for it, and when.
 *
 * sources: vmx/deadline.c vmx/caps.c
 * flags: -include tests/host/fake_cpu.h -include tests/host/fake_vmcs.h
 */
#include "core/clock.h"
#include "tests/host/harness.h"
#include "vm/hvm.h"
#include "vm/vcpu.h"
#include "vmx/guest.h"

#define FIELD 0x482e /* SDM vol. 3, "Field Encoding in VMCS" */

u64 fake_vmcs[FAKE_VMCS_FIELDS];
static u64 tsc;
static struct hvm_vcpu h;
static struct vcpu v = { .hvm = &h };

u64 fake_rdtsc(void)
{
	return tsc;
}

void vmcs_access_failed(u32 field)
{
	(void)field;
}

u64 clock_deadline_tsc(u64 ns)
{
	return 1000 + 3 * ns;
}

static void start(bool timer)
{
	vmx_caps = (struct vmx_caps){ .timer = timer, .timer_shift = 2 };
	h = (struct hvm_vcpu){ .deadline_ns = HVM_NO_DEADLINE };
	fake_vmcs[FIELD] = VMX_TIMER_NEVER;
}

/* As vmx/run.c does it before an entry. */
static void enter(void)
{
	u32 pending = h.pending;

	h.pending = 0;
	if (pending)
		vmx_deadline_serve(&h, pending);
}

TEST(not_without_a_timer)
{
	start(false);
	CHECK(!vmx_deadline(&v, 100));
	CHECK_EQ(h.pending, 0);
}

/* At 1300, from the 250th change on: the 325th is 75 later, whatever time was spent outside of the guest. */
TEST(each_entry_counts_what_is_left)
{
	start(true);
	tsc = 1000;
	CHECK(vmx_deadline(&v, 100));
	enter();
	CHECK_EQ(fake_vmcs[FIELD], 75);
	tsc = 1202;
	enter();
	CHECK_EQ(fake_vmcs[FIELD], 25);
	CHECK(vmx_deadline(&v, 90)); /* 1270: the next change is at 1272 */
	enter();
	CHECK_EQ(fake_vmcs[FIELD], 18);
	tsc = 1271;
	enter();
	CHECK_EQ(fake_vmcs[FIELD], 0); /* it has passed */
}

TEST(nothing_is_left_behind)
{
	start(true);
	tsc = 1000;
	CHECK(vmx_deadline(&v, 100));
	CHECK(vmx_deadline(&v, HVM_NO_DEADLINE));
	CHECK_EQ(h.pending, 0); /* no entry has seen it */
	CHECK(vmx_deadline(&v, 100));
	enter();
	CHECK(h.pending);
	CHECK(vmx_deadline(&v, HVM_NO_DEADLINE));
	enter();
	CHECK_EQ(fake_vmcs[FIELD], VMX_TIMER_NEVER);
	CHECK_EQ(h.pending, 0);
}
