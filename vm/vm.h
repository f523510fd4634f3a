/*
 * A virtual machine. struct vm and its ports lie in the hypervisor's heap and hold no guest
 * secrets: anyone may look at them. Devices, vCPUs and registers lie in the VM's own heap.
 */
#pragma once

#include "arch/lock.h"
#include "core/chardev.h"
#include "core/timer.h"
#include "ept/s2.h"
#include "lib/addr.h"
#include "lib/list.h"
#include "lib/types.h"
#include "mm/page.h"
#include "vm/domain.h"
#include "vm/iobus.h"
#include "vm/irq.h"

struct aspace;
struct heap;
struct hvm_vm;
struct thread;
struct vcpu;
struct vcpu_call;

/* RAM is one stretch from 0, at most up to the PCI hole, and one from 4 GiB up. */
#define GUEST_LOW_RAM_MAX 0xc0000000ULL
#define GUEST_HIGH_RAM    0x100000000ULL

#define VM_MAX_VCPUS   64
#define VM_MAX_SERIALS 4
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
};

/* What other threads and interrupt handlers may touch of a vCPU. */
struct vcpu_port {
	struct vm *vm; /* const */
	u32 index;     /* const */
	u32 requests; /* atomic, enum vcpu_request; set with release before the kick, taken with acquire */
	struct thread *thread;  /* const while the VM exists */
	struct timer timer;     /* wakes the vCPU for its earliest vtimer */
	struct vcpu_call *call; /* atomic: what REQ_CALL asks for */
	struct vcpu *vcpu;      /* an address in the VM's heap: for its own thread only */
	u64 exits[32]; /* by enum exit_kind; written by the vCPU's thread, read by anyone */
};

/* A run of RAM: guest physical, host physical, bytes; granule-sized. */
struct vm_extent {
	gpa_t gpa;
	paddr_t pa;
	u64 len;
};

struct vm {
	struct list node;      /* all VMs; lock: vm_list_lock */
	u32 id;                /* const; from 1 */
	owner_t owner;         /* const */
	struct domain cfg;     /* const once started */
	struct spinlock lock;  /* RANK_VM_STATE: state, stop_reason */
	u8 state;              /* enum vm_state */
	u8 stop_reason;        /* enum stop_reason */
	char stop_text[160];   /* why, for people */
	u32 live_threads;      /* atomic: vCPU threads that have not ended */
	struct aspace *aspace; /* const while started */
	struct heap *heap;     /* the VM's own; same */
	struct s2 s2;
	u64 window_end; /* one past the last gpa that may be RAM */
	u32 extent_count;
	struct vm_extent extents[VM_MAX_EXTENTS];
	u32 vcpu_count;
	struct vcpu_port ports[VM_MAX_VCPUS];
	struct chardev serial[VM_MAX_SERIALS];
	u64 start_ns, paused_ns;
	u64 start_tsc;

	/* In the VM's heap, for its own threads only: */
	struct iobus *bus;
	struct list devices;
	struct hvm_vm *hvm; /* the backend's part */
	struct cpuid_table *cpuid;
	struct vm_irqs *irqs; /* routing: vm/irq.c */
};

/* Starts the thread that cleans up after VMs; on_stop is then called there for each VM that ended. */
int vm_init(void (*on_stop)(struct vm *vm)) __must_check;

/* A VM from cfg, not started. NULL: memory is short. */
struct vm *vm_create(const struct domain *cfg) __must_check;

/*
 * Takes memory, makes the address space and the vCPU threads and lets them run; devices and loaded
 * images are made on vCPU 0's thread. Errors after this point end in vm->stop_text. -EBUSY (runs), -ENOMEM.
 */
int vm_start(struct vm *vm) __must_check;

/* Takes a VM that does not run off the list and frees it. Not from vm_init()'s on_stop. -EBUSY: it runs. */
int vm_undefine(struct vm *vm) __must_check;

/* Ends the VM (or restarts it, as its configuration says); from a vCPU's thread or a device. */
void vm_stop(struct vm *vm, enum stop_reason why, const char *fmt, ...) __printf(3, 4);

/*
 * Raises requests on a vCPU and makes it notice. Any context, while the VM's threads are known to be
 * there: from the VM's own threads, devices and timers.
 */
void vcpu_request(struct vm *vm, u32 index, u32 requests);
/* The same for other threads, whatever state the VM is in. Takes the VM's lock. */
void vm_request(struct vm *vm, u32 index, u32 requests);

/* Walks all VMs under the list's lock. */
int vm_for_each(int (*fn)(struct vm *vm, void *ctx), void *ctx);
struct vm *vm_find(const char *name);
/* VMs that are starting, running or paused. */
u32 vm_active_count(void);
const char *vm_state_name(enum vm_state s);

/* Bytes of RAM below the PCI hole and above 4 GiB. */
u64 vm_low_ram(const struct vm *vm);
u64 vm_high_ram(const struct vm *vm);
