/*
 * Exceptions and interrupts of the host itself.
 */
#pragma once

#include "lib/types.h"

enum trap_vector {
	TRAP_DE = 0,
	TRAP_DB = 1,
	TRAP_NMI = 2,
	TRAP_BP = 3,
	TRAP_OF = 4,
	TRAP_BR = 5,
	TRAP_UD = 6,
	TRAP_NM = 7,
	TRAP_DF = 8,
	TRAP_TS = 10,
	TRAP_NP = 11,
	TRAP_SS = 12,
	TRAP_GP = 13,
	TRAP_PF = 14,
	TRAP_MF = 16,
	TRAP_AC = 17,
	TRAP_MC = 18,
	TRAP_XM = 19,
	TRAP_CP = 21,
};

/* What trap.asm pushes, lowest address first. */
struct trap_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8;
	u64 rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};
static_assert(sizeof(struct trap_frame) == 22 * 8, "trap.asm pushes 22 words");

/* Loads GDT, TSS, IDT on this CPU; stacks for NMI, #DF and #MC must be in the per-CPU area. */
void trap_init_cpu(void);

/* Handlers registered downward by core: external vectors, and the reschedule point on return. */
struct trap_hooks {
	void (*external)(u8 vector);
	void (*irq_return)(void); /* interrupts off, frame still on the thread's stack */
	void (*nmi)(struct trap_frame *f);
	void (*machine_check)(struct trap_frame *f); /* on a stack of its own, amid anything */
	void (*fatal)(struct trap_frame *f);         /* does not return */
};
void trap_set_hooks(const struct trap_hooks *hooks);
