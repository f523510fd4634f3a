/*
 * Accesses to the I/O bus by a vCPU: the short way, for the exit path. Polling and handlers repeat their accesses,
 * so the range of the last one is tried first.
 */
#pragma once

#include "vm/iobus.h"
#include "vm/vcpu.h"
#include "vm/vdev.h"

/* By size in bytes (1, 2, 4 or 8): all ones. */
extern const u64 iobus_ones[9];

/* A range is as long as the device decodes: what reaches beyond its end is nobody's. addr is below 2^52. */
static __always_inline bool io_range_holds(const struct io_range *r, u64 addr, u64 size)
{
	return addr >= r->base && addr + size <= r->end;
}

/* r holds all of it. */
static __always_inline int io_range_access(const struct io_range *r, u64 addr, struct io_access *a)
{
	int err;

	a->offset = addr - r->base;
	a->value &= iobus_ones[a->size];
	spin_lock_inline(&r->dev->lock);
	err = r->handler(r->dev, r->bank, a);
	spin_unlock_inline(&r->dev->lock);
	if (unlikely(err) && !a->write)
		a->value = ~0ULL;
	a->value &= iobus_ones[a->size];
	return err;
}

/* As vcpu_io(), wherever the last access went. */
int vcpu_io_other(struct vcpu *v, enum io_space space, u64 addr);

/* iobus_access() for v->io, of which size, value and direction are set. */
static __always_inline int vcpu_io(struct vcpu *v, enum io_space space, u64 addr)
{
	const struct io_range *r = v->io_last[space];

	if (unlikely(!r) || unlikely(!io_range_holds(r, addr, v->io.size)))
		return vcpu_io_other(v, space, addr);
	return io_range_access(r, addr, &v->io);
}
