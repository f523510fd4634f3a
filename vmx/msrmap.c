/*
 * The MSR bitmap: which RDMSR and WRMSR run without an exit. By default none does.
 */
#include "lib/string.h"
#include "mm/heap.h"
#include "vm/cpuid.h"
#include "vm/msr.h"
#include "vm/spec.h"
#include "vm/vm.h"
#include "vmx/guest.h"

/* The bitmap's quarters: reads of low and high MSRs, then writes (SDM vol. 3, "MSR-Bitmap Address"). */
#define BITMAP_QUARTER 1024
#define BITMAP_WRITE   (2 * BITMAP_QUARTER)
#define MSR_RANGE_SIZE 0x2000u
#define MSR_HIGH_BASE  0xc0000000u

void vmx_msr_bitmap_pass(u8 *bitmap, u32 msr, bool read, bool write)
{
	u32 bit, base;

	if (msr < MSR_RANGE_SIZE) {
		base = 0;
		bit = msr;
	} else if (msr - MSR_HIGH_BASE < MSR_RANGE_SIZE) {
		base = BITMAP_QUARTER;
		bit = msr - MSR_HIGH_BASE;
	} else {
		return; /* outside the bitmap: always exits */
	}
	if (read)
		bitmap[base + bit / 8] &= (u8)~BIT(bit % 8);
	if (write)
		bitmap[base + BITMAP_WRITE + bit / 8] &= (u8)~BIT(bit % 8);
}

void vmx_msr_bitmap_fill(u8 *bitmap, const struct cpuid_spec *spec, bool own)
{
	struct msr_pass passes[SPEC_PASSES];
	u32 n = spec_passes(spec, own, passes);

	memset(bitmap, 0xff, PAGE_SIZE);
	for (size_t i = 0; i < msr_pass_count; i++)
		vmx_msr_bitmap_pass(bitmap, msr_pass_list[i].index, msr_pass_list[i].read,
				    msr_pass_list[i].write);
	for (u32 i = 0; i < n; i++)
		vmx_msr_bitmap_pass(bitmap, passes[i].index, passes[i].read, passes[i].write);
}

u8 *vmx_msr_bitmaps(struct vm *vm)
{
	u8 *two = heap_alloc(vm->heap, 2 * PAGE_SIZE, PAGE_SIZE);

	if (two) {
		vmx_msr_bitmap_fill(two, &vm->cpuid->spec, false);
		vmx_msr_bitmap_fill(two + PAGE_SIZE, &vm->cpuid->spec, true);
	}
	return two;
}
