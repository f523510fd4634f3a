/*
 * The host's UART driver against 16550s at 115200 baud: time goes by with each access to one. The line's
 * other end sends without waiting, unless it is told to heed RTS. All but a test of two look at the first.
 *
 * sources: lib/string.c
 */
#include "arch/io.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static unsigned char fake_inb(unsigned short port);
static void fake_outb(unsigned short port, unsigned char v);
#define inb  fake_inb
#define outb fake_outb
#include "drivers/uart.c"
#include "tests/host/harness.h"

#define ACCESS_NS 1000 /* of a port on a real machine's LPC bus */
#define BYTE_NS   86806

/* --- the machine --- */

static u64 now_ns;
static struct {
	u8 ier, mcr, lcr, lsr_errors;
	u16 divisor;
	bool fifo, thre_pending, stopped; /* stopped: the transmitter does not move */
	bool no_cts, cts_changed;
	u8 rx[16], tx[16];
	u32 rx_n, tx_n;
	u64 tx_done_ns; /* when the byte in the shift register has gone; 0: it is empty */
	u8 shift;
	u64 rx_next_ns;
} hw;

static char sent[1 << 17]; /* what reached the other end */
static size_t sent_n;
static const char *sending; /* what the other end has to send */
static size_t sending_n;
static bool heeds_rts;
static u32 lost;

static const struct console_sink *the_sink;
static void (*handler)(void *arg);
static void *handler_arg;
static u32 ready_calls, log_lines, replays;
static char last_log[256];

static void receive(void)
{
	if (!sending_n || now_ns < hw.rx_next_ns || (heeds_rts && !(hw.mcr & UART_MCR_RTS)))
		return;
	hw.rx_next_ns = MAX(hw.rx_next_ns + BYTE_NS, now_ns - 2 * BYTE_NS);
	if (hw.rx_n == 16) {
		hw.lsr_errors |= UART_LSR_OE;
		lost++;
	} else {
		hw.rx[hw.rx_n++] = (u8)*sending;
	}
	sending++;
	sending_n--;
}

static void transmit(void)
{
	if (hw.stopped)
		return;
	if (hw.tx_done_ns && now_ns >= hw.tx_done_ns) {
		sent[sent_n++] = (char)hw.shift;
		hw.tx_done_ns = 0;
	}
	if (!hw.tx_done_ns && hw.tx_n) {
		hw.shift = hw.tx[0];
		memmove(hw.tx, hw.tx + 1, --hw.tx_n);
		hw.tx_done_ns = now_ns + BYTE_NS;
		hw.thre_pending |= hw.tx_n == 0;
	}
}

static void pass(u64 ns)
{
	now_ns += ns;
	receive();
	transmit();
}

static u8 iir(void)
{
	if ((hw.ier & UART_IER_RDA) && hw.rx_n)
		return hw.rx_n >= 8 ? UART_IIR_RDA : UART_IIR_TIMEOUT;
	if ((hw.ier & UART_IER_THRE) && hw.thre_pending)
		return UART_IIR_THRE;
	if ((hw.ier & UART_IER_MS) && hw.cts_changed)
		return UART_IIR_MS;
	return UART_IIR_NONE;
}

static unsigned char fake_inb(unsigned short port)
{
	u8 v;

	pass(ACCESS_NS);
	switch (port - UART_COM1_PORT) {
	case UART_RBR:
		v = hw.rx[0];
		if (hw.rx_n)
			memmove(hw.rx, hw.rx + 1, --hw.rx_n);
		return v;
	case UART_IER:
		return hw.ier;
	case UART_IIR:
		v = iir();
		if (v == UART_IIR_THRE)
			hw.thre_pending = false;
		return v | (hw.fifo ? UART_IIR_FIFO : 0);
	case UART_LSR:
		v = hw.lsr_errors | (hw.rx_n ? UART_LSR_DR : 0) | (hw.tx_n ? 0 : UART_LSR_THRE) |
		    (hw.tx_n || hw.tx_done_ns ? 0 : UART_LSR_TEMT);
		hw.lsr_errors = 0;
		return v;
	case UART_MSR:
		v = (hw.no_cts ? 0 : UART_MSR_CTS) | (hw.cts_changed ? UART_MSR_DCTS : 0);
		hw.cts_changed = false;
		return v;
	default:
		return 0;
	}
}

static void fake_outb(unsigned short port, unsigned char v)
{
	pass(ACCESS_NS);
	switch (port - UART_COM1_PORT) {
	case UART_THR:
		if (hw.lcr & UART_LCR_DLAB) {
			hw.divisor = (hw.divisor & 0xff00) | v;
			break;
		}
		CHECK(hw.tx_n < 16);
		hw.tx[hw.tx_n++] = v;
		hw.thre_pending = false;
		break;
	case UART_IER:
		if (hw.lcr & UART_LCR_DLAB) {
			hw.divisor = (hw.divisor & 0xff) | v << 8;
			break;
		}
		hw.thre_pending |= (v & ~hw.ier & UART_IER_THRE) && !hw.tx_n;
		hw.ier = v & UART_IER_MASK;
		break;
	case UART_FCR:
		hw.fifo = v & UART_FCR_ENABLE;
		break;
	case UART_LCR:
		hw.lcr = v;
		break;
	case UART_MCR:
		hw.mcr = v;
		break;
	}
}

/* Lets time go by with interrupts on. */
static void idle(u64 ns)
{
	for (u64 end = now_ns + ns; now_ns < end;) {
		pass(10000);
		if (handler && (hw.mcr & UART_MCR_OUT2) && iir() != UART_IIR_NONE)
			handler(handler_arg);
	}
}

/* --- what the driver calls --- */

u64 clock_ns(void)
{
	return now_ns;
}

void console_add(const struct console_sink *sink, void *ctx)
{
	the_sink = sink;
	CHECK(ctx == &uarts[uart_count - 1]);
}

void console_replay(const void *ctx)
{
	CHECK(ctx == &uarts[0]);
	replays++;
}

void console_input_ready(void)
{
	ready_calls++;
}

void console_poll_input(void) {}

int irq_alloc(struct irq *irq, void (*fn)(void *arg), void *arg)
{
	handler = fn;
	handler_arg = arg;
	return 0;
}

int irq_connect_isa(struct irq *irq, u8 line)
{
	CHECK_EQ(line, UART_COM1_IRQ);
	return 0;
}

void irq_free(struct irq *irq)
{
	handler = NULL;
}

void log_printf(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(last_log, sizeof(last_log), fmt, ap);
	va_end(ap);
	log_lines++;
}

/* --- helpers --- */

static struct uart_config com1(void)
{
	return (struct uart_config){
		.name = "com1",
		.regs.port = UART_COM1_PORT,
		.max_baud = UART_MAX_BAUD,
		.baud = UART_MAX_BAUD,
		.isa_irq = UART_COM1_IRQ,
	};
}

static void reset(void)
{
	memset(&hw, 0, sizeof(hw));
	memset(uarts, 0, sizeof(uarts));
	memset(lines, 0, sizeof(lines));
	uart_count = line_count = 0;
	handler = NULL;
	the_sink = NULL;
	sent_n = sending_n = lost = ready_calls = replays = 0;
	heeds_rts = false;
}

static void boot_with(const struct uart_config *config)
{
	reset();
	CHECK_EQ(uart_add(config), 0);
	uart_start();
	log_lines = 0;
}

static void boot(bool poll)
{
	struct uart_config config = com1();

	config.poll = poll;
	boot_with(&config);
}

/* What the console calls. */
static void say(const char *s, size_t n)
{
	the_sink->write(&uarts[0], s, n);
}

static void drain(void)
{
	the_sink->drain(&uarts[0]);
}

static u32 backlog(void)
{
	return the_sink->backlog(&uarts[0]);
}

static char text(size_t i)
{
	return (char)('!' + i % 89);
}

static void fill(char *buf, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = text(i);
}

static void other_end_sends(const char *s, size_t n)
{
	sending = s;
	sending_n = n;
	hw.rx_next_ns = now_ns;
}

/* What the console's thread finds. */
static size_t read_all(char *buf, size_t size)
{
	size_t n = 0;

	for (int c; n < size && (c = the_sink->read(&uarts[0])) >= 0;)
		buf[n++] = (char)c;
	return n;
}

static char in[40000], out[60000], got[40000];

/* --- tests --- */

TEST(output_polled_and_by_interrupt)
{
	fill(out, sizeof(out));
	for (u32 i = 0; i < 2; i++) {
		boot(!i);
		say(out, 1000);
		CHECK_EQ(handler != NULL, i == 1);
		idle(1100 * BYTE_NS);
		CHECK_EQ(sent_n, 1000);
		say(out + 1000, sizeof(out) - 1000);
		CHECK(backlog() <= 16384);
		drain();
		CHECK_EQ(sent_n, sizeof(out));
		CHECK(!memcmp(sent, out, sizeof(out)));
		CHECK_EQ(backlog(), 0);
	}
}

TEST(bytes_are_sent_as_they_are)
{
	boot(false);
	say("a\nb\r\n\0\xff", 7);
	drain();
	CHECK_EQ(sent_n, 7);
	CHECK(!memcmp(sent, "a\nb\r\n\0\xff", 7));
}

/* The writer waits 3.8 s with interrupts off; 11 bytes come in each millisecond of that. */
TEST(input_comes_in_while_a_writer_waits)
{
	fill(in, sizeof(in));
	for (u32 i = 0; i < 2; i++) {
		boot(i);
		say(out, 16384); /* the ring is full now */
		other_end_sends(in, 4096);
		say(out, 44000);
		CHECK_EQ(sending_n, 0);
		CHECK_EQ(lost, 0);
		idle(20000000);
		CHECK(i || ready_calls); /* the console's thread hears of it */
		CHECK_EQ(read_all(got, sizeof(got)), 4096);
		CHECK(!memcmp(got, in, 4096));
		CHECK_EQ(log_lines, 0);
	}
}

TEST(one_byte_that_a_writer_took_is_told)
{
	boot(false);
	say(out, 16384);
	other_end_sends("x", 1);
	say(out, 20000);
	ready_calls = 0;
	idle(20000000);
	CHECK(ready_calls);
	CHECK_EQ(read_all(got, sizeof(got)), 1);
	CHECK_EQ(got[0], 'x');
}

/* Nobody reads: the sender is stopped by RTS, and goes on later. */
TEST(a_sender_that_heeds_rts_loses_nothing)
{
	size_t n = 0;

	boot(false);
	heeds_rts = true;
	other_end_sends(in, sizeof(in));
	idle(5000000000);
	CHECK(sending_n > 0);
	for (u32 i = 0; i < 5; i++) {
		n += read_all(got + n, sizeof(got) - n);
		idle(5000000000);
	}
	CHECK_EQ(n, sizeof(in));
	CHECK(!memcmp(got, in, sizeof(in)));
	CHECK_EQ(lost, 0);
	CHECK_EQ(log_lines, 0);
}

TEST(lost_input_is_counted_and_said)
{
	size_t n;

	boot(false);
	other_end_sends(in, sizeof(in));
	idle(5000000000);
	CHECK(lost > 0);
	say(out, 20000); /* a writer finds the ring full, and leaves it so */
	n = read_all(got, sizeof(got));
	CHECK(!memcmp(got, in, n));
	idle(10000000); /* what the FIFO has kept */
	n += read_all(got + n, sizeof(got) - n);
	CHECK_EQ(n + lost, sizeof(in));
	CHECK_EQ(log_lines, 1);
	CHECK(strstr(last_log, "overrun"));
	CHECK_EQ(read_all(got, sizeof(got)), 0);
	CHECK_EQ(log_lines, 1); /* nothing new */
}

TEST(a_transmitter_that_does_not_move_stops_nobody)
{
	boot(false);
	hw.stopped = true;
	say(out, sizeof(out));
	CHECK_EQ(backlog(), 0); /* who asks for room has some */
	hw.stopped = false;
	idle(20000 * (u64)BYTE_NS);
	say("end", 3);
	drain();
	CHECK(!memcmp(sent + sent_n - 3, "end", 3));
}

TEST(no_uart)
{
	struct uart_config config = com1();

	reset();
	config.regs.port = 0x2000; /* reads 0 */
	CHECK_EQ(uart_add(&config), -ENODEV);
	CHECK(!the_sink);
	CHECK_EQ(uart_count, 0);
}

TEST(the_same_port_twice)
{
	struct uart_config config = com1();

	boot_with(&config);
	CHECK_EQ(uart_add(&config), -EEXIST);
	CHECK_EQ(uart_count, 1);
}

TEST(speeds)
{
	struct uart_config config = com1();

	boot_with(&config);
	CHECK_EQ(hw.divisor, 1);
	config.baud = 9600;
	boot_with(&config);
	CHECK_EQ(hw.divisor, 12);
	config.baud = 300;
	boot_with(&config);
	CHECK_EQ(hw.divisor, 384);
	config.baud = 0;
	boot_with(&config);
	CHECK_EQ(hw.divisor, 0); /* as it was */
	reset();
	config.baud = 230400;
	CHECK_EQ(uart_add(&config), -EINVAL);
	config.baud = 1; /* divisor 115200 */
	CHECK_EQ(uart_add(&config), -EINVAL);
	config.max_baud = 921600;
	config.baud = 115200;
	CHECK_EQ(uart_divisor(&config), 8);
}

TEST(another_speed)
{
	struct uart_config config = com1();

	boot_with(&config);
	say("abc", 3);
	CHECK_EQ(uart_change(&config), 0);
	CHECK_EQ(replays, 0); /* it was that already */
	config.baud = 57600;
	CHECK_EQ(uart_change(&config), 0);
	CHECK_EQ(hw.divisor, 2);
	CHECK_EQ(sent_n, 3); /* at the old speed */
	CHECK_EQ(replays, 1);
	config.baud = 1;
	CHECK_EQ(uart_change(&config), -EINVAL);
	config.regs.port = UART_COM2_PORT;
	CHECK_EQ(uart_change(&config), -ENODEV);
}

static void set_cts(bool on)
{
	hw.cts_changed |= hw.no_cts == on;
	hw.no_cts = !on;
}

/* The other end holds CTS back: output waits, by interrupt and polled, and goes on when it comes. */
TEST(flow_control_holds_output_and_lets_it_go)
{
	struct uart_config config = com1();

	config.flow = true;
	fill(out, sizeof(out));
	for (u32 i = 0; i < 2; i++) {
		config.poll = i;
		boot_with(&config);
		say(out, 100);
		idle(200 * BYTE_NS);
		CHECK_EQ(sent_n, 100);
		set_cts(false);
		say(out + 100, 1000);
		idle(200 * BYTE_NS);
		CHECK_EQ(sent_n, 100);
		set_cts(true);
		for (u32 k = 0; k < 200; k++) {
			idle(16 * BYTE_NS);
			the_sink->read(&uarts[0]); /* the console's thread polls */
		}
		CHECK_EQ(sent_n, 1100);
		CHECK(!memcmp(sent, out, 1100));
		CHECK_EQ(backlog(), 0);
	}
}

/* A terminal that is switched off, or a cable without that wire. */
TEST(cts_that_never_comes_stops_nobody)
{
	struct uart_config config = com1();
	u64 start;

	config.flow = true;
	for (u32 i = 0; i < 2; i++) {
		config.poll = i;
		boot_with(&config);
		set_cts(false);
		say(out, 1000);
		idle(1100000000);
		CHECK_EQ(backlog(), 0); /* who asks for room has some */
		start = now_ns;
		say(out, sizeof(out));
		drain();
		CHECK(now_ns - start < 2000000000);
		CHECK_EQ(sent_n, 0);
		start = now_ns;
		say(out, 100);
		CHECK(now_ns - start < 10000000); /* once is enough */
	}
}

TEST(without_flow_control_cts_does_not_matter)
{
	boot(false);
	set_cts(false);
	say("abc", 3);
	drain();
	CHECK_EQ(sent_n, 3);
}

/* Registers in memory, at every stride and width that is known. */
TEST(registers_in_memory)
{
	static u64 memory[UART_PORTS];
	static const u8 forms[][2] = { { 1, 1 }, { 2, 1 }, { 2, 2 }, { 4, 1 }, { 4, 4 }, { 8, 4 } };

	for (u32 i = 0; i < ARRAY_LEN(forms); i++) {
		struct uart_regs r = {
			.base = (volatile u8 *)memory,
			.stride = forms[i][0],
			.width = forms[i][1],
		};
		const u8 *at = (const u8 *)memory + UART_LCR * r.stride;

		memset(memory, 0xee, sizeof(memory));
		uart_reg_write(&r, UART_LCR, 0x5a);
		CHECK_EQ(uart_reg_read(&r, UART_LCR), 0x5a);
		CHECK_EQ(at[0], 0x5a);
		CHECK_EQ(at[1], r.width > 1 ? 0 : 0xee);
		CHECK_EQ(at[r.width], 0xee);
		CHECK_EQ(at[-1], 0xee);
	}
}
