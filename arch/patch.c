/*
 * Applies the patch table. Text is still writable then, and no other CPU runs.
 */
#include "arch/patch.h"
#include "arch/cpu.h"
#include "lib/string.h"

extern const struct patch patch_start[], patch_end[];

void patch_apply(void)
{
	for (const struct patch *p = patch_start; p < patch_end; p++)
		if (cpu_has(p->feature) && p->length <= sizeof(p->code))
			memcpy((void *)p->address, p->code, p->length);
	/* A serializing instruction before patched code may run (SDM vol. 3, "Self-modifying code"). */
	cpuid(0, 0);
}
