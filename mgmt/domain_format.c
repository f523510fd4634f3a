/*
 * Writing the domain document, in libvirt's order and indentation. What was not said is left out, where
 * libvirt does so, too.
 */
#include "mgmt/domain_format.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mgmt/domain_parse.h"
#include "mgmt/uuid.h"
#include "mgmt/xml_out.h"

#define CPUSET_TEXT 256 /* every other CPU of 64: "0,2,4,...,62" */

/* <name>text</name>, if there is a text. */
static void element(struct xml_out *o, const char *indent, const char *name, const char *text)
{
	if (!*text)
		return;
	xml_out_fmt(o, "%s<%s>", indent, name);
	xml_out_text(o, text, strlen(text));
	xml_out_fmt(o, "</%s>\n", name);
}

static void general(struct xml_out *o, const struct domain *d)
{
	char uuid[UUID_TEXT_SIZE];

	uuid_format(d->uuid, uuid);
	element(o, "  ", "name", d->name);
	element(o, "  ", "uuid", uuid);
	element(o, "  ", "title", d->title);
	element(o, "  ", "description", d->description);
	if (d->metadata[0])
		xml_out_fmt(o, "  <metadata>%s</metadata>\n", d->metadata);
}

static void memory(struct xml_out *o, const struct domain *d)
{
	bool whole = d->memory % KIB == 0;
	unsigned long long n = whole ? d->memory / KIB : d->memory;
	const char *unit = whole ? "KiB" : "bytes";

	xml_out_fmt(o, "  <memory unit='%s'>%llu</memory>\n", unit, n);
	xml_out_fmt(o, "  <currentMemory unit='%s'>%llu</currentMemory>\n", unit, n);
}

/* name='...', with a blank before it, if the set is not empty. */
static void cpus_attr(struct xml_out *o, const char *name, const struct cpuset *set)
{
	char text[CPUSET_TEXT];

	if (cpuset_format(set, text, sizeof(text)) > 0)
		xml_out_fmt(o, " %s='%s'", name, text);
}

static void pins(struct xml_out *o, const struct domain *d)
{
	for (u32 i = 0; i < d->vcpus && i < VM_MAX_VCPUS; i++) {
		if (cpuset_empty(&d->vcpupin[i]))
			continue;
		xml_out_fmt(o, "    <vcpupin vcpu='%u'", i);
		cpus_attr(o, "cpuset", &d->vcpupin[i]);
		xml_out_fmt(o, "/>\n");
	}
}

static bool any_pin(const struct domain *d, const struct cpuset *pins)
{
	for (u32 i = 0; i < d->vcpus && i < VM_MAX_VCPUS; i++) {
		if (!cpuset_empty(&pins[i]))
			return true;
	}
	return false;
}

static void plinth_sched(struct xml_out *o, const struct domain *d)
{
	bool pins = any_pin(d, d->vcpusoft);

	if (!d->core && cpuset_empty(&d->soft) && !pins)
		return;
	xml_out_fmt(o, "  <plinth:sched xmlns:plinth='" DOMAIN_PLINTH_NS "'");
	if (d->core)
		xml_out_fmt(o, " core='%s'", domain_core_names[d->core]);
	cpus_attr(o, "soft", &d->soft);
	if (!pins) {
		xml_out_fmt(o, "/>\n");
		return;
	}
	xml_out_fmt(o, ">\n");
	for (u32 i = 0; i < d->vcpus && i < VM_MAX_VCPUS; i++) {
		if (cpuset_empty(&d->vcpusoft[i]))
			continue;
		xml_out_fmt(o, "    <plinth:vcpupin vcpu='%u'", i);
		cpus_attr(o, "soft", &d->vcpusoft[i]);
		xml_out_fmt(o, "/>\n");
	}
	xml_out_fmt(o, "  </plinth:sched>\n");
}

static void vcpus(struct xml_out *o, const struct domain *d)
{
	xml_out_fmt(o, "  <vcpu placement='static'");
	cpus_attr(o, "cpuset", &d->cpus);
	xml_out_fmt(o, ">%u</vcpu>\n", d->vcpus);
	if (!d->shares && !d->period_us && !d->quota_us && !any_pin(d, d->vcpupin))
		return;
	xml_out_fmt(o, "  <cputune>\n");
	if (d->shares)
		xml_out_fmt(o, "    <shares>%u</shares>\n", d->shares);
	if (d->period_us)
		xml_out_fmt(o, "    <period>%llu</period>\n", (unsigned long long)d->period_us);
	if (d->quota_us)
		xml_out_fmt(o, "    <quota>%lld</quota>\n", (long long)d->quota_us);
	pins(o, d);
	xml_out_fmt(o, "  </cputune>\n");
}

static void numatune(struct xml_out *o, const struct domain *d)
{
	if (!d->numa)
		return;
	xml_out_fmt(o, "  <numatune>\n    <memory mode='%s'", domain_numa_names[d->numa]);
	cpus_attr(o, "nodeset", &d->numa_nodes);
	xml_out_fmt(o, "/>\n  </numatune>\n");
}

static void os(struct xml_out *o, const struct domain *d)
{
	xml_out_fmt(o, "  <os>\n    <type arch='x86_64' machine='q35'>hvm</type>\n");
	if (d->loader == LOADER_FLAT) {
		xml_out_fmt(o, "    <loader type='flat'>");
		xml_out_text(o, d->kernel, strlen(d->kernel));
		xml_out_fmt(o, "</loader>\n");
	} else {
		element(o, "    ", "kernel", d->kernel);
		element(o, "    ", "initrd", d->initrd);
		element(o, "    ", "cmdline", d->cmdline);
	}
	xml_out_fmt(o, "  </os>\n");
}

/* "on" or "off", or NULL where it was not said. */
static const char *kvm_state(const struct domain *d, u32 bit)
{
	return d->kvm_on & bit ? "on" : d->kvm_off & bit ? "off" : NULL;
}

static void kvm_features(struct xml_out *o, const struct domain *d)
{
	bool open = false;

	for (u32 i = 0; i < ARRAY_LEN(domain_kvm_features); i++) {
		const char *state = kvm_state(d, domain_kvm_features[i].bit);

		if (!state)
			continue;
		xml_out_fmt(o, "%s      <%s state='%s'/>\n", open ? "" : "    <kvm>\n",
			    domain_kvm_features[i].name, state);
		open = true;
	}
	if (open)
		xml_out_fmt(o, "    </kvm>\n");
	if (kvm_state(d, DOMAIN_KVM_PVSPINLOCK))
		xml_out_fmt(o, "    <pvspinlock state='%s'/>\n",
			    kvm_state(d, DOMAIN_KVM_PVSPINLOCK));
}

static void features(struct xml_out *o, const struct domain *d)
{
	if (!d->acpi && !d->apic && !d->features && !((d->kvm_on | d->kvm_off) & ~DOMAIN_KVM_CLOCK))
		return;
	xml_out_fmt(o, "  <features>\n");
	if (d->acpi)
		xml_out_fmt(o, "    <acpi/>\n");
	if (d->apic)
		xml_out_fmt(o, "    <apic/>\n");
	for (u32 i = 0; i < ARRAY_LEN(domain_features); i++) {
		const struct domain_feature *f = &domain_features[i];

		if (!(d->features & f->bit))
			continue;
		xml_out_fmt(o, "    <%s", f->name);
		if (f->state)
			xml_out_fmt(o, " state='%s'", f->state);
		xml_out_fmt(o, "/>\n");
	}
	kvm_features(o, d);
	xml_out_fmt(o, "  </features>\n");
}

/* name='value', with a blank before it, if there is a value. */
static void attribute(struct xml_out *o, const char *name, const char *value)
{
	if (*value)
		xml_out_fmt(o, " %s='%s'", name, value);
}

static void cpu_model(struct xml_out *o, const struct domain *d)
{
	bool named = d->cpu == CPU_CUSTOM;

	if (named || d->cpu_fallback) {
		xml_out_fmt(o, "    <model");
		attribute(o, "fallback", domain_fallback_names[d->cpu_fallback]);
		if (named)
			xml_out_fmt(o, ">%s</model>\n", cpu_model_text(d->cpu_model));
		else
			xml_out_fmt(o, "/>\n");
	}
	element(o, "    ", "vendor", cpu_vendor_names[d->cpu_vendor]);
}

static void cpu(struct xml_out *o, const struct domain *d)
{
	if (d->cpu == CPU_UNSAID && !d->sockets)
		return;
	xml_out_fmt(o, "  <cpu");
	attribute(o, "mode", domain_cpu_names[d->cpu]);
	attribute(o, "match", domain_match_names[d->cpu_match]);
	attribute(o, "check", domain_check_names[d->cpu_check]);
	attribute(o, "migratable", domain_migratable_names[d->cpu_migratable]);
	if (d->cpu != CPU_CUSTOM && !d->cpu_fallback && !d->cpu_vendor && !d->sockets &&
	    !d->cpu_feature_count) {
		xml_out_fmt(o, "/>\n");
		return;
	}
	xml_out_fmt(o, ">\n");
	cpu_model(o, d);
	if (d->sockets)
		xml_out_fmt(o, "    <topology sockets='%u' dies='%u' cores='%u' threads='%u'/>\n",
			    d->sockets, d->dies, d->cores, d->threads);
	for (u32 i = 0; i < d->cpu_feature_count; i++)
		xml_out_fmt(o, "    <feature policy='%s' name='%s'/>\n",
			    domain_policy_names[d->cpu_features[i].policy],
			    cpu_feature_text(d->cpu_features[i].feature));
	xml_out_fmt(o, "  </cpu>\n");
}

static void timers(struct xml_out *o, const struct domain *d)
{
	for (u32 i = 0; i < DOMAIN_TIMERS; i++) {
		if (!(d->timers & BIT(i)))
			continue;
		xml_out_fmt(o, "    <timer name='%s' present='yes'", domain_timer_names[i]);
		if (d->ticks[i])
			xml_out_fmt(o, " tickpolicy='%s'", domain_tick_names[d->ticks[i]]);
		xml_out_fmt(o, "/>\n");
	}
	if (kvm_state(d, DOMAIN_KVM_CLOCK))
		xml_out_fmt(o, "    <timer name='%s' present='%s'/>\n",
			    domain_timer_names[DOMAIN_TIMERS],
			    d->kvm_on & DOMAIN_KVM_CLOCK ? "yes" : "no");
	if (d->tsc_hz)
		xml_out_fmt(o, "    <timer name='%s' frequency='%llu'/>\n",
			    domain_timer_names[DOMAIN_TIMERS + 1], (unsigned long long)d->tsc_hz);
}

static void cpu_and_clock(struct xml_out *o, const struct domain *d)
{
	cpu(o, d);
	xml_out_fmt(o, "  <clock offset='%s'", domain_clock_names[d->clock]);
	if (d->clock == CLOCK_VARIABLE)
		xml_out_fmt(o, " adjustment='%lld' basis='utc'", (long long)d->clock_s);
	if (d->clock == CLOCK_ABSOLUTE)
		xml_out_fmt(o, " start='%lld'", (long long)d->clock_s);
	if (!d->timers && !d->tsc_hz && !kvm_state(d, DOMAIN_KVM_CLOCK)) {
		xml_out_fmt(o, "/>\n");
		return;
	}
	xml_out_fmt(o, ">\n");
	timers(o, d);
	xml_out_fmt(o, "  </clock>\n");
}

static void devices(struct xml_out *o, const struct domain *d)
{
	if (!d->serials)
		return;
	xml_out_fmt(o, "  <devices>\n");
	for (u32 i = 0; i < d->serials; i++)
		xml_out_fmt(o,
			    "    <serial type='pty'>\n"
			    "      <target type='isa-serial' port='%u'>\n"
			    "        <model name='isa-serial'/>\n"
			    "      </target>\n"
			    "    </serial>\n",
			    i);
	xml_out_fmt(o, "    <console type='pty'>\n"
		       "      <target type='serial' port='0'/>\n"
		       "    </console>\n"
		       "  </devices>\n");
}

int domain_format(const struct domain *cfg, char *buf, size_t size)
{
	struct xml_out o;

	if (!size)
		return -ENOSPC;
	xml_out_start(&o, buf, size);
	xml_out_fmt(&o, "<domain type='plinth'>\n");
	general(&o, cfg);
	memory(&o, cfg);
	vcpus(&o, cfg);
	numatune(&o, cfg);
	os(&o, cfg);
	features(&o, cfg);
	cpu_and_clock(&o, cfg);
	xml_out_fmt(&o, "  <on_poweroff>%s</on_poweroff>\n", domain_action_names[cfg->on_poweroff]);
	xml_out_fmt(&o, "  <on_reboot>%s</on_reboot>\n", domain_action_names[cfg->on_reboot]);
	xml_out_fmt(&o, "  <on_crash>%s</on_crash>\n", domain_action_names[cfg->on_crash]);
	devices(&o, cfg);
	plinth_sched(&o, cfg);
	xml_out_fmt(&o, "</domain>\n");
	return xml_out_fits(&o) ? (int)o.len : -ENOSPC;
}
