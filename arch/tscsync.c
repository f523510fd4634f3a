/*
 * The clock takes all TSCs for one. A CPU that reads less than another has read before it shows time running
 * backwards: the largest such step, among some thousand readings that both make at once, is how far their TSCs
 * are apart, but for the way of a cache line.
 */
#include "arch/tscsync.h"

#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/msr.h"
#include "arch/tsc.h"
#include "core/log.h"
#include "lib/atomic.h"

#define WAIT_US 2000000
#define STEP_US 10

static u64 boot_adjust;   /* const after tsc_adjust_boot() */
static bool have_adjust;  /* const after tsc_adjust_boot() */
static u64 worst;         /* ticks; the boot CPU's, as are those below */
static u32 compared, cut; /* CPUs that were compared, and those that were not */

void tsc_adjust_boot(void)
{
	have_adjust = cpu_has(CPU_TSC_ADJUST) && !rdmsr_safe(MSR_TSC_ADJUST, &boot_adjust);
	if (have_adjust && boot_adjust)
		log_debug("tsc: the boot CPU's TSC_ADJUST is %#llx",
			  (unsigned long long)boot_adjust);
}

enum tsc_adjust tsc_adjust_follow(u64 *was)
{
	*was = 0;
	if (!have_adjust || rdmsr_safe(MSR_TSC_ADJUST, was))
		return TSC_ADJUST_NONE;
	if (*was == boot_adjust)
		return TSC_ADJUST_SAME;
	return wrmsr_safe(MSR_TSC_ADJUST, boot_adjust) ? TSC_ADJUST_REFUSED : TSC_ADJUST_SET;
}

void tsc_pair_step(struct tsc_pair *p, struct tsc_side *s)
{
	/* Pairs with the other CPU's exchange below: it read its TSC before. */
	u64 seen = atomic_load_acquire(&p->last), now;

	/* RDTSC may run ahead of what is before it (SDM vol. 2, "RDTSC"). */
	__asm__ volatile("lfence" ::: "memory");
	now = rdtsc();
	if (seen && seen != s->mine)
		s->met++;
	if (now < seen) {
		if (seen - now > s->back)
			s->back = seen - now;
		return;
	}
	/* When the other was faster, its reading is what the next step compares with. */
	if (atomic_cas(&p->last, &seen, now))
		s->mine = now;
}

/* Waits until both CPUs have counted. */
static bool meet(u32 *count)
{
	atomic_fetch_add(count, 1);
	for (u64 us = 0; us < WAIT_US; us += STEP_US) {
		/* Pairs with the other's fetch_add. */
		if (atomic_load_acquire(count) == 2)
			return true;
		tsc_delay_us(STEP_US);
	}
	return false;
}

bool tsc_pair_run(struct tsc_pair *p, u32 side)
{
	u64 flags = irq_save();
	bool ran = meet(&p->arrived);

	for (u32 i = 0; ran && i < TSC_PAIR_STEPS; i++) {
		tsc_pair_step(p, &p->side[side]);
		cpu_relax();
	}
	ran = ran && meet(&p->done);
	irq_restore(flags);
	return ran;
}

void tsc_sync_note(u32 cpu, enum tsc_adjust adjust, u64 was, const struct tsc_pair *p, bool ran)
{
	u64 back = MAX(p->side[0].back, p->side[1].back);

	if (adjust == TSC_ADJUST_SET || adjust == TSC_ADJUST_REFUSED)
		log_warn("tsc: CPU %u's TSC_ADJUST is %#llx, the boot CPU's %#llx: %s", cpu,
			 (unsigned long long)was, (unsigned long long)boot_adjust,
			 adjust == TSC_ADJUST_SET ? "set to that" : "it cannot be set");
	if (!ran || !(p->side[0].met + p->side[1].met)) {
		cut++;
		return;
	}
	compared++;
	worst = MAX(worst, back);
	log_debug("tsc: CPU %u: %u and %u readings compared, back by %llu ticks at most", cpu,
		  p->side[0].met, p->side[1].met, (unsigned long long)back);
}

void tsc_sync_report(void)
{
	if (cut)
		log_warn("tsc: %u CPU%s could not be compared with the boot CPU", cut,
			 cut == 1 ? "" : "s");
	if (!compared)
		return;
	log_info("tsc: %u CPU%s compared with the boot CPU, largest step back %llu ticks", compared,
		 compared == 1 ? "" : "s", (unsigned long long)worst);
	if (worst > tsc_khz() / 1000)
		log_warn("clock: the CPUs' TSCs are not the same: times may jump back by %llu us",
			 (unsigned long long)(worst * 1000 / tsc_khz()));
}
