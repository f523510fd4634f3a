/*
 * The HPET: one counter of 64 bits on the VM's time, computed when it is looked at, and three timers that compare
 * with it, each of which may be periodic. Interrupts go to I/O APIC pins of their own or, by legacy replacement, to
 * the lines of PIT and RTC. Moments are counts that do not wrap; what the registers show of them may be 32 bits.
 */
#include "lib/hw/hpet.h"

#include "lib/errno.h"
#include "lib/hw/pit.h"
#include "lib/hw/rtc.h"
#include "mm/heap.h"
#include "vdev/irqline.h"
#include "vdev/machine.h"
#include "vdev/tick.h"
#include "vdev/ticks.h"
#include "vdev/vdevs.h"
#include "vm/iobus.h"
#include "vm/vm.h"

#define TIMERS        3u
#define MIN_PERIOD_NS (HPET_MIN_TICK * (NS_PER_S / HPET_HZ)) /* no timer fires more often */
#define FS_PER_S      1000000000000000ULL
#define AHEAD_MAX     BIT(57) /* counts; 45 years, for a moment that is farther away */
#define TN_WRITABLE                                                                                \
	(HPET_TN_LEVEL | HPET_TN_ENABLE | HPET_TN_PERIODIC | HPET_TN_SET_VALUE | HPET_TN_32BIT |   \
	 HPET_TN_ROUTE)
#define TN_CAPABILITIES                                                                            \
	(HPET_TN_PERIODIC_CAP | HPET_TN_64BIT_CAP | (u64)HPET_GSIS << HPET_TN_ROUTE_CAP_SH)

struct hpet;

struct hpet_timer {
	struct hpet *hpet;
	u64 config; /* TN_WRITABLE */
	u64 comparator, period;
	u64 match;    /* the next one's moment; with a period: that of its first */
	bool waiting; /* match has not been, with a period: it counts from there */
	struct tick tick;
	struct vtimer timer;
};

struct hpet {
	struct vdev dev;
	u64 config, status;
	u64 counter; /* at start_ns; while it is not enabled: always */
	u64 start_ns;
	u32 high; /* of lines, as bits: their last edge holds them */
	struct hpet_timer timers[TIMERS];
	struct irqline lines[2 + HPET_GSI_COUNT]; /* legacy replacement's, then those of HPET_GSIS */
};

static u64 counter_now(const struct hpet *h)
{
	if (!(h->config & HPET_CONFIG_ENABLE))
		return h->counter;
	return h->counter + ns_to_ticks(vm_time_ns(h->dev.vm) - h->start_ns, HPET_HZ);
}

static bool is_periodic(const struct hpet_timer *t)
{
	return (t->config & HPET_TN_PERIODIC) && t->period;
}

static u32 index_of(const struct hpet_timer *t)
{
	return (u32)(t - t->hpet->timers);
}

/* The count since one period before the first match. */
static u64 elapsed(const struct hpet_timer *t, u64 now)
{
	s64 n = (s64)(now - (t->match - t->period));

	return n > 0 ? (u64)n : 0;
}

/* --- lines -------------------------------------------------------------------------------------- */

static u32 line_of(const struct hpet_timer *t)
{
	u32 i = index_of(t), route = (u32)((t->config & HPET_TN_ROUTE) >> HPET_TN_ROUTE_SH);

	if (i < 2 && (t->hpet->config & HPET_CONFIG_LEGACY))
		return i;
	return route >= HPET_GSI_FIRST ? 2 + route - HPET_GSI_FIRST : ARRAY_LEN(t->hpet->lines);
}

static bool is_level(const struct hpet_timer *t)
{
	return (t->config & (HPET_TN_LEVEL | HPET_TN_ENABLE)) == (HPET_TN_LEVEL | HPET_TN_ENABLE);
}

static void lines_update(struct hpet *h)
{
	u32 levels = h->high;

	for (u32 i = 0; i < TIMERS; i++) {
		const struct hpet_timer *t = &h->timers[i];

		if (is_level(t) && (h->status & BIT(i)))
			levels |= 1u << line_of(t);
	}
	/* Lines 0 and 8 are PIT's and RTC's otherwise. */
	for (u32 i = h->config & HPET_CONFIG_LEGACY ? 0 : 2; i < ARRAY_LEN(h->lines); i++)
		irqline_set(h->dev.vm, &h->lines[i], levels & 1u << i);
}

static void tn_raise(struct hpet_timer *t)
{
	struct hpet *h = t->hpet;
	u32 line = line_of(t);

	if (is_level(t)) {
		h->status |= BIT(index_of(t));
	} else if (line < ARRAY_LEN(h->lines)) {
		/* It stays high, so that an interrupt that is served late is not lost. */
		h->high |= 1u << line;
		irqline_set(h->dev.vm, &h->lines[line], false);
	}
	lines_update(h);
}

/* --- timers ------------------------------------------------------------------------------------- */

/* Sets the host's timer for the next match. */
static void tn_arm(struct hpet_timer *t)
{
	struct hpet *h = t->hpet;
	u64 now = counter_now(h), ahead, wait;

	vtimer_cancel(&t->timer);
	if (!t->waiting || !(h->config & HPET_CONFIG_ENABLE) || !(t->config & HPET_TN_ENABLE))
		return;
	ahead = t->match - now;
	if (is_periodic(t))
		ahead += tick_next(&t->tick, t->period) - t->period;
	if ((s64)ahead <= 0)
		ahead = is_periodic(t) ? MIN(t->period / TICKS_OWED_SPEED, AHEAD_MAX) : 0;
	wait = ticks_to_ns(MIN(ahead, AHEAD_MAX), HPET_HZ);
	vtimer_arm(&t->timer, vm_time_ns(h->dev.vm) + MAX(wait, MIN_PERIOD_NS));
}

/* The comparator, the counter or what they mean has changed: when they will be the same. */
static void tn_start(struct hpet_timer *t)
{
	u64 now = counter_now(t->hpet);

	tick_start(&t->tick);
	t->match = t->comparator;
	if (t->config & HPET_TN_32BIT)
		t->match = now + (u32)(t->comparator - now);
	t->waiting = t->match >= now;
}

/* Matches that were while nobody wanted their interrupt are over. */
static void tn_skip(struct hpet_timer *t)
{
	u64 now = counter_now(t->hpet);

	if (is_periodic(t))
		tick_skip(&t->tick, elapsed(t, now), t->period);
	else if (t->waiting && t->match < now)
		tn_start(t);
}

static void tn_fired(struct vtimer *vt)
{
	struct hpet_timer *t = container_of(vt, struct hpet_timer, timer);
	u64 now = counter_now(t->hpet);

	if (is_periodic(t)) {
		if (tick_take(&t->tick, elapsed(t, now), t->period, HPET_MIN_TICK))
			tn_raise(t);
	} else if (t->match <= now) {
		if (t->config & HPET_TN_32BIT)
			t->match += BIT(32) * ((now - t->match) / BIT(32) + 1);
		else
			t->waiting = false;
		tn_raise(t);
	}
	tn_arm(t);
}

static u64 comparator_read(const struct hpet_timer *t)
{
	u64 v = t->comparator;

	if (is_periodic(t) && t->waiting)
		v = t->match + elapsed(t, counter_now(t->hpet)) / t->period * t->period;
	return t->config & HPET_TN_32BIT ? (u32)v : v;
}

static void tn_config_write(struct hpet_timer *t, u64 v)
{
	u64 old = t->config, route = (v & HPET_TN_ROUTE) >> HPET_TN_ROUTE_SH;
	u64 changed;

	v &= TN_WRITABLE;
	if (route && !(HPET_GSIS & BIT(route)))
		v = (v & ~HPET_TN_ROUTE) | (old & HPET_TN_ROUTE);
	changed = v ^ old;
	if (changed & (HPET_TN_LEVEL | HPET_TN_ROUTE) && line_of(t) < ARRAY_LEN(t->hpet->lines))
		t->hpet->high &= ~(1u << line_of(t));
	t->config = v;
	if (changed & (HPET_TN_PERIODIC | HPET_TN_32BIT))
		tn_start(t);
	if (changed & v & HPET_TN_ENABLE)
		tn_skip(t);
	if (!is_level(t))
		t->hpet->status &= ~BIT(index_of(t));
}

static void comparator_write(struct hpet_timer *t, u64 v)
{
	if (t->config & HPET_TN_32BIT)
		v = (u32)v;
	if (t->config & HPET_TN_PERIODIC)
		t->period = v;
	if (!(t->config & HPET_TN_PERIODIC) || (t->config & HPET_TN_SET_VALUE))
		t->comparator = v;
	t->config &= ~HPET_TN_SET_VALUE;
	tn_start(t);
}

/* --- registers ---------------------------------------------------------------------------------- */

static struct hpet_timer *tn_at(struct hpet *h, u64 reg)
{
	u64 i = (reg - HPET_TIMER) / HPET_TIMER_SIZE;

	return reg >= HPET_TIMER && i < TIMERS ? &h->timers[i] : NULL;
}

static u64 reg_read(struct hpet *h, u64 reg)
{
	const struct hpet_timer *t = tn_at(h, reg);

	if (t && reg % HPET_TIMER_SIZE == HPET_TN_CONFIG)
		return t->config | TN_CAPABILITIES;
	if (t && reg % HPET_TIMER_SIZE == HPET_TN_COMPARATOR)
		return comparator_read(t);
	switch (reg) {
	case HPET_CAPABILITIES:
		return HPET_ID | (FS_PER_S / HPET_HZ) << HPET_CAP_PERIOD_SH;
	case HPET_CONFIG:
		return h->config;
	case HPET_STATUS:
		return h->status;
	case HPET_COUNTER:
		return counter_now(h);
	default:
		return 0;
	}
}

static void config_write(struct hpet *h, u64 v)
{
	u64 changed = (v ^ h->config) & (HPET_CONFIG_ENABLE | HPET_CONFIG_LEGACY);

	if (changed & HPET_CONFIG_ENABLE) {
		h->counter = counter_now(h);
		h->start_ns = vm_time_ns(h->dev.vm);
	}
	if (changed & HPET_CONFIG_LEGACY) {
		h->high &= ~3u;
		lines_update(h); /* low, before they are others' again */
		irqline_renew(&h->lines[0]);
		irqline_renew(&h->lines[1]);
	}
	h->config ^= changed;
	vm_replace_legacy(h->dev.vm, h->config & HPET_CONFIG_LEGACY);
}

static void reg_write(struct hpet *h, u64 reg, u64 v)
{
	struct hpet_timer *t = tn_at(h, reg);

	if (t && reg % HPET_TIMER_SIZE == HPET_TN_CONFIG)
		tn_config_write(t, v);
	else if (t && reg % HPET_TIMER_SIZE == HPET_TN_COMPARATOR)
		comparator_write(t, v);
	else if (reg == HPET_CONFIG)
		config_write(h, v);
	else if (reg == HPET_STATUS)
		h->status &= ~v;
	else if (reg == HPET_COUNTER && !(h->config & HPET_CONFIG_ENABLE))
		h->counter = v;
	else
		return;
	for (u32 i = 0; i < TIMERS; i++) {
		if (reg == HPET_COUNTER)
			tn_start(&h->timers[i]);
		tn_arm(&h->timers[i]);
	}
	lines_update(h);
}

/* Registers are read and written whole, or one of their halves. */
static int hpet_io(struct vdev *dev, u32 bank, struct io_access *a)
{
	struct hpet *h = container_of(dev, struct hpet, dev);
	u64 reg = a->offset & ~7ULL, mask = ~0ULL, v;
	u32 shift = 8 * (u32)(a->offset & 7);

	(void)bank;
	if ((a->size != 4 && a->size != 8) || a->offset % a->size)
		return -ENOTSUP;
	if (a->size == 4)
		mask = BITS(31, 0) << shift;
	if (!a->write) {
		a->value = (reg_read(h, reg) & mask) >> shift;
		return 0;
	}
	v = a->value << shift & mask;
	/* What is not written stays; of STATUS nothing is cleared. */
	if (reg != HPET_STATUS)
		v |= reg_read(h, reg) & ~mask;
	reg_write(h, reg, v);
	return 0;
}

static void hpet_reset(struct vdev *dev)
{
	struct hpet *h = container_of(dev, struct hpet, dev);

	config_write(h, 0);
	h->config = 0; /* a stream that was refused leaves anything */
	h->status = h->counter = 0;
	h->high = 0;
	for (u32 i = 0; i < TIMERS; i++) {
		struct hpet_timer *t = &h->timers[i];

		t->config = t->period = 0;
		t->comparator = ~0ULL;
		tn_start(t);
		tn_arm(t);
	}
	for (u32 i = 0; i < ARRAY_LEN(h->lines); i++)
		irqline_renew(&h->lines[i]);
	lines_update(h);
}

static void tn_state(struct hpet_timer *t, struct state *s)
{
	u64 route;

	state_u64(s, "timer_config", &t->config);
	state_u64(s, "comparator", &t->comparator);
	state_u64(s, "period", &t->period);
	state_u64(s, "match", &t->match);
	state_bool(s, "waiting", &t->waiting);
	route = (t->config & HPET_TN_ROUTE) >> HPET_TN_ROUTE_SH;
	if ((t->config & ~TN_WRITABLE) || (route && !(HPET_GSIS & BIT(route))))
		state_reject(s, "timer_config");
	if (is_periodic(t))
		tick_state(s, &t->tick, elapsed(t, counter_now(t->hpet)), t->period);
	else
		tick_start(&t->tick);
}

static void hpet_state(struct vdev *dev, struct state *s)
{
	struct hpet *h = container_of(dev, struct hpet, dev);

	state_u64(s, "config", &h->config);
	state_u64(s, "status", &h->status);
	state_u64(s, "counter", &h->counter);
	state_u32(s, "high", &h->high);
	state_moment(s, dev, "start", &h->start_ns);
	if (h->config & ~(HPET_CONFIG_ENABLE | HPET_CONFIG_LEGACY))
		state_reject(s, "config");
	if (h->high >> ARRAY_LEN(h->lines) || ((h->high & 3) && !(h->config & HPET_CONFIG_LEGACY)))
		state_reject(s, "high");
	for (u32 i = 0; i < TIMERS; i++) {
		tn_state(&h->timers[i], s);
		if ((h->status & BIT(i)) && !is_level(&h->timers[i]))
			state_reject(s, "status");
	}
	if (h->status >> TIMERS)
		state_reject(s, "status");
	if (!s->loading || state_result(s))
		return;
	vm_replace_legacy(dev->vm, h->config & HPET_CONFIG_LEGACY);
	for (u32 i = 0; i < ARRAY_LEN(h->lines); i++)
		irqline_renew(&h->lines[i]);
	for (u32 i = 0; i < TIMERS; i++)
		tn_arm(&h->timers[i]);
	lines_update(h);
}

static const struct vdev_ops hpet_ops = {
	.name = "hpet",
	.version = 1,
	.reset = hpet_reset,
	.state = hpet_state,
};

int hpet_create(struct vm *vm, const struct domain *cfg)
{
	struct hpet *h;

	if (!(cfg->timers & BIT(TIMER_HPET)))
		return 0;
	h = heap_alloc(vm->heap, sizeof(*h), 0);
	if (!h)
		return -ENOMEM;
	vdev_add(vm, &h->dev, &hpet_ops, 0, RANK_VDEV);
	h->lines[0].gsi = PIT_IRQ;
	h->lines[1].gsi = RTC_IRQ;
	for (u32 i = 0; i < HPET_GSI_COUNT; i++)
		h->lines[2 + i].gsi = HPET_GSI_FIRST + i;
	for (u32 i = 0; i < TIMERS; i++) {
		struct hpet_timer *t = &h->timers[i];

		t->hpet = h;
		t->tick.policy = cfg->ticks[TIMER_HPET] ? cfg->ticks[TIMER_HPET] : TICK_MERGE;
		vtimer_init_dev(&t->timer, &h->dev, tn_fired);
	}
	return iobus_claim(vm->bus, IO_MEM, MACHINE_HPET, HPET_SIZE, &h->dev, hpet_io, 0);
}
