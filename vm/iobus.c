/*
 * The I/O bus: one sorted array of claimed ranges for ports and one for memory. Claims come while a
 * VM is made; from then on the arrays are constant, so look-up takes no lock.
 */
#include "vm/iobus.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "vm/vcpu.h"
#include "vm/vdev.h"

/* One past the last address of each space: 64 Ki ports; 52 bits of physical address (SDM vol. 3). */
static const u64 space_end[IO_SPACES] = {
	[IO_PORT] = BIT(16),
	[IO_MEM] = BIT(52),
};

/*
 * The index of the last range whose base is at most addr; 0 also when there is none. Without branches
 * on what is found: they would not be predicted.
 */
static inline u32 search(const struct iobus *bus, enum io_space space, u64 addr)
{
	const u64 *first = bus->bases[space], *at = first;

	for (u32 n = bus->count[space], half; n > 1; n -= half) {
		half = n / 2;
		at = at[half] <= addr ? at + half : at;
	}
	return (u32)(at - first);
}

int iobus_claim(struct iobus *bus, enum io_space space, u64 base, u64 len, struct vdev *dev,
		io_handler handler, u32 bank)
{
	struct io_range *ranges = bus->ranges[space];
	u64 *bases = bus->bases[space];
	u32 n = bus->count[space];

	if (len == 0 || base >= space_end[space] || len > space_end[space] - base)
		return -EINVAL;

	/* Where it goes: behind the last that begins at or below it. */
	u32 at = search(bus, space, base);

	if (n > 0 && ranges[at].base <= base) {
		if (base - ranges[at].base < ranges[at].len)
			return -EEXIST;
		at++;
	}
	if (at < n && ranges[at].base - base < len)
		return -EEXIST;
	if (n == IOBUS_MAX_RANGES)
		return -ENOSPC;
	memmove(&ranges[at + 1], &ranges[at], (n - at) * sizeof(ranges[0]));
	memmove(&bases[at + 1], &bases[at], (n - at) * sizeof(bases[0]));
	bases[at] = base;
	ranges[at] = (struct io_range){
		.base = base,
		.len = len,
		.dev = dev,
		.handler = handler,
		.bank = bank,
	};
	bus->count[space] = n + 1;
	return 0;
}

const struct io_range *iobus_find(const struct iobus *bus, enum io_space space, u64 addr)
{
	const struct io_range *r = &bus->ranges[space][search(bus, space, addr)];

	return addr - r->base < r->len ? r : NULL; /* an empty bus holds zeroes */
}

/* As iobus_find(), trying first where the vCPU's last access went: polling and handlers repeat theirs. */
static __always_inline const struct io_range *find_again(const struct iobus *bus,
							 enum io_space space, u64 addr,
							 struct vcpu *v)
{
	const struct io_range *r = v ? v->io_last[space] : NULL;

	if (r && addr - r->base < r->len)
		return r;
	r = iobus_find(bus, space, addr);
	if (v)
		v->io_last[space] = r;
	return r;
}

int iobus_access(struct iobus *bus, enum io_space space, u64 addr, struct io_access *a)
{
	const struct io_range *r = find_again(bus, space, addr, a->vcpu);
	u64 ones = BITS(8 * a->size - 1, 0);
	int err = -ENODEV;

	/* A range is as long as the device decodes: what reaches beyond its end is nobody's. */
	if (r && a->size <= r->len - (addr - r->base)) {
		a->offset = addr - r->base;
		if (a->write)
			a->value &= ones;
		spin_lock(&r->dev->lock);
		err = r->handler(r->dev, r->bank, a);
		spin_unlock(&r->dev->lock);
	}
	if (!a->write)
		a->value = err ? ones : a->value & ones;
	return err;
}
