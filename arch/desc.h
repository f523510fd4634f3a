/*
 * Descriptor tables (Intel SDM vol. 3, "Protected-mode memory management" and "Task management"):
 * each CPU's GDT and TSS, the IDT that all share, and the stacks that NMI, #DF and #MC run on.
 */
#pragma once

#include "lib/types.h"

#define SEL_CODE64 0x08
#define SEL_DATA   0x10
#define SEL_TSS    0x18

/* The interrupt stacks, numbered as in the TSS. */
enum trap_stack { TRAP_STACK_NONE, TRAP_STACK_NMI, TRAP_STACK_DF, TRAP_STACK_MC, TRAP_STACK_COUNT };

/*
 * Gives CPU cpu (its per-CPU area is registered) the stack whose highest address is top; before its
 * trap_init_cpu(), or on itself at any time. The boot CPU has small ones in bss from the start.
 */
void trap_set_stack(u32 cpu, enum trap_stack n, void *top);

/* This CPU's GDT and TSS, for VMX host state: bases and the TSS selector SEL_TSS. */
u64 desc_gdt_base(void);
u64 desc_tss_base(void);
u64 desc_idt_base(void);
