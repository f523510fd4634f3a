/*
 * mgmt's reading of domain XML: any document is read into a domain that the rest can rely on, or refused
 * with one line.
 *
 * sources: mgmt/domain_xml.c mgmt/domain_tune.c mgmt/domain_clock.c mgmt/domain_cpu.c vm/cpu_models.c mgmt/domain_format.c mgmt/xml.c mgmt/xml_out.c
 * sources: mgmt/units.c mgmt/uuid.c lib/cpuset.c lib/fmt.c
 * sources: build/deps/expat/lib/xmlparse.c build/deps/expat/lib/xmltok.c
 * sources: build/deps/expat/lib/xmlrole.c lib/string.c
 * flags: -Imgmt/port -isystem build/deps/expat/lib
 * timeout: 300
 * runs: 30000
 * max_len: 4096
 */
#include <stdlib.h>

#include "core/random.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mgmt/domain_format.h"
#include "mgmt/domain_xml.h"
#include "tests/host/fuzzing.h"
#include "vm/domain.h"
#include "vm/vm.h"

u64 random_u64(void)
{
	return 1;
}

static bool ends_within(const char *s, size_t size)
{
	return memchr(s, 0, size) != NULL;
}

/* What the rest of Plinth relies on, whatever the document says. */
static void check_domain(const struct domain *d)
{
	CHECK(ends_within(d->name, sizeof(d->name)) && d->name[0]);
	for (const char *p = d->name; *p; p++)
		CHECK(*p > ' ' && *p <= '~' && *p != '/');
	CHECK(ends_within(d->kernel, sizeof(d->kernel)) && d->kernel[0]);
	CHECK(ends_within(d->initrd, sizeof(d->initrd)));
	CHECK(ends_within(d->cmdline, sizeof(d->cmdline)));
	CHECK(d->memory > 0 && d->memory <= 8ULL << 40);
	CHECK(d->vcpus == 1 && d->serials <= VM_MAX_SERIALS);
	CHECK(d->loader == LOADER_KERNEL || (d->loader == LOADER_FLAT && !d->initrd[0]));
	CHECK(ends_within(d->title, sizeof(d->title)) && !strchr(d->title, '\n'));
	CHECK(ends_within(d->description, sizeof(d->description)));
	CHECK(ends_within(d->metadata, sizeof(d->metadata)));
	CHECK(!d->shares || (d->shares >= 2 && d->shares <= 262144));
	CHECK(!d->period_us || (d->period_us >= 1000 && d->period_us <= 1000000));
	CHECK(d->core <= CORE_ALONE);
	CHECK(d->quota_us <= 0 || d->quota_us >= 1000);
	for (u32 i = d->vcpus; i < VM_MAX_VCPUS; i++)
		CHECK(cpuset_empty(&d->vcpupin[i]) && cpuset_empty(&d->vcpusoft[i]));
	CHECK(d->clock <= CLOCK_ABSOLUTE && d->cpu <= CPU_CUSTOM);
	CHECK(d->cpu_model < cpu_model_count && d->cpu_vendor < CPU_VENDORS);
	CHECK(d->cpu_match <= CPU_MATCH_STRICT && d->cpu_check <= CPU_CHECK_FULL);
	CHECK(d->cpu_fallback <= CPU_FALLBACK_FORBID && d->cpu_migratable <= CPU_MIGRATABLE_OFF);
	CHECK(d->cpu_feature_count <= cpu_feature_count);
	for (u32 i = 0; i < d->cpu_feature_count; i++)
		CHECK(d->cpu_features[i].feature < cpu_feature_count &&
		      d->cpu_features[i].policy <= CPU_FORBID);
	CHECK(d->on_poweroff <= ACTION_PRESERVE && d->on_reboot <= ACTION_PRESERVE &&
	      d->on_crash <= ACTION_PRESERVE);
}

/* What dumpxml prints of it is the same domain. */
static void check_format(const struct domain *d)
{
	static char text[DOMAIN_XML_MAX], again[DOMAIN_XML_MAX];
	char err[DOMAIN_ERROR_MAX];
	struct domain back;
	int len = domain_format(d, text, sizeof(text));

	CHECK(len > 0);
	CHECK(!domain_parse("fuzz", (u8 *)text, (size_t)len, &back, err, sizeof(err)));
	CHECK_EQ(domain_format(&back, again, sizeof(again)), len);
	CHECK_STR(again, text);
}

/* One line of plain text that begins with file and line. */
static void check_message(const char *err)
{
	const char *p = err + 5;

	CHECK(ends_within(err, DOMAIN_ERROR_MAX) && str_prefix(err, "fuzz:"));
	CHECK(*p >= '1' && *p <= '9');
	while (*p >= '0' && *p <= '9')
		p++;
	CHECK(p[0] == ':' && p[1] == ' ' && p[2]);
	for (; *p; p++)
		CHECK(*p >= ' ' && *p <= '~');
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char err[DOMAIN_ERROR_MAX];
	struct domain d;
	u8 *copy = fuzz_copy(data, size);
	int ret;

	memset(err, 0xff, sizeof(err));
	ret = domain_parse("fuzz", copy, size, &d, err, sizeof(err));
	CHECK(ret == 0 || ret == -EINVAL);
	if (ret) {
		check_message(err);
	} else {
		check_domain(&d);
		check_format(&d);
	}
	free(copy);
	return 0;
}

static const char document[] =
	"<?xml version='1.0' encoding='utf-8'?>\n"
	"<domain type='plinth'>\n"
	"  <name>guest</name>\n"
	"  <uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid>\n"
	"  <title>A &lt;guest&gt;</title><description>d</description>\n"
	"  <metadata><x:a xmlns:x='u'><x:b c='d'/>text</x:a></metadata>\n"
	"  <memory unit='MiB'>256</memory>\n"
	"  <currentMemory>262144</currentMemory>\n"
	"  <vcpu placement='static' cpuset='0-3,^2'>1</vcpu>\n"
	"  <cputune><vcpupin vcpu='0' cpuset='1'/><shares>2048</shares><period>10000</period>"
	"<quota>-1</quota></cputune>\n"
	"  <os>\n"
	"    <type arch='x86_64' machine='pc-q35-8.2'>hvm</type>\n"
	"    <kernel>vmlinuz</kernel><initrd>initrd.gz</initrd>\n"
	"    <cmdline>console=ttyS0 &amp;&#x41;</cmdline>\n"
	"  </os>\n"
	"  <features><acpi/><apic/><pae/><hap state='on'/><pmu state='off'/></features>\n"
	"  <cpu mode='host-model' check='partial'/>\n"
	"  <clock offset='variable' adjustment='-5' basis='utc'/>\n"
	"  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot>\n"
	"  <on_crash>preserve</on_crash>\n"
	"  <devices>\n"
	"    <serial type='pty'><target type='isa-serial' port='0'><model name='isa-serial'/>"
	"</target></serial>\n"
	"    <serial type='pty'><target port='1'/></serial>\n"
	"    <console type='pty'><target type='serial' port='0'/></console>\n"
	"  </devices>\n"
	"</domain>\n";

static const char model[] =
	"<domain type='kvm'><name>m</name><memory unit='G'>1</memory><os><type>hvm</type>"
	"<kernel>k</kernel></os><cpu mode='custom' match='exact' check='full'>"
	"<model fallback='forbid'>Westmere</model><vendor>Intel</vendor>"
	"<feature policy='disable' name='aes'/><feature name='avx'/></cpu></domain>";

static const char flat[] = "<domain type='kvm'><name>f</name><memory unit='G'>1</memory><os>"
			   "<type>hvm</type><loader type='flat'>f.bin</loader></os></domain>";

/* In UTF-16, of either byte order. */
static void seed_wide(const char *text, u32 high)
{
	u8 wide[2 * sizeof(document) + 2];
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		wide[2 + 2 * i + !high] = (u8)text[i];
		wide[2 + 2 * i + high] = 0;
	}
	wide[!high] = 0xff;
	wide[high] = 0xfe;
	fuzz_seed(wide, 2 * len + 2);
}

void fuzz_seeds(void)
{
	fuzz_seed(document, strlen(document));
	fuzz_seed(flat, strlen(flat));
	fuzz_seed(model, strlen(model));
	for (u32 high = 0; high < 2; high++) {
		seed_wide(document, high);
		seed_wide(flat, high);
	}
}
