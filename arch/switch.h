/*
 * The switch of stack and address space together (switch.asm). Interrupts are off from before the
 * call until the thread switched to turns them on; an NMI in between runs on its own stack, which
 * every address space maps.
 */
#pragma once

#include "lib/types.h"

/*
 * Saves the callee-saved registers on the running stack and its pointer in *save, loads cr3 (0: the
 * address space stays) and goes on with the stack pointer resume that another call saved. Returns
 * when somebody resumes what was saved here.
 */
void switch_stack(u64 *save, u64 resume, u64 cr3);

/* The same onto an empty stack that ends at top (16-byte aligned), calling entry on it. */
void switch_first(u64 *save, u64 top, u64 cr3, void (*entry)(void));
