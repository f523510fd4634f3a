/*
 * core/poll.c: when a thread may poll instead of sleeping, and what ends that.
 *
 * sources: core/poll.c core/runq.c core/quota.c lib/cpuset.c lib/fmt.c lib/string.c
 * flags: -include tests/host/fake_percpu.h
 */
#include "core/sched_impl.h"
#include "core/thread.h"
#include "tests/host/harness.h"

#define CPU 1

static struct runq queue;
static struct thread idle, self, other;
static bool counts_as_idle, elsewhere, contended;
bool place_threads;
static u32 looks;

PERCPU struct runq sched_runq;

bool core_contended(void)
{
	return contended;
}

u32 cpu_id(void)
{
	return CPU;
}

u32 fake_cpu_id(void)
{
	return CPU;
}

void *fake_percpu(u32 cpu)
{
	CHECK_EQ(cpu, CPU);
	return &queue;
}

void spin_init(struct spinlock *l, enum lock_rank rank, const char *name) {}

void balance_set_idle(u32 cpu, bool is)
{
	CHECK_EQ(cpu, CPU);
	counts_as_idle = is;
}

/* Who looks before it counts as idle misses who comes between. */
bool balance_waits_elsewhere(void)
{
	CHECK(counts_as_idle && queue.polls);
	looks++;
	return elsewhere;
}

static void start(void)
{
	runq_init(&queue, &idle, 0);
	self = (struct thread){ .cpu = CPU, .weight = 1024, .state = THREAD_RUNNING };
	other = (struct thread){ .cpu = CPU, .weight = 1024, .state = THREAD_READY };
	queue.current = &self;
	counts_as_idle = elsewhere = false;
	looks = 0;
}

TEST(alone)
{
	start();
	CHECK(thread_poll_begin());
	CHECK(counts_as_idle && queue.polls);
	CHECK_EQ(looks, 1);
	CHECK(thread_poll_goes_on());
	thread_poll_end();
	CHECK(!counts_as_idle && !queue.polls);
}

TEST(somebody_is_ready)
{
	start();
	runq_add(&queue, &other);
	CHECK(!thread_poll_begin());
	CHECK(!counts_as_idle && !queue.polls);
	start();
	CHECK(thread_poll_begin());
	runq_add(&queue, &other);
	CHECK(!thread_poll_goes_on());
	runq_remove(&queue, &other);
	CHECK(thread_poll_goes_on());
	thread_poll_end();
}

TEST(asked_to_give_way)
{
	start();
	self.need_resched = true;
	CHECK(!thread_poll_begin());
	start();
	CHECK(thread_poll_begin());
	self.need_resched = true;
	CHECK(!thread_poll_goes_on());
	thread_poll_end();
}

TEST(somebody_waits_elsewhere)
{
	start();
	elsewhere = true;
	CHECK(!thread_poll_begin());
	CHECK(!counts_as_idle && !queue.polls);
}

TEST(somebody_waits_for_the_core)
{
	start();
	place_threads = true;
	CHECK(thread_poll_begin());
	contended = true;
	CHECK(!thread_poll_goes_on());
	thread_poll_end();
	CHECK(!thread_poll_begin());
	contended = place_threads = false;
}
