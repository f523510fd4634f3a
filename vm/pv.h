/*
 * KVM's paravirtual interface (docs/pv.md): what unmodified Linux uses by itself where CPUID says that it
 * runs on KVM. Areas in guest memory are the guest's to name and to spoil: each is checked when its MSR is
 * written, reached by vm/gmem.h alone, and what cannot be written is not.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct domain;
struct state;
struct vcpu;
struct vm;
struct vm_exit;

/* A vCPU's part; owner: its thread. */
struct vcpu_pv {
	u64 clock, wall, steal, poll; /* MSRs as written */
	u64 waited_ns;                /* of its thread's, as much as the guest was told */
	u64 tsc_ref, ns_ref; /* its clock: ns_ref when its TSC, less TSC_ADJUST, was tsc_ref */
	bool unhalted;       /* it was kicked: the next HLT ends, whatever IF says */
	bool told_preempted; /* the guest sees it as preempted */
};

/* Which features, and hints, a VM so configured is offered: EAX and EDX of their CPUID leaf. 0: none. */
u32 pv_features(const struct domain *cfg);
u32 pv_hints(const struct domain *cfg);

/* Whether index is one of the interface's MSRs; they raise #GP (-EINVAL) where the feature is not offered. */
int pv_rdmsr(struct vcpu *v, u32 index, u64 *value) __must_check;
int pv_wrmsr(struct vcpu *v, u32 index, u64 value) __must_check;

/* EXIT_HYPERCALL. */
void pv_hypercall(struct vcpu *v, const struct vm_exit *e);

/* What power-on and INIT bring: nothing is enabled. The clock goes on. */
static inline void pv_reset(struct vcpu_pv *pv)
{
	*pv = (struct vcpu_pv){ .poll = 1, .tsc_ref = pv->tsc_ref, .ns_ref = pv->ns_ref };
}

/* Saves or loads; after loading the guest's areas are written anew before it runs. */
void pv_state(struct vcpu *v, struct state *s);

/* Shows the guest its clock, where it is switched on. REQ_PV_CLOCK. */
void pv_clock_update(struct vcpu *v);
/* The same, and the other vCPUs do so, too. */
void pv_clock_update_all(struct vcpu *v);
/* Writes the time of day at which the vCPU's clock was 0. */
void pv_clock_show_wall(struct vcpu *v, u64 gpa);
/* ns on the clock, at a reading of the vCPU's TSC. */
u64 pv_clock_ns(const struct vcpu *v, u64 tsc);

/* The vCPU's thread comes to a CPU, or leaves it while it could go on. Interrupts off, in the VM's space. */
void pv_steal_switched_in(struct vcpu *v);
void pv_steal_switched_out(struct vcpu *v);

/* Makes the version of an area odd, and then even; *version is for the second. -EFAULT: it is not there. */
int pv_area_begin(struct vm *vm, u64 gpa, u32 *version) __must_check;
void pv_area_end(struct vm *vm, u64 gpa, u32 version);
