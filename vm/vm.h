/*
 * A virtual machine. struct vm and its ports lie in the hypervisor's heap and hold no guest
 * secrets: anyone may look at them. Devices, vCPUs and registers lie in the VM's own heap.
 *
 * struct vm is counted: the list of VMs has a reference, each run of it has one, and so has whoever
 * got it by vm_create(), vm_find() or vm_next(); the last vm_put() frees it. docs/lifecycle.md has the
 * states and who may do what when.
 */
#pragma once

#include "arch/lock.h"
#include "core/chardev.h"
#include "core/log.h"
#include "core/thread.h"
#include "core/timer.h"
#include "ept/s2.h"
#include "lib/addr.h"
#include "lib/list.h"
#include "lib/types.h"
#include "mm/page.h"
#include "vm/cpu_choice.h"
#include "vm/domain.h"
#include "vm/halt.h"
#include "vm/iobus.h"
#include "vm/irq.h"
#include "vm/topology.h"
#include "vm/tscscale.h"

struct aspace;
struct exit_stats;
struct heap;
struct hvm_vm;
struct thread;
struct vcpu;
struct vm;

/* RAM is one stretch from 0, at most up to the PCI hole, and one from 4 GiB up. */
#define GUEST_LOW_RAM_MAX 0xc0000000ULL
#define GUEST_HIGH_RAM    0x100000000ULL

#define VM_MAX_EXTENTS 512

enum vm_state { VM_DEFINED, VM_STARTING, VM_RUNNING, VM_PAUSED, VM_STOPPED, VM_CRASHED };

enum stop_reason {
	STOP_NONE,
	STOP_POWEROFF,  /* the guest switched itself off */
	STOP_DESTROYED, /* from the console */
	STOP_RESET,
	STOP_TRIPLE_FAULT,
	STOP_BAD_STATE,
	STOP_EMULATION, /* an instruction outside the emulator's scope */
	STOP_ERROR,
	STOP_MACHINE_CHECK, /* memory of it has failed */
};

/* What exits that interrupts cost were for. */
enum irq_exit {
	IRQ_EXIT_EOI,
	IRQ_EXIT_TPR,
	IRQ_EXIT_SELF_IPI,
	IRQ_EXIT_IPI,    /* sent to others */
	IRQ_EXIT_WINDOW, /* it can take now what waited */
	IRQ_EXIT_KICK, /* others had it leave guest mode to look for interrupts; atomic: they count */
	IRQ_EXITS,
};

/* Where a vCPU's thread is, for who has something for it: vcpu_request(). */
enum vcpu_where {
	VCPU_OUTSIDE,  /* it runs, or shall: it looks at its requests before it enters or sleeps */
	VCPU_IN_GUEST, /* in guest mode, or so close to it that an interrupt is needed */
	VCPU_SLEEPS,   /* in thread_block(), or about to be: it wants to be woken */
};

/* What other threads and interrupt handlers may touch of a vCPU. */
struct vcpu_port {
	struct vm *vm; /* const */
	u32 index;     /* const */
	u32 requests;  /* atomic, enum vcpu_request; set before where is read, taken with acquire */
	u32 where;     /* atomic, enum vcpu_where; written by its thread */
	u32 trace;     /* atomic: which events of it are recorded, as bits of enum trace_kind */
	bool traced; /* atomic: those are any, in a byte, which the run loop tests by one instruction */
	u32 startup;           /* atomic: what a SIPI finds; vm/startup.c */
	struct thread *thread; /* NULL while the VM is off; lock: the VM's, but for its own threads */
	struct thread_times
		times; /* of the thread that was the last, once it has ended; lock: the VM's */
	u64 halted_ns; /* of what it slept: in HLT, up to the last one's end; its thread's */
	u64 halt_from; /* its slept_ns before the HLT in which it is, plus 1; 0: in none; its thread's */
	u32 halt_seq;             /* atomic: odd while its thread changes both */
	struct timer timer;       /* wakes the vCPU for its earliest vtimer */
	struct list calls;        /* what REQ_CALL asks for: vm/call.c; lock: the VM's */
	bool takes_calls;         /* lock: the VM's */
	struct vcpu *vcpu;        /* an address in the VM's heap: for its own thread only */
	u64 s2_generation;        /* atomic: the second stage's at the last entry */
	struct exit_stats *stats; /* const; counts since the start: vm/exitstat.h */
	u64 irq_exits[IRQ_EXITS]; /* by enum irq_exit; written by its thread, read by anyone */
	u64 injected, nmis;       /* interrupts that software injected; NMIs; the same */
	u64 posted;               /* atomic: interrupts that were left to the hardware */
	u64 away_tsc;             /* the host's TSC when its thread last lost its CPU; its own */
	bool spins;               /* it gave way because it spins; atomic, written by its thread */
	u64 yields_tried, yields_done; /* vm/spin.c; written by its thread, read by anyone */
	struct halt_poll poll;
	u64 kicks, kicks_saved; /* atomic: requests that took an interrupt, and that needed none */
};

/* A run of RAM: guest physical, host physical, bytes; granule-sized. */
struct vm_extent {
	gpa_t gpa;
	paddr_t pa;
	u64 len;
};

/* What becomes of a VM whose guest has ended. */
enum vm_fate {
	FATE_OFF,
	FATE_RESTART,  /* it starts again; a second after its last start at the earliest */
	FATE_PRESERVE, /* off, but its memory stays as it is until vm_destroy() */
};

/* What the owner of a VM is asked and told. On the keeper's thread; the VM is not freed meanwhile. */
struct vm_hooks {
	/*
	 * The guest has ended, and nothing of it runs any more: stop_reason and stop_text say why. Called
	 * before the end is logged. Not for a VM that waits to start again.
	 */
	enum vm_fate (*ended)(struct vm *vm);
	/* It is off: once for each vm_start() that gave 0, whatever restarts were between. */
	void (*off)(struct vm *vm);
	/* It holds no memory any more: after off(), or when a preserved one was destroyed. */
	void (*gone)(struct vm *vm);
};

struct vm {
	struct list node; /* all VMs; lock: vm_list_lock */
	u64 number;       /* const; in the order of making, never used again */
	u32 id;           /* const; from 1; the lowest that is free */
	u32 refs;         /* atomic */
	owner_t owner;    /* const */
	const struct vm_hooks
		*hooks; /* atomic, const once set; NULL: it stays off when its guest ends */
	struct domain
		cfg; /* const, but for what vm_pin() and vm_set_sched() change; lock for these */
	struct spinlock lock; /* RANK_VM_STATE: what says so */
	u8 state;             /* enum vm_state; written with the lock held */
	u8 stop_reason;       /* enum stop_reason; lock */
	bool destroyed;       /* this run's end is final; lock */
	bool reset; /* vm_reset(): this end is followed by a start, whatever is configured; lock */
	bool undefined;        /* off the list: never starts again; lock */
	bool preserved;        /* off, but its memory is still there; lock */
	u32 pause;             /* atomic: it shall not run; written with the lock held */
	u32 reboot;            /* atomic: for the owner: the next power-off is to be a reboot */
	u64 restart_ns;        /* it waits to start again until then; 0: it does not; lock */
	char stop_text[160];   /* why, for people */
	u32 live_threads;      /* atomic: vCPU threads that have not ended */
	struct aspace *aspace; /* const while started */
	struct heap *heap;     /* the VM's own; same */
	struct s2 s2;
	struct cpuset
		near; /* the CPUs of the nodes that its memory is of, or none; const while started */
	u64 window_end; /* one past the last gpa that may be RAM */
	u32 extent_count;
	struct vm_extent extents[VM_MAX_EXTENTS];
	struct topology topology; /* const */
	struct vm_cpu cpu;        /* of this run; const while started */
	u32 vcpu_count;
	struct vcpu_port ports[VM_MAX_VCPUS];
	struct thread_group threads; /* have the VM's share together */
	u32 yielded_to;              /* atomic: the vCPU; vm/spin.c */
	struct chardev serial[VM_MAX_SERIALS];
	struct log_limit log; /* of lines that the guest causes */
	u64 start_ns;         /* of this run; keeper */
	u32 rounds, arrived;  /* of its threads' meetings: vm/build.c; lock */
	bool unbuilt;         /* a part of it could not be made; lock */

	/* Its time: vm/vtimer.c. Written with the lock held. */
	u8 frozen;                /* atomic: it stands still, at frozen_ns */
	u64 frozen_ns, time_base; /* clock_ns() less time_base is the VM's time */
	struct tscscale tsc;      /* how fast its TSCs run; const while any of its vCPUs runs */
	u64 tsc_base;             /* the host's TSC where the guest's began at 0 */
	u64 pause_tsc;            /* the host's TSC when the time was frozen */
	u64 paused_tsc;           /* how long it was frozen, before that, in the guest's ticks */
	u32 paused_vcpus;         /* those in stay_paused() */

	/* In the VM's heap, for its own threads only: */
	struct iobus *bus;
	struct list devices;
	struct spinlock timer_lock; /* RANK_VTIMER */
	struct list dev_timers;     /* armed timers of devices, by deadline; timer_lock */
	struct timer dev_timer;     /* wakes vCPU 0 for the earliest; armed with timer_lock held */
	struct hvm_vm *hvm;         /* the backend's part */
	struct cpuid_table *cpuid;
	struct vm_irqs *irqs; /* routing: vm/irq.c */
	/* atomic, vdev/irqline.h: the HPET has PIT's and RTC's lines, and what these want of them */
	u8 legacy_replaced, legacy_levels[2];
	bool clocks_shown; /* a vCPU has, or had, its clock in guest memory: vm/pv.h */
};

/* Starts the keeper, the thread that cleans up after VMs and starts them again. -ENOMEM. */
int vm_init(void) __must_check;

/*
 * A VM from cfg, not started; *out is a reference of the caller's, who may set its hooks before the first
 * start. -EEXIST: a VM has the name or (where it is not all zero) the UUID; -ENOMEM.
 */
int vm_create(const struct domain *cfg, struct vm **out) __must_check;

/* Takes a VM that is off off the list and gives back the list's reference. -EBUSY; -ENOENT: twice. */
int vm_undefine(struct vm *vm) __must_check;

/* References. The last vm_put() frees the VM; not from interrupt context. */
void vm_get(struct vm *vm);
void vm_put(struct vm *vm);

/*
 * The next VM after prev in the order of making, or the first; a reference, while prev's (if not NULL)
 * is given back. NULL: there is none. So a loop may stop anywhere by vm_put().
 */
struct vm *vm_next(struct vm *prev) __must_check;
/* A reference, or NULL. */
struct vm *vm_find(const char *name) __must_check;

/*
 * Takes memory, makes the address space and the vCPU threads and lets them run; devices and loaded
 * images are made on vCPU 0's thread. Errors after this point end in vm->stop_text. -EBUSY: it runs, waits
 * to start again or is preserved; -ENOENT: undefined; -ENODEV: no VT-x or AMD-V; -ENOMEM, and -EINVAL for
 * its configuration: see stop_text.
 */
int vm_start(struct vm *vm) __must_check;

/*
 * The guest's time stands still from the return of vm_pause() to vm_resume(), for all vCPUs alike: none is in
 * guest mode. vm/pause.c. While a VM starts it waits until that is done. -ENODEV: it is off, or ended before it was paused; -EALREADY.
 */
int vm_pause(struct vm *vm) __must_check;
int vm_resume(struct vm *vm) __must_check;

/* Presses the power button. -ENODEV: it is off; -ENOTSUP: it has none (no ACPI). */
int vm_shutdown(struct vm *vm) __must_check;

/* Ends the guest and starts it anew, as by the reset button. -ENODEV: it is off. */
int vm_reset(struct vm *vm) __must_check;

/*
 * Ends the guest at once and for good, also one that waits to start again; a preserved one's memory
 * goes. Does not wait for the end. -ENODEV: it is off.
 */
int vm_destroy(struct vm *vm) __must_check;

/* Ends the guest (then its hooks decide); from a vCPU's thread or a device. The first reason counts. */
void vm_stop(struct vm *vm, enum stop_reason why, const char *fmt, ...) __printf(3, 4);

/*
 * Raises requests on a vCPU and makes it notice: by an interrupt where it is in guest mode on another CPU, by
 * waking it where it sleeps; else it looks by itself. Any context, while the VM's threads are known to be
 * there: from the VM's own threads, devices and timers.
 */
void vcpu_request(struct vm *vm, u32 index, u32 requests);
/* The same for other threads, whatever state the VM is in. Takes the VM's lock. */
void vm_request(struct vm *vm, u32 index, u32 requests);

/* ns that the vCPU's thread has run since the VM's last start, also after its end. index < vcpu_count. */
u64 vm_cpu_time(struct vm *vm, u32 index);

/* The same for all of its time. halted: what it slept in HLT; other: paused, waiting for a SIPI, being made. */
struct vcpu_times {
	u64 run, waited, halted, other;
	bool halts; /* it is in HLT now */
};
void vm_cpu_times(struct vm *vm, u32 index, struct vcpu_times *out);

/* True while the VM starts, runs, is paused or waits to start again. */
bool vm_active(const struct vm *vm);
const char *vm_state_name(enum vm_state s);

/* Bytes of RAM below the PCI hole and above 4 GiB. */
u64 vm_low_ram(const struct vm *vm);
u64 vm_high_ram(const struct vm *vm);
