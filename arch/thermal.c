/*
 * Reading the thermal registers where CPUID leaf 6 says that they are there, and what their bits mean.
 */
#include "arch/thermal.h"

#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/msr.h"

#define CPUID_POWER   6
#define POWER_DTS     BIT(0) /* EAX: a temperature in IA32_THERM_STATUS */
#define POWER_PLN     BIT(4) /* power limits there, too */
#define POWER_PACKAGE BIT(6) /* IA32_PACKAGE_THERM_STATUS */

#define BELOW_SHIFT 16

struct thermal_raw thermal_read(void)
{
	struct thermal_raw r = { 0 };
	u32 power;

	if (cpu_vendor() != CPU_VENDOR_INTEL || cpuid(0, 0).eax < CPUID_POWER)
		return r;
	power = cpuid(CPUID_POWER, 0).eax;
	r.power = power & POWER_PLN;
	r.have_core = (power & POWER_DTS) && !rdmsr_safe(MSR_THERM_STATUS, &r.core);
	r.have_package =
		(power & POWER_PACKAGE) && !rdmsr_safe(MSR_PACKAGE_THERM_STATUS, &r.package);
	r.have_target = r.have_core && !rdmsr_safe(MSR_TEMPERATURE_TARGET, &r.target);
	return r;
}

static u8 below(u64 status)
{
	return (u8)((status & THERM_BELOW) >> BELOW_SHIFT);
}

static u8 limit(const struct thermal_raw *r)
{
	u8 degrees = (u8)((r->target & THERM_TARGET) >> BELOW_SHIFT);

	return r->have_target && degrees >= THERM_TARGET_MIN && degrees <= THERM_TARGET_MAX ?
		       degrees :
		       0;
}

static void add_state(struct thermal *t, u64 status, bool power)
{
	t->told++;
	t->hot += !!(status & (THERM_HOT | THERM_PROCHOT));
	t->was_hot += !!(status & THERM_HOT_LOG);
	t->critical += !!(status & THERM_CRITICAL);
	if (!power)
		return;
	t->power += !!(status & THERM_POWER);
	t->was_power += !!(status & THERM_POWER_LOG);
}

void thermal_add(struct thermal *t, u32 cpu, const struct thermal_raw *raw)
{
	if (raw->have_core)
		add_state(t, raw->core, raw->power);
	if (raw->have_core && (raw->core & THERM_VALID)) {
		if (!t->cpus++ || below(raw->core) < t->below) {
			t->hottest = cpu;
			t->below = below(raw->core);
			t->limit = limit(raw);
		}
		/* It has no bit of its own that says so: it counts where the CPU's reading does. */
		if (raw->have_package &&
		    (!t->have_package || below(raw->package) < t->package_below)) {
			t->have_package = true;
			t->package_below = below(raw->package);
		}
	}
}
