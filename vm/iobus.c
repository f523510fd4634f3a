/*
 * The I/O bus: one sorted array of claimed ranges for ports and one for memory. Claims come while a
 * VM is made; from then on the arrays are constant, so look-up takes no lock.
 */
#include "vm/iobus.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "vm/ioaccess.h"
#include "vm/vcpu.h"
#include "vm/vdev.h"
#include "vm/vm.h"

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
		.end = base + len,
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

const u64 iobus_ones[9] = { [1] = 0xff, [2] = 0xffff, [4] = 0xffffffff, [8] = ~0ULL };

static int access_range(const struct io_range *r, u64 addr, struct io_access *a)
{
	if (r && io_range_holds(r, addr, a->size))
		return io_range_access(r, addr, a);
	if (!a->write)
		a->value = iobus_ones[a->size];
	return -ENODEV;
}

int iobus_access(struct iobus *bus, enum io_space space, u64 addr, struct io_access *a)
{
	return access_range(iobus_find(bus, space, addr), addr, a);
}

int vcpu_io_other(struct vcpu *v, enum io_space space, u64 addr)
{
	v->io_last[space] = iobus_find(v->vm->bus, space, addr);
	return access_range(v->io_last[space], addr, &v->io);
}
