/*
 * What happens on a VM's own threads around the run loop: building devices and vCPUs in the VM's heap,
 * loading what it boots, tearing all down again.
 */
#pragma once

struct thread_ops;
struct vm;

/* The body of a vCPU's thread; arg is its struct vcpu_port. */
void build_vcpu_main(void *arg);

/* Puts a vCPU on and off its CPU around thread switches. */
extern const struct thread_ops build_vcpu_thread_ops;

/* For struct s2: makes every vCPU leave guest mode; ctx is the struct vm. */
void build_kick_all(void *ctx);

/* From a vCPU's thread, last of all. vm/vm.c */
void vm_thread_ended(struct vm *vm);
