/*
 * The 16550A as its data sheet says, between a guest and its character device.
 *
 * sources: tests/host/fake_vm.c vdev/uart.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 */
#include <string.h>

#include "core/chardev.h"
#include "lib/hw/uart16550.h"
#include "tests/host/fake_vm.h"
#include "tests/host/harness.h"
#include "vdev/vdevs.h"

static struct vm *vm;
static u32 base;

static void start(u32 serials)
{
	struct domain cfg = { .serials = serials, .vcpus = 1 };

	vm = fake_vm_with(uart_create, &cfg);
	base = UART_COM1_PORT;
}

static u8 get(u32 reg)
{
	return (u8)fake_in(base + reg, 1);
}

static void set(u32 reg, u8 value)
{
	fake_out(base + reg, 1, value);
}

static void input(struct vdev *dev)
{
	spin_lock(&dev->lock);
	dev->ops->input(dev);
	spin_unlock(&dev->lock);
}

/* Bytes from the host, and the request that tells the guest's side. */
static void type(u32 serial, const char *text)
{
	CHECK_EQ(chardev_host_write(&vm->serial[serial], text, strlen(text)), strlen(text));
	input(list_entry(vm->devices.next, struct vdev, node));
}

static bool noticed; /* the character device has news for the guest */

static void notice(void *ctx)
{
	noticed = ctx == vm;
}

/* What the vCPU's thread does then. */
static void serve(void)
{
	CHECK(noticed);
	noticed = false;
	input(list_entry(vm->devices.next, struct vdev, node));
}

/* What the host has got so far. */
static const char *printed(u32 serial)
{
	static char buf[CHARDEV_RING_SIZE + 1];

	buf[chardev_host_read(&vm->serial[serial], buf, CHARDEV_RING_SIZE)] = 0;
	return buf;
}

/* FIFOs on and cleared with this trigger, interrupts to the line. */
static void set_up(u8 trigger, u8 ier)
{
	set(UART_FCR, UART_FCR_ENABLE | UART_FCR_RX_RESET | UART_FCR_TX_RESET | trigger);
	set(UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
	set(UART_IER, ier);
}

TEST(registers_after_reset)
{
	start(1);
	CHECK_EQ(get(UART_IER), 0);
	CHECK_EQ(get(UART_IIR), UART_IIR_NONE);
	CHECK_EQ(get(UART_LCR), 0);
	CHECK_EQ(get(UART_MCR), 0);
	CHECK_EQ(get(UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	CHECK_EQ(get(UART_MSR), UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
	set(UART_SCR, 0x5a);
	CHECK_EQ(get(UART_SCR), 0x5a);
	set(UART_IER, 0xff);
	CHECK_EQ(get(UART_IER), 0x0f);
	set(UART_MCR, 0xff);
	CHECK_EQ(get(UART_MCR), 0x1f);
	set(UART_LCR, 0xff);
	CHECK_EQ(get(UART_LCR), 0xff);
}

TEST(divisor_latch)
{
	start(1);
	set(UART_LCR, UART_LCR_DLAB | UART_LCR_8BITS);
	set(UART_DLL, 0x34);
	set(UART_DLM, 0x12);
	CHECK_EQ(get(UART_DLL), 0x34);
	CHECK_EQ(get(UART_DLM), 0x12);
	set(UART_LCR, UART_LCR_8BITS);
	CHECK_EQ(get(UART_IER), 0);
	CHECK_EQ(get(UART_RBR), 0);
	CHECK_STR(printed(0), ""); /* the divisor was not sent */
}

TEST(output)
{
	start(1);
	for (const char *p = "hello"; *p; p++) {
		CHECK(get(UART_LSR) & UART_LSR_THRE);
		set(UART_THR, (u8)*p);
	}
	CHECK_STR(printed(0), "hello");
	CHECK_EQ(fake_deadline(), ~0ULL);
}

TEST(output_waits_for_room_and_nothing_is_lost)
{
	static char fill[CHARDEV_RING_SIZE];
	struct chardev *c;

	start(1);
	c = &vm->serial[0];
	c->guest_notify = notice;
	c->guest_ctx = vm;
	set_up(0, UART_IER_THRE);
	get(UART_IIR);
	memset(fill, '.', sizeof(fill));
	CHECK_EQ(chardev_guest_write(c, fill, sizeof(fill)), sizeof(fill));
	for (u32 i = 0; i < UART_FIFO_SIZE; i++)
		set(UART_THR, (u8)('a' + i));
	CHECK(!(get(UART_LSR) & (UART_LSR_THRE | UART_LSR_TEMT)));
	CHECK_EQ(get(UART_IIR), 0xc0 | UART_IIR_NONE);
	CHECK(!fake_lines[4].level);
	input(list_entry(vm->devices.next, struct vdev, node)); /* still no room */
	CHECK(!(get(UART_LSR) & UART_LSR_THRE));

	CHECK_EQ(chardev_host_read(c, fill, 10), 10);
	serve();
	CHECK(!(get(UART_LSR) & UART_LSR_THRE)); /* ten went, six wait */
	CHECK_EQ(chardev_host_read(c, fill, sizeof(fill)), sizeof(fill));
	CHECK(!memcmp(fill + sizeof(fill) - 10, "abcdefghij", 10));
	serve();
	CHECK(get(UART_LSR) & UART_LSR_THRE);
	CHECK(fake_lines[4].level);
	CHECK_EQ(get(UART_IIR), 0xc0 | UART_IIR_THRE);
	CHECK_STR(printed(0), "klmnop");
	CHECK(!noticed); /* nobody waits for this room */
	CHECK_EQ(fake_deadline(), ~0ULL);
}

TEST(thre_interrupt)
{
	start(1);
	set_up(0, 0);
	CHECK(!fake_lines[4].level);
	set(UART_IER, UART_IER_THRE); /* enabling it with an empty transmitter raises it */
	CHECK(fake_lines[4].level);
	CHECK_EQ(get(UART_IIR), 0xc0 | UART_IIR_THRE);
	CHECK(!fake_lines[4].level); /* reading IIR takes it */
	CHECK_EQ(get(UART_IIR), 0xc0 | UART_IIR_NONE);
	set(UART_IER, UART_IER_THRE); /* already enabled: not again */
	CHECK(!fake_lines[4].level);
	set(UART_IER, 0);
	set(UART_IER, UART_IER_THRE); /* the order in which Linux tests for it */
	CHECK(fake_lines[4].level);
	get(UART_IIR);
	set(UART_THR, 'x');
	CHECK(fake_lines[4].level); /* gone already */
	set(UART_IER, 0);
	CHECK(!fake_lines[4].level);
	CHECK_EQ(get(UART_IIR), 0xc0 | UART_IIR_NONE);
}

/* Writing the THR takes the interrupt too, and the empty transmitter raises it anew: an edge. */
TEST(thre_interrupt_is_an_edge_for_each_byte)
{
	u32 rises;

	start(1);
	set_up(0, UART_IER_THRE);
	CHECK(fake_lines[4].level);
	rises = fake_lines[4].rises;
	set(UART_THR, 'a'); /* without a look at the IIR */
	set(UART_THR, 'b');
	CHECK(fake_lines[4].level);
	CHECK_EQ(fake_lines[4].rises, rises + 2);
	CHECK_EQ(get(UART_IIR), 0xc0 | UART_IIR_THRE);
	CHECK_STR(printed(0), "ab");
}

/* The break bit forces the line low and does nothing to registers, FIFOs or interrupts. */
TEST(break_is_harmless)
{
	start(1);
	set_up(UART_FCR_TRIG_1, UART_IER_RDA | UART_IER_RLS);
	set(UART_LCR, UART_LCR_8BITS | UART_LCR_BREAK);
	CHECK_EQ(get(UART_LCR), UART_LCR_8BITS | UART_LCR_BREAK);
	CHECK_EQ(get(UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	CHECK_EQ(get(UART_IIR), 0xc0 | UART_IIR_NONE);
	set(UART_LCR, UART_LCR_8BITS);
	set(UART_THR, 'x');
	CHECK_STR(printed(0), "x");
}

TEST(input_without_fifo)
{
	start(1);
	set(UART_MCR, UART_MCR_OUT2);
	set(UART_IER, UART_IER_RDA);
	type(0, "ab");
	CHECK(fake_lines[4].level);
	CHECK_EQ(get(UART_IIR), UART_IIR_RDA);
	CHECK(get(UART_LSR) & UART_LSR_DR);
	CHECK_EQ(get(UART_RBR), 'a');
	CHECK(get(UART_LSR) & UART_LSR_DR); /* the next was waiting outside */
	CHECK_EQ(get(UART_RBR), 'b');
	CHECK(!(get(UART_LSR) & UART_LSR_DR));
	CHECK(!fake_lines[4].level);
	CHECK_EQ(get(UART_IIR), UART_IIR_NONE);
}

TEST(input_with_fifo)
{
	static const struct {
		u8 bits;
		u32 level;
	} triggers[] = {
		{ UART_FCR_TRIG_1, 1 },
		{ UART_FCR_TRIG_4, 4 },
		{ UART_FCR_TRIG_8, 8 },
		{ UART_FCR_TRIG_14, 14 },
	};

	for (u32 i = 0; i < ARRAY_LEN(triggers); i++) {
		start(1);
		set_up(triggers[i].bits, UART_IER_RDA);
		for (u32 n = 1; n <= UART_FIFO_SIZE; n++) {
			type(0, "x");
			CHECK_EQ(get(UART_IIR), n >= triggers[i].level ? 0xc4 : 0xcc);
			CHECK(fake_lines[4].level);
		}
		for (u32 n = UART_FIFO_SIZE; n > 0; n--) {
			CHECK_EQ(get(UART_IIR), n >= triggers[i].level ? 0xc4 : 0xcc);
			CHECK_EQ(get(UART_RBR), 'x');
		}
		CHECK_EQ(get(UART_IIR), 0xc1);
		CHECK(!fake_lines[4].level);
	}
}

TEST(long_input_is_taken_as_there_is_room)
{
	char text[101], got[101] = "";

	start(1);
	set_up(UART_FCR_TRIG_8, UART_IER_RDA);
	for (u32 i = 0; i < 100; i++)
		text[i] = (char)('!' + i % 90);
	text[100] = 0;
	type(0, text);
	CHECK_EQ(chardev_guest_pending(&vm->serial[0]), 100 - UART_FIFO_SIZE);
	for (u32 i = 0; i < 100 && (get(UART_LSR) & UART_LSR_DR); i++)
		got[i] = (char)get(UART_RBR);
	CHECK_STR(got, text);
	CHECK(!(get(UART_LSR) & (UART_LSR_DR | UART_LSR_OE)));
}

TEST(fifo_control)
{
	start(1);
	set(UART_FCR, UART_FCR_TRIG_14); /* without the enabling bit the others do not count */
	CHECK_EQ(get(UART_IIR) & 0xc0, 0);
	set_up(0, UART_IER_RDA);
	CHECK_EQ(get(UART_IIR) & 0xc0, 0xc0);
	type(0, "abc");
	set(UART_FCR, UART_FCR_ENABLE | UART_FCR_RX_RESET);
	CHECK(!(get(UART_LSR) & UART_LSR_DR));
	CHECK(!fake_lines[4].level);
	type(0, "abc");
	set(UART_FCR, 0); /* a change of the enabling bit clears both */
	CHECK(!(get(UART_LSR) & UART_LSR_DR));
	CHECK_EQ(get(UART_IIR), UART_IIR_NONE);
}

TEST(loopback_data)
{
	start(1);
	set(UART_FCR, UART_FCR_ENABLE);
	set(UART_MCR, UART_MCR_LOOP);
	type(0, "outside");
	CHECK(!(get(UART_LSR) & UART_LSR_DR)); /* cut off */
	set(UART_THR, 'q');
	CHECK_EQ(get(UART_LSR), UART_LSR_DR | UART_LSR_THRE | UART_LSR_TEMT);
	CHECK_EQ(get(UART_RBR), 'q');
	CHECK_STR(printed(0), "");
	for (u32 i = 0; i < UART_FIFO_SIZE; i++)
		set(UART_THR, (u8)i);
	CHECK(!(get(UART_LSR) & UART_LSR_OE));
	set(UART_IER, UART_IER_RLS | UART_IER_RDA);
	set(UART_THR, 0xee);
	CHECK_EQ(get(UART_IIR), 0xc0 | UART_IIR_RLS); /* the highest priority */
	CHECK(!fake_lines[4].level);                  /* loop-back keeps the line off */
	CHECK(get(UART_LSR) & UART_LSR_OE);
	CHECK(!(get(UART_LSR) & UART_LSR_OE)); /* cleared by reading */
	CHECK_EQ(get(UART_IIR), 0xc0 | UART_IIR_RDA);
	for (u32 i = 0; i < UART_FIFO_SIZE; i++)
		CHECK_EQ(get(UART_RBR), i); /* the overrun lost the last one */
	set(UART_MCR, 0);
	CHECK_EQ(get(UART_RBR), 'o');
}

/* Without FIFOs an overrun destroys the byte that was not read ("Line Status Register", bit 1). */
TEST(loopback_overrun_without_fifo)
{
	start(1);
	set(UART_MCR, UART_MCR_LOOP);
	set(UART_THR, '1');
	set(UART_THR, '2');
	CHECK_EQ(get(UART_LSR), UART_LSR_DR | UART_LSR_OE | UART_LSR_THRE | UART_LSR_TEMT);
	CHECK_EQ(get(UART_RBR), '2');
	CHECK_EQ(get(UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
}

/* What autoconfig() of Linux's 8250 driver tells a 16550A from its kin by. */
TEST(linux_autoconfig)
{
	start(1);
	set(UART_IER, 0);
	CHECK_EQ(get(UART_IER) & 0x0f, 0);
	set(UART_IER, 0x0f);
	CHECK_EQ(get(UART_IER) & 0x0f, 0x0f);
	set(UART_IER, 0);
	set(UART_LCR, 0xbf); /* an enhanced one shows other registers now */
	set(UART_FCR, 0);
	set(UART_LCR, 0);
	set(UART_FCR, UART_FCR_ENABLE);
	CHECK_EQ(get(UART_IIR) >> 6, 3); /* 16550A or better */
	set(UART_LCR, UART_LCR_DLAB);
	CHECK(get(UART_FCR) != 0); /* no EFR */
	set(UART_LCR, 0xbf);
	CHECK(get(UART_FCR) != 0);
	set(UART_LCR, 0);
	set(UART_FCR, UART_FCR_ENABLE | 0x20); /* 64 bytes, on a 16750 */
	CHECK_EQ(get(UART_IIR) >> 5, 6);
	set(UART_LCR, UART_LCR_DLAB);
	set(UART_FCR, UART_FCR_ENABLE | 0x20);
	CHECK_EQ(get(UART_IIR) >> 5, 6);
	set(UART_LCR, 0);
	set(UART_IER, 0x40); /* an XScale's */
	CHECK_EQ(get(UART_IER), 0);
}

/* GNU Mach's com driver: the high divisor byte and IER share a port, and both keep what they got. */
TEST(mach_com_probe)
{
	start(1);
	set(UART_LCR, 0);
	set(UART_IER, 0);
	CHECK_EQ(get(UART_IER), 0);
	set(UART_LCR, UART_LCR_DLAB);
	set(UART_DLM, 0xff);
	CHECK_EQ(get(UART_DLM), 0xff);
	set(UART_LCR, 0);
	CHECK_EQ(get(UART_IER), 0);
	set(UART_LCR, UART_LCR_DLAB);
	CHECK_EQ(get(UART_DLM), 0xff);
	set(UART_DLM, 0);
	set(UART_LCR, 0);
}

/* Linux's autoconfig() checks just this. */
TEST(loopback_modem)
{
	start(1);
	set(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	CHECK_EQ(get(UART_MSR) & 0xf0, 0x90);
	set(UART_MCR, UART_MCR_LOOP | UART_MCR_DTR | UART_MCR_OUT1);
	CHECK_EQ(get(UART_MSR), 0x60 | UART_MSR_DCTS | UART_MSR_DDSR | UART_MSR_DDCD);
	CHECK_EQ(get(UART_MSR), 0x60); /* deltas are cleared by reading */
	set(UART_IER, UART_IER_MS);
	set(UART_MCR, UART_MCR_LOOP | UART_MCR_DTR); /* RI's trailing edge */
	CHECK_EQ(get(UART_IIR), UART_IIR_MS);
	CHECK_EQ(get(UART_MSR), 0x20 | UART_MSR_TERI);
	CHECK_EQ(get(UART_IIR), UART_IIR_NONE);
	set(UART_MCR, UART_MCR_LOOP | UART_MCR_DTR | UART_MCR_OUT1);
	CHECK_EQ(get(UART_MSR), 0x60); /* its leading edge does not count */
	set(UART_MCR, 0);
	CHECK_EQ(get(UART_MSR) & 0xf0, 0xb0);
}

TEST(out2_gates_the_line)
{
	start(1);
	set(UART_IER, UART_IER_THRE);
	CHECK(!fake_lines[4].level);
	set(UART_MCR, UART_MCR_OUT2);
	CHECK(fake_lines[4].level);
	set(UART_MCR, UART_MCR_OUT2 | UART_MCR_LOOP);
	CHECK(!fake_lines[4].level);
}

TEST(priorities)
{
	start(1);
	set_up(UART_FCR_TRIG_1, 0);
	set(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2);
	get(UART_MSR);
	set(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	for (u32 i = 0; i < UART_FIFO_SIZE + 1; i++)
		set(UART_THR, 'x');
	set(UART_IER, 0x0f);
	CHECK_EQ(get(UART_IIR), 0xc0 | UART_IIR_RLS);
	get(UART_LSR);
	CHECK_EQ(get(UART_IIR), 0xc0 | UART_IIR_RDA);
	while (get(UART_LSR) & UART_LSR_DR)
		get(UART_RBR);
	CHECK_EQ(get(UART_IIR), 0xc0 | UART_IIR_THRE);
	CHECK_EQ(get(UART_IIR), 0xc0 | UART_IIR_MS); /* which had taken the one before */
	get(UART_MSR);
	CHECK_EQ(get(UART_IIR), 0xc0 | UART_IIR_NONE);
}

TEST(four_ports)
{
	static const u16 bases[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };

	start(4);
	for (u32 i = 0; i < 4; i++) {
		base = bases[i];
		set(UART_THR, (u8)('1' + i));
		set_up(0, UART_IER_RDA);
	}
	CHECK_STR(printed(0), "1");
	CHECK_STR(printed(1), "2");
	CHECK_STR(printed(2), "3");
	CHECK_STR(printed(3), "4");

	type(0, "a");
	type(2, "c"); /* COM1 and COM3 share a line */
	CHECK(fake_lines[4].level);
	CHECK(!fake_lines[3].level);
	base = 0x3f8;
	get(UART_RBR);
	CHECK(fake_lines[4].level);
	base = 0x3e8;
	CHECK_EQ(get(UART_RBR), 'c');
	CHECK(!fake_lines[4].level);
	type(3, "d");
	CHECK(fake_lines[3].level);
	base = 0x2e8;
	CHECK_EQ(get(UART_RBR), 'd');
	CHECK(!fake_lines[3].level);
}

TEST(absent_ports)
{
	start(1);
	CHECK_EQ(fake_in(0x2f8 + UART_LSR, 1), UART_LSR_NONE);
	start(0);
	CHECK_EQ(fake_in(0x3f8 + UART_LSR, 1), UART_LSR_NONE);
	fake_out(0x3f8, 1, 'x');
}

TEST(odd_accesses_are_harmless)
{
	start(1);
	CHECK_EQ(fake_in(0x3fd, 4), 0xffffffff); /* beyond the end */
	fake_out(0x3fe, 4, 0x41414141);
	CHECK_STR(printed(0), "");
	CHECK_EQ(get(UART_SCR), 0);
	set(UART_LSR, 0xff);
	set(UART_MSR, 0xff);
	CHECK_EQ(get(UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	CHECK_EQ(get(UART_MSR) & UART_MSR_DELTA, 0);
}

/* The bus makes byte accesses of wide ones: DOS programs set the divisor by one OUT of a word. */
TEST(wide_accesses)
{
	start(1);
	set(UART_LCR, UART_LCR_DLAB);
	fake_out(0x3f8, 2, 0x1234);
	CHECK_EQ(get(UART_DLL), 0x34);
	CHECK_EQ(get(UART_DLM), 0x12);
	CHECK_EQ(fake_in(0x3f8, 2), 0x1234);
	set(UART_LCR, UART_LCR_8BITS);
	set(UART_SCR, 0x77);
	CHECK_EQ(fake_in(0x3fc, 4), 0x77000000u |
					    (UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS) << 16 |
					    (UART_LSR_THRE | UART_LSR_TEMT) << 8);
	fake_out(0x3f8, 2, UART_IER_RDA << 8 | 'x');
	CHECK_STR(printed(0), "x");
	CHECK_EQ(get(UART_IER), UART_IER_RDA);
}

TEST(state)
{
	static char fill[CHARDEV_RING_SIZE];
	u8 stream[2048];
	long len;

	start(2);
	set_up(UART_FCR_TRIG_8, UART_IER_RDA | UART_IER_THRE);
	set(UART_LCR, UART_LCR_8BITS);
	set(UART_SCR, 0x77);
	get(UART_IIR);
	chardev_guest_write(&vm->serial[0], fill, sizeof(fill));
	set(UART_THR, 'x');
	set(UART_THR, 'y');
	type(0, "in");
	len = fake_save(stream, sizeof(stream));
	CHECK(len > 0);

	start(2);
	vm->serial[0].guest_notify = notice;
	vm->serial[0].guest_ctx = vm;
	chardev_guest_write(&vm->serial[0], fill, sizeof(fill));
	CHECK_EQ(fake_load(stream, (size_t)len), 0);
	CHECK_EQ(get(UART_SCR), 0x77);
	CHECK_EQ(get(UART_LCR), UART_LCR_8BITS);
	CHECK(fake_lines[4].level);
	CHECK_EQ(get(UART_IIR), 0xc0 | UART_IIR_TIMEOUT);
	CHECK_EQ(get(UART_RBR), 'i');
	CHECK_EQ(get(UART_RBR), 'n');
	CHECK(!(get(UART_LSR) & UART_LSR_THRE));
	CHECK_EQ(chardev_host_read(&vm->serial[0], fill, sizeof(fill)), sizeof(fill));
	serve();
	CHECK_STR(printed(0), "xy");
	CHECK_EQ(get(UART_IIR), 0xc0 | UART_IIR_THRE);

	start(1);
	CHECK(fake_load(stream, (size_t)len) < 0); /* another number of ports */
	start(2);
	set_up(UART_FCR_TRIG_8, UART_IER_RDA | UART_IER_THRE);
	fake_state_torture();
}
