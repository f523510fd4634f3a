/*
 * What is done against speculation: decided once by what the CPU says of itself, and mitigations=. Nothing is
 * done at an exit: docs/mitigations.md says why that is enough, and what is left.
 */
#pragma once

#include "lib/types.h"

enum mitigation {
	MITIGATE_IBPB = BIT(0),      /* to another VM: forget branch targets and returns */
	MITIGATE_L1D = BIT(1),       /* from another thread: empty the L1 data cache */
	MITIGATE_BUFFERS = BIT(2),   /* the same: overwrite fill buffers and the like */
	MITIGATE_IBRS = BIT(3),      /* always on for the host: enhanced IBRS */
	MITIGATE_AUTO_IBRS = BIT(4), /* the same on AMD */
	MITIGATE_SWITCHES = BITS(2, 0),
};

/* Decides. Boot CPU, after microcode and cpu_features_init(). */
void mitigation_init(void);
/* Sets what is always on, on each CPU. */
void mitigation_init_cpu(void);

/* enum mitigation bits; const after mitigation_init(). */
u32 mitigation_actions(void);

/* What SPEC_CTRL, where the CPU has it, holds while the host runs; const after mitigation_init(). */
u64 mitigation_spec_ctrl(void);

/*
 * A vCPU of the VM with that number (vm/vm.h) comes to this CPU after another thread. Interrupts off; its
 * predecessor's state has been saved.
 */
void mitigation_switch(u64 vm);

/* Each kind of attack, and what is done about it here, a line each. */
void mitigation_each(void (*say)(void *ctx, const char *attack, const char *what), void *ctx);
