/*
 * Swapping of lazily kept state. The save area lies in the owner's VM heap, so that saving the
 * state of another VM's vCPU means a short visit to that VM's address space, on a stack that is
 * mapped there too.
 */
#include "vm/lazy.h"

#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/msr.h"
#include "arch/percpu.h"
#include "arch/spacecall.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/heap.h"
#include "vm/cpuid.h"
#include "vm/hvm.h"
#include "vm/state.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define XSAVE_ALIGN        64
#define MXCSR_DEFAULT      0x1f80
#define FCW_DEFAULT        0x37f
#define MXCSR_MASK_DEFAULT 0xffbf /* where FXSAVE gives 0 */

struct xsave_area {
	u16 fcw;
	u8 fill[22];
	u32 mxcsr, mxcsr_mask;
	u8 fill2[512 - 32];
	u64 xstate_bv, xcomp_bv; /* the header, only where there is XSAVE */
	u64 reserved[6];
};
static_assert(offsetof(struct xsave_area, mxcsr) == 24, "SDM vol. 1, Layout of the FXSAVE area");
static_assert(offsetof(struct xsave_area, xstate_bv) == 512, "SDM vol. 1, XSAVE Header");

/* Whose state this CPU holds, and in which space its save area is. Owner: this CPU, irqs off. */
struct live {
	struct vcpu *vcpu; /* NULL: nobody's */
	struct aspace *aspace;
	struct thread *thread; /* its thread, which is bound to this CPU */
};
static PERCPU struct live live;

static size_t area_size(const struct vcpu *v)
{
	return cpu_has(CPU_XSAVE) ? cpuid_xsave_size(v->vm->cpuid->xcr0_allowed) :
				    sizeof(struct xsave_area);
}

/* The state after reset, as XRSTOR takes it: all components in their initial configuration. */
void lazy_reset(struct vcpu *v)
{
	u32 mask = v->xsave->mxcsr_mask; /* the CPU's, once it was saved there */

	memset(v->xsave, 0, area_size(v));
	v->xsave->fcw = FCW_DEFAULT;
	v->xsave->mxcsr = MXCSR_DEFAULT;
	v->xsave->mxcsr_mask = mask;
}

int lazy_create(struct vcpu *v)
{
	v->xsave = heap_alloc(v->vm->heap, area_size(v), XSAVE_ALIGN);
	if (!v->xsave)
		return -ENOMEM;
	lazy_reset(v);
	return 0;
}

static void vector_save(struct vcpu *v)
{
	if (!cpu_has(CPU_XSAVE)) {
		__asm__ volatile("fxsave64 (%0)" : : "r"(v->xsave) : "memory");
		return;
	}
	/* All components that the guest may use, also those it has switched off just now. */
	xsetbv(0, v->vm->cpuid->xcr0_allowed);
	__asm__ volatile("xsave64 (%0)" : : "r"(v->xsave), "a"(~0u), "d"(~0u) : "memory");
}

/*
 * Many AMD CPUs load the x87 instruction and data pointers only with an exception pending (AMD APM vol. 3,
 * FXRSTOR; CPUID Fn8000_0008, "RstrFpErrPtrs"): what the last vCPU left there is overwritten.
 */
static void x87_pointers_clear(void)
{
	static const u32 zero;

	if (cpu_vendor() == CPU_VENDOR_AMD)
		__asm__ volatile("fnclex; emms; fildl %0" : : "m"(zero));
}

static void vector_load(struct vcpu *v)
{
	x87_pointers_clear();
	if (!cpu_has(CPU_XSAVE)) {
		__asm__ volatile("fxrstor64 (%0)" : : "r"(v->xsave) : "memory");
		return;
	}
	xsetbv(0, v->vm->cpuid->xcr0_allowed);
	__asm__ volatile("xrstor64 (%0)" : : "r"(v->xsave), "a"(~0u), "d"(~0u) : "memory");
	xsetbv(0, v->regs.xcr0);
}

static void msrs_save(struct vcpu *v)
{
	struct vcpu_regs *r = &v->regs;

	r->star = rdmsr(MSR_STAR);
	r->lstar = rdmsr(MSR_LSTAR);
	r->cstar = rdmsr(MSR_CSTAR);
	r->sfmask = rdmsr(MSR_SFMASK);
	r->kernel_gs = rdmsr(MSR_KERNEL_GS_BASE);
}

static void msrs_load(struct vcpu *v)
{
	const struct vcpu_regs *r = &v->regs;

	wrmsr(MSR_STAR, r->star);
	wrmsr(MSR_LSTAR, r->lstar);
	wrmsr(MSR_CSTAR, r->cstar);
	wrmsr(MSR_SFMASK, r->sfmask);
	wrmsr(MSR_KERNEL_GS_BASE, r->kernel_gs);
}

static void save(void *arg)
{
	struct vcpu *v = arg;

	vector_save(v);
	v->regs.dr[0] = read_dr0();
	v->regs.dr[1] = read_dr1();
	v->regs.dr[2] = read_dr2();
	v->regs.dr[3] = read_dr3();
	if (!hvm->dr6_switched)
		v->regs.dr6 = read_dr6();
	if (hvm->syscall_msrs_live)
		msrs_save(v);
	if (cpu_has(CPU_RDTSCP))
		v->regs.tsc_aux = rdmsr(MSR_TSC_AUX);
	v->state_live = false;
}

static void load(struct vcpu *v)
{
	vector_load(v);
	write_dr0(v->regs.dr[0]);
	write_dr1(v->regs.dr[1]);
	write_dr2(v->regs.dr[2]);
	write_dr3(v->regs.dr[3]);
	if (!hvm->dr6_switched)
		write_dr6(v->regs.dr6);
	if (hvm->syscall_msrs_live)
		msrs_load(v);
	if (cpu_has(CPU_RDTSCP))
		wrmsr(MSR_TSC_AUX, v->regs.tsc_aux);
	v->state_live = true;
}

static void set_live(struct live *l, struct vcpu *v)
{
	*l = (struct live){ v, v->vm->aspace, thread_current() };
	l->thread->bound = true;
}

static void clear_live(struct live *l)
{
	l->vcpu = NULL;
	/* What was saved is seen by the CPU that runs it next. Pairs with runq_movable(). */
	atomic_store_release(&l->thread->bound, false);
}

/* Saves what is there, if anything. Interrupts off. */
static void evict(struct live *l)
{
	struct aspace *here = aspace_current();

	if (!l->vcpu)
		return;
	if (l->aspace == here) {
		save(l->vcpu);
	} else {
		/* In this order, so that the CPU's current space is the right one in the end. */
		u64 there = aspace_enter_cr3(l->aspace);
		u64 back = aspace_enter_cr3(here);

		space_call(there, save, l->vcpu, back);
	}
	clear_live(l);
}

void lazy_load(struct vcpu *v)
{
	struct live *l = this_cpu(live);

	if (l->vcpu == v && l->aspace == v->vm->aspace)
		return;
	evict(l);
	load(v);
	set_live(l, v);
}

void lazy_save(void)
{
	evict(this_cpu(live));
}

void lazy_drop(struct vcpu *v)
{
	u64 flags = irq_save();
	struct live *l = this_cpu(live);

	if (l->vcpu == v && l->aspace == v->vm->aspace)
		clear_live(l);
	irq_restore(flags);
}

void lazy_sync(struct vcpu *v)
{
	u64 flags = irq_save();

	if (v->state_live) {
		save(v);
		load(v);
	}
	irq_restore(flags);
}

void lazy_reload(struct vcpu *v)
{
	u64 flags = irq_save();

	if (v->state_live)
		load(v);
	irq_restore(flags);
}

/* What XRSTOR of the standard format demands (SDM vol. 1, "Operation of XRSTOR"). */
static bool header_valid(const struct vcpu *v)
{
	const struct xsave_area *x = v->xsave;
	u64 bad = x->xcomp_bv | (x->xstate_bv & ~v->vm->cpuid->xcr0_allowed);

	for (u32 i = 0; i < ARRAY_LEN(x->reserved); i++)
		bad |= x->reserved[i];
	return !bad;
}

void lazy_vector_state(struct vcpu *v, struct state *s)
{
	struct xsave_area *x = v->xsave;
	u32 mask = x->mxcsr_mask ? x->mxcsr_mask : MXCSR_MASK_DEFAULT;

	x->mxcsr_mask = 0; /* not the guest's but this CPU's: none in the stream */
	state_bytes(s, "vector", x, area_size(v));
	if (s->loading && !s->error) {
		if (x->mxcsr_mask || (x->mxcsr & ~mask))
			state_reject(s, "MXCSR");
		else if (cpu_has(CPU_XSAVE) && !header_valid(v))
			state_reject(s, "XSAVE header");
		if (s->error)
			lazy_reset(v); /* nothing that XRSTOR would refuse stays */
	}
	x->mxcsr_mask = mask;
}
