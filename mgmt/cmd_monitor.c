/*
 * Commands that say what domains are and do.
 */
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mgmt/cmd.h"
#include "mgmt/domain_format.h"
#include "mgmt/domains.h"
#include "mgmt/manager.h"
#include "mgmt/serial.h"
#include "mgmt/table.h"
#include "mgmt/uuid.h"
#include "mm/heap.h"
#include "vm/hvm.h"
#include "vm/report.h"
#include "vm/vm.h"
#include "vm/vtimer.h"

enum { LIST_INACTIVE, LIST_ALL, LIST_NAME, LIST_UUID };
enum { STATE_DOMAIN, STATE_REASON };
enum { STATS_DOMAIN, STATS_STATE, STATS_CPU, STATS_BALLOON, STATS_VCPU, STATS_SERIAL };

u64 domain_exits(const struct vm *vm)
{
	u64 n = 0;

	for (u32 cpu = 0; cpu < vm->vcpu_count; cpu++) {
		for (u32 i = 0; i < ARRAY_LEN(vm->ports[cpu].exits); i++)
			n += vm->ports[cpu].exits[i];
	}
	return n;
}

u64 domain_cpu_time(struct vm *vm)
{
	u64 ns = 0;

	for (u32 cpu = 0; cpu < vm->vcpu_count; cpu++)
		ns += vm_cpu_time(vm, cpu);
	return ns;
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

/* libvirt's numbers for a domain's states. */
static u32 state_number(const struct vm *vm)
{
	enum { RUNNING = 1, PAUSED = 3, SHUTOFF = 5, CRASHED = 6 };

	if (vm->state == VM_PAUSED)
		return PAUSED;
	if (vm->state == VM_CRASHED)
		return CRASHED;
	return domain_active(vm) ? RUNNING : SHUTOFF;
}

static void stat(const struct call *c, const char *name, u64 value)
{
	say(c->session, "  %s=%llu\n", name, (unsigned long long)value);
}

static void vcpu_stat(const struct call *c, u32 vcpu, const char *name, u64 value)
{
	say(c->session, "  vcpu.%u.%s=%llu\n", vcpu, name, (unsigned long long)value);
}

/* By enum irq_exit. */
static const char *const irq_exit_names[IRQ_EXITS] = {
	"exits.eoi", "exits.tpr", "exits.self-ipi", "exits.ipi", "exits.window", "exits.kick",
};

static void stats_of_exits(const struct call *c, u32 vcpu, const struct vcpu_port *port)
{
	u64 sum = 0;

	for (u32 kind = 0; kind < EXIT_KINDS; kind++) {
		sum += port->exits[kind];
		if (report_stat_name(kind))
			vcpu_stat(c, vcpu, report_stat_name(kind), port->exits[kind]);
	}
	for (u32 k = 0; k < IRQ_EXITS; k++)
		vcpu_stat(c, vcpu, irq_exit_names[k], port->irq_exits[k]);
	vcpu_stat(c, vcpu, "exits.sum", sum);
	vcpu_stat(c, vcpu, "kicks.sent", port->kicks);
	vcpu_stat(c, vcpu, "kicks.saved", port->kicks_saved);
}

static void stats_of_vcpus(const struct call *c, struct vm *vm)
{
	stat(c, "vcpu.current", vm->vcpu_count);
	stat(c, "vcpu.maximum", vm->vcpu_count);
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		vcpu_stat(c, i, "state", domain_active(vm));
		vcpu_stat(c, i, "time", vm_cpu_time(vm, i));
		stats_of_exits(c, i, &vm->ports[i]);
	}
}

struct serial_look {
	const struct vm *vm;
	u32 port;
	bool found;
	struct serial_counts counts;
};

/* On the manager's thread. */
static void look_at_serial(void *arg)
{
	struct serial_look *l = arg;
	const struct serial *s = serial_find(l->vm, l->port);

	l->found = s;
	if (s)
		serial_counts(s, &l->counts);
}

static void serial_stat(const struct call *c, u32 port, const char *name, u64 value)
{
	say(c->session, "  serial.%u.%s=%llu\n", port, name, (unsigned long long)value);
}

static void stats_of_serials(const struct call *c, const struct vm *vm)
{
	stat(c, "serial.count", vm->cfg.serials);
	for (u32 i = 0; i < vm->cfg.serials; i++) {
		struct serial_look l = { .vm = vm, .port = i };

		manager_run(look_at_serial, &l);
		if (!l.found)
			continue;
		serial_stat(c, i, "out.bytes", l.counts.from_guest);
		serial_stat(c, i, "out.held", l.counts.held);
		serial_stat(c, i, "out.held.longest", l.counts.longest_ns);
		serial_stat(c, i, "in.bytes", l.counts.to_guest);
		serial_stat(c, i, "in.ignored", l.counts.ignored);
	}
}

static int stats_of(struct vm *vm, void *ctx)
{
	const struct call *c = ctx;
	bool all = true;

	for (u32 i = STATS_STATE; i <= STATS_SERIAL; i++)
		all &= !call_flag(c, i);
	say(c->session, "Domain: '%s'\n", vm->cfg.name);
	if (all || call_flag(c, STATS_STATE))
		stat(c, "state.state", state_number(vm));
	if (all || call_flag(c, STATS_CPU)) {
		stat(c, "cpu.time", domain_cpu_time(vm));
		/* The guest's clock: it stands still while the domain is paused. */
		stat(c, "cpu.guest.time", domain_active(vm) ? vm_time_ns(vm) : 0);
	}
	if (all || call_flag(c, STATS_BALLOON)) {
		stat(c, "balloon.current", domain_active(vm) ? vm->cfg.memory / KIB : 0);
		stat(c, "balloon.maximum", vm->cfg.memory / KIB);
	}
	if (all || call_flag(c, STATS_VCPU))
		stats_of_vcpus(c, vm);
	if (all || call_flag(c, STATS_SERIAL))
		stats_of_serials(c, vm);
	say(c->session, "\n");
	return 0;
}

static int cmd_domstats(struct call *c)
{
	const struct arg_value *v;

	if (!call_value(c, STATS_DOMAIN, 0))
		return domains_each(stats_of, c);
	for (u32 i = 0; (v = call_value(c, STATS_DOMAIN, i)); i++)
		(void)stats_of(v->vm, c);
	return 0;
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
	  .args = ARGS({ .name = "domain",
			 .type = ARG_DOMAIN,
			 .how = ARG_MANY,
			 .help = "domain name, id or uuid" },
		       FLAG_ARG("state", "the state by its number"),
		       FLAG_ARG("cpu-total", "the time that all vCPUs ran"),
		       FLAG_ARG("balloon", "memory"), FLAG_ARG("vcpu", "each vCPU"),
		       FLAG_ARG("serial", "each serial port")),
	  .run = cmd_domstats },
	{ .name = "dumpxml",
	  .help = "print a domain's configuration as XML",
	  .text = "As it is now, with what vcpupin and schedinfo changed.",
	  .args = ARGS(DOMAIN_ARG(OFFER_ALL)),
	  .run = cmd_dumpxml },
	{ .name = "list",
	  .help = "list domains",
	  .text = "Those that run or are paused, if nothing else is asked for.",
	  .args = ARGS(FLAG_ARG("inactive", "list those that are off"), FLAG_ARG("all", "list all"),
		       FLAG_ARG("name", "print names alone"),
		       FLAG_ARG("uuid", "print UUIDs alone")),
	  .run = cmd_list },
	{ .name = "top",
	  .help = "show what domains do, again and again",
	  .text = "Drawn anew each second: for each domain the CPU time that it took in that "
		  "second (100 % is one CPU), how often it left guest mode, its memory, and "
		  "all its CPU time. q or Ctrl-C leaves.",
	  .run = cmd_top },
	{ .name = NULL },
};

const struct command_group group_monitor = { "Domain Monitoring", "monitor", commands };
