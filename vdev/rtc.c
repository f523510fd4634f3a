/*
 * The MC146818 clock and CMOS memory. The time is computed from the VM's time when it is looked at,
 * and so are the flags of register C; a timer runs only for interrupts that the guest has enabled.
 */
#include "core/clock.h"
#include "lib/date.h"
#include "lib/errno.h"
#include "lib/hw/rtc.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vdev/irqline.h"
#include "vdev/tick.h"
#include "vdev/ticks.h"
#include "vdev/vdevs.h"
#include "vm/iobus.h"
#include "vm/vm.h"

#define RTC_HZ          32768u
#define RTC_UIP_NS      244000u /* how early an update is announced (data sheet, "UIP") */
#define RTC_FLAGS       (RTC_C_PF | RTC_C_AF | RTC_C_UF) /* the same bits enable them in B */
#define RTC_ALARM_LOOPS 256u
#define RTC_OWED_MIN_NS 50000u /* between ticks that are made up for */
#define NEVER           (~0ULL)

/* CMOS bytes that PC firmware fills in. */
enum cmos_reg {
	CMOS_EQUIPMENT = 0x14,
	CMOS_BASE_KIB = 0x15, /* 16 bits */
	CMOS_EXT_KIB = 0x17,  /* from 1 MiB, 16 bits; again at 0x30 */
	CMOS_EXT_KIB2 = 0x30,
	CMOS_HIGH_64K = 0x34,     /* from 16 MiB, in 64 KiB, 16 bits */
	CMOS_ABOVE_4G_64K = 0x5b, /* 24 bits */
};
#define CMOS_EQUIPMENT_FPU 0x02
#define BASE_MEMORY_KIB    640u

struct rtc {
	struct vdev dev;
	u8 index;
	u8 cmos[RTC_CMOS_SIZE]; /* time registers: valid while updates are held */
	s64 base_s;             /* the time, in seconds since 1970, ... */
	u64 base_ns;            /* ... that began at this moment of the VM's time */
	u64 synced_ns;          /* flags hold what happened up to here */
	struct tick tick; /* the periodic interrupt's; since tick_base_ns, each tick_period long */
	u64 tick_base_ns;
	u32 tick_period; /* 0: none */
	u64 again_ns;    /* no tick that is owed comes sooner */
	struct vtimer timer;
	struct irqline line;
};

static bool divider_held(const struct rtc *r)
{
	return (r->cmos[RTC_REG_A] & RTC_A_DV_HELD) == RTC_A_DV_HELD;
}

/* The time registers hold what was last shown or written, and stand still. */
static bool is_held(const struct rtc *r)
{
	return (r->cmos[RTC_REG_B] & RTC_B_SET) || divider_held(r);
}

static bool is_time_reg(u32 reg)
{
	return reg == RTC_SECONDS || reg == RTC_MINUTES || reg == RTC_HOURS ||
	       (reg >= RTC_WEEKDAY && reg <= RTC_YEAR) || reg == RTC_CENTURY;
}

static s64 seconds_at(const struct rtc *r, u64 moment)
{
	return r->base_s + (s64)((moment - r->base_ns) / NS_PER_S);
}

static u8 encode(const struct rtc *r, u32 value)
{
	if (r->cmos[RTC_REG_B] & RTC_B_DM)
		return (u8)value;
	return (u8)(value / 10 << 4 | value % 10);
}

static u32 decode(const struct rtc *r, u8 value)
{
	if (r->cmos[RTC_REG_B] & RTC_B_DM)
		return value;
	return (value >> 4) * 10u + (value & 0xf);
}

static u8 encode_hour(const struct rtc *r, u32 hour)
{
	if (r->cmos[RTC_REG_B] & RTC_B_24H)
		return encode(r, hour);
	return (u8)(encode(r, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? RTC_HOURS_PM : 0));
}

static u32 decode_hour(const struct rtc *r, u8 value)
{
	if (r->cmos[RTC_REG_B] & RTC_B_24H)
		return decode(r, value);
	return decode(r, value & ~RTC_HOURS_PM) % 12 + (value & RTC_HOURS_PM ? 12 : 0);
}

/* Fills the time registers from the clock. */
static void regs_from_time(struct rtc *r, u64 now)
{
	struct date d;

	date_from_seconds(seconds_at(r, now), &d);
	r->cmos[RTC_SECONDS] = encode(r, d.second);
	r->cmos[RTC_MINUTES] = encode(r, d.minute);
	r->cmos[RTC_HOURS] = encode_hour(r, d.hour);
	r->cmos[RTC_WEEKDAY] = encode(r, d.weekday + 1u);
	r->cmos[RTC_DAY] = encode(r, d.day);
	r->cmos[RTC_MONTH] = encode(r, d.month);
	r->cmos[RTC_YEAR] = encode(r, d.year % 100);
	r->cmos[RTC_CENTURY] = encode(r, d.year / 100);
}

/* Sets the clock from the time registers; what is no date becomes the nearest one. */
static void time_from_regs(struct rtc *r, u64 now)
{
	u64 part = (now - r->base_ns) % NS_PER_S;
	struct date d = {
		.year = MIN(decode(r, r->cmos[RTC_CENTURY]), 99u) * 100 +
			MIN(decode(r, r->cmos[RTC_YEAR]), 99u),
		.month = (u8)MIN(MAX(decode(r, r->cmos[RTC_MONTH]), 1u), 12u),
		.day = (u8)MIN(MAX(decode(r, r->cmos[RTC_DAY]), 1u), 31u),
		.hour = (u8)MIN(decode_hour(r, r->cmos[RTC_HOURS]), 23u),
		.minute = (u8)MIN(decode(r, r->cmos[RTC_MINUTES]), 59u),
		.second = (u8)MIN(decode(r, r->cmos[RTC_SECONDS]), 59u),
	};

	while (!date_valid(&d))
		d.day--;
	r->base_s = date_to_seconds(&d);
	r->base_ns = now - part;
	r->synced_ns = now;
}

/* 0: no periodic interrupt; else its period in ticks of the 32.768 kHz crystal. */
static u32 periodic_ticks(const struct rtc *r)
{
	u32 rate = r->cmos[RTC_REG_A] & RTC_A_RS;

	if (rate == 0)
		return 0;
	return 1u << (rate < 3 ? rate + 6 : rate - 1); /* rates 1 and 2 are those of 8 and 9 */
}

/* The first second later than `after` that the alarm registers match; false: there is none. */
static bool next_alarm(const struct rtc *r, s64 after, s64 *at)
{
	const u8 *alarm[] = { &r->cmos[RTC_SECONDS_ALARM], &r->cmos[RTC_MINUTES_ALARM],
			      &r->cmos[RTC_HOURS_ALARM] };
	bool any[3];
	s64 t = after + 1;

	for (u32 i = 0; i < ARRAY_LEN(any); i++)
		any[i] = (*alarm[i] & RTC_ALARM_ANY) == RTC_ALARM_ANY;
	/* Each turn skips to the next hour, minute or second: at most 25, 60 and 60 of them. */
	for (u32 n = 0; n < RTC_ALARM_LOOPS; n++) {
		struct date d;

		date_from_seconds(t, &d);
		if (!any[2] && encode_hour(r, d.hour) != *alarm[2])
			t += 3600 - (d.minute * 60 + d.second);
		else if (!any[1] && encode(r, d.minute) != *alarm[1])
			t += 60 - d.second;
		else if (!any[0] && encode(r, d.second) != *alarm[0])
			t++;
		else {
			*at = t;
			return true;
		}
	}
	return false;
}

/* The ticks are those of the rate and the base that count now; from: up to where they were looked at. */
static void tick_renew(struct rtc *r, u64 from, u32 period)
{
	if (r->tick_base_ns == r->base_ns && r->tick_period == period)
		return;
	tick_start(&r->tick);
	r->tick_base_ns = r->base_ns;
	r->tick_period = period;
	if (period)
		tick_skip(&r->tick, ns_to_ticks(from - r->base_ns, RTC_HZ), period);
}

/* Whether the guest counts the periodic flags: those that raise no interrupt nobody counts. */
static bool is_counted(const struct rtc *r)
{
	return r->cmos[RTC_REG_B] & RTC_C_PF;
}

/* Whether the flag that there is stands for the next ones, too; else they come behind it. */
static bool merges(const struct rtc *r)
{
	return (r->cmos[RTC_REG_C] & RTC_C_PF) &&
	       (r->tick.policy == TICK_MERGE || r->tick.policy == TICK_DISCARD);
}

static u64 owed_gap_ns(u32 period)
{
	return MAX(ticks_to_ns(period, RTC_HZ) / TICKS_OWED_SPEED, RTC_OWED_MIN_NS);
}

static void periodic_sync(struct rtc *r, u64 from, u64 now)
{
	u32 period = periodic_ticks(r);
	u64 elapsed = ns_to_ticks(now - r->base_ns, RTC_HZ);
	u8 *flags = &r->cmos[RTC_REG_C];

	tick_renew(r, from, period);
	if (!period)
		return;
	if (!is_counted(r) || merges(r)) {
		if (tick_owed(&r->tick, elapsed, period))
			*flags |= RTC_C_PF;
		tick_skip(&r->tick, elapsed, period);
	} else if (!(*flags & RTC_C_PF) && now >= r->again_ns &&
		   tick_take(&r->tick, elapsed, period, 0)) {
		*flags |= RTC_C_PF;
		r->again_ns = now + owed_gap_ns(period);
	}
}

/* Brings the flags of register C up to now. */
static void flags_sync(struct rtc *r)
{
	u64 now = vm_time_ns(r->dev.vm), from = r->synced_ns;
	u8 *flags = &r->cmos[RTC_REG_C];
	s64 alarm;

	r->synced_ns = now;
	if (divider_held(r))
		return;
	periodic_sync(r, from, now);
	if (is_held(r) || seconds_at(r, now) == seconds_at(r, from))
		return;
	*flags |= RTC_C_UF;
	if (next_alarm(r, seconds_at(r, from), &alarm) && alarm <= seconds_at(r, now))
		*flags |= RTC_C_AF;
}

static u64 moment_of(const struct rtc *r, s64 second)
{
	return r->base_ns + (u64)(second - r->base_s) * NS_PER_S;
}

/* Sets line and timer as the registers want them; after flags_sync(). */
static void irq_update(struct rtc *r)
{
	u8 *flags = &r->cmos[RTC_REG_C];
	/* What can still raise the interrupt: enabled, and not yet flagged. */
	u8 waiting = r->cmos[RTC_REG_B] & ~*flags & RTC_FLAGS;
	bool pending = r->cmos[RTC_REG_B] & *flags & RTC_FLAGS;
	u64 now = r->synced_ns, next = NEVER;
	u32 period = periodic_ticks(r);
	s64 second = seconds_at(r, now), alarm;

	*flags = (u8)((*flags & RTC_FLAGS) | (pending ? RTC_C_IRQF : 0));
	irqline_set_legacy(r->dev.vm, &r->line, pending);
	vtimer_cancel(&r->timer);
	if (divider_held(r))
		return;
	if ((waiting & RTC_C_PF) && period) {
		tick_renew(r, now, period);
		next = MAX(r->base_ns + ticks_to_ns(tick_next(&r->tick, period), RTC_HZ),
			   r->again_ns);
	}
	if ((waiting & RTC_C_UF) && !is_held(r))
		next = MIN(next, moment_of(r, second + 1));
	if ((waiting & RTC_C_AF) && !is_held(r) && next_alarm(r, second, &alarm))
		next = MIN(next, moment_of(r, alarm));
	if (next != NEVER)
		vtimer_arm(&r->timer, next);
}

static void timer_fired(struct vtimer *t)
{
	struct rtc *r = container_of(t, struct rtc, timer);

	flags_sync(r);
	irq_update(r);
}

/* Writes register A or B; the clock stops and goes on as they say. */
static void control_write(struct rtc *r, u32 reg, u8 v)
{
	u64 now = r->synced_ns;
	bool held = is_held(r);
	bool divider = divider_held(r);

	if (!held)
		regs_from_time(r, now);
	if (reg == RTC_REG_B && (v & RTC_B_SET))
		v &= ~RTC_B_UIE; /* data sheet, "SET" */
	r->cmos[reg] = reg == RTC_REG_A ? v & ~RTC_A_UIP : v;
	if (is_held(r))
		return;
	if (divider)
		r->base_ns = now - NS_PER_S / 2; /* the first update comes after half a second */
	if (held)
		time_from_regs(r, now);
}

static void data_write(struct rtc *r, u8 v)
{
	u32 reg = r->index;

	flags_sync(r);
	if (reg == RTC_REG_A || reg == RTC_REG_B) {
		control_write(r, reg, v);
	} else if (reg == RTC_REG_C || reg == RTC_REG_D) {
		return;
	} else if (is_time_reg(reg) && !is_held(r)) {
		regs_from_time(r, r->synced_ns);
		r->cmos[reg] = v;
		time_from_regs(r, r->synced_ns);
	} else {
		r->cmos[reg] = v;
	}
	irq_update(r);
}

static u8 data_read(struct rtc *r)
{
	u64 now = vm_time_ns(r->dev.vm);
	u32 reg = r->index;
	u8 v;

	if (is_time_reg(reg) && !is_held(r))
		regs_from_time(r, now);
	v = r->cmos[reg];
	if (reg == RTC_REG_A && !is_held(r) &&
	    (now - r->base_ns) % NS_PER_S >= NS_PER_S - RTC_UIP_NS)
		v |= RTC_A_UIP;
	if (reg == RTC_REG_C) {
		flags_sync(r);
		irq_update(r);
		v = r->cmos[reg];
		r->cmos[reg] = 0;
		irq_update(r);
	}
	return v;
}

static int rtc_io(struct vdev *dev, u32 bank, struct io_access *a)
{
	struct rtc *r = container_of(dev, struct rtc, dev);

	(void)bank;
	if (a->size != 1)
		return -ENOTSUP;
	if (a->offset == 0) {
		if (!a->write)
			return -ENOTSUP; /* the index cannot be read */
		r->index = a->value & RTC_INDEX_MASK;
	} else if (a->write) {
		data_write(r, (u8)a->value);
	} else {
		a->value = data_read(r);
	}
	return 0;
}

static void cmos_set(struct rtc *r, u32 reg, u64 value, u32 bytes)
{
	u64 v = MIN(value, BITS(8 * bytes - 1, 0));

	for (u32 i = 0; i < bytes; i++)
		r->cmos[reg + i] = (u8)(v >> 8 * i);
}

/* Plinth knows no time zone: local time is that of its clock. */
static s64 seconds_at_start(const struct domain *cfg)
{
	switch (cfg->clock) {
	case CLOCK_ABSOLUTE:
		return cfg->clock_s;
	case CLOCK_VARIABLE:
		return (s64)clock_wall_s() + cfg->clock_s;
	default:
		return (s64)clock_wall_s();
	}
}

/* What the battery keeps over resets: time and memory. */
static void cmos_init(struct rtc *r, const struct domain *cfg)
{
	u64 low = vm_low_ram(r->dev.vm), high = vm_high_ram(r->dev.vm);
	u64 ext = low > MIB ? low - MIB : 0;

	r->base_ns = vm_time_ns(r->dev.vm);
	r->synced_ns = r->base_ns;
	r->base_s = seconds_at_start(cfg);
	r->cmos[RTC_REG_A] = RTC_A_DV_32K | 6;
	r->cmos[RTC_REG_B] = RTC_B_24H;
	r->cmos[RTC_REG_D] = RTC_D_VRT;
	cmos_set(r, CMOS_EQUIPMENT, CMOS_EQUIPMENT_FPU, 1);
	cmos_set(r, CMOS_BASE_KIB, BASE_MEMORY_KIB, 2);
	cmos_set(r, CMOS_EXT_KIB, ext / KIB, 2);
	cmos_set(r, CMOS_EXT_KIB2, ext / KIB, 2);
	cmos_set(r, CMOS_HIGH_64K, low > 16 * MIB ? (low - 16 * MIB) / (64 * KIB) : 0, 2);
	cmos_set(r, CMOS_ABOVE_4G_64K, high / (64 * KIB), 3);
}

/* Data sheet, "RESET": interrupts are switched off, the clock goes on. */
static void rtc_reset(struct vdev *dev)
{
	struct rtc *r = container_of(dev, struct rtc, dev);

	flags_sync(r);
	r->index = 0;
	r->cmos[RTC_REG_B] &= ~(RTC_FLAGS | RTC_B_SQWE);
	r->cmos[RTC_REG_C] = 0;
	irqline_renew(&r->line);
	irq_update(r);
}

/* Register C is what irq_update() makes it, and updates are not announced in A. */
static bool cmos_valid(const u8 *cmos)
{
	u8 flags = cmos[RTC_REG_C];
	u8 irqf = cmos[RTC_REG_B] & flags & RTC_FLAGS ? RTC_C_IRQF : 0;

	return flags == ((flags & RTC_FLAGS) | irqf) && !(cmos[RTC_REG_A] & RTC_A_UIP);
}

/*
 * The ticks of r, which is not r's device but a copy. Owed ones are those that flags_sync() would leave: where it leaves
 * none, one that has come since it looked is merged with the next.
 */
static void periodic_state(struct rtc *r, struct state *s)
{
	u32 period = divider_held(r) ? 0 : periodic_ticks(r);
	bool owes = is_counted(r) && !merges(r);
	u64 now = s->loading || owes ? vm_time_ns(r->dev.vm) : r->synced_ns;
	u64 elapsed = period ? ns_to_ticks(now - r->base_ns, RTC_HZ) : 0;

	if (!period)
		tick_start(&r->tick);
	r->tick_base_ns = r->base_ns;
	r->tick_period = period;
	tick_state(s, &r->tick, elapsed, MAX(period, 1u));
	r->again_ns = 0;
	if (!period || !tick_owed(&r->tick, elapsed, period))
		return;
	r->again_ns = now + owed_gap_ns(period);
	if (!owes)
		state_reject(s, "owed");
}

/* What comes goes to a copy first: a reset keeps time and memory. */
static void rtc_state(struct vdev *dev, struct state *s)
{
	struct rtc *r = container_of(dev, struct rtc, dev), copy;

	if (!s->loading) {
		flags_sync(r);
		irq_update(r);
	}
	copy = *r;
	u64 base_s = (u64)r->base_s;

	state_u8(s, "index", &r->index);
	state_bytes(s, "cmos", copy.cmos, sizeof(copy.cmos));
	state_u64(s, "seconds", &base_s);
	state_moment(s, dev, "base", &copy.base_ns);
	if (r->index & ~RTC_INDEX_MASK)
		state_reject(s, "index");
	if (!cmos_valid(copy.cmos))
		state_reject(s, "cmos");
	if ((s64)base_s < DATE_MIN_SECONDS || (s64)base_s > DATE_MAX_SECONDS)
		state_reject(s, "seconds");
	periodic_state(&copy, s);
	if (!s->loading || state_result(s))
		return;
	memcpy(r->cmos, copy.cmos, sizeof(r->cmos));
	r->base_s = (s64)base_s;
	r->base_ns = copy.base_ns;
	r->tick = copy.tick;
	r->tick_base_ns = copy.tick_base_ns;
	r->tick_period = copy.tick_period;
	r->again_ns = copy.again_ns;
	r->synced_ns = vm_time_ns(dev->vm);
	irqline_renew(&r->line);
	irq_update(r);
}

static const struct vdev_ops rtc_ops = {
	.name = "rtc",
	.version = 1,
	.reset = rtc_reset,
	.state = rtc_state,
};

int rtc_create(struct vm *vm, const struct domain *cfg)
{
	struct rtc *r = heap_alloc(vm->heap, sizeof(*r), 0);

	if (!r)
		return -ENOMEM;
	r->tick.policy = cfg->ticks[TIMER_RTC] ? cfg->ticks[TIMER_RTC] : TICK_MERGE;
	vdev_add(vm, &r->dev, &rtc_ops, 0, RANK_VDEV);
	r->line.gsi = RTC_IRQ;
	vtimer_init_dev(&r->timer, &r->dev, timer_fired);
	cmos_init(r, cfg);
	return iobus_claim(vm->bus, IO_PORT, RTC_INDEX_PORT, RTC_PORTS, &r->dev, rtc_io, 0);
}
