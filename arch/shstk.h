/*
 * Shadow stacks of the host (CET; Intel SDM vol. 1, "Shadow Stacks"): CALL writes the return address to a
 * second stack that no other instruction but WRSS can write to, and RET compares. Each stack of the shared and of a
 * VM's stack area has one in the same slot (mm/stack.c); stacks of the time before a CPU's own have none.
 *
 * A shadow stack that nobody runs on ends in a restore token, whose address is kept on the stack that it
 * belongs to (switch.asm, spacecall.asm). Interrupt stacks' have a supervisor token, for the CPU to find.
 */
#pragma once

#include "arch/desc.h"
#include "lib/compiler.h"
#include "lib/types.h"

/*
 * A stack ends where its slot ends, and its shadow stack so far from where the slot begins: one word is left at
 * its page's end. That word is an interrupt stack's token; IRET may look for one there on other stacks, too.
 */
#define SHSTK_SLOT 0x10000
#define SHSTK_TOP  0x1ff8

/* Where the shadow stack of the stack that ends at top ends. */
static inline u64 shstk_top(u64 top)
{
	return ((top - 1) & ~(u64)(SHSTK_SLOT - 1)) + SHSTK_TOP;
}

/* CPU cpu's stack for n, and for space_call() with TRAP_STACK_NONE, ends at top. Before it starts. */
void shstk_set(u32 cpu, enum trap_stack n, void *top);

/* Goes on in fn on the stack that ends at top, with its shadow stack where there are any. */
__noreturn void shstk_start(void *top, void (*fn)(void));

/* Whether this CPU uses a shadow stack now. */
bool shstk_on(void);

/* Returns to where it was not called from: -EFAULT where that ended in #CP, 0 where it went through. */
int shstk_probe(void);

/* What may follow a #CP at rip: the address where shstk_probe() goes on, 0 everywhere else. */
u64 shstk_fixup(u64 rip);
