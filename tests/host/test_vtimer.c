/*
 * A VM's timers and its time: called at their deadlines, in order; time that stands still in a pause, the TSC
 * with it, and no timers in a heap after it.
 *
 * sources: vm/vtimer.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "lib/errno.h"
#include "tests/host/fake_time.h"
#include "tests/host/harness.h"
#include "vm/vcpu.h"
#include "vm/vdev.h"
#include "vm/vm.h"
#include "vm/vtimer.h"

#define START_NS    1000000ULL
#define TSC_PER_NS  3u
#define TSC_AT_BOOT 12345u

static struct vm vm;
static struct vcpu v;
static bool lock_held; /* the device's */
static u32 list_locks; /* holders of the lock of the devices' timers */
static struct vdev dev;

/* --- what it calls ----------------------------------------------------------------------------------- */

u64 fake_rdtsc(void)
{
	return TSC_AT_BOOT + now * TSC_PER_NS;
}

static void (*before_dev_lock)(void); /* what another vCPU does just then */

void spin_lock(struct spinlock *l)
{
	if (l == &vm.timer_lock) {
		CHECK_EQ(list_locks++, 0);
		return;
	}
	CHECK(l == &dev.lock && !lock_held && !list_locks);
	if (before_dev_lock)
		before_dev_lock();
	lock_held = true;
}

void spin_unlock(struct spinlock *l)
{
	if (l == &vm.timer_lock) {
		CHECK_EQ(list_locks--, 1);
		return;
	}
	CHECK(lock_held);
	lock_held = false;
}

/* --- tests -------------------------------------------------------------------------------------------- */

#define TIMERS 4
static struct vtimer timers[TIMERS];
static u32 fired[TIMERS], total, order[16];

static void on_timer(struct vtimer *t)
{
	u32 i = (u32)(t - timers);

	CHECK(!t->armed);
	CHECK(t->deadline_ns <= vm_time_ns(&vm));
	fired[i]++;
	order[total++ % ARRAY_LEN(order)] = i;
}

static u64 guest_tsc(void)
{
	return fake_rdtsc() + v.tsc_offset;
}

static void start(void)
{
	vm = (struct vm){ .time_base = START_NS };
	v = (struct vcpu){ .vm = &vm, .port = &vm.ports[0] };
	list_init(&v.vtimers);
	list_init(&vm.dev_timers);
	dev = (struct vdev){ .vm = &vm };
	before_dev_lock = NULL;
	now = START_NS;
	v.tsc_offset = -fake_rdtsc();
	total = tsc_told = 0;
	for (u32 i = 0; i < TIMERS; i++) {
		vtimer_init_vcpu(&timers[i], &v, on_timer);
		fired[i] = 0;
	}
}

/* As the host's timer does it: it raises a request, and the vCPU calls what has expired. */
static void pass(u64 ns)
{
	u64 end = now + ns;
	struct timer *host = &vm.ports[0].timer, *devices = &vm.dev_timer;

	for (;;) {
		if (host->armed && host->deadline_ns <= end) {
			now = MAX(now, host->deadline_ns);
			host->armed = false;
			vtimer_run(&v);
		} else if (devices->armed && devices->deadline_ns <= end) {
			now = MAX(now, devices->deadline_ns);
			devices->armed = false;
			vtimer_run_devices(&vm);
		} else {
			break;
		}
	}
	now = end;
}

/* As vm/pause.c does it with a VM of one vCPU. */
static void pause(void)
{
	vtimer_pause(&v);
	vtimer_stop_time(&vm);
}

static void resume(void)
{
	vtimer_start_time(&vm);
	vtimer_resume(&v, vm.paused_tsc);
}

TEST(in_order_of_deadlines)
{
	start();
	vtimer_arm(&timers[0], 3000);
	vtimer_arm(&timers[1], 1000);
	vtimer_arm(&timers[2], 2000);
	vtimer_arm(&timers[3], 2000);
	vtimer_cancel(&timers[3]);
	pass(999);
	CHECK_EQ(total, 0);
	pass(1);
	CHECK_EQ(fired[1], 1);
	vtimer_arm(&timers[0], 1500); /* moved */
	pass(10000);
	CHECK_EQ(total, 3);
	CHECK_EQ(order[1], 0);
	CHECK_EQ(order[2], 2);
	CHECK_EQ(fired[3], 0);
	CHECK(!vm.ports[0].timer.armed);
}

/* As the run loop has it: in guest mode, in HLT, without a CPU. */
TEST(hardware_while_it_runs)
{
	struct timer *host = &vm.ports[0].timer;

	start();
	hw_timer = true;
	vtimer_arm(&timers[0], 100);
	vtimer_arm(&timers[1], 50);
	CHECK(!host->armed);
	CHECK_EQ(hw_deadline, START_NS + 50);
	vtimer_cancel(&timers[1]);
	CHECK_EQ(hw_deadline, START_NS + 100);
	now = START_NS + 100;
	vtimer_run(&v); /* EXIT_TIMER */
	CHECK_EQ(fired[0], 1);
	CHECK_EQ(hw_deadline, HVM_NO_DEADLINE);

	/* Another has its CPU: the host's timer is left to it, until it is armed for another time. */
	vtimer_arm(&timers[0], 200);
	vtimer_put(&v);
	CHECK(host->armed && host->deadline_ns == START_NS + 200);
	CHECK_EQ(hw_deadline, HVM_NO_DEADLINE);
	vtimer_arm(&timers[0], 200);
	CHECK(host->armed && hw_deadline == HVM_NO_DEADLINE);
	vtimer_arm(&timers[0], 300);
	CHECK(!host->armed);
	CHECK_EQ(hw_deadline, START_NS + 300);

	/* It waits in HLT: the next time the host's timer is set at once. */
	v.activity = ACTIVITY_HALTED;
	vtimer_put(&v);
	pass(200);
	CHECK_EQ(fired[0], 2);
	v.activity = ACTIVITY_RUNS;
	vtimer_arm(&timers[0], 400);
	CHECK(host->armed && hw_deadline == HVM_NO_DEADLINE);
	pass(100); /* this time it ran on */
	vtimer_arm(&timers[0], 500);
	CHECK(!host->armed);
	CHECK_EQ(hw_deadline, START_NS + 500);

	/* A pause takes it away, and its threads' sleep brings nothing back; after it there is as long to go. */
	pause();
	CHECK_EQ(hw_deadline, HVM_NO_DEADLINE);
	vtimer_put(&v);
	CHECK(!host->armed);
	pass(1000);
	resume();
	CHECK_EQ(hw_deadline, START_NS + 1500);
	hw_timer = false;
}

TEST(device_lock_is_held)
{
	start();
	vtimer_init_dev(&timers[0], &dev, on_timer);
	vtimer_arm(&timers[0], 10);
	pass(10);
	CHECK_EQ(fired[0], 1);
	CHECK(!lock_held && !list_locks);
	CHECK(!vm.dev_timer.armed && !vm.ports[0].timer.armed);
}

static void cancel_0(void)
{
	vtimer_cancel(&timers[0]);
}

static void move_0(void)
{
	before_dev_lock = NULL;
	vtimer_arm(&timers[0], 30);
}

/* Its device's lock is free until its turn: another vCPU may take it back, or move it. */
TEST(taken_back_at_the_last_moment)
{
	start();
	vtimer_init_dev(&timers[0], &dev, on_timer);
	vtimer_init_dev(&timers[1], &dev, on_timer);
	vtimer_arm(&timers[0], 10);
	vtimer_arm(&timers[1], 20);
	before_dev_lock = cancel_0;
	pass(20);
	CHECK_EQ(fired[0], 0);
	CHECK_EQ(fired[1], 1);
	vtimer_arm(&timers[0], 25);
	before_dev_lock = move_0;
	pass(5);
	CHECK_EQ(fired[0], 0);
	pass(5);
	CHECK_EQ(fired[0], 1);
	CHECK(list_empty(&vm.dev_timers));
}

/* The devices' timers stand still with vCPU 0; of another vCPU only its own. */
TEST(devices_in_a_pause)
{
	struct vcpu other = { .vm = &vm, .port = &vm.ports[1], .index = 1 };

	start();
	list_init(&other.vtimers);
	vtimer_init_dev(&timers[0], &dev, on_timer);
	vtimer_arm(&timers[0], 100);
	vtimer_pause(&other);
	CHECK(vm.dev_timer.armed);
	pause();
	CHECK(!vm.dev_timer.armed);
	pass(5000);
	resume();
	vtimer_resume(&other, vm.paused_tsc);
	CHECK_EQ(other.tsc_offset, -5000ull * TSC_PER_NS);
	CHECK_EQ(tsc_told, 2);
	vtimer_resume(&other, vm.paused_tsc); /* nothing is taken off twice */
	CHECK_EQ(other.tsc_offset, -5000ull * TSC_PER_NS);
	pass(99);
	CHECK_EQ(fired[0], 0);
	pass(1);
	CHECK_EQ(fired[0], 1);
}

/* Who looks in a pause sees what the guest will see when it is over. */
TEST(tsc_in_a_pause)
{
	u64 tsc;

	start();
	pass(100);
	tsc = vcpu_tsc(&v);
	pause();
	pass(777);
	CHECK_EQ(vcpu_tsc(&v), tsc);
	resume();
	CHECK_EQ(vcpu_tsc(&v), tsc);
	CHECK_EQ(guest_tsc(), tsc);
}

/* The same at 1.5 times the host's frequency, to the tick, however many pauses there are. */
TEST(scaled_tsc_in_pauses)
{
	u64 tsc, passed = 0;

	start();
	vm.tsc = (struct tscscale){ .khz = 1, .mult = 3ull << 47, .bits = 48 };
	now += 7;
	v.tsc_offset = -tscscale_apply(&vm.tsc, fake_rdtsc());
	for (u32 i = 0; i < 1000; i++) {
		pass(333);
		passed += 333;
		tsc = vcpu_tsc(&v);
		pause();
		CHECK_EQ(vcpu_tsc(&v), tsc);
		pass(777777 + i);
		resume();
		CHECK_EQ(vcpu_tsc(&v), tsc);
	}
	/* What a pause leaves of a tick is a tick's part. */
	CHECK(tsc + 1000 >= passed * TSC_PER_NS * 3 / 2 &&
	      tsc <= passed * TSC_PER_NS * 3 / 2 + 1000);
}

TEST(pause)
{
	u64 tsc;

	start();
	vtimer_arm(&timers[0], 5000);
	vtimer_arm(&timers[1], 5001);
	pass(4000);
	tsc = guest_tsc();
	CHECK_EQ(tsc, 4000 * TSC_PER_NS);

	pause();
	CHECK(!vm.ports[0].timer.armed); /* nothing wakes it */
	pass(1000000);
	CHECK_EQ(vm_time_ns(&vm), 4000);
	resume();
	CHECK_EQ(total, 0);
	CHECK_EQ(vm_time_ns(&vm), 4000);
	CHECK_EQ(guest_tsc(), tsc);
	CHECK_EQ(tsc_told, 1); /* the backend takes the new offset */

	pass(999);
	CHECK_EQ(total, 0);
	pass(1);
	CHECK_EQ(fired[0], 1);
	CHECK_EQ(fired[1], 0);
	pass(1);
	CHECK_EQ(fired[1], 1);
	CHECK_EQ(guest_tsc(), 5001 * TSC_PER_NS);
	CHECK_EQ(vm_time_ns(&vm), 5001);
}

/* Its owner may look and arm in the pause: it counts from when time goes on. */
TEST(armed_in_a_pause)
{
	start();
	pass(100);
	pause();
	pass(777);
	vtimer_arm(&timers[0], vm_time_ns(&vm) + 50);
	resume();
	pass(49);
	CHECK_EQ(fired[0], 0);
	pass(1);
	CHECK_EQ(fired[0], 1);
}

TEST(pauses_add_up)
{
	start();
	for (u32 i = 1; i <= 10; i++) {
		pass(10);
		pause();
		pass(1000 * i);
		resume();
	}
	CHECK_EQ(vm_time_ns(&vm), 100);
	CHECK_EQ(guest_tsc(), 100 * TSC_PER_NS);
	CHECK_EQ(vm.paused_tsc, 55000 * TSC_PER_NS);
}
