/*
 * The guest's I/O ports and memory-mapped registers. Ports and memory are the same call: an access
 * with an offset, handled or rejected. Ranges are claimed at VM creation; overlap is refused; look-up
 * takes no lock.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct vdev;

enum io_space { IO_PORT, IO_MEM, IO_SPACES };

struct io_access {
	u64 offset; /* from the claimed range's start */
	u64 value;  /* written; or what the handler read, zero-extended */
	u8 size;    /* 1, 2, 4 or 8 bytes */
	bool write;
};

/*
 * Handles one access; called with the device's lock held. 0, or -ENOTSUP: this offset or size is
 * not decoded (reads as all ones, writes vanish).
 */
typedef int (*io_handler)(struct vdev *dev, u32 bank, struct io_access *a);

struct io_range {
	u64 base, len;
	u64 end; /* one past its last address */
	struct vdev *dev;
	io_handler handler;
	u32 bank; /* which of the device's ranges, handed to the handler */
};

#define IOBUS_MAX_RANGES 64

struct iobus {
	u32 count[IO_SPACES];
	u64 bases[IO_SPACES][IOBUS_MAX_RANGES]; /* those of ranges, packed for the search */
	struct io_range ranges[IO_SPACES]
			      [IOBUS_MAX_RANGES]; /* sorted by base; const once the VM runs */
};

/* -EEXIST: overlaps what is claimed; -ENOSPC; -EINVAL: empty, or beyond the space's end. */
int iobus_claim(struct iobus *bus, enum io_space space, u64 base, u64 len, struct vdev *dev,
		io_handler handler, u32 bank) __must_check;

/* The range that holds addr, or NULL. */
const struct io_range *iobus_find(const struct iobus *bus, enum io_space space, u64 addr);

/*
 * Performs an access at addr of a->size bytes, under the device's lock. An access that no range
 * holds wholly, or that its handler rejects, reads all ones and writes nothing: then -ENODEV or
 * -ENOTSUP is returned (for statistics; a is valid).
 */
int iobus_access(struct iobus *bus, enum io_space space, u64 addr, struct io_access *a);
