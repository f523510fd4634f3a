/*
 * Self-test of interrupts without exits, with the CPU under it: a small guest runs on one CPU, another
 * CPU posts interrupts to it. Every handler must run once, and none because of an exit. The guests
 * are tests/guest/pi_*.asm and come in the boot set.
 */
#include "arch/cpu.h"
#include "arch/lapic.h"
#include "core/bootfs.h"
#include "core/clock.h"
#include "core/irq.h"
#include "core/log.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "ept/s2.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/hw/pid.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/heap.h"
#include "vm/hvm.h"
#include "vm/lapic.h"
#include "vm/loader.h"
#include "vm/memory.h"
#include "vm/skip.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vmx/apicv.h"
#include "vmx/guest.h"
#include "vmx/vmx.h"

#define MS            1000000ULL
#define POSTS         10000u
#define BURST_EVERY   16u /* each so many rounds post several vectors with one notification */
#define BURST         5u
#define VECTOR_FIRST  0x30u
#define VECTOR_COUNT  0xc0u
#define KICKS         10000u
#define DEAF_NS       (300 * MS)
#define DEAF_SWITCHES 5u
#define HEAP_LIMIT    (4 * MIB)
#define SHARED_GPA    0x10000000ULL

/* tests/guest/pi.inc: a page of the hypervisor's that the guest is given, too. */
struct pi_shared {
	u64 ready, masked, loops;
	u64 fill[5];
	u64 handled[256];
};
static_assert(offsetof(struct pi_shared, handled) == 64, "pi.inc");

/* The one test that runs. */
static struct pi_test {
	struct vm *vm; /* const while it runs, as the next three */
	struct pi_desc *desc;
	struct pi_shared *shared;
	u32 cpu;               /* of the guest */
	u32 stop, done;        /* atomic */
	char why[120];         /* valid when done: what went wrong in the guest's thread */
	bool entered;          /* owner: the guest's CPU, interrupts off */
	u64 exits[EXIT_KINDS]; /* owner: the guest's thread; read by the tester */
	u64 delivery_exits;    /* notifications that ended the guest's run; owner: its CPU */
	u64 host_notes;        /* notifications that came while the guest did not run; same */
	u64 sent[256];         /* owner: the sender */
	u64 posts, notifications;
} pi;

static void on_notification(void)
{
	if (cpu_id() != pi.cpu)
		return;
	if (pi.entered)
		pi.delivery_exits++;
	else
		pi.host_notes++;
}

static void pi_switch_out(struct thread *t, struct thread *next)
{
	struct vcpu *v = pi.vm->ports[0].vcpu;

	(void)t;
	(void)next;
	if (v)
		vmx_put(v);
}

static void pi_switch_in(struct thread *t)
{
	struct vcpu *v = pi.vm->ports[0].vcpu;

	(void)t;
	if (v)
		vmx_load(v);
}

static const struct thread_ops pi_thread_ops = {
	.switch_out = pi_switch_out,
	.switch_in = pi_switch_in,
};

static void pi_kick(void *ctx)
{
	(void)ctx; /* nothing is ever unmapped while the guest runs */
}

/* On the guest's thread. */
static struct vcpu *vcpu_build(struct vm *vm)
{
	struct vcpu *v = heap_alloc(vm->heap, sizeof(*v), 64);
	struct vlapic *lapic = heap_alloc(vm->heap, sizeof(*lapic), 0);

	if (!v || !lapic || vmx_vm_create(vm))
		return NULL;
	lapic->page = heap_alloc(vm->heap, PAGE_SIZE, PAGE_SIZE);
	if (!lapic->page)
		return NULL;
	v->vm = vm;
	v->port = &vm->ports[0];
	v->lapic = lapic;
	list_init(&v->vtimers);
	vcpu_reset(v);
	return vmx_vcpu_create(v) ? NULL : v;
}

/* False: the test is over. */
static bool serve(struct vcpu *v, const struct vm_exit *e)
{
	pi.exits[e->kind]++;
	switch (e->kind) {
	case EXIT_NONE:
		return true;
	case EXIT_CPUID:
		vcpu_skip(v, e);
		return true;
	case EXIT_HYPERCALL:
		snprintf(pi.why, sizeof(pi.why), "the guest took exception %llu (%#llx)",
			 (unsigned long long)v->regs.gpr[GPR_RAX],
			 (unsigned long long)v->regs.gpr[GPR_RBX]);
		return false;
	case EXIT_BAD_STATE:
	case EXIT_ERROR:
		snprintf(pi.why, sizeof(pi.why), "%s (%#llx)", e->error.text,
			 (unsigned long long)e->error.code);
		return false;
	default:
		snprintf(pi.why, sizeof(pi.why), "unexpected exit of kind %u at %#llx", e->kind,
			 (unsigned long long)vcpu_rip(v));
		return false;
	}
}

static void run_guest(struct vcpu *v)
{
	struct vm_exit e;

	do {
		irq_disable();
		while (thread_need_resched()) {
			irq_enable();
			thread_yield();
			irq_disable();
		}
		vmx_apicv.sync(v, pi.desc);
		pi.entered = true;
		vmx_run(v, &e);
		pi.entered = false;
		irq_enable();
	} while (serve(v, &e) && !atomic_load_relaxed(&pi.stop));
}

static void guest_main(void *arg)
{
	struct vm *vm = arg;
	struct vcpu *v = vcpu_build(vm);

	if (!v) {
		snprintf(pi.why, sizeof(pi.why), "no memory in the VM's heap");
	} else if (loader_flat(vm, v)) {
		memcpy(pi.why, vm->stop_text, sizeof(pi.why) - 1);
	} else {
		irq_disable();
		vm->ports[0].vcpu = v;
		vmx_load(v);
		vmx_apicv.enable(v, pi.desc, IRQ_VECTOR_POSTED);
		irq_enable();
		run_guest(v);
		irq_disable();
		vm->ports[0].vcpu = NULL;
		vmx_put(v);
		irq_enable();
	}
	if (v)
		vmx_vcpu_destroy(v);
	vmx_vm_destroy(vm);
	/* Release pairs with the acquires of the tester: counts and reason are there. */
	atomic_store_release(&pi.done, 1);
}

/* Waits until *counter is at least value; non-zero: it never came. */
static int wait_for(const u64 *counter, u64 value)
{
	u64 until = clock_ns() + SELFTEST_PATIENCE_NS;

	while (atomic_load_relaxed(counter) < value) {
		if (atomic_load_acquire(&pi.done)) /* pairs with guest_main() */
			return selftest_fail("the guest ended: %s", pi.why);
		if (clock_ns() > until)
			return -ETIMEDOUT;
		cpu_relax();
	}
	return 0;
}

static void send(u32 vector, bool *notify)
{
	pi.sent[vector]++;
	pi.posts++;
	if (vmx_apicv.post(pi.desc, (u8)vector))
		*notify = true;
}

/* Posts one vector or a burst, and waits until each handler has run. */
static int post_round(u32 round)
{
	u32 count = round % BURST_EVERY ? 1 : BURST, vectors[BURST];
	bool notify = false;

	for (u32 i = 0; i < count; i++) {
		vectors[i] = VECTOR_FIRST + (round * 7 + i * 37) % VECTOR_COUNT;
		send(vectors[i], &notify);
	}
	if (notify) {
		lapic_ipi(pi.cpu, IRQ_VECTOR_POSTED);
		pi.notifications++;
	}
	for (u32 i = 0; i < count; i++) {
		int err = wait_for(&pi.shared->handled[vectors[i]], pi.sent[vectors[i]]);

		if (err == -ETIMEDOUT)
			return selftest_fail("vector %#x, post %llu, was lost", vectors[i],
					     (unsigned long long)pi.posts);
		if (err)
			return err;
	}
	return 0;
}

static int post_all(void)
{
	for (u32 round = 0; round < POSTS; round++) {
		int err = post_round(round);

		if (err)
			return err;
	}
	return 0;
}

/* Interrupts for the host end the guest's run wherever it is, also between an exception and its handler. */
static int kick_all(void)
{
	for (u32 round = 0; round < KICKS; round++) {
		u64 exits = atomic_load_relaxed(&pi.exits[EXIT_NONE]);
		int err;

		lapic_ipi(pi.cpu, IRQ_VECTOR_RESCHED);
		err = wait_for(&pi.exits[EXIT_NONE], exits + 1);
		if (err == -ETIMEDOUT)
			return selftest_fail("interrupt %u did not end the guest's run", round);
		if (err)
			return err;
	}
	return 0;
}

/* Another thread of the guest's CPU; it counts how often it gets there. */
static u64 other_turns;

static void other_main(void *arg)
{
	(void)arg;
	while (!atomic_load_relaxed(&pi.stop)) {
		atomic_fetch_add(&other_turns, 1);
		thread_yield();
	}
}

/* A guest with interrupts off leaves the CPU to others, and takes nothing that is posted. */
static int share_cpu(void)
{
	struct thread_spec spec = { .name = "pi-other", .fn = other_main, .cpu = (s32)pi.cpu };
	struct thread *other = thread_create(&spec);
	bool notify = false;
	u64 until;
	int err;

	SELFTEST_CHECK(other);
	other_turns = 0;
	thread_start(other);
	send(VECTOR_FIRST, &notify);
	if (notify)
		lapic_ipi(pi.cpu, IRQ_VECTOR_POSTED);
	until = clock_ns() + DEAF_NS;
	while (clock_ns() < until)
		thread_yield();
	err = wait_for(&other_turns, DEAF_SWITCHES);
	if (err == -ETIMEDOUT) {
		err = selftest_fail("a guest with interrupts off was not preempted");
		log_error("selftest posted-deaf: CPU %u is lost to its guest", pi.cpu);
	}
	atomic_store_relaxed(&pi.stop, 1);
	thread_join(other);
	pi.sent[VECTOR_FIRST] = 0; /* it must not have been delivered */
	return err;
}

static struct vm *vm_build(const char *image)
{
	static struct domain cfg;
	struct vm *vm;

	cfg = (struct domain){ .memory = GRANULE_SIZE, .vcpus = 1, .loader = LOADER_FLAT };
	snprintf(cfg.name, sizeof(cfg.name), "selftest");
	snprintf(cfg.kernel, sizeof(cfg.kernel), "%s", image);
	if (vm_create(&cfg, &vm))
		return NULL;
	vm->aspace = aspace_create(vm->owner, HEAP_LIMIT);
	if (!vm->aspace)
		return vm;
	vm->heap = aspace_heap(vm->aspace);
	if (s2_init(&vm->s2, vmx_ops.s2_format, pi_kick, NULL) || memory_take(vm))
		return vm;
	pi.desc = page_alloc(0);
	pi.shared = page_alloc(0);
	if (pi.desc && pi.shared &&
	    !s2_map(&vm->s2, GPA(SHARED_GPA), virt_to_phys(pi.shared), PAGE_SIZE, PTAB_R | PTAB_W))
		pi.vm = vm;
	return vm;
}

static void vm_release(struct vm *vm)
{
	if (vm->s2.pt.root)
		s2_destroy(&vm->s2);
	if (pi.shared)
		page_free(pi.shared, 0);
	if (pi.desc)
		page_free(pi.desc, 0);
	if (vm->aspace) {
		memory_release(vm);
		aspace_destroy(vm->aspace);
	}
	if (vm_undefine(vm))
		log_warn("selftest: the VM stays defined");
	vm_put(vm);
}

/* What must hold after all was sent. */
static int verdict(void)
{
	u64 handled = 0, sent = 0;

	for (u32 i = 0; i < 256; i++) {
		handled += pi.shared->handled[i];
		sent += pi.sent[i];
		if (pi.shared->handled[i] != pi.sent[i])
			return selftest_fail("vector %#x: %llu sent, %llu handled", i,
					     (unsigned long long)pi.sent[i],
					     (unsigned long long)pi.shared->handled[i]);
	}
	if (pi.shared->masked)
		return selftest_fail("%llu handlers ran while interrupts were off",
				     (unsigned long long)pi.shared->masked);
	if (pi.delivery_exits)
		return selftest_fail("%llu exits for delivery",
				     (unsigned long long)pi.delivery_exits);
	if (handled != sent || pi.shared->loops == 0)
		return selftest_fail("nothing was tested");
	return 0;
}

static void report(const char *name)
{
	u64 exits = 0, handled = 0;

	for (u32 i = 0; i < EXIT_KINDS; i++)
		exits += pi.exits[i];
	for (u32 i = 0; i < 256; i++)
		handled += pi.shared->handled[i];
	log_info("selftest posted-%s: %llu posted, %llu handled, %llu notifications, "
		 "%llu exits for delivery, %llu taken by the host, %llu exits in all",
		 name, (unsigned long long)pi.posts, (unsigned long long)handled,
		 (unsigned long long)pi.notifications, (unsigned long long)pi.delivery_exits,
		 (unsigned long long)pi.host_notes, (unsigned long long)exits);
}

static int with_guest(const char *name, int (*test)(void))
{
	struct thread_spec spec = { .name = "pi-guest",
				    .fn = guest_main,
				    .arg = pi.vm,
				    .aspace = pi.vm->aspace,
				    .ops = &pi_thread_ops,
				    .cpu = (s32)pi.cpu };
	int err;

	pi.vm->ports[0].thread = thread_create(&spec);
	SELFTEST_CHECK(pi.vm->ports[0].thread);
	thread_start(pi.vm->ports[0].thread);
	err = wait_for(&pi.shared->ready, 1);
	if (err == -ETIMEDOUT)
		err = selftest_fail("the guest does not start");
	if (!err)
		err = test();
	atomic_store_relaxed(&pi.stop, 1);
	thread_kick(pi.vm->ports[0].thread);
	thread_join(pi.vm->ports[0].thread);
	pi.vm->ports[0].thread = NULL;
	if (err)
		return err;
	report(name);
	return verdict();
}

/* NULL, or why this test cannot run here. */
static const char *cannot_run(const char *image)
{
	if (hvm != &vmx_ops)
		return "VT-x is not in use";
	if (cpu_count() < 2)
		return "it takes two CPUs";
	if (!bootfs_find(image))
		return "its guest is not in the boot set";
	return vmx_apicv.missing(&vmx_caps);
}

static int run_test(const char *name, int (*test)(void))
{
	static bool registered;
	char image[32];
	const char *why;
	struct vm *vm;
	int err;

	snprintf(image, sizeof(image), "pi_%s.bin", name);
	why = cannot_run(image);
	if (why) {
		log_info("selftest posted-%s: skipped: %s", name, why);
		return 0;
	}
	memset(&pi, 0, sizeof(pi));
	pi.cpu = (cpu_id() + 1) % cpu_count();
	if (!registered)
		irq_set_fixed(IRQ_VECTOR_POSTED, on_notification);
	registered = true;
	vm = vm_build(image);
	SELFTEST_CHECK(vm);
	err = pi.vm ? with_guest(name, test) : selftest_fail("no memory for the VM");
	vm_release(vm);
	return err;
}

static int test_spin(void)
{
	return run_test("spin", post_all);
}
SELFTEST(posted_spin, "posted-spin", test_spin);

static int test_exits(void)
{
	return run_test("exits", post_all);
}
SELFTEST(posted_exits, "posted-exits", test_exits);

static int test_masked(void)
{
	return run_test("masked", post_all);
}
SELFTEST(posted_masked, "posted-masked", test_masked);

static int test_faults(void)
{
	return run_test("faults", kick_all);
}
SELFTEST(posted_faults, "posted-faults", test_faults);

static int test_deaf(void)
{
	return run_test("deaf", share_cpu);
}
SELFTEST(posted_deaf, "posted-deaf", test_deaf);
