/*
 * IPI virtualization: when it is used and what the hardware is given, whom it may post to, and that what it posted is
 * seen at every point of a vCPU's life. Here the hardware is the test: hw_ipi() is the manual's pseudocode (SDM vol. 3,
 * "IPI Virtualization").
 *
 * sources: tests/host/fake_vmx_apicv.c tests/host/fake_cpus.c vmx/apicv.c vmx/apicmode.c vmx/posted.c vmx/ipiv.c vmx/apicpage.c vmx/msrmap.c vm/apicv.c arch/lock.c
 * flags: -include tests/host/fake_vmcs.h -include tests/host/fake_percpu.h
 */
#include <string.h>

#include "lib/hw/pid.h"
#include "tests/host/fake_vmx_apicv.h"
#include "vm/build.h"

#define ALL      127
#define ID       5
#define SOFT_ON  0x1ff
#define SOFT_OFF 0xff

static void set_svr(u32 value)
{
	memcpy(page + LAPIC_SVR, &value, sizeof(value));
}

static u32 used(u32 may, u64 proc3, const char *words)
{
	struct vmx_caps caps = full();

	caps.proc_may |= may;
	caps.msrs.proc3 = proc3;
	return apic_features(&caps, apicv_parse(words));
}

TEST(used)
{
	CHECK_EQ(used(1 << 17, 1 << 4, ""), ALL);
	CHECK_EQ(used(1 << 17, ~0ull, ""), ALL);
	CHECK_EQ(used(1 << 17, 0, ""), ALL - IPI);
	CHECK_EQ(used(1 << 17, ~(1ull << 4), ""), ALL - IPI);
	CHECK_EQ(used(0, 1 << 4, ""), ALL - IPI);
	CHECK_EQ(used(1 << 17, 1 << 4, "-ipi"), ALL - IPI);
	/* Nor without any of the others: an APIC that is on is one that it may post to. */
	CHECK_EQ(used(1 << 17, 1 << 4, "-registers"), ALL - IPI - REGISTERS);
	CHECK_EQ(used(1 << 17, 1 << 4, "-xapic"), ALL - IPI - XAPIC);
	CHECK_EQ(used(1 << 17, 1 << 4, "-x2apic"), ALL - IPI - X2APIC);
	CHECK_EQ(used(1 << 17, 1 << 4, "-posted"), ALL - IPI - POSTED);
	CHECK_EQ(used(1 << 17, 1 << 4, "-delivery"), ALL - IPI - POSTED - DELIVERY);
	CHECK_EQ(used(1 << 17, 1 << 4, "-tpr"), 0);
}

TEST(controls)
{
	CHECK_EQ(apic_controls(ALL, APIC_MODE_XAPIC).proc3, 1 << 4);
	CHECK_EQ(apic_controls(ALL, APIC_MODE_X2APIC).proc3, 1 << 4);
	CHECK_EQ(apic_controls(ALL, APIC_MODE_OFF).proc3, 0);
	CHECK_EQ(apic_controls(ALL - IPI, APIC_MODE_X2APIC).proc3, 0);
}

/* A WRMSR of the ICR that passes without the control goes to the host's own APIC. */
TEST(icr_passes_with_the_control_alone)
{
	u8 b[4096];

	for (u32 f = 0; f <= ALL; f++) {
		memset(b, 0xff, sizeof(b));
		apic_pass_msrs(b, f);
		CHECK_EQ(PASSED(b + WRITES, 0x830), (f & IPI) && (f & DELIVERY));
	}
	start_on(fourth(), "", VAPIC_ON);
	CHECK_EQ(fake_vmcs[F_PROC3], 1 << 4);
	CHECK_EQ(fake_vmcs[F_BITMAP], (u64)vm.hvm->msr_bitmap);
	set_mode(VAPIC_X2);
	CHECK_EQ(fake_vmcs[F_PROC3], 1 << 4);
	CHECK_EQ(fake_vmcs[F_BITMAP], (u64)vm.hvm->x2apic_bitmap);
	CHECK(PASSED(vm.hvm->x2apic_bitmap + WRITES, 0x830));
	CHECK(!PASSED(vm.hvm->x2apic_bitmap + WRITES, 0x831));
	set_mode(VAPIC_OFF);
	CHECK_EQ(fake_vmcs[F_PROC3], 0);
	CHECK_EQ(fake_vmcs[F_BITMAP], (u64)vm.hvm->msr_bitmap);
	start_on(fourth(), "-ipi", VAPIC_X2);
	CHECK(!PASSED(vm.hvm->x2apic_bitmap + WRITES, 0x830));
	CHECK(!vm.hvm->ipiv);
	CHECK_EQ(fake_vmcs[F_PROC3], 0x5a5a5a5a5a5a5a5a); /* there may be no such field */
	CHECK_EQ(fake_vmcs[F_PID_TABLE], 0x5a5a5a5a5a5a5a5a);
	CHECK_EQ(fake_vmcs[F_LAST_PID], 0x5a5a5a5a5a5a5a5a);
	finish();
}

/* --- the hardware ------------------------------------------------------------------------------------ */

static u64 entry(u32 id)
{
	return ((u64 *)fake_vmcs[F_PID_TABLE])[id];
}

static u32 notifications, wakes;

/* The physical interrupt comes to the CPU that NDST names: 3 is CPU 0's APIC, 9 CPU 1's. */
static void hw_interrupt(u32 ndst, u8 vector)
{
	u32 saved = this;

	CHECK(ndst == 3 || ndst == 9);
	CHECK(vector == 0xf1 || vector == 0xe9);
	this = ndst == 9;
	wakes += vector == 0xe9;
	notifications += vector == 0xf1;
	if (this == saved || vector == 0xe9)
		handlers[vector]();
	this = saved;
}

/* What the CPU does with an IPI to id; false: it exits. */
static bool hw_ipi(u32 id, u8 vector)
{
	struct pi_desc *d;

	if (vector < 16 || id > fake_vmcs[F_LAST_PID] || (entry(id) & 0x3f) != 1)
		return false;
	d = (struct pi_desc *)(entry(id) & ~0x3full);
	d->pir[vector / 64] |= 1ull << vector % 64;
	if (d->control & (PID_ON | PID_SN))
		return true;
	d->control |= PID_ON;
	hw_interrupt((u32)(d->control >> 32), (u8)(d->control >> 16));
	return true;
}

TEST(table)
{
	start_on(fourth(), "", VAPIC_ON);
	/* Eight bytes aligned, and no entry of it beyond the page; 255 is everyone and exits. */
	CHECK_EQ(fake_vmcs[F_PID_TABLE] % 8, 0);
	CHECK(fake_vmcs[F_LAST_PID] < 0xff);
	CHECK(fake_vmcs[F_PID_TABLE] % 4096 + 8 * (fake_vmcs[F_LAST_PID] + 1) <= 4096);
	for (u32 id = 0; id <= fake_vmcs[F_LAST_PID]; id++)
		CHECK_EQ(entry(id), 0); /* switched off by software since its reset */
	set_svr(SOFT_ON);
	apicv->refresh(&v);
	CHECK_EQ(entry(ID), 0); /* not before it listens */
	vmx_apicv_follow(&v);
	CHECK_EQ(entry(ID), (u64)&vm.hvm->posted[1] | 1);
	for (u32 id = 0; id <= fake_vmcs[F_LAST_PID]; id++)
		CHECK(id == ID || !entry(id));
	/* Who is off, in whatever way, is not there at once. */
	set_svr(SOFT_OFF);
	apicv->refresh(&v);
	CHECK_EQ(entry(ID), 0);
	set_svr(SOFT_ON);
	set_mode(VAPIC_X2);
	CHECK_EQ(entry(ID), (u64)&vm.hvm->posted[1] | 1);
	v.apic_base = VAPIC_OFF;
	apicv->refresh(&v);
	CHECK_EQ(entry(ID), 0);
	vmx_apicv_follow(&v);
	CHECK_EQ(entry(ID), 0);
	CHECK_EQ(vm.hvm->posted[1].control & PID_SN, PID_SN);
	finish();
}

/* While it is being made there is nothing to tell. */
TEST(being_made)
{
	start_on(fourth(), "", VAPIC_ON);
	v.hvm = NULL;
	set_svr(SOFT_OFF);
	apicv->refresh(&v);
	v.hvm = &h;
	finish();
}

/* --- sleeping and waking --------------------------------------------------------------------------- */

static struct thread thread;

static void begin(void)
{
	start_on(fourth(), "", VAPIC_X2);
	set_svr(SOFT_ON);
	vmx_apicv_follow(&v);
	thread = (struct thread){ .ops = build_vcpu_thread_ops, .data = &vm.ports[1] };
	current = &thread;
	notifications = wakes = 0;
	v.recheck = false;
}

TEST(wakes_where_it_fell_asleep)
{
	begin();
	apicv->sleep(&v, true);
	CHECK_EQ(vm.hvm->posted[1].control, 3ull << 32 | 0xe9ull << 16);
	/* Others' wake-ups are not for it, nor those of other CPUs. */
	handlers[0xe9]();
	this = 1;
	handlers[0xe9]();
	this = 0;
	CHECK_EQ(requests, 0);
	vmx_apicv_put(&v);
	CHECK_EQ(vm.hvm->posted[1].control, 3ull << 32 | 0xe9ull << 16);
	CHECK(hw_ipi(ID, 0x51));
	CHECK_EQ(wakes, 1);
	CHECK_EQ(requests, 1);
	CHECK(hw_ipi(ID, 0x52)); /* once is enough */
	CHECK_EQ(wakes, 1);
	/* It comes onto another CPU, and listens there when it has woken. */
	this = 1;
	host_id = 9;
	vmx_apicv_load(&v);
	CHECK_EQ(vm.hvm->posted[1].control, 3ull << 32 | 0xe9ull << 16 | 1);
	apicv->sleep(&v, false);
	CHECK(v.recheck);
	CHECK_EQ(vm.hvm->posted[1].control, 9ull << 32 | 0xf1ull << 16 | 1);
	apicv->sync(&v);
	CHECK_EQ(highest(LAPIC_IRR), 0x52);
	/* No longer on the list of the first. */
	vm.hvm->posted[1].control |= PID_ON;
	this = 0;
	handlers[0xe9]();
	CHECK_EQ(requests, 1);
	finish();
}

TEST(software_asks_one_that_sleeps)
{
	begin();
	apicv->sleep(&v, true);
	apicv->post(&v, 0x51, false);
	CHECK_EQ(requests, 1);
	CHECK_EQ(ipis, 0);
	apicv->sleep(&v, false);
	apicv->sync(&v);
	apicv->post(&v, 0x52, false);
	CHECK_EQ(ipis, 1);
	finish();
}

/* Posts that nobody is told of: it is away, and looks when it comes back. */
TEST(away)
{
	begin();
	vmx_apicv_put(&v);
	CHECK(hw_ipi(ID, 0x51));
	CHECK_EQ(notifications + wakes, 0);
	CHECK_EQ(vm.hvm->posted[1].control & PID_ON, 0);
	vmx_apicv_load(&v);
	CHECK(v.recheck);
	apicv->sync(&v);
	CHECK_EQ(highest(LAPIC_IRR), 0x51);
	finish();
}

TEST(several_sleep)
{
	struct vcpu others[3];
	struct hvm_vcpu hs[3];

	begin();
	for (u32 i = 0; i < 3; i++) {
		hs[i] = h;
		others[i] = v;
		others[i].index = 10 + i;
		others[i].hvm = &hs[i];
		apicv->sleep(&others[i], true);
	}
	apicv->sleep(&v, true);
	apicv->sleep(&others[1], false); /* out of the middle */
	CHECK(hw_ipi(ID, 0x51));         /* vcpu_request() is vCPU 1's alone */
	CHECK_EQ(requests, 1);
	apicv->sleep(&v, false);
	apicv->sleep(&others[0], false);
	apicv->sleep(&others[2], false);
	finish();
}

/*
 * One IPI at each point of a life that sleeps, is preempted and goes from CPU to CPU: it ends with the vector in IRR,
 * as it looks whenever it was told to, by recheck or by a request.
 */
static void look(void)
{
	if (v.recheck || requests || vm.ports[1].requests)
		apicv->sync(&v);
	v.recheck = false;
	requests = vm.ports[1].requests = 0;
}

static void step(u32 n)
{
	switch (n) {
	case 0:
		apicv->sleep(&v, true);
		return;
	case 1:
		apicv->sync(&v); /* it looks whether there is work, and blocks */
		return;
	case 2:
		vmx_apicv_put(&v);
		return;
	case 3:
		this = 1;
		host_id = 9;
		vmx_apicv_load(&v);
		return;
	case 4:
		apicv->sleep(&v, false);
		return;
	case 5:
		vmx_apicv_put(&v); /* preempted */
		return;
	case 6:
		this = 0;
		host_id = 3;
		vmx_apicv_load(&v);
		return;
	case 7:
		apicv->sleep(&v, true);
		return;
	case 8:
		apicv->sleep(&v, false);
		return;
	}
}

TEST(at_every_point)
{
	for (u32 at = 0; at <= 9; at++) {
		for (u32 second = at; second <= 9; second++) {
			begin();
			for (u32 n = 0; n <= 9; n++) {
				if (n == at)
					CHECK(hw_ipi(ID, 0x41));
				if (n == second)
					CHECK(hw_ipi(ID, 0x52));
				step(n);
				/* One that blocks stays so but for a request. */
				if (n == 2 && at <= 2)
					CHECK(at < 2 || requests);
			}
			look();
			CHECK_EQ(highest(LAPIC_IRR), 0x52);
			CHECK(page[LAPIC_IRR + 0x20] & 2);
			CHECK_EQ(vm.hvm->posted[1].control & PID_ON, 0);
			finish();
		}
	}
}

/* The guest may name any vector and any destination. */
TEST(hostile)
{
	begin();
	for (u32 id = 0; id < 0x400; id++) {
		for (u32 vector = 0; vector < 256; vector++) {
			bool posted = hw_ipi(id, (u8)vector);

			CHECK_EQ(posted, id == ID && vector >= 16);
		}
	}
	CHECK(!hw_ipi(~0u, 0x41));
	CHECK_EQ(notifications, 1);
	for (u32 i = 0; i < VM_MAX_VCPUS; i++)
		CHECK(i == 1 || !(vm.hvm->posted[i].pir[0] | vm.hvm->posted[i].control));
	finish();
}
