/*
 * From a domain's <cpu> to the features that its guest is shown, or to the reason why it cannot be.
 */
#include "vm/cpu_choice.h"

#include "arch/cpu.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "vm/cpuid.h"
#include "vm/domain.h"

#define NAMES_MAX   120 /* bytes of a message that names take */
#define MSR_VMX     0x480u
#define MSR_VMX_END 0x492u

/* --- sets ------------------------------------------------------------------------------------------------- */

static bool set_empty(const struct cpu_set *s)
{
	u32 any = 0;

	for (u32 i = 0; i < CPU_SET_WORDS; i++)
		any |= s->word[i];
	return !any;
}

static u32 set_count(const struct cpu_set *s)
{
	u32 n = 0;

	for (u32 i = 0; i < CPU_FEATURES_MAX; i++)
		n += cpu_set_has(s, i);
	return n;
}

static struct cpu_set set_or(const struct cpu_set *a, const struct cpu_set *b)
{
	struct cpu_set r;

	for (u32 i = 0; i < CPU_SET_WORDS; i++)
		r.word[i] = a->word[i] | b->word[i];
	return r;
}

static struct cpu_set set_less(const struct cpu_set *a, const struct cpu_set *b)
{
	struct cpu_set r;

	for (u32 i = 0; i < CPU_SET_WORDS; i++)
		r.word[i] = a->word[i] & ~b->word[i];
	return r;
}

static void add_name(struct cpu_set *s, const char *name)
{
	int f = cpu_feature_find(name);

	if (f >= 0)
		cpu_set_add(s, (u32)f);
}

static void drop_name(struct cpu_set *s, const char *name)
{
	int f = cpu_feature_find(name);

	if (f >= 0)
		cpu_set_drop(s, (u32)f);
}

void cpu_set_text(const struct cpu_set *s, char *text, size_t size)
{
	u32 left = set_count(s);
	size_t len = 0;

	text[0] = 0;
	for (u32 i = 0; i < cpu_feature_count && left; i++) {
		const char *name = cpu_feature_text(i);

		if (!cpu_set_has(s, i))
			continue;
		if (len + strlen(name) + sizeof(", ... and 999 more") > size) {
			snprintf(text + len, size - len, " and %u more", left);
			return;
		}
		len += (size_t)snprintf(text + len, size - len, "%s%s", len ? ", " : "", name);
		left--;
	}
}

/* --- what goes without saying ----------------------------------------------------------------------------- */

/* Bits that follow the topology, or what the guest does: never asked for, never taken. */
static const char *const given[] = { "ht", "cmp_legacy", "osxsave" };

/* Shown beside what a model has, as QEMU does it. */
static const char *const beside[] = { "hypervisor", "x2apic" };

/* Of Plinth's own making: no reason to say that a host has more than was asked for. */
static const char *const own[] = { "hypervisor", "x2apic", "tsc-deadline",
				   "tsc_adjust", "arat",   "virt-ssbd" };

static struct cpu_set names_set(const char *const *names, u32 count)
{
	struct cpu_set s = { { 0 } };

	for (u32 i = 0; i < count; i++)
		add_name(&s, names[i]);
	return s;
}

/* Without the first there is none of the others. */
static const struct {
	const char *on, *what;
} dependents[] = {
	{ "xsave", "xsaveopt" }, { "xsave", "xsavec" },       { "xsave", "xgetbv1" },
	{ "xsave", "xsaves" },   { "xsave", "avx" },          { "avx", "avx2" },
	{ "avx", "fma" },        { "avx", "f16c" },           { "avx", "vpclmulqdq" },
	{ "avx", "vaes" },       { "avx", "avx512f" },        { "avx", "fma4" },
	{ "avx", "xop" },        { "spec-ctrl", "ibrs-all" },
};

/* The feature that one in that place wants; NULL: none. */
static const char *place_wants(const struct cpu_place *p)
{
	if (p->reg < CPU_PLACE_MSR)
		return p->leaf == 0x8000000a ? "svm" : NULL;
	if (p->leaf >= MSR_VMX && p->leaf < MSR_VMX_END)
		return "vmx";
	return p->leaf == 0x10a ? "arch-capabilities" : NULL;
}

/* Those of s that lack in s what they depend on. */
static struct cpu_set orphans(const struct cpu_set *s)
{
	struct cpu_set r = { { 0 } };

	for (u32 i = 0; i < cpu_feature_count; i++) {
		const char *base = place_wants(&cpu_places[cpu_feature_rows[i].place]);
		int f = base ? cpu_feature_find(base) : -ENOENT;

		if (f >= 0 && cpu_set_has(s, i) && !cpu_set_has(s, (u32)f))
			cpu_set_add(&r, i);
	}
	for (u32 i = 0; i < ARRAY_LEN(dependents); i++) {
		int on = cpu_feature_find(dependents[i].on);
		int what = cpu_feature_find(dependents[i].what);

		if (on >= 0 && what >= 0 && cpu_set_has(s, (u32)what) &&
		    (!cpu_set_has(s, (u32)on) || cpu_set_has(&r, (u32)on)))
			cpu_set_add(&r, (u32)what);
	}
	return r;
}

/* --- choosing --------------------------------------------------------------------------------------------- */

static int refuse(char *text, size_t size, const struct domain *d, const char *what,
		  const struct cpu_set *s)
{
	char names[NAMES_MAX];

	cpu_set_text(s, names, sizeof(names));
	snprintf(text, size, "CPU%s%s: %s %s", d->cpu == CPU_CUSTOM ? " model " : "",
		 d->cpu == CPU_CUSTOM ? cpu_model_text(d->cpu_model) : "", what, names);
	return -EINVAL;
}

static struct cpu_set with_policy(const struct domain *d, enum cpu_policy policy)
{
	struct cpu_set s = { { 0 } };

	for (u32 i = 0; i < d->cpu_feature_count; i++) {
		if (d->cpu_features[i].policy == policy)
			cpu_set_add(&s, d->cpu_features[i].feature);
	}
	return s;
}

/* The features before single ones are looked at. */
static struct cpu_set base_set(const struct domain *d, const struct cpu_set *offered)
{
	struct cpu_set s, more = names_set(beside, ARRAY_LEN(beside));

	if (d->cpu != CPU_CUSTOM) {
		s = *offered;
		if (d->cpu_migratable == CPU_MIGRATABLE_ON)
			drop_name(&s, "invtsc"); /* as QEMU does it */
		drop_name(&s, "virt-ssbd");      /* for who asks by name */
		return s;
	}
	s = set_or(&cpu_model_rows[d->cpu_model].features, &more);
	if (d->cpu_match == CPU_MATCH_MINIMUM) {
		s = set_or(&s, offered);
		drop_name(&s, "virt-ssbd");
	}
	return s;
}

static void take(struct cpu_set *s, const struct domain *d, enum cpu_policy policy)
{
	struct cpu_set x = with_policy(d, policy);

	*s = set_less(s, &x);
}

static void give(struct cpu_set *s, const struct domain *d, enum cpu_policy policy)
{
	struct cpu_set x = with_policy(d, policy);

	*s = set_or(s, &x);
}

/* What the document asks for, on this machine. */
static struct cpu_set asked(const struct domain *d, const struct cpu_set *offered)
{
	struct cpu_set s = base_set(d, offered), lost;

	take(&s, d, CPU_OPTIONAL);
	for (u32 i = 0; i < d->cpu_feature_count; i++) {
		const struct domain_cpu_feature *f = &d->cpu_features[i];

		if (f->policy == CPU_OPTIONAL && cpu_set_has(offered, f->feature))
			cpu_set_add(&s, f->feature);
	}
	take(&s, d, CPU_DISABLE);
	take(&s, d, CPU_FORBID);
	give(&s, d, CPU_REQUIRE);
	give(&s, d, CPU_FORCE);
	lost = orphans(&s);
	s = set_less(&s, &lost);
	give(&s, d, CPU_REQUIRE); /* in vain, and said so */
	give(&s, d, CPU_FORCE);
	return s;
}

static u32 host_vendor(void)
{
	struct cpuid c = cpuid(0, 0);
	u32 id[3] = { c.ebx, c.edx, c.ecx };

	for (u32 i = 1; i < CPU_VENDORS; i++) {
		if (!memcmp(id, cpu_vendor_ids[i], sizeof(id)))
			return i;
	}
	return 0;
}

static int check(const struct domain *d, const struct cpu_set *offered, struct cpu_set *want,
		 char *text, size_t size)
{
	struct cpu_set forbidden = with_policy(d, CPU_FORBID), bad = set_less(&forbidden, offered);
	struct cpu_set missing, lost = orphans(want), known, more;

	forbidden = set_less(&forbidden, &bad);
	if (!set_empty(&forbidden))
		return refuse(text, size, d, "this host has what is forbidden:", &forbidden);
	missing = set_less(want, offered);
	missing = set_or(&missing, &lost);
	if (!set_empty(&missing)) {
		(void)refuse(text, size, d, "this host does not offer", &missing);
		*want = set_less(want, &missing);
		if (d->cpu_check != CPU_CHECK_NONE)
			return -EINVAL;
	}
	if (d->cpu != CPU_CUSTOM || d->cpu_match != CPU_MATCH_STRICT)
		return 0;
	known = names_set(own, ARRAY_LEN(own));
	known = set_or(&known, want);
	more = with_policy(d, CPU_DISABLE);
	known = set_or(&known, &more);
	more = set_less(offered, &known);
	return set_empty(&more) ? 0 : refuse(text, size, d, "this host has more:", &more);
}

int cpu_choose_of(const struct domain *d, const struct cpu_set *offered, struct vm_cpu *out,
		  char *text, size_t size)
{
	struct cpu_set follow = names_set(given, ARRAY_LEN(given)), has, want;
	int model = d->cpu == CPU_CUSTOM     ? d->cpu_model :
		    d->cpu == CPU_HOST_MODEL ? cpu_host_model(offered) :
					       -ENOENT;
	u32 vendor = host_vendor();
	int err;

	memset(out, 0, sizeof(*out));
	text[0] = 0;
	if (d->cpu_vendor && d->cpu_vendor != vendor) {
		snprintf(text, size, "CPU: its vendor is to be %s, this host's is %s",
			 cpu_vendor_names[d->cpu_vendor],
			 vendor ? cpu_vendor_names[vendor] : "another");
		return -EINVAL;
	}
	has = set_less(offered, &follow);
	want = asked(d, &has);
	want = set_less(&want, &follow);
	err = check(d, &has, &want, text, size);
	if (err)
		return err;
	out->chosen = true;
	out->features = set_or(&want, &follow);
	if (model >= 0) {
		out->signature = cpu_model_rows[model].signature;
		out->name = cpu_model_text((u32)model);
	}
	return 0;
}

int cpu_choose(const struct domain *d, struct vm_cpu *out, char *text, size_t size)
{
	struct cpu_set offered;
	int err = cpuid_offered(&offered);

	return err ? err : cpu_choose_of(d, &offered, out, text, size);
}

/* --- models of this host ---------------------------------------------------------------------------------- */

bool cpu_model_usable(u32 model, const struct cpu_set *offered, struct cpu_set *missing)
{
	struct cpu_set follow = names_set(given, ARRAY_LEN(given));

	*missing = set_less(&cpu_model_rows[model].features, offered);
	*missing = set_less(missing, &follow);
	return set_empty(missing);
}

/* How many features would have to be named beside the model. */
static u32 distance(u32 model, const struct cpu_set *offered)
{
	const struct cpu_set *has = &cpu_model_rows[model].features;
	struct cpu_set a = set_less(offered, has), b = set_less(has, offered);

	return set_count(&a) + set_count(&b);
}

#define SIGNATURE_MODEL 0x0fff0ff0u /* leaf 1 EAX: family and model, not the stepping */

int cpu_host_model(const struct cpu_set *offered)
{
	u32 signature = cpuid(1, 0).eax, vendor = host_vendor(), best_far = ~0u;
	bool best_same = false;
	int best = -ENOENT;

	for (u32 i = 0; i < cpu_model_count; i++) {
		const struct cpu_model_row *m = &cpu_model_rows[i];
		bool same = m->signature && !((m->signature ^ signature) & SIGNATURE_MODEL);
		u32 far = distance(i, offered);

		if (!m->decode || (m->vendor && m->vendor != vendor) || same < best_same)
			continue;
		if (same > best_same || far < best_far) {
			best = (int)i;
			best_far = far;
			best_same = same;
		}
	}
	return best;
}

int cpu_expand(struct domain *d, const struct cpu_set *offered)
{
	int model = cpu_host_model(offered);
	struct vm_cpu cpu;
	char text[NAMES_MAX];

	if (model < 0)
		return model;
	if (cpu_choose_of(d, offered, &cpu, text, sizeof(text)))
		cpu.features = *offered;
	d->cpu = CPU_CUSTOM;
	d->cpu_model = (u16)model;
	d->cpu_match = CPU_MATCH_EXACT;
	d->cpu_check = CPU_CHECK_FULL;
	d->cpu_fallback = CPU_FALLBACK_FORBID;
	d->cpu_vendor = (u8)host_vendor();
	d->cpu_feature_count = 0;
	for (u32 i = 0; i < cpu_feature_count; i++) {
		bool is = cpu_set_has(&cpu.features, i);

		if (is != cpu_set_has(&cpu_model_rows[model].features, i))
			d->cpu_features[d->cpu_feature_count++] =
				(struct domain_cpu_feature){ (u16)i,
							     is ? CPU_REQUIRE : CPU_DISABLE };
	}
	return 0;
}
