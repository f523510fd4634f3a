/*
 * One round: what changed goes into the VMCS, the guest runs, its exit is read.
 */
#include "arch/cpu.h"
#include "lib/types.h"
#include "vm/hvm.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vmx/access.h"
#include "vmx/exit.h"
#include "vmx/guest.h"

static_assert(offsetof(struct vcpu, regs) == 0 && offsetof(struct vcpu_regs, gpr) == 0,
	      "entry.asm");
static_assert(offsetof(struct vcpu_regs, cr2) == 19 * 8, "entry.asm");
static_assert(offsetof(struct hvm_vcpu, launched) == 0, "entry.asm");
static_assert(offsetof(struct hvm_vcpu, host_rsp) == 8, "entry.asm");

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

/* True when the entry is off: e says why. */
static __noinline bool serve_pending(struct vcpu *v, struct vm_exit *e)
{
	struct hvm_vcpu *h = v->hvm;
	u32 pending = h->pending;

	h->pending = 0;
	if (pending & VMX_FAILED) {
		set_error(e, EXIT_ERROR, "access to a VMCS field failed, field", h->failed_field);
		return true;
	}
	if (pending & VMX_FLUSH)
		eptp_flush(v->vm->hvm->eptp);
	if (pending & (VMX_FLUSH | VMX_FLUSH_VPID))
		vpid_flush(h->vpid);
	if (pending & VMX_TSC)
		vmcs_write(TSC_OFFSET, v->tsc_offset);
	return false;
}

/*
 * The guest changes CR8 without exits, except where it goes below the threshold: then an interrupt
 * may have become deliverable. The threshold follows the guest's own value.
 */
static __always_inline void update_tpr_threshold(struct hvm_vcpu *h)
{
	u8 tpr = *h->tpr >> 4;

	if (likely(tpr == h->tpr_threshold))
		return;
	h->tpr_threshold = tpr;
	vmcs_write(TPR_THRESHOLD, tpr);
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
	} else {
		set_error(e, EXIT_ERROR, "unknown VM exit, reason", reason);
	}
}

/* What nearly every handler of an instruction asks for next, to step over it. */
static __always_inline void read_insn(struct vcpu *v, struct vm_exit *e)
{
	struct vcpu_regs *r = &v->regs;

	e->insn_len = (u8)vmcs_read(EXIT_INSN_LENGTH);
	r->rip = vmcs_read(GUEST_RIP);
	r->rflags = vmcs_read(GUEST_RFLAGS);
	r->shadow = (u32)vmcs_read(GUEST_INTERRUPTIBILITY) & SHADOW_ALL;
	v->valid = RG_CR2 | RG_RIP | RG_RFLAGS | RG_SHADOW;
}

void vmx_run(struct vcpu *v, struct vm_exit *e)
{
	struct hvm_vcpu *h = v->hvm;
	const struct exit_row *row;
	u32 reason;

	if (likely(v->dirty == RG_RIP)) {
		v->dirty = 0;
		vmcs_write(GUEST_RIP, v->regs.rip);
	} else if (v->dirty) {
		vmx_write_regs(v);
	}
	if (h->tpr)
		update_tpr_threshold(h);
	if (unlikely(h->pending) && serve_pending(v, e))
		return;
	reason = vmx_enter(v, h);
	/* The bit of a failed entry makes the reason a large number, too. */
	if (unlikely(reason >= REASON_COUNT)) {
		no_exit(v, e, reason);
		return;
	}
	row = &exit_rows[reason];
	if (likely(row->flags & ROW_INSN)) {
		e->kind = row->kind;
		read_insn(v, e);
		if (row->decode)
			row->decode(v, e);
		return;
	}
	v->valid = RG_CR2;
	vmx_exit_other(v, e, row);
}
