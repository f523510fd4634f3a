/*
 * Sets of CPUs, and libvirt's way to write them: "0-3,^2,5".
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

#define CPUSET_MAX 64 /* CPUs have the numbers below this */

struct cpuset {
	u64 word[CPUSET_MAX / 64];
};

void cpuset_zero(struct cpuset *set);
void cpuset_fill(struct cpuset *set);
/* Adds a CPU; a number that no set can hold is ignored. */
void cpuset_set(struct cpuset *set, u32 cpu);
bool cpuset_test(const struct cpuset *set, u32 cpu);
bool cpuset_empty(const struct cpuset *set);

/*
 * Reads numbers and ranges between commas; ^ before one takes it out of what came before. -EINVAL: not
 * such a text, a number over the last one possible, or nothing is left.
 */
int cpuset_parse(const char *text, struct cpuset *out) __must_check;

/* Writes the shortest such text into buf; its length, or -ENOSPC. */
int cpuset_format(const struct cpuset *set, char *buf, size_t size) __must_check;
