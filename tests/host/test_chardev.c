/*
 * core/chardev.h: byte rings between a guest's UART and the host console.
 *
 * sources: core/chardev.c lib/string.c arch/lock.c
 */
#include "core/chardev.h"
#include "lib/string.h"
#include "tests/host/harness.h"

struct counter {
	struct chardev *c;
	u32 calls;
	bool held; /* a lock was held during a call */
};

static void count(void *ctx)
{
	struct counter *k = ctx;

	k->calls++;
	k->held |= spin_any_held();
	/* The callee may use the device: this hangs if the lock is still held. */
	chardev_guest_pending(k->c);
}

static struct chardev dev;
static struct counter guest, host;

static void setup(void)
{
	chardev_init(&dev, "com1");
	guest = (struct counter){ .c = &dev };
	host = (struct counter){ .c = &dev };
	dev.guest_notify = count;
	dev.guest_ctx = &guest;
	dev.host_notify = count;
	dev.host_ctx = &host;
}

TEST(both_directions_are_apart)
{
	char buf[16];

	setup();
	CHECK_STR(dev.name, "com1");
	CHECK_EQ(chardev_host_write(&dev, "abc", 3), 3);
	CHECK_EQ(chardev_guest_write(&dev, "wxyz", 4), 4);
	CHECK_EQ(chardev_guest_pending(&dev), 3);
	CHECK_EQ(chardev_guest_room(&dev), CHARDEV_RING_SIZE - 4);
	CHECK_EQ(chardev_guest_read(&dev, buf, 2), 2);
	CHECK(!memcmp(buf, "ab", 2));
	CHECK_EQ(chardev_guest_read(&dev, buf, sizeof(buf)), 1);
	CHECK(buf[0] == 'c');
	CHECK_EQ(chardev_guest_read(&dev, buf, sizeof(buf)), 0);
	CHECK_EQ(chardev_host_read(&dev, buf, sizeof(buf)), 4);
	CHECK(!memcmp(buf, "wxyz", 4));
	CHECK_EQ(chardev_host_read(&dev, buf, sizeof(buf)), 0);
}

TEST(the_other_side_is_notified_when_bytes_came)
{
	char buf[CHARDEV_RING_SIZE];

	setup();
	memset(buf, 'x', sizeof(buf));
	chardev_host_write(&dev, "a", 1);
	CHECK_EQ(guest.calls, 1);
	CHECK_EQ(host.calls, 0);
	chardev_guest_write(&dev, "a", 1);
	CHECK_EQ(guest.calls, 1);
	CHECK_EQ(host.calls, 1);
	chardev_host_write(&dev, "a", 0);
	CHECK_EQ(guest.calls, 1);
	chardev_host_write(&dev, buf, sizeof(buf)); /* all but one fit */
	CHECK_EQ(guest.calls, 2);
	chardev_host_write(&dev, "a", 1); /* full */
	CHECK_EQ(guest.calls, 2);
	chardev_guest_read(&dev, buf, 1);
	chardev_host_read(&dev, buf, 1);
	CHECK_EQ(guest.calls + host.calls, 3);
	CHECK(!guest.held && !host.held);
}

TEST(the_guest_hears_of_room_that_it_had_not_found)
{
	char buf[CHARDEV_RING_SIZE];

	setup();
	memset(buf, 'x', sizeof(buf));
	CHECK_EQ(chardev_guest_write(&dev, buf, sizeof(buf)), sizeof(buf));
	CHECK_EQ(chardev_host_read(&dev, buf, 1), 1);
	CHECK_EQ(guest.calls, 0); /* it did not ask for more */
	CHECK_EQ(chardev_guest_write(&dev, "ab", 2), 1);
	CHECK_EQ(chardev_host_read(&dev, buf, 0), 0);
	CHECK_EQ(guest.calls, 0);
	CHECK_EQ(chardev_host_read(&dev, buf, 1), 1);
	CHECK_EQ(guest.calls, 1);
	CHECK_EQ(chardev_host_read(&dev, buf, 1), 1);
	CHECK_EQ(guest.calls, 1); /* once */
	CHECK(!guest.held);
}

TEST(nobody_listens)
{
	chardev_init(&dev, "x");
	CHECK_EQ(chardev_host_write(&dev, "abc", 3), 3);
	CHECK_EQ(chardev_guest_write(&dev, "abc", 3), 3);
}

TEST(a_full_ring_takes_what_fits)
{
	u8 in[CHARDEV_RING_SIZE + 100], out[CHARDEV_RING_SIZE + 100];

	setup();
	for (u32 i = 0; i < sizeof(in); i++)
		in[i] = (u8)(i * 7 + i / 256);
	CHECK_EQ(chardev_guest_write(&dev, in, 100), 100);
	CHECK_EQ(chardev_guest_write(&dev, in + 100, CHARDEV_RING_SIZE), CHARDEV_RING_SIZE - 100);
	CHECK_EQ(chardev_guest_room(&dev), 0);
	CHECK_EQ(chardev_guest_write(&dev, in, 1), 0);
	CHECK_EQ(chardev_host_read(&dev, out, sizeof(out)), CHARDEV_RING_SIZE);
	CHECK(!memcmp(in, out, CHARDEV_RING_SIZE));
	CHECK_EQ(chardev_guest_room(&dev), CHARDEV_RING_SIZE);
}

/* Reads and writes of odd sizes keep the order across the ring's end and the indexes' overflow. */
TEST(a_stream_survives_wrapping)
{
	u8 buf[300], next_in = 0, next_out = 0;
	u32 seed = 1;
	bool ok = true;

	setup();
	dev.to_guest.head = dev.to_guest.tail = ~0u - 10000; /* about to overflow */
	for (u32 round = 0; round < 5000; round++) {
		size_t n;

		seed = seed * 1103515245 + 12345;
		n = (seed >> 16) % sizeof(buf);
		for (size_t i = 0; i < n; i++)
			buf[i] = (u8)(next_in + i);
		next_in += (u8)chardev_host_write(&dev, buf, n);
		n = chardev_guest_read(&dev, buf, (seed >> 8) % sizeof(buf));
		for (size_t i = 0; i < n; i++)
			ok &= buf[i] == next_out++;
	}
	CHECK(ok);
	CHECK(dev.to_guest.head < ~0u - 10000); /* it did overflow */
}

TEST(a_long_name_is_cut)
{
	chardev_init(&dev, "a-name-that-is-longer-than-the-thirty-two-bytes-there-are");
	CHECK_EQ(strlen(dev.name), sizeof(dev.name) - 1);
}
