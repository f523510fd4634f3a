/*
 * The 16550 behind the console. Output is polled, so that it works in any context; input comes by
 * interrupt into a ring between the handler and the console's thread.
 */
#include "drivers/uart.h"

#include "arch/io.h"
#include "core/cmdline.h"
#include "core/console.h"
#include "core/irq.h"
#include "core/log.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/hw/uart16550.h"
#include "lib/string.h"

#define RX_RING_SIZE   1024u
#define TX_POLLS       100000u /* some 100 ms of port reads; 16 bytes take 1.4 ms */
#define RX_PASSES      16u /* of the interrupt handler, so that broken hardware cannot hold it */
#define PROBE_PATTERNS 2

static struct uart {
	u16 port; /* const after uart_init(); 0: none */
	u8 isa_irq;
	u8 fifo_depth;
	u8 fifo_left;  /* bytes that still fit; the console's owner */
	bool stuck;    /* the transmitter did not become ready: do not wait again */
	bool poll;     /* asked for; const after uart_init() */
	bool by_irq;   /* set once: input comes through the ring */
	u32 throttled; /* the ring was full: the interrupt is off until it is empty */
	struct irq irq;
	u32 head, tail; /* free-running: handler writes head, console thread writes tail */
	u8 ring[RX_RING_SIZE];
} uart;

static u8 uart_in(enum uart_reg reg)
{
	return inb((u16)(uart.port + reg));
}

static void uart_out(enum uart_reg reg, u8 v)
{
	outb((u16)(uart.port + reg), v);
}

/* True once the status bit is set; does not wait again after it once waited in vain. */
static bool wait_status(u8 bit)
{
	for (u32 i = 0; i < (uart.stuck ? 1 : TX_POLLS); i++) {
		if (uart_in(UART_LSR) & bit) {
			uart.stuck = false;
			return true;
		}
		cpu_relax();
	}
	uart.stuck = true;
	return false;
}

static void put(char c)
{
	if (!uart.fifo_left) {
		if (!wait_status(UART_LSR_THRE))
			return;
		uart.fifo_left = uart.fifo_depth;
	}
	uart.fifo_left--;
	uart_out(UART_THR, (u8)c);
}

static void uart_write(const char *s, size_t n)
{
	for (; n; n--, s++) {
		if (*s == '\n')
			put('\r');
		put(*s);
	}
}

static void uart_drain(void)
{
	wait_status(UART_LSR_TEMT);
}

static bool rx_ready(void)
{
	u8 lsr = uart_in(UART_LSR);

	return lsr != UART_LSR_NONE && (lsr & UART_LSR_DR);
}

static bool rx_full(void)
{
	/* Pairs with the release in rx_pop(): a slot is free only after it was read. */
	return uart.head - atomic_load_acquire(&uart.tail) == RX_RING_SIZE;
}

static void rx_push(u8 byte)
{
	u32 head = uart.head;

	uart.ring[head % RX_RING_SIZE] = byte;
	/* Pairs with the acquire in rx_pop(). */
	atomic_store_release(&uart.head, head + 1);
}

static int rx_pop(void)
{
	u32 tail = uart.tail;
	u8 byte;

	if (atomic_load_acquire(&uart.head) == tail) { /* pairs with rx_push() */
		/* The handler sets this before it wakes us, so that it is seen by the last look. */
		if (atomic_xchg(&uart.throttled, 0))
			uart_out(UART_IER, UART_IER_RDA);
		return -1;
	}
	byte = uart.ring[tail % RX_RING_SIZE];
	atomic_store_release(&uart.tail, tail + 1); /* pairs with rx_full() */
	return byte;
}

/* Moves what the FIFO has into the ring; false: the ring is full. */
static bool rx_drain(void)
{
	while (rx_ready()) {
		if (rx_full())
			return false;
		rx_push(uart_in(UART_RBR));
	}
	return true;
}

/*
 * The line is edge-triggered: it must go down before it can rise again, so all causes are taken away
 * here, as far as hardware that never stops allows. With a full ring the interrupt stays off until the
 * console's thread has emptied it; the sender's or the FIFO's flow control does the rest.
 */
static void uart_interrupt(void *arg)
{
	(void)arg;
	for (u32 pass = 0; pass < RX_PASSES && !(uart_in(UART_IIR) & UART_IIR_NONE); pass++) {
		if (!rx_drain()) {
			uart_out(UART_IER, 0);
			atomic_store_release(&uart.throttled, 1); /* pairs with rx_pop() */
			break;
		}
	}
	console_input_ready();
}

static int uart_read(void)
{
	if (atomic_load_relaxed(&uart.by_irq))
		return rx_pop();
	return rx_ready() ? uart_in(UART_RBR) : -1;
}

static const struct console_sink sink = {
	.write = uart_write,
	.read = uart_read,
	.drain = uart_drain,
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
	uart_out(UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
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
	uart_out(UART_IER, UART_IER_RDA);
	return 0;
}

void uart_start(void)
{
	int err;

	if (!uart.port)
		return;
	err = uart.poll ? -ENOTSUP : uart_connect();
	if (!err)
		return;
	if (!uart.poll)
		log_warn("uart: no interrupt (error %d): input is polled", -err);
	console_poll_input();
}
