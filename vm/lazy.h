/*
 * State that stays in the CPU across exits, because the hypervisor does not use it: vector
 * registers and XCR0, DR0-3 and DR6, TSC_AUX and, where the backend says so, the SYSCALL MSRs. It is
 * swapped only when another vCPU comes to that CPU, or when the vCPU may leave it: a thread whose state a
 * CPU holds is bound to that CPU (core/thread.h).
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct state;
struct vcpu;

/* Takes the save area from the VM's heap. -ENOMEM. */
int lazy_create(struct vcpu *v) __must_check;

/* The vector registers' state after power-on, in memory; lazy_reload() brings it into the CPU. */
void lazy_reset(struct vcpu *v);

/*
 * v comes onto this CPU, and with it the running thread, its: saves whatever vCPU's state is there, in that
 * one's space, then loads v's.
 */
void lazy_load(struct vcpu *v);

/* Saves the state that this CPU holds, if any; its thread is free to go. In any space; interrupts off. */
void lazy_save(void);

/* The state in the CPU, if v's, is thrown away: v ends here. */
void lazy_drop(struct vcpu *v);

/* Makes memory hold what the CPU holds of v, for saving it or looking at it. On v's thread. */
void lazy_sync(struct vcpu *v);

/* The other way: the CPU takes what memory holds, after loading. On v's thread. */
void lazy_reload(struct vcpu *v);

/* Saves or loads the vector registers' area. What is loaded is checked, so that XRSTOR cannot fault. */
void lazy_vector_state(struct vcpu *v, struct state *s);
