/*
 * Help for self-tests with bare guests, which are flat images of the boot set.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct vcpu_port;
struct vm;

/* A VM that boots image: one vCPU, 32 MiB, one serial port. NULL: no memory. Not started. */
struct vm *flat_vm(const char *name, const char *image);
/* The same with more vCPUs. */
struct vm *flat_vm_smp(const char *name, const char *image, u32 vcpus);

/* Until the VM has ended; -ETIMEDOUT after 20 s, its exits are then in the log. */
int flat_wait(struct vm *vm) __must_check;

/* Until it runs: what it boots is loaded. -ENODEV: it ended; -ETIMEDOUT. */
int flat_running(struct vm *vm) __must_check;

/* Until the guest has written text, 63 characters at most, to its serial port. -ETIMEDOUT. */
int flat_expect(struct vm *vm, const char *text) __must_check;

/*
 * Of a vCPU on another CPU: 0 where it is not in guest mode; else a number that changes when it comes back after
 * an exit.
 */
u64 flat_stay(const struct vcpu_port *port);

/* Until it has switched itself off: all that it wrote, 63 characters at most, must be text. */
int flat_said(struct vm *vm, const char *text) __must_check;

/* Runs image till it switches itself off: all that it wrote, 63 characters at most, must be text. */
int flat_passes(const char *name, const char *image, const char *text) __must_check;

/* Stops it and takes it off the list. */
int flat_end(struct vm *vm) __must_check;
