/*
 * The 8254 interval timer with port 0x61: counters are computed from the VM's time when they are
 * looked at; only counter 0, whose output is interrupt line 0, has a timer.
 */
#include "lib/errno.h"
#include "lib/hw/pit.h"
#include "mm/heap.h"
#include "vdev/irqline.h"
#include "vdev/tick.h"
#include "vdev/ticks.h"
#include "vdev/vdevs.h"
#include "vm/iobus.h"
#include "vm/vm.h"

/* A guest that programs a shorter period gets its interrupts no faster than this. */
#define PIT_MIN_PERIOD_NS 50000u
/* No period is longer than so many turns of the counter; those of odd BCD digits are longer than one. */
#define HELD_TURNS        2u

enum pit_bank { BANK_COUNTERS, BANK_PORT61 };

/* What a read of a counter's port yields first. */
enum pit_latch { LATCH_NONE, LATCH_LSB, LATCH_MSB, LATCH_BOTH };

struct pit_counter {
	u8 mode; /* enum pit_mode */
	u8 rw;   /* enum pit_rw but RW_LATCH */
	bool bcd;
	bool gate;
	bool written;    /* initial holds a count */
	bool loaded;     /* counting since start_ns; else there is no count yet, or no trigger */
	bool null_count; /* what was written last is not in use yet */
	bool read_msb, write_msb; /* RW_BOTH: the high byte comes next */
	u8 write_lsb;             /* the low byte that waits for its high byte */
	u16 initial;              /* as written; 0: 65536, or 10000 in BCD */
	u16 active;               /* the same of the count in use */
	u8 latch;                 /* enum pit_latch: what is left of latched */
	u16 latched;
	bool status_latched;
	u8 status;
	u64 start_ns;
	u64 held; /* ticks counted before start_ns; while the gate is low all of them */
};

struct pit {
	struct vdev dev;
	struct pit_counter counters[PIT_COUNTERS];
	u8 port61;
	struct tick tick; /* of counter 0 in a periodic mode: its rising edges */
	struct vtimer timer;
	struct irqline line;
};

static u32 counter_modulus(const struct pit_counter *c)
{
	return c->bcd ? 10000 : 0x10000;
}

static u32 counter_period(const struct pit_counter *c)
{
	u32 n = c->active;

	if (c->bcd)
		n = (n >> 12) * 1000 + (n >> 8 & 0xf) * 100 + (n >> 4 & 0xf) * 10 + (n & 0xf);
	return n ? n : counter_modulus(c);
}

/* In these modes a low gate suspends counting; in the others it does not, or starts anew. */
static bool gate_suspends(const struct pit_counter *c)
{
	return c->mode == PIT_MODE_TERMINAL || c->mode == PIT_MODE_SOFT_STROBE;
}

static bool is_periodic(const struct pit_counter *c)
{
	return c->mode == PIT_MODE_RATE || c->mode == PIT_MODE_SQUARE;
}

static bool gate_triggers(const struct pit_counter *c)
{
	return c->mode == PIT_MODE_ONESHOT || c->mode == PIT_MODE_HARD_STROBE;
}

static u64 counter_ticks(const struct pit *p, const struct pit_counter *c)
{
	if (!c->loaded)
		return 0;
	if (!c->gate && gate_suspends(c))
		return c->held;
	return c->held + ns_to_ticks(vm_time_ns(p->dev.vm) - c->start_ns, PIT_HZ);
}

static void counter_start(struct pit *p, struct pit_counter *c)
{
	if (c == &p->counters[0])
		tick_start(&p->tick);
	c->loaded = true;
	c->active = c->initial;
	c->null_count = false;
	c->held = 0;
	c->start_ns = vm_time_ns(p->dev.vm);
}

/* The counting element, as a binary number. */
static u32 counter_value(const struct pit *p, const struct pit_counter *c)
{
	u32 n = counter_period(c), modulus = counter_modulus(c);
	u64 ticks = counter_ticks(p, c);

	if (!c->loaded || (is_periodic(c) && !c->gate))
		return n;
	if (c->mode == PIT_MODE_RATE)
		return n - (u32)(ticks % n);
	if (c->mode == PIT_MODE_SQUARE) {
		/* Counts by two through each half; an odd count's first half is one tick longer. */
		u32 phase = (u32)(ticks % n), high = (n + 1) / 2;

		return (n & ~1u) - 2 * (phase < high ? phase : phase - high);
	}
	return (n + modulus - (u32)(ticks % modulus)) % modulus;
}

static bool counter_out(const struct pit *p, const struct pit_counter *c)
{
	u32 n = counter_period(c);
	u64 ticks = counter_ticks(p, c);

	if (!c->loaded || (is_periodic(c) && !c->gate))
		return c->mode != PIT_MODE_TERMINAL;
	switch (c->mode) {
	case PIT_MODE_RATE:
		return ticks % n != n - 1;
	case PIT_MODE_SQUARE:
		return ticks % n < (n + 1) / 2;
	case PIT_MODE_SOFT_STROBE:
	case PIT_MODE_HARD_STROBE:
		return ticks != n;
	default:
		return ticks >= n;
	}
}

static u16 to_port(const struct pit_counter *c, u32 value)
{
	if (!c->bcd)
		return (u16)value;
	return (u16)(value / 1000 % 10 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 |
		     value % 10);
}

/* Arms the timer for the next rising edge of counter 0's output, and sets the line to its level. */
static void irq_update(struct pit *p)
{
	const struct pit_counter *c = &p->counters[0];
	u32 n = counter_period(c);
	u64 ticks = counter_ticks(p, c), edge = n, now = vm_time_ns(p->dev.vm);

	/*
	 * The low part of a period is left out: the edge is a pulse when the timer fires, and the line
	 * stays high, so that an interrupt that is served late is not lost.
	 */
	irqline_set_legacy(p->dev.vm, &p->line,
			   c->mode != PIT_MODE_TERMINAL || (c->loaded && ticks >= n));
	vtimer_cancel(&p->timer);
	if (!c->loaded)
		return;
	if (is_periodic(c)) {
		edge = tick_next(&p->tick, n);
		if (edge <= ticks) {
			vtimer_arm(&p->timer, now + MAX(ticks_to_ns(n, PIT_HZ) / TICKS_OWED_SPEED,
							PIT_MIN_PERIOD_NS));
			return;
		}
	} else if (c->mode == PIT_MODE_SOFT_STROBE)
		edge = n + 1; /* high again after one tick */
	if (ticks < edge)
		vtimer_arm(&p->timer, MAX(c->start_ns + ticks_to_ns(edge - c->held, PIT_HZ),
					  now + PIT_MIN_PERIOD_NS));
}

static void timer_fired(struct vtimer *t)
{
	struct pit *p = container_of(t, struct pit, timer);
	const struct pit_counter *c = &p->counters[0];

	if (!is_periodic(c) || tick_take(&p->tick, counter_ticks(p, c), counter_period(c),
					 ns_to_ticks(PIT_MIN_PERIOD_NS, PIT_HZ))) {
		irqline_set_legacy(p->dev.vm, &p->line, false);
		irqline_set_legacy(p->dev.vm, &p->line, true);
	}
	irq_update(p);
}

static void latch_count(const struct pit *p, struct pit_counter *c)
{
	if (c->latch != LATCH_NONE)
		return; /* kept until it was read */
	c->latched = to_port(c, counter_value(p, c));
	c->latch = c->rw == PIT_RW_LSB ? LATCH_LSB : c->rw == PIT_RW_MSB ? LATCH_MSB : LATCH_BOTH;
}

static void latch_status(const struct pit *p, struct pit_counter *c)
{
	if (c->status_latched)
		return;
	c->status_latched = true;
	c->status = (u8)((counter_out(p, c) ? PIT_ST_OUT : 0) | (c->null_count ? PIT_ST_NULL : 0) |
			 (u32)c->rw << PIT_CW_RW_SH | (u32)c->mode << PIT_CW_MODE_SH | c->bcd);
}

static void control_write(struct pit *p, u8 v)
{
	u32 select = v >> PIT_CW_SEL_SH, rw = (v & PIT_CW_RW) >> PIT_CW_RW_SH;

	if (select == PIT_SEL_READBCK) {
		for (u32 i = 0; i < PIT_COUNTERS; i++) {
			if (!(v & PIT_RB_COUNTER0 << i))
				continue;
			if (!(v & PIT_RB_NO_COUNT))
				latch_count(p, &p->counters[i]);
			if (!(v & PIT_RB_NO_STATUS))
				latch_status(p, &p->counters[i]);
		}
		return;
	}

	struct pit_counter *c = &p->counters[select];

	if (rw == PIT_RW_LATCH) {
		latch_count(p, c);
		return;
	}
	*c = (struct pit_counter){
		.mode = (v & PIT_CW_MODE) >> PIT_CW_MODE_SH,
		.rw = (u8)rw,
		.bcd = v & PIT_CW_BCD,
		.gate = c->gate,
		.null_count = true,
	};
	if (c->mode > PIT_MODE_HARD_STROBE)
		c->mode -= 4; /* the high bit is not decoded in modes 2 and 3 */
	if (select == 0) {
		tick_start(&p->tick);
		irq_update(p);
	}
}

static void counter_write(struct pit *p, u32 index, u8 v)
{
	struct pit_counter *c = &p->counters[index];

	if (c->rw == PIT_RW_BOTH && !c->write_msb) {
		c->write_lsb = v;
		c->write_msb = true;
		if (c->mode == PIT_MODE_TERMINAL) {
			c->loaded =
				false; /* the first byte stops counting and sets the output low */
			c->null_count = true;
		}
	} else {
		c->initial = c->rw == PIT_RW_LSB ? v : (u16)(v << 8 | c->write_lsb);
		c->write_msb = false;
		c->write_lsb = 0;
		if (is_periodic(c) && c->initial == 1)
			c->initial = 2; /* 1 is not a legal count there */
		c->written = true;
		if (gate_triggers(c))
			c->null_count = true;
		else
			counter_start(p, c);
	}
	if (index == 0)
		irq_update(p);
}

static u8 latched_read(struct pit_counter *c)
{
	bool msb = c->latch == LATCH_MSB;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	c->latch = c->latch == LATCH_BOTH ? LATCH_MSB : LATCH_NONE;
	return (u8)(msb ? c->latched >> 8 : c->latched);
}

/* The byte of a counter's value that its port shows now. */
static u8 value_read(struct pit_counter *c, u32 value)
{
	bool msb = c->rw == PIT_RW_MSB;

	if (c->rw == PIT_RW_BOTH) {
		msb = c->read_msb;
		c->read_msb = !msb;
	}
	return (u8)(value >> (8 * msb));
}

static __noinline int busy_read(const struct pit *p, struct pit_counter *c, struct io_access *a)
{
	if (c->status_latched || c->latch != LATCH_NONE)
		a->value = latched_read(c);
	else
		a->value = value_read(c, to_port(c, counter_value(p, c)));
	return 0;
}

static int counter_read(const struct pit *p, struct pit_counter *c, struct io_access *a)
{
	if (c->loaded | c->status_latched | c->latch | c->bcd)
		return busy_read(p, c, a);
	a->value = value_read(c, c->active);
	return 0;
}

static void gate_set(struct pit *p, struct pit_counter *c, bool gate)
{
	if (gate == c->gate)
		return;
	if (gate_suspends(c)) {
		u64 ticks = counter_ticks(p, c), turn = counter_modulus(c);

		/* Behind its period the count repeats: it need not grow. */
		c->held = ticks < HELD_TURNS * turn ? ticks : ticks % turn + HELD_TURNS * turn;
		c->start_ns = vm_time_ns(p->dev.vm);
	}
	c->gate = gate;
	if (gate && c->written && !gate_suspends(c))
		counter_start(p, c); /* a rising edge is a trigger */
}

static __noinline int port61_read(const struct pit *p, struct io_access *a)
{
	u64 now = vm_time_ns(p->dev.vm);

	a->value = (u8)(p->port61 | (now / PORT61_REFRESH_NS & 1 ? PORT61_REFRESH : 0) |
			(counter_out(p, &p->counters[2]) ? PORT61_OUT2 : 0));
	return 0;
}

static __noinline int pit_write(struct pit *p, u32 bank, const struct io_access *a)
{
	u8 v = (u8)a->value;

	if (bank == BANK_PORT61) {
		p->port61 = v & PORT61_WRITABLE;
		gate_set(p, &p->counters[2], v & PORT61_GATE2);
	} else if (a->offset == PIT_CONTROL) {
		control_write(p, v);
	} else {
		counter_write(p, (u32)a->offset, v);
	}
	return 0;
}

static int pit_io(struct vdev *dev, u32 bank, struct io_access *a)
{
	struct pit *p = container_of(dev, struct pit, dev);

	if (a->size != 1)
		return -ENOTSUP;
	if (a->write)
		return pit_write(p, bank, a);
	if (bank == BANK_PORT61)
		return port61_read(p, a);
	if (a->offset == PIT_CONTROL)
		return -ENOTSUP;
	return counter_read(p, &p->counters[a->offset], a);
}

static void pit_reset(struct vdev *dev)
{
	struct pit *p = container_of(dev, struct pit, dev);

	for (u32 i = 0; i < PIT_COUNTERS; i++)
		p->counters[i] = (struct pit_counter){
			.mode = PIT_MODE_TERMINAL,
			.rw = PIT_RW_BOTH,
			.gate = i != 2,
			.null_count = true,
		};
	p->port61 = 0;
	tick_start(&p->tick);
	irqline_renew(&p->line);
	irq_update(p);
}

static void counter_state(struct pit *p, struct pit_counter *c, struct state *s)
{
	state_u8(s, "mode", &c->mode);
	state_u8(s, "rw", &c->rw);
	state_bool(s, "bcd", &c->bcd);
	state_bool(s, "gate", &c->gate);
	state_bool(s, "written", &c->written);
	state_bool(s, "loaded", &c->loaded);
	state_bool(s, "null_count", &c->null_count);
	state_bool(s, "read_msb", &c->read_msb);
	state_bool(s, "write_msb", &c->write_msb);
	state_u8(s, "write_lsb", &c->write_lsb);
	state_u16(s, "initial", &c->initial);
	state_u16(s, "active", &c->active);
	state_u8(s, "latch", &c->latch);
	state_u16(s, "latched", &c->latched);
	state_bool(s, "status_latched", &c->status_latched);
	state_u8(s, "status", &c->status);
	state_moment(s, &p->dev, "start", &c->start_ns);
	state_u64(s, "held", &c->held);
	if (c->mode > PIT_MODE_HARD_STROBE)
		state_reject(s, "mode");
	if (c->rw == PIT_RW_LATCH || c->rw > PIT_RW_BOTH)
		state_reject(s, "rw");
	if (c->latch > LATCH_BOTH)
		state_reject(s, "latch");
	if (c->held >= (HELD_TURNS + 1) * counter_modulus(c))
		state_reject(s, "held");
	if (is_periodic(c) && (c->initial == 1 || c->active == 1))
		state_reject(s, "initial");
	if (!c->gate && c != &p->counters[2])
		state_reject(s, "gate");
}

static void pit_state(struct vdev *dev, struct state *s)
{
	struct pit *p = container_of(dev, struct pit, dev);
	const struct pit_counter *c = &p->counters[0];

	for (u32 i = 0; i < PIT_COUNTERS; i++)
		counter_state(p, &p->counters[i], s);
	state_u8(s, "port61", &p->port61);
	tick_state(s, &p->tick, is_periodic(c) ? counter_ticks(p, c) : 0, counter_period(c));
	if (p->port61 & ~PORT61_WRITABLE)
		state_reject(s, "port61");
	if (!s->loading || state_result(s))
		return;
	irqline_renew(&p->line);
	irq_update(p);
}

static const struct vdev_ops pit_ops = {
	.name = "pit",
	.version = 1,
	.reset = pit_reset,
	.state = pit_state,
};

int pit_create(struct vm *vm, const struct domain *cfg)
{
	struct pit *p = heap_alloc(vm->heap, sizeof(*p), 0);
	int err;

	if (!p)
		return -ENOMEM;
	p->tick.policy = cfg->ticks[TIMER_PIT] ? cfg->ticks[TIMER_PIT] : TICK_CATCHUP;
	vdev_add(vm, &p->dev, &pit_ops, 0, RANK_VDEV);
	p->line.gsi = PIT_IRQ;
	vtimer_init_dev(&p->timer, &p->dev, timer_fired);
	err = iobus_claim(vm->bus, IO_PORT, PIT_PORT, PIT_PORTS, &p->dev, pit_io, BANK_COUNTERS);
	if (!err)
		err = iobus_claim(vm->bus, IO_PORT, PORT61, 1, &p->dev, pit_io, BANK_PORT61);
	return err;
}
