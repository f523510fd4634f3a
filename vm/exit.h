/*
 * What each kind of exit means: one handler a kind.
 */
#pragma once

struct vcpu;
struct vm_exit;

/* Serves one exit. On v's thread, interrupts on. */
void exit_handle(struct vcpu *v, const struct vm_exit *e);
