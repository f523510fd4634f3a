/*
 * Having something done on a vCPU's thread, in the VM's address space: how management reaches what lies in
 * the VM's heap.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct thread;
struct vcpu;
struct vcpu_port;
struct vm;

struct vcpu_call {
	void (*fn)(struct vcpu *v, void *arg);
	void *arg;
	struct thread *caller;
	u32 state; /* atomic, enum in call.c */
};

/*
 * Runs fn(v, arg) on the thread of vCPU index and waits for its end. Not from that thread itself, nor
 * with a lock held. arg must not lie on the caller's stack, if that is in another VM's space.
 * -ENODEV: the VM does not run, or ended first; -EBUSY: another call waits there.
 */
int vcpu_call(struct vm *vm, u32 index, void (*fn)(struct vcpu *v, void *arg), void *arg)
	__must_check;

/* For the run loop: serves the call that waits, or turns it away because the VM ends. */
void vcpu_call_serve(struct vcpu *v);
void vcpu_call_cancel(struct vcpu_port *port);
