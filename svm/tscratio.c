/*
 * TSC_RATIO, by CPU.
 */
#include "svm/tscratio.h"

#include "arch/cpu.h"
#include "arch/msr.h"
#include "arch/percpu.h"
#include "svm/backend.h"
#include "vm/tscscale.h"
#include "vm/vm.h"

static PERCPU u64 ratio; /* what TSC_RATIO holds; owner: this CPU */

void tscratio_probe(void)
{
	tscscale_hw = (struct tscscale_hw){
		.feature = "AMD-V's TSC ratio",
		.bits = svm_caps.tsc_ratio ? TSC_RATIO_BITS : 0,
		.max = TSC_RATIO_MAX,
	};
}

static void set(u64 value)
{
	*this_cpu(ratio) = value;
	wrmsr(MSR_TSC_RATIO, value);
}

void tscratio_cpu_init(void)
{
	if (svm_caps.tsc_ratio)
		set(TSC_RATIO_ONE);
}

void tscratio_load(const struct vm *vm)
{
	u64 want = vm->tsc.mult ? vm->tsc.mult : TSC_RATIO_ONE;

	if (svm_caps.tsc_ratio && *this_cpu(ratio) != want)
		set(want);
}
