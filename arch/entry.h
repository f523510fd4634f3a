/*
 * C functions that arch's assembly calls; nobody else does.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct trap_frame;

/* trap.asm, for every vector, on the interrupted stack or an interrupt stack; interrupts off. */
void trap_handle(struct trap_frame *f);

/* trampoline.asm, on a started CPU's own stack. */
__noreturn void smp_ap_main(void);

/* The compiler, where a stack protector's canary was overwritten. */
__noreturn void __stack_chk_fail(void);
