/*
 * Instructions that depend on the CPU are patched once at start, before text is sealed. A place is
 * listed in the section .patch with the bytes that take effect where the feature is present.
 *
 * In assembly: dq address / db feature, length, up to 6 bytes of code; the place holds NOPs.
 */
#pragma once

#include "arch/feature.h"
#include "lib/types.h"

struct patch {
	u64 address;
	u8 feature; /* enum cpu_feature */
	u8 length;
	u8 code[6];
};
static_assert(sizeof(struct patch) == 16, "assembly lists entries of 16 bytes");

/* Applies the table. Once, on the boot CPU, after cpu_features_init(), while text is writable. */
void patch_apply(void);
