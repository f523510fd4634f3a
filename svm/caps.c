/*
 * What the CPU offers for guests, read once (AMD APM vol. 2, "Enabling SVM"; vol. 3, CPUID
 * Fn8000_000A). Virtual GIF and virtual NMI (guests are offered no SVM, and IRET interception does
 * for NMIs on every CPU), LBR virtualization and x2AVIC are not used.
 */
#include "svm/backend.h"

#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/msr.h"
#include "core/log.h"
#include "ept/s2.h"
#include "lib/errno.h"
#include "svm/avic.h"
#include "svm/tscratio.h"
#include "vm/apicv.h"

#define CPUID_EXT_MAX 0x80000000u
#define CPUID_EXT_SVM 0x8000000au

#define CPUID_HYPERVISOR 0x40000000u
#define TCG_EBX          0x54474354u /* "TCGTCGTCGTCG" */

#define SVM_EDX_NP              BIT(0)
#define SVM_EDX_NRIPS           BIT(3)
#define SVM_EDX_TSC_RATIO       BIT(4)
#define SVM_EDX_CLEAN           BIT(5)
#define SVM_EDX_FLUSH_BY_ASID   BIT(6)
#define SVM_EDX_DECODE_ASSISTS  BIT(7)
#define SVM_EDX_PAUSE_FILTER    BIT(10)
#define SVM_EDX_PAUSE_THRESHOLD BIT(12)
#define SVM_EDX_SPEC_CTRL       BIT(20)

struct svm_caps svm_caps;

int svm_caps_decide(u32 ebx, u32 edx, u64 vm_cr, u64 cr4, const char **why)
{
	if ((vm_cr & VM_CR_SVMDIS) && (vm_cr & VM_CR_LOCK))
		*why = "disabled and locked by the firmware (look for \"SVM mode\" in its setup)";
	else if (!(edx & SVM_EDX_NP))
		*why = "the CPU has no nested paging";
	else if (ebx < 2)
		*why = "the CPU has no ASID for guests";
	else
		*why = NULL;
	if (*why)
		return -ENODEV;
	svm_caps = (struct svm_caps){
		.asids = ebx,
		.clean = edx & SVM_EDX_CLEAN ? CLEAN_ALL : 0,
		.host_mce = cr4 & CR4_MCE,
		.next_rip = edx & SVM_EDX_NRIPS,
		.flush_by_asid = edx & SVM_EDX_FLUSH_BY_ASID,
		.decode_assists = edx & SVM_EDX_DECODE_ASSISTS,
		.pause_filter = edx & SVM_EDX_PAUSE_FILTER,
		.pause_threshold = edx & SVM_EDX_PAUSE_THRESHOLD,
		.virt_spec_ctrl = edx & SVM_EDX_SPEC_CTRL,
		.tsc_ratio = edx & SVM_EDX_TSC_RATIO,
	};
	return 0;
}

int svm_probe(const char **why)
{
	u64 vm_cr;
	struct cpuid c;
	int err;

	if (!cpu_has(CPU_SVM) || cpuid(CPUID_EXT_MAX, 0).eax < CPUID_EXT_SVM) {
		*why = "the CPU has no SVM";
		return -ENODEV;
	}
	if (rdmsr_safe(MSR_VM_CR, &vm_cr)) {
		*why = "the register VM_CR cannot be read";
		return -ENODEV;
	}
	c = cpuid(CPUID_EXT_SVM, 0);
	err = svm_caps_decide(c.ebx, c.edx, vm_cr, read_cr4(), why);
	if (err)
		return err;
	svm_caps.avic = avic_decide(c.edx, cpuid(1, 0).eax, apicv_allowed());
	if (svm_caps.avic)
		svm_caps.clean |= c.edx & SVM_EDX_CLEAN ? CLEAN_AVIC : 0;
	avic_init();
	tscratio_probe();
	svm_caps.tcg = cpuid(CPUID_HYPERVISOR, 0).ebx == TCG_EBX;
	s2_limit_leaf(cpu_has(CPU_PAGE_1G) ? 2 : 1);
	log_info("AMD-V: %u ASIDs; %s%s%s%s%s%s%s", svm_caps.asids,
		 svm_caps.next_rip ? "next-RIP" : "no next-RIP",
		 svm_caps.decode_assists ? ", decode assists" : "",
		 svm_caps.flush_by_asid ? ", flush by ASID" : "",
		 svm_caps.clean ? ", clean bits" : "",
		 svm_caps.pause_filter ? ", pause filter" : "",
		 svm_caps.virt_spec_ctrl ? ", SPEC_CTRL" : "",
		 svm_caps.tsc_ratio ? ", TSC scaling" : "");
	return 0;
}
