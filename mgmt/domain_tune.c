/*
 * The domain document's vCPUs: how many, where and how much they may run; features (libvirt's "Domain XML
 * format", "CPU Allocation", "CPU Tuning", "Hypervisor features").
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "mgmt/domain_parse.h"

/* Ranges as libvirt documents them. */
#define SHARES_MIN    2u
#define SHARES_MAX    262144u
#define PERIOD_MIN_US 1000u
#define PERIOD_MAX_US 1000000u
#define QUOTA_MIN_US  1000u
#define QUOTA_MAX_US  17592186044415ULL

const char *const domain_core_names[] = { NULL, "shared", "alone" };

const char *const domain_numa_names[] = { NULL, "strict", "preferred", "interleave" };

const struct domain_feature domain_features[5] = {
	{ "pae", NULL, FEATURE_PAE },  { "hap", "on", FEATURE_HAP },
	{ "pmu", "off", FEATURE_PMU }, { "vmport", "off", FEATURE_VMPORT },
	{ "smm", "off", FEATURE_SMM },
};

const struct domain_kvm_feature domain_kvm_features[4] = {
	{ "hidden", DOMAIN_KVM_HIDDEN },
	{ "hint-dedicated", DOMAIN_KVM_DEDICATED },
	{ "poll-control", DOMAIN_KVM_POLL_CONTROL },
	{ "pv-ipi", DOMAIN_KVM_PV_IPI },
};

/* vCPUs. */

int domain_set_vcpus(struct xml *x, const char *text)
{
	u64 n;

	if (str_to_u64(text, &n) || !n || n > VM_MAX_VCPUS)
		return xml_bad_value(x, text);
	domain_of(x)->vcpus = (u32)n;
	domain_builder(x)->vcpu_line = xml_line(x);
	return 0;
}

static int set_current(struct xml *x, const char *value)
{
	u64 n;

	if (str_to_u64(value, &n) || !n || n > VM_MAX_VCPUS)
		return xml_bad_value(x, value);
	domain_builder(x)->vcpus_now = (u32)n;
	return 0;
}

static int only_static(struct xml *x, const char *value)
{
	return domain_only(x, value, "static");
}

static int set_cpuset(struct xml *x, const char *value)
{
	return cpuset_parse(value, &domain_of(x)->cpus) ? xml_bad_value(x, value) : 0;
}

const struct xml_attr domain_vcpu_attrs[] = {
	{ "placement", only_static, false },
	{ "cpuset", set_cpuset, false },
	{ "current", set_current, false },
	{ .name = NULL },
};

/* Tuning. */

static int set_pin_vcpu(struct xml *x, const char *value)
{
	u64 n;

	if (str_to_u64(value, &n) || n >= VM_MAX_VCPUS)
		return xml_bad_value(x, value);
	domain_builder(x)->pin_vcpu = (u32)n;
	return 0;
}

static int set_pin_cpus(struct xml *x, const char *value)
{
	return cpuset_parse(value, &domain_builder(x)->pin_cpus) ? xml_bad_value(x, value) : 0;
}

static int end_pin(struct xml *x, struct cpuset *pin)
{
	struct domain_builder *b = domain_builder(x);

	if (!cpuset_empty(pin))
		return xml_fail(x, "a second <vcpupin> of vCPU %u is not supported", b->pin_vcpu);
	*pin = b->pin_cpus;
	if (b->pin_vcpu >= b->pin_max) {
		b->pin_max = b->pin_vcpu;
		b->pin_line = xml_line(x);
	}
	return 0;
}

static int end_vcpupin(struct xml *x)
{
	return end_pin(x, &domain_of(x)->vcpupin[domain_builder(x)->pin_vcpu]);
}

static int end_soft_pin(struct xml *x)
{
	return end_pin(x, &domain_of(x)->vcpusoft[domain_builder(x)->pin_vcpu]);
}

int domain_check_pins(struct xml *x)
{
	const struct domain_builder *b = domain_builder(x);

	if (b->pin_max < b->d->vcpus)
		return 0;
	return xml_fail_at(x, b->pin_line, "<vcpupin> of vCPU %u, where there are %u", b->pin_max,
			   b->d->vcpus);
}

static int set_shares(struct xml *x, const char *text)
{
	u64 n;

	if (str_to_u64(text, &n) || n < SHARES_MIN || n > SHARES_MAX)
		return xml_bad_value(x, text);
	domain_of(x)->shares = (u32)n;
	return 0;
}

static int set_period(struct xml *x, const char *text)
{
	u64 n;

	if (str_to_u64(text, &n) || (n && n < PERIOD_MIN_US) || n > PERIOD_MAX_US)
		return xml_bad_value(x, text);
	domain_of(x)->period_us = n;
	return 0;
}

/* Whatever is negative is no limit; 0 is as if it were not said, for a period, too. */
static int set_quota(struct xml *x, const char *text)
{
	bool negative = *text == '-';
	u64 n;

	if (str_to_u64(text + negative, &n) || (negative && !n) ||
	    (!negative && n && (n < QUOTA_MIN_US || n > QUOTA_MAX_US)))
		return xml_bad_value(x, text);
	domain_of(x)->quota_us = negative ? -1 : (s64)n;
	return 0;
}

const struct xml_element domain_cputune[] = {
	{ .name = "vcpupin",
	  .flags = XML_MANY,
	  .attrs = XML_ATTRS({ "vcpu", set_pin_vcpu, true }, { "cpuset", set_pin_cpus, true }),
	  .end = end_vcpupin },
	{ .name = "shares", .text = set_shares },
	{ .name = "period", .text = set_period },
	{ .name = "quota", .text = set_quota },
	{ .name = NULL },
};

/* Memory's NUMA nodes. */

static int begin_numa_memory(struct xml *x)
{
	domain_of(x)->numa = NUMA_STRICT; /* without a mode, as libvirt has it */
	return 0;
}

static int set_numa_mode(struct xml *x, const char *value)
{
	int i = xml_choice(x, value, domain_numa_names + NUMA_STRICT, NUMA_INTERLEAVE);

	if (i < 0)
		return i;
	domain_of(x)->numa = (enum domain_numa)(NUMA_STRICT + i);
	return 0;
}

static int set_nodeset(struct xml *x, const char *value)
{
	return cpuset_parse(value, &domain_of(x)->numa_nodes) ? xml_bad_value(x, value) : 0;
}

static int end_numa_memory(struct xml *x)
{
	const struct domain *d = domain_of(x);
	u64 nodes = d->numa_nodes.word[0];

	if (d->numa == NUMA_PREFERRED && nodes & (nodes - 1))
		return xml_fail(x, "mode 'preferred' of more than one node is not supported");
	return 0;
}

const struct xml_element domain_numatune[] = {
	{ .name = "memory",
	  .flags = XML_REQUIRED,
	  .attrs = XML_ATTRS({ "mode", set_numa_mode, false }, { "nodeset", set_nodeset, true }),
	  .begin = begin_numa_memory,
	  .end = end_numa_memory },
	{ .name = NULL },
};

/* What libvirt has no words for. */

static int only_plinth_ns(struct xml *x, const char *value)
{
	return domain_only(x, value, DOMAIN_PLINTH_NS);
}

static int set_core(struct xml *x, const char *value)
{
	int i = xml_choice(x, value, domain_core_names + CORE_SHARED, CORE_ALONE);

	if (i < 0)
		return i;
	domain_of(x)->core = (enum domain_core)(CORE_SHARED + i);
	return 0;
}

static int set_soft(struct xml *x, const char *value)
{
	return cpuset_parse(value, &domain_of(x)->soft) ? xml_bad_value(x, value) : 0;
}

const struct xml_attr domain_plinth_sched_attrs[] = {
	{ "xmlns:plinth", only_plinth_ns, true },
	{ "core", set_core, false },
	{ "soft", set_soft, false },
	{ .name = NULL },
};

const struct xml_element domain_plinth_sched_elements[] = {
	{ .name = "plinth:vcpupin",
	  .flags = XML_MANY,
	  .attrs = XML_ATTRS({ "vcpu", set_pin_vcpu, true }, { "soft", set_pin_cpus, true }),
	  .end = end_soft_pin },
	{ .name = NULL },
};

int domain_end_plinth_sched(struct xml *x)
{
	const struct domain *d = domain_of(x);

	for (u32 i = 0; i < VM_MAX_VCPUS; i++)
		if (!cpuset_empty(&d->vcpusoft[i]))
			return 0;
	return d->core || !cpuset_empty(&d->soft) ? 0 : xml_fail(x, "<plinth:sched> says nothing");
}

/* Features. */

static int begin_acpi(struct xml *x)
{
	domain_of(x)->acpi = true;
	return 0;
}

static int begin_apic(struct xml *x)
{
	domain_of(x)->apic = true;
	return 0;
}

static int begin_pae(struct xml *x)
{
	domain_of(x)->features |= FEATURE_PAE;
	return 0;
}

static int begin_hap(struct xml *x)
{
	domain_of(x)->features |= FEATURE_HAP;
	return 0;
}

static int only_on(struct xml *x, const char *value)
{
	return domain_only(x, value, "on");
}

static int begin_pmu(struct xml *x)
{
	domain_of(x)->features |= FEATURE_PMU;
	return 0;
}

static int begin_vmport(struct xml *x)
{
	domain_of(x)->features |= FEATURE_VMPORT;
	return 0;
}

static int begin_smm(struct xml *x)
{
	domain_of(x)->features |= FEATURE_SMM;
	return 0;
}

static int only_off(struct xml *x, const char *value)
{
	return domain_only(x, value, "off");
}

/* KVM's paravirtual interface. */

static int set_kvm(struct xml *x, const char *value, const char *on, const char *off)
{
	const char *const words[] = { on, off };
	struct domain_builder *b = domain_builder(x);
	int i = xml_choice(x, value, words, ARRAY_LEN(words));

	if (i < 0)
		return i;
	b->d->kvm_on &= ~b->kvm_bit; /* where that is what its element says without a state */
	*(i ? &b->d->kvm_off : &b->d->kvm_on) |= b->kvm_bit;
	return 0;
}

static int set_kvm_state(struct xml *x, const char *value)
{
	return set_kvm(x, value, "on", "off");
}

static int begin_hidden(struct xml *x)
{
	domain_builder(x)->kvm_bit = DOMAIN_KVM_HIDDEN;
	return 0;
}

static int begin_dedicated(struct xml *x)
{
	domain_builder(x)->kvm_bit = DOMAIN_KVM_DEDICATED;
	return 0;
}

static int begin_poll_control(struct xml *x)
{
	domain_builder(x)->kvm_bit = DOMAIN_KVM_POLL_CONTROL;
	return 0;
}

static int begin_pv_ipi(struct xml *x)
{
	domain_builder(x)->kvm_bit = DOMAIN_KVM_PV_IPI;
	return 0;
}

static int begin_pvspinlock(struct xml *x)
{
	domain_builder(x)->kvm_bit = DOMAIN_KVM_PVSPINLOCK;
	domain_of(x)->kvm_on |= DOMAIN_KVM_PVSPINLOCK;
	return 0;
}

static const struct xml_attr kvm_attrs[] = {
	{ "state", set_kvm_state, true },
	{ .name = NULL },
};

static const struct xml_element kvm_elements[] = {
	{ .name = "hidden", .begin = begin_hidden, .attrs = kvm_attrs },
	{ .name = "hint-dedicated", .begin = begin_dedicated, .attrs = kvm_attrs },
	{ .name = "poll-control", .begin = begin_poll_control, .attrs = kvm_attrs },
	{ .name = "pv-ipi", .begin = begin_pv_ipi, .attrs = kvm_attrs },
	{ .name = NULL },
};

const struct xml_element domain_feature_elements[] = {
	{ .name = "acpi", .begin = begin_acpi },
	{ .name = "apic", .begin = begin_apic },
	{ .name = "pae", .begin = begin_pae },
	{ .name = "hap", .begin = begin_hap, .attrs = XML_ATTRS({ "state", only_on, false }) },
	{ .name = "pmu", .begin = begin_pmu, .attrs = XML_ATTRS({ "state", only_off, true }) },
	{ .name = "vmport", .begin = begin_vmport, .attrs = XML_ATTRS({ "state", only_off, true }) },
	{ .name = "smm", .begin = begin_smm, .attrs = XML_ATTRS({ "state", only_off, true }) },
	{ .name = "kvm", .children = kvm_elements },
	{ .name = "pvspinlock",
	  .begin = begin_pvspinlock,
	  .attrs = XML_ATTRS({ "state", set_kvm_state, false }) },
	{ .name = NULL },
};
