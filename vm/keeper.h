/*
 * The keeper: the thread that takes back a VM's memory and threads when its guest has ended, and starts it
 * again where that is wanted. What vm/vm.c, vm/pause.c, vm/keeper.c and vm/build.c share.
 */
#pragma once

#include "vm/vm.h"

/* Makes it look at all VMs. Any context; also before vm_init(). */
void keeper_wake(void);

/* From a vCPU's thread, last of all: nothing but its stack is in use any more. */
void vm_thread_ended(struct vm *vm);

/* With the VM's lock held. vm/vm.c */
void vm_set_state(struct vm *vm, enum vm_state state);
/* To all vCPUs. The same. */
void vm_request_all(struct vm *vm, u32 requests);
