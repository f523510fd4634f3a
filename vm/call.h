/*
 * Having something done on a vCPU's thread, in the VM's address space: how management reaches what lies in
 * the VM's heap.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct vcpu;
struct vcpu_port;
struct vm;

/*
 * Runs fn(v, arg) on the thread of vCPU index, outside of guest mode and also while it is paused, and waits
 * for its end; several callers get their turns. While the VM starts it waits until that is done. For threads
 * of the hypervisor's, whose stacks are mapped everywhere; with a reference to the VM and no lock held.
 * -ENODEV: the VM is off, or its guest ended first.
 */
int vcpu_call(struct vm *vm, u32 index, void (*fn)(struct vcpu *v, void *arg), void *arg)
	__must_check;

/* For the run loop: serves the calls that wait. */
void vcpu_call_serve(struct vcpu *v);
/* Turns away those that wait and, until the VM's next start, all others. */
void vcpu_call_cancel(struct vcpu_port *port);
