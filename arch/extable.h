/*
 * The exception table: instructions that may fault, and where to go on if they do. An entry is two
 * 64-bit addresses in the section .extable: the instruction, and its fix-up. A #UD, #SS, #GP, #PF or
 * #AC at a listed instruction resumes at the fix-up, registers and flags (AC) as they were.
 *
 * In assembly: section .extable rodata align=8 / dq fault_ip, fixup_ip
 */
#pragma once

#include "lib/types.h"

/* For inline assembly: EXTABLE("1b", "2f") lists the local label 1 with its fix-up 2. */
#define EXTABLE(fault, fixup)                                                                      \
	".pushsection .extable, \"a\"\n\t.balign 8\n\t.quad " fault ", " fixup "\n\t.popsection\n\t"

/* The fix-up address for a fault at rip, or 0. Any context. */
u64 extable_find(u64 rip);
