/*
 * The 16550 behind the console. Output goes through a ring that writers fill and the interrupt
 * empties; before there is an interrupt, when the ring is full and in a panic the writer polls, so
 * that output works in any context. Input comes by interrupt into a ring that the console's thread
 * empties; a writer that waits looks for it too, since interrupts are off meanwhile.
 */
#include "drivers/uart.h"

#include "arch/io.h"
#include "core/clock.h"
#include "core/cmdline.h"
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

#define MCR_ON (UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2)

static struct uart {
	u16 port;      /* const after uart_init(); 0: none */
	u8 isa_irq;    /* const after uart_init() */
	u8 fifo_depth; /* const after uart_init() */
	bool poll;     /* asked for; const after uart_init() */
	bool by_irq;   /* set once: input comes and output goes by interrupt */
	struct irq irq;
	u32 throttled; /* rx was full: its interrupt and RTS are off until it is empty */
	u32 rx_head;   /* free-running, as the next three; who has rx_busy */
	u32 rx_tail;   /* the console's thread */
	u32 rx_told;   /* the console's thread was woken for what came before; the handler */
	u32 rx_busy;
	u32 overruns; /* atomic: how often LSR said that a byte came and found the FIFO full */
	u32 reported; /* of them; the console's thread, as the next */
	u64 reported_ns;
	u32 tx_head; /* the console's owner */
	u32 tx_tail; /* who has tx_busy */
	u32 tx_busy;
	bool stuck; /* the transmitter did not become ready: nobody waits until it sends again */
	u8 rx[RX_RING_SIZE], tx[TX_RING_SIZE];
} uart;

static u8 uart_in(enum uart_reg reg)
{
	return inb((u16)(uart.port + reg));
}

static void uart_out(enum uart_reg reg, u8 v)
{
	outb((u16)(uart.port + reg), v);
}

static u32 tx_used(void)
{
	/* Pairs with the releases in tx_push() and tx_burst(). */
	return atomic_load_acquire(&uart.tx_head) - atomic_load_acquire(&uart.tx_tail);
}

/* Reading the LSR clears its error bits: every read goes through here. */
static u8 uart_lsr(void)
{
	u8 lsr = uart_in(UART_LSR);

	if ((lsr & UART_LSR_OE) && lsr != UART_LSR_NONE)
		atomic_fetch_add(&uart.overruns, 1);
	return lsr;
}

static bool tx_ready(void)
{
	return uart_lsr() & UART_LSR_THRE;
}

/* The transmitter is empty: fills its FIFO. */
static void tx_burst(void)
{
	u32 tail = uart.tx_tail, n = MIN(tx_used(), uart.fifo_depth);

	while (n--)
		uart_out(UART_THR, uart.tx[tail++ % TX_RING_SIZE]);
	atomic_store_release(&uart.tx_tail, tail); /* pairs with tx_used() */
	uart.stuck = false;
}

/*
 * Sends what can be sent at once. Who finds another one at it leaves it to him: he looks again
 * after he gave tx_busy back (the exchanges order that), and so does the interrupt of an empty
 * transmitter.
 */
static void tx_pump(void)
{
	do {
		if (atomic_xchg(&uart.tx_busy, 1))
			return;
		while (tx_used() && tx_ready())
			tx_burst();
		atomic_xchg(&uart.tx_busy, 0);
	} while (tx_used() && tx_ready());
}

static bool rx_ready(void)
{
	u8 lsr = uart_lsr();

	return lsr != UART_LSR_NONE && (lsr & UART_LSR_DR);
}

static bool rx_full(void)
{
	/* Pairs with the release in rx_pop(): a slot is free only after it was read. */
	return uart.rx_head - atomic_load_acquire(&uart.rx_tail) == RX_RING_SIZE;
}

static void rx_push(u8 byte)
{
	u32 head = uart.rx_head;

	uart.rx[head % RX_RING_SIZE] = byte;
	/* Pairs with the acquire in rx_pop(). */
	atomic_store_release(&uart.rx_head, head + 1);
}

/* Moves what the FIFO has into the ring, as far as it has room. */
static void rx_move(void)
{
	while (!rx_full() && rx_ready())
		rx_push(uart_in(UART_RBR));
}

/*
 * The same, by one at a time: who finds another one at it leaves it to him, who looks again after he
 * gave rx_busy back (the exchanges order that). False: the ring is full.
 */
static bool rx_drain(void)
{
	do {
		if (atomic_xchg(&uart.rx_busy, 1))
			return true;
		rx_move();
		atomic_xchg(&uart.rx_busy, 0);
		if (rx_full())
			return false;
	} while (rx_ready());
	return true;
}

/* Waits until at most that many bytes are left; false: the transmitter does not move. */
static bool tx_wait(u32 most)
{
	u32 tail = atomic_load_relaxed(&uart.tx_tail), polls = 0;

	while (tx_used() > most) {
		u32 now;

		tx_pump();
		rx_drain();
		now = atomic_load_relaxed(&uart.tx_tail);
		if (now != tail) {
			tail = now;
			polls = 0;
		} else if (uart.stuck || polls++ == TX_POLLS) {
			/* Perhaps a CPU was stopped in tx_pump(), by a panic or by our own NMI. */
			atomic_xchg(&uart.tx_busy, 0);
			uart.stuck = true;
			tx_pump();
			if (uart.stuck)
				return false;
		}
		cpu_relax();
	}
	return true;
}

static void tx_push(char c)
{
	u32 head = uart.tx_head;

	if (tx_used() == TX_RING_SIZE && !tx_wait(TX_RING_SIZE - 1))
		return;
	uart.tx[head % TX_RING_SIZE] = (u8)c;
	atomic_store_release(&uart.tx_head, head + 1); /* pairs with tx_used() */
}

static void uart_write(const char *s, size_t n)
{
	for (; n; n--, s++)
		tx_push(*s);
	if (atomic_load_relaxed(&uart.by_irq))
		tx_pump();
	else
		tx_wait(0);
}

/* A transmitter that does not move keeps nobody waiting: what finds no room is lost. */
static u32 uart_backlog(void)
{
	return uart.stuck ? 0 : tx_used();
}

static void uart_drain(void)
{
	if (!tx_wait(0))
		return;
	for (u32 i = 0; i < TX_POLLS && !(uart_lsr() & UART_LSR_TEMT); i++)
		cpu_relax();
}

static int rx_pop(void)
{
	u32 tail = uart.rx_tail;
	u8 byte;

	if (atomic_load_acquire(&uart.rx_head) == tail) { /* pairs with rx_push() */
		/* The handler sets this before it wakes us, so that it is seen by the last look. */
		if (atomic_xchg(&uart.throttled, 0)) {
			uart_out(UART_MCR, MCR_ON);
			uart_out(UART_IER, UART_IER_RDA | UART_IER_THRE);
		}
		return -1;
	}
	byte = uart.rx[tail % RX_RING_SIZE];
	atomic_store_release(&uart.rx_tail, tail + 1); /* pairs with rx_full() */
	return byte;
}

/*
 * The line is edge-triggered: it must go down before it can rise again, so all causes are taken
 * away here, as far as hardware that never stops allows. With a full ring the input interrupt stays
 * off until the console's thread has emptied it; the sender's or the FIFO's flow control does the
 * rest. What a waiting writer put into the ring is told here too: bytes that it sends later make the
 * transmitter's interrupt come.
 */
static void uart_interrupt(void *arg)
{
	u32 head;

	(void)arg;
	for (u32 pass = 0; pass < PASSES && !(uart_in(UART_IIR) & UART_IIR_NONE); pass++) {
		tx_pump();
		if (!rx_drain()) {
			uart_out(UART_IER, UART_IER_THRE);
			uart_out(UART_MCR, MCR_ON & ~UART_MCR_RTS);
			atomic_store_release(&uart.throttled, 1); /* pairs with rx_pop() */
			break;
		}
	}
	head = atomic_load_relaxed(&uart.rx_head);
	if (head != uart.rx_told || atomic_load_relaxed(&uart.throttled)) {
		uart.rx_told = head;
		console_input_ready();
	}
}

/* Says how much input was lost, where the sender did not wait and nobody took it in time. */
static void report_overruns(void)
{
	u32 now = atomic_load_relaxed(&uart.overruns), more = now - uart.reported;

	if (!more || (uart.reported && clock_ns() < uart.reported_ns + REPORT_NS))
		return;
	uart.reported = now;
	uart.reported_ns = clock_ns();
	log_warn("uart: the receiver was overrun %u times (%u in all): input was lost", more, now);
}

static int uart_read(void)
{
	int c;

	if (!atomic_load_relaxed(&uart.by_irq))
		rx_drain();
	c = rx_pop();
	if (c < 0)
		report_overruns();
	return c;
}

static const struct console_sink sink = {
	.write = uart_write,
	.read = uart_read,
	.drain = uart_drain,
	.backlog = uart_backlog,
};

/* The four enable bits of a UART hold what was written, those above read 0. */
static bool uart_present(void)
{
	static const u8 patterns[PROBE_PATTERNS] = { UART_IER_MASK, 0 };

	uart_out(UART_LCR, UART_LCR_8BITS);
	for (u32 i = 0; i < PROBE_PATTERNS; i++) {
		uart_out(UART_IER, patterns[i]);
		if ((uart_in(UART_IER) & UART_IER_MASK) != patterns[i])
			return false;
	}
	return uart_in(UART_LSR) != UART_LSR_NONE;
}

static void uart_setup(void)
{
	uart_out(UART_LCR, UART_LCR_8BITS | UART_LCR_DLAB);
	uart_out(UART_DLL, 1); /* UART_MAX_BAUD */
	uart_out(UART_DLM, 0);
	uart_out(UART_LCR, UART_LCR_8BITS);
	uart_out(UART_FCR,
		 UART_FCR_ENABLE | UART_FCR_RX_RESET | UART_FCR_TX_RESET | UART_FCR_TRIG_8);
	uart_out(UART_MCR, MCR_ON);
	/* An 8250 or 16450 has no FIFO. */
	uart.fifo_depth = (uart_in(UART_IIR) & UART_IIR_FIFO) == UART_IIR_FIFO ? UART_FIFO_SIZE : 1;
}

/* Reads the `console=` word; false: there shall be no console. */
static bool uart_choose(void)
{
	char word[16] = "com1", *comma;

	cmdline_get("console", word, sizeof(word));
	comma = strchr(word, ',');
	if (comma) {
		*comma = '\0';
		uart.poll = !strcmp(comma + 1, "poll");
	}
	if (!strcmp(word, "none"))
		return false;
	uart.port = UART_COM1_PORT;
	uart.isa_irq = UART_COM1_IRQ;
	if (!strcmp(word, "com2")) {
		uart.port = UART_COM2_PORT;
		uart.isa_irq = UART_COM2_IRQ;
	} else if (strcmp(word, "com1") || (comma && !uart.poll)) {
		log_warn(
			"console=: not one of com1, com2, none, and perhaps ',poll'; com1 is used");
	}
	return true;
}

int uart_init(void)
{
	if (!uart_choose())
		return 0;
	if (!uart_present()) {
		uart.port = 0;
		return -ENODEV;
	}
	uart_setup();
	console_add(&sink);
	return 0;
}

/* Input by interrupt from now on; it is enabled last. */
static int uart_connect(void)
{
	int err = irq_alloc(&uart.irq, uart_interrupt, NULL);

	if (err)
		return err;
	atomic_store_relaxed(&uart.by_irq, true);
	err = irq_connect_isa(&uart.irq, uart.isa_irq);
	if (err) {
		atomic_store_relaxed(&uart.by_irq, false);
		irq_free(&uart.irq);
		return err;
	}
	uart_out(UART_IER, UART_IER_RDA | UART_IER_THRE);
	return 0;
}

void uart_start(void)
{
	int err;

	if (!uart.port)
		return;
	err = uart.poll ? -ENOTSUP : uart_connect();
	log_debug("uart: input by %s", err ? "polling" : "interrupt");
	if (!err)
		return;
	if (!uart.poll)
		log_warn("uart: no interrupt (error %d): input is polled", -err);
	console_poll_input();
}
