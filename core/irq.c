/*
 * Host interrupts: a table of fixed vectors, the same on all CPUs, and per CPU a table of vectors
 * that drivers get. A handler's entry is read by its own CPU without a lock; who takes one out
 * waits until it is not running.
 */
#include "core/irq.h"
#include "arch/cpu.h"
#include "arch/lapic.h"
#include "arch/lock.h"
#include "arch/percpu.h"
#include "arch/trap.h"
#include "core/host.h"
#include "core/log.h"
#include "core/mce.h"
#include "core/panic.h"
#include "core/sched.h"
#include "lib/atomic.h"
#include "lib/compiler.h"
#include "lib/errno.h"

#define IRQ_VECTORS     (IRQ_VECTOR_LAST - IRQ_VECTOR_FIRST + 1)
#define IRQ_FIXED_FIRST (IRQ_VECTOR_LAST + 1)
#define IRQ_FIXED       (256 - IRQ_FIXED_FIRST)

/* An MSI without remapping (SDM vol. 3, "Message Address Register Format"). */
#define MSI_ADDRESS    0xfee00000u
#define MSI_DEST_SHIFT 12
#define MSI_DEST_MAX   255u
/* Message data: the vector; fixed delivery mode, edge triggered are 0. */

struct irq_cpu {
	struct irq *irqs[IRQ_VECTORS]; /* lock: irq_lock; read by this CPU without */
	struct irq *running;           /* its handler is under way; written by this CPU */
	u32 depth;                     /* handlers under way; this CPU */
	u64 stray;                     /* interrupts that nobody has a handler for; this CPU */
};

static PERCPU struct irq_cpu irq_cpu;
static void (*fixed[IRQ_FIXED])(void); /* const after start */
static struct spinlock irq_lock = SPINLOCK_INIT(RANK_IRQ, "irq vectors");
static const struct irq_line_ops *line_ops; /* const after start */

void irq_set_fixed(u8 vector, void (*fn)(void))
{
	ASSERT(vector >= IRQ_FIXED_FIRST && !fixed[vector - IRQ_FIXED_FIRST]);
	fixed[vector - IRQ_FIXED_FIRST] = fn;
}

static void nudged(void) {}

void irq_init(void)
{
	static const struct trap_hooks hooks = {
		.external = irq_dispatch,
		.irq_return = sched_irq_return,
		.nmi = panic_nmi,
		.machine_check = mce_trap,
		.fatal = panic_trap,
	};

	trap_set_hooks(&hooks);
	irq_set_fixed(IRQ_VECTOR_NUDGE, nudged);
}

int irq_alloc(struct irq *irq, void (*fn)(void *arg), void *arg)
{
	struct irq_cpu *c = this_cpu(irq_cpu);
	int ret = -ENOSPC;
	u64 flags;

	if (lapic_id() > MSI_DEST_MAX)
		return -ENOTSUP;
	flags = spin_lock_irq(&irq_lock);
	for (u32 i = 0; i < IRQ_VECTORS; i++) {
		if (c->irqs[i])
			continue;
		*irq = (struct irq){
			.vector = (u8)(IRQ_VECTOR_FIRST + i),
			.cpu = cpu_id(),
			.apic_id = (u8)lapic_id(),
			.fn = fn,
			.arg = arg,
		};
		c->irqs[i] = irq;
		ret = 0;
		break;
	}
	spin_unlock_irq(&irq_lock, flags);
	return ret;
}

void irq_free(struct irq *irq)
{
	struct irq_cpu *c = other_cpu(irq_cpu, irq->cpu);
	u64 flags = spin_lock_irq(&irq_lock);

	ASSERT(c->irqs[irq->vector - IRQ_VECTOR_FIRST] == irq);
	atomic_store_relaxed(&c->irqs[irq->vector - IRQ_VECTOR_FIRST], NULL);
	spin_unlock_irq(&irq_lock, flags);
	/* Pairs with run_dynamic(): it sees the entry gone, or we see it running. */
	smp_mb();
	while (atomic_load_acquire(&c->running) == irq)
		cpu_relax();
}

struct irq_msi irq_compose_msi(const struct irq *irq)
{
	return (struct irq_msi){
		.address = MSI_ADDRESS | (u32)irq->apic_id << MSI_DEST_SHIFT,
		.data = irq->vector,
	};
}

void irq_set_line_ops(const struct irq_line_ops *ops)
{
	line_ops = ops;
}

int irq_connect_line(struct irq *irq, u32 gsi, bool level, bool active_low)
{
	int ret;

	if (!line_ops)
		return -ENODEV;
	ret = line_ops->route(gsi, irq_compose_msi(irq), level, active_low);
	if (!ret)
		line_ops->mask(gsi, false);
	return ret;
}

int irq_connect_isa(struct irq *irq, u8 isa_irq)
{
	for (u32 i = 0; i < host.override_count; i++) {
		const struct host_override *o = &host.overrides[i];

		if (o->isa_irq == isa_irq)
			return irq_connect_line(irq, o->gsi, o->level, o->active_low);
	}
	return irq_connect_line(irq, isa_irq, false, false);
}

/* False: nobody's. */
static bool run_dynamic(struct irq_cpu *c, u8 vector)
{
	struct irq **entry = &c->irqs[vector - IRQ_VECTOR_FIRST];
	struct irq *irq = atomic_load_relaxed(entry);

	if (!irq)
		return false;
	atomic_store_relaxed(&c->running, irq);
	/* Pairs with irq_free(). */
	smp_mb();
	if (atomic_load_relaxed(entry) == irq)
		irq->fn(irq->arg);
	/* Pairs with the acquire in irq_free(): what fn did is done. */
	atomic_store_release(&c->running, NULL);
	return true;
}

static bool run_fixed(u8 vector)
{
	void (*fn)(void) = fixed[vector - IRQ_FIXED_FIRST];

	if (fn)
		fn();
	return fn;
}

void irq_dispatch(u8 vector)
{
	struct irq_cpu *c = this_cpu(irq_cpu);
	bool known;

	/* Neither a spurious interrupt nor the masked PIC's is in service at the local APIC. */
	if (vector == IRQ_VECTOR_SPURIOUS || vector < IRQ_VECTOR_FIRST)
		return;
	c->depth++;
	known = vector < IRQ_FIXED_FIRST ? run_dynamic(c, vector) : run_fixed(vector);
	if (!known && !c->stray++)
		log_warn("irq: vector 0x%x has no handler (further ones are not logged)", vector);
	lapic_eoi();
	c->depth--;
}

bool irq_active(void)
{
	return READ_ONCE(this_cpu(irq_cpu)->depth) != 0;
}
