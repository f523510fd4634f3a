/*
 * What drivers/iommu stands on, for the one C file of a test that includes it: it has fake_regs().
 */
#pragma once

#include <setjmp.h>
#include <stdlib.h>

#include "arch/lapic.h"
#include "core/clock.h"
#include "core/dma.h"
#include "core/iommu.h"
#include "core/log.h"
#include "core/thread.h"
#include "drivers/pci/pci.h"
#include "mm/heap.h"
#include "mm/kmap.h"
#include "mm/memmap.h"
#include "tests/host/harness.h"

/* The unit's registers, where they are, and how many bytes. */
void *fake_regs(u64 *at, u64 *size);

static u64 now;
static struct pci_device devices[4];
static u32 device_count, blocked_calls;
static const struct iommu_ops *ops;
static const struct irq_remap_ops *remap_ops;
static enum iommu_mode mode;
static bool x2apic;
static u64 ram_at, reserved_at;
static void (*watch)(void *arg);

u64 clock_ns(void)
{
	return now += 1000000;
}

void *kalloc(size_t size)
{
	return calloc(1, size);
}

void kfree(void *p)
{
	free(p);
}

void *kmap_mmio(paddr_t pa, u64 len)
{
	u64 at, size;
	void *p = fake_regs(&at, &size);

	CHECK(pa.v == at && len <= size);
	return p;
}

void kunmap(const void *p, u64 len)
{
	u64 at, size;

	CHECK(p == fake_regs(&at, &size) && len <= size);
}

bool memmap_has_ram(paddr_t pa, u64 len)
{
	return pa.v <= ram_at && ram_at < pa.v + len;
}

void dma_reserve(struct dma_device *d, u64 start, u64 len)
{
	(void)d;
	(void)len;
	reserved_at = start;
}

struct pci_device *pci_find(struct pci_address at)
{
	for (u32 i = 0; i < device_count; i++) {
		if (devices[i].at.bus == at.bus && devices[i].at.devfn == at.devfn)
			return &devices[i];
	}
	return NULL;
}

int pci_bus_master(struct pci_device *d, bool on)
{
	d->gone = !on; /* as a note */
	return 0;
}

void iommu_register(const struct iommu_ops *o)
{
	ops = o;
}

enum iommu_mode iommu_mode(void)
{
	return mode;
}

bool lapic_uses_x2apic(void)
{
	return x2apic;
}

void irq_set_remap_ops(const struct irq_remap_ops *o)
{
	remap_ops = o;
}

int irq_alloc_on(struct irq *irq, u32 cpu, void (*fn)(void *arg), void *arg)
{
	*irq = (struct irq){ .vector = 0x51, .cpu = cpu, .apic_id = 0x123, .fn = fn, .arg = arg };
	return 0;
}

struct thread *thread_create(const struct thread_spec *spec)
{
	watch = spec->fn;
	return (struct thread *)&now;
}

void thread_start(struct thread *t)
{
	(void)t;
}

static bool woken;

void thread_wake(struct thread *t)
{
	(void)t;
	woken = true;
}

/* Ends the thread, which does not return. */
static jmp_buf blocked_in;

void thread_block(void)
{
	longjmp(blocked_in, 1);
}

static void run_watcher(void)
{
	if (!setjmp(blocked_in))
		watch(NULL);
}

void spin_init(struct spinlock *l, enum lock_rank rank, const char *name)
{
	*l = (struct spinlock){ .rank = (u8)rank, .name = name };
}

static u32 held; /* the rank that is */

void spin_lock(struct spinlock *l)
{
	CHECK(!l->next && l->rank > held);
	l->next = 1;
	held = l->rank;
}

void spin_unlock(struct spinlock *l)
{
	CHECK(l->next);
	l->next = 0;
	held = 0;
}

static char last_log[1]; /* how it began */

void log_limited(struct log_limit *l, enum log_level level, const char *fmt, ...)
{
	(void)l;
	(void)level;
	last_log[0] = fmt[0];
}

static void blocked(struct dma_device *d)
{
	(void)d;
	blocked_calls++;
}
