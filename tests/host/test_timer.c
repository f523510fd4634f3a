/*
 * core/timer.h on one CPU: order, earliness, moving, cancelling, callbacks that arm. Time and the
 * local APIC's timer are the test's.
 *
 * sources: core/timer.c arch/lock.c
 */
#include "arch/cpu.h"
#include "arch/lapic.h"
#include "core/clock.h"
#include "core/irq.h"
#include "core/timer.h"
#include "tests/host/harness.h"

#define NEVER (~0ULL)

static u64 now, armed;
static u32 interrupts;
static void (*handler)(void);

u64 clock_ns(void)
{
	return now;
}

u64 clock_deadline_tsc(u64 ns)
{
	return ns;
}

void lapic_timer_arm(u64 tsc)
{
	armed = tsc;
}

void irq_set_fixed(u8 vector, void (*fn)(void))
{
	CHECK_EQ(vector, IRQ_VECTOR_TIMER);
	handler = fn;
}

u32 cpu_id(void)
{
	return 0;
}

/* The local APIC's timer fires when it is due, once. */
static void advance(u64 to)
{
	while (now < to) {
		now = armed < to ? MAX(armed, now) : to;
		while (armed <= now && interrupts < 100000) {
			armed = NEVER;
			interrupts++;
			handler();
		}
	}
}

static struct timer *log[32];
static u64 log_ns[32];
static unsigned log_count;

static void note(struct timer *t)
{
	CHECK(now >= t->deadline_ns);
	CHECK(!t->armed);
	log[log_count % 32] = t;
	log_ns[log_count++ % 32] = now;
}

static void setup(void)
{
	now = 100;
	armed = NEVER;
	interrupts = 0;
	log_count = 0;
	timer_init_cpu();
}

TEST(in_order_of_deadlines)
{
	static const u64 at[] = { 500, 200, 900, 200, 300 };
	struct timer t[5];

	setup();
	for (int i = 0; i < 5; i++) {
		timer_init(&t[i], note);
		timer_arm(&t[i], at[i]);
	}
	CHECK_EQ(armed, 200);
	advance(199);
	CHECK_EQ(log_count, 0);
	advance(1000);
	CHECK_EQ(log_count, 5);
	CHECK(log[0] == &t[1] && log[1] == &t[3] && log[2] == &t[4] && log[3] == &t[0] &&
	      log[4] == &t[2]);
	CHECK(log_ns[0] == 200 && log_ns[2] == 300 && log_ns[3] == 500 && log_ns[4] == 900);
	advance(2000);
	CHECK_EQ(log_count, 5);
	CHECK_EQ(armed, NEVER);
}

TEST(an_early_interrupt_fires_nothing)
{
	struct timer t;

	setup();
	timer_init(&t, note);
	timer_arm(&t, 1000);
	now = 999;
	armed = NEVER;
	handler();
	CHECK_EQ(log_count, 0);
	CHECK_EQ(armed, 1000);
	advance(1000);
	CHECK_EQ(log_count, 1);
}

TEST(cancel_and_move)
{
	struct timer a, b;

	setup();
	timer_init(&a, note);
	timer_init(&b, note);
	timer_cancel(&a);
	timer_arm(&a, 300);
	timer_arm(&b, 400);
	CHECK(timer_armed(&a));
	timer_cancel(&a);
	CHECK(!timer_armed(&a));
	timer_arm(&b, 600);
	advance(500);
	CHECK_EQ(log_count, 0);
	timer_arm(&b, 550);
	advance(1000);
	CHECK_EQ(log_count, 1);
	CHECK(log[0] == &b && log_ns[0] == 550);
}

TEST(a_past_deadline_fires_by_interrupt)
{
	struct timer t;

	setup();
	now = 5000;
	timer_init(&t, note);
	timer_arm(&t, 10);
	CHECK_EQ(log_count, 0);
	CHECK(armed <= now);
	advance(5001);
	CHECK_EQ(log_count, 1);
}

static void periodic(struct timer *t)
{
	note(t);
	timer_arm(t, t->deadline_ns + 100);
}

TEST(a_callback_may_arm_its_timer)
{
	struct timer t, other;

	setup();
	timer_init(&t, periodic);
	timer_init(&other, note);
	timer_arm(&t, 200);
	timer_arm(&other, 450);
	advance(1000);
	CHECK_EQ(log_count, 10);
	CHECK(log[3] == &other && log_ns[3] == 450);
	CHECK_EQ(log_ns[9], 1000);
	timer_cancel(&t);
	advance(2000);
	CHECK_EQ(log_count, 10);
}

static struct timer victim;

static void cancels(struct timer *t)
{
	note(t);
	timer_cancel(t);
	timer_cancel(&victim);
}

TEST(a_callback_may_cancel)
{
	struct timer t;

	setup();
	timer_init(&t, cancels);
	timer_init(&victim, note);
	timer_arm(&t, 200);
	timer_arm(&victim, 200);
	advance(1000);
	CHECK_EQ(log_count, 1);
}

static unsigned past_count;

static void always_past(struct timer *t)
{
	past_count++;
	timer_arm(t, 1);
}

/* A callback that arms itself in the past is interrupted by other work, not endless. */
TEST(the_interrupt_ends)
{
	struct timer t;

	setup();
	past_count = 0;
	timer_init(&t, always_past);
	timer_arm(&t, 50);
	armed = NEVER;
	handler();
	CHECK(past_count >= 1 && past_count < 1000);
	CHECK(armed <= now);
	timer_cancel(&t);
}

TEST(nothing_is_programmed_twice_or_too_late)
{
	struct timer a, b;

	setup();
	timer_init(&a, note);
	timer_init(&b, note);
	timer_arm(&a, 300);
	armed = 0;
	timer_arm(&b, 400);
	CHECK_EQ(armed, 0);
	timer_arm(&b, 250);
	CHECK_EQ(armed, 250);
}
