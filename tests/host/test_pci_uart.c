/*
 * drivers/pci_uart.h: functions of a bus whose configuration space is fake_pci.c's.
 *
 * sources: tests/host/fake_pci.c drivers/pci_uart.c drivers/pci/bar.c drivers/pci/caps.c drivers/pci/device.c
 * sources: drivers/pci/reset.c drivers/pci/group.c drivers/pci/nodedev.c core/hostdev.c lib/fmt.c lib/string.c
 * flags: -include tests/host/fake_irq.h
 */
#include "drivers/pci_uart.h"
#include "tests/host/fake_pci.h"
#include "tests/host/harness.h"

/* Device 3 of bus 2 has these functions; nothing else is there. */
#define BUS 2
#define DEV 3

static struct pci_uart u;

/* What QEMU's pci-serial looks like. */
static struct fake_function *card(u32 fn, u32 class)
{
	fake_pci_start();
	return fake_function(BUS, DEV, fn, 0x1b36, class);
}

static struct fake_function *port_card(u32 fn)
{
	struct fake_function *f = card(fn, 0x070002);

	fake_bar(f, 0, 0xc040, 8, 1);
	return f;
}

static const char *find(u32 fn)
{
	u = (struct pci_uart){ .address = 0xee };
	return pci_uart_find(BUS, DEV, (u8)fn, &u);
}

TEST(a_port)
{
	struct fake_function *f = port_card(0);

	fake_put16(f, PCI_COMMAND, 0x0400);
	CHECK(!find(0));
	CHECK(u.io);
	CHECK_EQ(u.address, 0xc040);
	CHECK_EQ(pci_config_read(f->at, PCI_BAR0, 4), 0xc041); /* as it was */
	CHECK_EQ(fake_get16(f, PCI_COMMAND), 0x0401);          /* it is decoded, now */
	CHECK(!f->sized_while_on);
	fake_put16(f, PCI_COMMAND, 0x0403);
	CHECK(!find(0));
	CHECK(!f->sized_while_on); /* nor where it was decoded before */
	CHECK_EQ(fake_get16(f, PCI_COMMAND), 0x0403);
}

static void check_memory(u64 base, u32 flags)
{
	struct fake_function *f = card(0, 0x070002);

	fake_bar(f, 0, base, 0x1000, flags);
	fake_put16(f, PCI_COMMAND, 0);
	CHECK(!find(0));
	CHECK(!u.io);
	CHECK_EQ(u.address, base);
	CHECK_EQ(fake_get16(f, PCI_COMMAND), 2);
}

TEST(memory)
{
	check_memory(0xfebf1000, 0);
	check_memory(0x12febf1000, 4);
	check_memory(0xfebf1000, 0xc); /* prefetchable */
}

TEST(functions)
{
	struct fake_function *zero;

	port_card(2);
	CHECK(find(2) != NULL); /* no function 0 */
	zero = port_card(0);
	fake_bar(fake_function(BUS, DEV, 2, 0x1b36, 0x070002), 0, 0xc050, 8, 1);
	CHECK(find(2) != NULL); /* function 0 answers for all */
	fake_put8(zero, PCI_HEADER, PCI_HEADER_MULTI_FUNC);
	CHECK(!find(2));
	CHECK(find(3) != NULL);
	CHECK(pci_uart_find(BUS, DEV + 1, 0, &u) != NULL);
	CHECK(pci_uart_find(BUS + 1, DEV, 0, &u) != NULL);
}

TEST(classes)
{
	static const u32 good[] = { 0x070000, 0x070002, 0x070006, 0x070200 };
	static const u32 bad[] = { 0x070007, 0x070100, 0x070300, 0x078000, 0x020000, 0x060400 };

	for (u32 i = 0; i < ARRAY_LEN(good); i++) {
		fake_bar(card(0, good[i]), 0, 0xc040, 8, 1);
		CHECK(!find(0));
	}
	for (u32 i = 0; i < ARRAY_LEN(bad); i++) {
		fake_bar(card(0, bad[i]), 0, 0xc040, 8, 1);
		CHECK(find(0) != NULL);
	}
	fake_put8(port_card(0), PCI_HEADER, PCI_HEADER_BRIDGE);
	CHECK(find(0) != NULL);
}

TEST(addresses_that_cannot_be)
{
	static const struct {
		u64 base, size;
		u32 flags;
	} cases[] = {
		{ 0, 8, 1 },
		{ 0x10000, 8, 1 },
		{ 0xc040, 4, 1 }, /* four ports */
		{ 0, 0x1000, 0 },
		{ 0xfebf1000, 0x1000, 2 }, /* below 1 MiB, once */
		{ 1ull << 46, 0x1000, 4 },
	};

	for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
		struct fake_function *f = card(0, 0x070002);

		fake_bar(f, 0, cases[i].base, cases[i].size, cases[i].flags);
		CHECK(find(0) != NULL);
		CHECK_EQ(fake_get16(f, PCI_COMMAND), 7); /* left alone */
	}
	card(0, 0x070002);
	CHECK(find(0) != NULL); /* nothing at all */
}
