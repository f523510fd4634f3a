/*
 * Traces of vCPUs: writing, switching on and off, reading all rings in the order of time.
 */
#include "vm/trace.h"

#include "lib/errno.h"
#include "mm/heap.h"
#include "vm/hvm.h"
#include "vm/vcpu.h"

/* By CPU; made when somebody traces for the first time, there from then on. Atomic. */
static struct trace_ring *rings[MAX_CPUS];

const char *const trace_kind_names[] = {
	[TRACE_EXIT] = "exit",   [TRACE_ENTRY] = "entry", [TRACE_INJECT] = "inject",
	[TRACE_POST] = "post",   [TRACE_KICK] = "kick",   [TRACE_WAKE] = "wake",
	[TRACE_IN] = "in",       [TRACE_OUT] = "out",     [TRACE_HALT] = "halt",
	[TRACE_TIMER] = "timer", [TRACE_INIT] = "init",   [TRACE_SIPI] = "sipi",
	[TRACE_FAULT] = "fault", [TRACE_KINDS] = NULL,
};

void trace_write(const struct vcpu_port *port, enum trace_kind kind, u8 sub, u64 a, u64 b, u64 tsc)
{
	const struct trace_record r = {
		.tsc = tsc,
		.a = a,
		.b = b,
		.vm = (u32)port->vm->number,
		.vcpu = (u16)port->index,
		.kind = (u8)kind,
		.sub = sub,
	};

	/* Pairs with rings_make(); who is moved to another CPU meanwhile writes where others do, too. */
	trace_ring_put(atomic_load_acquire(&rings[cpu_id()]), &r);
}

/* What the guest asked for at an exit, as far as it is no value of its own. */
static u64 asked_for(const struct vcpu *v, const struct vm_exit *e)
{
	switch (e->kind) {
	case EXIT_PORT:
		return e->port.port | (u64)e->port.size << 16 | (u64)e->port.write << 24;
	case EXIT_MSR:
		return (u32)v->regs.gpr[GPR_RCX] | (u64)e->msr.write << 32;
	case EXIT_S2:
		return e->s2.gpa.v;
	case EXIT_CR:
		return e->cr.cr | (u64)e->cr.write << 8;
	case EXIT_EXCEPTION:
		return e->exception.vector;
	case EXIT_EOI:
		return e->eoi.vector;
	case EXIT_APIC_WRITE:
		return e->apic_write.offset;
	default:
		return 0;
	}
}

void trace_exit(struct vcpu *v, const struct vm_exit *e)
{
	u64 now = rdtsc(), tsc = now - ((u32)now - v->exit_tsc);
	u32 wanted = atomic_load_relaxed(&v->port->trace);

	if (wanted & (1u << TRACE_EXIT))
		trace_write(v->port, TRACE_EXIT, e->kind, vcpu_rip(v), asked_for(v, e), tsc);
	if (e->kind == EXIT_S2 && (wanted & (1u << TRACE_FAULT)))
		trace_write(v->port, TRACE_FAULT, 0, e->s2.gpa.v,
			    (e->s2.write ? TRACE_WRITE : 0) | (e->s2.fetch ? TRACE_FETCH : 0) |
				    (e->s2.table_walk ? TRACE_WALK : 0) |
				    (e->s2.delivery ? TRACE_DELIVERY : 0),
			    tsc);
}

static int rings_make(void)
{
	for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
		struct trace_ring *none = NULL, *ring;

		if (atomic_load_relaxed(&rings[cpu]))
			continue;
		ring = kalloc(sizeof(*ring));
		if (!ring)
			return -ENOMEM;
		/* Full order: an empty ring is there for who finds it. Pairs with trace_write(). */
		if (!atomic_cas(&rings[cpu], &none, ring))
			kfree(ring);
	}
	return 0;
}

static void set(struct vm *vm, u32 vcpu, u32 kinds)
{
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		bool wanted = vcpu == TRACE_EVERY || vcpu == i;

		/* Release: the rings are there before. */
		atomic_store_release(&vm->ports[i].trace, wanted ? kinds : 0);
		atomic_store_release(&vm->ports[i].traced, wanted && kinds);
	}
}

int trace_start(struct vm *vm, u32 vcpu, u32 kinds)
{
	int err = rings_make();

	if (!err)
		set(vm, vcpu, kinds);
	return err;
}

void trace_stop(struct vm *vm)
{
	set(vm, TRACE_EVERY, 0);
}

void trace_reader_init(struct trace_reader *r, bool from_now)
{
	memset(r, 0, sizeof(*r));
	for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
		const struct trace_ring *ring = atomic_load_acquire(&rings[cpu]);
		u64 head = ring ? atomic_load_acquire(&ring->head) : 0;

		/* What went before anybody read is not lost to this reader. */
		r->at[cpu].next = from_now                  ? head :
				  head > TRACE_RING_RECORDS ? head - TRACE_RING_RECORDS :
							      0;
	}
}

bool trace_read(struct trace_reader *r, struct trace_record *out, u32 *cpu)
{
	bool found = false;

	for (u32 i = 0; i < cpu_count(); i++) {
		const struct trace_ring *ring = atomic_load_acquire(&rings[i]);

		if (!r->has[i] && ring)
			r->has[i] = trace_ring_next(ring, &r->at[i], &r->first[i]);
		if (r->has[i] && (!found || r->first[i].tsc < r->first[*cpu].tsc)) {
			*cpu = i;
			found = true;
		}
	}
	if (found) {
		*out = r->first[*cpu];
		r->has[*cpu] = false;
	}
	return found;
}

u64 trace_lost(const struct trace_reader *r)
{
	u64 n = 0;

	for (u32 cpu = 0; cpu < cpu_count(); cpu++)
		n += r->at[cpu].lost;
	return n;
}
