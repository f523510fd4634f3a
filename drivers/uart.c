/*
 * The 16550s behind the console. Output goes through a ring that writers fill and the interrupt
 * empties; before there is an interrupt, when the ring is full and in a panic the writer polls, so
 * that output works in any context. Input comes by interrupt into a ring that the console's thread
 * empties; a writer that waits looks for it too, since interrupts are off meanwhile.
 */
#include "drivers/uart.h"

#include "arch/cpu.h"
#include "core/clock.h"
#include "core/console.h"
#include "core/irq.h"
#include "core/log.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/hw/uart16550.h"
#include "lib/string.h"

#define RX_RING_SIZE   16384u
#define TX_RING_SIZE   16384u
#define TX_POLLS       100000u /* some 100 ms of port reads; 16 bytes take 1.4 ms */
#define PASSES         16u /* of the interrupt handler, so that broken hardware cannot hold it */
#define PROBE_PATTERNS 2
#define REPORT_NS      1000000000ULL /* lost input is not logged more often */
#define HELD_NS        1000000000ULL /* so long others wait for a terminal that holds CTS back */
#define UNKNOWN_BAUD   9600u         /* taken where the firmware's speed is left alone */
#define FRAME_BITS     10u           /* start, eight data bits, stop */
#define POLLS_PER_S    1000000u      /* at most: a port read takes a microsecond */
#define DIVISOR_MAX    0xffffu

#define MCR_ON (UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2)

/* An interrupt line with the UARTs on it: COM1 and COM3 share one, COM2 and COM4 another. */
struct line {
	u8 isa_irq;
	struct irq irq;
};

static struct uart {
	struct uart_config config; /* const after uart_add() */
	u8 fifo_depth;             /* const after uart_add() */
	u32 polls;         /* const after uart_add(): how long to wait for the transmitter */
	struct line *line; /* const after uart_start(); NULL: polled */
	bool by_irq;       /* set once: input comes and output goes by interrupt */
	u32 throttled;     /* rx was full: its interrupt and RTS are off until it is empty */
	u32 rx_head;       /* free-running, as the next three; who has rx_busy */
	u32 rx_tail;       /* the console's thread */
	u32 rx_told;       /* the console's thread was woken for what came before; the handler */
	u32 rx_busy;
	u32 overruns; /* atomic: how often LSR said that a byte came and found the FIFO full */
	u32 reported; /* of them; the console's thread, as the next */
	u64 reported_ns;
	u32 tx_head; /* the console's owner */
	u32 tx_tail; /* who has tx_busy */
	u32 tx_busy;
	bool stuck;  /* the transmitter did not become ready: nobody waits until it sends again */
	u64 held_ns; /* atomic: since when CTS holds output back; 0: it does not */
	u8 rx[RX_RING_SIZE], tx[TX_RING_SIZE];
} uarts[UARTS_MAX];

/* Const after the last uart_add() and after uart_start(). */
static u32 uart_count, line_count;
static struct line lines[UARTS_MAX];

static u8 uart_in(const struct uart *u, enum uart_reg reg)
{
	return uart_reg_read(&u->config.regs, reg);
}

static void uart_out(const struct uart *u, enum uart_reg reg, u8 v)
{
	uart_reg_write(&u->config.regs, reg, v);
}

static u32 tx_used(struct uart *u)
{
	/* Pairs with the releases in tx_push() and tx_burst(). */
	return atomic_load_acquire(&u->tx_head) - atomic_load_acquire(&u->tx_tail);
}

/* Reading the LSR clears its error bits: every read goes through here. */
static u8 uart_lsr(struct uart *u)
{
	u8 lsr = uart_in(u, UART_LSR);

	if ((lsr & UART_LSR_OE) && lsr != UART_LSR_NONE)
		atomic_fetch_add(&u->overruns, 1);
	return lsr;
}

/* With flow control: whether the other end takes output. Since when it does not is kept. */
static bool tx_allowed(struct uart *u)
{
	bool cts = !u->config.flow || (uart_in(u, UART_MSR) & UART_MSR_CTS);

	if (cts)
		atomic_store_relaxed(&u->held_ns, 0);
	else if (!atomic_load_relaxed(&u->held_ns))
		atomic_store_relaxed(&u->held_ns, clock_ns());
	return cts;
}

static bool tx_ready(struct uart *u)
{
	return (uart_lsr(u) & UART_LSR_THRE) && tx_allowed(u);
}

/* The transmitter is empty: fills its FIFO. */
static void tx_burst(struct uart *u)
{
	u32 tail = u->tx_tail, n = MIN(tx_used(u), u->fifo_depth);

	while (n--)
		uart_out(u, UART_THR, u->tx[tail++ % TX_RING_SIZE]);
	atomic_store_release(&u->tx_tail, tail); /* pairs with tx_used() */
	u->stuck = false;
}

/*
 * Sends what can be sent at once. Who finds another one at it leaves it to him: he looks again
 * after he gave tx_busy back (the exchanges order that), and so does the interrupt of an empty
 * transmitter.
 */
static void tx_pump(struct uart *u)
{
	do {
		if (atomic_xchg(&u->tx_busy, 1))
			return;
		while (tx_used(u) && tx_ready(u))
			tx_burst(u);
		atomic_xchg(&u->tx_busy, 0);
	} while (tx_used(u) && tx_ready(u));
}

static bool rx_ready(struct uart *u)
{
	u8 lsr = uart_lsr(u);

	return lsr != UART_LSR_NONE && (lsr & UART_LSR_DR);
}

static bool rx_full(struct uart *u)
{
	/* Pairs with the release in rx_pop(): a slot is free only after it was read. */
	return u->rx_head - atomic_load_acquire(&u->rx_tail) == RX_RING_SIZE;
}

static void rx_push(struct uart *u, u8 byte)
{
	u32 head = u->rx_head;

	u->rx[head % RX_RING_SIZE] = byte;
	/* Pairs with the acquire in rx_pop(). */
	atomic_store_release(&u->rx_head, head + 1);
}

/* Moves what the FIFO has into the ring, as far as it has room. */
static void rx_move(struct uart *u)
{
	while (!rx_full(u) && rx_ready(u))
		rx_push(u, uart_in(u, UART_RBR));
}

/*
 * The same, by one at a time: who finds another one at it leaves it to him, who looks again after he
 * gave rx_busy back (the exchanges order that). False: the ring is full.
 */
static bool rx_drain(struct uart *u)
{
	do {
		if (atomic_xchg(&u->rx_busy, 1))
			return true;
		rx_move(u);
		atomic_xchg(&u->rx_busy, 0);
		if (rx_full(u))
			return false;
	} while (rx_ready(u));
	return true;
}

/* Waits until at most that many bytes are left; false: the transmitter does not move. */
static bool tx_wait(struct uart *u, u32 most)
{
	u32 tail = atomic_load_relaxed(&u->tx_tail), polls = 0;

	while (tx_used(u) > most) {
		u32 now;

		tx_pump(u);
		rx_drain(u);
		now = atomic_load_relaxed(&u->tx_tail);
		if (now != tail) {
			tail = now;
			polls = 0;
		} else if (u->stuck || polls++ == u->polls) {
			/* Perhaps a CPU was stopped in tx_pump(), by a panic or by our own NMI. */
			atomic_xchg(&u->tx_busy, 0);
			u->stuck = true;
			tx_pump(u);
			if (u->stuck)
				return false;
		}
		cpu_relax();
	}
	return true;
}

static void tx_push(struct uart *u, char c)
{
	u32 head = u->tx_head;

	if (tx_used(u) == TX_RING_SIZE && !tx_wait(u, TX_RING_SIZE - 1))
		return;
	u->tx[head % TX_RING_SIZE] = (u8)c;
	atomic_store_release(&u->tx_head, head + 1); /* pairs with tx_used() */
}

static void uart_write(void *ctx, const char *s, size_t n)
{
	struct uart *u = ctx;

	for (; n; n--, s++)
		tx_push(u, *s);
	if (atomic_load_relaxed(&u->by_irq))
		tx_pump(u);
	else
		tx_wait(u, 0);
}

/*
 * A transmitter that does not move, or a terminal that holds CTS back for long, keeps nobody waiting:
 * what finds no room is lost.
 */
static u32 uart_backlog(void *ctx)
{
	struct uart *u = ctx;
	u64 held = atomic_load_relaxed(&u->held_ns);

	return u->stuck || (held && clock_ns() - held > HELD_NS) ? 0 : tx_used(u);
}

static void uart_drain(void *ctx)
{
	struct uart *u = ctx;

	if (!tx_wait(u, 0))
		return;
	for (u32 i = 0; i < u->polls && !(uart_lsr(u) & UART_LSR_TEMT); i++)
		cpu_relax();
}

/* The interrupts that are wanted; rx: there is room for input. */
static u8 interrupts(const struct uart *u, bool rx)
{
	return UART_IER_THRE | (rx ? UART_IER_RDA : 0) | (u->config.flow ? UART_IER_MS : 0);
}

static int rx_pop(struct uart *u)
{
	u32 tail = u->rx_tail;
	u8 byte;

	if (atomic_load_acquire(&u->rx_head) == tail) { /* pairs with rx_push() */
		/* The handler sets this before it wakes us, so that it is seen by the last look. */
		if (atomic_xchg(&u->throttled, 0)) {
			uart_out(u, UART_MCR, MCR_ON);
			uart_out(u, UART_IER, interrupts(u, true));
		}
		return -1;
	}
	byte = u->rx[tail % RX_RING_SIZE];
	atomic_store_release(&u->rx_tail, tail + 1); /* pairs with rx_full() */
	return byte;
}

/*
 * Takes away the causes of an interrupt; false: there was none. With a full ring the input interrupt
 * stays off until the console's thread has emptied it; the sender's or the FIFO's flow control does
 * the rest.
 */
static bool uart_service(struct uart *u)
{
	if (uart_in(u, UART_IIR) & UART_IIR_NONE)
		return false;
	if (u->config.flow)
		tx_allowed(u); /* reading MSR takes the modem's cause away */
	tx_pump(u);
	if (!rx_drain(u)) {
		uart_out(u, UART_IER, interrupts(u, false));
		uart_out(u, UART_MCR, MCR_ON & ~UART_MCR_RTS);
		atomic_store_release(&u->throttled, 1); /* pairs with rx_pop() */
	}
	return true;
}

/*
 * Whether the console's thread has to hear of input. What a waiting writer put into the ring is told
 * here too: bytes that it sends later make the transmitter's interrupt come.
 */
static bool rx_news(struct uart *u)
{
	u32 head = atomic_load_relaxed(&u->rx_head);

	if (head == u->rx_told && !atomic_load_relaxed(&u->throttled))
		return false;
	u->rx_told = head;
	return true;
}

/*
 * The line is edge-triggered: it must go down before it can rise again, so all causes of all its UARTs
 * are taken away here, as far as hardware that never stops allows.
 */
static void line_interrupt(void *arg)
{
	const struct line *line = arg;
	bool any = true, news = false;

	for (u32 pass = 0; any && pass < PASSES; pass++) {
		any = false;
		for (u32 i = 0; i < uart_count; i++) {
			if (uarts[i].line == line && uarts[i].by_irq)
				any |= uart_service(&uarts[i]);
		}
	}
	for (u32 i = 0; i < uart_count; i++) {
		if (uarts[i].line == line)
			news |= rx_news(&uarts[i]);
	}
	if (news)
		console_input_ready();
}

/* Says how much input was lost, where the sender did not wait and nobody took it in time. */
static void report_overruns(struct uart *u)
{
	u32 now = atomic_load_relaxed(&u->overruns), more = now - u->reported;

	if (!more || (u->reported && clock_ns() < u->reported_ns + REPORT_NS))
		return;
	u->reported = now;
	u->reported_ns = clock_ns();
	log_warn("uart: the receiver was overrun %u times (%u in all): input was lost", more, now);
}

static int uart_read(void *ctx)
{
	struct uart *u = ctx;
	int c;

	if (!atomic_load_relaxed(&u->by_irq)) {
		u64 flags =
			irq_save(); /* who is at it must not be preempted: others wait for him */

		rx_drain(u);
		tx_pump(u); /* what CTS held back */
		irq_restore(flags);
	}
	c = rx_pop(u);
	if (c < 0)
		report_overruns(u);
	return c;
}

static const struct console_sink sink = {
	.write = uart_write,
	.read = uart_read,
	.drain = uart_drain,
	.backlog = uart_backlog,
};

/* The four enable bits of a UART hold what was written, those above read 0. */
static bool uart_present(const struct uart *u)
{
	static const u8 patterns[PROBE_PATTERNS] = { UART_IER_MASK, 0 };
	u8 lcr = uart_in(u, UART_LCR);

	uart_out(u, UART_LCR, UART_LCR_8BITS);
	for (u32 i = 0; i < PROBE_PATTERNS; i++) {
		uart_out(u, UART_IER, patterns[i]);
		if ((uart_in(u, UART_IER) & UART_IER_MASK) != patterns[i]) {
			uart_out(u, UART_LCR, lcr);
			return false;
		}
	}
	return uart_in(u, UART_LSR) != UART_LSR_NONE;
}

static void set_speed(const struct uart *u, u32 divisor)
{
	uart_out(u, UART_LCR, UART_LCR_8BITS | UART_LCR_DLAB);
	uart_out(u, UART_DLL, (u8)divisor);
	uart_out(u, UART_DLM, (u8)(divisor >> 8));
	uart_out(u, UART_LCR, UART_LCR_8BITS);
}

static void uart_setup(struct uart *u)
{
	u32 baud = u->config.baud ? u->config.baud : UNKNOWN_BAUD;

	if (u->config.baud)
		set_speed(u, uart_divisor(&u->config));
	uart_out(u, UART_FCR,
		 UART_FCR_ENABLE | UART_FCR_RX_RESET | UART_FCR_TX_RESET | UART_FCR_TRIG_8);
	uart_out(u, UART_MCR, MCR_ON);
	/* An 8250 or 16450 has no FIFO. */
	u->fifo_depth =
		(uart_in(u, UART_IIR) & UART_IIR_FIFO) == UART_IIR_FIFO ? UART_FIFO_SIZE : 1;
	/* Four times what a full FIFO takes, and no less than at full speed. */
	u->polls = TX_POLLS + 4 * UART_FIFO_SIZE * FRAME_BITS * (POLLS_PER_S / baud);
}

u32 uart_divisor(const struct uart_config *config)
{
	u32 divisor;

	if (!config->baud || config->baud > config->max_baud)
		return 0;
	divisor = (config->max_baud + config->baud / 2) / config->baud;
	return divisor <= DIVISOR_MAX ? divisor : 0;
}

static bool same_regs(const struct uart_regs *a, const struct uart_regs *b)
{
	return a->base == b->base && a->port == b->port;
}

static struct uart *find_uart(const struct uart_regs *regs)
{
	for (u32 i = 0; i < uart_count; i++) {
		if (same_regs(&uarts[i].config.regs, regs))
			return &uarts[i];
	}
	return NULL;
}

int uart_change(const struct uart_config *config)
{
	struct uart *u = find_uart(&config->regs);

	if (!u)
		return -ENODEV;
	if (config->baud && !uart_divisor(config))
		return -EINVAL;
	if (u->config.flow == config->flow && uart_divisor(&u->config) == uart_divisor(config))
		return 0;
	uart_drain(u);
	u->config.max_baud = config->max_baud;
	u->config.baud = config->baud;
	u->config.flow = config->flow;
	uart_setup(u);
	console_replay(u);
	return 0;
}

int uart_add(const struct uart_config *config)
{
	struct uart *u = &uarts[uart_count];

	if (find_uart(&config->regs))
		return -EEXIST;
	if (uart_count == UARTS_MAX)
		return -ENOSPC;
	if (config->baud && !uart_divisor(config))
		return -EINVAL;
	u->config = *config;
	if (!uart_present(u))
		return -ENODEV;
	uart_setup(u);
	uart_count++;
	console_add(&sink, u);
	return 0;
}

/* The line of that ISA interrupt, connected; NULL: it cannot be, *err says why. */
static struct line *line_get(u8 isa_irq, int *err)
{
	struct line *line = &lines[line_count];

	for (u32 i = 0; i < line_count; i++) {
		if (lines[i].isa_irq == isa_irq)
			return &lines[i];
	}
	line->isa_irq = isa_irq;
	*err = irq_alloc(&line->irq, line_interrupt, line);
	if (*err)
		return NULL;
	*err = irq_connect_isa(&line->irq, isa_irq);
	if (*err) {
		irq_free(&line->irq);
		return NULL;
	}
	line_count++;
	return line;
}

/* Input by interrupt from now on; it is enabled last. */
static int uart_connect(struct uart *u)
{
	int err = 0;

	u->line = line_get((u8)u->config.isa_irq, &err);
	if (!u->line)
		return err;
	atomic_store_relaxed(&u->by_irq, true);
	uart_out(u, UART_IER, interrupts(u, true));
	return 0;
}

void uart_start(void)
{
	for (u32 i = 0; i < uart_count; i++) {
		struct uart *u = &uarts[i];
		bool poll = u->config.poll || u->config.isa_irq < 0;
		int err = poll ? -ENOTSUP : uart_connect(u);

		log_debug("uart: %s: input by %s", u->config.name, err ? "polling" : "interrupt");
		if (!err)
			continue;
		if (!poll)
			log_warn("uart: %s: no interrupt (error %d): input is polled",
				 u->config.name, -err);
		console_poll_input();
	}
}
