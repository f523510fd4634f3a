/*
 * IPI virtualization (Intel SDM vol. 3, "IPI Virtualization"): the CPU posts an IPI of the guest's by itself, to the
 * vCPU that the PID-pointer table names. What software has to add: the table, and a vector that wakes threads, since
 * nobody else hears of a post to a vCPU that sleeps. docs/apicv.md.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct vcpu;
struct vm;

/* The wake-up vector and each CPU's list. Boot CPU, once, where it is used. */
void vmx_ipiv_init(void);

/* A VM's table and its vCPUs' places on the lists, struct hvm_vm.ipiv. -ENOMEM. */
int vmx_ipiv_vm_create(struct vm *vm) __must_check;
/* No vCPU enters any more. */
void vmx_ipiv_vm_destroy(struct vm *vm);

/* The rest for VMs that have struct hvm_vm.ipiv. The fields of the current VMCS that never change. */
void vmx_ipiv_construct(const struct vcpu *v);

/*
 * Whether the hardware may post to v: while not, IPIs to it exit, and software decides what comes of them. On v's
 * thread, any time.
 */
void vmx_ipiv_follow(const struct vcpu *v, bool on);

/*
 * The notification that reaches v now: what its guest takes by itself, or, asleep, what wakes it, on this CPU.
 * On v's thread, interrupts off.
 */
u8 vmx_ipiv_notification(const struct vcpu *v, bool asleep);
