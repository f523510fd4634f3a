/*
 * core/slot.h: the byte that says that a trial came up is written where the word asks for it, and nothing else is.
 *
 * sources: core/cmdline.c lib/string.c lib/fmt.c
 */
#include "arch/io.h"
#include "core/log.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "lib/types.h"
#include "tests/host/harness.h"

static unsigned ports[8], values[8], writes;

static void fake_outb(unsigned short port, unsigned char v)
{
	ports[writes % 8] = port;
	values[writes++ % 8] = v;
}

#define outb fake_outb
#include "core/slot.c"

static u32 errors;

void log_printf(enum log_level level, const char *format, ...)
{
	(void)format;
	errors += level == LOG_ERROR;
}

/* How many ports were written to. */
static unsigned confirm(const char *words)
{
	writes = errors = 0;
	cmdline_init(words);
	slot_confirm();
	return writes;
}

TEST(written_where_asked_for)
{
	CHECK_EQ(confirm("console=com1 slot=b confirm=cmos:0x01:0x47 panic=reboot"), 2);
	CHECK_EQ(ports[0], 0x70);
	CHECK_EQ(values[0], 0x01);
	CHECK_EQ(ports[1], 0x71);
	CHECK_EQ(values[1], 0x47);
	CHECK_EQ(confirm("confirm=cmos:127:255"), 2);
	CHECK_EQ(values[0], 127);
	CHECK_EQ(values[1], 255);
	CHECK_EQ(errors, 0);
}

TEST(not_asked_for)
{
	CHECK_EQ(confirm("slot=a"), 0);
	CHECK_EQ(confirm(""), 0);
	CHECK_EQ(errors, 0);
}

TEST(words_that_are_none)
{
	static const char *const words[] = {
		"confirm",
		"confirm=",
		"confirm=cmos",
		"confirm=cmos:",
		"confirm=cmos:0x01",
		"confirm=cmos:1:",
		"confirm=cmos::1",
		"confirm=cmos:1:0",
		"confirm=cmos:1:256",
		"confirm=cmos:x:1",
		"confirm=efi:1:1",
		"confirm=cmos:1:1:1",
		"confirm=cmos:0x100000000000000000:1",
	};

	for (u32 i = 0; i < ARRAY_LEN(words); i++) {
		CHECK_EQ(confirm(words[i]), 0);
		CHECK_EQ(errors, 1);
	}
}

/* The time, the registers that steer the clock, the shutdown byte, what has a checksum, the century. */
TEST(bytes_that_are_others)
{
	static const u8 may[] = { 1, 3, 5, 0x30, 0x31, 0x33, 0x7f };

	for (u32 byte = 0; byte < 0x102; byte++) {
		char word[32];
		bool allowed = byte >= 0x34 && byte <= 0x7f;

		for (u32 i = 0; i < ARRAY_LEN(may); i++)
			allowed |= byte == may[i];
		snprintf(word, sizeof(word), "confirm=cmos:%u:1", byte);
		CHECK_EQ(confirm(word), allowed ? 2 : 0);
	}
}
