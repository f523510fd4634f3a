/*
 * Bringing up the machine's CPUs: the boot CPU's place, stacks with guard pages, the other CPUs.
 */
#pragma once

#include "lib/compiler.h"

/* Gives the boot CPU stacks with guard pages for NMI, #DF and #MC. After mm_init(). */
void cpus_init_boot(void);

/*
 * Starts the CPUs that `host` names, as many as the word smp= allows. One that does not come up is
 * left out with a line in the log. When all is set up on the boot CPU, interrupts on.
 */
void cpus_start(void);

/* A stack with a guard page below: its highest address. Panics when memory is short at boot. */
void *cpus_stack(void);
