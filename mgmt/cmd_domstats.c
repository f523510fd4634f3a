/*
 * domstats: figures of domains for other programs, under libvirt's names where it has any.
 */
#include "core/clock.h"
#include "mgmt/cmd.h"
#include "mgmt/domains.h"
#include "mgmt/manager.h"
#include "mgmt/serial.h"
#include "vm/exitstat.h"
#include "vm/hvm.h"
#include "vm/vm.h"
#include "vm/vtimer.h"

enum { STATS_DOMAIN, STATS_STATE, STATS_CPU, STATS_BALLOON, STATS_VCPU, STATS_SERIAL };

const struct arg_spec cmd_domstats_args[] = {
	{ .name = "domain", .type = ARG_DOMAIN, .how = ARG_MANY, .help = "domain name, id or uuid" },
	FLAG_ARG("state", "the state by its number"),
	FLAG_ARG("cpu-total", "the time that all vCPUs ran"),
	FLAG_ARG("balloon", "memory"),
	FLAG_ARG("vcpu", "each vCPU"),
	FLAG_ARG("serial", "each serial port"),
	{ .name = NULL },
};

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
	for (u32 kind = 0; kind < EXIT_KINDS; kind++) {
		if (exit_stat_name(kind))
			vcpu_stat(c, vcpu, exit_stat_name(kind),
				  exit_stats_count(port->stats, kind));
	}
	for (u32 k = 0; k < IRQ_EXITS; k++)
		vcpu_stat(c, vcpu, irq_exit_names[k], port->irq_exits[k]);
	vcpu_stat(c, vcpu, "exits.sum", exit_stats_total(port->stats));
	vcpu_stat(c, vcpu, "kicks.sent", port->kicks);
	vcpu_stat(c, vcpu, "kicks.saved", port->kicks_saved);
	vcpu_stat(c, vcpu, "halt_attempted_poll.sum", port->poll.hits + port->poll.misses);
	vcpu_stat(c, vcpu, "halt_successful_poll.sum", port->poll.hits);
	vcpu_stat(c, vcpu, "halt_poll_success_ns.sum", clock_tsc_to_ns(port->poll.hit_tsc));
	vcpu_stat(c, vcpu, "halt_poll_fail_ns.sum", clock_tsc_to_ns(port->poll.miss_tsc));
	vcpu_stat(c, vcpu, "halt_poll_window", clock_tsc_to_ns(port->poll.window));
	vcpu_stat(c, vcpu, "directed_yield_attempted", port->yields_tried);
	vcpu_stat(c, vcpu, "directed_yield_successful", port->yields_done);
}

/* What libvirt and KVM have names for goes by these. */
static void stats_of_times(const struct call *c, struct vm *vm, u32 vcpu)
{
	struct vcpu_times t;

	vm_cpu_times(vm, vcpu, &t);
	vcpu_stat(c, vcpu, "time", t.run);
	vcpu_stat(c, vcpu, "wait", t.waited);
	vcpu_stat(c, vcpu, "delay", t.waited);
	say(c->session, "  vcpu.%u.halted=%s\n", vcpu, t.halts ? "yes" : "no");
	vcpu_stat(c, vcpu, "halt_wait_ns.sum", t.halted);
	vcpu_stat(c, vcpu, "other_wait_ns.sum", t.other);
}

static void stats_of_interrupts(const struct call *c, u32 vcpu, const struct vcpu_port *port)
{
	vcpu_stat(c, vcpu, "irq_injections.sum", port->injected);
	vcpu_stat(c, vcpu, "nmi_injections.sum", port->nmis);
	vcpu_stat(c, vcpu, "irq_posts.sum", port->posted);
}

static void stats_of_vcpus(const struct call *c, struct vm *vm)
{
	stat(c, "vcpu.current", vm->vcpu_count);
	stat(c, "vcpu.maximum", vm->vcpu_count);
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		vcpu_stat(c, i, "state", domain_active(vm));
		stats_of_times(c, vm, i);
		stats_of_interrupts(c, i, &vm->ports[i]);
		stats_of_exits(c, i, &vm->ports[i]);
	}
}

/* Of the time that the vCPUs ran. */
static void stats_of_polls(const struct call *c, const struct vm *vm)
{
	u64 hit = 0, miss = 0;

	for (u32 i = 0; i < vm->vcpu_count; i++) {
		hit += vm->ports[i].poll.hit_tsc;
		miss += vm->ports[i].poll.miss_tsc;
	}
	stat(c, "cpu.haltpoll.success.time", clock_tsc_to_ns(hit));
	stat(c, "cpu.haltpoll.fail.time", clock_tsc_to_ns(miss));
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
		stats_of_polls(c, vm);
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

int cmd_domstats(struct call *c)
{
	const struct arg_value *v;

	if (!call_value(c, STATS_DOMAIN, 0))
		return domains_each(stats_of, c);
	for (u32 i = 0; (v = call_value(c, STATS_DOMAIN, i)); i++)
		(void)stats_of(v->vm, c);
	return 0;
}
