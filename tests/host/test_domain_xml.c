/*
 * mgmt/domain_xml.h: libvirt's domain XML. Meanings and defaults are those of libvirt's "Domain XML
 * format"; each bad document is the good one with one piece replaced.
 *
 * sources: mgmt/domain_xml.c mgmt/domain_tune.c mgmt/domain_clock.c mgmt/domain_cpu.c vm/cpu_models.c mgmt/xml.c mgmt/xml_out.c mgmt/units.c mgmt/uuid.c
 * sources: lib/string.c lib/cpuset.c lib/fmt.c
 * sources: build/deps/expat/lib/xmlparse.c build/deps/expat/lib/xmltok.c
 * sources: build/deps/expat/lib/xmlrole.c
 * flags: -Imgmt/port -isystem build/deps/expat/lib
 */
#include "mgmt/domain_xml.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mgmt/units.h"
#include "mgmt/uuid.h"
#include "mgmt/xml.h"
#include "tests/host/domain_document.h"
#include "tests/host/harness.h"

TEST(good_document)
{
	CHECK_EQ(parse(good), 0);
	CHECK_STR(err, "");
	CHECK_STR(d.name, "web-1");
	CHECK_EQ(d.memory, 256 * MIB);
	CHECK_EQ(d.vcpus, 1);
	CHECK_EQ(d.loader, LOADER_KERNEL);
	CHECK_STR(d.kernel, "vmlinuz");
	CHECK_STR(d.initrd, "dir/initrd.gz");
	CHECK_STR(d.cmdline, "console=ttyS0 quiet");
	CHECK(d.acpi);
	CHECK(d.apic);
	CHECK_EQ(d.clock, CLOCK_UTC);
	CHECK_EQ(d.on_poweroff, ACTION_DESTROY);
	CHECK_EQ(d.on_reboot, ACTION_RESTART);
	CHECK_EQ(d.on_crash, ACTION_DESTROY);
	CHECK_EQ(d.serials, 1);
}

TEST(least_document)
{
	CHECK_EQ(parse("<domain type='kvm'><name>a</name><memory>2048</memory>"
		       "<os><type>hvm</type><kernel>k</kernel></os></domain>"),
		 0);
	CHECK_EQ(d.memory, 2 * MIB);
	CHECK_EQ(d.vcpus, 1);
	CHECK_STR(d.initrd, "");
	CHECK_STR(d.cmdline, "");
	CHECK(!d.acpi);
	CHECK(!d.apic);
	CHECK_EQ(d.clock, CLOCK_UTC);
	CHECK_EQ(d.on_poweroff, ACTION_DESTROY);
	CHECK_EQ(d.on_reboot, ACTION_RESTART);
	CHECK_EQ(d.on_crash, ACTION_DESTROY);
	CHECK_EQ(d.serials, 0);
}

/* Replacements that leave the document good. */
static const struct {
	const char *from, *to;
} accepted[] = {
	{ "<?xml version='1.0'?>\n", "" },
	{ "<?xml version='1.0'?>", "<?xml version='1.0' encoding='ISO-8859-1' standalone='yes'?>" },
	{ "<vcpu>1</vcpu>\n", "" },
	{ "<vcpu>", "<vcpu placement='static'>" },
	{ "<vcpu>1", "<vcpu>64" },
	{ "<vcpu>1", "<vcpu current='2'>2" },
	{ "<clock", "<cpu><topology sockets='1' cores='1' threads='1'/></cpu><clock" },
	{ "<clock", "<cpu mode='host-model'><topology sockets='1' dies='1' clusters='1' cores='1' "
		    "threads='1'/></cpu><clock" },
	{ "<vcpu>1</vcpu>", "<vcpu>\n\t1\n</vcpu>" },
	{ "<name>", "<!-- a comment with <name> --><name>" },
	{ "<os>", "<title>T</title><description>Some\nlines &amp; more</description><os>" },
	{ "<os>", "<title/><description/><metadata/><os>" },
	{ "<os>", "<metadata><a:b xmlns:a='http://x/'>text<a:c d='e'/></a:b></metadata><os>" },
	{ "machine='q35'", "machine='pc-q35-9.2'" },
	{ " arch='x86_64' machine='q35'", "" },
	{ "<apic/>", "<apic/><pae/>" },
	{ "<apic/>", "<hap/><pmu state='off'/><vmport state='off'/><smm state='off'/>" },
	{ "<apic/>", "<hap state='on'/>" },
	{ "<apic/>", "<kvm/><pvspinlock/>" },
	{ "<apic/>",
	  "<kvm><hidden state='on'/><hint-dedicated state='off'/><poll-control state='on'/>"
	  "<pv-ipi state='off'/></kvm><pvspinlock state='off'/>" },
	{ "<clock offset='utc'/>",
	  "<clock offset='utc'><timer name='kvmclock' present='yes'/></clock>" },
	{ "<clock offset='utc'/>",
	  "<clock offset='utc'><timer present='no' name='kvmclock'/></clock>" },
	{ "<clock offset='utc'/>", "<clock offset='utc'><timer name='tsc'/></clock>" },
	{ "<clock offset='utc'/>",
	  "<clock offset='utc'><timer name='tsc' present='yes' frequency='1000000'/></clock>" },
	{ "<vcpu>", "<vcpu placement='static' cpuset='0-63'>" },
	{ "<os>", "<cputune/><os>" },
	{ "<os>", "<cputune><period>0</period><quota>0</quota></cputune><os>" },
	{ "'utc'", "'variable'" },
	{ "'utc'", "'variable' basis='localtime' adjustment='0'" },
	{ "<clock", "<cpu mode='host-passthrough'/><clock" },
	{ "<clock", "<cpu mode='host-model' check='partial'/><clock" },
	{ "<clock", "<cpu mode='host-model' check='none'></cpu><clock" },
	{ "<target port='0'/>",
	  "<target type='isa-serial' port='0'><model name='isa-serial'/></target>" },
	{ "<target port='0'/>", "" },
	{ "<target type='serial' port='0'/>", "" },
	{ "<name>web-1</name>", "<name><![CDATA[web-1]]></name>" },
	{ "<name>web-1</name>", "<name>we<!-- -->b&#45;1</name>" },
};

TEST(accepted_variants)
{
	for (u32 i = 0; i < ARRAY_LEN(accepted); i++) {
		CHECK_EQ(parse_with(accepted[i].from, accepted[i].to), 0);
		CHECK_STR(err, "");
		CHECK_STR(d.name, "web-1");
		CHECK_STR(d.cmdline, "console=ttyS0 quiet");
		CHECK_EQ(d.serials, 1);
	}
}

/* Replacements that the document is refused for, and the whole message. */
static const struct {
	const char *from, *to, *message;
} refused[] = {
	/* Elements: unknown, in the wrong place, twice, missing. */
	{ "<devices>\n", "<devices>\n<disk type='file'/>\n",
	  "web.xml:21: element <disk> is not supported" },
	{ "<clock offset='utc'/>", "<clock offset='utc'><timer name='pit' present='no'/></clock>",
	  "web.xml:16: timer 'pit' cannot be left out" },
	{ "<clock offset='utc'/>", "<clock offset='utc'><timer name='rtc' tickpolicy=''/></clock>",
	  "web.xml:16: value '' of attribute 'tickpolicy' of <timer> is not supported" },
	{ "<clock offset='utc'/>", "<clock offset='utc'><timer name='rtc' track='wall'/></clock>",
	  "web.xml:16: attribute 'track' of <timer> is not supported" },
	{ "<clock offset='utc'/>", "<clock offset='utc'><timer tickpolicy='merge'/></clock>",
	  "web.xml:16: <timer> lacks the attribute 'name'" },
	{ "<clock offset='utc'/>",
	  "<clock offset='utc'><timer name='rtc'/>\n<timer name='rtc'/></clock>",
	  "web.xml:17: timer 'rtc' is there twice" },
	{ "<clock offset='utc'/>",
	  "<clock offset='utc'><timer name='kvmclock' tickpolicy='merge'/></clock>",
	  "web.xml:16: attribute 'tickpolicy' of timer 'kvmclock' is not supported" },
	{ "<clock offset='utc'/>",
	  "<clock offset='utc'><timer name='tsc' tickpolicy='merge'/></clock>",
	  "web.xml:16: attribute 'tickpolicy' of timer 'tsc' is not supported" },
	{ "<clock offset='utc'/>", "<clock offset='utc'><timer name='tsc' present='no'/></clock>",
	  "web.xml:16: timer 'tsc' cannot be left out" },
	{ "<clock offset='utc'/>",
	  "<clock offset='utc'><timer name='tsc' frequency='999999'/></clock>",
	  "web.xml:16: value '999999' of attribute 'frequency' of <timer> is not supported" },
	{ "<clock offset='utc'/>",
	  "<clock offset='utc'><timer name='tsc' frequency='100000000001'/></clock>",
	  "web.xml:16: value '100000000001' of attribute 'frequency' of <timer> is not supported" },
	{ "<clock offset='utc'/>",
	  "<clock offset='utc'><timer name='pit' frequency='1193182'/></clock>",
	  "web.xml:16: attribute 'frequency' of timer 'pit' is not supported" },
	{ "<os>", "<acpi/><os>", "web.xml:6: element <acpi> is not supported" },
	{ "<os>\n", "<os>\n<boot dev='hd'/>\n", "web.xml:7: element <boot> is not supported" },
	{ "<features>", "<features><hyperv/>", "web.xml:12: element <hyperv> is not supported" },
	{ "<os>", "<Name>x</Name><os>", "web.xml:6: element <Name> is not supported" },
	{ "<os>", "<cpu mode='host-model'><topology sockets='1'/></cpu><os>",
	  "web.xml:6: <topology> lacks the attribute 'cores'" },
	{ "<os>", "<cpu>\n<topology sockets='2' cores='1' threads='1'/></cpu><os>",
	  "web.xml:7: <topology> of 2 vCPUs, where <vcpu> says 1" },
	{ "<os>", "<cpu><topology sockets='64' dies='64' cores='64' threads='64'/></cpu><os>",
	  "web.xml:6: <topology> of 16777216 vCPUs, where <vcpu> says 1" },
	{ "<os>", "<cpu><topology sockets='0' cores='1' threads='1'/></cpu><os>",
	  "web.xml:6: value '0' of attribute 'sockets' of <topology> is not supported" },
	{ "<os>", "<cpu><topology sockets='1' clusters='2' cores='1' threads='1'/></cpu><os>",
	  "web.xml:6: value '2' of attribute 'clusters' of <topology> is not supported" },
	{ "<vcpu>", "<name>b</name><vcpu>", "web.xml:5: a second <name> is not supported" },
	{ "<devices>", "<devices/>\n<devices>", "web.xml:21: a second <devices> is not supported" },
	{ "<apic/>", "<acpi/>", "web.xml:14: a second <acpi> is not supported" },
	{ "</console>", "</console>\n<console type='pty'/>",
	  "web.xml:27: a second <console> is not supported" },
	{ "<name>web-1</name>\n", "", "web.xml:2: <domain> lacks <name>" },
	{ "<memory unit='MiB'>256</memory>\n", "", "web.xml:2: <domain> lacks <memory>" },
	{ "<type arch='x86_64' machine='q35'>hvm</type>\n", "", "web.xml:6: <os> lacks <type>" },
	{ "<kernel>vmlinuz</kernel>\n", "", "web.xml:6: <os> lacks <kernel>" },
	/* Attributes: unknown, missing, of elements that have none. */
	{ "<name>", "<name lang='en'>", "web.xml:3: attribute 'lang' of <name> is not supported" },
	{ "type='plinth'", "type='plinth' id='3'",
	  "web.xml:2: attribute 'id' of <domain> is not supported" },
	{ "type='plinth'", "", "web.xml:2: <domain> lacks the attribute 'type'" },
	{ "unit='MiB'", "unit='MiB' dumpCore='off'",
	  "web.xml:4: attribute 'dumpCore' of <memory> is not supported" },
	{ "<vcpu>", "<vcpu cpuset='0-'>",
	  "web.xml:5: value '0-' of attribute 'cpuset' of <vcpu> is not supported" },
	{ "<vcpu>", "<vcpu cpuset='64'>",
	  "web.xml:5: value '64' of attribute 'cpuset' of <vcpu> is not supported" },
	{ "<vcpu>", "<vcpu cpuset='2,^2'>",
	  "web.xml:5: value '2,^2' of attribute 'cpuset' of <vcpu> is not supported" },
	{ "<vcpu>1", "<vcpu current='1'>2",
	  "web.xml:5: <vcpu> with current='1' other than its 2 is not supported" },
	{ "<vcpu>", "<vcpu current='0'>",
	  "web.xml:5: value '0' of attribute 'current' of <vcpu> is not supported" },
	{ "<os>", "<os firmware='efi'>",
	  "web.xml:6: attribute 'firmware' of <os> is not supported" },
	{ "<apic/>", "<apic eoi='on'/>", "web.xml:14: attribute 'eoi' of <apic> is not supported" },
	{ "<clock offset='utc'/>", "<clock/>", "web.xml:16: <clock> lacks the attribute 'offset'" },
	{ "<serial type='pty'>", "<serial>", "web.xml:21: <serial> lacks the attribute 'type'" },
	{ "<serial type='pty'>", "<serial type='pty' tty='x'>",
	  "web.xml:21: attribute 'tty' of <serial> is not supported" },
	/* Values. */
	{ "type='plinth'", "type='xen'",
	  "web.xml:2: value 'xen' of attribute 'type' of <domain> is not supported" },
	{ "web-1", "a/b", "web.xml:3: value 'a/b' of <name> is not supported" },
	{ "web-1", "a b", "web.xml:3: value 'a b' of <name> is not supported" },
	{ "web-1", "a\xc3\xa4",
	  "web.xml:3: value 'a?"
	  "?' of <name> is not supported" },
	{ "web-1", "\n \n", "web.xml:3: <name> is empty" },
	{ "web-1", "n234567890123456789012345678901234567890123456789012345678901234",
	  "web.xml:3: the value of <name> is longer than 63 bytes" },
	{ "<vcpu>1", "<vcpu>65", "web.xml:5: value '65' of <vcpu> is not supported" },
	{ "<vcpu>1", "<vcpu>x", "web.xml:5: value 'x' of <vcpu> is not supported" },
	{ "<vcpu>1", "<vcpu>0", "web.xml:5: value '0' of <vcpu> is not supported" },
	{ "<vcpu>", "<vcpu placement='auto'>",
	  "web.xml:5: value 'auto' of attribute 'placement' of <vcpu> is not supported" },
	{ "x86_64", "i686",
	  "web.xml:7: value 'i686' of attribute 'arch' of <type> is not supported" },
	{ "'q35'", "'pc'",
	  "web.xml:7: value 'pc' of attribute 'machine' of <type> is not supported" },
	{ "'q35'", "'pc-q35-'",
	  "web.xml:7: value 'pc-q35-' of attribute 'machine' of <type> is not supported" },
	{ "'q35'", "'pc-q35-rhel8'",
	  "web.xml:7: value 'pc-q35-rhel8' of attribute 'machine' of <type> is not supported" },
	{ ">hvm<", ">linux<", "web.xml:7: value 'linux' of <type> is not supported" },
	{ "'utc'", "'timezone'",
	  "web.xml:16: value 'timezone' of attribute 'offset' of <clock> is not supported" },
	{ "'utc'", "'utc' adjustment='5'",
	  "web.xml:16: attribute 'adjustment' of <clock> with offset 'utc' is not supported" },
	{ "'utc'", "'absolute' start='5' adjustment='5'",
	  "web.xml:16: attribute 'adjustment' of <clock> with offset 'absolute' is not supported" },
	{ "'utc'", "'localtime' basis='utc'",
	  "web.xml:16: attribute 'basis' of <clock> with offset 'localtime' is not supported" },
	{ "'utc'", "'variable' start='5'",
	  "web.xml:16: attribute 'start' of <clock> with offset 'variable' is not supported" },
	{ "'utc'", "'variable' basis='variable'",
	  "web.xml:16: value 'variable' of attribute 'basis' of <clock> is not supported" },
	{ "'utc'", "'variable' adjustment='reset'",
	  "web.xml:16: value 'reset' of attribute 'adjustment' of <clock> is not supported" },
	{ "'utc'", "'variable' adjustment='3155760001'",
	  "web.xml:16: value '3155760001' of attribute 'adjustment' of <clock> is not supported" },
	{ "'utc'", "'absolute' start='-1'",
	  "web.xml:16: value '-1' of attribute 'start' of <clock> is not supported" },
	{ "'utc'", "'absolute'", "web.xml:16: <clock> lacks the attribute 'start'" },
	/* Tuning. */
	{ "<os>", "<cputune><emulatorpin cpuset='1'/></cputune><os>",
	  "web.xml:6: element <emulatorpin> is not supported" },
	{ "<os>", "<cputune><iothreadpin iothread='1' cpuset='1'/></cputune><os>",
	  "web.xml:6: element <iothreadpin> is not supported" },
	{ "<os>", "<numatune><memory mode='restrictive' nodeset='0'/></numatune><os>",
	  "web.xml:6: value 'restrictive' of attribute 'mode' of <memory> is not supported" },
	{ "<os>", "<numatune><memory mode='strict'/></numatune><os>",
	  "web.xml:6: <memory> lacks the attribute 'nodeset'" },
	{ "<os>", "<numatune/><os>", "web.xml:6: <numatune> lacks <memory>" },
	{ "<os>", "<numatune><memory mode='preferred' nodeset='0-1'/></numatune><os>",
	  "web.xml:6: mode 'preferred' of more than one node is not supported" },
	{ "<os>", "<numatune><memnode cellid='0' mode='strict' nodeset='0'/></numatune><os>",
	  "web.xml:6: element <memnode> is not supported" },
	{ "<os>", "<cputune>\n<vcpupin vcpu='1' cpuset='0'/></cputune><os>",
	  "web.xml:7: <vcpupin> of vCPU 1, where there are 1" },
	{ "<os>", "<cputune><vcpupin vcpu='64' cpuset='0'/></cputune><os>",
	  "web.xml:6: value '64' of attribute 'vcpu' of <vcpupin> is not supported" },
	{ "<os>", "<cputune><vcpupin vcpu='0' cpuset='x'/></cputune><os>",
	  "web.xml:6: value 'x' of attribute 'cpuset' of <vcpupin> is not supported" },
	{ "<os>", "<cputune><vcpupin vcpu='0'/></cputune><os>",
	  "web.xml:6: <vcpupin> lacks the attribute 'cpuset'" },
	{ "<os>", "<cputune><vcpupin cpuset='0'/></cputune><os>",
	  "web.xml:6: <vcpupin> lacks the attribute 'vcpu'" },
	{ "<os>",
	  "<cputune><vcpupin vcpu='0' cpuset='0'/>\n<vcpupin vcpu='0' cpuset='1'/></cputune><os>",
	  "web.xml:7: a second <vcpupin> of vCPU 0 is not supported" },
	{ "<os>", "<cputune><shares>1</shares></cputune><os>",
	  "web.xml:6: value '1' of <shares> is not supported" },
	{ "<os>", "<cputune><shares>262145</shares></cputune><os>",
	  "web.xml:6: value '262145' of <shares> is not supported" },
	{ "<os>", "<cputune><period>999</period></cputune><os>",
	  "web.xml:6: value '999' of <period> is not supported" },
	{ "<os>", "<cputune><period>1000001</period></cputune><os>",
	  "web.xml:6: value '1000001' of <period> is not supported" },
	{ "<os>", "<cputune><quota>999</quota></cputune><os>",
	  "web.xml:6: value '999' of <quota> is not supported" },
	{ "<os>", "<cputune><quota>17592186044416</quota></cputune><os>",
	  "web.xml:6: value '17592186044416' of <quota> is not supported" },
	{ "<os>", "<cputune><quota>--1</quota></cputune><os>",
	  "web.xml:6: value '--1' of <quota> is not supported" },
	{ "<os>", "<cputune><quota>-</quota></cputune><os>",
	  "web.xml:6: value '-' of <quota> is not supported" },
	/* Features that there are not. */
	{ "<apic/>", "<pmu state='on'/>",
	  "web.xml:14: value 'on' of attribute 'state' of <pmu> is not supported" },
	{ "<apic/>", "<hap state='off'/>",
	  "web.xml:14: value 'off' of attribute 'state' of <hap> is not supported" },
	{ "<apic/>", "<pvspinlock state='no'/>",
	  "web.xml:14: value 'no' of attribute 'state' of <pvspinlock> is not supported" },
	{ "<apic/>", "<kvm><hidden/></kvm>", "web.xml:14: <hidden> lacks the attribute 'state'" },
	{ "<apic/>", "<kvm><dirty-ring state='on'/></kvm>",
	  "web.xml:14: element <dirty-ring> is not supported" },
	{ "<clock offset='utc'/>",
	  "<clock offset='utc'><timer name='hypervclock' present='no'/></clock>",
	  "web.xml:16: value 'hypervclock' of attribute 'name' of <timer> is not supported" },
	{ "<clock offset='utc'/>",
	  "<clock offset='utc'><timer name='kvmclock' present='on'/></clock>",
	  "web.xml:16: value 'on' of attribute 'present' of <timer> is not supported" },
	{ "<clock offset='utc'/>", "<clock offset='utc'><timer name='kvmclock'/></clock>",
	  "web.xml:16: <timer> lacks the attribute 'present'" },
	{ "<apic/>", "<smm/>", "web.xml:14: <smm> lacks the attribute 'state'" },
	{ "<apic/>", "<vmport state='on'/>",
	  "web.xml:14: value 'on' of attribute 'state' of <vmport> is not supported" },
	/* What people and tools wrote. */
	{ "<os>", "<title>a\nb</title><os>", "web.xml:6: value 'a?b' of <title> is not supported" },
	{ "<os>", "<title lang='x'>a</title><os>",
	  "web.xml:6: attribute 'lang' of <title> is not supported" },
	{ "<os>", "<metadata a='b'/><os>",
	  "web.xml:6: attribute 'a' of <metadata> is not supported" },
	{ ">restart<", ">rename-restart<",
	  "web.xml:18: value 'rename-restart' of <on_reboot> is not supported" },
	{ "<on_crash>destroy", "<on_crash>coredump-destroy",
	  "web.xml:19: value 'coredump-destroy' of <on_crash> is not supported" },
	{ "<serial type='pty'>", "<serial type='tcp'>",
	  "web.xml:21: value 'tcp' of attribute 'type' of <serial> is not supported" },
	{ "<target port='0'/>", "<target type='pci-serial' port='0'/>",
	  "web.xml:22: value 'pci-serial' of attribute 'type' of <target> is not supported" },
	{ "<target port='0'/>", "<target port='4'/>",
	  "web.xml:22: value '4' of attribute 'port' of <target> is not supported" },
	{ "<target port='0'/>",
	  "<target port='1'/>\n</serial><serial type='pty'>\n<target port='1'/>",
	  "web.xml:23: a second <serial> with port 1 is not supported" },
	{ "<target port='0'/>", "<target port='2'/>",
	  "web.xml:20: serial ports without port 1 are not supported" },
	{ "'serial' port='0'", "'virtio' port='0'",
	  "web.xml:25: value 'virtio' of attribute 'type' of <target> is not supported" },
	{ "'serial' port='0'", "'serial' port='1'",
	  "web.xml:24: <console> with port 1 is not supported" },
	/* Memory. */
	{ ">256<", ">0<", "web.xml:4: value '0' of <memory> is not supported" },
	{ ">256<", ">-1<", "web.xml:4: value '-1' of <memory> is not supported" },
	{ ">256<", ">256M<", "web.xml:4: value '256M' of <memory> is not supported" },
	{ ">256<", ">1.5<", "web.xml:4: value '1.5' of <memory> is not supported" },
	{ ">256<", ">17592186044417<",
	  "web.xml:4: value '17592186044417' of <memory> is not supported" },
	{ ">256<", ">99999999999999999999<",
	  "web.xml:4: value '99999999999999999999' of <memory> is not supported" },
	{ "'MiB'", "'MiX'",
	  "web.xml:4: value 'MiX' of attribute 'unit' of <memory> is not supported" },
	{ "'MiB'", "''", "web.xml:4: value '' of attribute 'unit' of <memory> is not supported" },
	{ "<os>", "<currentMemory unit='MiB'>128</currentMemory>\n<os>",
	  "web.xml:6: <currentMemory> other than <memory> is not supported" },
	/* UUIDs. */
	{ "<os>", "<uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa</uuid><os>",
	  "web.xml:6: value '4dea22b3-1d52-d8f3-2516-782e98ab3fa' of <uuid> is not supported" },
	{ "<os>", "<uuid>4dea22b31d52-d8f3-2516-782e98ab3fa0-</uuid><os>",
	  "web.xml:6: value '4dea22b31d52-d8f3-2516-782e98ab3fa0-' of <uuid> is not supported" },
	{ "<os>", "<uuid>gdea22b31d52d8f32516782e98ab3fa0</uuid><os>",
	  "web.xml:6: value 'gdea22b31d52d8f32516782e98ab3fa0' of <uuid> is not supported" },
	/* The test loader. */
	{ "<kernel>", "<loader type='flat'>x</loader><kernel>",
	  "web.xml:6: <kernel> together with <loader> is not supported" },
	{ "<kernel>vmlinuz</kernel>", "<loader type='flat'>x</loader>",
	  "web.xml:6: <initrd> together with <loader> is not supported" },
	{ "<kernel>", "<loader type='rom'>x</loader><kernel>",
	  "web.xml:8: value 'rom' of attribute 'type' of <loader> is not supported" },
	{ "<kernel>", "<loader>x</loader><kernel>",
	  "web.xml:8: <loader> lacks the attribute 'type'" },
	/* Text where there is none. */
	{ "<devices>", "<devices>x", "web.xml:20: text in <devices> is not supported" },
	{ "<acpi/>", "<acpi>on</acpi>", "web.xml:13: text in <acpi> is not supported" },
	/* What XML has and we do not. */
	{ "<domain", "<!DOCTYPE domain>\n<domain",
	  "web.xml:2: a document type declaration is not supported" },
	{ "<domain", "<!DOCTYPE d [<!ENTITY a 'b'><!ENTITY c '&a;&a;'>]>\n<domain",
	  "web.xml:2: a document type declaration is not supported" },
	{ "<domain", "<?xml-stylesheet href='x'?>\n<domain",
	  "web.xml:2: processing instruction <?xml-stylesheet?> is not supported" },
	{ "web-1", "&name;", "web.xml:3: undefined entity" },
	/* What is not XML. */
	{ "</vcpu>", "</cpu>", "web.xml:5: mismatched tag" },
	{ "</domain>\n", "", "web.xml:28: no element found" },
	{ "<vcpu>", "<vcpu", "web.xml:5: not well-formed (invalid token)" },
	{ "web-1", "web\x01", "web.xml:3: not well-formed (invalid token)" },
	{ "web-1", "web\xff", "web.xml:3: not well-formed (invalid token)" },
	{ "type='plinth'", "type='plinth' type='kvm'", "web.xml:2: duplicate attribute" },
	{ "</domain>\n", "</domain>\n<domain/>", "web.xml:29: junk after document element" },
	{ "version='1.0'", "version='1.0' encoding='x-none'", "web.xml:1: unknown encoding" },
};

TEST(refused_with_line)
{
	for (u32 i = 0; i < ARRAY_LEN(refused); i++) {
		CHECK_EQ(parse_with(refused[i].from, refused[i].to), -EINVAL);
		CHECK_STR(err, refused[i].message);
	}
}

TEST(other_documents)
{
	CHECK_EQ(parse(""), -EINVAL);
	CHECK_STR(err, "web.xml:1: no element found");
	CHECK_EQ(parse("<network><name>n</name></network>"), -EINVAL);
	CHECK_STR(err, "web.xml:1: element <network> is not supported");
	CHECK_EQ(parse("\x7f"
		       "ELF"),
		 -EINVAL);
	CHECK_STR(err, "web.xml:1: not well-formed (invalid token)");
}

TEST(memory_units)
{
	static const struct {
		const char *unit;
		u64 bytes;
	} units[] = {
		{ "b", 1 },
		{ "bytes", 1 },
		{ "byte", 1 },
		{ "KB", 1000 },
		{ "k", 1024 },
		{ "KiB", 1024 },
		{ "K", 1024 },
		{ "kib", 1024 },
		{ "MB", 1000000 },
		{ "M", MIB },
		{ "MiB", MIB },
		{ "mb", 1000000 },
		{ "GB", 1000000000 },
		{ "G", GIB },
		{ "GiB", GIB },
		{ "TB", 1000000000000 },
		{ "T", 1024 * GIB },
		{ "TiB", 1024 * GIB },
		{ "PB", 1000000000000000 },
		{ "PiB", 1024 * 1024 * GIB },
		{ "EB", 1000000000000000000 },
		{ "EiB", 1024ULL * 1024 * 1024 * GIB },
		{ "", 0 },
		{ "B ", 0 },
		{ "KiBi", 0 },
		{ "Ki", 0 },
		{ "ZiB", 0 },
		{ "bit", 0 },
		{ "kbytes", 0 },
		{ "iB", 0 },
	};

	for (u32 i = 0; i < ARRAY_LEN(units); i++)
		CHECK_EQ(unit_bytes(units[i].unit), units[i].bytes);
	CHECK_EQ(parse_with("unit='MiB'>256", "unit='bytes'>268435456"), 0);
	CHECK_EQ(d.memory, 256 * MIB);
	CHECK_EQ(parse_with("unit='MiB'>256", "unit='MB'>256"), 0);
	CHECK_EQ(d.memory, 256000000);
	CHECK_EQ(parse_with("unit='MiB'>256", "unit='T'>8"), 0); /* the most there may be */
	CHECK_EQ(d.memory, 8ULL << 40);
	CHECK_EQ(parse_with("unit='MiB'>256", "unit='T'>9"), -EINVAL);
	CHECK_EQ(parse_with("unit='MiB'>256", "unit='EiB'>16"), -EINVAL);
}

/* The two may name the same size in different units and come in either order. */
TEST(current_memory)
{
	CHECK_EQ(parse_with("<os>", "<currentMemory>262144</currentMemory><os>"), 0);
	CHECK_EQ(parse_with("<name>", "<currentMemory unit='b'>268435456</currentMemory><name>"),
		 0);
	CHECK_EQ(d.memory, 256 * MIB);
	CHECK_EQ(parse_with("<name>", "<currentMemory>256</currentMemory><name>"), -EINVAL);
	CHECK_STR(err, "web.xml:3: <currentMemory> other than <memory> is not supported");
}

TEST(actions_and_clock)
{
	CHECK_EQ(parse_with("<on_poweroff>destroy", "<on_poweroff>restart"), 0);
	CHECK_EQ(d.on_poweroff, ACTION_RESTART);
	CHECK_EQ(parse_with("<on_reboot>restart", "<on_reboot>preserve"), 0);
	CHECK_EQ(d.on_reboot, ACTION_PRESERVE);
	CHECK_EQ(parse_with("<on_crash>destroy", "<on_crash>restart"), 0);
	CHECK_EQ(d.on_crash, ACTION_RESTART);
	CHECK_EQ(d.on_poweroff, ACTION_DESTROY);
	CHECK_EQ(parse_with("'utc'", "'localtime'"), 0);
	CHECK_EQ(d.clock, CLOCK_LOCALTIME);
}

TEST(uuids)
{
	static const u8 uuid[16] = { 0x4d, 0xea, 0x22, 0xb3, 0x1d, 0x52, 0xd8, 0xf3,
				     0x25, 0x16, 0x78, 0x2e, 0x98, 0xab, 0x3f, 0xa0 };
	char text[UUID_TEXT_SIZE];
	u8 derived[16];

	CHECK_EQ(parse_with("<os>", "<uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid><os>"), 0);
	CHECK(!memcmp(d.uuid, uuid, sizeof(uuid)));
	CHECK_EQ(parse_with("<os>", "<uuid>4DEA22B31D52D8F32516782E98AB3FA0</uuid><os>"), 0);
	CHECK(!memcmp(d.uuid, uuid, sizeof(uuid)));
	uuid_format(uuid, text);
	CHECK_STR(text, "4dea22b3-1d52-d8f3-2516-782e98ab3fa0");

	/* None: the same name gives the same one, another name another, of version 8. */
	CHECK_EQ(parse(good), 0);
	memcpy(derived, d.uuid, sizeof(derived));
	CHECK_EQ(derived[6] >> 4, 8);
	CHECK_EQ(derived[8] >> 6, 2);
	CHECK_EQ(parse_with("<vcpu>1</vcpu>", ""), 0);
	CHECK(!memcmp(d.uuid, derived, sizeof(derived)));
	CHECK_EQ(parse_with("web-1", "web-2"), 0);
	CHECK(memcmp(d.uuid, derived, sizeof(derived)));
}

TEST(serial_ports)
{
	CHECK_EQ(parse_with("<console", "<serial type='pty'/><serial type='pty'/>\n<console"), 0);
	CHECK_EQ(d.serials, 3);
	CHECK_EQ(parse_with("<console", "<serial type='pty'><target port='2'/></serial>"
					"<serial type='pty'><target port='1'/></serial>\n<console"),
		 0);
	CHECK_EQ(d.serials, 3);
	CHECK_EQ(parse_with("<console", "<serial type='pty'/><serial type='pty'/>"
					"<serial type='pty'/><serial type='pty'/>\n<console"),
		 -EINVAL);
	CHECK_STR(err, "web.xml:24: more than 4 serial ports are not supported");
	/* A console alone brings the serial port that it is. */
	CHECK_EQ(parse_with("<serial type='pty'>\n<target port='0'/>\n</serial>\n", ""), 0);
	CHECK_EQ(d.serials, 1);
}

TEST(flat_loader)
{
	CHECK_EQ(parse("<domain type='plinth'><name>a</name><memory unit='M'>32</memory><os>"
		       "<type>hvm</type><loader type='flat'>dir/a.bin</loader></os></domain>"),
		 0);
	CHECK_EQ(d.loader, LOADER_FLAT);
	CHECK_STR(d.kernel, "dir/a.bin");
}

/* The longest values fit, one byte more is refused. */
TEST(long_values)
{
	static char text[4096];
	size_t open = strlen("<cmdline>");

	memcpy(text, "<cmdline>", open);
	memset(text + open, 'a', sizeof(text) - open);
	text[open + DOMAIN_CMDLINE_MAX - 1] = 0;
	CHECK_EQ(parse_with("<cmdline>console=ttyS0 quiet", text), 0);
	CHECK_EQ(strlen(d.cmdline), DOMAIN_CMDLINE_MAX - 1);
	text[open + DOMAIN_CMDLINE_MAX - 1] = 'a';
	text[open + DOMAIN_CMDLINE_MAX] = 0;
	CHECK_EQ(parse_with("<cmdline>console=ttyS0 quiet", text), -EINVAL);
	CHECK_STR(err, "web.xml:10: the value of <cmdline> is longer than 2047 bytes");
	text[open + DOMAIN_CMDLINE_MAX] = 'a';
	text[open + DOMAIN_CMDLINE_MAX + 1] = 0;
	CHECK_EQ(parse_with("<cmdline>console=ttyS0 quiet", text), -EINVAL);
	CHECK_STR(err, "web.xml:10: the value of <cmdline> is longer than 2048 bytes");
}

static char big[XML_DOCUMENT_MAX + 64];

/* A document with n times piece in its description's place. */
static int parse_big(const char *head, const char *piece, size_t n, const char *tail)
{
	size_t len = strlen(head);

	memcpy(big, head, len);
	for (size_t i = 0; i < n && len + strlen(piece) < sizeof(big) - 64; i++) {
		memcpy(big + len, piece, strlen(piece));
		len += strlen(piece);
	}
	memcpy(big + len, tail, strlen(tail) + 1);
	return parse(big);
}

TEST(bounds)
{
	static const char open[] = "<domain type='kvm'><metadata>";
	static const char close[] = "</metadata></domain>";

	CHECK_EQ(parse_big(open, "<a>", 31, close), -EINVAL);
	CHECK_STR(err, "web.xml:1: more than 32 elements in one another");
	CHECK_EQ(parse_big(open, "<a>", 30, close), -EINVAL);
	CHECK_STR(err, "web.xml:1: mismatched tag");
	CHECK_EQ(parse_big(open, " ", XML_DOCUMENT_MAX - 49, close), -EINVAL);
	CHECK_STR(err, "web.xml:1: <domain> lacks <name>");
	CHECK_EQ(strlen(big), XML_DOCUMENT_MAX);
	CHECK_EQ(parse_big(open, " ", XML_DOCUMENT_MAX - 48, close), -EINVAL);
	CHECK_STR(err, "web.xml:1: larger than 256 KiB");
}

/* An element whose content nobody wants: of other documents than domains. */
TEST(elements)
{
	static const struct xml_element root = { .name = "x", .flags = XML_ANY_CONTENT };
	size_t n;

	memcpy(big, "<x>", 3);
	for (n = 3; n < 3 + 4 * 4096; n += 4)
		memcpy(big + n, "<a/>", 4);
	memcpy(big + n, "</x>", 4);
	CHECK_EQ(xml_read("x.xml", (u8 *)big, n + 4, &root, NULL, err, sizeof(err)), -EINVAL);
	CHECK_STR(err, "x.xml:1: more than 4096 elements");
	memcpy(big + n - 4, "    ", 4); /* the last one of them */
	CHECK_EQ(xml_read("x.xml", (u8 *)big, n + 4, &root, NULL, err, sizeof(err)), 0);
}

static void put16(u8 *out, size_t *n, bool big_endian, u16 c)
{
	out[(*n)++] = (u8)(big_endian ? c >> 8 : c);
	out[(*n)++] = (u8)(big_endian ? c : c >> 8);
}

/* text in UTF-16, with a byte-order mark; a '~' becomes a character outside the first plane. */
static size_t to_utf16(const char *text, bool big_endian, u8 *out)
{
	size_t n = 0;

	put16(out, &n, big_endian, 0xfeff);
	for (; *text; text++) {
		put16(out, &n, big_endian, *text == '~' ? 0xd800 : (u8)*text);
		if (*text == '~')
			put16(out, &n, big_endian, 0xdf48);
	}
	return n;
}

/* What a document's first bytes say counts; libvirt's tools write UTF-8. */
TEST(encodings)
{
	static u8 wide[2 * sizeof(good) + 16];
	size_t n;

	for (u32 big = 0; big < 2; big++) {
		n = to_utf16(good, big, wide);
		CHECK_EQ(domain_parse("web.xml", wide, n, &d, err, sizeof(err)), 0);
		CHECK_STR(d.name, "web-1");
		CHECK_STR(d.cmdline, "console=ttyS0 quiet");
		n = to_utf16("<a~b/>", big, wide);
		CHECK_EQ(domain_parse("web.xml", wide, n, &d, err, sizeof(err)), -EINVAL);
		CHECK_STR(err, "web.xml:1: not well-formed (invalid token)");
		n = to_utf16("<domain a~='b'/>", big, wide);
		CHECK_EQ(domain_parse("web.xml", wide, n, &d, err, sizeof(err)), -EINVAL);
		CHECK_STR(err, "web.xml:1: not well-formed (invalid token)");
		n = to_utf16("<domain type='~'/>", big, wide);
		CHECK_EQ(domain_parse("web.xml", wide, n, &d, err, sizeof(err)), -EINVAL);
		CHECK(!strcmp(err, "web.xml:1: value '?"
				   "?"
				   "?"
				   "?' of attribute 'type' of <domain> is "
				   "not supported"));
	}
	CHECK_EQ(parse("\xef\xbb\xbf<domain type='x'/>"), -EINVAL);
	CHECK_STR(err, "web.xml:1: value 'x' of attribute 'type' of <domain> is not supported");
	CHECK_EQ(parse_with("<?xml version='1.0'?>", "<?xml version='1.0' encoding='utf-16'?>"),
		 -EINVAL);
}

/* A message that does not fit is cut, and always ends. */
TEST(short_message)
{
	char text[16];

	memset(text, 'x', sizeof(text));
	CHECK_EQ(domain_parse("a.xml", (const u8 *)"<x/>", 4, &d, text, 12), -EINVAL);
	CHECK_STR(text, "a.xml:1: el");
	CHECK_EQ(text[12], 'x');
}
