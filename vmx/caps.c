/*
 * Which controls this machine's VMX offers and which of them Plinth sets. Pure decisions on the
 * values of the capability MSRs.
 */
#include "vmx/caps.h"

#include "arch/msr.h"
#include "lib/errno.h"
#include "vmx/vmcs.h"

struct vmx_caps vmx_caps;

int vmx_feature_control(u64 *value, const char **why)
{
	if (!(*value & FEATURE_CONTROL_LOCK))
		*value |= FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX;
	if (*value & FEATURE_CONTROL_VMX)
		return 0;
	*why = "VT-x is switched off by the firmware";
	return -EPERM;
}

int vmx_control(u64 msr, const struct control_spec *spec, u32 *out, u32 *fault)
{
	u32 must = (u32)msr, may = (u32)(msr >> 32);
	u32 missing = spec->required & ~may, forced = must & spec->forbidden;

	*fault = missing | forced;
	*out = ((spec->required | spec->optional) & may) | must;
	return *fault ? -ENOTSUP : 0;
}

static const struct control_spec pin_spec = {
	.required = PIN_EXTERNAL_INTERRUPT | PIN_NMI | PIN_VIRTUAL_NMI,
	.optional = PIN_PREEMPTION_TIMER,
	.forbidden = PIN_POSTED_INTERRUPTS,
};

/* CR8 exits where there is no TPR shadow, which vmx/apicmode.h is about, and the rest of its kind. */
static const struct control_spec proc_spec = {
	.required = PROC_TSC_OFFSETTING | PROC_HLT | PROC_MWAIT | PROC_RDPMC | PROC_CR8_LOAD |
		    PROC_CR8_STORE | PROC_IO | PROC_MSR_BITMAPS | PROC_MONITOR | PROC_SECONDARY,
	.forbidden = PROC_INTERRUPT_WINDOW | PROC_INVLPG | PROC_RDTSC | PROC_CR3_LOAD |
		     PROC_CR3_STORE | PROC_TPR_SHADOW | PROC_NMI_WINDOW | PROC_MOV_DR |
		     PROC_IO_BITMAPS | PROC_MONITOR_TRAP | PROC_TERTIARY,
};

static const struct control_spec proc2_spec = {
	.required = PROC2_EPT | PROC2_UNRESTRICTED,
	.optional = PROC2_VPID | PROC2_WBINVD,
	.forbidden = PROC2_APIC_ACCESSES | PROC2_DESCRIPTOR_TABLE | PROC2_X2APIC |
		     PROC2_APIC_REGISTERS | PROC2_VIRTUAL_INTERRUPTS,
};

static const struct control_spec exit_spec = {
	.required = EXIT_SAVE_DEBUG | EXIT_HOST_64BIT | EXIT_ACK_INTERRUPT | EXIT_SAVE_PAT |
		    EXIT_LOAD_PAT | EXIT_SAVE_EFER | EXIT_LOAD_EFER,
	.optional = EXIT_LOAD_CET,
};

static const struct control_spec entry_spec = {
	.required = ENTRY_LOAD_DEBUG | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER,
	.optional = ENTRY_LOAD_CET,
	.forbidden = ENTRY_SMM | ENTRY_DUAL_MONITOR,
};

/* One row for each control field, and what to say when it cannot be had as needed. */
struct control_row {
	u64 msr;
	const struct control_spec *spec;
	u32 *out;
	const char *why;
};

/* Names for what people may want to look up; other bits have the row's text. */
static const char *proc2_missing(u32 fault)
{
	if (fault & PROC2_EPT)
		return "VT-x has no extended page tables (EPT)";
	if (fault & PROC2_UNRESTRICTED)
		return "VT-x has no unrestricted guest mode";
	return "VT-x forces secondary controls that Plinth does not handle";
}

static int decide_controls(struct vmx_caps *caps, const char **why)
{
	const struct vmx_msrs *m = &caps->msrs;
	struct vmx_controls *c = &caps->base;
	const struct control_row rows[] = {
		{ m->pin, &pin_spec, &c->pin, "VT-x lacks a pin-based control (virtual NMIs)" },
		{ m->proc, &proc_spec, &c->proc, "VT-x lacks a processor-based control" },
		{ m->proc2, &proc2_spec, &c->proc2, NULL },
		{ m->exit, &exit_spec, &c->exit, "VT-x lacks a VM-exit control (PAT, EFER)" },
		{ m->entry, &entry_spec, &c->entry, "VT-x lacks a VM-entry control (PAT, EFER)" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		u32 fault;

		if (!vmx_control(rows[i].msr, rows[i].spec, rows[i].out, &fault))
			continue;
		*why = rows[i].why ? rows[i].why : proc2_missing(fault);
		return -ENOTSUP;
	}
	/* An entry that loads the guest's CET state wants an exit that loads the host's again. */
	if (!(c->exit & EXIT_LOAD_CET))
		c->entry &= ~(u32)ENTRY_LOAD_CET;
	caps->pin_may = (u32)(m->pin >> 32);
	caps->proc_may = (u32)(m->proc >> 32);
	caps->proc2_may = (u32)(m->proc2 >> 32);
	return 0;
}

/* Write-back, as IA32_VMX_BASIC and EPT capabilities encode it. */
#define MEMORY_TYPE_WB 6

static int decide_memory(struct vmx_caps *caps, const char **why)
{
	const struct vmx_msrs *m = &caps->msrs;

	*why = NULL;
	if (VMX_BASIC_SIZE(m->basic) > PAGE_SIZE)
		*why = "VT-x wants VMCS regions of more than a page";
	else if (VMX_BASIC_MEMORY_TYPE(m->basic) != MEMORY_TYPE_WB)
		*why = "VT-x wants uncached VMCS regions";
	else if (m->basic & VMX_BASIC_32BIT_ADDRESSES)
		*why = "VT-x wants VMCS regions below 4 GiB";
	else if (!(m->ept_vpid & EPT_CAP_WALK_4) || !(m->ept_vpid & EPT_CAP_WB))
		*why = "VT-x has no write-back extended page tables of four levels";
	else if (!(m->ept_vpid & EPT_CAP_2M))
		*why = "VT-x has no 2 MiB pages in extended page tables";
	else if (!(m->ept_vpid & EPT_CAP_INVEPT) ||
		 !(m->ept_vpid & (EPT_CAP_INVEPT_CONTEXT | EPT_CAP_INVEPT_ALL)))
		*why = "VT-x has no INVEPT";
	return *why ? -ENOTSUP : 0;
}

/*
 * CPUs whose preemption timer does not count as it should, by CPUID.1:EAX without the reserved bits: errata BA86,
 * AAX65, AAT59, AAU65, AAO95, AAN92, AAP86, AAM126, AAJ124, AAK139 and BV89 of Intel's specification updates.
 */
static const u32 timer_errata[] = {
	0x206e6, 0x20652, 0x20655, 0x106e5, 0x106a0, 0x106a1, 0x106a4, 0x106a5, 0x306a8,
};

static void decide_timer(struct vmx_caps *caps)
{
	u32 signature = caps->msrs.signature & ~(u32)(BITS(15, 14) | BITS(31, 28));

	caps->timer = caps->base.pin & PIN_PREEMPTION_TIMER;
	for (size_t i = 0; i < ARRAY_LEN(timer_errata); i++)
		caps->timer &= signature != timer_errata[i];
	if (!caps->timer)
		caps->base.pin &= ~(u32)PIN_PREEMPTION_TIMER;
	caps->timer_shift = caps->msrs.misc & VMX_MISC_TIMER_SHIFT;
}

u32 vmx_timer_count(u64 now, u64 deadline, u32 shift)
{
	if (deadline <= now)
		return 0;
	return (u32)MIN(((deadline - 1) >> shift) + 1 - (now >> shift), (u64)VMX_TIMER_NEVER);
}

int vmx_caps_decide(struct vmx_caps *caps, const struct vmx_msrs *msrs, const char **why)
{
	int err;

	*caps = (struct vmx_caps){ .msrs = *msrs };
	if (!(msrs->basic & VMX_BASIC_TRUE_CONTROLS)) {
		*why = "VT-x is too old (no TRUE control MSRs)";
		return -ENOTSUP;
	}
	err = decide_controls(caps, why);
	if (!err)
		err = decide_memory(caps, why);
	if (err)
		return err;
	caps->eptp_bits = EPTP_WB | EPTP_LEVELS_4;
	decide_timer(caps);
	caps->ins_outs_info = msrs->basic & VMX_BASIC_INS_OUTS_INFO;
	/* A VPID that cannot be flushed is of no use. */
	caps->vpid = (caps->base.proc2 & PROC2_VPID) && (msrs->ept_vpid & EPT_CAP_INVVPID) &&
		     (msrs->ept_vpid & (EPT_CAP_INVVPID_CONTEXT | EPT_CAP_INVVPID_ALL));
	if (!caps->vpid)
		caps->base.proc2 &= ~(u32)PROC2_VPID;
	return 0;
}
