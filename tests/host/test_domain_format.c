/*
 * mgmt/domain_format.h: what dumpxml prints is libvirt's XML, and reading it gives the same domain; for
 * one domain the text itself, for thousands of random ones the way there and back.
 *
 * sources: mgmt/domain_format.c mgmt/domain_xml.c mgmt/domain_tune.c mgmt/domain_clock.c mgmt/domain_cpu.c vm/cpu_models.c mgmt/xml.c mgmt/xml_out.c
 * sources: mgmt/units.c mgmt/uuid.c lib/cpuset.c lib/string.c lib/fmt.c
 * sources: build/deps/expat/lib/xmlparse.c build/deps/expat/lib/xmltok.c
 * sources: build/deps/expat/lib/xmlrole.c
 * flags: -Imgmt/port -isystem build/deps/expat/lib
 */
#include "mgmt/domain_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "lib/errno.h"
#include "mgmt/domain_xml.h"
#include "tests/host/harness.h"
#include "tests/host/rand.h"
#include "vm/domain.h"

u64 random_u64(void)
{
	return 1;
}

static char text[DOMAIN_XML_MAX];
static char err[DOMAIN_ERROR_MAX];
static struct domain d, back;

static int format(void)
{
	memset(text, 0xa5, sizeof(text));
	return domain_format(&d, text, sizeof(text));
}

static void fill(struct domain *x)
{
	memset(x, 0, sizeof(*x));
	strcpy(x->name, "web");
	memset(x->uuid, 0x42, sizeof(x->uuid));
	x->memory = 256 * MIB;
	x->vcpus = 1;
	strcpy(x->kernel, "vmlinuz");
	x->on_reboot = ACTION_RESTART;
}

TEST(least)
{
	int len;

	fill(&d);
	len = format();
	CHECK_EQ(len, strlen(text));
	CHECK_STR(text, "<domain type='plinth'>\n"
			"  <name>web</name>\n"
			"  <uuid>42424242-4242-4242-4242-424242424242</uuid>\n"
			"  <memory unit='KiB'>262144</memory>\n"
			"  <currentMemory unit='KiB'>262144</currentMemory>\n"
			"  <vcpu placement='static'>1</vcpu>\n"
			"  <os>\n"
			"    <type arch='x86_64' machine='q35'>hvm</type>\n"
			"    <kernel>vmlinuz</kernel>\n"
			"  </os>\n"
			"  <clock offset='utc'/>\n"
			"  <on_poweroff>destroy</on_poweroff>\n"
			"  <on_reboot>restart</on_reboot>\n"
			"  <on_crash>destroy</on_crash>\n"
			"</domain>\n");
}

static void fill_all(void)
{
	fill(&d);
	strcpy(d.title, "a < b & c");
	strcpy(d.description, "two\nlines");
	strcpy(d.metadata, "<a b='&lt;'/>");
	d.memory = 1000001;
	cpuset_set(&d.cpus, 0);
	cpuset_set(&d.cpus, 2);
	cpuset_set(&d.vcpupin[0], 2);
	d.shares = 2048;
	d.period_us = 10000;
	d.quota_us = -1;
	strcpy(d.initrd, "one two,three");
	strcpy(d.cmdline, "console=ttyS0 'x' \"y\" <z>");
	d.acpi = d.apic = true;
	d.features = FEATURE_PAE | FEATURE_HAP | FEATURE_PMU | FEATURE_VMPORT | FEATURE_SMM;
	d.kvm_on = DOMAIN_KVM_HIDDEN | DOMAIN_KVM_PV_IPI | DOMAIN_KVM_CLOCK;
	d.kvm_off = DOMAIN_KVM_DEDICATED | DOMAIN_KVM_PVSPINLOCK;
	d.cpu = CPU_HOST_MODEL;
	d.cpu_check = CPU_CHECK_PARTIAL;
	d.sockets = d.dies = d.cores = d.threads = 1;
	d.clock = CLOCK_VARIABLE;
	d.clock_s = -60;
	d.timers = 1u << TIMER_RTC | 1u << TIMER_PIT;
	d.ticks[TIMER_RTC] = TICK_CATCHUP;
	d.tsc_hz = 2500000000;
	d.on_poweroff = ACTION_PRESERVE;
	d.serials = 2;
}

TEST(named_cpu)
{
	static const char cpu[] = "  <cpu mode='custom' match='exact' check='partial'>\n"
				  "    <model fallback='allow'>Westmere</model>\n"
				  "    <vendor>Intel</vendor>\n"
				  "    <feature policy='disable' name='aes'/>\n"
				  "  </cpu>\n  <clock";
	const char *at;

	fill(&d);
	d.cpu = CPU_CUSTOM;
	d.cpu_model = (u16)cpu_model_find("Westmere");
	d.cpu_match = CPU_MATCH_EXACT;
	d.cpu_check = CPU_CHECK_PARTIAL;
	d.cpu_fallback = CPU_FALLBACK_ALLOW;
	d.cpu_vendor = 1;
	d.cpu_features[0] =
		(struct domain_cpu_feature){ (u16)cpu_feature_find("aes"), CPU_DISABLE };
	d.cpu_feature_count = 1;
	CHECK(format() > 0);
	at = strstr(text, "  <cpu");
	CHECK(at && !strncmp(at, cpu, sizeof(cpu) - 1));
}

TEST(all)
{
	int len;

	fill_all();
	len = format();
	CHECK_EQ(len, strlen(text));
	CHECK_STR(text, "<domain type='plinth'>\n"
			"  <name>web</name>\n"
			"  <uuid>42424242-4242-4242-4242-424242424242</uuid>\n"
			"  <title>a &lt; b &amp; c</title>\n"
			"  <description>two\nlines</description>\n"
			"  <metadata><a b='&lt;'/></metadata>\n"
			"  <memory unit='bytes'>1000001</memory>\n"
			"  <currentMemory unit='bytes'>1000001</currentMemory>\n"
			"  <vcpu placement='static' cpuset='0,2'>1</vcpu>\n"
			"  <cputune>\n"
			"    <shares>2048</shares>\n"
			"    <period>10000</period>\n"
			"    <quota>-1</quota>\n"
			"    <vcpupin vcpu='0' cpuset='2'/>\n"
			"  </cputune>\n"
			"  <os>\n"
			"    <type arch='x86_64' machine='q35'>hvm</type>\n"
			"    <kernel>vmlinuz</kernel>\n"
			"    <initrd>one two,three</initrd>\n"
			"    <cmdline>console=ttyS0 'x' \"y\" &lt;z&gt;</cmdline>\n"
			"  </os>\n"
			"  <features>\n"
			"    <acpi/>\n"
			"    <apic/>\n"
			"    <pae/>\n"
			"    <hap state='on'/>\n"
			"    <pmu state='off'/>\n"
			"    <vmport state='off'/>\n"
			"    <smm state='off'/>\n"
			"    <kvm>\n"
			"      <hidden state='on'/>\n"
			"      <hint-dedicated state='off'/>\n"
			"      <pv-ipi state='on'/>\n"
			"    </kvm>\n"
			"    <pvspinlock state='off'/>\n"
			"  </features>\n"
			"  <cpu mode='host-model' check='partial'>\n"
			"    <topology sockets='1' dies='1' cores='1' threads='1'/>\n"
			"  </cpu>\n"
			"  <clock offset='variable' adjustment='-60' basis='utc'>\n"
			"    <timer name='pit' present='yes'/>\n"
			"    <timer name='rtc' present='yes' tickpolicy='catchup'/>\n"
			"    <timer name='kvmclock' present='yes'/>\n"
			"    <timer name='tsc' frequency='2500000000'/>\n"
			"  </clock>\n"
			"  <on_poweroff>preserve</on_poweroff>\n"
			"  <on_reboot>restart</on_reboot>\n"
			"  <on_crash>destroy</on_crash>\n"
			"  <devices>\n"
			"    <serial type='pty'>\n"
			"      <target type='isa-serial' port='0'>\n"
			"        <model name='isa-serial'/>\n"
			"      </target>\n"
			"    </serial>\n"
			"    <serial type='pty'>\n"
			"      <target type='isa-serial' port='1'>\n"
			"        <model name='isa-serial'/>\n"
			"      </target>\n"
			"    </serial>\n"
			"    <console type='pty'>\n"
			"      <target type='serial' port='0'/>\n"
			"    </console>\n"
			"  </devices>\n"
			"</domain>\n");
}

/* A buffer that is too small is said, never overrun, and its text always ends. */
TEST(small_buffers)
{
	int len;

	fill_all();
	len = format();
	for (int size = 0; size <= len + 1; size++) {
		char *buf = malloc((size_t)size + 1); /* the sanitizer sees any byte too many */

		CHECK_EQ(domain_format(&d, buf, (size_t)size), size == len + 1 ? len : -ENOSPC);
		if (size)
			CHECK(!strncmp(buf, text, (size_t)size - 1) && !buf[size - 1]);
		free(buf);
	}
}

/* Characters that a document can hold, with all that need escaping; the ends are no blanks. */
static void random_text(char *out, size_t size, bool lines)
{
	static const char *const pieces[] = { "a",
					      "Z",
					      "0",
					      " ",
					      "\t",
					      "\r",
					      "\n",
					      "<",
					      ">",
					      "&",
					      "'",
					      "\"",
					      "]]>",
					      "&amp;",
					      "%s",
					      "\\",
					      "/",
					      "\xc3\xa4",
					      "\xe2\x82\xac",
					      "\xf0\x9f\x98\x80" };
	size_t len = 0, max = rand_below(4) ? rand_below(20) : rand_below((u32)size);

	while (len < max) {
		const char *p = pieces[rand_below(ARRAY_LEN(pieces))];

		if (len + strlen(p) >= size)
			break;
		if (!lines && *p == '\n')
			continue;
		memcpy(out + len, p, strlen(p));
		len += strlen(p);
	}
	while (len && strchr(" \t\r\n", out[len - 1]))
		len--;
	out[len] = '\0';
	len = 0;
	while (out[len] && strchr(" \t\r\n", out[len]))
		len++;
	memmove(out, out + len, strlen(out + len) + 1);
}

static void random_cpus(struct cpuset *set)
{
	set->word[0] = rand_below(3) ? rand_u64() & rand_u64() : 0;
}

static void random_tuning(void)
{
	random_cpus(&d.cpus);
	random_cpus(&d.vcpupin[0]);
	random_cpus(&d.soft);
	random_cpus(&d.vcpusoft[0]);
	d.numa = (enum domain_numa)rand_below(4);
	if (d.numa)
		d.numa_nodes.word[0] =
			d.numa == NUMA_PREFERRED ? BIT(rand_below(64)) : 1 + rand_below(60000);
	d.shares = rand_below(2) ? 2 + rand_below(262143) : 0;
	d.period_us = rand_below(2) ? 1000 + rand_below(999001) : 0;
	d.quota_us = rand_below(2) ? (s64)(1000 + rand_u64() % 17592186043416) : 0;
	if (!rand_below(4))
		d.quota_us = -1;
}

/* At most 64, arranged or not. */
static void random_vcpus(void)
{
	d.vcpus = 1 + rand_below(VM_MAX_VCPUS);
	d.sockets = d.dies = d.cores = d.threads = 0;
	if (rand_below(2))
		return;
	d.sockets = 1 + rand_below(4);
	d.dies = 1 + rand_below(2);
	d.cores = 1 + rand_below(4);
	d.threads = 1 + rand_below(2);
	d.vcpus = d.sockets * d.dies * d.cores * d.threads;
	random_cpus(&d.vcpupin[d.vcpus - 1]);
}

/* Its model, or the host's, and some features, each once. */
static void random_cpu(void)
{
	d.cpu = (enum domain_cpu)rand_below(4);
	if (d.cpu == CPU_UNSAID)
		return;
	d.cpu_check = 1 + rand_below(3);
	d.cpu_fallback = rand_below(3);
	d.cpu_vendor = rand_below(CPU_VENDORS);
	if (d.cpu == CPU_HOST_PASSTHROUGH)
		d.cpu_migratable = rand_below(3);
	if (d.cpu == CPU_CUSTOM) {
		d.cpu_model = rand_below(cpu_model_count);
		d.cpu_match = 1 + rand_below(3);
		d.cpu_fallback = 1 + rand_below(2);
	}
	for (u32 i = rand_below(cpu_feature_count); i < cpu_feature_count; i += 1 + rand_below(100))
		d.cpu_features[d.cpu_feature_count++] =
			(struct domain_cpu_feature){ i, rand_below(5) };
}

static void random_domain(void)
{
	fill(&d);
	for (u32 i = 0, n = 1 + rand_below(DOMAIN_NAME_MAX - 1); i < n; i++)
		d.name[i] = "a<&>'\"-.Z0"[rand_below(10)];
	for (u32 i = 0; i < sizeof(d.uuid); i++)
		d.uuid[i] = (u8)rand_u64();
	random_text(d.title, sizeof(d.title), false);
	random_text(d.description, sizeof(d.description), true);
	d.memory = 1 + rand_u64() % (8ULL << 40);
	random_tuning();
	random_text(d.kernel, sizeof(d.kernel), true);
	if (!d.kernel[0])
		strcpy(d.kernel, "k");
	if (rand_below(8) == 0) {
		d.loader = LOADER_FLAT;
	} else {
		random_text(d.initrd, sizeof(d.initrd), true);
		random_text(d.cmdline, sizeof(d.cmdline), true);
	}
	d.acpi = rand_below(2);
	d.apic = rand_below(2);
	d.features = rand_below(32);
	d.core = (enum domain_core)rand_below(3);
	d.kvm_on = rand_below(64);
	d.kvm_off = rand_below(64) & ~d.kvm_on;
	random_vcpus();
	random_cpu();
	d.clock = (enum domain_clock)rand_below(4);
	if (d.clock == CLOCK_VARIABLE)
		d.clock_s = (s64)(rand_u64() % 6311520001) - 3155760000;
	if (d.clock == CLOCK_ABSOLUTE)
		d.clock_s = (s64)(rand_u64() % 253402300800);
	if (rand_u64() & 1)
		d.tsc_hz = 1000000 + rand_u64() % 99999000001;
	d.timers = rand_below(1u << DOMAIN_TIMERS);
	for (u32 i = 0; i < DOMAIN_TIMERS; i++)
		d.ticks[i] = d.timers & 1u << i ? (enum tick_policy)rand_below(5) : TICK_UNSAID;
	d.on_poweroff = (enum domain_action)rand_below(3);
	d.on_reboot = (enum domain_action)rand_below(3);
	d.on_crash = (enum domain_action)rand_below(3);
	d.serials = rand_below(VM_MAX_SERIALS + 1);
}

static void check_same(void)
{
	CHECK_STR(back.name, d.name);
	CHECK(!memcmp(back.uuid, d.uuid, sizeof(d.uuid)));
	CHECK_STR(back.title, d.title);
	CHECK_STR(back.description, d.description);
	CHECK_STR(back.metadata, d.metadata);
	CHECK_EQ(back.memory, d.memory);
	CHECK_EQ(back.vcpus, d.vcpus);
	CHECK(!memcmp(&back.cpus, &d.cpus, sizeof(d.cpus)));
	CHECK(!memcmp(back.vcpupin, d.vcpupin, sizeof(d.vcpupin)));
	CHECK_EQ(back.shares, d.shares);
	CHECK_EQ(back.period_us, d.period_us);
	CHECK_EQ(back.quota_us, d.quota_us);
	CHECK_EQ(back.core, d.core);
	CHECK(!memcmp(&back.soft, &d.soft, sizeof(d.soft)));
	CHECK_EQ(back.numa, d.numa);
	CHECK_EQ(back.numa_nodes.word[0], d.numa_nodes.word[0]);
	CHECK(!memcmp(back.vcpusoft, d.vcpusoft, sizeof(d.vcpusoft)));
	CHECK_EQ(back.loader, d.loader);
	CHECK_STR(back.kernel, d.kernel);
	CHECK_STR(back.initrd, d.initrd);
	CHECK_STR(back.cmdline, d.cmdline);
	CHECK_EQ(back.acpi, d.acpi);
	CHECK_EQ(back.apic, d.apic);
	CHECK_EQ(back.features, d.features);
	CHECK_EQ(back.cpu, d.cpu);
	CHECK_EQ(back.cpu_model, d.cpu_model);
	CHECK(back.cpu_match == d.cpu_match && back.cpu_check == d.cpu_check);
	CHECK(back.cpu_fallback == d.cpu_fallback && back.cpu_migratable == d.cpu_migratable);
	CHECK_EQ(back.cpu_vendor, d.cpu_vendor);
	CHECK_EQ(back.cpu_feature_count, d.cpu_feature_count);
	CHECK(!memcmp(back.cpu_features, d.cpu_features, sizeof(d.cpu_features)));
	CHECK(back.sockets == d.sockets && back.dies == d.dies && back.cores == d.cores);
	CHECK_EQ(back.threads, d.threads);
	CHECK_EQ(back.clock, d.clock);
	CHECK_EQ(back.clock_s, d.clock_s);
	CHECK_EQ(back.tsc_hz, d.tsc_hz);
	CHECK_EQ(back.timers, d.timers);
	CHECK(!memcmp(back.ticks, d.ticks, sizeof(d.ticks)));
	CHECK_EQ(back.on_poweroff, d.on_poweroff);
	CHECK_EQ(back.on_reboot, d.on_reboot);
	CHECK_EQ(back.on_crash, d.on_crash);
	CHECK_EQ(back.serials, d.serials);
}

static void there_and_back(void)
{
	int len = format();

	CHECK(len > 0);
	CHECK_EQ((size_t)len, strlen(text));
	err[0] = '\0';
	CHECK_EQ(domain_parse("d.xml", (u8 *)text, (size_t)len, &back, err, sizeof(err)), 0);
	CHECK_STR(err, "");
	check_same();
}

TEST(random_domains_there_and_back)
{
	for (u32 i = 0; i < 2000; i++) {
		random_domain();
		there_and_back();
	}
}

/* Metadata as a document brings it, with content of random shape. */
static size_t random_content(char *out, u32 depth)
{
	static const char *const pieces[] = { "x",          " ",     "\n",    "\t",
					      "&lt;",       "&amp;", "&#13;", "<![CDATA[<&>]]>",
					      "<!-- c -->", "\"",    "'" };
	size_t len = 0;

	for (u32 n = rand_below(5); n; n--) {
		if (depth && rand_below(2)) {
			len += (size_t)sprintf(out + len,
					       "<p:e xmlns:p='u' b=\"&#10;'&lt;&quot;\"%s>",
					       rand_below(2) ? " c='d'" : "");
			len += random_content(out + len, depth - 1);
			len += (size_t)sprintf(out + len, "</p:e>");
		} else {
			len += (size_t)sprintf(out + len, "%s",
					       pieces[rand_below(ARRAY_LEN(pieces))]);
		}
	}
	return len;
}

TEST(metadata_there_and_back)
{
	static const char head[] = "<domain type='kvm'><name>web</name><memory>2048</memory><os>"
				   "<type>hvm</type><kernel>k</kernel></os><metadata>";
	static char document[DOMAIN_XML_MAX];
	u32 filled = 0;

	for (u32 i = 0; i < 1000; i++) {
		size_t len = strlen(head);

		memcpy(document, head, len);
		len += random_content(document + len, 4);
		len += (size_t)sprintf(document + len, "</metadata></domain>");
		if (domain_parse("d.xml", (u8 *)document, len, &d, err, sizeof(err)))
			continue; /* too long */
		filled += d.metadata[0] != 0;
		there_and_back();
	}
	CHECK(filled > 500);
}

/* The most that there can be fits into DOMAIN_XML_MAX. */
TEST(longest)
{
	fill_all();
	memset(d.name, '&', sizeof(d.name) - 1);
	memset(d.title, '&', sizeof(d.title) - 1);
	memset(d.description, '&', sizeof(d.description) - 1);
	memset(d.metadata, 'x', sizeof(d.metadata) - 1);
	memset(d.kernel, '&', sizeof(d.kernel) - 1);
	memset(d.initrd, '&', sizeof(d.initrd) - 1);
	memset(d.cmdline, '&', sizeof(d.cmdline) - 1);
	d.cpus.word[0] = d.vcpupin[0].word[0] = 0x5555555555555555;
	d.serials = VM_MAX_SERIALS;
	for (u32 i = 0; i < cpu_feature_count; i++)
		d.cpu_features[i] = (struct domain_cpu_feature){ i, CPU_OPTIONAL };
	d.cpu_feature_count = cpu_feature_count;
	there_and_back();
}
