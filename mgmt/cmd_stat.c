/*
 * stat: a domain's exits by kind, each kind with a histogram of how long it kept the guest waiting.
 */
#include "lib/atomic.h"
#include "lib/string.h"
#include "mgmt/cmd.h"
#include "mgmt/session.h"
#include "vm/exitstat.h"
#include "vm/hvm.h"
#include "vm/vm.h"

#define BAR_LENGTH 36u

enum { STAT_DOMAIN, STAT_VCPU };

const struct arg_spec cmd_stat_args[] = {
	DOMAIN_ARG(OFFER_ALL),
	{ .name = "vcpu", .type = ARG_NUMBER, .help = "this vCPU alone" },
	{ .name = NULL },
};

/* One of those that took from first to last cycles; most is the row with the longest bar. */
static void show_bucket(const struct session *s, u32 bucket, u64 n, u64 most)
{
	static const char bar[] = "####################################";
	u64 first = bucket ? 1ull << bucket : 0, last = (2ull << bucket) - 1;
	u64 length = MAX(n * BAR_LENGTH / most, 1u);

	static_assert(sizeof(bar) == BAR_LENGTH + 1, "a character for each");
	if (bucket == EXIT_BUCKETS - 1)
		say(s, "    %10llu and more     ", (unsigned long long)first);
	else
		say(s, "    %10llu to %10llu", (unsigned long long)first, (unsigned long long)last);
	say(s, " %12llu  %.*s\n", (unsigned long long)n, (int)length, bar);
}

static void show_kind(const struct session *s, const struct exit_stats *stats, u32 kind)
{
	u64 n[EXIT_BUCKETS], count = 0, most = 0;

	for (u32 i = 0; i < EXIT_BUCKETS; i++) {
		n[i] = atomic_load_relaxed(&stats->hist[kind][i]);
		count += n[i];
		most = MAX(most, n[i]);
	}
	if (!count)
		return;
	say(s, "  %s: %llu\n", exit_kind_name(kind), (unsigned long long)count);
	for (u32 i = 0; i < EXIT_BUCKETS; i++) {
		if (n[i])
			show_bucket(s, i, n[i], most);
	}
}

int cmd_stat(struct call *c)
{
	const struct arg_value *only = call_value(c, STAT_VCPU, 0);
	const struct vm *vm = call_domain(c);
	const struct session *s = c->session;

	if (only && only->number >= vm->vcpu_count)
		return say_error(s, "domain '%s' has no vCPU %llu", vm->cfg.name,
				 (unsigned long long)only->number);
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		const struct exit_stats *stats = vm->ports[i].stats;

		if (only && only->number != i)
			continue;
		say(s, "vCPU %u: %llu exits; cycles until the guest went on, and how often\n", i,
		    (unsigned long long)exit_stats_total(stats));
		for (u32 kind = 0; kind < EXIT_KINDS; kind++)
			show_kind(s, stats, kind);
	}
	say(s, "\n");
	return 0;
}
