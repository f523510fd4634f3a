/*
 * Character devices: two byte rings under one lock. Whoever added bytes notifies the other side
 * after the lock was released; so does the host that made room for which the guest waits.
 */
#include "core/chardev.h"

#include "lib/string.h"

static_assert((CHARDEV_RING_SIZE & (CHARDEV_RING_SIZE - 1)) == 0, "indexes run freely");

void chardev_init(struct chardev *c, const char *name)
{
	memset(c, 0, sizeof(*c));
	spin_init(&c->lock, RANK_CHARDEV, "chardev");
	memcpy(c->name, name, strnlen(name, sizeof(c->name) - 1));
}

static size_t ring_used(const struct chardev_ring *r)
{
	return r->head - r->tail;
}

static size_t ring_put(struct chardev_ring *r, const u8 *data, size_t n)
{
	size_t at = r->head % CHARDEV_RING_SIZE, first;

	n = MIN(n, CHARDEV_RING_SIZE - ring_used(r));
	first = MIN(n, CHARDEV_RING_SIZE - at);
	memcpy(r->data + at, data, first);
	memcpy(r->data, data + first, n - first);
	r->head += (u32)n;
	return n;
}

static size_t ring_take(struct chardev_ring *r, u8 *data, size_t n)
{
	size_t at = r->tail % CHARDEV_RING_SIZE, first;

	n = MIN(n, ring_used(r));
	first = MIN(n, CHARDEV_RING_SIZE - at);
	memcpy(data, r->data + at, first);
	memcpy(data + first, r->data, n - first);
	r->tail += (u32)n;
	return n;
}

size_t chardev_host_write(struct chardev *c, const void *data, size_t n)
{
	u64 flags = spin_lock_irq(&c->lock);

	n = ring_put(&c->to_guest, data, n);
	spin_unlock_irq(&c->lock, flags);
	if (n && c->guest_notify)
		c->guest_notify(c->guest_ctx);
	return n;
}

size_t chardev_host_read(struct chardev *c, void *data, size_t n)
{
	u64 flags = spin_lock_irq(&c->lock);
	bool waits;

	n = ring_take(&c->from_guest, data, n);
	waits = n && c->guest_waits;
	if (waits)
		c->guest_waits = false;
	spin_unlock_irq(&c->lock, flags);
	if (waits && c->guest_notify)
		c->guest_notify(c->guest_ctx);
	return n;
}

size_t chardev_guest_write(struct chardev *c, const void *data, size_t n)
{
	u64 flags = spin_lock_irq(&c->lock);
	size_t done = ring_put(&c->from_guest, data, n);

	c->guest_waits |= done < n;
	spin_unlock_irq(&c->lock, flags);
	if (done && c->host_notify)
		c->host_notify(c->host_ctx);
	return done;
}

size_t chardev_guest_read(struct chardev *c, void *data, size_t n)
{
	u64 flags = spin_lock_irq(&c->lock);

	n = ring_take(&c->to_guest, data, n);
	spin_unlock_irq(&c->lock, flags);
	return n;
}

size_t chardev_guest_pending(struct chardev *c)
{
	u64 flags = spin_lock_irq(&c->lock);
	size_t n = ring_used(&c->to_guest);

	spin_unlock_irq(&c->lock, flags);
	return n;
}

size_t chardev_guest_room(struct chardev *c)
{
	u64 flags = spin_lock_irq(&c->lock);
	size_t n = CHARDEV_RING_SIZE - ring_used(&c->from_guest);

	spin_unlock_irq(&c->lock, flags);
	return n;
}
