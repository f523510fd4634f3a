/*
 * A vCPU's state in the stream. What is loaded is outside input: all that the hypervisor itself puts into
 * a register is checked here; the rest the CPU checks at VM entry, where a refusal stops that VM alone.
 */
#include "arch/cpu.h"
#include "arch/msr.h"
#include "lib/fmt.h"
#include "vm/cpuid.h"
#include "vm/hvm.h"
#include "vm/lapic.h"
#include "vm/lazy.h"
#include "vm/spec.h"
#include "vm/startup.h"
#include "vm/state.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vm/vtimer.h"

#define TEXT_MAX 160

#define VCPU_STATE_VERSION 5

static bool canonical(u64 va)
{
	return (u64)((s64)(va << 16) >> 16) == va;
}

static void segment_state(struct segment *g, struct state *s)
{
	state_u64(s, "base", &g->base);
	state_u32(s, "limit", &g->limit);
	state_u16(s, "selector", &g->selector);
	state_u16(s, "attr", &g->attr);
}

static void event_state(struct vm_event *e, struct state *s)
{
	state_u8(s, "event_kind", &e->kind);
	state_u8(s, "event_vector", &e->vector);
	state_bool(s, "event_has_error", &e->has_error);
	state_u8(s, "event_insn_len", &e->insn_len);
	state_u32(s, "event_error", &e->error);
	if (s->loading && !s->error &&
	    (e->kind > EVENT_SOFT_EXC || e->insn_len > 15 ||
	     (e->kind == EVENT_EXCEPTION && e->vector > 31) ||
	     (e->kind == EVENT_NMI && e->vector != 2)))
		state_reject(s, "event");
}

static void regs_state(struct vcpu_regs *r, struct state *s)
{
	struct {
		const char *name;
		u64 *v;
	} fields[] = {
		{ "rip", &r->rip },
		{ "rflags", &r->rflags },
		{ "cr0", &r->cr0 },
		{ "cr2", &r->cr2 },
		{ "cr3", &r->cr3 },
		{ "cr4", &r->cr4 },
		{ "efer", &r->efer },
		{ "dr0", &r->dr[0] },
		{ "dr1", &r->dr[1] },
		{ "dr2", &r->dr[2] },
		{ "dr3", &r->dr[3] },
		{ "dr6", &r->dr6 },
		{ "dr7", &r->dr7 },
		{ "sysenter_cs", &r->sysenter_cs },
		{ "sysenter_esp", &r->sysenter_esp },
		{ "sysenter_eip", &r->sysenter_eip },
		{ "pat", &r->pat },
		{ "star", &r->star },
		{ "lstar", &r->lstar },
		{ "cstar", &r->cstar },
		{ "sfmask", &r->sfmask },
		{ "kernel_gs", &r->kernel_gs },
		{ "debugctl", &r->debugctl },
		{ "xcr0", &r->xcr0 },
		{ "tsc_aux", &r->tsc_aux },
		{ "gdt_base", &r->gdt.base },
		{ "idt_base", &r->idt.base },
	};

	for (u32 i = 0; i < ARRAY_LEN(r->gpr); i++)
		state_u64(s, "gpr", &r->gpr[i]);
	for (u32 i = 0; i < ARRAY_LEN(fields); i++)
		state_u64(s, fields[i].name, fields[i].v);
	for (u32 i = 0; i < SEG_COUNT; i++)
		segment_state(&r->seg[i], s);
	state_u32(s, "gdt_limit", &r->gdt.limit);
	state_u32(s, "idt_limit", &r->idt.limit);
	state_u32(s, "shadow", &r->shadow);
}

/* On or off, in either mode, at the one place where it can be (vlapic_set_base()). */
static bool apic_base_valid(u64 value)
{
	const u64 mode = APIC_BASE_ENABLE | APIC_BASE_X2APIC;

	return (value & ~(mode | APIC_BASE_BSP)) == VLAPIC_BASE &&
	       (value & mode) != APIC_BASE_X2APIC;
}

/* What would make a register load of ours fault, or show the guest what it was not offered. */
static void regs_check(const struct vcpu *v, struct state *s)
{
	const struct vcpu_regs *r = &v->regs;
	const struct cpuid_table *t = v->vm->cpuid;

	if ((r->cr4 & ~t->cr4_allowed) || (r->efer & ~(t->efer_allowed | BIT(10))))
		state_reject(s, "control register");
	if (!(r->xcr0 & 1) || (r->xcr0 & ~(t->xcr0_allowed | 1)) || (r->xcr0 & 6) == 4)
		state_reject(s, "xcr0");
	if (!canonical(r->lstar) || !canonical(r->cstar) || !canonical(r->kernel_gs))
		state_reject(s, "address of a system call");
	if (r->sfmask >> 32)
		state_reject(s, "flags of a system call");
	if (r->dr6 >> 32 || r->dr7 >> 32 || r->tsc_aux >> 32 || r->debugctl)
		state_reject(s, "debug register");
	if (r->shadow & ~(u32)(SHADOW_STI | SHADOW_MOVSS | SHADOW_NMI))
		state_reject(s, "interrupt shadow");
	if (!apic_base_valid(v->apic_base))
		state_reject(s, "APIC base");
	if (!spec_valid(v))
		state_reject(s, "speculation control");
}

static void msrs_state(struct vcpu *v, struct state *s)
{
	state_u64(s, "apic_base", &v->apic_base);
	state_u64(s, "mtrr_def_type", &v->mtrr_def_type);
	state_bytes(s, "mtrr_fixed", v->mtrr_fixed, sizeof(v->mtrr_fixed));
	state_bytes(s, "mtrr_var", v->mtrr_var, sizeof(v->mtrr_var));
	state_u64(s, "tsc_adjust", &v->tsc_adjust);
}

/* The first vCPU's says how fast the TSCs of all are to run. */
static void tsc_check(const struct vcpu *v, struct state *s, u64 khz, struct tscscale *now)
{
	char text[TEXT_MAX];

	if (!khz || tscscale_make(now, khz)) {
		tscscale_refusal(khz, text, sizeof(text));
		state_reject(s, text);
	} else if (now->mult != v->vm->tsc.mult && v->index) {
		state_reject(s, "tsc_khz");
	}
}

/* The TSC goes on at tsc, as fast as it did. */
static void tsc_follow(struct vcpu *v, const struct tscscale *now, u64 tsc)
{
	struct vm *vm = v->vm;
	u64 flags;

	if (now->mult != vm->tsc.mult) {
		vm->tsc = *now;
		cpuid_show_tsc(vm->cpuid, tscscale_khz(now));
	}
	v->tsc_offset += tsc - vcpu_tsc(v);
	hvm->tsc_changed(v);
	/* The hardware takes a frequency over where a vCPU comes to its CPU. */
	flags = irq_save();
	hvm->put(v);
	hvm->load(v);
	irq_restore(flags);
}

void vcpu_state(struct vcpu *v, struct state *s)
{
	struct tscscale scale = v->vm->tsc;
	u64 khz = tscscale_khz(&scale);
	u64 tsc = vcpu_tsc(v);

	if (!s->loading) {
		vcpu_need(v, RG_ALL);
		lazy_sync(v);
	}
	state_begin(s, "vcpu", v->index, VCPU_STATE_VERSION);
	regs_state(&v->regs, s);
	msrs_state(v, s);
	state_u64(s, "tsc", &tsc);
	startup_state(v, s);
	state_bool(s, "nmi_pending", &v->nmi_pending);
	event_state(&v->event, s);
	event_state(&v->exception, s);
	lazy_vector_state(v, s);
	if (s->version >= 3)
		pv_state(v, s);
	if (s->version >= 4) {
		state_u64(s, "spec_ctrl", &v->spec_ctrl);
		state_u64(s, "virt_spec_ctrl", &v->virt_spec_ctrl);
	}
	if (s->version >= 5)
		state_u64(s, "tsc_khz", &khz);
	if (s->loading && !s->error)
		regs_check(v, s);
	if (s->loading && !s->error && s->version >= 5)
		tsc_check(v, s, khz, &scale);
	state_end(s);
	vlapic_state(v->lapic, s);
	if (!s->loading)
		return;
	if (s->error) {
		startup_reset(v); /* nothing stays that was not checked */
		vlapic_reset(v->lapic);
	} else {
		tsc_follow(v, &scale, tsc);
	}
	v->recheck = true;
	vcpu_dirty(v, RG_ALL);
	lazy_reload(v);
}
