/*
 * AVIC: a VM's tables of its vCPUs, where each runs, and the exits that are left.
 *
 * While the page of the guest's APIC is in the second stage, no vCPU runs in xAPIC mode without AVIC: its
 * accesses would go to that page. So the order is: all vCPUs follow, then the page comes; the page goes,
 * then they follow.
 */
#include "svm/avic.h"

#include "arch/cpu.h"
#include "arch/lapic.h"
#include "arch/msr.h"
#include "core/panic.h"
#include "core/log.h"
#include "ept/s2.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/hw/lapic.h"
#include "mm/heap.h"
#include "svm/decode.h"
#include "vm/apicv.h"
#include "vm/lapic_page.h"
#include "vm/vm.h"

#define SVM_EDX_AVIC BIT(13)
/* Without each of these AVIC has nothing to offer, or cannot be without it. */
#define AVIC_NEEDS   (APICV_TPR | APICV_REGISTERS | APICV_XAPIC | APICV_DELIVERY | APICV_POSTED)

#define LOGICAL_COUNT 60 /* entries that LDR and DFR can name: 15 clusters of 4 */
#define NO_SLOT       LOGICAL_COUNT

static_assert(VM_MAX_VCPUS <= 0xff, "APIC ids of 8 bits; 255 is all of them");

/* CPUs up to family 18h may read an old "is running" when they send an IPI (AMD erratum 1235). */
static bool ipis_lost(u32 signature)
{
	u32 family = signature >> 8 & 0xf;

	if (family == 0xf)
		family += signature >> 20 & 0xff;
	return family == 0x17 || family == 0x18;
}

u32 avic_decide(u32 svm_edx, u32 signature, u32 allowed)
{
	if (!(svm_edx & SVM_EDX_AVIC) || (allowed & AVIC_NEEDS) != AVIC_NEEDS)
		return 0;
	return AVIC_USED | ((allowed & APICV_IPI) && !ipis_lost(signature) ? AVIC_IPIS : 0);
}

/* --- the tables --------------------------------------------------------------------------------- */

static u64 *physical_entry(const struct vcpu *v)
{
	return &v->vm->hvm->avic.physical[v->apic_id];
}

static u64 entry_of(const struct vcpu *v)
{
	return AVIC_PHYS_VALID | (heap_phys(v->vm->heap, v->lapic->page).v & AVIC_PHYS_PAGE);
}

/* The entry that LDR and DFR in the page name, or NO_SLOT: none, or several. */
static u32 logical_slot(const struct vlapic *l)
{
	u32 id = vlapic_reg(l, LAPIC_LDR) >> 24;
	bool flat = vlapic_reg(l, LAPIC_DFR) >> 28 == 0xf;
	u32 bits = flat ? id : id & 0xf, first = flat ? 0 : id >> 4 << 2;

	if (!bits || (bits & (bits - 1)))
		return NO_SLOT;
	return MIN(first + (u32)__builtin_ctz(bits), (u32)NO_SLOT);
}

/* From now on all logical IPIs exit: two vCPUs have the same id, or several bits, or other modes. */
static void logical_give_up(struct avic_vm *a)
{
	/* Full order: who puts an entry in afterwards sees it, and takes it out again. */
	atomic_xchg(&a->logical_off, 1);
	for (u32 i = 0; i < LOGICAL_COUNT; i++)
		atomic_store_relaxed(&a->logical[i], 0);
}

/* LDR or DFR have been written, or AVIC goes on or off. */
static void logical_follow(struct vcpu *v, bool on)
{
	struct avic_vm *a = &v->vm->hvm->avic;
	struct hvm_vcpu *s = v->hvm;
	u32 entry = AVIC_LOGICAL_VALID | v->apic_id, mine = entry, free = 0;
	u32 slot = on ? logical_slot(v->lapic) : NO_SLOT;
	u32 mode = vlapic_reg(v->lapic, LAPIC_DFR) >> 28;

	if (s->logical_slot != NO_SLOT && s->logical_slot != slot)
		(void)atomic_cas(&a->logical[s->logical_slot], &mine, 0u);
	s->logical_slot = slot;
	if (slot == NO_SLOT)
		return;
	/* The first who has an id says which mode it is, 0 being none: flat is 15, clusters 0. */
	if (!atomic_cas(&a->logical_mode, &free, mode + 1) && free != mode + 1)
		logical_give_up(a);
	free = 0;
	if (!atomic_cas(&a->logical[slot], &free, entry) && free != entry)
		logical_give_up(a);
	/* Pairs with logical_give_up(). */
	if (atomic_load_relaxed(&a->logical_off))
		atomic_store_relaxed(&a->logical[slot], 0);
}

/* --- where a vCPU is ------------------------------------------------------------------------------ */

/*
 * Posters set IRR, then look at `where`; here `where` is cleared, then somebody looks at IRR: before the vCPU
 * sleeps, and the CPU itself at VMRUN. Both in full order, so that one sees the other.
 */
static void listen(struct vcpu *v)
{
	struct hvm_vcpu *s = v->hvm;
	u32 id = lapic_id();
	u64 entry = entry_of(v);

	if (!s->avic || !s->loaded || s->asleep || id > AVIC_PHYS_HOST_ID)
		return;
	if (svm_caps.avic & AVIC_IPIS)
		entry |= AVIC_PHYS_RUNNING | id;
	atomic_xchg(&s->where, id + 1);
	atomic_xchg(physical_entry(v), entry);
}

static void hush(struct vcpu *v)
{
	struct hvm_vcpu *s = v->hvm;

	atomic_xchg(physical_entry(v), s->avic ? entry_of(v) : 0);
	atomic_xchg(&s->where, 0);
}

void avic_load(struct vcpu *v)
{
	v->hvm->loaded = true;
	listen(v);
}

void avic_put(struct vcpu *v)
{
	v->hvm->loaded = false;
	if (v->hvm->avic)
		hush(v);
}

static void sleep(struct vcpu *v, bool on)
{
	u64 flags = irq_save(); /* so that it listens where it is */

	v->hvm->asleep = on;
	if (on)
		hush(v);
	else
		listen(v);
	irq_restore(flags);
}

static void notify(struct vcpu *v)
{
	u32 where = atomic_load_relaxed(&v->hvm->where);

	if (where)
		avic_doorbell(where - 1);
	else
		vcpu_request(v->vm, v->index, REQ_EVENT);
}

static void post(struct vcpu *v, u8 vector, bool level)
{
	(void)level; /* TMR makes the EOI exit */
	/* Full order: pairs with listen() and hush(). */
	vlapic_array_set(v->lapic, LAPIC_IRR, vector);
	notify(v);
}

/* --- on and off ----------------------------------------------------------------------------------- */

bool avic_take_back(struct vcpu *v, u8 vector)
{
	if (!v->hvm->avic)
		return false;
	*vlapic_array_word(v->lapic, LAPIC_ISR, vector) &= ~(1u << (vector % 32));
	vlapic_array_set(v->lapic, LAPIC_IRR, vector);
	return true;
}

static void switch_on(struct vcpu *v)
{
	struct hvm_vcpu *s = v->hvm;

	/* What software has acknowledged, but not delivered, is the hardware's to deliver. */
	if (v->event.kind == EVENT_INTR && avic_take_back(v, v->event.vector))
		v->event.kind = EVENT_NONE;
	svm_window(v, WINDOW_INTR, false);
	v->blocked_intr = false;
	s->vmcb->control.cr &= ~(u32)CR_WRITE(8);
	s->work &= ~(u32)WORK_CR8;
	s->vmcb->control.int_ctl |= INT_AVIC;
}

void avic_follow(struct vcpu *v)
{
	struct hvm_vcpu *s = v->hvm;
	/* Acquire pairs with decide(). */
	bool on = atomic_load_acquire(&v->vm->hvm->avic.on) &&
		  (v->apic_base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) == APIC_BASE_ENABLE;
	u64 flags;

	if (on == s->avic)
		return;
	flags = irq_save();
	s->avic = v->lapic->hw = on;
	if (on)
		switch_on(v);
	else
		s->vmcb->control.int_ctl &= ~INT_AVIC;
	vmcb_changed(s, CLEAN_INTERCEPTS | CLEAN_INT);
	hush(v);
	listen(v);
	irq_restore(flags);
	logical_follow(v, on);
	vlapic_isr_changed(v->lapic);
	v->recheck = true; /* what was posted meanwhile */
}

/* Returns when no vCPU can reach it any more. */
static void page_remove(struct vm *vm)
{
	int err = s2_unmap(&vm->s2, GPA(VLAPIC_BASE), PAGE_SIZE);

	ASSERT(!err); /* a leaf of this size need not be split */
}

/*
 * The PIC's interrupts want a window, which AVIC has not: it is on while vCPU 0's LINT0 passes none. On vCPU
 * 0's thread, interrupts on.
 */
static void decide(struct vm *vm, const struct vcpu *v)
{
	struct avic_vm *a = &vm->hvm->avic;
	bool on = !vlapic_accepts_extint(v->lapic);

	if (on == !!a->on)
		return;
	if (!on)
		page_remove(vm);
	atomic_store_release(&a->on, on);
	/* Nothing is there to be removed, but each vCPU passes hvm_ops.flush before it enters again. */
	page_remove(vm);
	/* Without it all accesses exit, as they do without AVIC. */
	if (on && s2_map(&vm->s2, GPA(VLAPIC_BASE), heap_phys(vm->heap, a->page), PAGE_SIZE,
			 PTAB_R | PTAB_W))
		log_warn("domain %s: no memory for AVIC's page", vm->cfg.name);
}

static void refresh(struct vcpu *v)
{
	if (!v->hvm)
		return; /* it is being made */
	if (v->index == 0)
		decide(v->vm, v);
	avic_follow(v);
}

/* The CPU looks at IRR at each VMRUN. */
static void sync(struct vcpu *v)
{
	(void)v;
}

/* --- exits ---------------------------------------------------------------------------------------- */

/* Whom it was for need not be found out: who sleeps has nothing in IRR that it could take, but for this. */
static void notify_waiting(struct vcpu *self)
{
	struct vm *vm = self->vm;

	for (u32 i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *v = vm->ports[i].vcpu;

		if (v && v != self && vlapic_irr_any(v->lapic))
			notify(v);
	}
}

static void apic_write(struct vm_exit *e, u32 offset)
{
	e->kind = EXIT_APIC_WRITE;
	e->apic_write.offset = (u16)offset;
}

void avic_ipi_exit(struct vcpu *v, struct vm_exit *e)
{
	switch (v->hvm->vmcb->control.exit_info2 >> 32) {
	case AVIC_IPI_NOT_RUNNING:
		v->port->irq_exits[IRQ_EXIT_IPI]++;
		notify_waiting(v);
		break;
	case AVIC_IPI_PAGE:
		e->kind = EXIT_ERROR;
		e->error.text = "AVIC: a page of an APIC that is none, EXITINFO2";
		e->error.code = v->hvm->vmcb->control.exit_info2;
		break;
	default: /* the register is written: the rest by software */
		apic_write(e, LAPIC_ICR);
	}
}

/* Writes that exit when the register has its new value (APM vol. 2, "AVIC Access to Registers"). */
static bool is_trap(u32 offset)
{
	switch (offset) {
	case LAPIC_ID:
	case LAPIC_EOI:
	case LAPIC_RRD:
	case LAPIC_LDR:
	case LAPIC_DFR:
	case LAPIC_SVR:
	case LAPIC_ESR:
	case LAPIC_ICR:
	case LAPIC_TIMER_INITIAL:
	case LAPIC_TIMER_DIVIDE:
		return true;
	}
	return offset >= LAPIC_LVT_TIMER && offset <= LAPIC_LVT_ERROR;
}

void avic_access_exit(struct vcpu *v, struct vm_exit *e)
{
	struct vmcb *b = v->hvm->vmcb;
	u32 offset = b->control.exit_info1 & AVIC_ACCESS_OFFSET;
	bool write = b->control.exit_info1 & AVIC_ACCESS_WRITE;

	if (write && is_trap(offset)) {
		if (offset == LAPIC_LDR || offset == LAPIC_DFR)
			logical_follow(v, true);
		apic_write(e, offset);
		return;
	}
	/* Nothing has happened yet: as if the page were not there. */
	b->control.exit_info1 = write ? NPF_WRITE : 0;
	b->control.exit_info2 = VLAPIC_BASE + offset;
	e->kind = EXIT_S2;
	svm_npf(b, e);
}

/* --- lifetime ------------------------------------------------------------------------------------- */

static const struct apicv_ops ops = {
	.refresh = refresh,
	.post = post,
	.sync = sync,
	.sleep = sleep,
};

void avic_init(void)
{
	if (!svm_caps.avic)
		return;
	apicv = &ops;
	log_info("AMD-V: AVIC%s", svm_caps.avic & AVIC_IPIS ? "" : ", but for IPIs");
}

int avic_vm_create(struct vm *vm)
{
	struct avic_vm *a = &vm->hvm->avic;

	if (!svm_caps.avic)
		return 0;
	a->physical = heap_alloc(vm->heap, PAGE_SIZE, PAGE_SIZE);
	a->logical = heap_alloc(vm->heap, PAGE_SIZE, PAGE_SIZE);
	a->page = heap_alloc(vm->heap, PAGE_SIZE, PAGE_SIZE);
	return a->physical && a->logical && a->page ? 0 : -ENOMEM;
}

void avic_vm_destroy(struct vm *vm)
{
	struct avic_vm *a = &vm->hvm->avic;

	/* The second stage goes as a whole, and no vCPU enters any more. */
	if (a->physical)
		heap_free(vm->heap, a->physical);
	if (a->logical)
		heap_free(vm->heap, a->logical);
	if (a->page)
		heap_free(vm->heap, a->page);
}

void avic_vcpu_create(struct vcpu *v)
{
	const struct avic_vm *a = &v->vm->hvm->avic;
	struct vmcb_control *c = &v->hvm->vmcb->control;

	v->hvm->logical_slot = NO_SLOT;
	if (!svm_caps.avic)
		return;
	c->avic_bar = VLAPIC_BASE;
	c->avic_page = heap_phys(v->vm->heap, v->lapic->page).v;
	c->avic_logical = heap_phys(v->vm->heap, a->logical).v;
	c->avic_physical = heap_phys(v->vm->heap, a->physical).v |
			   topology_apic_id(&v->vm->topology, v->vm->vcpu_count - 1);
	refresh(v);
}
