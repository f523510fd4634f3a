/*
 * AMD's TSC scaling: the register TSC_RATIO of each CPU (AMD APM vol. 2, "TSC Ratio MSR (C000_0104h)"), 8 bits before
 * the point and 32 behind. It counts for guests alone, so that it is left as it is until a vCPU with another ratio comes.
 */
#pragma once

#include "lib/types.h"

struct vm;

#define TSC_RATIO_BITS 32
#define TSC_RATIO_MAX  BITS(39, 0)
#define TSC_RATIO_ONE  BIT(TSC_RATIO_BITS)

/* By svm_caps: what tscscale_hw is to say. Boot CPU, once. */
void tscratio_probe(void);
/* Guests' TSCs on this CPU run as its own. Interrupts off. */
void tscratio_cpu_init(void);
/* A vCPU of vm's is on this CPU. Its thread, which stays here. */
void tscratio_load(const struct vm *vm);
