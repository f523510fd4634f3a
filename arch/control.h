/*
 * What the host keeps in a CPU's control registers and in EFER, and the features that it insists on.
 */
#pragma once

#include "lib/types.h"

/* NULL, or the name of what this CPU lacks and Plinth cannot do without. After cpu_features_init(). */
const char *cpu_missing(void);

/*
 * Sets CR0, CR4 and EFER: write protection, no-execute, and SMEP, SMAP, UMIP, PGE, PCIDE,
 * FSGSBASE, XSAVE, CET's indirect branch tracking as the machine has them and cpu.off= leaves them. Each CPU, once, before it
 * runs on page tables with no-execute entries.
 */
void cpu_control_init(void);
