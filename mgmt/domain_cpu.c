/*
 * The domain document's <cpu>: model, features and topology (libvirt's "Domain XML format", "CPU model and
 * topology"). Whether this machine can be such a CPU is looked at when the domain starts: vm/cpu_choice.h.
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "mgmt/domain_parse.h"

const char *const domain_cpu_names[4] = {
	[CPU_UNSAID] = "", /* no value that anyone could write; so below */
	[CPU_HOST_PASSTHROUGH] = "host-passthrough",
	[CPU_HOST_MODEL] = "host-model",
	[CPU_CUSTOM] = "custom",
};
const char *const domain_match_names[4] = { "", "exact", "minimum", "strict" };
const char *const domain_check_names[4] = { "", "none", "partial", "full" };
const char *const domain_fallback_names[3] = { "", "allow", "forbid" };
const char *const domain_migratable_names[3] = { "", "on", "off" };
const char *const domain_policy_names[5] = {
	[CPU_REQUIRE] = "require", [CPU_FORCE] = "force",   [CPU_OPTIONAL] = "optional",
	[CPU_DISABLE] = "disable", [CPU_FORBID] = "forbid",
};

/* One of the names but the first, which stands for what was not said. */
static int choose(struct xml *x, const char *value, const char *const *names, u32 count, u8 *out)
{
	int i = xml_choice(x, value, names + 1, count - 1);

	if (i < 0)
		return i;
	*out = (u8)(i + 1);
	return 0;
}

static int set_mode(struct xml *x, const char *value)
{
	u8 mode = 0;
	int err = choose(x, value, domain_cpu_names, ARRAY_LEN(domain_cpu_names), &mode);

	domain_of(x)->cpu = (enum domain_cpu)mode;
	return err;
}

static int set_match(struct xml *x, const char *value)
{
	return choose(x, value, domain_match_names, ARRAY_LEN(domain_match_names),
		      &domain_of(x)->cpu_match);
}

static int set_check(struct xml *x, const char *value)
{
	return choose(x, value, domain_check_names, ARRAY_LEN(domain_check_names),
		      &domain_of(x)->cpu_check);
}

static int set_migratable(struct xml *x, const char *value)
{
	return choose(x, value, domain_migratable_names, ARRAY_LEN(domain_migratable_names),
		      &domain_of(x)->cpu_migratable);
}

const struct xml_attr domain_cpu_attrs[] = {
	{ "mode", set_mode, false },
	{ "match", set_match, false },
	{ "check", set_check, false },
	{ "migratable", set_migratable, false },
	{ .name = NULL },
};

/* Model and vendor. */

static int set_fallback(struct xml *x, const char *value)
{
	return choose(x, value, domain_fallback_names, ARRAY_LEN(domain_fallback_names),
		      &domain_of(x)->cpu_fallback);
}

static int set_model(struct xml *x, const char *text)
{
	int model = cpu_model_find(text);

	if (model < 0)
		return xml_fail(x, "there is no CPU model '%s'", text);
	domain_of(x)->cpu_model = (u16)model;
	domain_builder(x)->have_model = true;
	return 0;
}

static int set_vendor(struct xml *x, const char *text)
{
	return choose(x, text, cpu_vendor_names, CPU_VENDORS, &domain_of(x)->cpu_vendor);
}

/* Features. */

static int begin_feature(struct xml *x)
{
	domain_builder(x)->cpu_feature = (struct domain_cpu_feature){ 0, CPU_REQUIRE };
	return 0;
}

static int set_policy(struct xml *x, const char *value)
{
	int i = xml_choice(x, value, domain_policy_names, ARRAY_LEN(domain_policy_names));

	if (i < 0)
		return i;
	domain_builder(x)->cpu_feature.policy = (u8)i;
	return 0;
}

static int set_feature(struct xml *x, const char *value)
{
	int feature = cpu_feature_find(value);

	if (feature < 0)
		return xml_fail(x, "there is no CPU feature '%s'", value);
	domain_builder(x)->cpu_feature.feature = (u16)feature;
	return 0;
}

static int end_feature(struct xml *x)
{
	const struct domain_cpu_feature *f = &domain_builder(x)->cpu_feature;
	struct domain *d = domain_of(x);

	for (u32 i = 0; i < d->cpu_feature_count; i++) {
		if (d->cpu_features[i].feature == f->feature)
			return xml_fail(x, "a second <feature> of '%s' is not supported",
					cpu_feature_text(f->feature));
	}
	d->cpu_features[d->cpu_feature_count++] = *f;
	return 0;
}

/* Topology. */

static int set_count(struct xml *x, const char *value, u32 *count)
{
	u64 n;

	if (str_to_u64(value, &n) || !n || n > VM_MAX_VCPUS)
		return xml_bad_value(x, value);
	*count = (u32)n;
	return 0;
}

static int set_sockets(struct xml *x, const char *value)
{
	domain_builder(x)->topology_line = xml_line(x);
	return set_count(x, value, &domain_of(x)->sockets);
}

static int set_dies(struct xml *x, const char *value)
{
	return set_count(x, value, &domain_of(x)->dies);
}

static int only_one(struct xml *x, const char *value)
{
	return domain_only(x, value, "1");
}

static int set_cores(struct xml *x, const char *value)
{
	return set_count(x, value, &domain_of(x)->cores);
}

static int set_threads(struct xml *x, const char *value)
{
	return set_count(x, value, &domain_of(x)->threads);
}

static int end_topology(struct xml *x)
{
	if (!domain_of(x)->dies)
		domain_of(x)->dies = 1;
	return 0;
}

const struct xml_element domain_cpu_elements[] = {
	{ .name = "model",
	  .flags = XML_MAY_BE_EMPTY, /* host-model has no name */
	  .attrs = XML_ATTRS({ "fallback", set_fallback, false }),
	  .text = set_model },
	{ .name = "vendor", .text = set_vendor },
	{ .name = "topology",
	  .attrs = XML_ATTRS({ "sockets", set_sockets, true }, { "dies", set_dies, false },
			     { "clusters", only_one, false }, { "cores", set_cores, true },
			     { "threads", set_threads, true }),
	  .end = end_topology },
	{ .name = "feature",
	  .flags = XML_MANY,
	  .attrs = XML_ATTRS({ "policy", set_policy, false }, { "name", set_feature, true }),
	  .begin = begin_feature,
	  .end = end_feature },
	{ .name = NULL },
};

/* What a <cpu> that names no model cannot have; NULL: it has none of it. */
static const char *without_model(const struct domain *d)
{
	return d->cpu_match ? "match" : d->cpu == CPU_UNSAID && d->cpu_fallback ? "fallback" : NULL;
}

/* As libvirt takes them where they are not said. */
static void defaults(struct domain *d)
{
	if (!d->cpu_check)
		d->cpu_check = d->cpu == CPU_HOST_PASSTHROUGH ? CPU_CHECK_NONE : CPU_CHECK_PARTIAL;
	if (d->cpu != CPU_CUSTOM)
		return;
	if (!d->cpu_match)
		d->cpu_match = CPU_MATCH_EXACT;
	if (!d->cpu_fallback)
		d->cpu_fallback = CPU_FALLBACK_ALLOW;
}

int domain_end_cpu(struct xml *x)
{
	struct domain_builder *b = domain_builder(x);
	struct domain *d = b->d;
	const char *extra;

	if (d->cpu == CPU_UNSAID && b->have_model)
		d->cpu = CPU_CUSTOM;
	if (d->cpu == CPU_CUSTOM && !b->have_model)
		return xml_fail(x, "<cpu> lacks <model>");
	if (d->cpu != CPU_CUSTOM && b->have_model)
		return xml_fail(x, "a <model> with a name and mode '%s' is not supported",
				domain_cpu_names[d->cpu]);
	extra = d->cpu == CPU_CUSTOM ? NULL : without_model(d);
	if (!extra && d->cpu_migratable && d->cpu != CPU_HOST_PASSTHROUGH)
		extra = "migratable";
	if (extra)
		return xml_fail(x, "attribute '%s' of a <cpu> with mode '%s' is not supported",
				extra, domain_cpu_names[d->cpu]);
	if (d->cpu == CPU_UNSAID && (d->cpu_feature_count || d->cpu_vendor || d->cpu_check))
		return xml_fail(x, "<cpu> with features, a vendor or a check, but without <model>");
	if (d->cpu != CPU_UNSAID)
		defaults(d);
	return 0;
}

int domain_check_vcpus(struct xml *x)
{
	const struct domain_builder *b = domain_builder(x);
	const struct domain *d = b->d;
	u64 product = (u64)d->sockets * d->dies * d->cores * d->threads;

	if (b->vcpus_now && b->vcpus_now != d->vcpus)
		return xml_fail_at(x, b->vcpu_line,
				   "<vcpu> with current='%u' other than its %u is not supported",
				   b->vcpus_now, d->vcpus);
	if (b->topology_line && product != d->vcpus)
		return xml_fail_at(x, b->topology_line,
				   "<topology> of %llu vCPUs, where <vcpu> says %u",
				   (unsigned long long)product, d->vcpus);
	return 0;
}
