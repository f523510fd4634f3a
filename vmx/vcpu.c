/*
 * A VM's and a vCPU's life on this backend: memory, and coming onto and leaving a CPU.
 */
#include "arch/cpu.h"
#include "arch/percpu.h"
#include "core/panic.h"
#include "ept/s2.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vm/hvm.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vmx/access.h"
#include "vmx/apicv.h"
#include "vmx/guest.h"

/* The vCPU whose VMCS is current on this CPU; owner: this CPU, interrupts off. */
static PERCPU struct hvm_vcpu *current;

void vmcs_access_failed(u32 field)
{
	struct hvm_vcpu *h = *this_cpu(current);

	ASSERT(h != NULL); /* no VMCS is current: the field does not matter */
	if (!(h->pending & VMX_FAILED))
		h->failed_field = field;
	h->pending |= VMX_FAILED;
}

int vmx_vm_create(struct vm *vm)
{
	struct hvm_vm *hv = heap_alloc(vm->heap, sizeof(*hv), 0);

	if (!hv)
		return -ENOMEM;
	hv->msr_bitmap = vmx_msr_bitmaps(vm);
	if (!hv->msr_bitmap) {
		heap_free(vm->heap, hv);
		return -ENOMEM;
	}
	hv->eptp = s2_root(&vm->s2).v | vmx_caps.eptp_bits;
	vm->hvm = hv;
	return vmx_apicv_vm_create(vm);
}

void vmx_vm_destroy(struct vm *vm)
{
	if (!vm->hvm)
		return;
	vmx_apicv_vm_destroy(vm);
	heap_free(vm->heap, vm->hvm->msr_bitmap);
	heap_free(vm->heap, vm->hvm);
	vm->hvm = NULL;
}

int vmx_vcpu_create(struct vcpu *v)
{
	struct heap *heap = v->vm->heap;
	struct hvm_vcpu *h = heap_alloc(heap, sizeof(*h), 0);
	u32 revision = (u32)(vmx_caps.msrs.basic & VMX_BASIC_REVISION);

	if (!h)
		return -ENOMEM;
	h->vmcs = heap_alloc(heap, PAGE_SIZE, PAGE_SIZE);
	if (!h->vmcs) {
		heap_free(heap, h);
		return -ENOMEM;
	}
	memcpy(h->vmcs, &revision, sizeof(revision));
	h->vpid = vpid_alloc();
	h->last_cpu = ~0u;
	h->deadline_ns = HVM_NO_DEADLINE;
	v->hvm = h;
	return 0;
}

void vmx_vcpu_destroy(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;
	u64 flags;

	if (!h)
		return;
	flags = irq_save();
	if (*this_cpu(current) == h)
		vmx_put(v);
	irq_restore(flags);
	vpid_free(h->vpid);
	heap_free(v->vm->heap, h->vmcs);
	heap_free(v->vm->heap, h);
	v->hvm = NULL;
}

void vmx_load(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;
	paddr_t pa = heap_phys(v->vm->heap, h->vmcs);

	*this_cpu(current) = h;
	if (!h->constructed) {
		/* Its first use: VMCLEAR makes the region a VMCS (SDM vol. 3, "Initializing a VMCS"). */
		ASSERT(vmcs_clear(pa));
	}
	ASSERT(vmcs_load(pa));
	if (!h->constructed)
		vmx_construct(v);
	vmx_write_host_state();
	if (h->tsc_mult != v->vm->tsc.mult)
		vmx_tsc_scale(v);
	if (h->last_cpu != cpu_id()) {
		/* What this CPU caches may be from before this vCPU's last changes, or another's. */
		h->pending |= VMX_FLUSH;
		h->last_cpu = cpu_id();
	}
	vmx_apicv_load(v);
}

void vmx_put(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;

	vmx_apicv_put(v);
	/* Writes the VMCS back to memory, so that another CPU may load it; the next entry launches. */
	ASSERT(vmcs_clear(heap_phys(v->vm->heap, h->vmcs)));
	h->launched = 0;
	*this_cpu(current) = NULL;
}
