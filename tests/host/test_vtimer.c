/*
 * A VM's timers and its time: called at their deadlines, in order; time that stands still in a pause, the TSC
 * with it, and no timers in a heap after it.
 *
 * sources: vm/vtimer.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "core/timer.h"
#include "lib/errno.h"
#include "tests/host/harness.h"
#include "vm/hvm.h"
#include "vm/vcpu.h"
#include "vm/vdev.h"
#include "vm/vm.h"
#include "vm/vtimer.h"

#define START_NS    1000000ULL
#define TSC_PER_NS  3u
#define TSC_AT_BOOT 12345u

static struct vm vm;
static struct vcpu v;
static u64 now;        /* of the host's clock */
static u32 tsc_told;   /* tsc_changed() calls */
static bool lock_held; /* the device's */

/* --- what it calls ----------------------------------------------------------------------------------- */

u64 clock_ns(void)
{
	return now;
}

u64 fake_rdtsc(void)
{
	return TSC_AT_BOOT + now * TSC_PER_NS;
}

static void tsc_changed(struct vcpu *c)
{
	tsc_told++;
}

static const struct hvm_ops backend = { .tsc_changed = tsc_changed };
const struct hvm_ops *hvm = &backend;

void timer_arm(struct timer *t, u64 deadline_ns)
{
	t->deadline_ns = deadline_ns;
	t->armed = true;
}

void timer_cancel(struct timer *t)
{
	t->armed = false;
}

bool timer_armed(const struct timer *t)
{
	return t->armed;
}

void spin_lock(struct spinlock *l)
{
	CHECK(!lock_held);
	lock_held = true;
}

void spin_unlock(struct spinlock *l)
{
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
	vm = (struct vm){ .start_ns = START_NS };
	v = (struct vcpu){ .vm = &vm, .port = &vm.ports[0] };
	list_init(&v.vtimers);
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
	struct timer *host = &vm.ports[0].timer;

	while (host->armed && host->deadline_ns <= end) {
		now = MAX(now, host->deadline_ns);
		host->armed = false;
		vtimer_run(&v);
	}
	now = end;
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

TEST(device_lock_is_held)
{
	static struct vdev dev;

	start();
	dev.vm = &vm;
	vm.ports[0].vcpu = &v;
	vtimer_init_dev(&timers[0], &dev, on_timer);
	vtimer_arm(&timers[0], 10);
	pass(10);
	CHECK_EQ(fired[0], 1);
	CHECK(!lock_held);
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

	vtimer_stop_time(&v);
	CHECK(!vm.ports[0].timer.armed); /* nothing wakes it */
	pass(1000000);
	CHECK_EQ(vm_time_ns(&vm), 4000);
	vtimer_start_time(&v);
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
	vtimer_stop_time(&v);
	pass(777);
	vtimer_arm(&timers[0], vm_time_ns(&vm) + 50);
	vtimer_start_time(&v);
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
		vtimer_stop_time(&v);
		pass(1000 * i);
		vtimer_start_time(&v);
	}
	CHECK_EQ(vm_time_ns(&vm), 100);
	CHECK_EQ(guest_tsc(), 100 * TSC_PER_NS);
	CHECK_EQ(vm.paused_ns, 55000);
}
