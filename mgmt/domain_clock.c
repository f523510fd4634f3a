/*
 * <clock> of a domain document: what the guest's clock shows at a start, and its timers (libvirt's "Domain XML
 * format", "Time keeping").
 */
#include "lib/string.h"
#include "mgmt/domain_parse.h"
#include "vm/tscscale.h"

/* A hundred years either way, and the last second of the year 9999. */
#define ADJUSTMENT_MAX_S 3155760000ULL
#define START_MAX_S      253402300799ULL
#define HZ_PER_KHZ       1000u
#define TIMER_TSC        (DOMAIN_TIMERS + 1) /* of domain_timer_names */

const char *const domain_clock_names[4] = {
	[CLOCK_UTC] = "utc",
	[CLOCK_LOCALTIME] = "localtime",
	[CLOCK_VARIABLE] = "variable",
	[CLOCK_ABSOLUTE] = "absolute",
};

const char *const domain_timer_names[DOMAIN_TIMERS + 2] = {
	[TIMER_PIT] = "pit",          [TIMER_RTC] = "rtc",         [TIMER_HPET] = "hpet",
	[DOMAIN_TIMERS] = "kvmclock", [DOMAIN_TIMERS + 1] = "tsc",
};

const char *const domain_tick_names[5] = {
	[TICK_UNSAID] = "",     [TICK_DELAY] = "delay",     [TICK_CATCHUP] = "catchup",
	[TICK_MERGE] = "merge", [TICK_DISCARD] = "discard",
};

static int set_clock(struct xml *x, const char *value)
{
	int i = xml_choice(x, value, domain_clock_names, ARRAY_LEN(domain_clock_names));

	if (i < 0)
		return i;
	domain_of(x)->clock = (enum domain_clock)i;
	return 0;
}

static int set_adjustment(struct xml *x, const char *value)
{
	bool negative = *value == '-';
	u64 n;

	if (str_to_u64(value + negative, &n) || n > ADJUSTMENT_MAX_S)
		return xml_bad_value(x, value);
	domain_of(x)->clock_s = negative ? -(s64)n : (s64)n;
	domain_builder(x)->have_adjustment = true;
	return 0;
}

static int set_basis(struct xml *x, const char *value)
{
	int i = xml_choice(x, value, domain_clock_names, CLOCK_LOCALTIME + 1);

	domain_builder(x)->have_basis = true;
	return MIN(i, 0);
}

static int set_clock_start(struct xml *x, const char *value)
{
	u64 n;

	if (str_to_u64(value, &n) || n > START_MAX_S)
		return xml_bad_value(x, value);
	domain_of(x)->clock_s = (s64)n;
	domain_builder(x)->have_start = true;
	return 0;
}

int domain_end_clock(struct xml *x)
{
	const struct domain_builder *b = domain_builder(x);
	enum domain_clock c = b->d->clock;
	const char *extra = NULL;

	if (b->have_start && c != CLOCK_ABSOLUTE)
		extra = "start";
	else if (b->have_adjustment && c != CLOCK_VARIABLE)
		extra = "adjustment";
	else if (b->have_basis && c != CLOCK_VARIABLE)
		extra = "basis";
	if (extra)
		return xml_fail(x, "attribute '%s' of <clock> with offset '%s' is not supported",
				extra, domain_clock_names[c]);
	if (c == CLOCK_ABSOLUTE && !b->have_start)
		return xml_fail(x, "<clock> lacks the attribute 'start'");
	return 0;
}

const struct xml_attr domain_clock_attrs[] = {
	{ "offset", set_clock, true },
	{ "adjustment", set_adjustment, false },
	{ "basis", set_basis, false },
	{ "start", set_clock_start, false },
	{ .name = NULL },
};

/* Timers. */

static int begin_timer(struct xml *x)
{
	struct domain_builder *b = domain_builder(x);

	b->timer_ticks = TICK_UNSAID;
	b->timer_present = b->timer_absent = false;
	b->timer_hz = 0;
	return 0;
}

static int set_timer_name(struct xml *x, const char *value)
{
	int i = xml_choice(x, value, domain_timer_names, ARRAY_LEN(domain_timer_names));

	domain_builder(x)->timer = i;
	return MIN(i, 0);
}

static int set_present(struct xml *x, const char *value)
{
	static const char *const words[] = { "yes", "no" };
	struct domain_builder *b = domain_builder(x);
	int i = xml_choice(x, value, words, ARRAY_LEN(words));

	b->timer_present = i == 0;
	b->timer_absent = i == 1;
	return MIN(i, 0);
}

static int set_tickpolicy(struct xml *x, const char *value)
{
	int i = xml_choice(x, value, domain_tick_names + 1, ARRAY_LEN(domain_tick_names) - 1);

	domain_builder(x)->timer_ticks = (enum tick_policy)(i + 1);
	return MIN(i, 0);
}

static int set_frequency(struct xml *x, const char *value)
{
	u64 hz;

	if (str_to_u64(value, &hz) || hz < TSCSCALE_KHZ_MIN * HZ_PER_KHZ ||
	    hz > TSCSCALE_KHZ_MAX * HZ_PER_KHZ)
		return xml_bad_value(x, value);
	domain_builder(x)->timer_hz = hz;
	return 0;
}

/* The TSC has no ticks, either, and always is there. */
static int end_tsc(struct xml *x)
{
	const struct domain_builder *b = domain_builder(x);

	if (b->timer_ticks)
		return xml_fail(x, "attribute 'tickpolicy' of timer 'tsc' is not supported");
	if (b->timer_absent)
		return xml_fail(x, "timer 'tsc' cannot be left out");
	b->d->tsc_hz = b->timer_hz;
	return 0;
}

/* kvmclock is part of KVM's paravirtual interface, and has no ticks. */
static int end_kvmclock(struct xml *x)
{
	const struct domain_builder *b = domain_builder(x);

	if (b->timer_ticks)
		return xml_fail(x, "attribute 'tickpolicy' of timer 'kvmclock' is not supported");
	if (!b->timer_present && !b->timer_absent)
		return xml_fail(x, "<timer> lacks the attribute 'present'");
	if (b->timer_present)
		b->d->kvm_on |= DOMAIN_KVM_CLOCK;
	if (b->timer_absent)
		b->d->kvm_off |= DOMAIN_KVM_CLOCK;
	return 0;
}

static int end_timer(struct xml *x)
{
	struct domain_builder *b = domain_builder(x);
	const char *name = domain_timer_names[b->timer];
	u32 bit = 1u << b->timer;

	if (b->timers & bit)
		return xml_fail(x, "timer '%s' is there twice", name);
	b->timers |= bit;
	if (b->timer == TIMER_TSC)
		return end_tsc(x);
	if (b->timer_hz)
		return xml_fail(x, "attribute 'frequency' of timer '%s' is not supported", name);
	if (b->timer == DOMAIN_TIMERS)
		return end_kvmclock(x);
	if (b->timer_absent && b->timer != TIMER_HPET)
		return xml_fail(x, "timer '%s' cannot be left out", name);
	if (b->timer_absent)
		return 0;
	b->d->timers |= bit;
	b->d->ticks[b->timer] = b->timer_ticks;
	return 0;
}

const struct xml_element domain_clock_elements[] = {
	{ .name = "timer",
	  .flags = XML_MANY,
	  .begin = begin_timer,
	  .end = end_timer,
	  .attrs = XML_ATTRS({ "name", set_timer_name, true }, { "present", set_present, false },
			     { "tickpolicy", set_tickpolicy, false },
			     { "frequency", set_frequency, false }) },
	{ .name = NULL },
};
