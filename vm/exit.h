/*
 * What each kind of exit means: one handler a kind.
 */
#pragma once

struct vcpu;
struct vm_exit;

/* By enum exit_kind: each serves one exit, on v's thread, interrupts on. */
extern void (*const exit_handlers[])(struct vcpu *v, const struct vm_exit *e);
