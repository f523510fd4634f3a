/*
 * Traces of vCPUs: what happened to them, as fixed records in a ring for each CPU. Off, an event costs one branch. What
 * is recorded is what management may see: docs/seeing.md.
 */
#pragma once

#include "arch/cpu.h"
#include "lib/atomic.h"
#include "lib/compiler.h"
#include "lib/types.h"
#include "vm/trace_ring.h"
#include "vm/vm.h"

struct vcpu;
struct vm_exit;

enum trace_kind {
	TRACE_EXIT, /* sub: enum exit_kind; a: RIP; b: what was asked for, trace_exit() */
	TRACE_ENTRY,
	TRACE_INJECT, /* sub: vector; a: enum event_kind */
	TRACE_POST,   /* sub: vector; an interrupt is left to the hardware */
	TRACE_KICK,   /* a: requests; it shall leave guest mode */
	TRACE_WAKE,   /* a: requests; it sleeps and shall not */
	TRACE_IN,     /* it has the CPU whose ring this is */
	TRACE_OUT,    /* it has it no longer */
	TRACE_HALT,   /* it sleeps in HLT */
	TRACE_TIMER,  /* sub: 0 its own, 1 the devices'; it has fired */
	TRACE_INIT,
	TRACE_SIPI,  /* sub: vector */
	TRACE_FAULT, /* a: guest physical address; b: enum trace_access */
	TRACE_KINDS,
};
#define TRACE_ALL ((1u << TRACE_KINDS) - 1)

enum trace_access {
	TRACE_WRITE = BIT(0),
	TRACE_FETCH = BIT(1),
	TRACE_WALK = BIT(2),
	TRACE_DELIVERY = BIT(3)
};

/* Their names, by enum trace_kind; ended by NULL. */
extern const char *const trace_kind_names[];

void trace_write(const struct vcpu_port *port, enum trace_kind kind, u8 sub, u64 a, u64 b, u64 tsc);

/* Notes an event now, if that vCPU is traced and that kind wanted. Any context but NMI. */
static __always_inline void trace(const struct vcpu_port *port, enum trace_kind kind, u8 sub, u64 a,
				  u64 b)
{
	if (unlikely(atomic_load_relaxed(&port->trace) & (1u << kind)))
		trace_write(port, kind, sub, a, b, rdtsc());
}

/* The exit that the vCPU has just had, if it is wanted. Its thread, interrupts off. */
void trace_exit(struct vcpu *v, const struct vm_exit *e);

/*
 * Traces these kinds of events of a VM's vCPU, or of all (vcpu TRACE_EVERY), from now on, until trace_stop(), over its ends and
 * starts; its other vCPUs no longer. -ENOMEM. Not from interrupt context.
 */
#define TRACE_EVERY (~0u)
int trace_start(struct vm *vm, u32 vcpu, u32 kinds) __must_check;
void trace_stop(struct vm *vm);

/* Reads all CPUs' rings at once. */
struct trace_reader {
	struct trace_cursor at[MAX_CPUS];
	struct trace_record first[MAX_CPUS]; /* read, not given yet */
	bool has[MAX_CPUS];
};

/* Begins with what comes from now on, or with all that is there. */
void trace_reader_init(struct trace_reader *r, bool from_now);

/* The earliest record that is there, and its CPU; false: there is none now. */
bool trace_read(struct trace_reader *r, struct trace_record *out, u32 *cpu);

/* How many records were overwritten before they were read. */
u64 trace_lost(const struct trace_reader *r);
