/*
 * The guest's pair of 8259A interrupt controllers with their edge/level registers. The master's
 * output is the VM's ExtINT signal.
 */
#include "lib/errno.h"
#include "lib/hw/i8259.h"
#include "mm/heap.h"
#include "vdev/vdevs.h"
#include "vm/iobus.h"
#include "vm/irq.h"
#include "vm/state.h"
#include "vm/vdev.h"
#include "vm/vm.h"

#define ELCR_MASTER_MASK 0xf8 /* IRQ 0, 1 and 2 are always edge-triggered */
#define ELCR_SLAVE_MASK  0xde /* as are 8 and 13 */
#define SPURIOUS_IRQ     7

enum bank { BANK_MASTER, BANK_SLAVE, BANK_ELCR };

struct chip {
	u8 irr, isr, imr, lines, elcr;
	u8 base;      /* vector of input 0 */
	u8 lowest;    /* the input of lowest priority; 7 is the usual order */
	u8 init_step; /* 0: not initialising; else the ICW expected next */
	u8 icw4;
	bool single, wants_icw4, read_isr, poll, special_mask, auto_rotate;
};

struct pic {
	struct vdev dev; /* first; its lock guards all below */
	struct chip chip[2];
};

static struct pic *pic_of(struct vdev *dev)
{
	return container_of(dev, struct pic, dev);
}

/* The set bit of highest priority, as its distance from the highest; 8: none. */
static u32 priority(const struct chip *c, u8 bits)
{
	u32 p = 0;

	if (!bits)
		return 8;
	while (!(bits & 1u << ((p + c->lowest + 1) & 7)))
		p++;
	return p;
}

/* The input at a distance from the one of highest priority. */
static u32 input_at(const struct chip *c, u32 distance)
{
	return (distance + c->lowest + 1) & 7;
}

/* What is in service and holds others back: in special mask mode not what is masked. */
static u8 blocking(const struct chip *c)
{
	return c->special_mask ? c->isr & ~c->imr : c->isr;
}

/* The input to serve now, or -1: unmasked, and above what is in service; none before the chip is initialised. */
static int pending(const struct chip *c, bool master)
{
	u32 p = priority(c, c->irr & ~c->imr), in_service = priority(c, blocking(c));
	u32 irq = input_at(c, p);

	if (p == 8 || c->init_step)
		return -1;
	/* Special fully nested mode: the slave may interrupt again while it is being served. */
	if (master && irq == PIC_CASCADE_IRQ && (c->icw4 & PIC_ICW4_NESTED))
		return p <= in_service ? (int)irq : -1;
	return p < in_service ? (int)irq : -1;
}

static void set_input(struct chip *c, u32 irq, bool level)
{
	u8 bit = (u8)(1u << irq);

	if (c->elcr & bit) {
		c->irr = level ? c->irr | bit : c->irr & ~bit;
	} else if (level && !(c->lines & bit)) {
		c->irr |= bit;
	} else if (!level) {
		c->irr &= ~bit;
	}
	c->lines = level ? c->lines | bit : c->lines & ~bit;
}

/* Passes the slave's output to the master and the master's to the CPU. */
static void update(struct pic *p)
{
	const u8 cascade = 1u << PIC_CASCADE_IRQ;
	struct chip *master = &p->chip[0];

	/*
	 * The slave drops its output in the acknowledge cycle and raises it again for what still waits, so
	 * its next interrupt is an edge, too: the request follows its output.
	 */
	if (pending(&p->chip[1], false) >= 0)
		master->irr |= cascade;
	else
		master->irr &= ~cascade;
	vm_extint_set(p->dev.vm, pending(&p->chip[0], true) >= 0);
}

static void pic_line(struct vdev *dev, u32 gsi, bool level)
{
	struct pic *p = pic_of(dev);

	if (gsi >= 16 || gsi == PIC_CASCADE_IRQ)
		return;
	spin_lock(&dev->lock);
	set_input(&p->chip[gsi / 8], gsi & 7, level);
	update(p);
	spin_unlock(&dev->lock);
}

/* The acknowledge cycle for one chip's input. */
static void acknowledge(struct chip *c, u32 irq)
{
	u8 bit = (u8)(1u << irq);

	if (!(c->elcr & bit))
		c->irr &= ~bit;
	if (!(c->icw4 & PIC_ICW4_AUTO_EOI))
		c->isr |= bit;
	else if (c->auto_rotate)
		c->lowest = (u8)irq;
}

/* Acknowledges one chip; its vector, the spurious one if the input went away. */
static u8 chip_ack(struct chip *c, bool master, int *irq)
{
	*irq = pending(c, master);
	if (*irq < 0)
		return c->base + SPURIOUS_IRQ;
	acknowledge(c, (u32)*irq);
	return c->base + (u8)*irq;
}

static int pic_ack(struct vdev *dev)
{
	struct pic *p = pic_of(dev);
	int irq, slave_irq;
	u8 vector;

	spin_lock(&dev->lock);
	vector = chip_ack(&p->chip[0], true, &irq);
	if (irq == PIC_CASCADE_IRQ)
		vector = chip_ack(&p->chip[1], false, &slave_irq);
	update(p);
	spin_unlock(&dev->lock);
	return vector;
}

static void ocw2(struct chip *c, u8 value)
{
	enum pic_ocw2 op = value >> 5;
	u32 irq = value & 7;

	switch (op) {
	case PIC_EOI:
	case PIC_EOI_ROTATE: {
		u32 pr = priority(c, blocking(c)); /* nor does it end what is masked then */

		if (pr == 8)
			break;
		irq = input_at(c, pr);
		c->isr &= ~(1u << irq);
		if (op == PIC_EOI_ROTATE)
			c->lowest = (u8)irq;
		break;
	}
	case PIC_EOI_SPECIFIC:
	case PIC_EOI_SPECIFIC_ROTATE:
		c->isr &= ~(1u << irq);
		if (op == PIC_EOI_SPECIFIC_ROTATE)
			c->lowest = (u8)irq;
		break;
	case PIC_SET_PRIORITY:
		c->lowest = (u8)irq;
		break;
	case PIC_CLEAR_AUTO_ROTATE:
	case PIC_SET_AUTO_ROTATE:
		c->auto_rotate = op == PIC_SET_AUTO_ROTATE;
		break;
	}
}

static void ocw3(struct chip *c, u8 value)
{
	if (value & PIC_OCW3_POLL)
		c->poll = true;
	if (value & PIC_OCW3_READ)
		c->read_isr = value & PIC_OCW3_READ_ISR;
	if (value & PIC_OCW3_SMM_SET)
		c->special_mask = value & PIC_OCW3_SMM;
}

static void write_command(struct chip *c, u8 value)
{
	if (value & PIC_ICW1_INIT) {
		u8 elcr = c->elcr, lines = c->lines;

		*c = (struct chip){ .elcr = elcr, .lines = lines, .lowest = 7, .init_step = 2 };
		c->irr = lines & elcr;
		c->single = value & PIC_ICW1_SINGLE;
		c->wants_icw4 = value & PIC_ICW1_ICW4;
	} else if (value & PIC_OCW3) {
		ocw3(c, value);
	} else {
		ocw2(c, value);
	}
}

static void write_data(struct chip *c, u8 value)
{
	switch (c->init_step) {
	case 0:
		c->imr = value;
		return;
	case 2:
		c->base = value & 0xf8;
		c->init_step = c->single ? (c->wants_icw4 ? 4 : 0) : 3;
		return;
	case 3: /* the wiring of the cascade is fixed */
		c->init_step = c->wants_icw4 ? 4 : 0;
		return;
	default:
		c->icw4 = value;
		c->init_step = 0;
	}
}

static u8 poll_chip(struct chip *c, bool master)
{
	int irq;

	c->poll = false;
	chip_ack(c, master, &irq);
	return irq < 0 ? 0 : (u8)(0x80 | irq);
}

static u8 read_register(const struct chip *c, bool data)
{
	if (data)
		return c->imr;
	return c->read_isr ? c->isr : c->irr;
}

static u8 elcr_mask(u32 chip)
{
	return chip ? ELCR_SLAVE_MASK : ELCR_MASTER_MASK;
}

static void access_elcr(struct pic *p, struct io_access *a)
{
	struct chip *c = &p->chip[a->offset];

	if (!a->write) {
		a->value = c->elcr;
		return;
	}
	c->elcr = (u8)a->value & elcr_mask((u32)a->offset);
	c->irr = (c->irr & ~c->elcr) | (c->lines & c->elcr);
}

/* An access that changes something. */
static __noinline int access_changes(struct pic *p, u32 bank, struct io_access *a)
{
	if (bank == BANK_ELCR)
		access_elcr(p, a);
	else if (!a->write)
		a->value = poll_chip(&p->chip[bank], bank == BANK_MASTER);
	else if (a->offset)
		write_data(&p->chip[bank], (u8)a->value);
	else
		write_command(&p->chip[bank], (u8)a->value);
	update(p);
	return 0;
}

static int pic_access(struct vdev *dev, u32 bank, struct io_access *a)
{
	struct pic *p = pic_of(dev);

	if (a->size != 1)
		return -ENOTSUP;
	if (bank == BANK_ELCR || a->write || p->chip[bank].poll)
		return access_changes(p, bank, a);
	a->value = read_register(&p->chip[bank], a->offset);
	return 0;
}

static void pic_reset(struct vdev *dev)
{
	struct pic *p = pic_of(dev);

	for (u32 i = 0; i < 2; i++)
		p->chip[i] = (struct chip){ .lowest = 7 };
	vm_extint_set(dev->vm, false);
}

static void chip_state(struct chip *c, struct state *s)
{
	state_u8(s, "irr", &c->irr);
	state_u8(s, "isr", &c->isr);
	state_u8(s, "imr", &c->imr);
	state_u8(s, "lines", &c->lines);
	state_u8(s, "elcr", &c->elcr);
	state_u8(s, "base", &c->base);
	state_u8(s, "lowest", &c->lowest);
	state_u8(s, "init_step", &c->init_step);
	state_u8(s, "icw4", &c->icw4);
	state_bool(s, "single", &c->single);
	state_bool(s, "wants_icw4", &c->wants_icw4);
	state_bool(s, "read_isr", &c->read_isr);
	state_bool(s, "poll", &c->poll);
	state_bool(s, "special_mask", &c->special_mask);
	state_bool(s, "auto_rotate", &c->auto_rotate);
	if (s->loading && !s->error &&
	    (c->lowest > 7 || c->init_step > 4 || c->init_step == 1 || (c->base & 7)))
		state_reject(s, "register out of range");
}

/* Of inputs that were made level-triggered, requests are the lines. */
static void elcr_check(const struct chip *c, u32 chip, struct state *s)
{
	if ((c->elcr & ~elcr_mask(chip)) || ((c->irr ^ c->lines) & c->elcr))
		state_reject(s, "elcr");
}

static void pic_state(struct vdev *dev, struct state *s)
{
	struct pic *p = pic_of(dev);

	for (u32 i = 0; i < 2; i++) {
		chip_state(&p->chip[i], s);
		if (s->loading && !s->error)
			elcr_check(&p->chip[i], i, s);
	}
	if (!s->loading || s->error)
		return;
	/* The master's request is the slave's output. */
	if (!(p->chip[0].irr & 1u << PIC_CASCADE_IRQ) != (pending(&p->chip[1], false) < 0))
		state_reject(s, "cascade");
	else
		update(p);
}

static const struct vdev_ops ops = {
	.name = "pic",
	.version = 1,
	.reset = pic_reset,
	.state = pic_state,
};

static const struct extint_ops extint = { .ack = pic_ack };

int pic_create(struct vm *vm, const struct domain *cfg)
{
	struct pic *p = heap_alloc(vm->heap, sizeof(*p), 0);
	struct irqchip chip = { .line = pic_line };
	int err;

	(void)cfg;
	if (!p)
		return -ENOMEM;
	vdev_add(vm, &p->dev, &ops, 0, RANK_VIRQ);
	chip.dev = &p->dev;
	vm_extint_register(vm, &extint, &p->dev);
	err = vm_irqchip_add(vm, &chip);
	if (!err)
		err = iobus_claim(vm->bus, IO_PORT, PIC_MASTER, 2, &p->dev, pic_access,
				  BANK_MASTER);
	if (!err)
		err = iobus_claim(vm->bus, IO_PORT, PIC_SLAVE, 2, &p->dev, pic_access, BANK_SLAVE);
	if (!err)
		err = iobus_claim(vm->bus, IO_PORT, PIC_ELCR, 2, &p->dev, pic_access, BANK_ELCR);
	return err;
}
