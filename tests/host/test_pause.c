/*
 * Pauses of a VM with two vCPUs: its time stops with the last that has left guest mode, goes on for both alike, and
 * is frozen again where nobody has left a pause yet.
 *
 * sources: vm/pause.c vm/vtimer.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "lib/errno.h"
#include "tests/host/fake_time.h"
#include "tests/host/harness.h"
#include "vm/call.h"
#include "vm/keeper.h"
#include "vm/pause.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vm/vtimer.h"

#define TSC_PER_NS 2u

static struct vm vm;
static struct vcpu v[2];
static u32 requests, locks;
static bool calls_fail;

/* --- what they call ---------------------------------------------------------------------------------------- */

u64 fake_rdtsc(void)
{
	return now * TSC_PER_NS;
}

void spin_lock(struct spinlock *l)
{
	CHECK_EQ(locks++, 0);
}

void spin_unlock(struct spinlock *l)
{
	CHECK_EQ(locks--, 1);
}

bool vm_active(const struct vm *m)
{
	return m->state == VM_RUNNING || m->state == VM_PAUSED;
}

void vm_set_state(struct vm *m, enum vm_state state)
{
	CHECK_EQ(locks, 1);
	m->state = state;
}

void vm_request_all(struct vm *m, u32 req)
{
	CHECK_EQ(locks, 1);
	requests |= req;
}

int vcpu_call(struct vm *m, u32 index, void (*fn)(struct vcpu *c, void *arg), void *arg)
{
	CHECK_EQ(locks, 0);
	return calls_fail ? -ENODEV : 0;
}

/* --- tests --------------------------------------------------------------------------------------------------- */

static void start(void)
{
	now = 1000;
	vm = (struct vm){ .state = VM_RUNNING, .vcpu_count = 2, .time_base = now };
	list_init(&vm.dev_timers);
	for (u32 i = 0; i < 2; i++) {
		v[i] = (struct vcpu){ .vm = &vm, .port = &vm.ports[i], .index = i };
		v[i].tsc_offset = -fake_rdtsc();
		list_init(&v[i].vtimers);
	}
	requests = tsc_told = 0;
	calls_fail = false;
}

static void check_time(u64 ns)
{
	CHECK_EQ(vm_time_ns(&vm), ns);
	CHECK_EQ(vcpu_tsc(&v[0]), ns * TSC_PER_NS);
	CHECK_EQ(vcpu_tsc(&v[1]), ns * TSC_PER_NS);
}

TEST(with_the_last)
{
	start();
	CHECK_EQ(vm_pause(&vm), 0);
	CHECK_EQ(requests, REQ_PAUSE);
	CHECK_EQ(vm_pause(&vm), -EALREADY);
	now += 10;
	pause_enter(&v[1]);
	now += 5; /* the other is in guest mode still */
	CHECK_EQ(vm.state, VM_RUNNING);
	check_time(15);
	pause_enter(&v[0]);
	now += 1000;
	CHECK_EQ(vm.state, VM_PAUSED);
	check_time(15);
	CHECK_EQ(vm_resume(&vm), 0);
	CHECK_EQ(vm.state, VM_RUNNING);
	/* It goes on before any of them does; who is late is not behind. */
	pause_leave(&v[1]);
	CHECK_EQ(vcpu_tsc(&v[1]), 15 * TSC_PER_NS);
	now += 7;
	pause_leave(&v[0]);
	check_time(22);
	CHECK_EQ(tsc_told, 2);
}

TEST(over_before_all_were_there)
{
	start();
	CHECK_EQ(vm_pause(&vm), 0);
	pause_enter(&v[0]);
	now += 50;
	CHECK_EQ(vm_resume(&vm), 0);
	pause_leave(&v[0]);
	CHECK_EQ(vm.state, VM_RUNNING);
	check_time(50);
	CHECK_EQ(tsc_told, 0);
}

/* Paused again before anybody has left: nobody comes who would be the last. */
TEST(again_at_once)
{
	start();
	CHECK_EQ(vm_pause(&vm), 0);
	pause_enter(&v[0]);
	pause_enter(&v[1]);
	now += 100;
	CHECK_EQ(vm_resume(&vm), 0);
	now += 3;
	CHECK_EQ(vm_pause(&vm), 0);
	CHECK_EQ(vm.state, VM_PAUSED);
	now += 100;
	CHECK_EQ(vm_resume(&vm), 0);
	pause_leave(&v[0]);
	pause_leave(&v[1]);
	now += 4;
	check_time(7);
}

/* The end lets them go, and time with them. */
TEST(ended)
{
	start();
	CHECK_EQ(vm_pause(&vm), 0);
	pause_enter(&v[0]);
	pause_enter(&v[1]);
	now += 100;
	vm.stop_reason = STOP_DESTROYED;
	CHECK_EQ(vm_resume(&vm), -ENODEV);
	pause_leave(&v[0]);
	CHECK_EQ(vm.state, VM_RUNNING);
	pause_leave(&v[1]);
	CHECK_EQ(vm.paused_vcpus, 0);
	CHECK_EQ(vm.frozen, 0);
	check_time(0);
}

TEST(off)
{
	start();
	vm.state = VM_STOPPED;
	CHECK_EQ(vm_pause(&vm), -ENODEV);
	CHECK_EQ(requests, 0);
	vm.state = VM_RUNNING;
	calls_fail = true; /* it ends meanwhile */
	CHECK_EQ(vm_pause(&vm), -ENODEV);
}
