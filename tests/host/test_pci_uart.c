/*
 * drivers/pci_uart.h: functions of a bus whose configuration space is here.
 */
#include "arch/io.h"

#include <string.h>

static unsigned fake_inl(unsigned short port);
static void fake_outl(unsigned short port, unsigned v);
#define inl  fake_inl
#define outl fake_outl
#include "drivers/pci_uart.c"
#include "tests/host/harness.h"

/* Device 3 of bus 2 has these functions; nothing else is there. */
#define BUS 2
#define DEV 3

static struct space {
	u32 id, command, class, header, bar[2];
	u32 bar0_fixed; /* bits of the first base address that cannot be set, and those that read 1 */
	u32 bar0_ones;
} spaces[8];
static u32 address;
static bool sized_while_on;

static unsigned fake_inl(unsigned short port)
{
	const struct space *s = &spaces[address >> 8 & 7];

	CHECK_EQ(port, 0xcfc);
	CHECK_EQ(address & 0xff000003, 0x80000000);
	if ((address >> 16 & 0xff) != BUS || (address >> 11 & 31) != DEV)
		return ~0u;
	switch (address & 0xff) {
	case 0x00:
		return s->id;
	case 0x04:
		return s->command | 0x02900000; /* status */
	case 0x08:
		return s->class;
	case 0x0c:
		return s->header;
	case 0x10:
		return (s->bar[0] & ~s->bar0_fixed) | s->bar0_ones;
	case 0x14:
		return s->bar[1];
	default:
		CHECK(!"a register that nobody needs");
		return 0;
	}
}

static void fake_outl(unsigned short port, unsigned v)
{
	struct space *s = &spaces[address >> 8 & 7];

	if (port == 0xcf8) {
		address = v;
		return;
	}
	CHECK_EQ(port, 0xcfc);
	CHECK_EQ(address & 0xff000003, 0x80000000);
	CHECK_EQ(address >> 16 & 0xff, BUS);
	switch (address & 0xff) {
	case 0x04:
		CHECK_EQ(v >> 16, 0); /* ones would clear status */
		s->command = v;
		break;
	case 0x10:
		sized_while_on |= v == ~0u && (s->command & 3);
		s->bar[0] = v;
		break;
	default:
		CHECK(!"a register that nobody may change");
	}
}

/* What QEMU's pci-serial looks like. */
static struct space *port_card(u32 fn)
{
	memset(spaces, 0xff, sizeof(spaces));
	sized_while_on = false;
	spaces[fn] = (struct space){
		.id = 0x00021b36,
		.command = 0x0103,
		.class = 0x07000201,
		.bar = { 0xc040 },
		.bar0_fixed = 7,
		.bar0_ones = 1,
	};
	return &spaces[fn];
}

static struct space *memory_card(u32 type, u32 low, u32 high)
{
	struct space *s = port_card(0);

	s->bar[0] = low;
	s->bar[1] = high;
	s->bar0_fixed = 0xfff;
	s->bar0_ones = type;
	return s;
}

static struct pci_uart u;

static const char *find(u32 fn)
{
	memset(&u, 0xee, sizeof(u));
	return pci_uart_find(BUS, DEV, (u8)fn, &u);
}

TEST(a_port)
{
	struct space *s = port_card(0);

	s->command = 0x0100;
	CHECK(!find(0));
	CHECK(u.io);
	CHECK_EQ(u.address, 0xc040);
	CHECK_EQ(s->bar[0] & ~7u, 0xc040); /* as it was */
	CHECK_EQ(s->command, 0x0101);      /* it is decoded, now */
	CHECK(!sized_while_on);
}

TEST(sizing_disturbs_nobody)
{
	struct space *s = port_card(0);

	CHECK(!find(0));
	CHECK(!sized_while_on);
	CHECK_EQ(s->command, 0x0103);
}

TEST(memory)
{
	struct space *s = memory_card(0, 0xfebf1000, 0xffffffff);

	s->command = 0;
	CHECK(!find(0));
	CHECK(!u.io);
	CHECK_EQ(u.address, 0xfebf1000);
	CHECK_EQ(s->command, 2);
	memory_card(4, 0xfebf1000, 0x12);
	CHECK(!find(0));
	CHECK_EQ(u.address, 0x12febf1000);
	memory_card(0xc, 0xfebf1000, 0); /* prefetchable */
	CHECK(!find(0));
	CHECK_EQ(u.address, 0xfebf1000);
}

TEST(functions)
{
	port_card(2);
	CHECK(find(2) != NULL); /* no function 0 */
	port_card(0);
	spaces[2] = spaces[0];
	CHECK(find(2) != NULL); /* function 0 answers for all */
	spaces[0].header = 0x00800000;
	CHECK(!find(2));
	CHECK(find(3) != NULL);
	CHECK(pci_uart_find(BUS, DEV + 1, 0, &u) != NULL);
	CHECK(pci_uart_find(BUS + 1, DEV, 0, &u) != NULL);
}

TEST(classes)
{
	static const u32 good[] = { 0x07000001, 0x07000201, 0x07000600, 0x07020000 };
	static const u32 bad[] = { 0x07000700, 0x07010000, 0x07030000,
				   0x07800000, 0x02000000, 0x06040000 };

	for (u32 i = 0; i < ARRAY_LEN(good); i++) {
		port_card(0)->class = good[i];
		CHECK(!find(0));
	}
	for (u32 i = 0; i < ARRAY_LEN(bad); i++) {
		port_card(0)->class = bad[i];
		CHECK(find(0) != NULL);
	}
	port_card(0)->header = 0x00010000; /* a bridge */
	CHECK(find(0) != NULL);
}

TEST(addresses_that_cannot_be)
{
	port_card(0)->bar[0] = 0;
	CHECK(find(0) != NULL);
	port_card(0)->bar[0] = 0x10000;
	CHECK(find(0) != NULL);
	port_card(0)->bar0_fixed = 3; /* four ports */
	CHECK(find(0) != NULL);
	memory_card(0, 0, 0);
	CHECK(find(0) != NULL);
	memory_card(2, 0xfebf1000, 0); /* below 1 MiB, once */
	CHECK(find(0) != NULL);
	memory_card(4, 0xfebf1000, 0x00100000);
	CHECK(find(0) != NULL);
	CHECK_EQ(spaces[0].command, 0x0103); /* left alone */
}
