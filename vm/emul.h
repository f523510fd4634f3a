/*
 * Emulation of the instructions that access memory which is a device, and of port I/O. docs/emulation.md states
 * the scope; what is outside it stops that VM with the bytes shown.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/types.h"

struct vcpu;
struct vm_exit;

/* EXIT_S2 outside RAM: emulates the instruction at RIP, whose access hit e->s2.gpa. */
void emul_mmio(struct vcpu *v, const struct vm_exit *e);

/* EXIT_PORT: IN, OUT and their string forms. */
void emul_port(struct vcpu *v, const struct vm_exit *e);

/*
 * Length of the instruction at RIP that caused an exit, for CPUs that do not say (no nRIP save).
 * Knows the intercepted instructions with any prefixes. 0: could not be fetched or is something else.
 */
u32 insn_length(struct vcpu *v);

/* The same on bytes: mode is 16, 32 or 64. 0: not one of the known instructions or too short. */
u32 insn_length_bytes(const u8 *bytes, size_t n, u32 mode);
