/*
 * The run loop with a backend that follows a script: requests are served before the guest runs, a vCPU never
 * enters with old second-stage translations, sleeps while there is nothing to do, and ends when told.
 *
 * sources: tests/host/fake_trace.c
 * sources: tests/host/fake_vm.c vm/run.c vm/exitstat.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 */
#include <stdlib.h>

#include "core/thread.h"
#include "tests/host/fake_vm.h"
#include "tests/host/harness.h"
#include "vm/apicv.h"
#include "vm/call.h"
#include "vm/exit.h"
#include "vm/exitstat.h"
#include "vm/halt.h"
#include "vm/hvm.h"
#include "vm/pause.h"
#include "vm/run.h"
#include "vm/startup.h"
#include "vm/vcpu.h"
#include "vm/vdev.h"
#include "vm/vtimer.h"

static struct vm *vm;
static struct vcpu v;
static u32 entries, flushes, stale_entries, injects, blocks, yields, calls, cancels, timers, inputs;
static u32 pauses, resumes, inits, dev_timers;
static bool has_work, sipi;
static struct thread thread;
static void (*at_entry)(void), (*at_block)(void), (*at_look)(void);

/* --- what the loop calls ----------------------------------------------------------------------------- */

static void request(u32 req)
{
	vm->ports[0].requests |= req;
}

static u64 flushed_to; /* the generation of which no translation is cached */

static void backend_flush(struct vcpu *c)
{
	flushes++;
	flushed_to = vm->s2.generation;
}

static void backend_run(struct vcpu *c, struct vm_exit *e)
{
	entries++;
	stale_entries += flushed_to != vm->s2.generation;
	*e = (struct vm_exit){ .kind = EXIT_NONE };
	if (entries > 1000)
		abort(); /* it does not end */
	CHECK(!(c->port->requests & ~(u32)REQ_FLUSH));
	CHECK_EQ(c->port->where, VCPU_IN_GUEST);
	if (at_entry)
		at_entry();
	if (c->activity)
		e->kind = EXIT_HLT;
}

static const struct hvm_ops backend = { .flush = backend_flush, .run = backend_run };
const struct hvm_ops *hvm = &backend;
const struct apicv_ops *apicv;

static void on_exit_kind(struct vcpu *c, const struct vm_exit *e)
{
	CHECK_EQ(c->port->where, VCPU_OUTSIDE);
}

void (*const exit_handlers[EXIT_KINDS])(struct vcpu *c, const struct vm_exit *e) = {
	[0 ... EXIT_KINDS - 1] = on_exit_kind,
};

void vcpu_inject(struct vcpu *c)
{
	injects++;
	c->recheck = false;
}

static u32 clock_updates;

void pv_clock_update(struct vcpu *c)
{
	clock_updates++;
}

bool vcpu_has_work(struct vcpu *c)
{
	if (at_look)
		at_look();
	return has_work;
}

static u32 polls, halts_ended;
static u32 hit_at; /* the poll that meets something; 0: none */

bool halt_poll(struct vcpu *c)
{
	CHECK_EQ(c->activity, ACTIVITY_HALTED);
	CHECK_EQ(c->port->where, VCPU_OUTSIDE); /* nobody needs to wake it */
	CHECK(!c->timer_hw);
	if (++polls != hit_at)
		return false;
	c->port->requests |= REQ_EVENT;
	has_work = true;
	return true;
}

void vtimer_leave(struct vcpu *c)
{
	c->timer_hw = false;
}

void halt_ended(struct vcpu *c)
{
	halts_ended++;
}

#define SLEEP_NS 1000000000ULL

void thread_block(void)
{
	if (v.activity == ACTIVITY_HALTED && !vm->pause)
		CHECK_EQ(vm->ports[0].halt_from, thread.slept_ns + 1);
	thread.slept_ns += SLEEP_NS;
	if (++blocks > 100)
		abort();
	CHECK_EQ(vm->ports[0].where, VCPU_SLEEPS);
	CHECK(at_block);
	if (at_block)
		at_block();
}

void thread_yield(void)
{
	yields++;
	thread.need_resched = false;
}

void vcpu_call_serve(struct vcpu *c)
{
	calls++;
}

void vcpu_call_cancel(struct vcpu_port *port)
{
	cancels++;
}

void vtimer_run(struct vcpu *c)
{
	timers++;
}

void vtimer_run_devices(struct vm *m)
{
	CHECK(m == vm);
	dev_timers++;
}

void pause_enter(struct vcpu *c)
{
	pauses++;
}

void pause_leave(struct vcpu *c)
{
	resumes++;
}

void startup_init(struct vcpu *c)
{
	inits++;
	c->activity = ACTIVITY_WAITS_SIPI;
}

bool startup_begin(struct vcpu *c)
{
	CHECK_EQ(c->activity, ACTIVITY_WAITS_SIPI);
	if (sipi)
		c->activity = ACTIVITY_RUNS;
	return sipi;
}

static void dev_input(struct vdev *dev)
{
	CHECK_EQ(fake_locks_held, 1);
	inputs++;
}

static void dev_nothing(struct vdev *dev) {}

/* How things stand when the vCPU begins, and what happens meanwhile. */
struct setup {
	u8 activity;
	bool paused, has_work;
	u32 requests;
	void (*at_entry)(void), (*at_block)(void), (*at_look)(void);
};

/* Runs the vCPU of a new VM until it ends. */
static void run(struct setup setup)
{
	static const struct vdev_ops with = { .name = "with",
					      .reset = dev_nothing,
					      .input = dev_input };
	static const struct vdev_ops without = { .name = "without", .reset = dev_nothing };
	static struct vdev devs[2];

	vm = fake_vm_new(NULL);
	vdev_add(vm, &devs[0], &without, 0, RANK_VDEV);
	vdev_add(vm, &devs[1], &with, 0, RANK_VDEV);
	vm->pause = setup.paused;
	v = (struct vcpu){ .vm = vm, .port = &vm->ports[0], .activity = setup.activity };
	vm->s2.generation = 1; /* as ept/s2.c begins; the vCPU has seen none */
	flushed_to = 0;
	entries = flushes = stale_entries = injects = blocks = yields = 0;
	calls = cancels = timers = inputs = 0;
	pauses = resumes = inits = dev_timers = 0;
	polls = halts_ended = 0;
	sipi = false;
	has_work = setup.has_work;
	thread = (struct thread){ .cpu = 0 };
	vm->ports[0].thread = &thread;
	at_entry = setup.at_entry;
	at_block = setup.at_block;
	at_look = setup.at_look;
	request(setup.requests | (setup.paused ? REQ_PAUSE : 0));
	vcpu_run(&v);
	CHECK_EQ(vm->ports[0].where, VCPU_OUTSIDE);
}

/* --- tests -------------------------------------------------------------------------------------------- */

static void stop_at_5(void)
{
	if (entries == 5)
		request(REQ_STOP);
}

TEST(stop)
{
	run((struct setup){ .requests = REQ_STOP });
	CHECK_EQ(entries, 0);
	CHECK_EQ(cancels, 1);
	run((struct setup){ .at_entry = stop_at_5 });
	CHECK_EQ(entries, 5);
	CHECK_EQ(exit_stats_count(vm->ports[0].stats, EXIT_NONE), 5);
}

static void unmap_now_and_then(void)
{
	if (entries == 2 || entries == 3 || entries == 7) {
		vm->s2.generation++;
		request(REQ_FLUSH);
	}
	if (entries == 10)
		request(REQ_STOP);
}

/* Before the first entry, and after each change; not each time. */
TEST(second_stage)
{
	run((struct setup){ .at_entry = unmap_now_and_then });
	CHECK_EQ(entries, 10);
	CHECK_EQ(stale_entries, 0);
	CHECK_EQ(flushes, 4);
}

static void ask_all(void)
{
	if (entries == 1)
		request(REQ_EVENT | REQ_TIMER | REQ_DEV_TIMER | REQ_CHARDEV | REQ_CALL | REQ_NMI);
	if (entries == 2) {
		CHECK_EQ(timers, 1);
		CHECK_EQ(dev_timers, 1);
		CHECK_EQ(inputs, 1);
		CHECK_EQ(calls, 1);
		CHECK(v.nmi_pending);
		CHECK_EQ(injects, 1);
		CHECK(!v.recheck);
		request(REQ_STOP);
	}
}

TEST(requests)
{
	run((struct setup){ .at_entry = ask_all });
	CHECK_EQ(entries, 2);
	CHECK_EQ(fake_locks_held, 0);
}

static void deliver(void)
{
	if (entries == 1)
		v.recheck = true; /* as who sets an event does */
	if (entries == 2)
		CHECK_EQ(injects, 1);
	if (entries == 3) {
		CHECK_EQ(injects, 1); /* nothing to decide */
		request(REQ_STOP);
	}
}

TEST(events)
{
	run((struct setup){ .at_entry = deliver });
	CHECK_EQ(entries, 3);
}

static void halt_first(void)
{
	if (entries == 1) {
		v.activity = ACTIVITY_HALTED;
		v.timer_hw = true; /* with a deadline */
	}
	if (entries == 2) {
		CHECK_EQ(v.activity, ACTIVITY_RUNS);
		request(REQ_STOP);
	}
}

static void wake_later(void)
{
	if (blocks == 2) /* woken for nothing before */
		request(REQ_TIMER);
	if (blocks == 3)
		has_work = true;
}

TEST(halt)
{
	run((struct setup){ .at_entry = halt_first, .at_block = wake_later });
	CHECK_EQ(entries, 2);
	CHECK_EQ(blocks, 3);
	CHECK_EQ(timers, 1);
	CHECK_EQ(injects, 1); /* what ended the halt is looked at */
	CHECK_EQ(exit_stats_count(vm->ports[0].stats, EXIT_HLT), 1);
	/* Three sleeps of a second each: see thread_block(). */
	CHECK_EQ(vm->ports[0].halted_ns, 3 * SLEEP_NS);
	CHECK_EQ(vm->ports[0].halt_from, 0);
	/* Before each sleep it was polled. */
	CHECK_EQ(polls, 3);
	CHECK_EQ(halts_ended, 1);
}

/* What a poll meets takes no sleep. */
TEST(halt_polled)
{
	hit_at = 1;
	run((struct setup){ .at_entry = halt_first });
	hit_at = 0;
	CHECK_EQ(entries, 2);
	CHECK_EQ(blocks, 0);
	CHECK_EQ(polls, 1);
	CHECK_EQ(halts_ended, 1);
	CHECK_EQ(injects, 1);
	CHECK_EQ(vm->ports[0].halted_ns, 0);
}

static void stop_now(void)
{
	request(REQ_STOP);
}

TEST(stop_while_halted)
{
	run((struct setup){ .activity = ACTIVITY_HALTED, .at_block = stop_now });
	CHECK_EQ(entries, 0);
	CHECK_EQ(blocks, 1);
	CHECK_EQ(vm->ports[0].halted_ns, SLEEP_NS);
}

/* Behind the look at requests, but before it sleeps: it does not. */
TEST(request_before_sleep)
{
	run((struct setup){ .activity = ACTIVITY_HALTED, .at_look = stop_now });
	CHECK_EQ(blocks, 0);
}

/* Something to do when it halts: it does not sleep at all. */
TEST(halt_with_work)
{
	run((struct setup){ .has_work = true, .at_entry = halt_first });
	CHECK_EQ(blocks, 0);
	CHECK_EQ(entries, 2);
}

/* Kicked while it runs: the next HLT ends at once, that one alone, whatever vcpu_has_work() says. */
static void kick_and_halt(void)
{
	if (entries == 1) {
		request(REQ_UNHALT);
		v.activity = ACTIVITY_HALTED;
	}
	if (entries == 2) {
		CHECK_EQ(blocks, 0);
		v.activity = ACTIVITY_HALTED;
	}
	if (entries == 3)
		request(REQ_STOP);
}

static void kick(void)
{
	CHECK_EQ(entries, 2);
	request(REQ_UNHALT);
}

TEST(unhalt)
{
	run((struct setup){ .at_entry = kick_and_halt, .at_block = kick });
	CHECK_EQ(entries, 3);
	CHECK_EQ(blocks, 1);
	CHECK(!v.pv.unhalted);
}

static void ask_for_clock(void)
{
	if (entries == 1)
		request(REQ_PV_CLOCK);
	if (entries == 2) {
		CHECK_EQ(clock_updates, 1);
		request(REQ_STOP);
	}
}

TEST(clock_update)
{
	clock_updates = 0;
	run((struct setup){ .at_entry = ask_for_clock });
	CHECK_EQ(entries, 2);
}

static void be_greedy(void)
{
	thread.need_resched = entries == 2;
	if (entries == 4)
		request(REQ_STOP);
}

TEST(others_get_their_turn)
{
	run((struct setup){ .at_entry = be_greedy });
	CHECK_EQ(entries, 4);
	CHECK_EQ(yields, 1);
}

/* --- INIT and SIPI ------------------------------------------------------------------------------------- */

static void init_at_2(void)
{
	if (entries == 2)
		request(REQ_INIT);
	if (entries == 3)
		request(REQ_STOP);
}

/* Nothing but a SIPI ends the wait; has_work says that an interrupt is there. */
static void sipi_later(void)
{
	CHECK_EQ(inits, 1);
	CHECK_EQ(entries, 2);
	if (blocks == 1)
		request(REQ_EVENT | REQ_NMI);
	if (blocks == 3) {
		sipi = true;
		request(REQ_EVENT);
	}
}

TEST(init_and_sipi)
{
	run((struct setup){ .has_work = true, .at_entry = init_at_2, .at_block = sipi_later });
	CHECK_EQ(entries, 3);
	CHECK_EQ(blocks, 3);
}

static void init_in_pause(void)
{
	if (blocks == 1)
		request(REQ_INIT | REQ_NMI);
	if (blocks == 2) {
		CHECK_EQ(inits, 1); /* what was sent is its state already */
		CHECK(v.nmi_pending);
		vm->pause = 0;
		request(REQ_PAUSE);
	}
	if (blocks == 3)
		request(REQ_STOP);
}

TEST(init_while_paused)
{
	run((struct setup){ .paused = true, .at_block = init_in_pause });
	CHECK_EQ(entries, 0);
	CHECK_EQ(v.activity, ACTIVITY_WAITS_SIPI);
}

/* --- pauses ------------------------------------------------------------------------------------------- */

static void pause_at_2(void)
{
	if (entries == 2) {
		vm->pause = 1;
		request(REQ_PAUSE | REQ_TIMER | REQ_CALL);
	}
	if (entries == 3) {
		/* What came before and during the pause was only put off. */
		CHECK_EQ(timers, 1);
		CHECK_EQ(inputs, 1);
		CHECK_EQ(resumes, 1);
		request(REQ_STOP);
	}
}

static void while_paused(void)
{
	CHECK_EQ(entries, 2);
	CHECK_EQ(pauses, 1);
	CHECK_EQ(resumes, 0);
	CHECK_EQ(timers, 0);
	CHECK_EQ(inputs, 0);
	CHECK_EQ(calls, blocks); /* the one that came along, then one each time */
	if (blocks < 4)
		request(blocks == 2 ? REQ_CALL | REQ_CHARDEV : REQ_CALL);
	if (blocks == 4) {
		vm->pause = 0;
		request(REQ_PAUSE);
	}
}

/* It stays out of guest mode, its time stands still, and calls are served. */
TEST(pause)
{
	run((struct setup){ .at_entry = pause_at_2, .at_block = while_paused });
	CHECK_EQ(entries, 3);
	CHECK_EQ(blocks, 4);
	CHECK_EQ(calls, 4);
	CHECK_EQ(pauses, resumes);
	CHECK_EQ(fake_locks_held, 0);
}

TEST(stop_while_paused)
{
	run((struct setup){ .paused = true, .at_block = stop_now });
	CHECK_EQ(entries, 0);
	CHECK_EQ(blocks, 1);
	CHECK_EQ(cancels, 1);
}

/* Resumed before it was looked at, and paused before its first entry. */
TEST(pause_too_short_to_see)
{
	run((struct setup){ .requests = REQ_PAUSE, .at_entry = stop_at_5 });
	CHECK_EQ(entries, 5);
	CHECK_EQ(pauses, 0);
}

/* Halted, it is paused all the same, and still halted afterwards. */
static void resume(void)
{
	if (blocks == 1) {
		CHECK_EQ(pauses - resumes, 1);
		vm->pause = 0;
		request(REQ_PAUSE);
	} else {
		CHECK_EQ(pauses, resumes);
		CHECK_EQ(v.activity, ACTIVITY_HALTED);
		request(REQ_STOP);
	}
}

TEST(pause_while_halted)
{
	run((struct setup){ .activity = ACTIVITY_HALTED, .paused = true, .at_block = resume });
	CHECK_EQ(entries, 0);
	CHECK_EQ(blocks, 2);
}
