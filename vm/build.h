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
extern const struct thread_ops *build_vcpu_thread_ops; /* const after build_init() */
void build_init(void);

/*
 * For struct s2: returns when no vCPU is in guest mode with translations from before; ctx is the struct vm.
 * With no lock held. From a thread of the VM's, or while the VM is known to be there.
 */
void build_kick_all(void *ctx);
