/*
 * Events: encoding what vm/ decided to inject, windows, and what an exit cut short (Intel SDM
 * vol. 3, "Event Injection" and "Information for VM Exits That Occur During Event Delivery").
 */
#include "arch/cpu.h"
#include "arch/trap.h"
#include "vm/hvm.h"
#include "vm/vcpu.h"
#include "vmx/access.h"
#include "vmx/guest.h"

void vmx_set_proc(struct hvm_vcpu *h, u32 set, u32 clear)
{
	u32 proc = (h->controls.proc | set) & ~clear;

	if (proc == h->controls.proc)
		return;
	h->controls.proc = proc;
	vmcs_write(PROC_CONTROLS, proc);
}

void vmx_window(struct vcpu *v, enum hvm_window w, bool on)
{
	u32 bit = w == WINDOW_INTR ? PROC_INTERRUPT_WINDOW : PROC_NMI_WINDOW;

	vmx_set_proc(v->hvm, on ? bit : 0, on ? 0 : bit);
}

/* The interruption type of an event; INT1 is a kind of its own. */
static enum intr_type type_of(const struct vm_event *ev)
{
	switch ((enum event_kind)ev->kind) {
	case EVENT_NMI:
		return INTR_NMI;
	case EVENT_EXCEPTION:
		return INTR_HW_EXCEPTION;
	case EVENT_SOFT_INT:
		return INTR_SOFT_INT;
	case EVENT_SOFT_EXC:
		return ev->vector == TRAP_DB ? INTR_PRIV_SOFT_EXC : INTR_SOFT_EXC;
	case EVENT_INTR:
	case EVENT_NONE:
		break;
	}
	return INTR_EXTERNAL;
}

/* Delivering #DB ends the protection of the debug registers; injection by itself changes nothing. */
static void deliver_debug(struct vcpu *v)
{
	u64 dr7 = vmcs_read(GUEST_DR7);

	if (dr7 & DR7_GD)
		vmcs_write(GUEST_DR7, dr7 & ~DR7_GD);
	v->regs.dr7 &= ~DR7_GD;
}

/* An NMI can be injected only while none is being handled: this one takes that place. */
static void unblock_nmi(struct vcpu *v)
{
	u64 state = vmcs_read(GUEST_INTERRUPTIBILITY);

	if (state & BLOCK_NMI)
		vmcs_write(GUEST_INTERRUPTIBILITY, state & ~BLOCK_NMI);
	v->regs.shadow &= ~(u32)SHADOW_NMI;
}

void vmx_inject(struct vcpu *v, const struct vm_event *ev)
{
	enum intr_type type = type_of(ev);
	u64 info = INTR_VALID | (u64)type << INTR_TYPE_SHIFT | ev->vector;

	if (ev->kind == EVENT_NONE)
		return;
	/* Real mode has no error codes, and the CPU insists on that. */
	if (type == INTR_HW_EXCEPTION && ev->has_error) {
		vcpu_need(v, RG_CR);
		if (v->regs.cr0 & CR0_PE) {
			info |= INTR_ERROR;
			vmcs_write(ENTRY_INTR_ERROR, ev->error);
		}
	}
	if (type == INTR_HW_EXCEPTION && ev->vector == TRAP_DB)
		deliver_debug(v);
	if (type == INTR_NMI)
		unblock_nmi(v);
	if (type >= INTR_SOFT_INT)
		vmcs_write(ENTRY_INSN_LENGTH, ev->insn_len);
	vmcs_write(ENTRY_INTR_INFO, info);
}

void vmx_requeue_event(struct vcpu *v, u32 info)
{
	static const u8 kinds[8] = {
		[INTR_EXTERNAL] = EVENT_INTR,          [INTR_NMI] = EVENT_NMI,
		[INTR_HW_EXCEPTION] = EVENT_EXCEPTION, [INTR_SOFT_INT] = EVENT_SOFT_INT,
		[INTR_PRIV_SOFT_EXC] = EVENT_SOFT_EXC, [INTR_SOFT_EXC] = EVENT_SOFT_EXC,
	};
	u8 kind = kinds[(info & INTR_TYPE) >> INTR_TYPE_SHIFT];

	v->event = (struct vm_event){ .kind = kind, .vector = (u8)(info & INTR_VECTOR) };
	if (kind == EVENT_EXCEPTION && (info & INTR_ERROR)) {
		v->event.has_error = true;
		v->event.error = (u32)vmcs_read(IDT_VECTORING_ERROR);
	}
	if (kind == EVENT_SOFT_INT || kind == EVENT_SOFT_EXC)
		v->event.insn_len = (u8)vmcs_read(EXIT_INSN_LENGTH);
	v->recheck = true;
}

void vmx_block_nmi(void)
{
	vmcs_write(GUEST_INTERRUPTIBILITY, vmcs_read(GUEST_INTERRUPTIBILITY) | BLOCK_NMI);
}
