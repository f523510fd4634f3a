/*
 * mgmt/domain_xml.h: a domain document's clock, where and how much its vCPU may run, and what people and
 * other tools keep in it.
 *
 * sources: mgmt/domain_xml.c mgmt/domain_tune.c mgmt/domain_clock.c mgmt/domain_cpu.c vm/cpu_models.c mgmt/xml.c mgmt/xml_out.c mgmt/units.c mgmt/uuid.c
 * sources: lib/string.c lib/cpuset.c lib/fmt.c
 * sources: build/deps/expat/lib/xmlparse.c build/deps/expat/lib/xmltok.c
 * sources: build/deps/expat/lib/xmlrole.c
 * flags: -Imgmt/port -isystem build/deps/expat/lib
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "tests/host/domain_document.h"
#include "tests/host/harness.h"

TEST(clocks)
{
	CHECK_EQ(parse_with("'utc'", "'variable' adjustment='-3600' basis='utc'"), 0);
	CHECK_EQ(d.clock, CLOCK_VARIABLE);
	CHECK_EQ(d.clock_s, -3600);
	CHECK_EQ(parse_with("'utc'", "'variable' adjustment='3155760000'"), 0);
	CHECK_EQ(d.clock_s, 3155760000);
	CHECK_EQ(parse_with("'utc'", "'absolute' start='1700000000'"), 0);
	CHECK_EQ(d.clock, CLOCK_ABSOLUTE);
	CHECK_EQ(d.clock_s, 1700000000);
}

TEST(kvm)
{
	CHECK_EQ(parse(good), 0);
	CHECK_EQ(d.kvm_on | d.kvm_off, 0);
	CHECK_EQ(parse_with("<apic/>", "<kvm><hidden state='on'/><hint-dedicated state='off'/>"
				       "<poll-control state='on'/><pv-ipi state='off'/></kvm>"
				       "<pvspinlock state='off'/>"),
		 0);
	CHECK_EQ(d.kvm_on, DOMAIN_KVM_HIDDEN | DOMAIN_KVM_POLL_CONTROL);
	CHECK_EQ(d.kvm_off, DOMAIN_KVM_DEDICATED | DOMAIN_KVM_PV_IPI | DOMAIN_KVM_PVSPINLOCK);
	CHECK_EQ(parse_with("<apic/>", "<pvspinlock/>"), 0);
	CHECK(d.kvm_on == DOMAIN_KVM_PVSPINLOCK && !d.kvm_off);
	CHECK_EQ(parse_with("<apic/>", "<pvspinlock state='on'/>"), 0);
	CHECK(d.kvm_on == DOMAIN_KVM_PVSPINLOCK && !d.kvm_off);
	CHECK_EQ(parse_with("<clock offset='utc'/>",
			    "<clock offset='utc'><timer name='kvmclock' present='no'/></clock>"),
		 0);
	CHECK_EQ(d.kvm_off, DOMAIN_KVM_CLOCK);
	CHECK_EQ(parse_with("<clock offset='utc'/>",
			    "<clock offset='utc'><timer present='yes' name='kvmclock'/></clock>"),
		 0);
	CHECK_EQ(d.kvm_on, DOMAIN_KVM_CLOCK);
	CHECK_EQ(d.kvm_off, 0);
}

TEST(timers)
{
	CHECK_EQ(parse(good), 0);
	CHECK_EQ(d.timers, 0);
	CHECK_EQ(parse_with("<clock offset='utc'/>",
			    "<clock offset='utc'><timer name='rtc' tickpolicy='catchup'/>"
			    "<timer tickpolicy='delay' present='yes' name='pit'/></clock>"),
		 0);
	CHECK_EQ(d.timers, 1u << TIMER_RTC | 1u << TIMER_PIT);
	CHECK_EQ(d.ticks[TIMER_RTC], TICK_CATCHUP);
	CHECK_EQ(d.ticks[TIMER_PIT], TICK_DELAY);
	CHECK_EQ(parse_with("<clock offset='utc'/>",
			    "<clock offset='utc'><timer name='rtc' tickpolicy='discard'/>"
			    "<timer name='pit'/></clock>"),
		 0);
	CHECK_EQ(d.ticks[TIMER_RTC], TICK_DISCARD);
	CHECK_EQ(d.ticks[TIMER_PIT], TICK_UNSAID);
	CHECK_EQ(parse_with("<clock offset='utc'/>",
			    "<clock offset='utc'><timer name='rtc' tickpolicy='merge'/></clock>"),
		 0);
	CHECK_EQ(d.ticks[TIMER_RTC], TICK_MERGE);
	CHECK_EQ(parse_with("<clock offset='utc'/>",
			    "<clock offset='utc'><timer name='hpet' present='no'/></clock>"),
		 0);
	CHECK_EQ(d.timers, 0);
	CHECK_EQ(parse_with("<clock offset='utc'/>",
			    "<clock offset='utc'><timer name='hpet' present='yes'/></clock>"),
		 0);
	CHECK_EQ(d.timers, 1u << TIMER_HPET);
}

TEST(tuning)
{
	CHECK_EQ(parse(good), 0);
	CHECK_EQ(d.shares, 0);
	CHECK_EQ(d.period_us, 0);
	CHECK_EQ(d.quota_us, 0);
	CHECK(cpuset_empty(&d.cpus));
	CHECK(cpuset_empty(&d.vcpupin[0]));
	CHECK_EQ(parse_with("<vcpu>1</vcpu>",
			    "<vcpu cpuset='0-3,^2'>1</vcpu><cputune><shares>2048</shares>"
			    "<period>10000</period><quota>2500</quota>"
			    "<vcpupin cpuset='1,3' vcpu='0'/></cputune>"),
		 0);
	CHECK_EQ(d.cpus.word[0], 0xb);
	CHECK_EQ(d.vcpupin[0].word[0], 0xa);
	CHECK_EQ(d.shares, 2048);
	CHECK_EQ(d.period_us, 10000);
	CHECK_EQ(d.quota_us, 2500);
	CHECK_EQ(parse_with("<os>", "<cputune><quota>-1</quota></cputune><os>"), 0);
	CHECK(d.quota_us < 0);
	CHECK_EQ(parse_with("<os>", "<cputune><quota>-17592186044415</quota></cputune><os>"), 0);
	CHECK(d.quota_us < 0);
}

#define PLINTH_NS "xmlns:plinth='urn:plinth:domain:1' "

TEST(cores)
{
	CHECK_EQ(parse(good), 0);
	CHECK_EQ(d.core, CORE_UNSAID);
	CHECK_EQ(parse_with("<on_crash>", "<plinth:sched " PLINTH_NS "core='alone'/><on_crash>"),
		 0);
	CHECK_EQ(d.core, CORE_ALONE);
	CHECK_EQ(parse_with("<on_crash>", "<plinth:sched " PLINTH_NS "core='shared'/><on_crash>"),
		 0);
	CHECK_EQ(d.core, CORE_SHARED);
	CHECK(parse_with("<on_crash>", "<plinth:sched " PLINTH_NS "core='own'/><on_crash>"));
	CHECK(parse_with("<on_crash>", "<plinth:sched " PLINTH_NS "/><on_crash>"));
	CHECK(parse_with("<on_crash>", "<plinth:sched core='alone'/><on_crash>"));
	CHECK(parse_with("<on_crash>",
			 "<plinth:sched xmlns:plinth='other' core='alone'/><on_crash>"));
	CHECK(parse_with("<on_crash>", "<sched " PLINTH_NS "core='alone'/><on_crash>"));
}

TEST(nodes_of_memory)
{
	CHECK_EQ(parse(good), 0);
	CHECK_EQ(d.numa, NUMA_UNSAID);
	CHECK_EQ(parse_with("<os>", "<numatune><memory mode='interleave' nodeset='0-2,^1'/>"
				    "</numatune><os>"),
		 0);
	CHECK_EQ(d.numa, NUMA_INTERLEAVE);
	CHECK_EQ(d.numa_nodes.word[0], 5);
	CHECK_EQ(parse_with("<os>", "<numatune><memory nodeset='1'/></numatune><os>"), 0);
	CHECK_EQ(d.numa, NUMA_STRICT);
	CHECK_EQ(d.numa_nodes.word[0], 2);
}

TEST(soft_affinity)
{
	CHECK_EQ(parse(good), 0);
	CHECK(cpuset_empty(&d.soft) && cpuset_empty(&d.vcpusoft[0]));
	CHECK_EQ(parse_with("<on_crash>", "<plinth:sched " PLINTH_NS "soft='0-3,^2'/><on_crash>"),
		 0);
	CHECK_EQ(d.soft.word[0], 0xb);
	CHECK_EQ(d.core, CORE_UNSAID);
	CHECK_EQ(parse_with("<on_crash>", "<plinth:sched " PLINTH_NS "core='alone' soft='1'>"
					  "<plinth:vcpupin vcpu='0' soft='5'/></plinth:sched>"
					  "<on_crash>"),
		 0);
	CHECK_EQ(d.core, CORE_ALONE);
	CHECK_EQ(d.soft.word[0], 2);
	CHECK_EQ(d.vcpusoft[0].word[0], 1 << 5);
	CHECK(cpuset_empty(&d.vcpupin[0]));
	CHECK(parse_with("<on_crash>", "<plinth:sched " PLINTH_NS "soft='x'/><on_crash>"));
	CHECK(parse_with("<on_crash>", "<plinth:sched " PLINTH_NS "soft=''/><on_crash>"));
	CHECK(parse_with("<on_crash>", "<plinth:sched " PLINTH_NS ">"
				       "<plinth:vcpupin vcpu='1' soft='0'/></plinth:sched>"
				       "<on_crash>"));
}

TEST(words_of_people)
{
	CHECK_EQ(parse_with("<os>", "<title> Web &lt;1&gt; </title><description>Two\n"
				    "lines &amp; more\n</description><os>"),
		 0);
	CHECK_STR(d.title, "Web <1>");
	CHECK_STR(d.description, "Two\nlines & more");
	CHECK_EQ(parse_with("<os>", "<title/><description></description><metadata/><os>"), 0);
	CHECK_STR(d.title, "");
	CHECK_STR(d.description, "");
	CHECK_STR(d.metadata, "");
}

/* What is in it comes back as XML of the same meaning. */
static const struct {
	const char *written, *kept;
} metadata[] = {
	{ "<a/>", "<a/>" },
	{ "\n <a></a>\t", "<a/>" },
	{ "x", "x" },
	{ "<a:b xmlns:a='http://x/'>text<a:c d='e'/></a:b>",
	  "<a:b xmlns:a='http://x/'>text<a:c d='e'/></a:b>" },
	{ "<a b=\"it's\"/>", "<a b='it&apos;s'/>" },
	{ "<a b='&lt;&amp;&#10;&#9;&#13;'/>", "<a b='&lt;&amp;&#10;&#9;&#13;'/>" },
	{ "<a b='x\ny'/>", "<a b='x y'/>" }, /* attribute values are normalised */
	{ "<a>&lt;b/&gt; &amp;amp;</a>", "<a>&lt;b/&gt; &amp;amp;</a>" },
	{ "<a><![CDATA[<b>]]></a>", "<a>&lt;b&gt;</a>" },
	{ "<a> <b/> </a>", "<a> <b/> </a>" },
	{ "<a>\r\n</a>&#13;", "<a>\n</a>&#13;" },
	{ "<a/>\n  <b/>", "<a/>\n  <b/>" },
	{ "<!-- <x> --><a><!-- y --></a>", "<!-- <x> --><a><!-- y --></a>" },
	{ "<disk/><name>x</name>", "<disk/><name>x</name>" },
	{ "<a>\xc3\xa4</a>", "<a>\xc3\xa4</a>" },
};

TEST(metadata_is_kept)
{
	static char text[512];

	for (u32 i = 0; i < ARRAY_LEN(metadata); i++) {
		snprintf(text, sizeof(text), "<metadata>%s</metadata><os>", metadata[i].written);
		CHECK_EQ(parse_with("<os>", text), 0);
		CHECK_STR(d.metadata, metadata[i].kept);
		CHECK_STR(d.name, "web-1");
		snprintf(text, sizeof(text), "<metadata>%s</metadata><os>", metadata[i].kept);
		CHECK_EQ(parse_with("<os>", text), 0);
		CHECK_STR(d.metadata, metadata[i].kept);
	}
}

/* What is longer than there is room for is refused: nothing is cut. */
TEST(metadata_too_long)
{
	static char text[DOMAIN_METADATA_MAX + 64];

	for (u32 n = DOMAIN_METADATA_MAX - 9; n < DOMAIN_METADATA_MAX + 1; n++) {
		int fits = n + strlen("<a></a>") < DOMAIN_METADATA_MAX;

		snprintf(text, sizeof(text), "<metadata><a>%*s</a></metadata><os>", (int)n, "x");
		CHECK_EQ(parse_with("<os>", text), fits ? 0 : -EINVAL);
		if (fits)
			CHECK_EQ(strlen(d.metadata), n + strlen("<a></a>"));
		else
			CHECK_STR(err,
				  "web.xml:6: the content of <metadata> is longer than 4095 bytes");
	}
}
