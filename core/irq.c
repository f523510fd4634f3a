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
#include "arch/smp.h"
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
static const struct irq_line_ops *line_ops;   /* const after start */
static const struct irq_remap_ops *remap_ops; /* const after start; NULL: no remapping */
static u32 last_cpu;                          /* that irq_next_cpu() gave; atomic */

/* Has the vector of an interrupt that moved away: one may still be on its way here. */
static void nothing(void *arg)
{
	(void)arg;
}
static struct irq leftover = { .fn = nothing };

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

/* A free vector's place on that CPU, rather one that nothing can still come for. IRQ_VECTORS: none. Locked. */
static u32 find_free(const struct irq_cpu *c)
{
	u32 second = IRQ_VECTORS;

	for (u32 i = 0; i < IRQ_VECTORS; i++) {
		if (!c->irqs[i])
			return i;
		if (c->irqs[i] == &leftover && second == IRQ_VECTORS)
			second = i;
	}
	return second;
}

static bool can_name(u32 apic_id)
{
	return apic_id <= MSI_DEST_MAX || remap_ops;
}

/* Takes a vector there for irq, which says where it is on success. */
static int take_vector(struct irq *irq, u32 cpu, u32 apic_id)
{
	struct irq_cpu *c = other_cpu(irq_cpu, cpu);
	int ret = -ENOSPC;
	u64 flags;
	u32 i;

	if (!can_name(apic_id))
		return -ENOTSUP;
	flags = spin_lock_irq(&irq_lock);
	i = find_free(c);
	if (i < IRQ_VECTORS) {
		irq->vector = (u8)(IRQ_VECTOR_FIRST + i);
		irq->cpu = cpu;
		irq->apic_id = apic_id;
		/* Pairs with the load in run_dynamic(): who finds irq there finds what it says. */
		atomic_store_release(&c->irqs[i], irq);
		ret = 0;
	}
	spin_unlock_irq(&irq_lock, flags);
	return ret;
}

/* Nothing of irq runs on that CPU after, nor will, by that vector. */
static void give_vector(struct irq *irq, u32 cpu, u8 vector, struct irq *instead)
{
	struct irq_cpu *c = other_cpu(irq_cpu, cpu);
	u64 flags = spin_lock_irq(&irq_lock);

	ASSERT(c->irqs[vector - IRQ_VECTOR_FIRST] == irq);
	atomic_store_relaxed(&c->irqs[vector - IRQ_VECTOR_FIRST], instead);
	spin_unlock_irq(&irq_lock, flags);
	/* Pairs with run_dynamic(): it sees the entry gone, or we see it running. */
	smp_mb();
	while (atomic_load_acquire(&c->running) == irq)
		cpu_relax();
}

int irq_alloc(struct irq *irq, void (*fn)(void *arg), void *arg)
{
	*irq = (struct irq){ .fn = fn, .arg = arg, .entry = -1 };
	return take_vector(irq, cpu_id(), lapic_id());
}

int irq_alloc_on(struct irq *irq, u32 cpu, void (*fn)(void *arg), void *arg)
{
	if (cpu >= cpu_count())
		return -ENODEV;
	*irq = (struct irq){ .fn = fn, .arg = arg, .entry = -1 };
	return take_vector(irq, cpu, cpu_apic_id(cpu));
}

u32 irq_next_cpu(void)
{
	u32 cpu = 0;

	for (u32 i = 0; i < cpu_count(); i++) {
		cpu = atomic_fetch_add(&last_cpu, 1) % cpu_count();
		if (can_name(cpu_apic_id(cpu)))
			break;
	}
	return cpu;
}

void irq_free(struct irq *irq)
{
	give_vector(irq, irq->cpu, irq->vector, NULL);
	if (irq->entry >= 0 && !irq->line)
		remap_ops->unremap(irq->segment, irq->rid, irq->entry);
	irq->entry = -1;
}

int irq_move(struct irq *irq, u32 cpu, int (*reroute)(struct irq *irq, void *ctx), void *ctx)
{
	struct irq old = *irq;
	int ret;

	ASSERT(!irq->line);
	if (cpu >= cpu_count())
		return -ENODEV;
	if (cpu == irq->cpu)
		return 0;
	ret = take_vector(irq, cpu, cpu_apic_id(cpu));
	if (ret)
		return ret;
	ret = reroute(irq, ctx);
	if (ret) {
		give_vector(irq, irq->cpu, irq->vector, &leftover);
		irq->vector = old.vector;
		irq->cpu = old.cpu;
		irq->apic_id = old.apic_id;
		return ret;
	}
	give_vector(irq, old.cpu, old.vector, &leftover);
	lapic_ipi(irq->cpu, irq->vector);
	return 0;
}

void irq_set_remap_ops(const struct irq_remap_ops *ops)
{
	remap_ops = ops;
}

static struct irq_msi compose_plain(const struct irq *irq)
{
	return (struct irq_msi){
		.address = MSI_ADDRESS | irq->apic_id << MSI_DEST_SHIFT,
		.data = irq->vector,
	};
}

int irq_compose_msi(struct irq *irq, u16 segment, u16 rid, struct irq_msi *out)
{
	irq->segment = segment;
	irq->rid = rid;
	if (remap_ops)
		return remap_ops->remap(segment, rid, irq, &irq->entry, out);
	*out = compose_plain(irq);
	return 0;
}

/* The same for a line's pin. */
static int compose_line(struct irq *irq, u32 gsi, bool level, struct irq_msi *out)
{
	u8 ioapic_id, pin;
	int ret;

	*out = compose_plain(irq);
	if (!remap_ops)
		return 0;
	ret = line_ops->find(gsi, &ioapic_id, &pin);
	irq->line = true;
	return ret ? ret : remap_ops->remap_ioapic(ioapic_id, pin, irq, level, &irq->entry, out);
}

void irq_set_line_ops(const struct irq_line_ops *ops)
{
	line_ops = ops;
}

int irq_connect_line(struct irq *irq, u32 gsi, bool level, bool active_low)
{
	struct irq_msi msg;
	int ret;

	if (!line_ops)
		return -ENODEV;
	ret = compose_line(irq, gsi, level, &msg);
	if (!ret)
		ret = line_ops->route(gsi, msg, level, active_low);
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
	struct irq *irq = atomic_load_acquire(entry); /* pairs with take_vector() */

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
