/*
 * drivers/console_word.h: the command line's `console=` word.
 *
 * sources: drivers/console_word.c lib/string.c
 */
#include "drivers/console_word.h"
#include "lib/string.h"
#include "tests/host/harness.h"

static struct console_choices c;

TEST(one_port)
{
	static const char *const names[] = { "com1", "com2", "com3", "com4" };

	for (u32 i = 0; i < ARRAY_LEN(names); i++) {
		CHECK(!console_word_parse(names[i], &c));
		CHECK_EQ(c.count, 1);
		CHECK_EQ(c.list[0].com, i + 1);
		CHECK_EQ(c.list[0].baud, 0);
		CHECK(!c.list[0].flow && !c.list[0].poll);
	}
}

TEST(none)
{
	CHECK(!console_word_parse("none", &c));
	CHECK_EQ(c.count, 0);
}

TEST(options_belong_to_the_port_before)
{
	CHECK(!console_word_parse("com1,9600,flow,com3,poll,com2,flow,115200,poll", &c));
	CHECK_EQ(c.count, 3);
	CHECK_EQ(c.list[0].com, 1);
	CHECK_EQ(c.list[0].baud, 9600);
	CHECK(c.list[0].flow && !c.list[0].poll);
	CHECK_EQ(c.list[1].com, 3);
	CHECK_EQ(c.list[1].baud, 0);
	CHECK(!c.list[1].flow && c.list[1].poll);
	CHECK_EQ(c.list[2].com, 2);
	CHECK_EQ(c.list[2].baud, 115200);
	CHECK(c.list[2].flow && c.list[2].poll);
}

TEST(what_is_refused)
{
	static const char *const words[] = {
		"",
		",",
		"com1,",
		",com1",
		"com1,,com2",
		"com0",
		"com5",
		"com",
		"com11",
		"COM1",
		"9600",
		"flow",
		"com1,9601",
		"com1,0",
		"com1,230400",
		"com1,-1",
		"com1,9600 ",
		"com1,com1",
		"com1,none",
		"none,com1",
		"com1,pol",
		"com1,flow=1",
		"com1,12e2",
		"com1,9600,1200",
		"com1,96000000000000000000000",
		"com1,flowflowflowflowflowflowflowflowflow",
	};

	for (u32 i = 0; i < ARRAY_LEN(words); i++) {
		if (!console_word_parse(words[i], &c))
			CHECK_STR(words[i], "(refused)");
	}
}

TEST(automatic)
{
	CHECK(!console_word_parse("auto", &c));
	CHECK(c.automatic);
	CHECK_EQ(c.count, 0);
	CHECK(!console_word_parse("com1", &c));
	CHECK(!c.automatic);
}

TEST(registers_in_memory)
{
	CHECK(!console_word_parse("mmio,0xfe001000,com2,mmio,0x123456789000,4,57600,flow", &c));
	CHECK_EQ(c.count, 3);
	CHECK_EQ(c.list[0].kind, CONSOLE_MMIO);
	CHECK_EQ(c.list[0].address, 0xfe001000);
	CHECK_EQ(c.list[0].stride, 0);
	CHECK_EQ(c.list[0].baud, 0);
	CHECK_EQ(c.list[1].kind, CONSOLE_COM);
	CHECK_EQ(c.list[2].address, 0x123456789000);
	CHECK_EQ(c.list[2].stride, 4);
	CHECK_EQ(c.list[2].baud, 57600);
	CHECK(c.list[2].flow);
	CHECK(!console_word_parse("mmio,0x1000,9600,flow", &c));
	CHECK_EQ(c.list[0].stride, 0);
	CHECK_EQ(c.list[0].baud, 9600);
}

TEST(a_pci_function)
{
	CHECK(!console_word_parse("pci,00:1F.7,9600", &c));
	CHECK_EQ(c.list[0].kind, CONSOLE_PCI);
	CHECK_EQ(c.list[0].bus, 0);
	CHECK_EQ(c.list[0].dev, 31);
	CHECK_EQ(c.list[0].fn, 7);
	CHECK_EQ(c.list[0].baud, 9600);
	CHECK(!console_word_parse("pci,fe:2.0", &c));
	CHECK_EQ(c.list[0].bus, 0xfe);
	CHECK_EQ(c.list[0].dev, 2);
	CHECK_EQ(c.list[0].fn, 0);
}

TEST(places_that_are_none)
{
	static const char *const words[] = {
		"mmio",
		"mmio,",
		"mmio,com1",
		"mmio,flow",
		"mmio,0",
		"mmio,0x",
		"mmio,0xg",
		"mmio,0x10000000000000000",
		"mmio,0x1000,3",
		"mmio,0x1000,16",
		"mmio,0x1000,4,4",
		"mmio,0x1000,9600,4",
		"com1,4",
		"pci",
		"pci,",
		"pci,com1",
		"pci,0",
		"pci,00:00",
		"pci,00:20.0",
		"pci,00:00.8",
		"pci,00:00.0.0",
		"pci,000:00.0",
		"pci,:.",
		"pci,00:00.",
		"pci,0000:00:00.0",
		"pci,0g:00.0",
		"pci,00:00.0,4",
		"mmio,0x1000,mmio",
		"com1,pci",
		"fb,9600",
		"fb,flow",
		"fb,fb",
		"fb,com1,fb",
		"fb1",
		"pci,0@:00.0",
		"com1,com2,com3,com4,fb,mmio,0x1000",
	};

	for (u32 i = 0; i < ARRAY_LEN(words); i++) {
		if (!console_word_parse(words[i], &c))
			CHECK_STR(words[i], "(refused)");
	}
}

TEST(the_screen)
{
	CHECK(!console_word_parse("com1,9600,fb,com2,com3,com4", &c));
	CHECK_EQ(c.count, 5);
	CHECK_EQ(c.list[1].kind, CONSOLE_FB);
	CHECK_EQ(c.list[2].com, 2);
}
