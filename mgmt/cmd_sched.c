/*
 * Commands about which CPUs domains run on and how much of them they get.
 */
#include "core/host.h"
#include "core/thread.h"
#include "lib/fmt.h"
#include "mgmt/cmd.h"
#include "mgmt/domain_xml.h"
#include "mgmt/domains.h"
#include "mgmt/table.h"
#include "mm/heap.h"
#include "vm/vm.h"

#define CPULIST_MAX       256u
#define PERIOD_DEFAULT_US 100000u

enum { PIN_DOMAIN, PIN_VCPU, PIN_CPUS, PIN_SOFT };
enum { SCHED_DOMAIN, SCHED_SET };
enum { SET_SHARES, SET_PERIOD, SET_QUOTA };

static const char *const settings[] = {
	[SET_SHARES] = "cpu_shares", [SET_PERIOD] = "vcpu_period", [SET_QUOTA] = "vcpu_quota", NULL
};

/* The CPUs of this machine where a vCPU may run. */
static struct cpuset allowed(struct vm *vm, u32 vcpu)
{
	struct cpuset wanted, set;

	spin_lock(&vm->lock);
	wanted = cpuset_empty(&vm->cfg.vcpupin[vcpu]) ? vm->cfg.cpus : vm->cfg.vcpupin[vcpu];
	spin_unlock(&vm->lock);
	cpuset_zero(&set);
	for (u32 i = 0; i < host.cpu_count; i++) {
		if (cpuset_empty(&wanted) || cpuset_test(&wanted, i))
			cpuset_set(&set, i);
	}
	return set;
}

/* Those of them where it runs rather; all alike: none. */
static struct cpuset preferred(struct vm *vm, u32 vcpu)
{
	struct cpuset soft, set = allowed(vm, vcpu);

	spin_lock(&vm->lock);
	soft = cpuset_empty(&vm->cfg.vcpusoft[vcpu]) ? vm->cfg.soft : vm->cfg.vcpusoft[vcpu];
	spin_unlock(&vm->lock);
	for (u32 i = 0; i < ARRAY_LEN(set.word); i++)
		set.word[i] &= soft.word[i];
	return set;
}

static void add_cpus(struct table *t, const struct cpuset *set)
{
	char text[CPULIST_MAX];

	if (cpuset_format(set, text, sizeof(text)) < 0)
		text[0] = '\0';
	table_add(t, text[0] ? text : "-");
}

static int show_pins(struct call *c, struct vm *vm, const struct arg_value *only)
{
	static const char *const heads[] = { "VCPU", "CPU Affinity", "Soft Affinity" };
	struct table *t = kalloc(sizeof(*t));
	char text[12];

	if (!t)
		return say_error(c->session, "no memory");
	table_init(t, ARRAY_LEN(heads), heads);
	for (u32 i = 0; i < vm->cfg.vcpus; i++) {
		struct cpuset set = allowed(vm, i), soft = preferred(vm, i);

		if (only && only->number != i)
			continue;
		snprintf(text, sizeof(text), "%u", i);
		table_add(t, text);
		add_cpus(t, &set);
		add_cpus(t, &soft);
	}
	table_print(t, c->session);
	kfree(t);
	return 0;
}

static int cmd_vcpupin(struct call *c)
{
	const struct arg_value *vcpu = call_value(c, PIN_VCPU, 0);
	const struct arg_value *cpus = call_value(c, PIN_CPUS, 0);
	const struct arg_value *soft = call_value(c, PIN_SOFT, 0);
	struct vm *vm = call_domain(c);
	char err[DOMAIN_ERROR_MAX];

	if (vcpu && vcpu->number >= vm->cfg.vcpus)
		return say_error(c->session, "domain '%s' has no vCPU %llu", vm->cfg.name,
				 (unsigned long long)vcpu->number);
	if (!cpus && !soft)
		return show_pins(c, vm, vcpu);
	if (!vcpu)
		return say_error(c->session, "vcpupin: Missing vCPU number in pin mode.");
	if ((cpus && domain_pin(vm, (u32)vcpu->number, &cpus->cpus, err, sizeof(err))) ||
	    (soft && domain_pin_soft(vm, (u32)vcpu->number, &soft->cpus, err, sizeof(err))))
		return say_error(c->session, "%s", err);
	return 0;
}

static int cmd_schedinfo(struct call *c)
{
	u64 value[ARRAY_LEN(settings) - 1] = { 0 };
	struct vm *vm = call_domain(c);
	char err[DOMAIN_ERROR_MAX];
	const struct arg_value *v;
	struct domain *cfg = &vm->cfg;
	u32 n;

	for (n = 0; (v = call_value(c, SCHED_SET, n)); n++) {
		bool quota = v->setting.choice == SET_QUOTA;

		if (!v->setting.value || (v->setting.value < 0 && !quota) ||
		    (v->setting.choice == SET_SHARES && v->setting.value > UINT32_MAX))
			return say_error(c->session, "%s: %lld is out of range",
					 settings[v->setting.choice], (long long)v->setting.value);
		value[v->setting.choice] = (u64)v->setting.value;
	}
	if (n && domain_set_sched(vm, (u32)value[SET_SHARES], value[SET_PERIOD],
				  (s64)value[SET_QUOTA], err, sizeof(err)))
		return say_error(c->session, "%s", err);
	say(c->session, "%-15s: posix\n", "Scheduler");
	say(c->session, "%-15s: %u\n", settings[SET_SHARES],
	    cfg->shares ? cfg->shares : THREAD_WEIGHT_DEFAULT);
	say(c->session, "%-15s: %llu\n", settings[SET_PERIOD],
	    (unsigned long long)(cfg->period_us ? cfg->period_us : PERIOD_DEFAULT_US));
	say(c->session, "%-15s: %lld\n\n", settings[SET_QUOTA],
	    (long long)(cfg->quota_us > 0 ? cfg->quota_us : -1));
	return 0;
}

static const char *thread_state(const struct thread *t)
{
	return t->state == THREAD_BLOCKED ? "idle" : "running";
}

static void show_vcpu(const struct call *c, struct vm *vm, u32 i)
{
	const char *state = "N/A";
	char cpu[12] = "N/A", affinity[HOST_MAX_CPUS + 1];
	struct cpuset set = allowed(vm, i);
	unsigned long long tenths = vm_cpu_time(vm, i) / NS_PER_TENTH;

	spin_lock(&vm->lock); /* the thread does not go meanwhile */
	if (vm->ports[i].thread) {
		snprintf(cpu, sizeof(cpu), "%u", vm->ports[i].thread->cpu);
		state = vm->state == VM_PAUSED ? "paused" : thread_state(vm->ports[i].thread);
	}
	spin_unlock(&vm->lock);
	for (u32 n = 0; n < host.cpu_count; n++)
		affinity[n] = cpuset_test(&set, n) ? 'y' : '-';
	affinity[host.cpu_count] = '\0';
	say(c->session, "%-16s%u\n%-16s%s\n%-16s%s\n", "VCPU:", i, "CPU:", cpu, "State:", state);
	say(c->session, "%-16s%llu.%llus\n%-16s%s\n\n", "CPU time:", tenths / 10, tenths % 10,
	    "CPU Affinity:", affinity);
}

static int cmd_vcpuinfo(struct call *c)
{
	struct vm *vm = call_domain(c);

	for (u32 i = 0; i < vm->cfg.vcpus; i++)
		show_vcpu(c, vm, i);
	return 0;
}

static const struct command commands[] = {
	{ .name = "schedinfo",
	  .help = "show or set how much CPU time a domain gets",
	  .text = "cpu_shares is its weight against others, 1024 being usual. Each of its "
		  "vCPUs runs for at most vcpu_quota us in each vcpu_period us; -1 is no "
		  "limit.",
	  .args = ARGS(DOMAIN_ARG(OFFER_ALL),
		       { .name = "set",
			 .type = ARG_SETTING,
			 .how = ARG_MANY,
			 .choices = settings,
			 .help = "cpu_shares=N, vcpu_period=N, vcpu_quota=N" }),
	  .run = cmd_schedinfo },
	{ .name = "vcpuinfo",
	  .help = "say where a domain's vCPUs run",
	  .args = ARGS(DOMAIN_ARG(OFFER_ALL)),
	  .run = cmd_vcpuinfo },
	{ .name = "vcpupin",
	  .help = "show or set which CPUs a domain's vCPUs may run on",
	  .text = "From now on and after each start. Of the CPUs where it may run, a vCPU runs on "
		  "those of --soft while one of them is free for it.",
	  .args = ARGS(DOMAIN_ARG(OFFER_ALL),
		       { .name = "vcpu", .type = ARG_NUMBER, .help = "vCPU number" },
		       { .name = "cpulist",
			 .type = ARG_CPUS,
			 .help = "CPU numbers, such as 0-3,^2,5" },
		       { .name = "soft",
			 .type = ARG_CPUS,
			 .help = "CPUs where it runs rather than on others" }),
	  .run = cmd_vcpupin },
	{ .name = NULL },
};

const struct command_group group_sched = { "CPU Scheduling", "sched", commands };
