/*
 * Commands about the CPUs that domains may have here.
 */
#include "lib/errno.h"
#include "mgmt/cmd.h"
#include "vm/cpu_choice.h"
#include "vm/cpuid.h"
#include "vm/domain.h"
#include "mm/heap.h"

#define NAMES_MAX 240 /* bytes of a line that features take */

int cmd_cpu_models(struct call *c)
{
	bool all = call_flag(c, 0);
	char names[NAMES_MAX];
	struct cpu_set offered, missing;

	if (cpuid_offered(&offered))
		return say_error(c->session, "no memory for it");
	for (u32 i = 0; i < cpu_model_count; i++) {
		if (cpu_model_usable(i, &offered, &missing)) {
			say(c->session, "%s\n", cpu_model_text(i));
		} else if (all) {
			cpu_set_text(&missing, names, sizeof(names));
			say(c->session, "%s: this host does not offer %s\n", cpu_model_text(i),
			    names);
		}
	}
	say(c->session, "\n");
	return 0;
}

static void say_host_model(const struct session *s, struct domain *d, const struct cpu_set *offered)
{
	d->cpu = CPU_HOST_MODEL;
	if (cpu_expand(d, offered)) {
		say(s, "    <mode name='host-model' supported='no'/>\n");
		return;
	}
	say(s,
	    "    <mode name='host-model' supported='yes'>\n"
	    "      <model fallback='forbid'>%s</model>\n",
	    cpu_model_text(d->cpu_model));
	if (d->cpu_vendor)
		say(s, "      <vendor>%s</vendor>\n", cpu_vendor_names[d->cpu_vendor]);
	for (u32 i = 0; i < d->cpu_feature_count; i++)
		say(s, "      <feature policy='%s' name='%s'/>\n",
		    d->cpu_features[i].policy == CPU_REQUIRE ? "require" : "disable",
		    cpu_feature_text(d->cpu_features[i].feature));
	say(s, "    </mode>\n");
}

int cmd_domcapabilities(struct call *c)
{
	const struct session *s = c->session;
	struct domain *d = kalloc(sizeof(*d));
	struct cpu_set offered, missing;

	if (!d || cpuid_offered(&offered)) {
		kfree(d);
		return say_error(s, "no memory for it");
	}
	say(s,
	    "<domainCapabilities>\n  <domain>plinth</domain>\n  <machine>q35</machine>\n"
	    "  <arch>x86_64</arch>\n  <vcpu max='%u'/>\n  <cpu>\n"
	    "    <mode name='host-passthrough' supported='yes'/>\n"
	    "    <mode name='maximum' supported='no'/>\n",
	    VM_MAX_VCPUS);
	say_host_model(s, d, &offered);
	kfree(d);
	say(s, "    <mode name='custom' supported='yes'>\n");
	for (u32 i = 0; i < cpu_model_count; i++) {
		const char *vendor = cpu_vendor_names[cpu_model_rows[i].vendor];

		say(s, "      <model usable='%s' vendor='%s'>%s</model>\n",
		    cpu_model_usable(i, &offered, &missing) ? "yes" : "no",
		    vendor[0] ? vendor : "unknown", cpu_model_text(i));
	}
	say(s, "    </mode>\n  </cpu>\n</domainCapabilities>\n\n");
	return 0;
}
