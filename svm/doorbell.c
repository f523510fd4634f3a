/*
 * The doorbell of AVIC (AMD APM vol. 2, "Doorbell Mechanism"). Apart, so that host tests have one of their own.
 */
#include "arch/cpu.h"
#include "arch/msr.h"
#include "svm/avic.h"

void avic_doorbell(u32 apic_id)
{
	wrmsr(MSR_AVIC_DOORBELL, apic_id);
}
