/*
 * Spinlocks with ranks. A CPU takes locks in rising rank only; debug builds (PLINTH_DEBUG) check
 * that and panic with both names. No lock is held across VM entry or a thread switch. Locks from
 * RANK_SLEEPERS on may be wanted by interrupt handlers: they are taken with interrupts off only.
 */
#pragma once

#include "arch/percpu.h"
#include "lib/compiler.h"
#include "lib/types.h"

/* The order in which locks nest, outermost first; docs/locking.md says what each guards. */
enum lock_rank {
	RANK_NONE = 0,
	RANK_VM,       /* the list of VMs */
	RANK_VDEV,     /* a virtual device */
	RANK_VIRQ,     /* virtual IOAPIC and PIC: devices raise lines under their own lock */
	RANK_VTIMER,   /* a VM's device timers: armed under the device's lock */
	RANK_VM_STATE, /* why a VM stops: devices say so under their own lock */
	RANK_CHARDEV,
	RANK_HOSTDEV,      /* the list of the machine's devices */
	RANK_BLKDEVS,      /* the list of block devices */
	RANK_RAMDISK,      /* a RAM disk's pages */
	RANK_ASPACE,       /* an address space's tables and window */
	RANK_IOMMU,        /* an IOMMU's tables: who has what */
	RANK_IOMMU_DOMAIN, /* what one device can reach */
	RANK_HEAP,
	RANK_KMAP,        /* the hypervisor's own page tables */
	RANK_PAGE,        /* granules and page lists: page tables take pages while they change */
	RANK_NVME,        /* one NVMe queue pair: rings and command ids */
	RANK_IOMMU_QUEUE, /* an IOMMU's invalidation queue */
	RANK_THREAD,      /* dead threads and who waits for them */
	RANK_SLEEPERS,    /* vCPUs that a CPU's wake-up vector is for */
	RANK_BLK_FAIR,    /* who may submit to a block device next */
	RANK_BLK,         /* a block device's waiting requests; the block layer's work */
	RANK_DMA,         /* a device's addresses and figures */
	RANK_RUNQ,
	RANK_CORE, /* who has a core: taken with the queue of one of its CPUs locked */
	RANK_TIMER,
	RANK_IRQ,
	RANK_IOAPIC,     /* the I/O APICs' index and data registers */
	RANK_PCI_CONFIG, /* the ports of PCI's configuration space */
	RANK_RANDOM,     /* the pool of random bits */
	RANK_CONSOLE,
	RANK_LOG,
	RANK_COUNT,
};

struct spinlock {
	u32 next, serving; /* ticket lock: taken while they differ */
	u8 rank;           /* enum lock_rank */
	const char *name;
};

#define SPINLOCK_INIT(r, n)                                                                        \
	{                                                                                          \
		.rank = (r), .name = (n)                                                           \
	}

void spin_init(struct spinlock *l, enum lock_rank rank, const char *name);

/* For data that no interrupt handler touches. Preemption stays off while held. */
void spin_lock(struct spinlock *l);
void spin_unlock(struct spinlock *l);

#if defined(PLINTH_DEBUG) || defined(PLINTH_HOST_TEST)
#define spin_lock_inline   spin_lock
#define spin_unlock_inline spin_unlock
#else
/* The same without calls, for the exit path. */
static __always_inline void spin_lock_inline(struct spinlock *l)
{
	u32 ticket;

	percpu_locks_add(1);
	ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
	/*
	 * Waiting is out of the way, and no call, so that callers need no registers that calls preserve. x86 loads
	 * are acquires: pairs with the release in spin_unlock().
	 */
	__asm__ volatile("cmpl %1, %0\n\tjne 1f\n2:\n\t"
			 ".pushsection .text.spin_wait, \"ax\", @progbits\n"
			 "1:\tpause\n\tcmpl %1, %0\n\tjne 1b\n\tjmp 2b\n\t"
			 ".popsection"
			 :
			 : "m"(l->serving), "r"(ticket)
			 : "memory", "cc");
}

static __always_inline void spin_unlock_inline(struct spinlock *l)
{
	/* One instruction, as only the holder writes serving; x86 stores are releases: pairs with spin_lock(). */
	__asm__ volatile("incl %0" : "+m"(l->serving) : : "memory", "cc");
	percpu_locks_add(-1);
}
#endif

/* For data shared with interrupt handlers: also turns interrupts off; returns RFLAGS from before. */
u64 spin_lock_irq(struct spinlock *l);
void spin_unlock_irq(struct spinlock *l, u64 flags);

/*
 * True when this CPU holds any lock (the scheduler asserts it does not before a switch, and
 * preempts nobody who does).
 */
bool spin_any_held(void);
