/*
 * The AMD backend's ops table, what it does on each CPU, and the lifetime of its part of VMs and
 * vCPUs.
 */
#include "svm/svm.h"

#include "arch/cpu.h"
#include "arch/msr.h"
#include "arch/percpu.h"
#include "core/mce.h"
#include "ept/s2.h"
#include "lib/errno.h"
#include "lib/hw/lapic.h"
#include "mm/heap.h"
#include "mm/page.h"
#include "svm/avic.h"
#include "svm/backend.h"
#include "svm/run.h"
#include "svm/tscratio.h"
#include "vm/cpuid.h"
#include "vm/lapic.h"
#include "vm/vm.h"

struct svm_cpu {
	void *hsave; /* where VMRUN keeps the host's state */
	void *host;  /* where VMSAVE keeps the rest of it */
};
static PERCPU struct svm_cpu svm_cpu; /* owner: this CPU */

static int svm_cpu_enable(void)
{
	struct svm_cpu *c = this_cpu(svm_cpu);

	if (!c->hsave)
		c->hsave = page_alloc(0);
	if (!c->host)
		c->host = page_alloc(0);
	if (!c->hsave || !c->host)
		return -ENOMEM;
	wrmsr(MSR_VM_CR, rdmsr(MSR_VM_CR) & ~VM_CR_SVMDIS);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	if (!(rdmsr(MSR_EFER) & EFER_SVME))
		return -ENODEV;
	wrmsr(MSR_VM_HSAVE_PA, virt_to_phys(c->hsave).v);
	asid_cpu_init(svm_caps.asids);
	tscratio_cpu_init();
	return 0;
}

static void svm_cpu_disable(void)
{
	tscratio_cpu_init(); /* as it was found */
	wrmsr(MSR_VM_HSAVE_PA, 0);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SVME);
}

static void svm_vm_destroy(struct vm *vm)
{
	struct hvm_vm *h = vm->hvm;

	if (!h)
		return;
	if (h->msrpm)
		heap_free(vm->heap, h->msrpm);
	if (h->iopm)
		heap_free(vm->heap, h->iopm);
	avic_vm_destroy(vm);
	heap_free(vm->heap, h);
	vm->hvm = NULL;
}

static int svm_vm_create(struct vm *vm)
{
	struct hvm_vm *h = heap_alloc(vm->heap, sizeof(*h), 0);

	if (!h)
		return -ENOMEM;
	vm->hvm = h;
	h->msrpm = heap_alloc(vm->heap, 2 * MSRPM_SIZE, PAGE_SIZE);
	h->iopm = heap_alloc(vm->heap, IOPM_SIZE, PAGE_SIZE);
	if (!h->msrpm || !h->iopm || avic_vm_create(vm)) {
		svm_vm_destroy(vm);
		return -ENOMEM;
	}
	msrpm_init(h->msrpm, &vm->cpuid->spec, false);
	msrpm_init(h->msrpm + MSRPM_SIZE, &vm->cpuid->spec, true);
	iopm_init(h->iopm);
	return 0;
}

static void svm_vcpu_destroy(struct vcpu *v)
{
	struct hvm_vcpu *s = v->hvm;

	if (!s)
		return;
	if (s->vmcb)
		heap_free(v->vm->heap, s->vmcb);
	heap_free(v->vm->heap, s);
	v->hvm = NULL;
}

static int svm_vcpu_create(struct vcpu *v)
{
	struct vm *vm = v->vm;
	struct hvm_vcpu *s = heap_alloc(vm->heap, sizeof(*s), _Alignof(struct hvm_vcpu));

	if (!s)
		return -ENOMEM;
	v->hvm = s;
	s->vmcb = heap_alloc(vm->heap, sizeof(*s->vmcb), PAGE_SIZE);
	if (!s->vmcb) {
		svm_vcpu_destroy(v);
		return -ENOMEM;
	}
	s->vmcb_pa = heap_phys(vm->heap, s->vmcb).v;
	s->apic_tpr = &v->lapic->page[LAPIC_TPR];
	s->cpu = -1;
	for (u32 i = 0; i < INSN_SEEN; i++)
		s->seen[i].rip = ~0ULL;
	vmcb_init(s->vmcb, vm, heap_phys(vm->heap, vm->hvm->msrpm).v,
		  heap_phys(vm->heap, vm->hvm->iopm).v);
	s->vmcb->control.tsc_offset = v->tsc_offset;
	avic_vcpu_create(v);
	return 0;
}

void svm_host_interrupt(void)
{
	irq_enable();
	__asm__ volatile("nop"); /* behind STI's shadow it is taken */
	irq_disable();
}

bool svm_host_machine_check(void)
{
	/* The exit swallowed it. */
	return mce_guest_exit();
}

void svm_host_recheck(void)
{
	__asm__ volatile("mov %0, %%cr8" : : "r"(0ULL) : "memory"); /* the priority that it has */
}

static void svm_load(struct vcpu *v)
{
	struct hvm_vcpu *s = v->hvm;

	s->host_pa = virt_to_phys(this_cpu(svm_cpu)->host).v;
	__asm__ volatile("vmsave" : : "a"(s->host_pa) : "memory");
	asid_load(s, cpu_id());
	tscratio_load(v->vm);
	avic_load(v);
}

static void svm_put(struct vcpu *v)
{
	/* The VMCB is in memory after every exit, and VMSAVE has the rest. */
	avic_put(v);
}

static void svm_flush(struct vcpu *v)
{
	asid_flush(v->hvm);
	avic_follow(v);
}

static void svm_tsc_changed(struct vcpu *v)
{
	v->hvm->vmcb->control.tsc_offset = v->tsc_offset;
	vmcb_changed(v->hvm, CLEAN_INTERCEPTS);
}

const struct hvm_ops svm_ops = {
	.name = "AMD-V",
	.syscall_msrs_live = false,
	.dr6_switched = true,
	.probe = svm_probe,
	.cpu_enable = svm_cpu_enable,
	.cpu_disable = svm_cpu_disable,
	.s2_format = &ptab_npt,
	.vm_create = svm_vm_create,
	.vm_destroy = svm_vm_destroy,
	.vcpu_create = svm_vcpu_create,
	.vcpu_destroy = svm_vcpu_destroy,
	.load = svm_load,
	.put = svm_put,
	.run = svm_run,
	.read_regs = svm_read_regs,
	.inject = svm_inject,
	.window = svm_window,
	.flush = svm_flush,
	.tsc_changed = svm_tsc_changed,
};
