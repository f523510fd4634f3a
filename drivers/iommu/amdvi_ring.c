/*
 * The two rings: commands to a unit (2.4), each answered by a number that it writes, and events of it (2.5), which an interrupt
 * tells of and a thread reads. A unit without an interrupt is looked at each second.
 */
#include "core/clock.h"
#include "core/log.h"
#include "core/thread.h"
#include "drivers/iommu/amdvi.h"
#include "drivers/pci/pci.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/page.h"

#define ANSWER_NS   1000000000ull
#define LOOK_NS     1000000000ull
#define ENTRY_SHIFT 4

static struct thread *watcher; /* const once there is a unit */

/* --- commands --------------------------------------------------------------------------------------- */

static void put(struct amdvi_unit *u, struct amdvi_entry e)
{
	u->commands[u->tail] = e;
	u->tail = (u->tail + 1) % AMDVI_RING_LEN;
}

static int wait_answer(struct amdvi_unit *u)
{
	u64 end = 0;

	while (READ_ONCE(*u->status) != u->sequence) {
		end = end ? end : clock_ns() + ANSWER_NS;
		if (clock_ns() < end) {
			cpu_relax();
			continue;
		}
		log_error("iommu: unit %u does not answer, status 0x%llx: given up", u->number,
			  (unsigned long long)amdvi_read(u, AMDVI_STATUS));
		u->dead = true;
		return -ETIMEDOUT;
	}
	return 0;
}

static int ask(struct amdvi_unit *u, struct amdvi_entry e)
{
	int ret = -EIO;

	spin_lock(&u->lock);
	if (!u->dead) {
		put(u, e);
		u->sequence++;
		put(u, (struct amdvi_entry){ AMDVI_OP_WAIT << AMDVI_OP | AMDVI_WAIT_STORE |
						     virt_to_phys((const void *)u->status).v,
					     u->sequence });
		/* The commands are there before the tail says so: stores are in order. */
		barrier();
		amdvi_write(u, AMDVI_COMMAND_TAIL, (u64)u->tail << ENTRY_SHIFT);
		ret = wait_answer(u);
	}
	spin_unlock(&u->lock);
	return ret;
}

int amdvi_forget_device(struct amdvi_unit *u, u16 rid)
{
	return ask(u, (struct amdvi_entry){ AMDVI_OP_DEVICE << AMDVI_OP | rid, 0 });
}

int amdvi_forget_irqs(struct amdvi_unit *u, u16 rid)
{
	return ask(u, (struct amdvi_entry){ AMDVI_OP_IRQS << AMDVI_OP | rid, 0 });
}

int amdvi_forget_pages(struct amdvi_unit *u, u16 id, u64 iova, u64 len)
{
	struct amdvi_entry e = { AMDVI_OP_PAGES << AMDVI_OP | (u64)id << AMDVI_PAGES_DOMAIN, 0 };

	/* One page, or all of the domain with its tables. */
	if (len == PAGE_SIZE)
		e.hi = iova;
	else
		e.hi = AMDVI_PAGES_ALL | AMDVI_PAGES_SIZED | AMDVI_PAGES_TABLES;
	return ask(u, e);
}

/* --- events ----------------------------------------------------------------------------------------- */

static void handle(struct amdvi_unit *u, struct amdvi_entry e)
{
	u16 rid = e.lo & AMDVI_EVENT_RID;
	u32 code = (u32)(e.lo >> AMDVI_OP);

	switch (code) {
	case AMDVI_EVENT_PAGE:
		iommu_stop_device(0, rid, amdvi_block(u, rid),
				  e.lo & AMDVI_EVENT_IRQ   ? "interrupt" :
				  e.lo & AMDVI_EVENT_WRITE ? "write to" :
							     "access to",
				  e.hi & ~(u64)PAGE_MASK, "it may not");
		break;
	case AMDVI_EVENT_DTE:
	case AMDVI_EVENT_REQUEST:
	case AMDVI_EVENT_DTE_HW:
	case AMDVI_EVENT_PAGE_HW:
		iommu_stop_device(0, rid, amdvi_block(u, rid), "access to", e.hi,
				  "the tables, or the request, are wrong");
		break;
	default:
		log_error("iommu: unit %u: event %u, 0x%llx", u->number, code,
			  (unsigned long long)e.hi);
	}
}

/* Copied once; an event's place is free again before it is handled. The unit says how many there are, and is not believed beyond the ring. */
static void look(struct amdvi_unit *u)
{
	u32 tail = (u32)(amdvi_read(u, AMDVI_EVENT_TAIL) >> ENTRY_SHIFT) % AMDVI_RING_LEN;

	amdvi_write(u, AMDVI_STATUS, AMDVI_STATUS_EVENT | AMDVI_STATUS_OVERFLOW);
	while (u->event_head != tail) {
		struct amdvi_entry e = { u->events[u->event_head].lo, u->events[u->event_head].hi };

		u->event_head = (u->event_head + 1) % AMDVI_RING_LEN;
		amdvi_write(u, AMDVI_EVENT_HEAD, (u64)u->event_head << ENTRY_SHIFT);
		handle(u, e);
	}
}

static void watch(void *arg)
{
	(void)arg;
	for (;;) {
		bool poll = false;

		for (u32 i = 0; i < amdvi_unit_count; i++) {
			look(amdvi_units[i]);
			poll |= !amdvi_units[i]->has_irq;
		}
		if (poll)
			thread_block_until(clock_ns() + LOOK_NS);
		else
			thread_block();
	}
}

static void event_interrupt(void *arg)
{
	(void)arg;
	thread_wake(watcher);
}

int amdvi_rings_start(struct amdvi_unit *u)
{
	u->commands = page_alloc(0);
	u->events = page_alloc(0);
	u->status = page_alloc(0);
	if (!u->commands || !u->events || !u->status)
		return -ENOMEM;
	amdvi_write(u, AMDVI_COMMANDS, virt_to_phys(u->commands).v | AMDVI_RING_4K);
	amdvi_write(u, AMDVI_COMMAND_HEAD, 0);
	amdvi_write(u, AMDVI_COMMAND_TAIL, 0);
	amdvi_write(u, AMDVI_EVENTS, virt_to_phys((const void *)u->events).v | AMDVI_RING_4K);
	amdvi_write(u, AMDVI_EVENT_HEAD, 0);
	amdvi_write(u, AMDVI_EVENT_TAIL, 0);
	return 0;
}

/* By MSI of the unit as a PCI device. */
static int connect(struct amdvi_unit *u)
{
	int err = u->pci ? pci_msi_alloc(u->pci) : -ENODEV;

	if (!err)
		err = irq_alloc_on(&u->event_irq, 0, event_interrupt, u);
	if (!err)
		err = pci_irq_connect(u->pci, 0, &u->event_irq);
	if (!err)
		err = pci_bus_master(u->pci, true);
	if (!err)
		pci_irq_mask(u->pci, 0, false);
	return err;
}

int amdvi_events_start(struct amdvi_unit *u)
{
	const struct thread_spec spec = {
		.name = "iommu", .fn = watch, .cpu = -1, .detached = true
	};

	if (!watcher) {
		watcher = thread_create(&spec);
		if (!watcher)
			return -ENOMEM;
		thread_start(watcher);
	}
	u->has_irq = !connect(u);
	if (!u->has_irq)
		log_warn("iommu: unit %u has no interrupt: it is looked at each second", u->number);
	return 0;
}
