/*
 * One round: what changed goes into the VMCS, the guest runs, its exit is read: vmx_run(), vmx_enter() of
 * vmx/entry.asm and vmx_exited(), each the last thing that the one before does.
 */
#include "arch/cpu.h"
#include "core/mce.h"
#include "lib/types.h"
#include "vm/hvm.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vmx/access.h"
#include "vmx/apicv.h"
#include "vmx/exit.h"
#include "vmx/guest.h"
#include "vmx/place.h"

static_assert(offsetof(struct vcpu, regs) == 0 && offsetof(struct vcpu_regs, gpr) == 0,
	      "entry.asm");
static_assert(offsetof(struct vcpu_regs, cr2) == 19 * 8, "entry.asm");
static_assert(offsetof(struct vcpu, exit_tsc) == 62 * 8, "entry.asm");
static_assert(offsetof(struct hvm_vcpu, launched) == 0, "entry.asm");
static_assert(offsetof(struct hvm_vcpu, host_rsp) == 8, "entry.asm");
static_assert(offsetof(struct hvm_vcpu, host_ssp) == 16, "entry.asm");

/* VM-instruction error numbers of VM entries (SDM vol. 3, "VM Instruction Error Numbers"). */
static const char *insn_error_text(u64 number)
{
	switch (number) {
	case 4:
		return "VMLAUNCH of a VMCS that is not clear";
	case 5:
		return "VMRESUME of a VMCS that was not launched";
	case 7:
		return "VM entry with invalid control fields";
	case 8:
		return "VM entry with invalid host state";
	case 26:
		return "VM entry with events blocked by MOV SS";
	default:
		return "VM entry failed, error";
	}
}

static const char *entry_failure_text(u32 reason)
{
	switch (reason & REASON_BASIC) {
	case REASON_BAD_GUEST_STATE:
		return "invalid guest state";
	case REASON_BAD_MSR_LOAD:
		return "invalid MSR in the load list";
	case REASON_ENTRY_MACHINE_CHECK:
		return "machine check at VM entry";
	default:
		return "VM entry failed";
	}
}

static void set_error(struct vm_exit *e, enum exit_kind kind, const char *text, u64 code)
{
	*e = (struct vm_exit){ .kind = (u8)kind, .error = { text, code } };
}

static __noinline bool serve_rarely(struct vcpu *v, struct vm_exit *e, u32 pending)
{
	struct hvm_vcpu *h = v->hvm;

	if (pending & VMX_FAILED) {
		set_error(e, EXIT_ERROR, "access to a VMCS field failed, field", h->failed_field);
		return false;
	}
	if (pending & (VMX_DEADLINE | VMX_TIMER))
		vmx_deadline_serve(h, pending);
	if (!(pending & VMX_TRANSLATIONS))
		return true;
	if (pending & VMX_APIC)
		vmx_apicv_follow(v);
	/* Translations depend on whether accesses to the APIC's page are virtualized. */
	if (pending & (VMX_FLUSH | VMX_APIC))
		eptp_flush(v->vm->hvm->eptp);
	vpid_flush(h->vpid);
	return true;
}

/* False when the entry is off: e says why. */
static __always_inline bool serve_pending(struct vcpu *v, struct vm_exit *e)
{
	struct hvm_vcpu *h = v->hvm;
	u32 pending = h->pending;

	h->pending = 0;
	if (pending & VMX_TSC)
		vmcs_write(TSC_OFFSET, v->tsc_offset);
	return likely(!(pending & ~(u32)VMX_TSC)) || serve_rarely(v, e, pending);
}

/*
 * The guest changes CR8 without exits, except where it goes below the threshold: then an interrupt
 * may have become deliverable. The threshold follows the guest's own value.
 */
static void update_tpr_threshold(struct hvm_vcpu *h)
{
	h->tpr_threshold = *h->tpr >> 4;
	vmcs_write(TPR_THRESHOLD, h->tpr_threshold);
}

/* The entry failed, or the exit has a reason that this code has never heard of. */
static __noinline void no_exit(struct vcpu *v, struct vm_exit *e, u32 reason)
{
	v->valid = RG_CR2;
	if (reason == VMX_ENTER_FAILED) {
		u64 number = vmcs_read(INSN_ERROR);

		v->hvm->launched = 0;
		set_error(e, EXIT_ERROR, insn_error_text(number), number);
	} else if (reason & REASON_ENTRY_FAILED) {
		set_error(e, EXIT_BAD_STATE, entry_failure_text(reason),
			  vmcs_read(EXIT_QUALIFICATION));
		if ((reason & REASON_BASIC) == REASON_ENTRY_MACHINE_CHECK && mce_guest_exit())
			e->kind = EXIT_MACHINE_CHECK;
	} else {
		set_error(e, EXIT_ERROR, "unknown VM exit, reason", reason);
	}
}

static __always_inline void write_rip(struct vcpu *v)
{
	v->dirty = 0;
	vmcs_write(GUEST_RIP, v->regs.rip);
}

/* RG_STEPPED. With RFLAGS.TF and a shadow there is more to it, and RG_SHADOW is dirty. */
static __always_inline void write_step(struct vcpu *v)
{
	if (v->dirty & RG_STEPPED) {
		vmcs_write(GUEST_RFLAGS, v->regs.rflags);
		vmcs_write(GUEST_INTERRUPTIBILITY, v->regs.shadow & SHADOW_ALL);
	}
	write_rip(v);
}

/* What is not done at every entry. Apart from vmx_run(), which so needs no stack. */
static __noinline void prepare_and_enter(struct vcpu *v, struct vm_exit *e)
{
	struct hvm_vcpu *h = v->hvm;

	if (v->dirty & ~(u32)(RG_RIP | RG_STEPPED))
		vmx_write_regs(v);
	else if (v->dirty)
		write_step(v);
	if (h->tpr)
		update_tpr_threshold(h);
	if (!h->pending || serve_pending(v, e))
		vmx_enter(v, h, e);
}

void vmx_run(struct vcpu *v, struct vm_exit *e)
{
	struct hvm_vcpu *h = v->hvm;

	if (unlikely(v->dirty != RG_RIP) || unlikely(h->pending) ||
	    unlikely(h->tpr && *h->tpr >> 4 != h->tpr_threshold)) {
		prepare_and_enter(v, e);
		return;
	}
	write_rip(v);
	vmx_enter(v, h, e);
}

void vmx_exited(struct vcpu *v, struct vm_exit *e, u64 reason)
{
	const struct exit_row *row;

	/* The bit of a failed entry makes the reason a large number, too. */
	if (unlikely(reason >= REASON_COUNT)) {
		no_exit(v, e, (u32)reason);
		return;
	}
	row = &exit_rows[reason];
	e->kind = row->kind;
	if (unlikely(!(row->flags & ROW_INSN))) {
		v->valid = RG_CR2;
		vmx_exit_other(v, e, row);
		return;
	}
	e->insn_len = (u8)vmcs_read(EXIT_INSN_LENGTH);
	vmx_read_place(v);
	if (row->decode)
		row->decode(v, e);
}
