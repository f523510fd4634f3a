/*
 * VT-x behind vm/apicv.h: virtual-interrupt delivery and posted interrupts. The functions here are for the vCPU's
 * own thread, with its VMCS current, but for vmx_apicv_init().
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct vcpu;
struct vm;

/* Decides what is used, on the boot CPU, once the capabilities are known. Says so in the log. */
void vmx_apicv_init(void);

/*
 * A VM's part, in its heap and its second stage. -ENOMEM: what was made goes by vmx_apicv_vm_destroy().
 */
int vmx_apicv_vm_create(struct vm *vm) __must_check;
void vmx_apicv_vm_destroy(struct vm *vm);

/* The fields that do not depend on the APIC's mode; then what does. */
void vmx_apicv_construct(struct vcpu *v);
/* The APIC's mode or its page have changed: VMX_APIC is pending. */
void vmx_apicv_follow(struct vcpu *v);
/* Which bitmap its mode, and a SPEC_CTRL of its own, ask for. */
void vmx_apicv_msr_bitmap(struct vcpu *v);

/* The vCPU has come onto this CPU; it leaves it. Interrupts off. */
void vmx_apicv_load(struct vcpu *v);
void vmx_apicv_put(struct vcpu *v);
