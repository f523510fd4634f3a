/*
 * The guest's I/O APIC against the 82093AA and ICH9 data sheets: registers, messages, edge and level, remote
 * IRR and its ends, the pin of ISA line 0; and that no line can make it send without end.
 *
 * sources: tests/host/fake_vm.c vdev/ioapic.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 */
#include "tests/host/fake_vm.h"
#include "tests/host/harness.h"
#include "vdev/vdevs.h"
#include "vm/irq.h"

#include <string.h>

#define BASE       0xfec00000u
#define LEVEL      (1u << 15)
#define MASKED     (1u << 16)
#define REMOTE_IRR (1u << 14)

static struct vm *vm;
static struct irqchip chip;
static struct irq_msg sent[8];
static u32 sent_count;
static bool nobody; /* no local APIC takes a message */

int vm_irqchip_add(struct vm *v, const struct irqchip *c)
{
	chip = *c;
	return 0;
}

u32 vm_irq_deliver(struct vm *v, const struct irq_msg *msg)
{
	if (nobody)
		return 0;
	if (sent_count < ARRAY_LEN(sent))
		sent[sent_count] = *msg;
	sent_count++;
	return 1;
}

static void start(void)
{
	sent_count = 0;
	nobody = false;
	vm = fake_vm_with(ioapic_create, NULL);
}

static u64 mem(u32 offset, u8 size, bool write, u64 value)
{
	struct io_access a = { .size = size, .write = write, .value = value };

	iobus_access(vm->bus, IO_MEM, BASE + offset, &a);
	return a.value;
}

static u32 rd(u32 r)
{
	mem(0, 4, true, r);
	return (u32)mem(0x10, 4, false, 0);
}

static void wr(u32 r, u32 value)
{
	mem(0, 4, true, r);
	mem(0x10, 4, true, value);
}

static void entry(u32 pin, u32 high, u32 low)
{
	wr(0x10 + 2 * pin + 1, high);
	wr(0x10 + 2 * pin, low);
}

static void line(u32 gsi, bool level)
{
	chip.line(chip.dev, gsi, level);
}

static void pulse(u32 gsi)
{
	line(gsi, true);
	line(gsi, false);
}

static void expect(u32 n)
{
	CHECK_EQ(sent_count, n);
	sent_count = 0;
}

TEST(registers)
{
	start();
	CHECK_EQ(rd(0), 0);
	CHECK_EQ(rd(1), 0x00170020); /* 24 entries, version 0x20 */
	wr(0, 0xffffffff);
	CHECK_EQ(rd(0), 0x0f000000);
	CHECK_EQ(rd(2), 0x0f000000); /* arbitration: loaded with the id */
	wr(1, 0);
	CHECK_EQ(rd(1), 0x00170020);
	for (u32 pin = 0; pin < 24; pin++) {
		CHECK_EQ(rd(0x10 + 2 * pin), MASKED); /* after reset */
		CHECK_EQ(rd(0x11 + 2 * pin), 0);
	}
	for (u32 r = 0x40; r < 0x100; r++) {
		wr(r, 0xffffffff);
		CHECK_EQ(rd(r), 0);
	}
	wr(3, 0xffffffff);
	CHECK_EQ(rd(3), 0);
	/* Delivery status and remote IRR cannot be written. */
	entry(5, 0xffffffff, 0xffffffff);
	CHECK_EQ(rd(0x1a), 0x0001afff & ~(u32)REMOTE_IRR);
	CHECK_EQ(rd(0x1b) & 0xff000000, 0xff000000);
	/* Index: one byte of it; index and data are read back. */
	mem(0, 1, true, 0x1a);
	CHECK_EQ(mem(0, 4, false, 0), 0x1a);
	mem(0, 4, true, 0x12345601);
	CHECK_EQ(mem(0, 4, false, 0), 1);
	CHECK_EQ(mem(0x10, 2, false, 0), 0xffff);
	CHECK_EQ(mem(0x800, 4, false, 0), 0xffffffff);
	expect(0);
}

TEST(message)
{
	start();
	entry(9, 0xab000000, 0x0871 | 0x100); /* logical, lowest priority */
	pulse(9);
	expect(1);
	CHECK_EQ(sent[0].vector, 0x71);
	CHECK_EQ(sent[0].dest, 0xab);
	CHECK_EQ(sent[0].delivery, DELIVER_LOWEST);
	CHECK(sent[0].logical && !sent[0].level);
	entry(9, 0x02000000, 0x0472);
	pulse(9);
	expect(1);
	CHECK_EQ(sent[0].delivery, DELIVER_NMI);
	CHECK_EQ(sent[0].dest, 2);
	CHECK(!sent[0].logical);
	/* NMI, INIT and ExtINT are edge-triggered whatever the bit says. */
	entry(9, 0, 0x0472 | LEVEL);
	line(9, true);
	expect(1);
	CHECK(!sent[0].level);
	CHECK_EQ(rd(0x22) & REMOTE_IRR, 0);
}

/* ISA line 0, the PIT, is pin 2; line 2 is the PICs' cascade. */
TEST(isa_timer)
{
	start();
	for (u32 pin = 0; pin < 24; pin++)
		entry(pin, 0, 0x30 + pin);
	pulse(0);
	expect(1);
	CHECK_EQ(sent[0].vector, 0x32);
	pulse(2);
	expect(0);
	for (u32 gsi = 3; gsi < 24; gsi++) {
		pulse(gsi);
		expect(1);
		CHECK_EQ(sent[0].vector, 0x30 + gsi);
	}
	pulse(24);
	pulse(63);
	expect(0);
}

TEST(edge)
{
	start();
	entry(4, 0, 0x41);
	line(4, true);
	expect(1);
	line(4, true);
	expect(0); /* no edge */
	CHECK_EQ(rd(0x18) & REMOTE_IRR, 0);
	line(4, false);
	line(4, true);
	expect(1);
	entry(4, 0, 0x41 | MASKED);
	pulse(4);
	expect(0);
	entry(4, 0, 0x41);
	expect(0); /* an edge while masked is lost */
}

/* A level is sent once, then again at its end if it still is there. */
TEST(level)
{
	start();
	entry(10, 0, 0x51 | LEVEL);
	line(10, true);
	expect(1);
	CHECK(sent[0].level);
	CHECK_EQ(rd(0x24) & REMOTE_IRR, REMOTE_IRR);
	line(10, true);
	line(10, false);
	line(10, true);
	expect(0);                /* not before the EOI */
	chip.eoi(chip.dev, 0x52); /* another vector's */
	expect(0);
	chip.eoi(chip.dev, 0x51);
	expect(1);
	line(10, false);
	chip.eoi(chip.dev, 0x51);
	expect(0);
	CHECK_EQ(rd(0x24) & REMOTE_IRR, 0);
	line(10, true);
	expect(1);
	line(10, false);
	mem(0x40, 4, true, 0x51); /* the EOI register, version 0x20 */
	CHECK_EQ(rd(0x24) & REMOTE_IRR, 0);
	expect(0);
}

TEST(level_and_mask)
{
	start();
	entry(10, 0, 0x51 | LEVEL | MASKED);
	line(10, true);
	expect(0);
	entry(10, 0, 0x51 | LEVEL); /* still asserted */
	expect(1);
	/* Masked while it is being served: the EOI sends nothing, unmasking does. */
	wr(0x24, 0x51 | LEVEL | MASKED);
	CHECK_EQ(rd(0x24) & REMOTE_IRR, REMOTE_IRR);
	chip.eoi(chip.dev, 0x51);
	expect(0);
	wr(0x24, 0x51 | LEVEL);
	expect(1);
	/* Rewriting the entry while remote IRR is set sends nothing. */
	wr(0x24, 0x51 | LEVEL);
	expect(0);
	/* How guests without the EOI register end it: to edge and back. */
	line(10, false);
	wr(0x24, 0x51 | MASKED);
	CHECK_EQ(rd(0x24) & REMOTE_IRR, 0);
	wr(0x24, 0x51 | LEVEL);
	expect(0);
}

/* Modes that nobody has, and another format, are sent nowhere; a level waits for a legal entry. */
TEST(illegal_entries)
{
	start();
	entry(10, 0, 0x351 | LEVEL);
	line(10, true);
	entry(10, 0, 0x651 | LEVEL);
	entry(10, 0x00010000, 0x51 | LEVEL); /* remappable */
	expect(0);
	CHECK_EQ(rd(0x24) & REMOTE_IRR, 0);
	entry(10, 0, 0x51 | LEVEL);
	expect(1);
}

/* Bits 55..49 are the upper ones of a destination id. */
TEST(extended_destination)
{
	start();
	entry(10, 0x12fe0000, 0x51);
	CHECK_EQ(rd(0x25), 0x12fe0000);
	pulse(10);
	expect(1);
	CHECK_EQ(sent[0].dest, 0x7f12);
	CHECK(!sent[0].wide);
	entry(10, 0xff020000, 0x51);
	pulse(10);
	expect(1);
	CHECK_EQ(sent[0].dest, 0x1ff);
}

/* Polarity says how a pin is wired, not what a line means here. */
TEST(polarity)
{
	start();
	entry(10, 0, 0x51 | LEVEL | 1u << 13);
	expect(0);
	line(10, true);
	expect(1);
	CHECK_EQ(rd(0x24), 0x51 | LEVEL | 1u << 13 | REMOTE_IRR);
}

/* A line that is stuck: once for each end of an interrupt, however often it is set. */
TEST(stuck)
{
	start();
	entry(10, 0, 0x51 | LEVEL);
	for (u32 i = 0; i < 1000; i++) {
		line(10, true);
		CHECK_EQ(sent_count, 1);
		wr(0x25, 0);
		CHECK_EQ(sent_count, 1);
		sent_count = 0;
		chip.eoi(chip.dev, 0x51);
		CHECK_EQ(sent_count, 1);
	}
	sent_count = 0;
	/* The vector changes in between: the old one's EOI ends nothing, the new one's does. */
	wr(0x24, 0x52 | LEVEL);
	chip.eoi(chip.dev, 0x51);
	expect(0);
	chip.eoi(chip.dev, 0x52);
	expect(1);
	CHECK_EQ(sent[0].vector, 0x52);
}

/* Several pins with one vector: each has its own remote IRR, one EOI ends all. */
TEST(shared_vector)
{
	start();
	entry(10, 0, 0x51 | LEVEL);
	entry(11, 0, 0x51 | LEVEL);
	line(10, true);
	line(11, true);
	expect(2);
	line(11, false);
	chip.eoi(chip.dev, 0x51);
	expect(1);
	CHECK_EQ(rd(0x24) & REMOTE_IRR, REMOTE_IRR);
	CHECK_EQ(rd(0x26) & REMOTE_IRR, 0);
}

/* No local APIC there: it is not taken, so nothing waits for an EOI that never comes. */
TEST(nobody_takes_it)
{
	start();
	nobody = true;
	entry(10, 0x77000000, 0x51 | LEVEL);
	line(10, true);
	CHECK_EQ(rd(0x24) & REMOTE_IRR, 0);
	nobody = false;
	wr(0x25, 0);
	expect(1);
}

/* Lines and entries at random: each call sends a bounded number of messages. */
TEST(no_storm)
{
	u64 seed = 7;

	start();
	for (u32 k = 0; k < 50000; k++) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		sent_count = 0;
		switch (seed >> 61) {
		case 0:
		case 1:
			line(seed >> 40 & 31, seed >> 50 & 1);
			break;
		case 2:
			chip.eoi(chip.dev, (u8)(seed >> 40));
			break;
		case 3:
			mem(0x40, 4, true, seed >> 40 & 0xff);
			break;
		default:
			wr(0x10 + (seed >> 40 & 63), (u32)(seed >> 16));
		}
		CHECK(sent_count <= 24);
	}
}

TEST(state)
{
	u8 buf[2048];
	long n;

	start();
	entry(10, 0x03000000, 0x51 | LEVEL);
	line(10, true);
	wr(0, 0x05000000);
	n = fake_save(buf, sizeof(buf));
	CHECK(n > 0);
	vdev_reset_all(vm);
	CHECK_EQ(fake_load(buf, (size_t)n), 0);
	CHECK_EQ(rd(0x24), 0x51 | LEVEL | REMOTE_IRR);
	CHECK_EQ(rd(0x25), 0x03000000);
	CHECK_EQ(rd(0), 0x05000000);
	sent_count = 0;
	chip.eoi(chip.dev, 0x51);
	expect(1); /* the line is still up */
	fake_state_torture();
	/* What no entry can hold: delivery status, and remote IRR of an edge-triggered one. */
	start();
	n = fake_save(buf, sizeof(buf));
	buf[n - 8 * 24 + 1] = 0x10;
	CHECK(fake_load(buf, (size_t)n) < 0);
	buf[n - 8 * 24 + 1] = 0x40;
	CHECK(fake_load(buf, (size_t)n) < 0);
	buf[n - 8 * 24 + 1] = 0xc0;
	CHECK_EQ(fake_load(buf, (size_t)n), 0);
}
