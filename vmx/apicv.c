/*
 * Virtual-interrupt delivery and posted interrupts for every vCPU: which thread does what is in docs/apicv.md.
 */
#include "vmx/apicv.h"

#include "arch/cpu.h"
#include "arch/lapic.h"
#include "arch/smp.h"
#include "core/irq.h"
#include "core/log.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/hw/lapic.h"
#include "lib/hw/pid.h"
#include "mm/heap.h"
#include "mm/page.h"
#include "vm/apicv.h"
#include "vm/build.h"
#include "vm/lapic_page.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vmx/access.h"
#include "vmx/apicmode.h"
#include "vmx/apicpage.h"
#include "vmx/guest.h"
#include "vmx/ipiv.h"
#include "vmx/posted.h"

#define XAPIC_NDST_SHIFT 8 /* where the host's APIC is in xAPIC mode */

static_assert(VM_MAX_VCPUS * sizeof(struct pi_desc) <= PAGE_SIZE, "struct hvm_vm.posted");

static struct pi_desc *desc_of(const struct vcpu *v)
{
	return &v->vm->hvm->posted[v->index];
}

/* --- the page ---------------------------------------------------------------------------------- */

/* Two words of an array of the page, as the VMCS and descriptors have them. */
static u64 array_pair(const struct vcpu *v, u32 array, u32 i)
{
	const u32 *low = (const u32 *)(v->lapic->page + array + i * 32);

	return atomic_load_relaxed(low) | (u64)atomic_load_relaxed(low + 4) << 32;
}

/* IRR is the thread's own while the guest does not run. */
static void irr_add(const struct vcpu *v, u32 i, u64 requests)
{
	u32 *low = (u32 *)(v->lapic->page + LAPIC_IRR + i * 32);

	if (!requests)
		return;
	atomic_store_relaxed(low, *low | (u32)requests);
	atomic_store_relaxed(low + 4, low[4] | (u32)(requests >> 32));
}

/*
 * The EOI-exit bitmap is the TMR. Posters of level-triggered vectors set TMR first, then look whether the bitmap has
 * it; here it is the other way round, so that one of the two sees the other.
 */
static void follow_tmr(struct vcpu *v)
{
	u64 *exits = v->hvm->eoi_exits;

	for (u32 i = 0; i < EOI_EXIT_WORDS; i++) {
		u64 tmr;

		while ((tmr = array_pair(v, LAPIC_TMR, i)) != exits[i]) {
			/* Full order: pairs with post(). */
			atomic_xchg(&exits[i], tmr);
			vmcs_write(EOI_EXIT_BITMAP0 + 2 * i, tmr);
		}
	}
}

static u64 vector_or_0(int vector)
{
	return vector < 0 ? 0 : (u64)vector;
}

/* RVI, the low byte, is the highest vector requested. SVI above it stays. */
static void follow_irr(const struct vcpu *v)
{
	u64 status = vmcs_read(GUEST_INTR_STATUS);
	u64 rvi = vector_or_0(vlapic_requested(v->lapic));

	if ((status & 0xff) != rvi)
		vmcs_write(GUEST_INTR_STATUS, (status & ~0xffULL) | rvi);
}

static void take_level(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;

	/* Cleared first: pairs with post(), which sets it last. */
	atomic_xchg(&h->level_waits, 0);
	for (u32 i = 0; i < EOI_EXIT_WORDS; i++)
		irr_add(v, i, atomic_xchg(&h->level[i], 0));
}

static void sync(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;
	u64 requests[4];

	if (!h)
		return; /* it is being made */
	if (posted_take(desc_of(v), requests)) {
		for (u32 i = 0; i < ARRAY_LEN(requests); i++)
			irr_add(v, i, requests[i]);
	}
	if (unlikely(atomic_load_relaxed(&h->level_waits)))
		take_level(v);
	/* While it sleeps IRR is all that counts: it looks once more before it enters. */
	if (!v->lapic->hw || v->activity != ACTIVITY_RUNS)
		return;
	follow_tmr(v);
	follow_irr(v);
}

/* --- posting ------------------------------------------------------------------------------------ */

static void notify(u32 ndst)
{
	lapic_ipi_apic(lapic_uses_x2apic() ? ndst : ndst >> XAPIC_NDST_SHIFT, IRQ_VECTOR_POSTED);
}

/*
 * A level-triggered vector whose EOI would not be noticed: the vCPU's thread changes the bitmap, then requests it.
 * False: its EOI is noticed.
 */
static bool post_level(struct hvm_vcpu *h, u8 vector)
{
	u64 bit = BIT(vector % 64);

	/* Behind TMR's change, which was in full order: pairs with follow_tmr(). */
	if (atomic_load_relaxed(&h->eoi_exits[vector / 64]) & bit)
		return false;
	atomic_fetch_or(&h->level[vector / 64], bit);
	atomic_xchg(&h->level_waits, 1);
	return true;
}

static void post(struct vcpu *v, u8 vector, bool level)
{
	enum posted_next next = POSTED_WAKE;
	u32 ndst;

	if (!level || !post_level(v->hvm, vector))
		next = posted_post(desc_of(v), vector, &ndst);
	if (next == POSTED_NOTIFY)
		notify(ndst);
	else if (next == POSTED_WAKE)
		vcpu_request(v->vm, v->index, REQ_EVENT);
}

/* The notification came while the guest of this CPU's vCPU did not run, or its CPU has gone to another. */
static void on_notification(void)
{
	const struct thread *t = thread_current();

	if (t && t->ops == build_vcpu_thread_ops) {
		struct vcpu_port *port = t->data;

		/* Seen before the entry: it comes on this CPU, with interrupts off behind the look. */
		atomic_fetch_or(&port->requests, REQ_EVENT);
	}
}

/* --- where the vCPU is -------------------------------------------------------------------------- */

/* Posts reach the guest without its thread, or, asleep, hardware's posts its thread, on this CPU. Interrupts off. */
static void listen(struct vcpu *v)
{
	const struct hvm_vcpu *h = v->hvm;
	bool ipiv;
	u8 vector;
	u32 id;

	if (!h->posted)
		return;
	id = lapic_id();
	ipiv = v->vm->hvm->ipiv;
	vector = ipiv ? vmx_ipiv_notification(v, h->asleep) : IRQ_VECTOR_POSTED;
	v->recheck |= posted_listen(desc_of(v), vector,
				    lapic_uses_x2apic() ? id : id << XAPIC_NDST_SHIFT);
	if (ipiv)
		v->recheck |= posted_quietly(desc_of(v));
}

/* Hardware that posts finds one that sleeps listening, software one that is away. */
static void sleep(struct vcpu *v, bool on)
{
	struct hvm_vcpu *h = v->hvm;
	u64 flags;

	if (v->vm->hvm->ipiv) {
		flags = irq_save();
		h->asleep = on;
		listen(v);
		irq_restore(flags);
	} else if (on) {
		posted_suppress(desc_of(v));
	} else if (h->posted) {
		posted_resume(desc_of(v)); /* where it is: vmx_apicv_load() has said so */
	}
}

void vmx_apicv_load(struct vcpu *v)
{
	/* One that sleeps listens where it went to sleep, until it has woken. */
	if (apicv && !v->hvm->asleep)
		listen(v);
}

void vmx_apicv_put(struct vcpu *v)
{
	if (apicv && !v->hvm->asleep)
		posted_suppress(desc_of(v));
}

/* --- modes -------------------------------------------------------------------------------------- */

/* Hardware that posts looks at nothing but the table: an APIC that is off, or switched off by software, takes no IPI. */
static bool takes_ipis(const struct vcpu *v)
{
	enum apic_mode mode = apic_mode(vmx_caps.apicv, v->apic_base);

	return apic_controls(vmx_caps.apicv, mode).proc3 && vlapic_sw_enabled(v->lapic);
}

static void refresh(struct vcpu *v)
{
	struct vlapic *l = v->lapic;
	enum apic_mode mode = apic_mode(vmx_caps.apicv, v->apic_base);

	l->hw = apic_controls(vmx_caps.apicv, mode).delivery;
	vlapic_isr_changed(l);
	if (!v->hvm)
		return; /* it is being made */
	v->hvm->pending |= VMX_APIC;
	vmx_apicpage_follow(v);
	/* At once; and on again when it listens. */
	if (v->vm->hvm->ipiv && !takes_ipis(v))
		vmx_ipiv_follow(v, false);
}

void vmx_apicv_msr_bitmap(struct vcpu *v)
{
	struct hvm_vm *hv = v->vm->hvm;
	enum apic_mode mode = apic_mode(vmx_caps.apicv, v->apic_base);
	const u8 *two = mode == APIC_MODE_X2APIC ? hv->x2apic_bitmap : hv->msr_bitmap;

	vmcs_write(MSR_BITMAP, heap_phys(v->vm->heap, two + (v->hvm->spec.own ? PAGE_SIZE : 0)).v);
}

void vmx_apicv_follow(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;
	struct hvm_vm *hv = v->vm->hvm;
	enum apic_mode mode = apic_mode(vmx_caps.apicv, v->apic_base);
	struct apic_controls c = apic_controls(vmx_caps.apicv, mode);
	u64 flags = irq_save();

	h->controls.pin = vmx_caps.base.pin | c.pin;
	h->controls.proc2 = (h->controls.proc2 & ~(u32)APIC_PROC2) | c.proc2;
	vmcs_write(PIN_CONTROLS, h->controls.pin);
	vmcs_write(PROC2_CONTROLS, h->controls.proc2);
	vmx_apicv_msr_bitmap(v);
	h->tpr = c.delivery || !(vmx_caps.apicv & APICV_TPR) ? NULL : v->lapic->page + LAPIC_TPR;
	h->posted = c.posted;
	if (c.delivery)
		vmcs_write(GUEST_INTR_STATUS, vector_or_0(vlapic_in_service(v->lapic)) << 8 |
						      vector_or_0(vlapic_requested(v->lapic)));
	/* A notification from before waits for interrupts to be on, and ends the guest's run at once. */
	if (h->posted)
		listen(v);
	else if (apicv)
		posted_suppress(desc_of(v));
	if (hv->ipiv) {
		vmcs_write(PROC3_CONTROLS, c.proc3);
		vmx_ipiv_follow(v, takes_ipis(v));
	}
	irq_restore(flags);
}

void vmx_apicv_construct(struct vcpu *v)
{
	u32 features = vmx_caps.apicv;
	struct hvm_vm *hv = v->vm->hvm;

	if (features & APICV_TPR) {
		v->hvm->tpr_threshold = 0;
		vmcs_write(VIRTUAL_APIC_PAGE, heap_phys(v->vm->heap, v->lapic->page).v);
		vmcs_write(TPR_THRESHOLD, 0);
	}
	if (features & APICV_XAPIC)
		vmcs_write(APIC_ACCESS_PAGE, heap_phys(v->vm->heap, hv->access_page).v);
	if (features & APICV_DELIVERY) {
		for (u32 i = 0; i < EOI_EXIT_WORDS; i++)
			vmcs_write(EOI_EXIT_BITMAP0 + 2 * i, v->hvm->eoi_exits[i]);
	}
	if (features & APICV_POSTED) {
		vmcs_write(POSTED_INTR_VECTOR, IRQ_VECTOR_POSTED);
		vmcs_write(POSTED_INTR_DESC, virt_to_phys(desc_of(v)).v);
	}
	if (hv->ipiv)
		vmx_ipiv_construct(v);
	vmx_apicv_follow(v);
}

int vmx_apicv_vm_create(struct vm *vm)
{
	struct hvm_vm *hv = vm->hvm;
	int err;

	if (vmx_caps.apicv & APICV_X2APIC) {
		hv->x2apic_bitmap = vmx_msr_bitmaps(vm);
		if (!hv->x2apic_bitmap)
			return -ENOMEM;
		apic_pass_msrs(hv->x2apic_bitmap, vmx_caps.apicv);
		apic_pass_msrs(hv->x2apic_bitmap + PAGE_SIZE, vmx_caps.apicv);
	}
	if (apicv) {
		hv->posted = page_alloc(0);
		if (!hv->posted)
			return -ENOMEM;
	}
	if (vmx_caps.apicv & APICV_IPI) {
		err = vmx_ipiv_vm_create(vm);
		if (err)
			return err;
	}
	return vmx_caps.apicv & APICV_XAPIC ? vmx_apicpage_create(vm) : 0;
}

void vmx_apicv_vm_destroy(struct vm *vm)
{
	struct hvm_vm *hv = vm->hvm;

	vmx_apicpage_destroy(vm);
	vmx_ipiv_vm_destroy(vm); /* it points to what is posted */
	if (hv->posted)
		page_free(hv->posted, 0);
	if (hv->x2apic_bitmap)
		heap_free(vm->heap, hv->x2apic_bitmap);
}

static const struct apicv_ops ops = {
	.refresh = refresh,
	.post = post,
	.sync = sync,
	.sleep = sleep,
};

void vmx_apicv_init(void)
{
	u32 f = apic_features(&vmx_caps, apicv_allowed());

	vmx_caps.apicv = f;
	apicv_report("vmx", f);
	irq_set_fixed(IRQ_VECTOR_POSTED, on_notification);
	apicv_ipis = f & APICV_IPI;
	if (apicv_ipis)
		vmx_ipiv_init();
	if (f & (APICV_XAPIC | APICV_X2APIC))
		apicv = &ops;
}
