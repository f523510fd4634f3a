/*
 * KVM's paravirtual interface against Linux's description of it: what is in the guest's areas and when, what its
 * MSRs refuse, steal time and what comes with it, hypercalls.
 *
 * sources: tests/host/fake_vm.c tests/host/fake_vcpu.c vm/pv_msr.c vm/pv_clock.c vm/tscscale.c vm/pv_steal.c vm/pv_call.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "arch/msr.h"
#include "core/thread.h"
#include "lib/errno.h"
#include "tests/host/fake_vcpu.h"
#include "tests/host/harness.h"
#include "vm/gmem.h"
#include "vm/irq.h"
#include "vm/pv.h"
#include "vm/pv_abi.h"
#include "vm/skip.h"

#include <string.h>

#define VCPUS 3
#define CLOCK 0x1000u /* areas */
#define STEAL 0x2040u
#define WALL  0x3004u

static struct vcpu *v, others[VCPUS - 1];
static struct thread threads[VCPUS];
static struct vlapic lapics[VCPUS];
static u64 khz;
static u32 asked[VCPUS]; /* vcpu_request() */
static u32 mode, cpl;
static u32 yields_to, wakes;          /* vCPUs, as bits */
static u32 accepted[VCPUS];           /* messages */
static u8 last_vector, last_delivery; /* of them */
static u32 deaf;                      /* APICs that are off, as bits */
static u32 rivals;                    /* so often another vCPU is faster than gmem_cas() */
static u32 skips, skips_before;       /* the hypercall that is under way */

/* --- what it calls ----------------------------------------------------------------------------------------- */

u64 clock_tsc_khz(void)
{
	return khz;
}

void vcpu_request(struct vm *m, u32 index, u32 requests)
{
	asked[index] |= requests;
}

void vcpu_need(struct vcpu *c, u32 groups) {}

u32 vcpu_mode(struct vcpu *c)
{
	return mode;
}

u32 vcpu_cpl(struct vcpu *c)
{
	return cpl;
}

void vcpu_skip_slow(struct vcpu *c, u32 len)
{
	skips++;
}

static u32 index_of(const struct thread *t)
{
	for (u32 i = 0; i < VCPUS; i++) {
		if (fake_vm->ports[i].thread == t)
			return i;
	}
	CHECK(false);
	return 0;
}

bool thread_yield_to(struct thread *t)
{
	CHECK_EQ(skips, skips_before + 1); /* a thread gives way between two instructions */
	yields_to |= 1u << index_of(t);
	return true;
}

void thread_wake(struct thread *t)
{
	wakes |= 1u << index_of(t);
}

bool vlapic_match(const struct vlapic *l, const struct irq_msg *msg)
{
	CHECK(msg->wide && !msg->logical && msg->dest == l->vcpu->apic_id);
	return !(deaf & 1u << l->vcpu->index);
}

bool vlapic_accept(struct vlapic *l, const struct irq_msg *msg)
{
	accepted[l->vcpu->index]++;
	last_vector = msg->vector;
	last_delivery = msg->delivery;
	return true;
}

static u32 version_at(u64 gpa)
{
	u32 version;

	memcpy(&version, fake_memory + gpa, sizeof(version));
	return version;
}

/* What an area's body was when its version was last stored: odd before anything else, even after all. */
static u8 body_at_odd[64], body_at_even[64];
static u64 watched; /* the area */
static u64 watched_version;

int gmem_store(struct vm *m, gpa_t gpa, u64 value, size_t size)
{
	CHECK_EQ(gpa.v % size, 0);
	if (gpa.v == watched_version)
		memcpy(value & 1 ? body_at_odd : body_at_even, fake_memory + watched, 64);
	return gmem_write(m, gpa, &value, size);
}

int gmem_cas(struct vm *m, gpa_t gpa, u64 *expected, u64 value, size_t size)
{
	u8 now;

	CHECK_EQ(size, 1);
	if (gmem_read(m, gpa, &now, 1))
		return -EFAULT;
	if (rivals) {
		rivals--;
		now ^= 4;
		CHECK_EQ(gmem_write(m, gpa, &now, 1), 0);
	}
	if (now != *expected) {
		*expected = now;
		return -EAGAIN;
	}
	return gmem_write(m, gpa, &value, 1);
}

/* --- tests -------------------------------------------------------------------------------------------------- */

static void start(void)
{
	fake_vcpu_new();
	v = fake_vcpu;
	fake_cpuid_table = (struct cpuid_table){ .pv_features = ~0u };
	fake_vm->vcpu_count = VCPUS;
	memset(fake_vm->topology.vcpu_of, TOPOLOGY_NOBODY, sizeof(fake_vm->topology.vcpu_of));
	for (u32 i = 0; i < VCPUS; i++) {
		struct vcpu *c = i ? &others[i - 1] : v;

		if (i)
			*c = (struct vcpu){ .vm = fake_vm, .port = &fake_vm->ports[i], .index = i };
		c->apic_id = 2 * i; /* as where there are two threads for each */
		c->lapic = &lapics[i];
		lapics[i].vcpu = c;
		threads[i] = (struct thread){ 0 };
		fake_vm->ports[i].thread = &threads[i];
		fake_vm->ports[i].vcpu = c;
		fake_vm->ports[i].requests = 0;
		fake_vm->ports[i].where = VCPU_OUTSIDE;
		fake_vm->topology.vcpu_of[c->apic_id] = (u8)i;
		pv_reset(&c->pv);
	}
	memset(fake_memory, 0, sizeof(fake_memory));
	memset(asked, 0, sizeof(asked));
	memset(accepted, 0, sizeof(accepted));
	khz = 1000000;
	mode = 64;
	cpl = yields_to = wakes = deaf = rivals = skips = 0;
	watched = watched_version = ~0ull;
}

static struct kvm_system_time clock_area(void)
{
	struct kvm_system_time t;

	memcpy(&t, fake_memory + CLOCK, sizeof(t));
	return t;
}

/* As "MSR_KVM_SYSTEM_TIME_NEW" says that the guest does it. */
static u64 guest_clock(u64 tsc)
{
	struct kvm_system_time t = clock_area();
	u64 time = tsc - t.tsc_timestamp;

	CHECK_EQ(t.version % 2, 0);
	if (t.shift >= 0)
		time <<= t.shift;
	else
		time >>= -t.shift;
	return (u64)((unsigned __int128)time * t.mul >> 32) + t.system_time;
}

/* Nearer than a nanosecond in a second, at all frequencies. */
TEST(frequencies)
{
	static const u64 rates[] = { 1000,    10000,   100001,  999999,  1000000,  1000001,
				     2400000, 2596134, 3999999, 5000003, 10000000, 99999999 };

	for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
		start();
		khz = rates[i];
		CHECK_EQ(pv_wrmsr(v, 0x4b564d01, CLOCK | 1), 0);
		for (u64 s = 1; s < 100000000; s *= 10) {
			u64 got = guest_clock(s * khz * 1000), want = s * 1000000000;
			u64 error = got > want ? got - want : want - got;

			CHECK(error <= s + 2000000 / khz);
			CHECK_EQ(pv_clock_ns(v, s * khz * 1000), got);
		}
		for (u64 tsc = 0, last = 0; tsc < 5000; tsc++) {
			CHECK(guest_clock(tsc) >= last);
			last = guest_clock(tsc);
		}
	}
}

/* That of the VM's TSC, not of the host's. */
TEST(frequency_of_its_own)
{
	start();
	khz = 2000000;
	fake_vm->tsc.khz = 3000000;
	CHECK_EQ(pv_wrmsr(v, 0x4b564d01, CLOCK | 1), 0);
	CHECK_EQ((guest_clock(3000000000) + 1) / 10, 100000000);
	CHECK_EQ((pv_clock_ns(v, 6000000000) + 1) / 10, 200000000);
}

TEST(clock)
{
	u64 value;

	start();
	watched = watched_version = CLOCK;
	memset(fake_memory + CLOCK, 0xaa, 64);
	CHECK_EQ(pv_wrmsr(v, 0x4b564d01, CLOCK | 1), 0);
	CHECK_EQ(body_at_odd[8], 0xaa); /* nothing was changed yet */
	CHECK_EQ(body_at_even[8], 0);
	CHECK_EQ(clock_area().version % 2, 0);
	CHECK(clock_area().version != 0xaaaaaaaa);
	CHECK_EQ(clock_area().flags, KVM_TIME_STABLE);
	CHECK_EQ(clock_area().pad, 0xaaaaaaaa); /* not ours */
	CHECK_EQ(fake_memory[CLOCK + 32], 0xaa);
	CHECK_EQ(guest_clock(12345), 12345);
	CHECK_EQ(pv_rdmsr(v, 0x4b564d01, &value), 0);
	CHECK_EQ(value, CLOCK | 1);
	CHECK_EQ(pv_rdmsr(v, 0x12, &value), 0); /* the old name */
	CHECK_EQ(value, CLOCK | 1);
	/* An odd version, left by whom ever, is no good beginning. */
	fake_memory[CLOCK] = 7;
	pv_clock_update(v);
	CHECK_EQ(version_at(CLOCK) % 2, 0);
	/* Switched off nothing is written any more. */
	CHECK_EQ(pv_wrmsr(v, 0x12, 0), 0);
	memset(fake_memory + CLOCK, 0xaa, 64);
	pv_clock_update(v);
	CHECK_EQ(version_at(CLOCK), 0xaaaaaaaa);
}

/* Whatever the guest writes into its TSC, its clock goes on. */
TEST(tsc_moved)
{
	start();
	CHECK_EQ(pv_wrmsr(v, 0x4b564d01, CLOCK | 1), 0);
	CHECK_EQ(guest_clock(5000), 5000);
	CHECK(fake_vm->clocks_shown);
	v->tsc_adjust += 1000000;
	pv_clock_update_all(v);
	CHECK_EQ(guest_clock(1005000), 5000);
	CHECK_EQ(clock_area().flags, 0); /* the other vCPUs' TSCs are others */
	CHECK(asked[1] == REQ_PV_CLOCK && asked[2] == REQ_PV_CLOCK && !asked[0]);
	others[0].tsc_adjust = others[1].tsc_adjust = 1000000;
	pv_clock_update(v);
	CHECK_EQ(clock_area().flags, KVM_TIME_STABLE);
	v->tsc_adjust = 0;
	pv_clock_update_all(v);
	CHECK_EQ(guest_clock(5000), 5000);
}

static u32 wall_s(void)
{
	struct kvm_wall_clock w;

	memcpy(&w, fake_memory + WALL, sizeof(w));
	CHECK_EQ(w.version % 2, 0);
	CHECK_EQ(w.nsec, 0);
	return w.sec;
}

/* The time of day when the clock was 0. */
TEST(wall)
{
	start();
	fake_wall = 1700000000;
	fake_tsc = 90000000000;
	CHECK_EQ(pv_wrmsr(v, 0x4b564d00, WALL), 0);
	CHECK_EQ(wall_s(), 1700000000 - 90);
	fake_vm->cfg.clock = CLOCK_VARIABLE;
	fake_vm->cfg.clock_s = -3600;
	CHECK_EQ(pv_wrmsr(v, 0x11, WALL), 0);
	CHECK_EQ(wall_s(), 1700000000 - 90 - 3600);
	fake_vm->cfg.clock = CLOCK_ABSOLUTE;
	fake_vm->cfg.clock_s = 1000000;
	fake_now = 90000000000;
	CHECK_EQ(pv_wrmsr(v, 0x11, WALL), 0);
	CHECK_EQ(wall_s(), 1000000);
	CHECK_EQ(pv_wrmsr(v, 0x4b564d00, 0), 0);
	CHECK_EQ(version_at(0), 0);
}

/* Not aligned, not in RAM, reserved bits: #GP, nothing is written, and what was there stays. */
TEST(addresses)
{
	const u64 end = sizeof(fake_memory);
	const u64 bad[] = {
		0x1003, 0x1002 | 1,         end | 1,    (end - 28) | 1,    1ull << 40 | 1,
		~0ull,  0xfffffffffffffffd, 0xfee00001, (end + 0x1000) | 1
	};
	static const u32 msrs[] = { 0x12, 0x4b564d01, 0x4b564d03 };
	u64 value;

	start();
	for (size_t m = 0; m < ARRAY_LEN(msrs); m++) {
		CHECK_EQ(pv_wrmsr(v, msrs[m], STEAL | 1), 0);
		memset(fake_memory, 0, sizeof(fake_memory));
		for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
			CHECK_EQ(pv_wrmsr(v, msrs[m], bad[i] | 1), -EINVAL);
			CHECK_EQ(pv_rdmsr(v, msrs[m], &value), 0);
			CHECK_EQ(value, STEAL | 1);
		}
		for (size_t i = 0; i < sizeof(fake_memory); i++)
			CHECK_EQ(fake_memory[i], 0);
	}
	CHECK_EQ(pv_wrmsr(v, 0x4b564d00, end - 8), -EINVAL);
	CHECK_EQ(pv_wrmsr(v, 0x4b564d00, WALL + 1), -EINVAL);
	CHECK_EQ(pv_wrmsr(v, 0x4b564d00, WALL + 2), -EINVAL);
	CHECK_EQ(pv_rdmsr(v, 0x4b564d00, &value), 0);
	CHECK_EQ(value, 0);
	CHECK_EQ(pv_wrmsr(v, 0x4b564d03, (STEAL + 32) | 1), -EINVAL);
	CHECK_EQ(pv_wrmsr(v, 0x4b564d03, STEAL | 3), -EINVAL);
	CHECK_EQ(pv_wrmsr(v, 0x4b564d03, 2), -EINVAL);
	CHECK_EQ(pv_wrmsr(v, 0x4b564d03, (end - 64) | 1), 0);
	CHECK_EQ(pv_wrmsr(v, 0x4b564d01, (end - 32) | 1), 0);
}

/* An area that is not there any more when it is used. */
TEST(gone)
{
	start();
	v->pv.clock = sizeof(fake_memory) | 1;
	v->pv.steal = sizeof(fake_memory) | 1;
	pv_clock_update(v);
	threads[0].waited_ns = 500;
	pv_steal_switched_out(v);
	CHECK(!v->pv.told_preempted);
	pv_steal_switched_in(v);
	v->pv.told_preempted = true;
	pv_steal_switched_in(v);
	CHECK_EQ(fake_backend.flushes, 1); /* what was asked for cannot be seen */
	pv_clock_show_wall(v, sizeof(fake_memory));
	pv_clock_show_wall(v, ~3ull);
}

TEST(not_offered)
{
	static const struct {
		u32 msr;
		u64 feature, value;
	} rows[] = { { 0x11, BIT(0), WALL },
		     { 0x12, BIT(0), CLOCK | 1 },
		     { 0x4b564d00, BIT(3), WALL },
		     { 0x4b564d01, BIT(3), CLOCK | 1 },
		     { 0x4b564d03, BIT(5), STEAL | 1 },
		     { 0x4b564d05, BIT(12), 1 } };
	u64 value;

	start();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		fake_cpuid_table.pv_features = ~(u32)rows[i].feature;
		CHECK_EQ(pv_rdmsr(v, rows[i].msr, &value), -EINVAL);
		CHECK_EQ(pv_wrmsr(v, rows[i].msr, rows[i].value), -EINVAL);
		fake_cpuid_table.pv_features = (u32)rows[i].feature;
		CHECK_EQ(pv_wrmsr(v, rows[i].msr, rows[i].value), 0);
		CHECK_EQ(pv_rdmsr(v, rows[i].msr, &value), 0);
		CHECK_EQ(value, rows[i].value);
	}
	fake_cpuid_table.pv_features = ~0u;
	for (u32 msr = 0x4b564d06; msr < 0x4b564e00; msr++)
		CHECK_EQ(pv_rdmsr(v, msr, &value), -EINVAL);
	CHECK_EQ(pv_rdmsr(v, 0x4b564d02, &value), -EINVAL); /* asynchronous page faults */
}

TEST(poll_control)
{
	u64 value;

	start();
	CHECK_EQ(pv_rdmsr(v, 0x4b564d05, &value), 0);
	CHECK_EQ(value, 1);
	CHECK_EQ(pv_wrmsr(v, 0x4b564d05, 0), 0);
	CHECK_EQ(pv_wrmsr(v, 0x4b564d05, 2), -EINVAL);
	CHECK_EQ(pv_rdmsr(v, 0x4b564d05, &value), 0);
	CHECK_EQ(value, 0);
}

static struct kvm_steal_time steal_area(void)
{
	struct kvm_steal_time t;

	memcpy(&t, fake_memory + STEAL, sizeof(t));
	return t;
}

static void away(u64 ns)
{
	pv_steal_switched_out(v);
	threads[0].waited_ns += ns;
}

TEST(steal)
{
	start();
	watched = STEAL;
	watched_version = STEAL + 8;
	away(1000); /* before it was asked for */
	pv_steal_switched_in(v);
	CHECK_EQ(pv_wrmsr(v, 0x4b564d03, STEAL | 1), 0);
	CHECK_EQ(steal_area().steal, 0);
	away(500);
	CHECK_EQ(steal_area().preempted, KVM_PREEMPTED);
	pv_steal_switched_in(v);
	CHECK_EQ(steal_area().preempted, 0);
	CHECK_EQ(steal_area().steal, 500);
	CHECK_EQ(steal_area().version, 2);
	CHECK_EQ(*(u64 *)body_at_odd, 0);
	CHECK_EQ(*(u64 *)body_at_even, 500);
	pv_steal_switched_in(v); /* it slept: nothing is stolen */
	CHECK_EQ(steal_area().version, 2);
	away(70);
	pv_steal_switched_in(v);
	CHECK_EQ(steal_area().steal, 570);
	CHECK_EQ(steal_area().flags, 0);
	CHECK_EQ(fake_backend.flushes, 0);
	/* An INIT switches it off; the guest's sum is its own, and goes on. */
	pv_reset(&v->pv);
	away(10000);
	pv_steal_switched_in(v);
	CHECK_EQ(steal_area().steal, 570);
	CHECK_EQ(steal_area().preempted, 0);
	CHECK_EQ(pv_wrmsr(v, 0x4b564d03, STEAL | 1), 0);
	away(30);
	pv_steal_switched_in(v);
	CHECK_EQ(steal_area().steal, 600);
}

/* Another vCPU leaves the flush to when this one runs again. */
TEST(flush)
{
	start();
	CHECK_EQ(pv_wrmsr(v, 0x4b564d03, STEAL | 1), 0);
	away(5);
	fake_memory[STEAL + 16] |= KVM_PREEMPT_FLUSH;
	pv_steal_switched_in(v);
	CHECK_EQ(fake_backend.flushes, 1);
	CHECK_EQ(steal_area().preempted, 0);
	pv_steal_switched_in(v);
	CHECK_EQ(fake_backend.flushes, 1);
}

/* One that changes the byte all the time holds up nothing, and cannot have a flush forgotten. */
TEST(rival)
{
	for (u32 n = 1; n < 20; n++) {
		start();
		CHECK_EQ(pv_wrmsr(v, 0x4b564d03, STEAL | 1), 0);
		away(5);
		rivals = n;
		fake_memory[STEAL + 16] |= KVM_PREEMPT_FLUSH;
		pv_steal_switched_in(v);
		CHECK_EQ(fake_backend.flushes, 1);
		CHECK_EQ(steal_area().preempted, 0);
	}
}

static s64 call(u64 number, u64 a0, u64 a1, u64 a2, u64 a3)
{
	static const struct vm_exit e = { .kind = EXIT_HYPERCALL };
	u64 *g = v->regs.gpr;

	skips_before = skips;
	g[GPR_RAX] = number;
	g[GPR_RBX] = a0;
	g[GPR_RCX] = a1;
	g[GPR_RDX] = a2;
	g[GPR_RSI] = a3;
	pv_hypercall(v, &e);
	CHECK_EQ(skips, skips_before + 1);
	CHECK(g[GPR_RBX] == a0 && g[GPR_RCX] == a1 && g[GPR_RDX] == a2 && g[GPR_RSI] == a3);
	return (s64)g[GPR_RAX];
}

TEST(calls)
{
	static const u64 known[] = { 1, 5, 10, 11 };

	start();
	for (u64 n = 0; n < 300; n++) {
		bool is_known = n == 1 || n == 5 || n == 10 || n == 11;

		CHECK_EQ(call(n, 0, 99, 0, 0x40), is_known ? 0 : -1000);
	}
	CHECK_EQ(call(~0ull, 0, 0, 0, 0), -1000);
	CHECK_EQ(call(1ull << 32 | 5, 0, 0, 0, 0), -1000);
	cpl = 3;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		CHECK_EQ(call(known[i], 2, 2, 0, 0x40), -1);
	cpl = 0;
	fake_cpuid_table.pv_features = 0;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		CHECK_EQ(call(known[i], 2, 2, 0, 0x40), -1000);
	fake_cpuid_table.pv_features = BIT(3);
	for (size_t i = 1; i < ARRAY_LEN(known); i++)
		CHECK_EQ(call(known[i], 2, 2, 0, 0x40), -1000);
	CHECK(!yields_to && !wakes && !accepted[1]);
}

TEST(kick)
{
	start();
	fake_vm->ports[1].where = VCPU_SLEEPS;
	CHECK_EQ(call(5, 0, 2, 0, 0), 0); /* APIC id 2 is vCPU 1 */
	CHECK_EQ(fake_vm->ports[1].requests, REQ_UNHALT);
	CHECK_EQ(wakes, 2);
	CHECK_EQ(yields_to, 0); /* it gets a CPU as any that wakes */
	/* One that does not sleep is not disturbed, but may have this one's place. */
	CHECK_EQ(call(5, 0, 4, 0, 0), 0);
	CHECK_EQ(fake_vm->ports[2].requests, REQ_UNHALT);
	CHECK_EQ(wakes, 2);
	CHECK_EQ(yields_to, 4);
	/* Nobody. */
	fake_vm->ports[0].requests = 0;
	CHECK_EQ(call(5, 0, 1, 0, 0), 0);
	CHECK_EQ(call(5, 0, 127, 0, 0), 0);
	CHECK_EQ(call(5, 0, 128, 0, 0), 0);
	CHECK_EQ(call(5, 0, ~0ull, 0, 0), 0);
	CHECK_EQ(call(5, 0, 1ull << 32, 0, 0), 0);
	CHECK_EQ(fake_vm->ports[0].requests, 0);
	mode = 32; /* whose registers have no upper halves */
	CHECK_EQ(call(5, 0, 1ull << 32, 0, 0), 0);
	CHECK_EQ(fake_vm->ports[0].requests, REQ_UNHALT);
	CHECK_EQ(yields_to, 4); /* not to itself */
}

TEST(yield)
{
	start();
	CHECK_EQ(call(11, 4, 0, 0, 0), 0);
	CHECK_EQ(yields_to, 4);
	CHECK_EQ(call(11, 0, 0, 0, 0), 0);
	CHECK_EQ(call(11, 3, 0, 0, 0), 0);
	CHECK_EQ(call(11, ~0ull, 0, 0, 0), 0);
	CHECK_EQ(yields_to, 4);
	CHECK(!fake_vm->ports[2].requests && !wakes);
}

static void forget_ipis(void)
{
	memset(accepted, 0, sizeof(accepted));
}

TEST(ipis)
{
	start();
	CHECK_EQ(call(10, 0x15, 0, 0, 0x41), 3);
	CHECK(accepted[0] == 1 && accepted[1] == 1 && accepted[2] == 1);
	CHECK_EQ(last_vector, 0x41);
	CHECK_EQ(last_delivery, DELIVER_FIXED);
	forget_ipis();
	/* All bits: only those that there are. */
	CHECK_EQ(call(10, ~0ull, ~0ull, 0, 0x42), 3);
	CHECK_EQ(call(10, ~0ull, ~0ull, 1, 0x42), 2);
	CHECK_EQ(call(10, ~0ull, ~0ull, 0xffffffff, 0x42), 0);
	CHECK_EQ(call(10, 0, 0, 0, 0x42), 0);
	forget_ipis();
	CHECK_EQ(call(10, 1ull << 62, 1, 0xffffffc2, 0x42), 0); /* no wrap to id 0 or 2 */
	CHECK_EQ(call(10, 1, 0, 4, 0x400), 1);                  /* an NMI */
	CHECK(accepted[2] == 1 && last_delivery == DELIVER_NMI);
	deaf = 2;
	CHECK_EQ(call(10, 0x14, 0, 0, 0x41), 1);
	deaf = 0;
	forget_ipis();
	/* The second word begins at 64 in 64-bit code, at 32 in other code. */
	fake_vm->topology.vcpu_of[64] = 1;
	fake_vm->topology.vcpu_of[32] = 2;
	others[0].apic_id = 64;
	others[1].apic_id = 32;
	CHECK_EQ(call(10, 0, 1, 0, 0x41), 1);
	CHECK(accepted[1] == 1 && !accepted[2]);
	mode = 32;
	CHECK_EQ(call(10, 0, 1, 0, 0x41), 1);
	CHECK(accepted[1] == 1 && accepted[2] == 1);
}

/* What is no IPI of the kinds that guests send so. */
TEST(ipis_refused)
{
	static const u64 icr[] = { 0,          0x0f,    0x800 | 0x41, 0x40000 | 0x41,
				   0x80041,    0xc0041, 0x100 | 0x41, 0x200 | 0x41,
				   0x300 | 41, 0x500,   0x600 | 0x10, 0x700 | 0x41 };

	start();
	for (size_t i = 0; i < ARRAY_LEN(icr); i++)
		CHECK_EQ(call(10, 0x15, 0, 0, icr[i]), -22);
	CHECK(!accepted[0] && !accepted[1] && !accepted[2]);
}
