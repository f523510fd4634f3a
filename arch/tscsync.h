/*
 * Whether all CPUs' TSCs show the same time: IA32_TSC_ADJUST (Intel SDM vol. 3, "IA32_TSC_ADJUST MSR Support")
 * is made the same on all of them, and two CPUs compare what they read while both run.
 */
#pragma once

#include "lib/types.h"

#define TSC_PAIR_STEPS 2048

/* One CPU of a pair. */
struct tsc_side {
	u64 mine; /* what it wrote down last */
	u64 back; /* the largest step back from the other's reading to its own, in ticks */
	u32 met;  /* how often there was a reading of the other's to compare with */
};

/* Zeroed before each use. */
struct tsc_pair {
	u64 last;    /* atomic: the latest reading of either; never falls */
	u32 arrived; /* atomic: CPUs at the start, */
	u32 done;    /* atomic: and at the end */
	struct tsc_side side[2];
};

enum tsc_adjust {
	TSC_ADJUST_NONE, /* there is no such register */
	TSC_ADJUST_SAME,
	TSC_ADJUST_SET, /* it was another */
	TSC_ADJUST_REFUSED,
};

/* Keeps the boot CPU's IA32_TSC_ADJUST for the others; once, before they are started. */
void tsc_adjust_boot(void);

/* Sets this CPU's to that; *was is what it had. */
enum tsc_adjust tsc_adjust_follow(u64 *was);

/* Reads the TSC once and compares it with the latest reading of the two. */
void tsc_pair_step(struct tsc_pair *p, struct tsc_side *s);

/*
 * Run on two CPUs at a time, as sides 0 and 1, for TSC_PAIR_STEPS readings each with interrupts off; waits for the
 * other for 2 s at most, before and after. False: it did not come.
 */
bool tsc_pair_run(struct tsc_pair *p, u32 side);

/*
 * Boot CPU: what the new CPU's register was, and the pair that both have run; ran: it was not alone. Logs what is
 * not as it should be.
 */
void tsc_sync_note(u32 cpu, enum tsc_adjust adjust, u64 was, const struct tsc_pair *p, bool ran);

/* Boot CPU, all CPUs being there: says how far TSCs are apart, and warns when that is more than 1 us. */
void tsc_sync_report(void);
