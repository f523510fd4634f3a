/*
 * What the CPU offers for guests, read once (AMD APM vol. 2, "Enabling SVM"; vol. 3, CPUID
 * Fn8000_000A). Virtual GIF and virtual NMI (guests are offered no SVM, and IRET interception does
 * for NMIs on every CPU), LBR virtualization, AVIC and TSC scaling are not used.
 */
#include "svm/backend.h"

#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/msr.h"
#include "core/log.h"
#include "ept/s2.h"
#include "lib/errno.h"

#define CPUID_EXT_MAX 0x80000000u
#define CPUID_EXT_SVM 0x8000000au

#define SVM_EDX_NP              BIT(0)
#define SVM_EDX_NRIPS           BIT(3)
#define SVM_EDX_CLEAN           BIT(5)
#define SVM_EDX_FLUSH_BY_ASID   BIT(6)
#define SVM_EDX_DECODE_ASSISTS  BIT(7)
#define SVM_EDX_PAUSE_FILTER    BIT(10)
#define SVM_EDX_PAUSE_THRESHOLD BIT(12)

struct svm_caps svm_caps;

static void caps_read(const struct cpuid *c)
{
	svm_caps = (struct svm_caps){
		.asids = c->ebx,
		.clean = c->edx & SVM_EDX_CLEAN ? CLEAN_ALL : 0,
		.host_mce = read_cr4() & CR4_MCE,
		.next_rip = c->edx & SVM_EDX_NRIPS,
		.flush_by_asid = c->edx & SVM_EDX_FLUSH_BY_ASID,
		.decode_assists = c->edx & SVM_EDX_DECODE_ASSISTS,
		.pause_filter = c->edx & SVM_EDX_PAUSE_FILTER,
		.pause_threshold = c->edx & SVM_EDX_PAUSE_THRESHOLD,
	};
	log_info("AMD-V: %u ASIDs%s%s%s%s%s", svm_caps.asids,
		 svm_caps.next_rip ? ", next-RIP" : ", no next-RIP",
		 svm_caps.decode_assists ? ", decode assists" : "",
		 svm_caps.flush_by_asid ? ", flush by ASID" : "",
		 svm_caps.clean ? ", clean bits" : "",
		 svm_caps.pause_filter ? ", pause filter" : "");
}

int svm_probe(const char **why)
{
	u64 vm_cr;
	struct cpuid c;

	if (!cpu_has(CPU_SVM) || cpuid(CPUID_EXT_MAX, 0).eax < CPUID_EXT_SVM) {
		*why = "the CPU has no AMD-V (SVM)";
		return -ENODEV;
	}
	c = cpuid(CPUID_EXT_SVM, 0);
	if (rdmsr_safe(MSR_VM_CR, &vm_cr)) {
		*why = "AMD-V: the register VM_CR cannot be read";
		return -ENODEV;
	}
	if ((vm_cr & VM_CR_SVMDIS) && (vm_cr & VM_CR_LOCK)) {
		*why = "AMD-V is disabled and locked by the firmware (look for \"SVM mode\" in its setup)";
		return -ENODEV;
	}
	if (!(c.edx & SVM_EDX_NP)) {
		*why = "AMD-V: the CPU has no nested paging";
		return -ENODEV;
	}
	if (c.ebx < 2) {
		*why = "AMD-V: the CPU offers no ASID for guests";
		return -ENODEV;
	}
	caps_read(&c);
	s2_limit_leaf(cpu_has(CPU_PAGE_1G) ? 2 : 1);
	return 0;
}
