/*
 * When the APIC's page is in the second stage.
 */
#include "vmx/apicpage.h"

#include "arch/msr.h"
#include "core/panic.h"
#include "ept/s2.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "vm/lapic.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vmx/guest.h"

static int map(struct vm *vm)
{
	return s2_map(&vm->s2, GPA(VLAPIC_BASE), heap_phys(vm->heap, vm->hvm->access_page),
		      PAGE_SIZE, PTAB_R | PTAB_W);
}

int vmx_apicpage_create(struct vm *vm)
{
	struct hvm_vm *hv = vm->hvm;

	hv->access_page = heap_alloc(vm->heap, PAGE_SIZE, PAGE_SIZE);
	return hv->access_page ? map(vm) : -ENOMEM;
}

void vmx_apicpage_destroy(struct vm *vm)
{
	/* The second stage goes as a whole, and no vCPU enters any more. */
	if (vm->hvm->access_page)
		heap_free(vm->heap, vm->hvm->access_page);
}

/*
 * Others may do the same meanwhile: who changed the page looks again, so that the last change is what the number asks
 * for.
 */
static void change(struct vm *vm)
{
	u32 *elsewhere = &vm->hvm->elsewhere;
	bool there;
	int err;

	do {
		there = !atomic_load_acquire(elsewhere);
		if (there) {
			/* It may be there already; without memory for tables accesses exit. */
			err = map(vm);
			ASSERT(!err || err == -EEXIST || err == -ENOMEM);
		} else {
			err = s2_unmap(&vm->s2, GPA(VLAPIC_BASE), PAGE_SIZE);
			ASSERT(!err); /* a leaf of this size need not be split */
		}
	} while (there != !atomic_load_acquire(elsewhere));
}

void vmx_apicpage_follow(struct vcpu *v)
{
	const u64 mode = APIC_BASE_ENABLE | APIC_BASE_X2APIC;
	bool elsewhere = (v->apic_base & mode) != APIC_BASE_ENABLE;
	struct hvm_vm *hv = v->vm->hvm;

	if (!hv->access_page || elsewhere == v->hvm->elsewhere)
		return;
	v->hvm->elsewhere = elsewhere;
	/* Full order: pairs with change(). The first who goes and the last who comes back change it. */
	if (atomic_fetch_add(&hv->elsewhere, elsewhere ? 1 : ~0u) == (elsewhere ? 0 : 1))
		change(v->vm);
}
