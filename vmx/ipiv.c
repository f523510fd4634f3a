/*
 * IPI virtualization: which vCPUs the hardware may post to, and whom its wake-ups are for.
 */
#include "vmx/ipiv.h"

#include "arch/cpu.h"
#include "arch/lock.h"
#include "arch/percpu.h"
#include "core/irq.h"
#include "core/panic.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/hw/pid.h"
#include "lib/list.h"
#include "mm/page.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vmx/access.h"
#include "vmx/guest.h"

/* An entry of the PID-pointer table, by APIC id: a descriptor's address and this; 0: such IPIs exit. */
#define PID_VALID BIT(0)

/* By a byte of all ones an xAPIC means everyone. */
static_assert(TOPOLOGY_IDS <= 0xff, "no entry for broadcasts");

/* A vCPU whose thread the wake-up vector of a CPU is for. */
struct sleeper {
	struct list node;    /* lock: at's */
	struct sleepers *at; /* NULL: it is awake; owner: its thread */
	struct vm *vm;       /* const, as the rest */
	const struct pi_desc *desc;
	u32 index;
};

/* A page of the hypervisor's, since handlers look in any address space. */
struct ipiv {
	u64 table[TOPOLOGY_IDS]; /* atomic: hardware reads */
	struct sleeper sleepers[VM_MAX_VCPUS];
};
static_assert(sizeof(struct ipiv) <= PAGE_SIZE, "struct hvm_vm.ipiv");

static PERCPU struct sleepers {
	struct spinlock lock;
	struct list list;
} sleepers;

/* Hardware has posted to one of those here. Each that was posted to looks, and leaves the list by itself. */
static void on_wake_up(void)
{
	struct sleepers *here = this_cpu(sleepers);
	u64 flags = spin_lock_irq(&here->lock);

	list_for_each(node, &here->list) {
		const struct sleeper *s = list_entry(node, struct sleeper, node);

		/* What is here has a thread: it goes off the list before it ends. */
		if (atomic_load_relaxed(&s->desc->control) & PID_ON)
			vcpu_request(s->vm, s->index, REQ_EVENT);
	}
	spin_unlock_irq(&here->lock, flags);
}

/* Onto a list, from where it is; NULL: onto none. */
static void enlist(struct sleeper *s, struct sleepers *at)
{
	u64 flags;

	if (s->at) {
		flags = spin_lock_irq(&s->at->lock);
		list_del(&s->node);
		spin_unlock_irq(&s->at->lock, flags);
	}
	s->at = at;
	if (at) {
		flags = spin_lock_irq(&at->lock);
		list_add_tail(&at->list, &s->node);
		spin_unlock_irq(&at->lock, flags);
	}
}

u8 vmx_ipiv_notification(const struct vcpu *v, bool asleep)
{
	struct sleeper *s = &v->vm->hvm->ipiv->sleepers[v->index];

	if (asleep || s->at)
		enlist(s, asleep ? this_cpu(sleepers) : NULL);
	return asleep ? IRQ_VECTOR_WAKE_UP : IRQ_VECTOR_POSTED;
}

void vmx_ipiv_follow(const struct vcpu *v, bool on)
{
	u64 entry = on ? virt_to_phys(&v->vm->hvm->posted[v->index]).v | PID_VALID : 0;

	/* An IPI that is under way comes all the same, as to an APIC that is switched off a moment later. */
	atomic_store_relaxed(&v->vm->hvm->ipiv->table[v->apic_id], entry);
}

void vmx_ipiv_construct(const struct vcpu *v)
{
	vmcs_write(PID_POINTER_TABLE, virt_to_phys(v->vm->hvm->ipiv->table).v);
	vmcs_write(LAST_PID_POINTER, TOPOLOGY_IDS - 1);
}

int vmx_ipiv_vm_create(struct vm *vm)
{
	struct ipiv *i = page_alloc(0);

	if (!i)
		return -ENOMEM;
	for (u32 k = 0; k < VM_MAX_VCPUS; k++)
		i->sleepers[k] =
			(struct sleeper){ .vm = vm, .desc = &vm->hvm->posted[k], .index = k };
	vm->hvm->ipiv = i;
	return 0;
}

void vmx_ipiv_vm_destroy(struct vm *vm)
{
	struct ipiv *i = vm->hvm->ipiv;

	if (!i)
		return;
	/* The CPU reads the table in guest mode alone; and who has ended its run loop does not sleep there. */
	for (u32 k = 0; k < VM_MAX_VCPUS; k++)
		ASSERT(!i->sleepers[k].at);
	page_free(i, 0);
}

void vmx_ipiv_init(void)
{
	for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
		struct sleepers *s = other_cpu(sleepers, cpu);

		spin_init(&s->lock, RANK_SLEEPERS, "sleepers");
		list_init(&s->list);
	}
	irq_set_fixed(IRQ_VECTOR_WAKE_UP, on_wake_up);
}
