/*
 * The life of a VM from its start to the end of its guest. Devices and vCPUs are built and torn down
 * on the VM's own threads, in its own address space (vm/build.c); the keeper, a thread of the
 * hypervisor's, then takes back memory and threads, and starts the guest again where its owner says so.
 */
#include "vm/keeper.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "vm/build.h"
#include "vm/call.h"
#include "vm/cputune.h"
#include "vm/exitstat.h"
#include "vm/hvm.h"
#include "vm/memory.h"
#include "vm/report.h"
#include "vm/tscscale.h"
#include "vm/vcpu.h"

#define VM_HEAP_LIMIT (64 * MIB)

/* A guest that ends at once again and again is started once in so long: starting costs the host most. */
#define RESTART_NS 1000000000ull
#define HZ_PER_KHZ 1000u

static struct thread *keeper; /* const after vm_init() */

void keeper_wake(void)
{
	if (keeper)
		thread_wake(keeper);
}

/* --- start --------------------------------------------------------------------------------------- */

static struct thread *thread_make(struct vcpu_port *port)
{
	struct vm *vm = port->vm;
	struct thread_spec spec = {
		.fn = build_vcpu_main,
		.arg = port,
		.aspace = vm->aspace,
		.ops = build_vcpu_thread_ops,
		.data = port,
		.group = &vm->threads,
		.cpu = -1,
	};
	char name[32];

	snprintf(name, sizeof(name), "%.24s/%u", vm->cfg.name, port->index);
	spec.name = name;
	return thread_create(&spec);
}

/* Ends with no thread of the VM's being there. Those that were started have ended. */
static void threads_join(struct vm *vm)
{
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		struct vcpu_port *port = &vm->ports[i];
		struct thread *t;

		spin_lock(&vm->lock); /* nobody in vm_request() wakes what is freed now */
		t = port->thread;
		port->thread = NULL;
		if (t)
			thread_times(t, &port->times);
		spin_unlock(&vm->lock);
		timer_cancel(&port->timer);
		vcpu_call_cancel(port);
		if (t)
			thread_join(t);
	}
	ASSERT(!atomic_load_relaxed(&vm->threads.active));
	timer_cancel(&vm->dev_timer);
}

/* Makes a vCPU's thread, which does not run yet. */
static int thread_add(struct vm *vm, u32 i)
{
	struct thread *t = thread_make(&vm->ports[i]);

	if (!t)
		return -ENOMEM;
	spin_lock(&vm->lock);
	vm->ports[i].thread = t;
	spin_unlock(&vm->lock);
	if (!cputune_apply(vm, i, t))
		return 0;
	snprintf(vm->stop_text, sizeof(vm->stop_text),
		 "vCPU %u: this machine has none of the CPUs that it is pinned to", i);
	return -EINVAL;
}

static int threads_start(struct vm *vm)
{
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		int err = thread_add(vm, i);

		if (err) {
			threads_join(vm);
			return err;
		}
	}
	for (u32 i = 0; i < vm->vcpu_count; i++)
		thread_start(vm->ports[i].thread);
	return 0;
}

/* Gives back what launch() took. No thread of the VM's is there. */
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

/* Clears what the last run left. From here on the VM may be stopped. Its lock is held. */
static void set_starting(struct vm *vm)
{
	vm->stop_reason = STOP_NONE;
	vm->stop_text[0] = 0;
	vm->reset = false;
	vm->restart_ns = 0;
	atomic_store_relaxed(&vm->pause, 0);
	atomic_store_relaxed(&vm->reboot, 0);
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		vm->ports[i].requests = 0;
		vm->ports[i].where = VCPU_OUTSIDE;
		vm->ports[i].times = (struct thread_times){ 0 };
		vm->ports[i].halted_ns = vm->ports[i].halt_from = 0;
		vm->ports[i].injected = vm->ports[i].nmis = vm->ports[i].posted = 0;
		memset(vm->ports[i].stats, 0, sizeof(*vm->ports[i].stats));
		memset(vm->ports[i].irq_exits, 0, sizeof(vm->ports[i].irq_exits));
		vm->ports[i].spins = false;
		vm->ports[i].poll = (struct halt_poll){ 0 };
		vm->ports[i].yields_tried = vm->ports[i].yields_done = 0;
		vm->ports[i].takes_calls = true;
	}
	vm_set_state(vm, VM_STARTING);
}

/* A document that says nothing of a CPU gets all that is offered. */
static int choose_cpu(struct vm *vm)
{
	char text[sizeof(vm->stop_text)];
	int err;

	memset(&vm->cpu, 0, sizeof(vm->cpu));
	if (vm->cfg.cpu == CPU_UNSAID)
		return 0;
	err = cpu_choose(&vm->cfg, &vm->cpu, text, sizeof(text));
	if (err == -EINVAL)
		memcpy(vm->stop_text, text, sizeof(text));
	else if (!err && text[0])
		log_warn("domain %s: %s", vm->cfg.name, text);
	return err;
}

/* How fast its TSC runs. */
static int choose_tsc(struct vm *vm)
{
	u64 khz = (vm->cfg.tsc_hz + HZ_PER_KHZ / 2) / HZ_PER_KHZ;
	int err = tscscale_make(&vm->tsc, khz);

	if (err)
		tscscale_refusal(khz, vm->stop_text, sizeof(vm->stop_text));
	else if (khz && vm->tsc.khz != khz && khz != clock_tsc_khz())
		log_warn("domain %s: its TSC runs as this machine's, at %llu kHz: it has no TSC scaling",
			 vm->cfg.name, (unsigned long long)clock_tsc_khz());
	return err ? -EINVAL : 0;
}

/* Gives a VM that is starting memory and threads. What fails leaves nothing behind. */
static int launch(struct vm *vm)
{
	int err;

	list_init(&vm->devices);
	list_init(&vm->dev_timers);
	err = choose_cpu(vm);
	if (!err)
		err = choose_tsc(vm);
	if (err)
		goto fail;
	err = -ENOMEM;
	vm->aspace = aspace_create(vm->owner, VM_HEAP_LIMIT);
	if (!vm->aspace)
		goto fail;
	vm->heap = aspace_heap(vm->aspace);
	err = s2_init(&vm->s2, hvm->s2_format, build_kick_all, vm);
	if (err)
		goto fail;
	err = memory_take(vm);
	if (err)
		goto fail;
	vm->start_ns = vm->time_base = clock_ns();
	vm->clocks_shown = false;
	vm->paused_tsc = 0;
	vm->frozen = 0;
	vm->unbuilt = false;
	vm->threads.alone = vm->cfg.core == CORE_ALONE;
	err = threads_start(vm);
	if (err)
		goto fail;
	return 0;
fail:
	release(vm);
	if (!vm->stop_text[0])
		snprintf(vm->stop_text, sizeof(vm->stop_text), "not enough memory to start");
	return err;
}

int vm_start(struct vm *vm)
{
	int err = 0;

	if (!hvm)
		return -ENODEV;
	spin_lock(&vm->lock);
	if (vm->undefined) {
		err = -ENOENT;
	} else if (vm_active(vm) || vm->preserved) {
		err = -EBUSY;
	} else {
		/* The keeper waits for threads that are still to come. */
		atomic_store_relaxed(&vm->live_threads, vm->vcpu_count);
		vm->destroyed = false;
		set_starting(vm);
	}
	spin_unlock(&vm->lock);
	if (err)
		return err;
	vm_get(vm); /* this run's: given back in settle() */
	err = launch(vm);
	if (!err)
		return 0;
	for (u32 i = 0; i < vm->vcpu_count; i++)
		vcpu_call_cancel(&vm->ports[i]);
	spin_lock(&vm->lock);
	atomic_store_relaxed(&vm->live_threads, 0);
	vm_set_state(vm, VM_STOPPED);
	spin_unlock(&vm->lock);
	vm_put(vm);
	return err;
}

/* --- end ----------------------------------------------------------------------------------------- */

void vm_thread_ended(struct vm *vm)
{
	/*
	 * Full order: the last to end has seen the others end. Pairs with the load in job_of(). The VM is not
	 * touched any more after this.
	 */
	atomic_fetch_sub(&vm->live_threads, 1);
	keeper_wake();
}

/* What a guest causes by itself, again and again if it likes, is limited. */
static void log_end(struct vm *vm)
{
	if (vm->stop_reason >= STOP_TRIPLE_FAULT)
		log_limited(&vm->log, LOG_ERROR, "domain %s: stopped: %s", vm->cfg.name,
			    vm->stop_text);
	else if (vm->stop_reason != STOP_DESTROYED)
		log_limited(&vm->log, LOG_INFO, "domain %s: %s", vm->cfg.name, vm->stop_text);
	else
		log_info("domain %s: %s", vm->cfg.name, vm->stop_text);
}

/* The run is over; its memory was given back unless it is kept. */
static void settle(struct vm *vm, enum vm_fate fate, bool kept)
{
	u64 next = vm->reset ? 1 : vm->start_ns + RESTART_NS;
	bool cut;

	spin_lock(&vm->lock);
	cut = vm->destroyed && fate != FATE_OFF;
	if (fate == FATE_RESTART && !cut) {
		set_starting(vm);
		vm->restart_ns = next;
	} else {
		vm->preserved = kept; /* if it was destroyed meanwhile, job_of() finds it */
		vm_set_state(vm, vm->stop_reason >= STOP_TRIPLE_FAULT ? VM_CRASHED : VM_STOPPED);
	}
	spin_unlock(&vm->lock);
	if (fate == FATE_RESTART && !cut) {
		log_limited(&vm->log, LOG_INFO, "domain %s: restarting", vm->cfg.name);
		return;
	}
	if (cut && !kept)
		log_info("domain %s: destroyed", vm->cfg.name);
	if (vm->hooks) {
		vm->hooks->off(vm);
		if (!kept)
			vm->hooks->gone(vm);
	}
	vm_put(vm);
}

/* A guest has ended, and all threads of it. */
static void clean_up(struct vm *vm)
{
	enum vm_fate fate = FATE_OFF;
	bool kept;

	threads_join(vm);
	report_vm(vm);
	if (vm->hooks)
		fate = vm->hooks->ended(vm);
	spin_lock(&vm->lock);
	if (vm->reset)
		fate = FATE_RESTART;
	kept = fate == FATE_PRESERVE && !vm->destroyed;
	spin_unlock(&vm->lock);
	if (!kept)
		release(vm);
	log_end(vm); /* when its memory is there for others */
	settle(vm, fate, kept);
}

/* It was to start again, but was destroyed before, or could not be started. */
static void forgo(struct vm *vm)
{
	for (u32 i = 0; i < vm->vcpu_count; i++)
		vcpu_call_cancel(&vm->ports[i]);
	log_end(vm);
	settle(vm, FATE_OFF, false);
}

static void restart(struct vm *vm)
{
	if (launch(vm)) {
		spin_lock(&vm->lock);
		if (vm->stop_reason == STOP_NONE)
			vm->stop_reason = STOP_ERROR;
		spin_unlock(&vm->lock);
		atomic_store_relaxed(&vm->live_threads, 0);
		forgo(vm);
	}
}

static void drop(struct vm *vm)
{
	release(vm);
	spin_lock(&vm->lock);
	vm->preserved = false;
	spin_unlock(&vm->lock);
	log_info("domain %s: destroyed", vm->cfg.name);
	if (vm->hooks)
		vm->hooks->gone(vm);
}

/* --- the thread ---------------------------------------------------------------------------------- */

typedef void (*job_fn)(struct vm *vm);

/* What is to be done for a VM now, or NULL; *next is lowered to when there will be something. */
static job_fn job_of(struct vm *vm, u64 now, u64 *next)
{
	job_fn job = NULL;

	spin_lock(&vm->lock);
	if (vm->preserved && vm->destroyed) {
		job = drop;
	} else if (!vm_active(vm) || atomic_load_acquire(&vm->live_threads)) {
		/* It is off, or has threads. Pairs with vm_thread_ended(). */
	} else if (vm->restart_ns && vm->stop_reason != STOP_NONE) {
		job = forgo;
	} else if (vm->restart_ns && now >= vm->restart_ns) {
		atomic_store_relaxed(&vm->live_threads, vm->vcpu_count);
		vm->restart_ns = 0;
		job = restart;
	} else if (vm->restart_ns) {
		*next = MIN(*next, vm->restart_ns);
	} else {
		job = clean_up;
	}
	spin_unlock(&vm->lock);
	return job;
}

static void keeper_main(void *arg)
{
	(void)arg;
	for (;;) {
		struct vm *vm = NULL;
		u64 next = ~0ULL;
		bool busy = false;

		/* Each gets its turn, also if one ends again and again. */
		while ((vm = vm_next(vm))) {
			job_fn job = job_of(vm, clock_ns(), &next);

			if (job) {
				busy = true;
				job(vm);
			}
		}
		if (busy)
			continue;
		if (next == ~0ULL)
			thread_block();
		else
			thread_block_until(next);
	}
}

int vm_init(void)
{
	/* It wipes memory, for as long as that takes: preemptible. */
	struct thread_spec spec = {
		.name = "vm-keeper", .fn = keeper_main, .cpu = -1, .preemptible = true
	};

	build_init();
	halt_init();
	keeper = thread_create(&spec);
	if (!keeper)
		return -ENOMEM;
	thread_start(keeper);
	return 0;
}
