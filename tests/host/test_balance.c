/*
 * core/balance.h and core/runq.h together: simulated CPUs with real run queues, stepped through time. Shares
 * over all CPUs, pins, threads that must not be moved, idle CPUs.
 *
 * sources: core/balance.c core/runq.c core/quota.c lib/cpuset.c lib/fmt.c lib/string.c
 * flags: -include tests/host/fake_percpu.h
 */
#include "arch/lapic.h"
#include "core/irq.h"
#include "core/sched.h"
#include "core/sched_impl.h"
#include "core/thread.h"
#include "lib/errno.h"
#include "tests/host/harness.h"
#include "tests/host/rand.h"

#define MS      1000000ULL
#define STEP    (MS / 4)
#define CPUS    4
#define THREADS 24

static struct sim_cpu {
	struct runq rq;
	struct thread idle;
	bool asked;     /* a reschedule interrupt is on its way */
	u32 interrupts; /* reschedule and timer interrupts while it was idle */
} cpus[CPUS];
static u32 cpu_count_now, here;
static u64 now;

static struct sim_thread {
	struct thread t;
	u64 work, rest; /* it runs so long, then sleeps so long; 0: it always runs */
	u64 left, wake_at;
	u32 moves;
} threads[THREADS];
static u32 thread_count;

/* The world around core/balance.c. */

PERCPU struct runq sched_runq;

u32 cpu_id(void)
{
	return here;
}

u32 fake_cpu_id(void)
{
	return here;
}

void *fake_percpu(u32 cpu)
{
	CHECK(cpu < CPUS);
	return &cpus[cpu].rq;
}

u64 clock_ns(void)
{
	return now;
}

struct thread *thread_current(void)
{
	return cpus[here].rq.current;
}

void lapic_ipi(u32 cpu, u8 vector)
{
	CHECK(cpu != here && vector == IRQ_VECTOR_RESCHED);
	cpus[cpu].asked = true;
}

void timer_arm(struct timer *timer, u64 deadline)
{
	timer->deadline_ns = deadline;
	timer->armed = true;
}

bool timer_armed(const struct timer *timer)
{
	return timer->armed;
}

void thread_dead(struct thread *t)
{
	CHECK(t->state == THREAD_DEAD && !t->on_stack);
}

void spin_init(struct spinlock *l, enum lock_rank rank, const char *name)
{
	l->name = name;
}

static u32 locks_held;

void spin_lock(struct spinlock *l)
{
	CHECK(!locks_held++);
}

void spin_unlock(struct spinlock *l)
{
	locks_held--;
}

struct runq *sched_lock(const struct thread *t)
{
	spin_lock(&cpus[t->cpu].rq.lock);
	return &cpus[t->cpu].rq;
}

void sched_poke(u32 cpu)
{
	if (cpu != here)
		cpus[cpu].asked = true;
}

void sched_slice_update(struct runq *rq)
{
	u64 left = runq_left(rq);

	if (rq->current == rq->idle)
		rq->slice.armed = false;
	else if (left != RUNQ_NONE)
		timer_arm(&rq->slice, now + MIN(left, RUNQ_SLICE_NS));
}

bool sched_make_ready(struct runq *rq, struct thread *t, enum runq_reason why)
{
	u64 left;

	CHECK(&cpus[t->cpu].rq == rq && !t->on_stack && !t->bound);
	CHECK(cpuset_test(&t->cpus, t->cpu));
	runq_charge(rq, now);
	balance_follow(rq);
	runq_place(rq, t, why);
	t->state = THREAD_READY;
	runq_add(rq, t);
	if (rq->current == rq->idle)
		balance_set_idle(t->cpu, false);
	left = runq_left(rq);
	if (!left) {
		rq->current->need_resched = true;
		return true;
	}
	return left < RUNQ_SLICE_NS || !rq->slice.armed;
}

/* What core/sched.c does. */

static void reschedule(u32 cpu)
{
	struct runq *rq = &cpus[cpu].rq;
	struct thread *prev = rq->current, *next;
	bool more = true;

	here = cpu;
	spin_lock(&rq->lock);
	runq_charge(rq, now);
	balance_follow(rq);
	if (prev != rq->idle && prev->state == THREAD_RUNNING) {
		prev->state = THREAD_READY;
		if (cpuset_test(&prev->cpus, cpu))
			runq_add(rq, prev);
		else
			prev->state = THREAD_MOVING;
	}
	while (!(next = runq_take(rq)) && more) {
		balance_set_idle(cpu, true);
		spin_unlock(&rq->lock);
		more = balance_pull_any();
		spin_lock(&rq->lock);
	}
	if (next)
		balance_set_idle(cpu, false);
	else
		next = rq->idle;
	prev->need_resched = false;
	next->state = THREAD_RUNNING;
	next->on_stack = true;
	rq->current = next;
	sched_slice_update(rq);
	spin_unlock(&rq->lock);
	if (next != prev)
		balance_settle(rq, prev);
}

void thread_yield(void)
{
	reschedule(here);
}

static void wake(struct thread *t, enum runq_reason why)
{
	u32 cpu = t->cpu, target = balance_choose(t);

	CHECK(runq_movable(t));
	if (target != cpu) {
		balance_depart(t, target);
		balance_arrive(t, why);
		return;
	}
	balance_admit(sched_lock(t), t, why);
}

static void interrupts(u32 cpu)
{
	struct sim_cpu *c = &cpus[cpu];
	struct runq *rq = &c->rq;
	bool idle = rq->current == rq->idle;

	here = cpu;
	if (c->asked) {
		c->asked = false;
		c->interrupts += idle;
		if (idle)
			rq->idle->need_resched = true;
		else if (!rq->current->need_resched && !rq->slice.armed)
			timer_arm(&rq->slice, now + RUNQ_SLICE_NS);
	}
	if (rq->slice.armed && rq->slice.deadline_ns <= now) {
		rq->slice.armed = false;
		c->interrupts += idle;
		runq_charge(rq, now);
		balance_follow(rq);
		if (rq->ready_count)
			rq->current->need_resched = true;
		balance_tick(rq);
	}
}

/* Sleepers fall asleep and wake. */
static void live(struct sim_thread *s)
{
	if (!s->work)
		return;
	if (s->t.state == THREAD_RUNNING) {
		s->left -= MIN(s->left, STEP);
		if (s->left)
			return;
		here = s->t.cpu;
		s->t.state = THREAD_BLOCKED;
		s->wake_at = now + s->rest;
		s->left = s->work;
		reschedule(here);
	} else if (s->t.state == THREAD_BLOCKED && s->wake_at <= now) {
		here = s->t.cpu;
		wake(&s->t, RUNQ_WAKE);
	}
}

static void check_cpu(u32 cpu)
{
	struct runq *rq = &cpus[cpu].rq;
	u32 n = 0;

	list_for_each(node, &rq->ready) {
		const struct thread *t = list_entry(node, struct thread, rq_node);

		CHECK(t->state == THREAD_READY && t->cpu == cpu && !t->on_stack);
		n++;
	}
	CHECK_EQ(n, rq->ready_count);
	if (rq->current != rq->idle)
		CHECK(rq->current->cpu == cpu && rq->current->state == THREAD_RUNNING);
}

static void run(u64 ns)
{
	u64 end = now + ns;
	u32 was[THREADS];

	while (now < end) {
		for (u32 i = 0; i < thread_count; i++)
			was[i] = threads[i].t.cpu;
		now += STEP;
		for (u32 i = 0; i < thread_count; i++)
			live(&threads[i]);
		for (u32 i = 0; i < cpu_count_now; i++)
			interrupts((u32)((i + now / STEP) % cpu_count_now));
		for (u32 cpu = 0; cpu < cpu_count_now; cpu++)
			if (cpus[cpu].rq.current->need_resched)
				reschedule(cpu);
		for (u32 cpu = 0; cpu < cpu_count_now; cpu++)
			check_cpu(cpu);
		for (u32 i = 0; i < thread_count; i++)
			threads[i].moves += threads[i].t.cpu != was[i];
	}
}

static void setup(u32 count)
{
	cpu_count_now = count;
	thread_count = 0;
	now = 1000 * MS;
	for (u32 cpu = 0; cpu < CPUS; cpu++) {
		struct sim_cpu *c = &cpus[cpu];

		*c = (struct sim_cpu){
			.idle = { .cpu = cpu, .weight = 1024, .state = THREAD_RUNNING }
		};
		runq_init(&c->rq, &c->idle, now);
		balance_join(cpu);
		balance_set_idle(cpu, cpu < count);
	}
}

static struct sim_thread *spawn(u32 cpu, u32 weight)
{
	struct sim_thread *s = &threads[thread_count++];

	*s = (struct sim_thread){ .t = { .cpu = cpu, .weight = weight, .state = THREAD_NEW } };
	s->t.cpus.word[0] = BITS(cpu_count_now - 1, 0);
	sched_thread_count(cpu, 1);
	here = cpu;
	wake(&s->t, RUNQ_NEW);
	return s;
}

/* Runs, then says how much of that time each thread had. */
static void measure(u64 ns, u64 *got)
{
	for (u32 i = 0; i < thread_count; i++) {
		runq_charge(&cpus[threads[i].t.cpu].rq, now);
		got[i] = threads[i].t.runtime_ns;
		threads[i].moves = 0;
	}
	run(ns);
	for (u32 i = 0; i < thread_count; i++) {
		runq_charge(&cpus[threads[i].t.cpu].rq, now);
		got[i] = threads[i].t.runtime_ns - got[i];
	}
}

static void check_share(u64 got, u64 want, u64 permille)
{
	if (got * 1000 < want * (1000 - permille) || got * 1000 > want * (1000 + permille))
		CHECK_EQ(got, want);
}

#define LONG (10000 * MS)

/* n equal threads on count CPUs: each has its share within a hundredth. */
static void equal(u32 n, u32 count)
{
	u64 got[THREADS];

	setup(count);
	for (u32 i = 0; i < n; i++)
		spawn(0, 1024);
	run(200 * MS);
	measure(LONG, got);
	for (u32 i = 0; i < n; i++)
		check_share(got[i], LONG * MIN(count, n) / n, 10);
}

TEST(three_on_two)
{
	equal(3, 2);
}

TEST(eight_on_two)
{
	equal(8, 2);
}

TEST(other_numbers)
{
	static const u32 counts[][2] = { { 1, 1 }, { 5, 1 },  { 2, 2 }, { 5, 2 }, { 7, 2 },
					 { 4, 3 }, { 5, 3 },  { 5, 4 }, { 6, 4 }, { 7, 4 },
					 { 9, 4 }, { 17, 4 }, { 2, 4 }, { 4, 4 } };

	for (u32 i = 0; i < ARRAY_LEN(counts); i++)
		equal(counts[i][0], counts[i][1]);
}

/* Weights where nobody's share is more than a CPU. */
TEST(weights)
{
	static const u32 weights[] = { 512, 1024, 2048, 1024, 512 };
	u64 got[THREADS];

	setup(2);
	for (u32 i = 0; i < ARRAY_LEN(weights); i++)
		spawn(i % 2, weights[i]);
	run(200 * MS);
	measure(LONG, got);
	for (u32 i = 0; i < ARRAY_LEN(weights); i++)
		check_share(got[i], 2 * LONG * weights[i] / 5120, 20);
}

/* More than a CPU is nobody's: what it cannot use goes to the others by their weights. */
TEST(more_than_a_cpu)
{
	u64 got[THREADS];

	setup(2);
	spawn(0, 1024);
	spawn(0, 2048);
	spawn(0, 4096);
	run(200 * MS);
	measure(LONG, got);
	check_share(got[0], LONG / 3, 50);
	check_share(got[1], LONG * 2 / 3, 50);
	check_share(got[2], LONG, 30);
}

/* The least and the greatest weight that libvirt knows, beside the usual one. */
TEST(extreme_weights)
{
	u64 got[THREADS];

	setup(2);
	spawn(0, 2);
	spawn(0, 1024);
	spawn(0, 1024);
	run(5000 * MS);
	measure(LONG, got);
	CHECK(got[0] <= LONG / 50);
	check_share(got[1], LONG, 20);
	check_share(got[2], LONG, 20);
	setup(2);
	spawn(0, 262144);
	spawn(0, 1024);
	spawn(0, 1024);
	run(1000 * MS);
	measure(LONG, got);
	check_share(got[0], LONG, 20);
	check_share(got[1], LONG / 2, 30);
	check_share(got[2], LONG / 2, 30);
}

/* Nothing moves where everyone has its share without. */
TEST(balanced_is_left_alone)
{
	u64 got[THREADS];
	u32 moves = 0;

	setup(2);
	for (u32 i = 0; i < 8; i++)
		spawn(0, 1024);
	run(500 * MS);
	measure(LONG, got);
	for (u32 i = 0; i < 8; i++)
		moves += threads[i].moves;
	CHECK(moves <= 20);
}

/* Three on two take turns, but not more often than that takes. */
TEST(moves_are_few)
{
	u64 got[THREADS];
	u32 moves = 0;

	setup(2);
	for (u32 i = 0; i < 3; i++)
		spawn(0, 1024);
	run(500 * MS);
	measure(LONG, got);
	for (u32 i = 0; i < 3; i++)
		moves += threads[i].moves;
	CHECK(moves >= 100 && moves <= 1000);
}

static void pin(struct sim_thread *s, u64 set)
{
	struct cpuset cpus_set = { { set } };

	here = 0;
	CHECK_EQ(thread_set_cpus(&s->t, &cpus_set), 0);
}

TEST(pins_are_kept)
{
	u64 got[THREADS];

	setup(2);
	for (u32 i = 0; i < 4; i++)
		spawn(0, 1024);
	for (u32 i = 0; i < 3; i++)
		pin(&threads[i], 1);
	run(100 * MS);
	measure(LONG, got);
	for (u32 i = 0; i < 3; i++) {
		check_share(got[i], LONG / 3, 10);
		CHECK_EQ(threads[i].t.cpu, 0);
		CHECK_EQ(threads[i].moves, 0);
	}
	check_share(got[3], LONG, 10);
	/* All over to the other side, running, ready and alone. */
	for (u32 i = 0; i < 4; i++)
		pin(&threads[i], 2);
	run(100 * MS);
	measure(LONG, got);
	for (u32 i = 0; i < 4; i++) {
		check_share(got[i], LONG / 4, 10);
		CHECK_EQ(threads[i].t.cpu, 1);
	}
	CHECK(cpus[0].rq.current == &cpus[0].idle);
	/* And free: what was before is soon forgotten. */
	for (u32 i = 0; i < 4; i++)
		pin(&threads[i], 3);
	run(500 * MS);
	measure(LONG, got);
	for (u32 i = 0; i < 4; i++)
		check_share(got[i], LONG / 2, 10);
}

TEST(pins_that_cannot_be)
{
	struct cpuset set = { { BIT(CPUS) } }, was;

	setup(2);
	spawn(0, 1024);
	CHECK_EQ(thread_set_cpus(&threads[0].t, &set), -EINVAL);
	cpuset_zero(&set);
	CHECK_EQ(thread_set_cpus(&threads[0].t, &set), -EINVAL);
	thread_get_cpus(&threads[0].t, &was);
	CHECK_EQ(was.word[0], 3);
}

/* Threads that cannot be moved stay; the others even out around them. */
TEST(what_cannot_be_moved_stays)
{
	u64 got[THREADS];

	setup(2);
	for (u32 i = 0; i < 4; i++) {
		pin(spawn(0, 1024), 1);
		if (i < 2)
			threads[i].t.preempted = true;
		else
			threads[i].t.bound = i == 2;
	}
	for (u32 i = 0; i < 4; i++)
		threads[i].t.cpus.word[0] = 3;
	run(100 * MS);
	measure(LONG, got);
	for (u32 i = 0; i < 3; i++) {
		check_share(got[i], LONG / 3, 10);
		CHECK_EQ(threads[i].t.cpu, 0);
	}
	check_share(got[3], LONG, 10);
}

/* After an hour of inequality by pins, those that had more do not wait an hour. */
TEST(old_debts_are_forgotten)
{
	u64 got[THREADS];

	setup(2);
	for (u32 i = 0; i < 3; i++)
		pin(spawn(0, 1024), i ? 1 : 2);
	now += 3600 * 1000 * MS;
	run(100 * MS);
	threads[0].t.vruntime += 3600 * 1000 * MS;
	run(100 * MS);
	for (u32 i = 0; i < 3; i++)
		pin(&threads[i], 3);
	run(500 * MS);
	measure(1000 * MS, got);
	for (u32 i = 0; i < 3; i++)
		check_share(got[i], 1000 * MS * 2 / 3, 50);
}

/* A CPU with nothing to do sleeps undisturbed, whatever others do that cannot come to it. */
TEST(idle_cpus_are_left_alone)
{
	u64 got[THREADS];

	setup(3);
	for (u32 i = 0; i < 4; i++)
		pin(spawn(i % 2, 1024), BIT(i % 2));
	run(100 * MS);
	cpus[2].interrupts = 0;
	measure(LONG, got);
	CHECK_EQ(cpus[2].interrupts, 0);
	CHECK(cpus[2].rq.current == &cpus[2].idle);
}

/* A lone thread is not disturbed while nobody waits anywhere. */
TEST(alone_means_no_tick)
{
	setup(2);
	spawn(0, 1024);
	spawn(1, 1024);
	run(100 * MS);
	CHECK(!cpus[0].rq.slice.armed && !cpus[1].rq.slice.armed);
	CHECK(cpus[0].rq.current != &cpus[0].idle && cpus[1].rq.current != &cpus[1].idle);
}

/* Who wakes on a busy CPU while another one is idle goes there at once. */
TEST(wakes_go_to_idle_cpus)
{
	struct sim_thread *s;

	setup(2);
	spawn(0, 1024);
	run(10 * MS);
	s = spawn(0, 1024);
	run(STEP);
	CHECK_EQ(s->t.cpu, 1);
	CHECK(s->t.state == THREAD_RUNNING);
}

static void sleeper(u32 cpu, u64 work, u64 rest)
{
	struct sim_thread *s = spawn(cpu, 1024);

	s->work = s->left = work;
	s->rest = rest;
}

/* Sleepers want less than their share and get it; the rest is shared by those who want all. */
TEST(sleepers)
{
	u64 got[THREADS];

	setup(2);
	sleeper(0, 1 * MS, 9 * MS);
	sleeper(1, 2 * MS, 18 * MS);
	for (u32 i = 0; i < 3; i++)
		spawn(0, 1024);
	run(200 * MS);
	measure(LONG, got);
	CHECK(got[0] >= LONG * 85 / 1000 && got[0] <= LONG * 101 / 1000);
	CHECK(got[1] >= LONG * 85 / 1000 && got[1] <= LONG * 101 / 1000);
	for (u32 i = 2; i < 5; i++)
		check_share(got[i], (2 * LONG - got[0] - got[1]) / 3, 20);
}

/* No CPU is idle while a thread waits that could run there, whatever goes on. */
TEST(nobody_waits_for_nothing)
{
	u64 idle_waits = 0, steps = 0;

	setup(4);
	for (u32 i = 0; i < 10; i++)
		sleeper(i % 4, (1 + rand_below(12)) * MS, (1 + rand_below(20)) * MS);
	for (; steps < 20000; steps++) {
		u32 idle = 0, waiting = 0;

		run(STEP);
		for (u32 cpu = 0; cpu < 4; cpu++) {
			idle += cpus[cpu].rq.current == &cpus[cpu].idle;
			waiting += cpus[cpu].rq.ready_count;
		}
		idle_waits += idle && waiting;
		if (!rand_below(50))
			pin(&threads[rand_below(10)], 15);
	}
	/* For the time that an interrupt takes: a step. */
	CHECK(idle_waits <= steps / 50);
}

/* Pins, weights and sleep at random: every check in run() holds, and nobody is lost. */
TEST(random_life)
{
	u64 got[THREADS];

	setup(4);
	for (u32 i = 0; i < 12; i++) {
		if (i % 2)
			sleeper(i % 4, (1 + rand_below(12)) * MS, (1 + rand_below(20)) * MS);
		else
			spawn(i % 4, 64u << rand_below(8));
	}
	for (u32 i = 0; i < 3000; i++) {
		run((1 + rand_below(10)) * STEP);
		pin(&threads[rand_below(12)], 1 + rand_below(15));
	}
	for (u32 i = 0; i < 12; i++) {
		pin(&threads[i], 15);
		threads[i].t.weight = 1024;
	}
	run(3000 * MS);
	measure(LONG, got);
	for (u32 i = 0; i < 12; i++)
		CHECK(got[i] >= LONG / 50);
	for (u32 i = 2; i < 12; i += 2)
		check_share(got[i], got[0], 30);
}
