/*
 * Each CPU probes the next one by an interrupt a few times in the span that the word gives, and looks at its next
 * tick whether that was taken. It panics when that was so at none of so many ticks in a row. Only this CPU's own
 * ticks count, not time: a virtual machine that stood still as a whole, however long, costs each CPU one tick at
 * most. The panic's NMI then makes the hanging CPU say where it is.
 */
#include "core/watchdog.h"

#include "arch/cpu.h"
#include "arch/lapic.h"
#include "arch/percpu.h"
#include "core/clock.h"
#include "core/cmdline.h"
#include "core/irq.h"
#include "core/panic.h"
#include "core/timer.h"
#include "lib/atomic.h"
#include "lib/compiler.h"

#define SECONDS_DEFAULT 20
#define SECONDS_MIN     2
#define SECONDS_MAX     3600
#define NS_PER_S        1000000000ULL
#define PROBES          8

struct watch {
	struct timer timer;
	bool ticking;
	u32 misses;   /* probes in a row that the next CPU has not answered */
	u32 asked;    /* atomic: probes of this CPU; written by the one that watches it */
	u32 answered; /* atomic: of these, how many it has seen; written by this CPU */
};

static PERCPU struct watch watch;
static u64 period_ns; /* const after watchdog_start(), 0 before */

static void probe(u32 cpu)
{
	atomic_fetch_add(&other_cpu(watch, cpu)->asked, 1);
	lapic_ipi(cpu, IRQ_VECTOR_PROBE);
}

static bool has_answered(u32 cpu)
{
	const struct watch *w = other_cpu(watch, cpu);

	return atomic_load_relaxed(&w->answered) == atomic_load_relaxed(&w->asked);
}

static void tick_after(struct watch *w, u64 now)
{
	w->ticking = true;
	timer_arm(&w->timer, now + period_ns);
}

static void tick(struct timer *t)
{
	struct watch *w = container_of(t, struct watch, timer);
	u32 next = (cpu_id() + 1) % cpu_count();
	u64 now = clock_ns();

	if (has_answered(next))
		w->misses = 0;
	else if (++w->misses == PROBES)
		panic("CPU %u has taken no interrupt for %llu s", next,
		      (unsigned long long)(PROBES * period_ns / NS_PER_S));
	probe(next);
	tick_after(w, now);
}

/* Asked whether this CPU is there; the first time it begins to watch. */
static void probed(void)
{
	struct watch *w = this_cpu(watch);

	atomic_store_relaxed(&w->answered, atomic_load_relaxed(&w->asked));
	if (w->ticking)
		return;
	timer_init(&w->timer, tick);
	tick_after(w, clock_ns());
}

void watchdog_start(void)
{
	period_ns =
		cmdline_number("watchdog", "seconds", SECONDS_MIN, SECONDS_MAX, SECONDS_DEFAULT) *
		NS_PER_S / PROBES;
	if (!period_ns || cpu_count() == 1)
		return;
	irq_set_fixed(IRQ_VECTOR_PROBE, probed);
	for (u32 cpu = 0; cpu < cpu_count(); cpu++)
		probe(cpu);
}
