/*
 * Finding VT-x and switching it on: what the machine must have, what the firmware must allow, and
 * VMXON on each CPU. The ops table of the backend.
 */
#include "vmx/vmx.h"

#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/msr.h"
#include "arch/percpu.h"
#include "core/cmdline.h"
#include "core/log.h"
#include "ept/s2.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/page.h"
#include "vm/vcpu.h"
#include "vmx/access.h"
#include "vmx/apicv.h"
#include "vmx/guest.h"
#include "vmx/vmcs.h"

/* This CPU's VMXON region; owner: this CPU. */
static PERCPU void *vmxon_region;

static int feature_control(const char **why)
{
	u64 old, value;
	int err;

	if (rdmsr_safe(MSR_FEATURE_CONTROL, &old)) {
		*why = "VT-x has no feature control register";
		return -ENODEV;
	}
	value = old;
	err = vmx_feature_control(&value, why);
	if (err || value == old)
		return err;
	if (wrmsr_safe(MSR_FEATURE_CONTROL, value)) {
		*why = "VT-x cannot be switched on (feature control is read-only)";
		return -ENODEV;
	}
	return 0;
}

/* The values that all decisions rest on. */
static void read_msrs(struct vmx_msrs *m)
{
	bool have_true;

	*m = (struct vmx_msrs){ .basic = rdmsr(MSR_VMX_BASIC), .signature = cpuid(1, 0).eax };
	have_true = m->basic & VMX_BASIC_TRUE_CONTROLS;
	m->misc = rdmsr(MSR_VMX_MISC);
	m->pin = rdmsr(have_true ? MSR_VMX_TRUE_PINBASED_CTLS : MSR_VMX_PINBASED_CTLS);
	m->proc = rdmsr(have_true ? MSR_VMX_TRUE_PROCBASED_CTLS : MSR_VMX_PROCBASED_CTLS);
	m->exit = rdmsr(have_true ? MSR_VMX_TRUE_EXIT_CTLS : MSR_VMX_EXIT_CTLS);
	m->entry = rdmsr(have_true ? MSR_VMX_TRUE_ENTRY_CTLS : MSR_VMX_ENTRY_CTLS);
	m->cr0_fixed0 = rdmsr(MSR_VMX_CR0_FIXED0);
	m->cr0_fixed1 = rdmsr(MSR_VMX_CR0_FIXED1);
	m->cr4_fixed0 = rdmsr(MSR_VMX_CR4_FIXED0);
	m->cr4_fixed1 = rdmsr(MSR_VMX_CR4_FIXED1);
	if (m->proc >> 32 & PROC_TERTIARY)
		m->proc3 = rdmsr(MSR_VMX_PROCBASED_CTLS3);
	/* These two exist only with secondary controls. */
	if (!(m->proc >> 32 & PROC_SECONDARY))
		return;
	m->proc2 = rdmsr(MSR_VMX_PROCBASED_CTLS2);
	if (m->proc2 >> 32 & (PROC2_EPT | PROC2_VPID))
		m->ept_vpid = rdmsr(MSR_VMX_EPT_VPID_CAP);
}

/* What can be done without, by the name that vmx.off= has for it: the bit that says that it is there. */
struct optional {
	const char *name;
	size_t offset; /* in struct vmx_msrs */
	u64 bit;
};
static const struct optional optionals[] = {
	{ "vpid", offsetof(struct vmx_msrs, proc2), PROC2_VPID << 32 },
	{ "pause-loop", offsetof(struct vmx_msrs, proc2), PROC2_PAUSE_LOOP << 32 },
	{ "preemption-timer", offsetof(struct vmx_msrs, pin), (u64)PIN_PREEMPTION_TIMER << 32 },
	{ "tsc-scaling", offsetof(struct vmx_msrs, proc2), PROC2_TSC_SCALING << 32 },
	{ "page1g", offsetof(struct vmx_msrs, ept_vpid), EPT_CAP_1G },
};

#define OFF_MAX 64

static bool word_in_list(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (*list) {
		if (!strncmp(list, word, len) && (list[len] == ',' || !list[len]))
			return true;
		list = strchr(list, ',');
		if (!list)
			return false;
		list++;
	}
	return false;
}

static void switch_off(struct vmx_msrs *m)
{
	char off[OFF_MAX] = "";

	cmdline_get("vmx.off", off, sizeof(off));
	for (size_t i = 0; i < ARRAY_LEN(optionals); i++)
		if (word_in_list(off, optionals[i].name))
			*(u64 *)((char *)m + optionals[i].offset) &= ~optionals[i].bit;
}

static int probe(const char **why)
{
	struct vmx_msrs msrs;
	int err;

	if (!cpu_has(CPU_VMX)) {
		*why = "the CPU has no VT-x";
		return -ENODEV;
	}
	err = feature_control(why);
	if (err)
		return err;
	read_msrs(&msrs);
	switch_off(&msrs);
	err = vmx_caps_decide(&vmx_caps, &msrs, why);
	if (err)
		return err;
	log_info("vmx: VT-x, revision %#x, EPT%s, %s%s", (u32)(msrs.basic & VMX_BASIC_REVISION),
		 msrs.ept_vpid & EPT_CAP_1G ? " with 1 GiB pages" : "",
		 vmx_caps.vpid ? "VPID" : "no VPID", vmx_caps.timer ? ", preemption timer" : "");
	vmx_apicv_init();
	vmx_tsc_probe(vmx_caps.proc2_may);
	s2_limit_leaf(msrs.ept_vpid & EPT_CAP_1G ? 2 : 1);
	return 0;
}

/* CR0 and CR4 as VMX operation wants them (SDM vol. 3, "Restrictions on VMX Operation"). */
static int control_registers(void)
{
	const struct vmx_msrs *m = &vmx_caps.msrs;
	u64 cr0 = (read_cr0() | m->cr0_fixed0) & m->cr0_fixed1;
	u64 cr4 = read_cr4() | m->cr4_fixed0 | CR4_VMXE;

	/* A bit of ours that VMX forbids would be a machine that this was never meant for. */
	if (cr4 & ~m->cr4_fixed1) {
		log_error("vmx: CR4 %#llx has bits that VT-x forbids",
			  (unsigned long long)(cr4 & ~m->cr4_fixed1));
		return -ENOTSUP;
	}
	write_cr0(cr0);
	write_cr4(cr4);
	return 0;
}

static int cpu_enable(void)
{
	u32 revision = (u32)(vmx_caps.msrs.basic & VMX_BASIC_REVISION);
	const char *why = NULL;
	void **region = this_cpu(vmxon_region);
	int err;

	err = feature_control(&why); /* each CPU has its own */
	if (err) {
		log_error("vmx: CPU %u: %s", cpu_id(), why);
		return err;
	}
	if (rdmsr(MSR_VMX_BASIC) != vmx_caps.msrs.basic) {
		log_error("vmx: CPU %u differs from the boot CPU", cpu_id());
		return -ENOTSUP;
	}
	if (!*region)
		*region = page_alloc(0);
	if (!*region)
		return -ENOMEM;
	memcpy(*region, &revision, sizeof(revision));
	err = control_registers();
	if (err)
		return err;
	if (!vmx_on(virt_to_phys(*region))) {
		log_error("vmx: CPU %u: VMXON failed", cpu_id());
		write_cr4(read_cr4() & ~CR4_VMXE);
		return -EIO;
	}
	return 0;
}

static void cpu_disable(void)
{
	vmx_off();
	write_cr4(read_cr4() & ~CR4_VMXE);
}

static void flush(struct vcpu *v)
{
	v->hvm->pending |= VMX_FLUSH;
}

static void tsc_changed(struct vcpu *v)
{
	if (v->hvm)
		v->hvm->pending |= VMX_TSC;
}

const struct hvm_ops vmx_ops = {
	.name = "VT-x",
	.syscall_msrs_live = true,
	.dr6_switched = false,
	.probe = probe,
	.cpu_enable = cpu_enable,
	.cpu_disable = cpu_disable,
	.s2_format = &ptab_ept,
	.vm_create = vmx_vm_create,
	.vm_destroy = vmx_vm_destroy,
	.vcpu_create = vmx_vcpu_create,
	.vcpu_destroy = vmx_vcpu_destroy,
	.load = vmx_load,
	.put = vmx_put,
	.run = vmx_run,
	.read_regs = vmx_read_regs,
	.inject = vmx_inject,
	.window = vmx_window,
	.flush = flush,
	.tsc_changed = tsc_changed,
	.deadline = vmx_deadline,
};
