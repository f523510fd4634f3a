/*
 * The permission maps: which MSRs and ports a guest reaches without an exit (AMD APM vol. 2,
 * "MSR Intercepts" and "IOIO Intercepts"). All others exit.
 */
#include "svm/backend.h"

#include "lib/string.h"
#include "vm/msr.h"
#include "vm/spec.h"

/* The first MSR of each 2 KiB of the map; what is in none always exits. */
static const u32 ranges[] = { 0x00000000, 0xc0000000, 0xc0010000 };

/* Each MSR has two bits: the lower for reads, the upper for writes. */
static void msrpm_pass(u8 *map, const struct msr_pass *p)
{
	for (u32 i = 0; i < ARRAY_LEN(ranges); i++) {
		u32 n = p->index - ranges[i];

		if (n >= MSRPM_RANGE_MSRS)
			continue;
		u8 *byte = &map[i * MSRPM_RANGE_BYTES + n / 4];
		u32 shift = n % 4 * 2;

		if (p->read)
			*byte &= (u8) ~(1u << shift);
		if (p->write)
			*byte &= (u8) ~(2u << shift);
	}
}

void msrpm_init(u8 *map, const struct cpuid_spec *spec, bool own)
{
	struct msr_pass passes[SPEC_PASSES];
	u32 n = spec_passes(spec, own, passes);

	memset(map, 0xff, MSRPM_SIZE);
	for (size_t i = 0; i < msr_pass_count; i++)
		msrpm_pass(map, &msr_pass_list[i]);
	for (u32 i = 0; i < n; i++)
		msrpm_pass(map, &passes[i]);
}

void iopm_init(u8 *map)
{
	memset(map, 0xff, IOPM_SIZE);
}
