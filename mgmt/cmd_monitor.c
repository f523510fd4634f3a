/*
 * Commands that say what domains are and do.
 */
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mgmt/cmd.h"
#include "mgmt/domain_format.h"
#include "mgmt/domains.h"
#include "mgmt/table.h"
#include "mgmt/uuid.h"
#include "mm/heap.h"
#include "vm/cpu_choice.h"
#include "vm/cpuid.h"
#include "vm/exitstat.h"
#include "vm/vm.h"

enum { LIST_INACTIVE, LIST_ALL, LIST_NAME, LIST_UUID };
enum { STATE_DOMAIN, STATE_REASON };

u64 domain_exits(const struct vm *vm)
{
	u64 n = 0;

	for (u32 cpu = 0; cpu < vm->vcpu_count; cpu++)
		n += exit_stats_total(vm->ports[cpu].stats);
	return n;
}

u64 domain_cpu_times(struct vm *vm, u64 *waited)
{
	u64 ns = 0;

	*waited = 0;
	for (u32 cpu = 0; cpu < vm->vcpu_count; cpu++) {
		struct vcpu_times t;

		vm_cpu_times(vm, cpu, &t);
		ns += t.run;
		*waited += t.waited;
	}
	return ns;
}

u64 domain_cpu_time(struct vm *vm)
{
	u64 waited;

	return domain_cpu_times(vm, &waited);
}

struct list_state {
	const struct call *call;
	struct table *table; /* NULL: names or UUIDs alone */
	bool active;         /* which ones this round is for */
};

static int list_one(struct vm *vm, void *ctx)
{
	const struct list_state *l = ctx;
	char text[UUID_TEXT_SIZE];

	if (domain_active(vm) != l->active)
		return 0;
	if (l->table) {
		snprintf(text, sizeof(text), "%u", vm->id);
		table_add(l->table, l->active ? text : "-");
		table_add(l->table, vm->cfg.name);
		table_add(l->table, vm_state_name(vm->state));
		return 0;
	}
	uuid_format(vm->cfg.uuid, text);
	say(l->call->session, "%s\n", call_flag(l->call, LIST_UUID) ? text : vm->cfg.name);
	return 0;
}

static int cmd_list(struct call *c)
{
	static const char *const heads[] = { "Id", "Name", "State" };
	bool all = call_flag(c, LIST_ALL), inactive = call_flag(c, LIST_INACTIVE);
	struct list_state l = { .call = c };

	if (!call_flag(c, LIST_NAME) && !call_flag(c, LIST_UUID)) {
		l.table = kalloc(sizeof(*l.table));
		if (!l.table)
			return say_error(c->session, "no memory");
		table_init(l.table, ARRAY_LEN(heads), heads);
	}
	for (u32 round = 0; round < 2; round++) {
		l.active = !round;
		if (all || l.active != inactive)
			(void)domains_each(list_one, &l);
	}
	if (l.table)
		table_print(l.table, c->session);
	kfree(l.table);
	return 0;
}

/* Seconds with one decimal digit. */
static void format_time(u64 ns, char *buf, size_t size)
{
	snprintf(buf, size, "%llu.%llus", (unsigned long long)(ns / NS_PER_SECOND),
		 (unsigned long long)(ns % NS_PER_SECOND / NS_PER_TENTH));
}

static int cmd_dominfo(struct call *c)
{
	struct vm *vm = call_domain(c);
	const struct session *s = c->session;
	bool active = domain_active(vm);
	char uuid[UUID_TEXT_SIZE], time[32], id[12] = "-";

	uuid_format(vm->cfg.uuid, uuid);
	format_time(domain_cpu_time(vm), time, sizeof(time));
	if (active)
		snprintf(id, sizeof(id), "%u", vm->id);
	say(s, "%-16s%s\n%-16s%s\n%-16s%s\n", "Id:", id, "Name:", vm->cfg.name, "UUID:", uuid);
	if (vm->cfg.title[0])
		say(s, "%-16s%s\n", "Title:", vm->cfg.title);
	say(s, "%-16shvm\n%-16s%s\n", "OS Type:", "State:", vm_state_name(vm->state));
	if (!active && vm->stop_text[0])
		say(s, "%-16s%s\n", "Reason:", vm->stop_text);
	say(s, "%-16s%u\n%-16s%s\n", "CPU(s):", vm->vcpu_count, "CPU time:", time);
	say(s, "%-16s%llu KiB\n%-16s%llu KiB\n",
	    "Max memory:", (unsigned long long)(vm->cfg.memory / KIB),
	    "Used memory:", (unsigned long long)(active ? vm->cfg.memory / KIB : 0));
	say(s, "%-16s%llu\n\n", "Exits:", (unsigned long long)domain_exits(vm));
	return 0;
}

/* Why it is in that state, in libvirt's words where the guest or Plinth has no better ones. */
static const char *state_reason(const struct vm *vm)
{
	if (vm->state == VM_PAUSED)
		return "user";
	if (domain_active(vm))
		return "booted";
	return vm->stop_text[0] ? vm->stop_text : "unknown";
}

static int cmd_domstate(struct call *c)
{
	const struct vm *vm = call_domain(c);

	say(c->session, "%s", vm_state_name(vm->state));
	if (call_flag(c, STATE_REASON))
		say(c->session, " (%s)", state_reason(vm));
	say(c->session, "\n\n");
	return 0;
}

/* While it is active, the host's CPU is said by a model and features, as libvirt does it. */
static void cpu_in_full(const struct vm *vm, struct domain *cfg)
{
	struct cpu_set offered;

	if (cfg->cpu == CPU_HOST_MODEL && domain_active(vm) && !cpuid_offered(&offered) &&
	    cpu_expand(cfg, &offered))
		log_debug("no CPU model comes near this host's");
}

static int cmd_dumpxml(struct call *c)
{
	struct vm *vm = call_domain(c);
	struct domain *cfg = kalloc(sizeof(*cfg));
	char *text = kalloc(DOMAIN_XML_MAX);
	int len = -ENOMEM;

	if (cfg && text) {
		/* What may change while the domain is there changes under the lock. */
		spin_lock(&vm->lock);
		*cfg = vm->cfg;
		spin_unlock(&vm->lock);
		cpu_in_full(vm, cfg);
		len = domain_format(cfg, text, DOMAIN_XML_MAX);
	}
	if (len >= 0) {
		session_write(c->session, text, (size_t)len);
		say(c->session, "\n");
	}
	kfree(text);
	kfree(cfg);
	return len >= 0 ? 0 : say_error(c->session, "no memory for the document");
}

static const struct command commands[] = {
	{ .name = "dominfo",
	  .help = "say what a domain is and does",
	  .text = "Reason says why it is off, Exits how often its vCPUs left guest mode since"
		  " it was started.",
	  .args = ARGS(DOMAIN_ARG(OFFER_ALL)),
	  .run = cmd_dominfo },
	{ .name = "domstate",
	  .help = "say which state a domain is in",
	  .args = ARGS(DOMAIN_ARG(OFFER_ALL), FLAG_ARG("reason", "say why, too")),
	  .run = cmd_domstate },
	{ .name = "domstats",
	  .help = "print figures of domains for other programs",
	  .text = "Of all domains if none is named, and all figures if none is asked for. The"
		  " names are libvirt's; times are in ns, memory in KiB.",
	  .args = cmd_domstats_args,
	  .run = cmd_domstats },
	{ .name = "dumpxml",
	  .help = "print a domain's configuration as XML",
	  .text = "As it is now, with what vcpupin and schedinfo changed. Of an active domain with "
		  "mode host-model its CPU is printed in full.",
	  .args = ARGS(DOMAIN_ARG(OFFER_ALL)),
	  .run = cmd_dumpxml },
	{ .name = "list",
	  .help = "list domains",
	  .text = "Those that run or are paused, if nothing else is asked for.",
	  .args = ARGS(FLAG_ARG("inactive", "list those that are off"), FLAG_ARG("all", "list all"),
		       FLAG_ARG("name", "print names alone"),
		       FLAG_ARG("uuid", "print UUIDs alone")),
	  .run = cmd_list },
	{ .name = "stat",
	  .help = "show what a domain's exits cost",
	  .text = "How often each vCPU left guest mode since the domain was started, by what for,"
		  " and how many cycles of the host's TSC passed each time until the guest went on:"
		  " so many times so long. docs/seeing.md has what is counted when.",
	  .args = cmd_stat_args,
	  .run = cmd_stat },
	{ .name = "top",
	  .help = "show what domains do, again and again",
	  .text = "Drawn anew each second: for each domain the CPU time that it took in that "
		  "second (100 % is one CPU), how long it waited for a CPU while others ran, how often "
		  "it left guest mode, its memory, and all its CPU time. q or Ctrl-C leaves.",
	  .run = cmd_top },
	{ .name = "trace",
	  .help = "show what happens to a domain's vCPUs, as it happens",
	  .text = "Of all vCPUs and all kinds of events if none is named, until a key is typed or so"
		  " many events have been shown. --start lets the domain be traced from now on"
		  " without showing it, --stop ends that, --dump prints what all CPUs' rings"
		  " hold, for tools/trace. docs/seeing.md says what is recorded.",
	  .args = cmd_trace_args,
	  .run = cmd_trace },
	{ .name = NULL },
};

const struct command_group group_monitor = { "Domain Monitoring", "monitor", commands };
