/*
 * The vCPUs' side of vm_pause() and vm_resume() (vm/vm.h).
 */
#pragma once

struct vcpu;

/* v's thread, outside of guest mode, waits from now on, or goes on. For the run loop; takes the VM's lock. */
void pause_enter(struct vcpu *v);
void pause_leave(struct vcpu *v);
