/*
 * Sets of CPUs; see lib/cpuset.h.
 */
#include "lib/cpuset.h"

#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/fmt.h"

void cpuset_zero(struct cpuset *set)
{
	*set = (struct cpuset){ 0 };
}

void cpuset_fill(struct cpuset *set)
{
	for (u32 w = 0; w < ARRAY_LEN(set->word); w++)
		set->word[w] = ~0ULL;
}

void cpuset_set(struct cpuset *set, u32 cpu)
{
	if (cpu < CPUSET_MAX)
		bitmap_set(set->word, cpu);
}

bool cpuset_test(const struct cpuset *set, u32 cpu)
{
	return cpu < CPUSET_MAX && bitmap_test(set->word, cpu);
}

bool cpuset_empty(const struct cpuset *set)
{
	u64 any = 0;

	for (u32 w = 0; w < ARRAY_LEN(set->word); w++)
		any |= set->word[w];
	return !any;
}

static const char *skip_blanks(const char *s)
{
	while (*s == ' ' || *s == '\t' || *s == '\n')
		s++;
	return s;
}

/* A CPU's number and the blanks behind it; NULL: there is none that is possible. */
static const char *parse_cpu(const char *s, u32 *cpu)
{
	if (*s < '0' || *s > '9')
		return NULL;
	for (*cpu = 0; *s >= '0' && *s <= '9'; s++) {
		*cpu = *cpu * 10 + (u32)(*s - '0');
		if (*cpu >= CPUSET_MAX)
			return NULL;
	}
	return skip_blanks(s);
}

/* What is between two commas: a number, a range, or a number that is taken out. NULL: none of these. */
static const char *parse_part(const char *s, struct cpuset *out)
{
	bool without = *s == '^';
	u32 first, last;

	s = parse_cpu(s + without, &first);
	if (!s)
		return NULL;
	last = first;
	if (*s == '-' && !without)
		s = parse_cpu(skip_blanks(s + 1), &last);
	if (!s || last < first)
		return NULL;
	for (u32 cpu = first; cpu <= last; cpu++) {
		if (without)
			bitmap_clear(out->word, cpu);
		else
			bitmap_set(out->word, cpu);
	}
	return s;
}

int cpuset_parse(const char *text, struct cpuset *out)
{
	struct cpuset set = { 0 };
	const char *s = text;

	do {
		s = parse_part(skip_blanks(s), &set);
		if (!s || (*s && *s != ','))
			return -EINVAL;
	} while (*s++);
	if (cpuset_empty(&set))
		return -EINVAL;
	*out = set;
	return 0;
}

int cpuset_format(const struct cpuset *set, char *buf, size_t size)
{
	size_t n = 0;

	if (!size)
		return -ENOSPC;
	*buf = 0;
	for (u32 cpu = 0; cpu < CPUSET_MAX; cpu++) {
		u32 first = cpu;

		if (!cpuset_test(set, cpu))
			continue;
		while (cpuset_test(set, cpu + 1))
			cpu++;
		n += (size_t)snprintf(buf + n, size - n, n ? ",%u" : "%u", first);
		if (n < size && cpu > first)
			n += (size_t)snprintf(buf + n, size - n, "-%u", cpu);
		if (n >= size)
			return -ENOSPC;
	}
	return (int)n;
}
