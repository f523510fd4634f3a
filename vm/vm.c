/*
 * VMs: the list of them, starting, stopping and cleaning up. A VM's devices and vCPUs are built and
 * torn down on its first vCPU's thread, in its own address space; the keeper, a thread of the
 * hypervisor's, takes back memory and threads when that has ended.
 */
#include "vm/vm.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/heap.h"
#include "vm/build.h"
#include "vm/hvm.h"
#include "vm/memory.h"
#include "vm/report.h"
#include "vm/vcpu.h"

#define VM_HEAP_LIMIT (64 * MIB)

static struct spinlock vm_list_lock = SPINLOCK_INIT(RANK_VM, "vm_list");
static struct list vm_list = LIST_INIT(vm_list);
static struct thread *keeper;
static struct vm *kept; /* atomic: what the keeper cleans up after; never freed meanwhile */
static void (*stopped_hook)(struct vm *vm);

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

/* The lowest number that no VM has. The list's lock is held. */
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

static void port_timer_fired(struct timer *t)
{
	struct vcpu_port *port = container_of(t, struct vcpu_port, timer);

	vcpu_request(port->vm, port->index, REQ_TIMER);
}

struct vm *vm_create(const struct domain *cfg)
{
	struct vm *vm = kalloc(sizeof(*vm));

	if (!vm)
		return NULL;
	vm->cfg = *cfg;
	vm->cfg.memory = ALIGN_UP(cfg->memory, GRANULE_SIZE);
	vm->vcpu_count = cfg->vcpus;
	spin_init(&vm->lock, RANK_VM_STATE, "vm");
	list_init(&vm->devices);
	for (u32 i = 0; i < cfg->serials; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%.20s:%u", cfg->name, i);
		chardev_init(&vm->serial[i], name);
	}
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		vm->ports[i].vm = vm;
		vm->ports[i].index = i;
		timer_init(&vm->ports[i].timer, port_timer_fired);
	}
	spin_lock(&vm_list_lock);
	vm->id = free_id();
	vm->owner = (owner_t)(OWNER_VM + vm->id);
	list_add_tail(&vm_list, &vm->node);
	spin_unlock(&vm_list_lock);
	return vm;
}

static void set_state(struct vm *vm, enum vm_state state)
{
	/* Release: who sees the new state sees what led to it. Pairs with readers' acquire. */
	atomic_store_release(&vm->state, (u8)state);
}

static int start_threads(struct vm *vm)
{
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		struct vcpu_port *port = &vm->ports[i];
		struct thread_spec spec = {
			.fn = build_vcpu_main,
			.arg = port,
			.aspace = vm->aspace,
			.ops = &build_vcpu_thread_ops,
			.data = port,
			.cpu = -1,
		};
		char name[32];

		snprintf(name, sizeof(name), "%.24s/%u", vm->cfg.name, i);
		spec.name = name;
		port->thread = thread_create(&spec);
		if (!port->thread)
			return -ENOMEM;
	}
	for (u32 i = 0; i < vm->vcpu_count; i++)
		thread_start(vm->ports[i].thread);
	return 0;
}

/* Gives back what vm_start() took. No thread of the VM's runs. */
static void release(struct vm *vm)
{
	if (vm->s2.pt.root)
		s2_destroy(&vm->s2);
	if (vm->aspace) {
		memory_release(vm);
		aspace_destroy(vm->aspace);
	}
	memset(&vm->s2, 0, sizeof(vm->s2));
	vm->aspace = NULL;
	vm->heap = NULL;
}

int vm_start(struct vm *vm)
{
	int err;

	if (!hvm)
		return -ENODEV;
	spin_lock(&vm->lock);
	if (vm->state == VM_STARTING || vm->state == VM_RUNNING || vm->state == VM_PAUSED) {
		spin_unlock(&vm->lock);
		return -EBUSY;
	}
	vm->stop_reason = STOP_NONE;
	vm->stop_text[0] = 0;
	/* From the new state on it may be stopped: the keeper waits for threads that are still to come. */
	for (u32 i = 0; i < vm->vcpu_count; i++)
		vm->ports[i].requests = 0;
	vm->live_threads = vm->vcpu_count;
	set_state(vm, VM_STARTING);
	spin_unlock(&vm->lock);

	list_init(&vm->devices);
	vm->aspace = aspace_create(vm->owner, VM_HEAP_LIMIT);
	if (!vm->aspace) {
		err = -ENOMEM;
		goto fail;
	}
	vm->heap = aspace_heap(vm->aspace);
	err = s2_init(&vm->s2, hvm->s2_format, build_kick_all, vm);
	if (err)
		goto fail;
	err = memory_take(vm);
	if (err)
		goto fail;
	vm->start_ns = clock_ns();
	vm->paused_ns = 0;
	err = start_threads(vm);
	if (err)
		goto fail;
	return 0;
fail:
	release(vm);
	if (!vm->stop_text[0])
		snprintf(vm->stop_text, sizeof(vm->stop_text), "not enough memory to start");
	set_state(vm, VM_STOPPED);
	return err;
}

void vm_stop(struct vm *vm, enum stop_reason why, const char *fmt, ...)
{
	bool first = false;
	va_list ap;

	spin_lock(&vm->lock);
	if (vm->stop_reason == STOP_NONE) {
		vm->stop_reason = (u8)why;
		va_start(ap, fmt);
		vsnprintf(vm->stop_text, sizeof(vm->stop_text), fmt, ap);
		va_end(ap);
		first = true;
	}
	spin_unlock(&vm->lock);
	if (!first)
		return;
	for (u32 i = 0; i < vm->vcpu_count; i++)
		vm_request(vm, i, REQ_STOP);
}

void vcpu_request(struct vm *vm, u32 index, u32 requests)
{
	struct vcpu_port *port = &vm->ports[index];

	/* Release pairs with the acquire in the run loop: it sees what was done before. */
	__atomic_fetch_or(&port->requests, requests, __ATOMIC_RELEASE);
	if (port->thread)
		thread_wake(port->thread);
}

void vm_request(struct vm *vm, u32 index, u32 requests)
{
	/* Holding it keeps clean_up() from freeing the thread. */
	spin_lock(&vm->lock);
	vcpu_request(vm, index, requests);
	spin_unlock(&vm->lock);
}

void vm_thread_ended(struct vm *vm)
{
	/* Full order: the last to end has seen the others end. Pairs with the keeper's load. */
	atomic_fetch_sub(&vm->live_threads, 1);
	thread_wake(keeper);
}

static bool ended(const struct vm *vm)
{
	u8 state = atomic_load_acquire(&vm->state); /* pairs with set_state() */

	return (state == VM_STARTING || state == VM_RUNNING || state == VM_PAUSED) &&
	       vm->stop_reason != STOP_NONE && atomic_load_acquire(&vm->live_threads) == 0;
}

struct ended_search {
	u32 last;      /* number of the VM that was served last */
	struct vm *vm; /* the next one in turn that has ended */
};

/* They take turns by number: one that ends again and again does not keep the others waiting. */
static int find_ended(struct vm *vm, void *ctx)
{
	struct ended_search *s = ctx;

	if (ended(vm) && (!s->vm || vm->id - s->last - 1 < s->vm->id - s->last - 1))
		s->vm = vm;
	return 0;
}

static void clean_up(struct vm *vm)
{
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		struct thread *t = vm->ports[i].thread;

		spin_lock(&vm->lock); /* nobody in vm_request() wakes what is freed now */
		vm->ports[i].thread = NULL;
		spin_unlock(&vm->lock);
		thread_join(t);
		timer_cancel(&vm->ports[i].timer);
	}
	report_vm(vm);
	release(vm);
	set_state(vm, vm->stop_reason >= STOP_TRIPLE_FAULT ? VM_CRASHED : VM_STOPPED);
	if (vm->stop_reason >= STOP_TRIPLE_FAULT)
		log_error("domain %s: stopped: %s", vm->cfg.name, vm->stop_text);
	else
		log_info("domain %s: %s", vm->cfg.name, vm->stop_text);
	stopped_hook(vm);
}

static void keeper_main(void *arg)
{
	struct ended_search s = { 0 };

	(void)arg;
	for (;;) {
		s.vm = NULL;
		vm_for_each(find_ended, &s);
		if (s.vm) {
			s.last = s.vm->id;
			/* Pairs with vm_undefine(), which waits till it is out of our hands. */
			atomic_store_release(&kept, s.vm);
			clean_up(s.vm);
			atomic_store_release(&kept, NULL);
		} else {
			thread_block();
		}
	}
}

int vm_init(void (*on_stop)(struct vm *vm))
{
	struct thread_spec spec = { .name = "vm-keeper", .fn = keeper_main, .cpu = -1 };

	stopped_hook = on_stop;
	keeper = thread_create(&spec);
	if (!keeper)
		return -ENOMEM;
	thread_start(keeper);
	return 0;
}

int vm_undefine(struct vm *vm)
{
	u8 state = atomic_load_acquire(&vm->state); /* pairs with set_state() */

	if (state == VM_STARTING || state == VM_RUNNING || state == VM_PAUSED)
		return -EBUSY;
	while (atomic_load_acquire(&kept) == vm) /* the keeper has not let go of it */
		thread_yield();
	spin_lock(&vm_list_lock);
	list_del(&vm->node);
	spin_unlock(&vm_list_lock);
	kfree(vm);
	return 0;
}

int vm_for_each(int (*fn)(struct vm *vm, void *ctx), void *ctx)
{
	int ret = 0;

	spin_lock(&vm_list_lock);
	list_for_each(node, &vm_list) {
		ret = fn(list_entry(node, struct vm, node), ctx);
		if (ret)
			break;
	}
	spin_unlock(&vm_list_lock);
	return ret;
}

struct name_search {
	const char *name;
	struct vm *vm;
};

static int match_name(struct vm *vm, void *ctx)
{
	struct name_search *s = ctx;

	if (strcmp(vm->cfg.name, s->name))
		return 0;
	s->vm = vm;
	return 1;
}

struct vm *vm_find(const char *name)
{
	struct name_search s = { name, NULL };

	vm_for_each(match_name, &s);
	return s.vm;
}

static int count_active(struct vm *vm, void *ctx)
{
	if (vm->state == VM_STARTING || vm->state == VM_RUNNING || vm->state == VM_PAUSED)
		(*(u32 *)ctx)++;
	return 0;
}

u32 vm_active_count(void)
{
	u32 n = 0;

	vm_for_each(count_active, &n);
	return n;
}
