/*
 * Simulated CPUs with real run queues, stepped through time: core/balance.c and core/coresched.c with what core/sched.c
 * does around them. Included by one file of a test.
 */
#pragma once

#include "arch/lapic.h"
#include "core/coresched.h"
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
static u32 core_size, llc_size, node_size; /* CPUs of each */
static struct thread_group *spawn_group;   /* of the next threads */
bool place_threads;

static u64 neighbours(u32 cpu, u32 size)
{
	return BITS(size - 1, 0) << cpu / size * size;
}

u64 place_core(u32 cpu)
{
	return neighbours(cpu, core_size);
}

u64 place_llc(u32 cpu)
{
	return neighbours(cpu, llc_size);
}

u64 place_node(u32 cpu)
{
	return neighbours(cpu, node_size);
}

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

/* A core's within a queue's, and no other. */
void spin_lock(struct spinlock *l)
{
	CHECK(locks_held <= (l->rank == RANK_CORE));
	locks_held++;
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

	if (place_threads && (core_contended() || core_defers()))
		left = RUNQ_SLICE_NS;
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
		if (cpuset_test(&prev->cpus, cpu) && !balance_strays(prev))
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
	if (next) {
		balance_set_idle(cpu, false);
		if (place_threads)
			next = core_admit(rq, next);
	} else if (place_threads) {
		core_give_up();
	}
	next = next ? next : rq->idle;
	prev->need_resched = false;
	next->state = THREAD_RUNNING;
	next->on_stack = true;
	rq->current = next;
	sched_slice_update(rq);
	if (next != prev)
		next->started_ns = now;
	spin_unlock(&rq->lock);
	if (next == prev)
		return;
	balance_settle(rq, prev);
	if (place_threads)
		core_switched(rq);
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
		spin_lock(&rq->lock);
		runq_charge(rq, now);
		if (!idle && place_threads && core_turns(rq))
			rq->current->need_resched = true;
		spin_unlock(&rq->lock);
	}
	if (rq->slice.armed && rq->slice.deadline_ns <= now) {
		rq->slice.armed = false;
		c->interrupts += idle;
		runq_charge(rq, now);
		balance_follow(rq);
		if (rq->ready_count || (place_threads && core_contended()))
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

static const struct thread_group *tag_of(u32 cpu)
{
	const struct thread *t = cpus[cpu].rq.current;

	return t->group && t->group->alone ? t->group : NULL;
}

/* Nobody runs beside a group that is alone, at no time. */
static void check_cores(void)
{
	for (u32 a = 0; a < cpu_count_now; a++) {
		for (u64 set = place_core(a); set; set &= set - 1) {
			u32 b = (u32)__builtin_ctzll(set);

			if (b < cpu_count_now && cpus[a].rq.current != cpus[a].rq.idle &&
			    cpus[b].rq.current != cpus[b].rq.idle)
				CHECK(tag_of(a) == tag_of(b));
		}
	}
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
			if (cpus[cpu].rq.current->need_resched) {
				reschedule(cpu);
				check_cores();
			}
		for (u32 cpu = 0; cpu < cpu_count_now; cpu++)
			check_cpu(cpu);
		for (u32 i = 0; i < thread_count; i++)
			threads[i].moves += threads[i].t.cpu != was[i];
	}
}

static void setup(u32 count)
{
	cpu_count_now = count;
	core_size = 1;
	llc_size = node_size = CPUS;
	place_threads = false;
	spawn_group = NULL;
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
	s->t.group = spawn_group;
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
