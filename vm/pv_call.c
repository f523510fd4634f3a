/*
 * Hypercalls of KVM's paravirtual interface. Each is a bounded piece of work on the VM's own vCPUs, and charged to
 * the thread that asks.
 */
#include "vm/pv.h"

#include "core/thread.h"
#include "lib/atomic.h"
#include "vm/cpuid.h"
#include "vm/lapic.h"
#include "vm/pv_abi.h"
#include "vm/skip.h"
#include "vm/topology.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define ICR_VECTOR      BITS(7, 0)
#define ICR_MODE        BITS(10, 8)
#define ICR_SAYS_WHOM   (BIT(11) | BITS(19, 18)) /* logical; shorthands */
#define NOBODY          (~0u)
#define ANSWER_ERROR(e) (~(u64)(e) + 1)

struct args {
	u64 a[4];
	bool wide; /* of 64-bit code */
};

/* The vCPU with that APIC id, or NOBODY. */
static u32 vcpu_of(const struct vm *vm, u64 apic_id)
{
	u32 index = apic_id < TOPOLOGY_IDS ? vm->topology.vcpu_of[apic_id] : NOBODY;

	return index < vm->vcpu_count ? index : NOBODY;
}

/* That vCPU's thread goes on instead of this one's, if it could and does not. */
static void yield_to(struct vcpu *v, u32 index)
{
	if (index != v->index)
		thread_yield_to(v->vm->ports[index].thread);
}

/* One that does not sleep finds the request before it would: it is not disturbed. */
static u64 kick_cpu(struct vcpu *v, const struct args *args)
{
	u32 index = vcpu_of(v->vm, args->a[1]);
	struct vcpu_port *port;

	if (index == NOBODY)
		return 0;
	port = &v->vm->ports[index];
	/* Full order: before where is read. Pairs with the run loop's sleep(). */
	atomic_fetch_or(&port->requests, REQ_UNHALT);
	if (atomic_load_relaxed(&port->where) == VCPU_SLEEPS)
		thread_wake(port->thread);
	else
		yield_to(v, index);
	return 0;
}

static u64 sched_yield(struct vcpu *v, const struct args *args)
{
	u32 index = vcpu_of(v->vm, args->a[0]);

	if (index != NOBODY)
		yield_to(v, index);
	return 0;
}

/* Sends msg to those that bits name, of which the first is APIC id first. How many took it. */
static u64 send_to(struct vm *vm, struct irq_msg *msg, u64 first, u64 bits)
{
	u64 taken = 0;

	for (; bits; bits &= bits - 1) {
		u32 index = vcpu_of(vm, first + (u32)__builtin_ctzll(bits));
		struct vlapic *l = index == NOBODY ? NULL : vm->ports[index].vcpu->lapic;

		if (!l)
			continue;
		msg->dest = l->vcpu->apic_id;
		if (vlapic_match(l, msg) && vlapic_accept(l, msg))
			taken++;
	}
	return taken;
}

static u64 send_ipi(struct vcpu *v, const struct args *args)
{
	u64 low = args->a[0], high = args->a[1], first = (u32)args->a[2], icr = args->a[3];
	struct irq_msg msg = {
		.wide = true,
		.delivery = (icr & ICR_MODE) >> 8,
		.vector = (u8)(icr & ICR_VECTOR),
	};

	if (icr & ICR_SAYS_WHOM || (msg.delivery != DELIVER_NMI &&
				    (msg.delivery != DELIVER_FIXED || msg.vector < VECTOR_LEGAL)))
		return ANSWER_ERROR(KVM_E_INVAL);
	if (!args->wide) {
		low |= high << 32;
		high = 0;
	}
	v->port->irq_exits[IRQ_EXIT_IPI]++;
	return send_to(v->vm, &msg, first, low) + send_to(v->vm, &msg, first + 64, high);
}

static u64 poll_irq(struct vcpu *v, const struct args *args)
{
	(void)v;
	(void)args;
	return 0; /* the exit was all that was wanted */
}

static const struct call {
	u64 feature; /* 0: of the interface as such */
	u64 (*fn)(struct vcpu *v, const struct args *args);
} calls[] = {
	[KVM_HC_POLL_IRQ] = { 0, poll_irq },
	[KVM_HC_KICK_CPU] = { KVM_FEATURE_PV_UNHALT, kick_cpu },
	[KVM_HC_SEND_IPI] = { KVM_FEATURE_SEND_IPI, send_ipi },
	[KVM_HC_SCHED_YIELD] = { KVM_FEATURE_SCHED_YIELD, sched_yield },
};

/* NULL: none that this VM is offered. */
static const struct call *find(const struct vcpu *v, u64 number)
{
	u32 features = v->vm->cpuid->pv_features;
	const struct call *c = number < ARRAY_LEN(calls) ? &calls[number] : NULL;

	return c && c->fn && features && (features & c->feature) == c->feature ? c : NULL;
}

static __noinline u64 answer(struct vcpu *v, const struct call *c)
{
	const u64 *g = v->regs.gpr;
	struct args args = { .a = { g[GPR_RBX], g[GPR_RCX], g[GPR_RDX], g[GPR_RSI] } };

	args.wide = vcpu_mode(v) == 64;
	for (u32 i = 0; i < ARRAY_LEN(args.a) && !args.wide; i++)
		args.a[i] = (u32)args.a[i];
	return vcpu_cpl(v) ? ANSWER_ERROR(KVM_E_PERM) : c->fn(v, &args);
}

void pv_hypercall(struct vcpu *v, const struct vm_exit *e)
{
	const struct call *c = find(v, v->regs.gpr[GPR_RAX]);

	/* First, since the thread may give way: then it is between two instructions. */
	vcpu_skip(v, e);
	v->regs.gpr[GPR_RAX] = likely(!c) ? ANSWER_ERROR(KVM_E_NOSYS) : answer(v, c);
}
