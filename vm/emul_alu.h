/*
 * The arithmetic of emulated instructions, flags included (SDM vol. 1, "Status Flags"). On values alone.
 */
#pragma once

#include "arch/cpu.h"
#include "lib/types.h"

/* As the instruction encoding numbers them. */
enum alu_op { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };

#define ALU_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

/*
 * The result of a op b, operands of size bytes (1, 2, 4 or 8; what is above is ignored), and the six
 * flags, which replace those in *flags; CF goes in for ADC and SBB. AF after AND, OR and XOR, which is
 * undefined, is 0 as CPUs have it.
 */
u64 alu(enum alu_op op, u64 a, u64 b, u32 size, u64 *flags);
