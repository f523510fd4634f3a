/*
 * vm/cpu_choice.h, with libvirt's models as they are: what a domain's <cpu> comes to on hosts that have
 * more or less, and what each refusal says. The features of some models are as QEMU's documentation and the CPUs
 * themselves have them.
 *
 * sources: vm/cpu_choice.c vm/cpu_models.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "vm/cpu_choice.h"

#include <stdarg.h>
#include <string.h>

#include "lib/errno.h"
#include "tests/host/harness.h"
#include "vm/cpuid.h"
#include "vm/domain.h"

static struct domain d;
static struct cpu_set host;
static struct vm_cpu cpu;
static char text[160];
static bool host_is_amd;
static u32 host_signature;

struct cpuid fake_cpuid(u32 leaf, u32 subleaf)
{
	if (leaf == 1)
		return (struct cpuid){ host_signature, 0, 0, 0 };
	return host_is_amd ? (struct cpuid){ 0xd, 0x68747541, 0x444d4163, 0x69746e65 } :
			     (struct cpuid){ 0xd, 0x756e6547, 0x6c65746e, 0x49656e69 };
}

int cpuid_offered(struct cpu_set *out)
{
	*out = host;
	return 0;
}

static u32 number(const char *name)
{
	int f = cpu_feature_find(name);

	CHECK(f >= 0);
	return f < 0 ? 0 : (u32)f;
}

static u32 model(const char *name)
{
	int m = cpu_model_find(name);

	CHECK(m >= 0);
	return m < 0 ? 0 : (u32)m;
}

/* A host with what a model has, what Plinth makes itself, and the features that follow, up to NULL. */
static void host_of(const char *name, ...)
{
	static const char *const own[] = { "hypervisor", "x2apic", "tsc-deadline", "tsc_adjust",
					   "arat" };
	const char *f;
	va_list ap;

	memset(&d, 0, sizeof(d));
	host_is_amd = false;
	host_signature = 0x206c2;
	host = cpu_model_rows[model(name)].features;
	for (u32 i = 0; i < ARRAY_LEN(own); i++)
		cpu_set_add(&host, number(own[i]));
	va_start(ap, name);
	while ((f = va_arg(ap, const char *)))
		cpu_set_add(&host, number(f));
	va_end(ap);
}

static void want(const char *name)
{
	d.cpu = CPU_CUSTOM;
	d.cpu_model = (u16)model(name);
	d.cpu_feature_count = 0;
}

static void feature(const char *name, enum cpu_policy policy)
{
	d.cpu_features[d.cpu_feature_count++] =
		(struct domain_cpu_feature){ (u16)number(name), (u8)policy };
}

static int choose(void)
{
	return cpu_choose(&d, &cpu, text, sizeof(text));
}

static bool has(const char *name)
{
	return cpu_set_has(&cpu.features, number(name));
}

static void check_refused(const char *message)
{
	CHECK_EQ(choose(), -EINVAL);
	CHECK_STR(text, message);
}

/* --- the table ------------------------------------------------------------------------------------------ */

static bool model_has(const char *name, const char *feature_name)
{
	return cpu_set_has(&cpu_model_rows[model(name)].features, number(feature_name));
}

TEST(table)
{
	CHECK(cpu_model_count > 130 && cpu_feature_count > 300);
	CHECK(cpu_feature_count <= CPU_FEATURES_MAX);
	CHECK_EQ(cpu_model_rows[model("Westmere")].signature, 0x206c0);
	CHECK_EQ(cpu_model_rows[model("Skylake-Server")].signature, 0x50654);
	CHECK_EQ(cpu_model_rows[model("EPYC")].signature, 0x800f10);
	CHECK_EQ(cpu_model_rows[model("EPYC-Rome")].signature, 0x830f10);
	CHECK_EQ(cpu_model_rows[model("qemu64")].signature, 0);
	CHECK(model_has("Westmere", "aes") && !model_has("Nehalem", "aes"));
	CHECK(model_has("Haswell", "rtm") && !model_has("Haswell-noTSX", "rtm"));
	CHECK(model_has("EPYC", "svm") && !model_has("EPYC", "npt")); /* added later */
	/* One that says nothing of its own but what it inherits from. */
	CHECK(!memcmp(&cpu_model_rows[model("Westmere-v1")].features,
		      &cpu_model_rows[model("Westmere")].features, sizeof(struct cpu_set)));
	CHECK_EQ(cpu_model_rows[model("Westmere-v1")].signature, 0x206c0);
	CHECK_STR(cpu_vendor_names[cpu_model_rows[model("Westmere-v1")].vendor], "Intel");
	CHECK(!model_has("Skylake-Client", "mpx")); /* removed */
	CHECK_EQ(cpu_model_find("westmere"), -ENOENT);
	CHECK_EQ(cpu_feature_find(""), -ENOENT);
	for (u32 i = 0; i < cpu_feature_count; i++)
		CHECK_EQ(cpu_feature_find(cpu_feature_text(i)), (int)i);
	for (u32 i = 0; i < cpu_model_count; i++)
		CHECK_EQ(cpu_model_find(cpu_model_text(i)), (int)i);
}

/* --- models --------------------------------------------------------------------------------------------- */

TEST(exact)
{
	host_of("Haswell-noTSX", NULL);
	want("Westmere");
	CHECK_EQ(choose(), 0);
	CHECK_STR(text, "");
	CHECK(cpu.chosen && cpu.signature == 0x206c0);
	CHECK_STR(cpu.name, "Westmere");
	CHECK(has("aes") && has("nx") && has("sse4.2"));
	CHECK(!has("avx") && !has("xsave") && !has("tsc-deadline") && !has("smep"));
	CHECK(has("hypervisor") && has("x2apic")); /* as QEMU has it */
	CHECK(has("ht") && has("cmp_legacy"));     /* follow the topology */
}

TEST(host_lacks_features)
{
	host_of("Nehalem", NULL);
	want("Westmere");
	check_refused("CPU model Westmere: this host does not offer aes");
	want("EPYC");
	CHECK_EQ(choose(), -EINVAL);
	CHECK(strstr(text, "CPU model EPYC: this host does not offer ") == text);
	CHECK(strstr(text, " and ") && strstr(text, " more")); /* not all names fit */
	want("Westmere");
	feature("pcid", CPU_REQUIRE);
	check_refused("CPU model Westmere: this host does not offer pcid, aes");
	feature("aes", CPU_DISABLE);
	check_refused("CPU model Westmere: this host does not offer pcid");
	d.cpu_features[0].policy = CPU_OPTIONAL;
	CHECK_EQ(choose(), 0);
	CHECK(!has("aes") && !has("pcid") && has("sse4.2"));
}

/* As with QEMU: what is lacking is left out, and said. */
TEST(unchecked)
{
	host_of("Nehalem", NULL);
	want("Westmere");
	d.cpu_check = CPU_CHECK_NONE;
	CHECK_EQ(choose(), 0);
	CHECK_STR(text, "CPU model Westmere: this host does not offer aes");
	CHECK(!has("aes") && has("sse4.2"));
}

TEST(minimum_and_strict)
{
	host_of("SandyBridge", NULL);
	want("Westmere");
	d.cpu_match = CPU_MATCH_MINIMUM;
	CHECK_EQ(choose(), 0);
	CHECK(has("avx") && has("xsave") && has("aes"));
	d.cpu_match = CPU_MATCH_STRICT;
	check_refused("CPU model Westmere: this host has more: pclmuldq, xsave, avx, rdtscp");
	feature("avx", CPU_DISABLE);
	feature("xsave", CPU_DISABLE);
	feature("pclmuldq", CPU_OPTIONAL);
	feature("rdtscp", CPU_REQUIRE);
	CHECK_EQ(choose(), 0);
	CHECK(has("rdtscp") && has("pclmuldq") && !has("avx"));
	host_of("Westmere", NULL);
	want("SandyBridge");
	d.cpu_match = CPU_MATCH_MINIMUM;
	CHECK_EQ(choose(), -EINVAL);
}

/* --- policies ------------------------------------------------------------------------------------------- */

TEST(policies)
{
	host_of("Haswell-noTSX", "rdseed", NULL);
	want("Westmere");
	feature("avx2", CPU_REQUIRE);
	check_refused(
		"CPU model Westmere: this host does not offer avx2"); /* AVX is not asked for */
	want("Westmere");
	feature("rdseed", CPU_REQUIRE);
	feature("fma", CPU_OPTIONAL);
	feature("rtm", CPU_OPTIONAL);
	feature("aes", CPU_DISABLE);
	feature("hle", CPU_FORBID);
	CHECK_EQ(choose(), 0);
	CHECK(!has("fma")); /* it wants AVX */
	feature("avx", CPU_FORCE);
	feature("xsave", CPU_REQUIRE);
	CHECK_EQ(choose(), 0);
	CHECK(has("rdseed") && has("avx") && has("fma") && !has("rtm") && !has("aes"));
	want("Westmere");
	feature("rdseed", CPU_FORBID);
	check_refused("CPU model Westmere: this host has what is forbidden: rdseed");
	/* Nothing is claimed that is not there. */
	want("Westmere");
	feature("vmx", CPU_FORCE);
	check_refused("CPU model Westmere: this host does not offer vmx");
	want("Westmere");
	feature("vmx", CPU_DISABLE);
	feature("hypervisor", CPU_DISABLE);
	CHECK_EQ(choose(), 0);
	CHECK(!has("vmx") && !has("hypervisor"));
	want("Westmere");
	feature("ht", CPU_REQUIRE); /* it follows the topology */
	CHECK_EQ(choose(), 0);
}

/* What depends on a feature goes with it. */
TEST(dependents)
{
	host_of("Haswell-noTSX", NULL);
	want("Haswell-noTSX");
	feature("xsave", CPU_DISABLE);
	CHECK_EQ(choose(), 0);
	CHECK(!has("xsave") && !has("avx") && !has("avx2") && !has("fma") && !has("xsaveopt"));
	CHECK(has("bmi2") && has("movbe"));
	want("Westmere");
	feature("rdctl-no", CPU_REQUIRE); /* a bit of an MSR that is not there */
	CHECK_EQ(choose(), -EINVAL);
}

/* libvirt's models with speculation controls, on hosts with them and without. */
TEST(speculation)
{
	host_of("Haswell-noTSX", NULL);
	want("Westmere-IBRS");
	check_refused("CPU model Westmere-IBRS: this host does not offer spec-ctrl");
	want("EPYC-IBPB");
	CHECK_EQ(choose(), -EINVAL);
	CHECK(strstr(text, "CPU model EPYC-IBPB: this host does not offer ") == text);
	want("Westmere");
	feature("stibp", CPU_REQUIRE);
	feature("ssbd", CPU_REQUIRE);
	feature("md-clear", CPU_OPTIONAL);
	check_refused("CPU model Westmere: this host does not offer stibp, ssbd");
	host_of("Haswell-noTSX-IBRS", "stibp", "ssbd", "arch-capabilities", "ibrs-all", "rdctl-no",
		"virt-ssbd", NULL);
	want("Westmere-IBRS");
	feature("ssbd", CPU_REQUIRE);
	feature("md-clear", CPU_OPTIONAL);
	CHECK_EQ(choose(), 0);
	CHECK(has("spec-ctrl") && has("ssbd") && !has("stibp") && !has("md-clear"));
	want("Westmere"); /* enhanced IBRS is no use without IBRS */
	d.cpu_match = CPU_MATCH_MINIMUM;
	feature("spec-ctrl", CPU_DISABLE);
	CHECK_EQ(choose(), 0);
	CHECK(has("rdctl-no") && !has("ibrs-all") && !has("spec-ctrl"));
}

/* The machine's own, twice over: for who asks. */
TEST(virt_ssbd)
{
	host_of("EPYC-Milan", "virt-ssbd", NULL);
	d.cpu = CPU_HOST_PASSTHROUGH;
	CHECK_EQ(choose(), 0);
	CHECK(has("amd-ssbd") && !has("virt-ssbd"));
	want("EPYC-IBPB");
	d.cpu_match = CPU_MATCH_MINIMUM;
	CHECK_EQ(choose(), 0);
	CHECK(has("amd-ssbd") && !has("virt-ssbd"));
	feature("virt-ssbd", CPU_REQUIRE);
	CHECK_EQ(choose(), 0);
	CHECK(has("virt-ssbd"));
}

TEST(vendor)
{
	host_of("Westmere", NULL);
	want("Westmere");
	d.cpu_vendor = 2;
	check_refused("CPU: its vendor is to be AMD, this host's is Intel");
	host_is_amd = true;
	CHECK_EQ(choose(), 0); /* a model of another maker's is a matter of features */
}

/* --- the host's own CPU --------------------------------------------------------------------------------- */

TEST(passthrough)
{
	host_of("Westmere", "avx", "xsave", "invtsc", NULL);
	d.cpu = CPU_HOST_PASSTHROUGH;
	CHECK_EQ(choose(), 0);
	CHECK(has("avx") && has("invtsc") && has("tsc-deadline") && !has("smep"));
	CHECK(!cpu.signature && !cpu.name);
	d.cpu_migratable = CPU_MIGRATABLE_ON;
	CHECK_EQ(choose(), 0);
	CHECK(has("avx") && !has("invtsc"));
	feature("avx", CPU_DISABLE);
	feature("smep", CPU_REQUIRE);
	check_refused("CPU: this host does not offer smep");
}

TEST(host_model)
{
	struct domain copy;

	host_of("Westmere", "pcid", NULL);
	cpu_set_drop(&host, number("popcnt"));
	d.cpu = CPU_HOST_MODEL;
	feature("vme", CPU_DISABLE);
	CHECK_EQ(choose(), 0);
	CHECK(has("pcid") && !has("popcnt") && !has("vme"));
	CHECK_STR(cpu.name, "Westmere"); /* by the host's signature */
	copy = d;
	CHECK_EQ(cpu_expand(&copy, &host), 0);
	CHECK(copy.cpu == CPU_CUSTOM && copy.cpu_match == CPU_MATCH_EXACT);
	CHECK_STR(cpu_model_text(copy.cpu_model), "Westmere");
	/* The same guest, said in full. */
	struct cpu_set before = cpu.features;

	d = copy;
	CHECK_EQ(choose(), 0);
	CHECK_STR(text, "");
	CHECK(!memcmp(&before, &cpu.features, sizeof(before)));

	/* No model has this host's signature: the one that is least different, of its maker's. */
	host_of("Opteron_G3", NULL);
	host_is_amd = true;
	cpu_set_drop(&host, number("svm"));
	CHECK_STR(cpu_model_text((u32)cpu_host_model(&host)), "Opteron_G3");
}

TEST(usable)
{
	struct cpu_set missing;

	host_of("Westmere", NULL);
	CHECK(cpu_model_usable(model("Nehalem"), &host, &missing));
	CHECK(!cpu_model_usable(model("SandyBridge"), &host, &missing));
	cpu_set_text(&missing, text, sizeof(text));
	CHECK_STR(text, "pclmuldq, xsave, avx, rdtscp");
	cpu_set_text(&missing, text, 30);
	CHECK_STR(text, "pclmuldq and 3 more");
}
