/*
 * Up to four 16550A UARTs, one device: COM1 and COM3, COM2 and COM4 share an interrupt line. Bytes
 * come from and go to the VM's character devices as fast as either side takes them; line speed and
 * format are stored only. What finds no room waits in the transmit FIFO, with THRE low, until the
 * character device says that there is some.
 */
#include "core/chardev.h"
#include "lib/errno.h"
#include "lib/hw/uart16550.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vdev/irqline.h"
#include "vdev/vdevs.h"
#include "vm/iobus.h"
#include "vm/state.h"
#include "vm/vm.h"

/* The peer is always there: carrier, data set ready, clear to send. */
#define MSR_CONNECTED (UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS)

static const struct {
	u16 port;
	u8 line; /* index of lines */
} places[VM_MAX_SERIALS] = {
	{ UART_COM1_PORT, 0 },
	{ UART_COM2_PORT, 1 },
	{ UART_COM3_PORT, 0 },
	{ UART_COM4_PORT, 1 },
};

struct uart_fifo {
	u8 count;
	u8 data[UART_FIFO_SIZE]; /* the oldest first */
};

struct uart_port {
	u8 ier, fcr, lcr, mcr, scr, dll, dlm;
	u8 msr;            /* its delta bits; the lines follow from mcr */
	u8 lsr;            /* its error bits */
	bool thre_pending; /* the transmitter's interrupt was raised and not taken yet */
	struct uart_fifo rx, tx;
	struct chardev *chardev; /* const */
	u8 line;                 /* const: index of uart.lines */
};

struct uart {
	struct vdev dev;
	u32 count; /* const */
	struct uart_port ports[VM_MAX_SERIALS];
	struct irqline lines[2];
};

static u32 fifo_size(const struct uart_port *p)
{
	return p->fcr & UART_FCR_ENABLE ? UART_FIFO_SIZE : 1;
}

static void fifo_push(struct uart_fifo *f, u8 byte)
{
	f->data[f->count++] = byte;
}

static void fifo_drop(struct uart_fifo *f, size_t n)
{
	f->count -= (u8)n;
	memmove(f->data, f->data + n, f->count);
}

static u8 modem_lines(const struct uart_port *p)
{
	if (!(p->mcr & UART_MCR_LOOP))
		return MSR_CONNECTED;
	return (u8)((p->mcr & UART_MCR_RTS ? UART_MSR_CTS : 0) |
		    (p->mcr & UART_MCR_DTR ? UART_MSR_DSR : 0) |
		    (p->mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0) |
		    (p->mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0));
}

static u32 rx_trigger(const struct uart_port *p)
{
	static const u8 levels[] = { 1, 4, 8, 14 };

	return p->fcr & UART_FCR_ENABLE ? levels[p->fcr >> 6] : 1;
}

/* The IIR: the pending interrupt of the highest priority. */
static u8 cause(const struct uart_port *p)
{
	if ((p->ier & UART_IER_RLS) && p->lsr)
		return UART_IIR_RLS;
	if ((p->ier & UART_IER_RDA) && p->rx.count >= rx_trigger(p))
		return UART_IIR_RDA;
	/* Below the trigger: the four characters' time has passed, since all that came came at once. */
	if ((p->ier & UART_IER_RDA) && p->rx.count)
		return UART_IIR_TIMEOUT;
	if ((p->ier & UART_IER_THRE) && p->thre_pending)
		return UART_IIR_THRE;
	if ((p->ier & UART_IER_MS) && p->msr)
		return UART_IIR_MS;
	return UART_IIR_NONE;
}

static void irq_update(struct uart *u, u8 line)
{
	bool level = false;

	for (u32 i = 0; i < u->count; i++) {
		const struct uart_port *p = &u->ports[i];

		/* OUT2 gates the line, and loop-back forces it off. */
		if (p->line == line && (p->mcr & (UART_MCR_OUT2 | UART_MCR_LOOP)) == UART_MCR_OUT2)
			level |= cause(p) != UART_IIR_NONE;
	}
	irqline_set(u->dev.vm, &u->lines[line], level);
}

/* Takes from the host what the receiver has room for. */
static void rx_fill(struct uart_port *p)
{
	u32 room = fifo_size(p) - p->rx.count;

	if (room == 0 || (p->mcr & UART_MCR_LOOP))
		return;
	p->rx.count += (u8)chardev_guest_read(p->chardev, p->rx.data + p->rx.count, room);
}

static void tx_flush(struct uart_port *p)
{
	if (p->tx.count == 0)
		return;
	fifo_drop(&p->tx, chardev_guest_write(p->chardev, p->tx.data, p->tx.count));
	if (p->tx.count == 0)
		p->thre_pending = true;
}

/* An overrun loses the new byte where the FIFO is on, else the one before ("Line Status Register"). */
static void loop_byte(struct uart_port *p, u8 v)
{
	if (p->rx.count < fifo_size(p)) {
		fifo_push(&p->rx, v);
		return;
	}
	p->lsr |= UART_LSR_OE;
	if (!(p->fcr & UART_FCR_ENABLE))
		p->rx.data[0] = v;
}

static void thr_write(struct uart *u, struct uart_port *p, u8 v)
{
	/* The transmitter is busy for a moment: an edge-triggered line must see it. */
	if (p->thre_pending) {
		p->thre_pending = false;
		irq_update(u, p->line);
	}
	if (p->mcr & UART_MCR_LOOP) {
		loop_byte(p, v);
		p->thre_pending = true;
		return;
	}
	if (p->tx.count ==
	    fifo_size(p)) /* written in spite of THRE: as hardware does, it overwrites */
		p->tx.data[p->tx.count - 1] = v;
	else
		fifo_push(&p->tx, v);
	tx_flush(p);
}

static u8 rbr_read(struct uart_port *p)
{
	u8 v = p->rx.data[0];

	if (p->rx.count == 0)
		return 0;
	fifo_drop(&p->rx, 1);
	rx_fill(p);
	return v;
}

static void fcr_write(struct uart_port *p, u8 v)
{
	bool toggled = (v ^ p->fcr) & UART_FCR_ENABLE;

	if (toggled || (v & UART_FCR_RX_RESET))
		p->rx.count = 0;
	if ((toggled || (v & UART_FCR_TX_RESET)) && p->tx.count) {
		p->tx.count = 0;
		p->thre_pending = true;
	}
	/* The other bits count only together with the enabling one. */
	p->fcr = v & UART_FCR_ENABLE ? v & (UART_FCR_ENABLE | UART_FCR_DMA | UART_FCR_TRIGGER) : 0;
	rx_fill(p);
}

static void mcr_write(struct uart_port *p, u8 v)
{
	u8 old = modem_lines(p), now;

	p->mcr = v & UART_MCR_MASK;
	now = modem_lines(p);
	p->msr |= (old ^ now) >> 4 & (UART_MSR_DCTS | UART_MSR_DDSR | UART_MSR_DDCD);
	if (old & ~now & UART_MSR_RI)
		p->msr |= UART_MSR_TERI;
	rx_fill(p);
}

static void reg_write(struct uart *u, struct uart_port *p, u32 reg, u8 v)
{
	bool dlab = p->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_THR:
		if (dlab)
			p->dll = v;
		else
			thr_write(u, p, v);
		break;
	case UART_IER:
		if (dlab) {
			p->dlm = v;
			break;
		}
		if ((v & ~p->ier & UART_IER_THRE) && p->tx.count == 0)
			p->thre_pending =
				true; /* enabling it with an empty transmitter raises it */
		p->ier = v & UART_IER_MASK;
		break;
	case UART_FCR:
		fcr_write(p, v);
		break;
	case UART_LCR:
		p->lcr = v;
		break;
	case UART_MCR:
		mcr_write(p, v);
		break;
	case UART_SCR:
		p->scr = v;
		break;
	default:
		break; /* LSR and MSR: for factory tests only */
	}
}

static u8 iir_read(struct uart_port *p)
{
	u8 v = cause(p);

	if (v == UART_IIR_THRE)
		p->thre_pending = false;
	return v | (p->fcr & UART_FCR_ENABLE ? UART_IIR_FIFO : 0);
}

static u8 lsr_read(struct uart_port *p)
{
	u8 v = p->lsr;

	p->lsr = 0;
	if (p->rx.count)
		v |= UART_LSR_DR;
	if (p->tx.count == 0)
		v |= UART_LSR_THRE | UART_LSR_TEMT;
	return v;
}

static u8 msr_read(struct uart_port *p)
{
	u8 v = p->msr | modem_lines(p);

	p->msr = 0;
	return v;
}

static u8 reg_read(struct uart_port *p, u32 reg)
{
	bool dlab = p->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_RBR:
		return dlab ? p->dll : rbr_read(p);
	case UART_IER:
		return dlab ? p->dlm : p->ier;
	case UART_IIR:
		return iir_read(p);
	case UART_LCR:
		return p->lcr;
	case UART_MCR:
		return p->mcr;
	case UART_LSR:
		return lsr_read(p);
	case UART_MSR:
		return msr_read(p);
	default:
		return p->scr;
	}
}

/* Wider accesses are so many byte accesses, lowest port first, as the ISA bus makes them. */
static void wide_io(struct uart *u, struct uart_port *p, struct io_access *a)
{
	u64 value = 0;

	for (u32 i = 0; i < a->size; i++) {
		u32 reg = (u32)a->offset + i, shift = 8 * i;

		if (a->write)
			reg_write(u, p, reg, (u8)(a->value >> shift));
		else
			value |= (u64)reg_read(p, reg) << shift;
		irq_update(u, p->line);
	}
	if (!a->write)
		a->value = value;
}

static int uart_io(struct vdev *dev, u32 bank, struct io_access *a)
{
	struct uart *u = container_of(dev, struct uart, dev);
	struct uart_port *p = &u->ports[bank];

	if (unlikely(a->size != 1))
		wide_io(u, p, a);
	else if (a->write)
		reg_write(u, p, (u32)a->offset, (u8)a->value);
	else
		a->value = reg_read(p, (u32)a->offset);
	irq_update(u, p->line);
	return 0;
}

/* The host has put bytes into a character device, or made room in one. */
static void uart_input(struct vdev *dev)
{
	struct uart *u = container_of(dev, struct uart, dev);

	for (u32 i = 0; i < u->count; i++) {
		rx_fill(&u->ports[i]);
		tx_flush(&u->ports[i]);
		irq_update(u, u->ports[i].line);
	}
}

/* Drives both lines, whatever the controllers have heard. */
static void irq_renew(struct uart *u)
{
	for (u8 line = 0; line < ARRAY_LEN(u->lines); line++) {
		irqline_renew(&u->lines[line]);
		irq_update(u, line);
	}
}

static void uart_reset(struct vdev *dev)
{
	struct uart *u = container_of(dev, struct uart, dev);

	for (u32 i = 0; i < u->count; i++)
		u->ports[i] = (struct uart_port){
			.dll = 1,
			.chardev = u->ports[i].chardev,
			.line = u->ports[i].line,
		};
	irq_renew(u);
}

static void fifo_state(struct uart_port *p, struct uart_fifo *f, struct state *s, const char *count,
		       const char *data)
{
	state_u8(s, count, &f->count);
	state_bytes(s, data, f->data, sizeof(f->data));
	if (f->count > fifo_size(p)) {
		f->count = 0;
		state_reject(s, count);
	}
}

static void port_state(struct uart_port *p, struct state *s)
{
	state_u8(s, "ier", &p->ier);
	state_u8(s, "fcr", &p->fcr);
	state_u8(s, "lcr", &p->lcr);
	state_u8(s, "mcr", &p->mcr);
	state_u8(s, "scr", &p->scr);
	state_u8(s, "dll", &p->dll);
	state_u8(s, "dlm", &p->dlm);
	state_u8(s, "msr", &p->msr);
	state_u8(s, "lsr", &p->lsr);
	state_bool(s, "thre_pending", &p->thre_pending);
	fifo_state(p, &p->rx, s, "rx_count", "rx");
	fifo_state(p, &p->tx, s, "tx_count", "tx");
	if (p->ier & ~UART_IER_MASK)
		state_reject(s, "ier");
	if (p->mcr & ~UART_MCR_MASK)
		state_reject(s, "mcr");
	if (p->msr & ~UART_MSR_DELTA)
		state_reject(s, "msr");
	if (p->lsr & ~UART_LSR_OE)
		state_reject(s, "lsr");
}

static void uart_state(struct vdev *dev, struct state *s)
{
	struct uart *u = container_of(dev, struct uart, dev);
	u32 count = u->count;

	state_u32(s, "count", &count);
	if (count != u->count)
		state_reject(s, "count");
	for (u32 i = 0; i < u->count; i++)
		port_state(&u->ports[i], s);
	if (s->loading && !state_result(s)) {
		for (u32 i = 0; i < u->count; i++) {
			rx_fill(&u->ports[i]);
			tx_flush(&u->ports[i]);
		}
		irq_renew(u);
	}
}

static const struct vdev_ops uart_ops = {
	.name = "uart",
	.version = 1,
	.reset = uart_reset,
	.state = uart_state,
	.input = uart_input,
};

int uart_create(struct vm *vm, const struct domain *cfg)
{
	struct uart *u;

	if (cfg->serials == 0)
		return 0;
	u = heap_alloc(vm->heap, sizeof(*u), 0);
	if (!u)
		return -ENOMEM;
	u->count = MIN(cfg->serials, (u32)VM_MAX_SERIALS);
	vdev_add(vm, &u->dev, &uart_ops, 0, RANK_VDEV);
	u->lines[0].gsi = UART_COM1_IRQ;
	u->lines[1].gsi = UART_COM2_IRQ;
	for (u32 i = 0; i < u->count; i++) {
		int err = iobus_claim(vm->bus, IO_PORT, places[i].port, UART_PORTS, &u->dev,
				      uart_io, i);

		if (err)
			return err;
		u->ports[i].chardev = &vm->serial[i];
		u->ports[i].line = places[i].line;
	}
	return 0;
}
