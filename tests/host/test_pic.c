/*
 * The pair of 8259As against Intel's data sheet: initialisation, priorities, EOIs, edge and level, the
 * cascade, polling, spurious interrupts, the edge/level registers.
 *
 * sources: tests/host/fake_vm.c vdev/pic.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 */
#include "lib/errno.h"
#include "tests/host/fake_vm.h"
#include "tests/host/harness.h"
#include "vdev/vdevs.h"
#include "vm/irq.h"

/* --- the interrupt router -------------------------------------------------------------------------- */

static const struct extint_ops *extint;
static struct vdev *extint_dev;
static struct irqchip chip;
static bool output;

void vm_extint_register(struct vm *vm, const struct extint_ops *ops, struct vdev *dev)
{
	extint = ops;
	extint_dev = dev;
}

void vm_extint_set(struct vm *vm, bool level)
{
	output = level;
}

int vm_irqchip_add(struct vm *vm, const struct irqchip *c)
{
	chip = *c;
	return 0;
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

static void raise(u32 gsi)
{
	line(gsi, true);
}

static int ack(void)
{
	return extint->ack(extint_dev);
}

/* -1: the output is low */
static int take(void)
{
	return output ? ack() : -1;
}

#define MASTER 0x20
#define SLAVE  0xa0

static void init_chip(u32 port, u8 base, u8 cascade, u8 icw4)
{
	fake_out(port, 1, 0x11);
	fake_out(port + 1, 1, base);
	fake_out(port + 1, 1, cascade);
	fake_out(port + 1, 1, icw4);
}

/* As a PC's firmware and kernels do: vectors 0x20 and 0x28. */
static void start(void)
{
	output = false;
	fake_vm_with(pic_create, NULL);
	init_chip(MASTER, 0x20, 4, 1);
	init_chip(SLAVE, 0x28, 2, 1);
}

static void eoi(u32 gsi)
{
	if (gsi >= 8)
		fake_out(SLAVE, 1, 0x20);
	fake_out(MASTER, 1, 0x20);
}

static u8 read_irr(u32 port)
{
	fake_out(port, 1, 0x0a);
	return (u8)fake_in(port, 1);
}

static u8 read_isr(u32 port)
{
	fake_out(port, 1, 0x0b);
	return (u8)fake_in(port, 1);
}

TEST(every_line)
{
	for (u32 gsi = 0; gsi < 16; gsi++) {
		start();
		raise(gsi);
		if (gsi == 2) { /* the cascade: no line */
			CHECK(!output);
			continue;
		}
		CHECK(output);
		CHECK_EQ(ack(), 0x20 + gsi);
		CHECK(!output);
		CHECK_EQ(read_isr(MASTER), gsi < 8 ? 1u << gsi : 4);
		CHECK_EQ(read_isr(SLAVE), gsi < 8 ? 0 : 1u << (gsi - 8));
		eoi(gsi);
		CHECK_EQ(read_isr(MASTER) | read_isr(SLAVE), 0);
		CHECK(!output); /* an edge counts once */
		line(gsi, false);
		raise(gsi);
		CHECK_EQ(take(), 0x20 + gsi);
	}
}

/* Fully nested: 0 is the highest; the slave's 8 to 15 come where 2 is. */
TEST(priorities)
{
	start();
	raise(7);
	raise(3);
	raise(12);
	raise(9);
	CHECK_EQ(take(), 0x29);
	CHECK(!output); /* 12 is below 9, and the slave waits for the master's EOI */
	raise(1);
	CHECK_EQ(take(), 0x21); /* interrupts a lower one */
	raise(0);
	CHECK_EQ(take(), 0x20);
	eoi(0);
	CHECK(!output);
	eoi(1);
	CHECK(!output);
	eoi(9);
	CHECK_EQ(take(), 0x2c);
	eoi(12);
	CHECK_EQ(take(), 0x23);
	eoi(3);
	CHECK_EQ(take(), 0x27);
	eoi(7);
	CHECK(!output);
}

TEST(masks)
{
	start();
	fake_out(MASTER + 1, 1, 0xfb);
	fake_out(SLAVE + 1, 1, 0xfe);
	CHECK_EQ(fake_in(MASTER + 1, 1), 0xfb);
	CHECK_EQ(fake_in(SLAVE + 1, 1), 0xfe);
	raise(4);
	raise(10);
	CHECK(!output);
	CHECK_EQ(read_irr(MASTER), 0x10); /* requested all the same */
	raise(8);
	CHECK_EQ(take(), 0x28);
	fake_out(MASTER + 1, 1, 0);
	eoi(8);
	CHECK_EQ(take(), 0x24);
}

/* A request that goes away before the acknowledge cycle: 7, and no bit in service. */
TEST(spurious)
{
	start();
	raise(4);
	CHECK(output);
	line(4, false);
	CHECK_EQ(ack(), 0x27);
	CHECK_EQ(read_isr(MASTER), 0);
	raise(10);
	line(10, false);
	CHECK_EQ(ack(), 0x27); /* the master asks its own first */
	CHECK_EQ(read_isr(MASTER) | read_isr(SLAVE), 0);
}

TEST(edge_and_level)
{
	start();
	fake_out(0x4d0, 1, 0xff);
	fake_out(0x4d1, 1, 0xff);
	CHECK_EQ(fake_in(0x4d0, 1), 0xf8); /* 0, 1, 2, 8 and 13 are edge-triggered always */
	CHECK_EQ(fake_in(0x4d1, 1), 0xde);
	raise(5);
	CHECK_EQ(take(), 0x25);
	CHECK(!output);
	eoi(5);
	CHECK_EQ(take(), 0x25); /* still asserted: again */
	line(5, false);
	eoi(5);
	CHECK(!output);
	raise(11);
	CHECK_EQ(take(), 0x2b);
	line(11, false);
	eoi(11);
	CHECK(!output);
	pulse(1); /* an edge that went is no request */
	CHECK(!output);
	raise(1);
	raise(1);
	CHECK_EQ(take(), 0x21);
	eoi(1);
	CHECK(!output);
}

/* An input that becomes level-triggered is requested as long as its line is up (82378ZB, "ELCR"). */
TEST(level_from_now_on)
{
	start();
	line(5, true);
	CHECK_EQ(take(), 0x25); /* the edge */
	eoi(5);
	CHECK(!output);
	fake_out(0x4d0, 1, 0x20);
	CHECK_EQ(take(), 0x25);
	eoi(5);
	CHECK_EQ(take(), 0x25);
	line(5, false);
	eoi(5);
	CHECK(!output);
	line(10, true); /* an edge that waits is gone with its line */
	line(10, false);
	fake_out(0x4d1, 1, 0x04);
	CHECK(!output);
}

TEST(eoi_forms)
{
	start();
	raise(3);
	CHECK_EQ(take(), 0x23);
	raise(1);
	CHECK_EQ(take(), 0x21);
	fake_out(MASTER, 1, 0x63); /* specific: 3 */
	CHECK_EQ(read_isr(MASTER), 0x02);
	fake_out(MASTER, 1, 0x20); /* non-specific: the highest in service */
	CHECK_EQ(read_isr(MASTER), 0);
	fake_out(MASTER, 1, 0x20);
	CHECK_EQ(read_isr(MASTER), 0);
	/* Automatic */
	init_chip(MASTER, 0x20, 4, 3);
	line(3, false);
	raise(3);
	CHECK_EQ(take(), 0x23);
	CHECK_EQ(read_isr(MASTER), 0);
}

TEST(rotation)
{
	start();
	fake_out(MASTER, 1, 0xc0 | 4); /* 4 is the lowest: 5 the highest */
	raise(3);
	raise(6);
	CHECK_EQ(take(), 0x26);
	fake_out(MASTER, 1, 0xa0); /* EOI, and 6 is the lowest */
	raise(7);
	CHECK_EQ(take(), 0x27);
	CHECK(!output);
	fake_out(MASTER, 1, 0xe0 | 7); /* specific, and 7 is the lowest */
	CHECK_EQ(take(), 0x23);
	raise(0);
	CHECK_EQ(take(), 0x20);
}

TEST(polling)
{
	start();
	fake_out(MASTER, 1, 0x0c);
	CHECK_EQ(fake_in(MASTER, 1) & 0x80, 0);
	raise(4);
	fake_out(MASTER, 1, 0x0c);
	CHECK_EQ(fake_in(MASTER, 1), 0x84);
	CHECK_EQ(read_isr(MASTER), 0x10);
	CHECK(!output);
	fake_out(MASTER, 1, 0x0c);
	CHECK_EQ(fake_in(MASTER + 1, 1), 0); /* nothing above; by the other port, too */
	eoi(4);
	/* The slave's: the master says 2, the slave which. */
	raise(13);
	fake_out(MASTER, 1, 0x0c);
	CHECK_EQ(fake_in(MASTER, 1), 0x82);
	fake_out(SLAVE, 1, 0x0c);
	CHECK_EQ(fake_in(SLAVE, 1), 0x85);
	CHECK_EQ(read_isr(SLAVE), 0x20);
	CHECK_EQ(read_isr(MASTER), 0x04);
}

TEST(special_mask_mode)
{
	start();
	raise(2 + 1);
	CHECK_EQ(take(), 0x23);
	raise(6);
	CHECK(!output);
	fake_out(MASTER + 1, 1, 0x08);
	CHECK(!output);
	fake_out(MASTER, 1, 0x68); /* set: what is masked blocks nothing */
	CHECK_EQ(take(), 0x26);
	fake_out(MASTER, 1, 0x48); /* and clear */
	CHECK_EQ(read_isr(MASTER), 0x48);
}

/* "Special Mask Mode": a non-specific EOI does not end what is masked; a specific one does. */
TEST(special_mask_mode_and_eoi)
{
	start();
	raise(3);
	CHECK_EQ(take(), 0x23);
	fake_out(MASTER + 1, 1, 0x08);
	fake_out(MASTER, 1, 0x68);
	raise(6);
	CHECK_EQ(take(), 0x26);
	fake_out(MASTER, 1, 0x20);
	CHECK_EQ(read_isr(MASTER), 0x08);
	fake_out(MASTER, 1, 0x20);
	CHECK_EQ(read_isr(MASTER), 0x08);
	fake_out(MASTER, 1, 0x63);
	CHECK_EQ(read_isr(MASTER), 0);
}

/* Rotation in automatic EOI mode: who was served is the lowest, till that is switched off. */
TEST(automatic_rotation)
{
	start();
	init_chip(MASTER, 0x20, 4, 3);
	fake_out(MASTER, 1, 0x80);
	for (u32 gsi = 3; gsi < 6; gsi++)
		raise(gsi);
	CHECK_EQ(take(), 0x23);
	line(3, false);
	raise(3);
	CHECK_EQ(take(), 0x24);
	CHECK_EQ(take(), 0x25);
	CHECK_EQ(take(), 0x23);
	fake_out(MASTER, 1, 0x00); /* 4 stays the highest */
	for (u32 gsi = 3; gsi < 6; gsi++) {
		line(gsi, false);
		raise(gsi);
	}
	CHECK_EQ(take(), 0x24);
	line(4, false);
	raise(4);
	CHECK_EQ(take(), 0x24);
}

/* In specific rotation any order is possible, also against the slave's. */
TEST(every_order)
{
	for (u32 lowest = 0; lowest < 8; lowest++) {
		start();
		fake_out(MASTER, 1, (u8)(0xc0 | lowest));
		for (u32 gsi = 0; gsi < 8; gsi++)
			if (gsi != 2)
				raise(gsi);
		raise(12);
		for (u32 n = 1; n <= 8; n++) {
			u32 gsi = (lowest + n) & 7;

			CHECK_EQ(take(), gsi == 2 ? 0x2c : 0x20 + gsi);
			CHECK(!output); /* the next is below */
			eoi(gsi == 2 ? 12 : gsi);
		}
		CHECK(!output);
	}
}

/* A second interrupt of the slave's, higher than that in service, gets through in that mode alone. */
TEST(special_fully_nested)
{
	start();
	raise(12);
	CHECK_EQ(take(), 0x2c);
	raise(8);
	CHECK(!output);
	start();
	init_chip(MASTER, 0x20, 4, 0x11);
	raise(12);
	CHECK_EQ(take(), 0x2c);
	raise(3); /* below the slave: held back as ever */
	CHECK(!output);
	raise(8);
	CHECK_EQ(take(), 0x28);
	fake_out(SLAVE, 1, 0x20); /* the master's comes when nothing of the slave's is left */
	CHECK(!output);
	raise(1);
	CHECK_EQ(take(), 0x21);
}

/* ICW1 clears mask, requests by edge and what is in service. */
TEST(initialisation)
{
	start();
	fake_out(MASTER + 1, 1, 0xff);
	raise(3);
	init_chip(MASTER, 0x50, 4, 1);
	CHECK_EQ(fake_in(MASTER + 1, 1), 0);
	CHECK(!output);
	CHECK_EQ(read_irr(MASTER), 0);
	raise(4);
	CHECK_EQ(take(), 0x54);
	init_chip(MASTER, 0x57, 4, 1); /* the low bits are the chip's */
	CHECK_EQ(read_isr(MASTER), 0);
	line(4, false);
	raise(4);
	CHECK_EQ(take(), 0x54);
	/* Not before it is done: a level waits. */
	fake_out(0x4d0, 1, 0x20);
	raise(5);
	fake_out(MASTER, 1, 0x11);
	CHECK(!output);
	fake_out(MASTER + 1, 1, 0x20);
	fake_out(MASTER + 1, 1, 4);
	CHECK(!output);
	fake_out(MASTER + 1, 1, 1);
	CHECK_EQ(take(), 0x25);
	line(5, false);
	/* Without ICW4 and single: mask right after ICW2. */
	fake_out(MASTER, 1, 0x12);
	fake_out(MASTER + 1, 1, 0x60);
	fake_out(MASTER + 1, 1, 0xef);
	CHECK_EQ(fake_in(MASTER + 1, 1), 0xef);
}

TEST(other_sizes)
{
	start();
	CHECK_EQ(fake_in(MASTER, 2), 0xffff);
	fake_out(MASTER, 4, 0x11111111);
	raise(1);
	CHECK_EQ(take(), 0x21);
}

TEST(lines_beyond)
{
	start();
	for (u32 gsi = 16; gsi < 40; gsi++)
		raise(gsi);
	CHECK(!output);
}

TEST(state)
{
	u8 buf[2048];
	long n;

	start();
	raise(12);
	CHECK_EQ(take(), 0x2c);
	raise(1);
	fake_out(MASTER + 1, 1, 0x08);
	n = fake_save(buf, sizeof(buf));
	CHECK(n > 0);
	init_chip(MASTER, 0, 4, 1);
	init_chip(SLAVE, 0, 2, 1);
	CHECK_EQ(fake_load(buf, (size_t)n), 0);
	CHECK_EQ(fake_in(MASTER + 1, 1), 0x08);
	CHECK_EQ(take(), 0x21);
	CHECK_EQ(read_isr(SLAVE), 0x10);
	fake_state_torture();
}
