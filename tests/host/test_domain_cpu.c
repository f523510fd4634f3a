/*
 * The domain document's <cpu>: what is read of it, with libvirt's defaults, and what is refused with its line.
 *
 * sources: mgmt/domain_xml.c mgmt/domain_tune.c mgmt/domain_cpu.c vm/cpu_models.c mgmt/domain_clock.c mgmt/xml.c mgmt/xml_out.c
 * sources: mgmt/units.c mgmt/uuid.c lib/string.c lib/cpuset.c lib/fmt.c
 * sources: build/deps/expat/lib/xmlparse.c build/deps/expat/lib/xmltok.c
 * sources: build/deps/expat/lib/xmlrole.c
 * flags: -Imgmt/port -isystem build/deps/expat/lib
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "mgmt/domain_xml.h"
#include "mgmt/units.h"
#include "mgmt/uuid.h"
#include "mgmt/xml.h"
#include "tests/host/domain_document.h"
#include "tests/host/harness.h"

static int parse_cpu(const char *cpu)
{
	return parse_with("<clock", cpu);
}

TEST(named)
{
	CHECK_EQ(parse_cpu("<cpu mode='custom' match='strict' check='full'>"
			   "<model fallback='forbid'>Westmere</model><vendor>AMD</vendor>"
			   "<feature policy='require' name='avx'/>"
			   "<feature name='pcid'/><feature policy='disable' name='aes'/>"
			   "<feature policy='optional' name='vmx'/>"
			   "<feature policy='forbid' name='hle'/>"
			   "<feature policy='force' name='vme'/></cpu>\n<clock"),
		 0);
	CHECK_EQ(d.cpu, CPU_CUSTOM);
	CHECK_STR(cpu_model_text(d.cpu_model), "Westmere");
	CHECK(d.cpu_match == CPU_MATCH_STRICT && d.cpu_check == CPU_CHECK_FULL);
	CHECK_EQ(d.cpu_fallback, CPU_FALLBACK_FORBID);
	CHECK_STR(cpu_vendor_names[d.cpu_vendor], "AMD");
	CHECK_EQ(d.cpu_feature_count, 6);
	CHECK_STR(cpu_feature_text(d.cpu_features[0].feature), "avx");
	CHECK_EQ(d.cpu_features[0].policy, CPU_REQUIRE);
	CHECK_STR(cpu_feature_text(d.cpu_features[1].feature), "pcid");
	CHECK_EQ(d.cpu_features[1].policy, CPU_REQUIRE);
	CHECK_EQ(d.cpu_features[2].policy, CPU_DISABLE);
	CHECK_EQ(d.cpu_features[3].policy, CPU_OPTIONAL);
	CHECK_EQ(d.cpu_features[4].policy, CPU_FORBID);
	CHECK_EQ(d.cpu_features[5].policy, CPU_FORCE);
}

/* A mode that is not said is custom where there is a model. */
TEST(what_is_assumed)
{
	CHECK_EQ(parse_cpu("<cpu><model>EPYC-Rome</model></cpu><clock"), 0);
	CHECK_EQ(d.cpu, CPU_CUSTOM);
	CHECK(d.cpu_match == CPU_MATCH_EXACT && d.cpu_check == CPU_CHECK_PARTIAL);
	CHECK_EQ(d.cpu_fallback, CPU_FALLBACK_ALLOW);
	CHECK(!d.cpu_vendor && !d.cpu_feature_count);
	CHECK_EQ(parse_cpu("<cpu match='minimum'><model>486</model></cpu><clock"), 0);
	CHECK_EQ(d.cpu_match, CPU_MATCH_MINIMUM);
	CHECK_EQ(parse_cpu("<cpu mode='host-passthrough' migratable='on'>"
			   "<feature name='invtsc' policy='disable'/></cpu><clock"),
		 0);
	CHECK(d.cpu == CPU_HOST_PASSTHROUGH && d.cpu_check == CPU_CHECK_NONE);
	CHECK(d.cpu_migratable == CPU_MIGRATABLE_ON && d.cpu_feature_count == 1);
	CHECK_EQ(parse_cpu("<cpu mode='host-model'><model fallback='forbid'/></cpu><clock"), 0);
	CHECK(d.cpu == CPU_HOST_MODEL && d.cpu_check == CPU_CHECK_PARTIAL);
	CHECK(d.cpu_fallback == CPU_FALLBACK_FORBID && !d.cpu_match);
	CHECK_EQ(parse_cpu("<cpu><topology sockets='1' cores='1' threads='1'/></cpu><clock"), 0);
	CHECK(d.cpu == CPU_UNSAID && !d.cpu_check);
}

static const struct {
	const char *cpu, *message;
} refused[] = {
	{ "<cpu mode='custom'/><clock", "web.xml:16: <cpu> lacks <model>" },
	{ "<cpu mode='maximum'/><clock",
	  "web.xml:16: value 'maximum' of attribute 'mode' of <cpu> is not supported" },
	{ "<cpu>\n<model>Pentium</model></cpu><clock",
	  "web.xml:17: there is no CPU model 'Pentium'" },
	{ "<cpu><model>Westmere</model>\n<feature name='AES'/></cpu><clock",
	  "web.xml:17: there is no CPU feature 'AES'" },
	{ "<cpu><model>Westmere</model>\n<feature name='aes'/><feature name='aes' policy='disable'/></cpu><clock",
	  "web.xml:17: a second <feature> of 'aes' is not supported" },
	{ "<cpu><model>Westmere</model><feature/></cpu><clock",
	  "web.xml:16: <feature> lacks the attribute 'name'" },
	{ "<cpu><model>Westmere</model><feature name='aes' policy='maybe'/></cpu><clock",
	  "web.xml:16: value 'maybe' of attribute 'policy' of <feature> is not supported" },
	{ "<cpu><model vendor_id='x'>Westmere</model></cpu><clock",
	  "web.xml:16: attribute 'vendor_id' of <model> is not supported" },
	{ "<cpu><model>Westmere</model><vendor>VIA</vendor></cpu><clock",
	  "web.xml:16: value 'VIA' of <vendor> is not supported" },
	{ "<cpu><model>Westmere</model><cache level='3'/></cpu><clock",
	  "web.xml:16: element <cache> is not supported" },
	{ "<cpu mode='host-model'><model>Westmere</model></cpu><clock",
	  "web.xml:16: a <model> with a name and mode 'host-model' is not supported" },
	{ "<cpu mode='host-model' match='exact'/><clock",
	  "web.xml:16: attribute 'match' of a <cpu> with mode 'host-model' is not supported" },
	{ "<cpu mode='host-model' migratable='on'/><clock",
	  "web.xml:16: attribute 'migratable' of a <cpu> with mode 'host-model' is not supported" },
	{ "<cpu match='full'><model>Westmere</model></cpu><clock",
	  "web.xml:16: value 'full' of attribute 'match' of <cpu> is not supported" },
	{ "<cpu check='all'><model>Westmere</model></cpu><clock",
	  "web.xml:16: value 'all' of attribute 'check' of <cpu> is not supported" },
	{ "<cpu check=''><model>Westmere</model></cpu><clock",
	  "web.xml:16: value '' of attribute 'check' of <cpu> is not supported" },
	{ "<cpu><feature name='aes'/></cpu><clock",
	  "web.xml:16: <cpu> with features, a vendor or a check, but without <model>" },
	{ "<cpu check='none'/><clock",
	  "web.xml:16: <cpu> with features, a vendor or a check, but without <model>" },
};

TEST(refused_with_line)
{
	for (u32 i = 0; i < ARRAY_LEN(refused); i++) {
		CHECK_EQ(parse_cpu(refused[i].cpu), -EINVAL);
		CHECK_STR(err, refused[i].message);
	}
}
