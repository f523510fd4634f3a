/*
 * The page at which guests see their APIC in xAPIC mode, where VT-x virtualizes accesses to it. Nothing ever reads or
 * writes it: what the hardware does not do for the guest exits.
 */
#pragma once

#include "lib/compiler.h"

struct vcpu;
struct vm;

/* A page in the VM's heap and its second stage. -ENOMEM: what was made goes by vmx_apicpage_destroy(). */
int vmx_apicpage_create(struct vm *vm) __must_check;
void vmx_apicpage_destroy(struct vm *vm);

/*
 * IA32_APIC_BASE may have changed. The page is there while all vCPUs are in xAPIC mode: another would find memory
 * there, where a machine has nothing (SDM vol. 3, "x2APIC Register Address Space"). While it is not, accesses exit. On
 * v's thread, interrupts on, no lock held.
 */
void vmx_apicpage_follow(struct vcpu *v);
