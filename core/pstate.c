/*
 * HWP: three registers of each CPU. It cannot be switched off again but by a reset, so what it was is not kept.
 */
#include "core/pstate.h"

#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/msr.h"
#include "core/cmdline.h"
#include "core/log.h"
#include "lib/atomic.h"

#define CPUID_POWER 6
#define POWER_HWP   BIT(7)  /* EAX */
#define POWER_EPP   BIT(10) /* EAX: the request has a preference */

#define PM_ENABLE_HWP BIT(0)

/* IA32_HWP_CAPABILITIES: speeds in steps of the CPU's own. */
#define CAPS_HIGHEST      BITS(7, 0)
#define CAPS_LOWEST       BITS(31, 24)
#define CAPS_LOWEST_SHIFT 24
/* IA32_HWP_REQUEST. Its desired speed and its window stay 0: the CPU chooses; so does package control: it is its own. */
#define REQUEST_MAX_SHIFT 8
#define REQUEST_EPP_SHIFT 24
#define EPP_BALANCED      0x80ull /* 0: speed, 0xff: power */

static bool used, epp;   /* const after pstate_init() */
static u64 caps;         /* the boot CPU's */
static u32 set, refused; /* atomic: CPUs */

bool pstate_request(u64 caps_here, bool preference, u64 *request)
{
	u64 highest = caps_here & CAPS_HIGHEST;
	u64 lowest = (caps_here & CAPS_LOWEST) >> CAPS_LOWEST_SHIFT;

	if (!highest || lowest > highest)
		return false;
	*request = lowest | highest << REQUEST_MAX_SHIFT |
		   (preference ? EPP_BALANCED << REQUEST_EPP_SHIFT : 0);
	return true;
}

void pstate_init(void)
{
	u32 power = 0;

	used = false;
	if (cmdline_off("pstate"))
		return;
	if (cpu_vendor() == CPU_VENDOR_INTEL && cpuid(0, 0).eax >= CPUID_POWER)
		power = cpuid(CPUID_POWER, 0).eax;
	used = power & POWER_HWP;
	epp = power & POWER_EPP;
}

static bool set_here(void)
{
	u64 here, request;

	/* The capabilities can be read only behind this. */
	if (wrmsr_safe(MSR_PM_ENABLE, PM_ENABLE_HWP) || rdmsr_safe(MSR_HWP_CAPABILITIES, &here))
		return false;
	if (!cpu_id())
		caps = here;
	return pstate_request(here, epp, &request) && !wrmsr_safe(MSR_HWP_REQUEST, request);
}

void pstate_init_cpu(void)
{
	if (used)
		atomic_fetch_add(set_here() ? &set : &refused, 1);
}

void pstate_report(void)
{
	if (!used) {
		log_debug("pstate: as the firmware left it");
		return;
	}
	if (refused)
		log_warn("pstate: %u of %u CPUs refuse HWP: they run as the firmware left them",
			 refused, set + refused);
	if (set)
		log_info("pstate: HWP: CPUs choose their speed, the boot CPU from %llu to %llu",
			 (unsigned long long)((caps & CAPS_LOWEST) >> CAPS_LOWEST_SHIFT),
			 (unsigned long long)(caps & CAPS_HIGHEST));
}
