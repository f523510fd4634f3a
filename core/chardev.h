/*
 * Character devices: a pair of byte rings between a producer and a consumer that run in different
 * address spaces (a guest's UART on one side, the host console on the other). The rings are the
 * hypervisor's own memory; bytes are copied in and out.
 */
#pragma once

#include "arch/lock.h"
#include "lib/types.h"

#define CHARDEV_RING_SIZE 4096u

struct chardev_ring {
	u32 head, tail; /* free-running; lock: the chardev's */
	u8 data[CHARDEV_RING_SIZE];
};

struct chardev {
	struct spinlock lock;
	char name[32];
	struct chardev_ring to_guest, from_guest;
	bool guest_waits; /* it found no room; lock */
	/*
	 * Called after bytes were added for that side, or room was made that the guest had not found,
	 * without the lock; may be NULL. Any context.
	 */
	void (*guest_notify)(void *ctx);
	void *guest_ctx;
	void (*host_notify)(void *ctx);
	void *host_ctx;
};

void chardev_init(struct chardev *c, const char *name);

/* Each moves up to n bytes and returns how many; none blocks. Any context. */
size_t chardev_host_write(struct chardev *c, const void *data, size_t n);
size_t chardev_host_read(struct chardev *c, void *data, size_t n);
size_t chardev_guest_write(struct chardev *c, const void *data, size_t n);
size_t chardev_guest_read(struct chardev *c, void *data, size_t n);

/* Bytes waiting for the guest, and room for what it writes. */
size_t chardev_guest_pending(struct chardev *c);
size_t chardev_guest_room(struct chardev *c);
