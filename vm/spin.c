/*
 * Directed yields; see vm/spin.h. The search looks at each vCPU of the VM twice at most and locks only the queues of those
 * that are ready.
 */
#include "vm/spin.h"

#include "core/thread.h"
#include "lib/atomic.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

/* Those that spin have their turns one after the other: so has who is next at a lock. */
static bool yield_among(struct vcpu *v, bool spinning)
{
	struct vm *vm = v->vm;
	u32 last = atomic_load_relaxed(&vm->yielded_to);

	for (u32 n = 1; n <= vm->vcpu_count; n++) {
		u32 i = (last + n) % vm->vcpu_count;
		const struct vcpu_port *port = &vm->ports[i];

		if (i == v->index || atomic_load_relaxed(&port->spins) != spinning)
			continue;
		if (spinning)
			atomic_store_relaxed(&vm->yielded_to, i);
		if (thread_yield_to(port->thread))
			return true;
	}
	return false;
}

void vcpu_spins(struct vcpu *v)
{
	struct vcpu_port *port = v->port;

	atomic_store_relaxed(&port->spins, true);
	port->yields_tried++;
	if (yield_among(v, false) || yield_among(v, true))
		port->yields_done++;
	else
		thread_yield();
	atomic_store_relaxed(&port->spins, false);
}
