/*
 * Starts the other CPUs, each with a per-CPU area and stacks of its own.
 */
#include "boot/cpus.h"
#include "arch/cpu.h"
#include "arch/desc.h"
#include "arch/image.h"
#include "arch/feature.h"
#include "arch/shstk.h"
#include "arch/smp.h"
#include "arch/tsc.h"
#include "arch/tscsync.h"
#include "boot/info.h"
#include "boot/ucode.h"
#include "core/cmdline.h"
#include "core/host.h"
#include "core/log.h"
#include "core/mce.h"
#include "core/mitigation.h"
#include "core/panic.h"
#include "core/place.h"
#include "core/pstate.h"
#include "core/sched.h"
#include "core/timer.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/init.h"
#include "mm/page.h"

#define STACK_SIZE     16384
#define ONLINE_WAIT_US 5000000
#define ONLINE_POLL_US 100

void *cpus_stack(void)
{
	u8 *stack = aspace_stack_alloc(NULL, STACK_SIZE);

	if (!stack)
		panic("memory: too little for the CPUs' stacks");
	return stack + STACK_SIZE;
}

static void set_stacks(u32 cpu)
{
	for (u32 n = TRAP_STACK_NMI; n < TRAP_STACK_COUNT; n++) {
		void *top = cpus_stack();

		trap_set_stack(cpu, n, top);
		shstk_set(cpu, n, top);
	}
	if (cpu_has(CPU_SHSTK)) /* space_call()'s own is in the per-CPU area, without a shadow stack */
		shstk_set(cpu, TRAP_STACK_NONE, cpus_stack());
}

void cpus_init_boot(void)
{
	set_stacks(0);
}

/* Puts the start-up code into a page below 1 MiB, where it stays; false when there is none. */
static bool make_trampoline(void)
{
	u64 pml4 = boot_info.image_pa + (u64)((char *)boot_pml4 - image_start);
	paddr_t page = mm_low_pages(1);
	void *p;

	if (!page.v)
		return false;
	p = mm_low_map(page, 1);
	if (!p)
		return false;
	smp_set_trampoline(page.v, pml4, p);
	mm_low_unmap(p, 1);
	return true;
}

static void ap_idle(void)
{
	irq_enable();
	sched_idle();
}

/* First code of another CPU in C, on its own stack and page tables, interrupts off. */
static void ap_main(void)
{
	mm_init_cpu();
	ucode_init_cpu();
	timer_init_cpu();
	place_init_cpu();
	sched_init_cpu();
	mce_init_cpu();
	pstate_init_cpu();
	mitigation_init_cpu();
	smp_set_online(cpu_id() + 1);
	/* The same stack from its end on: nobody returns from here. */
	shstk_start((void *)ALIGN_UP((u64)__builtin_frame_address(0), SHSTK_SLOT), ap_idle);
}

static bool wait_online(u32 count)
{
	for (u64 us = 0; us < ONLINE_WAIT_US; us += ONLINE_POLL_US) {
		if (cpu_count() == count)
			return true;
		tsc_delay_us(ONLINE_POLL_US);
	}
	return false;
}

static u32 area_order(void)
{
	u32 order = 0;

	while ((PAGE_SIZE << order) < percpu_size())
		order++;
	return order;
}

/* What CPU cpu needs of memory; made once, and used for the next try when a CPU does not come up. */
static int prepare(u32 cpu, void **stack)
{
	static u32 prepared; /* the boot CPU needs nothing */
	static void *top;

	if (prepared != cpu) {
		void *area = page_alloc(area_order());

		if (!area)
			return -ENOMEM;
		percpu_register(cpu, area);
		set_stacks(cpu);
		top = cpus_stack();
		prepared = cpu;
	}
	*stack = top;
	return 0;
}

/* 0; -ETIMEDOUT: try the next one with the same index; anything else: no more can be started. */
static int start(u32 cpu, u32 apic_id)
{
	void *stack;
	int err = prepare(cpu, &stack);

	if (!err)
		err = smp_start_cpu(cpu, apic_id, mm_root().v, stack, ap_main);
	if (err)
		return err;
	return wait_online(cpu + 1) ? 0 : -EIO;
}

/* How many CPUs the word smp= allows. */
static u32 limit(void)
{
	char word[16];
	u64 n;

	if (!cmdline_get("smp", word, sizeof(word)))
		return MAX_CPUS;
	if (str_to_u64(word, &n) || !n) {
		log_warn("smp=%s: not a number of CPUs; using all", word);
		return MAX_CPUS;
	}
	return (u32)MIN(n, MAX_CPUS);
}

void cpus_start(void)
{
	u32 want = MIN(host.cpu_count, limit());

	if (want > 1 && !make_trampoline()) {
		log_warn("smp: no free memory below 1 MiB to start CPUs from; using one");
		want = 1;
	}
	for (u32 i = 1; i < host.cpu_count && cpu_count() < want; i++) {
		int err = start(cpu_count(), host.apic_ids[i]);

		if (err)
			log_warn("smp: the CPU with APIC id %u does not start (error %d)",
				 host.apic_ids[i], -err);
		if (err && err != -ETIMEDOUT)
			break;
	}
	smp_done();
	log_info("smp: %u CPU%s", cpu_count(), cpu_count() == 1 ? "" : "s");
	place_report();
	tsc_sync_report();
}
