/*
 * C functions that arch's assembly calls; nobody else does.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct trap_frame;

/*
 * trap.asm, for every vector, on the interrupted stack or an interrupt stack; interrupts off. True: it goes on
 * elsewhere, by the frame.
 */
bool trap_handle(struct trap_frame *f);

/* trampoline.asm, on a started CPU's own stack. */
__noreturn void smp_ap_main(void);

/*
 * shstkstart.asm: sets what this CPU needs before its first shadow stack, and returns the value for
 * IA32_S_CET, 0 where there are no shadow stacks. spacecall.asm: where the visiting shadow stack ends.
 */
u64 shstk_prepare(void);
u64 shstk_visit_top(void);

/* The compiler, where a stack protector's canary was overwritten. */
__noreturn void __stack_chk_fail(void);
