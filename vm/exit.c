/*
 * The exit handlers, by neutral kind.
 */
#include "vm/exit.h"

#include "arch/cpu.h"
#include "arch/trap.h"
#include "lib/compiler.h"
#include "lib/errno.h"
#include "vm/cpuid.h"
#include "vm/emul.h"
#include "vm/gmem.h"
#include "vm/hvm.h"
#include "vm/lapic.h"
#include "vm/msr.h"
#include "vm/skip.h"
#include "vm/spin.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vm/vtimer.h"

static void exit_none(struct vcpu *v, const struct vm_exit *e)
{
	(void)v;
	(void)e;
}

static void exit_window(struct vcpu *v, const struct vm_exit *e)
{
	(void)e;
	v->port->irq_exits[IRQ_EXIT_WINDOW]++;
	v->blocked_intr = false; /* the backend has withdrawn the window */
	v->recheck = true;
}

static void exit_hlt(struct vcpu *v, const struct vm_exit *e)
{
	vcpu_skip(v, e);
	v->activity = ACTIVITY_HALTED;
	v->halt_tsc = rdtsc();
}

static void exit_pause(struct vcpu *v, const struct vm_exit *e)
{
	vcpu_skip(v, e);
	vcpu_spins(v);
}

static void exit_cpuid(struct vcpu *v, const struct vm_exit *e)
{
	vcpu_skip(v, e); /* first, so that nothing has to be kept over the other call */
	cpuid_exit(v);
}

/* What cannot be emulated. */
static __noinline void s2_stop(struct vcpu *v, const struct vm_exit *e)
{
	if (gmem_is_ram(v->vm, e->s2.gpa, 1)) {
		vm_stop(v->vm, STOP_ERROR, "RAM at %#llx has no translation",
			(unsigned long long)e->s2.gpa.v);
	} else if (e->s2.delivery) {
		/* Not the instruction at RIP touched it, but the delivery of an event: IDT, GDT, TSS or stack. */
		vm_stop(v->vm, STOP_EMULATION,
			"vector %u delivered through %#llx, outside RAM (rip %#llx)",
			v->event.vector, (unsigned long long)e->s2.gpa.v,
			(unsigned long long)vcpu_rip(v));
	} else if (e->s2.table_walk) {
		vm_stop(v->vm, STOP_EMULATION, "page tables at %#llx, outside RAM (rip %#llx)",
			(unsigned long long)e->s2.gpa.v, (unsigned long long)vcpu_rip(v));
	} else {
		vm_stop(v->vm, STOP_EMULATION, "code at %#llx, outside RAM (rip %#llx)",
			(unsigned long long)e->s2.gpa.v, (unsigned long long)vcpu_rip(v));
	}
}

static void exit_s2(struct vcpu *v, const struct vm_exit *e)
{
	if (unlikely(e->s2.delivery | e->s2.table_walk | e->s2.fetch) ||
	    (e->s2.gpa.v < v->vm->window_end && gmem_is_ram(v->vm, e->s2.gpa, 1)))
		s2_stop(v, e);
	else
		emul_mmio(v, e);
}

static u64 cr_read(struct vcpu *v, u8 cr)
{
	if (cr == 8)
		return vlapic_get_cr8(v->lapic);
	vcpu_need(v, RG_CR);
	return cr == 0 ? v->regs.cr0 : cr == 3 ? v->regs.cr3 : v->regs.cr4;
}

static int cr_write(struct vcpu *v, u8 cr, u64 value)
{
	switch (cr) {
	case 0:
		return cr0_write(v, value);
	case 3:
		return cr3_write(v, value);
	case 4:
		return cr4_write(v, value);
	case 8:
		if (value & ~BITS(3, 0))
			return -EINVAL;
		vlapic_set_cr8(v->lapic, (u8)value);
		v->port->irq_exits[IRQ_EXIT_TPR]++;
		v->recheck = true;
		return 0;
	}
	return -EINVAL;
}

static void exit_cr(struct vcpu *v, const struct vm_exit *e)
{
	if (e->cr.gpr == GPR_RSP)
		vcpu_need(v, RG_RSP);
	if (e->cr.write) {
		u64 value = e->cr.have_value ? e->cr.value : v->regs.gpr[e->cr.gpr];

		if (!e->cr.have_value && vcpu_mode(v) != 64)
			value = (u32)value;
		if (cr_write(v, e->cr.cr, value)) {
			vcpu_raise_error(v, TRAP_GP, 0);
			return;
		}
	} else {
		v->regs.gpr[e->cr.gpr] = cr_read(v, e->cr.cr);
		if (e->cr.gpr == GPR_RSP)
			vcpu_dirty(v, RG_RSP);
	}
	vcpu_skip(v, e);
}

static void exit_xsetbv(struct vcpu *v, const struct vm_exit *e)
{
	u64 *g = v->regs.gpr;
	u64 value = g[GPR_RDX] << 32 | (u32)g[GPR_RAX];

	/* Some CPUs exit before they look at this. */
	vcpu_need(v, RG_CR);
	if (!(v->regs.cr4 & CR4_OSXSAVE)) {
		vcpu_raise(v, TRAP_UD);
		return;
	}
	if (vcpu_cpl(v) || xcr0_write(v, (u32)g[GPR_RCX], value)) {
		vcpu_raise_error(v, TRAP_GP, 0);
		return;
	}
	vcpu_skip(v, e);
}

static void exit_exception(struct vcpu *v, const struct vm_exit *e)
{
	if (e->exception.vector == TRAP_DB)
		vcpu_merge_dr6(v, e->exception.dr6);
	if (e->exception.has_error)
		vcpu_raise_error(v, e->exception.vector, e->exception.error);
	else
		vcpu_raise(v, e->exception.vector);
}

static void exit_insn(struct vcpu *v, const struct vm_exit *e)
{
	(void)e;
	vcpu_raise(v, TRAP_UD);
}

static void exit_cache(struct vcpu *v, const struct vm_exit *e)
{
	/* Guest RAM is write-back and coherent; there is nothing to write back for a guest. */
	vcpu_skip(v, e);
}

static void exit_task_switch(struct vcpu *v, const struct vm_exit *e)
{
	(void)e;
	vm_stop(v->vm, STOP_EMULATION, "hardware task switch at rip %#llx",
		(unsigned long long)vcpu_rip(v));
}

static void exit_shutdown(struct vcpu *v, const struct vm_exit *e)
{
	(void)e;
	vm_stop(v->vm, STOP_TRIPLE_FAULT, "triple fault at rip %#llx",
		(unsigned long long)vcpu_rip(v));
}

static void exit_bad_state(struct vcpu *v, const struct vm_exit *e)
{
	vm_stop(v->vm, STOP_BAD_STATE, "the CPU refused the guest's state: %s (%#llx)",
		e->error.text ? e->error.text : "no detail", (unsigned long long)e->error.code);
}

static void exit_machine_check(struct vcpu *v, const struct vm_exit *e)
{
	(void)e;
	vm_stop(v->vm, STOP_MACHINE_CHECK, "it used memory that has failed");
}

static void exit_timer(struct vcpu *v, const struct vm_exit *e)
{
	(void)e;
	vtimer_run(v);
}

static void exit_error(struct vcpu *v, const struct vm_exit *e)
{
	vm_stop(v->vm, STOP_ERROR, "%s (%#llx)", e->error.text ? e->error.text : "backend error",
		(unsigned long long)e->error.code);
}

void (*const exit_handlers[EXIT_KINDS])(struct vcpu *v, const struct vm_exit *e) = {
	[EXIT_NONE] = exit_none,
	[EXIT_WINDOW] = exit_window,
	[EXIT_HLT] = exit_hlt,
	[EXIT_PAUSE] = exit_pause,
	[EXIT_CPUID] = exit_cpuid,
	[EXIT_MSR] = msr_exit,
	[EXIT_PORT] = emul_port,
	[EXIT_S2] = exit_s2,
	[EXIT_CR] = exit_cr,
	[EXIT_XSETBV] = exit_xsetbv,
	[EXIT_HYPERCALL] = pv_hypercall,
	[EXIT_EXCEPTION] = exit_exception,
	[EXIT_INSN] = exit_insn,
	[EXIT_CACHE] = exit_cache,
	[EXIT_TASK_SWITCH] = exit_task_switch,
	[EXIT_SHUTDOWN] = exit_shutdown,
	[EXIT_BAD_STATE] = exit_bad_state,
	[EXIT_MACHINE_CHECK] = exit_machine_check,
	[EXIT_EOI] = vlapic_eoi_exit,
	[EXIT_APIC_WRITE] = vlapic_write_exit,
	[EXIT_TIMER] = exit_timer,
	[EXIT_ERROR] = exit_error,
};
