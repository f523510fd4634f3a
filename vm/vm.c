/*
 * VMs: the list of them, references, and what other threads may ask of one: the power and reset buttons,
 * the plug. Pauses are in vm/pause.c; starting, and what follows when a guest has ended, in vm/keeper.c.
 */
#include "vm/vm.h"

#include "core/panic.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vm/call.h"
#include "vm/exitstat.h"
#include "vm/keeper.h"
#include "vm/trace.h"
#include "vm/vcpu.h"
#include "vm/vdev.h"

static struct spinlock vm_list_lock = SPINLOCK_INIT(RANK_VM, "vm_list");
static struct list vm_list = LIST_INIT(vm_list); /* by number */
static u64 last_number;                          /* lock: vm_list_lock */

const char *vm_state_name(enum vm_state s)
{
	static const char *const names[] = {
		[VM_DEFINED] = "shut off", [VM_STARTING] = "starting", [VM_RUNNING] = "running",
		[VM_PAUSED] = "paused",    [VM_STOPPED] = "shut off",  [VM_CRASHED] = "crashed",
	};

	return names[s];
}

u64 vm_low_ram(const struct vm *vm)
{
	return MIN(vm->cfg.memory, GUEST_LOW_RAM_MAX);
}

u64 vm_high_ram(const struct vm *vm)
{
	return vm->cfg.memory - vm_low_ram(vm);
}

bool vm_active(const struct vm *vm)
{
	/* Pairs with vm_set_state(): what led to the state is seen, too. */
	u8 state = atomic_load_acquire(&vm->state);

	return state == VM_STARTING || state == VM_RUNNING || state == VM_PAUSED;
}

void vm_set_state(struct vm *vm, enum vm_state state)
{
	/* Release: who sees the new state sees what led to it. Pairs with readers' acquire. */
	atomic_store_release(&vm->state, (u8)state);
}

/* --- the list ----------------------------------------------------------------------------------- */

/* The lowest number that no VM has as its id. The list's lock is held. */
static u32 free_id(void)
{
	u32 id = 1;
	bool taken;

	do {
		taken = false;
		list_for_each(node, &vm_list) {
			if (list_entry(node, struct vm, node)->id == id) {
				taken = true;
				id++;
				break;
			}
		}
	} while (taken);
	return id;
}

/* Whether a VM has that name or UUID. The list's lock is held. */
static bool has_twin(const struct domain *cfg)
{
	static const u8 none[sizeof(cfg->uuid)];

	list_for_each(node, &vm_list) {
		const struct domain *other = &list_entry(node, struct vm, node)->cfg;

		if (!strcmp(other->name, cfg->name) ||
		    (memcmp(cfg->uuid, none, sizeof(none)) &&
		     !memcmp(other->uuid, cfg->uuid, sizeof(none))))
			return true;
	}
	return false;
}

static void port_timer_fired(struct timer *t)
{
	struct vcpu_port *port = container_of(t, struct vcpu_port, timer);

	trace(port, TRACE_TIMER, 0, 0, 0);
	vcpu_request(port->vm, port->index, REQ_TIMER);
}

static void dev_timer_fired(struct timer *t)
{
	struct vm *vm = container_of(t, struct vm, dev_timer);

	trace(&vm->ports[0], TRACE_TIMER, 1, 0, 0);
	vcpu_request(vm, 0, REQ_DEV_TIMER);
}

/* Gives the VM the memory that its ports have beside it; false: there is none, or not all. */
static bool ports_make(struct vm *vm)
{
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		struct vcpu_port *port = &vm->ports[i];

		port->vm = vm;
		port->index = i;
		list_init(&port->calls);
		timer_init(&port->timer, port_timer_fired);
		port->stats = kalloc(sizeof(*port->stats));
		if (!port->stats)
			return false;
	}
	return true;
}

static void vm_free(struct vm *vm)
{
	for (u32 i = 0; i < vm->vcpu_count; i++)
		kfree(vm->ports[i].stats);
	kfree(vm);
}

static struct vm *vm_make(const struct domain *cfg)
{
	struct vm *vm = kalloc(sizeof(*vm));

	if (!vm)
		return NULL;
	vm->cfg = *cfg;
	vm->cfg.memory = ALIGN_UP(cfg->memory, GRANULE_SIZE);
	vm->log.name = vm->cfg.name;
	vm->vcpu_count = cfg->vcpus;
	vm->topology = topology_of(cfg);
	vm->refs = 2; /* the list's and the caller's */
	spin_init(&vm->lock, RANK_VM_STATE, "vm");
	list_init(&vm->devices);
	spin_init(&vm->timer_lock, RANK_VTIMER, "vtimers");
	list_init(&vm->dev_timers);
	timer_init(&vm->dev_timer, dev_timer_fired);
	for (u32 i = 0; i < cfg->serials; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%.20s:%u", cfg->name, i);
		chardev_init(&vm->serial[i], name);
	}
	if (!ports_make(vm)) {
		vm_free(vm);
		return NULL;
	}
	return vm;
}

int vm_create(const struct domain *cfg, struct vm **out)
{
	struct vm *vm = vm_make(cfg);
	bool twin;

	if (!vm)
		return -ENOMEM;
	spin_lock(&vm_list_lock);
	twin = has_twin(cfg);
	if (!twin) {
		vm->number = ++last_number;
		vm->id = free_id();
		vm->owner = (owner_t)(OWNER_VM + vm->id);
		list_add_tail(&vm_list, &vm->node);
	}
	spin_unlock(&vm_list_lock);
	if (twin) {
		vm_free(vm);
		return -EEXIST;
	}
	*out = vm;
	return 0;
}

int vm_undefine(struct vm *vm)
{
	int err = 0;

	spin_lock(&vm->lock);
	if (vm_active(vm) || vm->preserved)
		err = -EBUSY;
	else if (vm->undefined)
		err = -ENOENT;
	else
		vm->undefined = true;
	spin_unlock(&vm->lock);
	if (err)
		return err;
	spin_lock(&vm_list_lock);
	list_del(&vm->node);
	spin_unlock(&vm_list_lock);
	vm_put(vm);
	return 0;
}

void vm_get(struct vm *vm)
{
	/* Who gets one has one already, or holds the list's lock: nothing to order. */
	__atomic_fetch_add(&vm->refs, 1, __ATOMIC_RELAXED);
}

void vm_put(struct vm *vm)
{
	/* Full order: what others did before they let go is done before it is freed. */
	if (atomic_fetch_sub(&vm->refs, 1) != 1)
		return;
	ASSERT(!timer_armed(&vm->dev_timer));
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		const struct vcpu_port *port = &vm->ports[i];

		ASSERT(!port->thread && list_empty(&port->calls) && !timer_armed(&port->timer));
	}
	vm_free(vm);
}

struct vm *vm_next(struct vm *prev)
{
	u64 after = prev ? prev->number : 0;
	struct vm *next = NULL;

	spin_lock(&vm_list_lock);
	list_for_each(node, &vm_list) {
		struct vm *vm = list_entry(node, struct vm, node);

		if (vm->number > after) {
			next = vm;
			vm_get(vm);
			break;
		}
	}
	spin_unlock(&vm_list_lock);
	if (prev)
		vm_put(prev);
	return next;
}

struct vm *vm_find(const char *name)
{
	struct vm *vm = NULL;

	while ((vm = vm_next(vm))) {
		if (!strcmp(vm->cfg.name, name))
			break;
	}
	return vm;
}

/* --- requests ----------------------------------------------------------------------------------- */

void vcpu_request(struct vm *vm, u32 index, u32 requests)
{
	struct vcpu_port *port = &vm->ports[index];
	bool kicked = false;
	u32 where;

	/*
	 * Full order: the request is there before where is read. Pairs with the exchanges of where in the run
	 * loop, which come before its look at the requests: either it sees the request, or we see that it has
	 * gone on. And it sees what was done before the request.
	 */
	atomic_fetch_or(&port->requests, requests);
	where = atomic_load_relaxed(&port->where);
	if (where == VCPU_SLEEPS) {
		trace(port, TRACE_WAKE, 0, requests, 0);
		thread_wake(port->thread);
	} else if (where == VCPU_IN_GUEST) {
		trace(port, TRACE_KICK, 0, requests, 0);
		kicked = thread_kick(port->thread);
	}
	atomic_fetch_add(kicked ? &port->kicks : &port->kicks_saved, 1);
	if (kicked && requests & (REQ_EVENT | REQ_NMI))
		atomic_fetch_add(&port->irq_exits[IRQ_EXIT_KICK], 1);
}

void vm_request(struct vm *vm, u32 index, u32 requests)
{
	/* Holding it keeps the keeper from freeing the thread. */
	spin_lock(&vm->lock);
	vcpu_request(vm, index, requests);
	spin_unlock(&vm->lock);
}

void vm_cpu_times(struct vm *vm, u32 index, struct vcpu_times *out)
{
	struct vcpu_port *port = &vm->ports[index];
	struct thread_times t;
	u64 halted, from;
	u32 seq;

	spin_lock(&vm->lock);
	/* Again where a HLT began or ended meanwhile. The acquires and the lock in between pair with halt_sleep(). */
	do {
		seq = atomic_load_acquire(&port->halt_seq);
		from = atomic_load_relaxed(&port->halt_from);
		halted = atomic_load_acquire(&port->halted_ns);
		t = port->times;
		if (port->thread)
			thread_times(port->thread, &t);
	} while ((seq & 1) || atomic_load_relaxed(&port->halt_seq) != seq);
	spin_unlock(&vm->lock);
	if (from)
		halted += t.slept - (from - 1);
	*out = (struct vcpu_times){
		.run = t.run,
		.waited = t.waited,
		.halted = halted,
		.other = t.slept - halted,
		.halts = from,
	};
}

u64 vm_cpu_time(struct vm *vm, u32 index)
{
	struct vcpu_times t;

	vm_cpu_times(vm, index, &t);
	return t.run;
}

void vm_request_all(struct vm *vm, u32 requests)
{
	for (u32 i = 0; i < vm->vcpu_count; i++)
		vcpu_request(vm, i, requests);
}

/* --- buttons ------------------------------------------------------------------------------------ */

/* The first reason counts. The VM's lock is held, the VM is active. */
static __printf(3, 0) void end(struct vm *vm, enum stop_reason why, const char *fmt, va_list ap)
{
	if (vm->stop_reason != STOP_NONE)
		return;
	vm->stop_reason = (u8)why;
	vsnprintf(vm->stop_text, sizeof(vm->stop_text), fmt, ap);
	vm_request_all(vm, REQ_STOP);
}

static __printf(3, 4) void end_for(struct vm *vm, enum stop_reason why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	end(vm, why, fmt, ap);
	va_end(ap);
}

void vm_stop(struct vm *vm, enum stop_reason why, const char *fmt, ...)
{
	va_list ap;

	spin_lock(&vm->lock);
	va_start(ap, fmt);
	end(vm, why, fmt, ap);
	va_end(ap);
	spin_unlock(&vm->lock);
}

int vm_destroy(struct vm *vm)
{
	int err = 0;

	spin_lock(&vm->lock);
	if (!vm_active(vm) && !vm->preserved)
		err = -ENODEV;
	else
		vm->destroyed = true;
	if (vm_active(vm))
		end_for(vm, STOP_DESTROYED, "destroyed");
	spin_unlock(&vm->lock);
	keeper_wake(); /* no thread of the VM's may be there to do it */
	return err;
}

int vm_reset(struct vm *vm)
{
	int err = 0;

	spin_lock(&vm->lock);
	if (!vm_active(vm) || vm->destroyed) {
		err = -ENODEV;
	} else if (vm->restart_ns) {
		vm->restart_ns = 1; /* it waits no more */
	} else {
		vm->reset = true;
		end_for(vm, STOP_RESET, "reset by the reset button");
	}
	spin_unlock(&vm->lock);
	keeper_wake();
	return err;
}

static void press(struct vcpu *v, void *arg)
{
	(void)arg;
	vdev_power_button(v->vm);
}

int vm_shutdown(struct vm *vm)
{
	return vm->cfg.acpi ? vcpu_call(vm, 0, press, NULL) : -ENOTSUP;
}
