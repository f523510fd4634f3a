/*
 * mgmt/hotkey.h: which keys reach the guest, and which ones are for the shell.
 *
 * sources: mgmt/hotkey.c lib/string.c
 */
#include "mgmt/hotkey.h"

#include <string.h>

#include "tests/host/harness.h"
#include "tests/host/rand.h"

#define SECOND 1000000000ULL

static struct hotkey h;
static char guest[64];
static size_t got;
static u64 now;
static enum hotkey_event event;

static void start(void)
{
	memset(&h, 0, sizeof(h));
	got = 0;
	now = SECOND;
}

static void key(u8 byte)
{
	u8 out[HOTKEY_OUT_MAX];
	size_t n;

	event = hotkey_byte(&h, byte, now, out, &n);
	memcpy(guest + got, out, n);
	got += n;
	guest[got] = '\0';
}

static void wait(u64 ns)
{
	u8 out[HOTKEY_OUT_MAX];
	size_t n;

	now += ns;
	n = hotkey_expired(&h, now, out);
	memcpy(guest + got, out, n);
	got += n;
	guest[got] = '\0';
}

TEST(other_keys_go_to_the_guest)
{
	start();
	key('a');
	CHECK_EQ(event, HOTKEY_NONE);
	key('\r');
	key(0x03);
	key(0x02);
	CHECK_STR(guest, "a\r\x03\x02");
	CHECK_EQ(hotkey_deadline(&h), ~0ULL);
}

TEST(bracket_leaves)
{
	start();
	key('a');
	key(0x1d);
	CHECK_EQ(event, HOTKEY_LEAVE);
	CHECK_STR(guest, "a");
	key(0x01);
	key(0x1d);
	CHECK_EQ(event, HOTKEY_LEAVE);
	CHECK_STR(guest, "a\x01");
}

TEST(three_go_on)
{
	start();
	key(0x01);
	CHECK_EQ(event, HOTKEY_NONE);
	now += SECOND / 3;
	key(0x01);
	CHECK_EQ(event, HOTKEY_NONE);
	now += SECOND / 3;
	key(0x01);
	CHECK_EQ(event, HOTKEY_NEXT);
	CHECK_EQ(got, 0); /* the guest sees none of them */
	key(0x01);
	CHECK_EQ(event, HOTKEY_NONE);
}

TEST(one_or_two_reach_the_guest_with_what_follows)
{
	start();
	key(0x01);
	CHECK_EQ(got, 0);
	key('d');
	CHECK_STR(guest, "\x01"
			 "d");
	key(0x01);
	key(0x01);
	key('x');
	CHECK_STR(guest, "\x01"
			 "d\x01\x01x");
	key(0x01);
	CHECK_EQ(event, HOTKEY_NONE);
}

TEST(they_reach_the_guest_after_a_while)
{
	start();
	key(0x01);
	CHECK_EQ(hotkey_deadline(&h), now + HOTKEY_HOLD_NS);
	wait(HOTKEY_HOLD_NS - 1);
	CHECK_EQ(got, 0);
	wait(1);
	CHECK_STR(guest, "\x01");
	CHECK_EQ(hotkey_deadline(&h), ~0ULL);
	/* The next ones count from one. */
	key(0x01);
	key(0x01);
	CHECK_EQ(event, HOTKEY_NONE);
	now += HOTKEY_HOLD_NS;
	key(0x01); /* nobody called hotkey_expired(), but the time was over */
	CHECK_EQ(event, HOTKEY_NONE);
	CHECK_STR(guest, "\x01\x01\x01");
}

/* No byte is lost or made: all that was typed reaches the guest or is kept, but for threes. */
TEST(nothing_is_lost)
{
	u64 typed = 0, reached = 0, threes = 0;

	start();
	for (u32 i = 0; i < 10000; i++) {
		u64 r = rand_u64();

		got = 0;
		key(r % 3 ? 0x01 : 'x');
		typed++;
		if (r / 3 % 7 == 0)
			wait(HOTKEY_HOLD_NS);
		reached += got;
		threes += event == HOTKEY_NEXT;
		CHECK_EQ(typed, reached + h.held + HOTKEY_COUNT * threes);
	}
	CHECK(threes > 100);
}
