/*
 * mgmt/command.h: how typed lines become calls, the table itself, and what each command asks of the
 * domains. Forms and errors are virsh's (its manual page).
 *
 * sources: mgmt/cmd_domstats.c mgmt/cmd_stat.c mgmt/cmd_trace.c vm/exitstat.c vm/trace.c lib/crc32.c
 * sources: tests/host/fake_domains.c mgmt/command.c mgmt/cmd_help.c mgmt/cmd_host.c mgmt/cmd_monitor.c
 * sources: mgmt/cmd_capabilities.c mgmt/cmd_cpu.c vm/cpu_choice.c vm/cpu_models.c
 * sources: mgmt/cmd_run.c mgmt/cmd_sched.c mgmt/cmd_top.c mgmt/session.c mgmt/table.c mgmt/words.c
 * sources: mgmt/uuid.c lib/cpuset.c lib/string.c lib/fmt.c
 */
#include "mgmt/command.h"

#include <stdio.h>
#include <string.h>

#include "core/thermal.h"
#include "lib/crc32.h"
#include "lib/string.h"
#include "tests/host/fake_domains.h"
#include "tests/host/harness.h"
#include "tests/host/rand.h"
#include "vm/exitstat.h"
#include "vm/trace.h"
#include "vm/vm.h"

static int result;

/* Runs a line; what it printed. No reference is left. */
static const char *run(const char *text)
{
	char line[1024];

	fake_domains_clear();
	(void)fake_domain("web", true);
	(void)fake_domain("db", false);
	snprintf(line, sizeof(line), "%s", text);
	result = command_run(&fake_session, line);
	CHECK_EQ(fake_references, 0);
	return fake_output;
}

static const char *failing(const char *text, const char *why)
{
	char line[1024];

	run("");
	fake_failure = why;
	snprintf(line, sizeof(line), "%s", text);
	result = command_run(&fake_session, line);
	CHECK_EQ(fake_references, 0);
	return fake_output;
}

static bool has(const char *part)
{
	return strstr(fake_output, part);
}

TEST(each_row_is_complete)
{
	char synopsis[SYNOPSIS_MAX];

	for (u32 i = 0; command_groups[i]; i++) {
		for (const struct command *c = command_groups[i]->commands; c->name; c++) {
			bool many = false, optional = false;

			CHECK(c->run && c->help && c->help[0]);
			CHECK(strlen(c->help) + 20 <= 80);
			CHECK(c->help[strlen(c->help) - 1] != '.');
			CHECK(command_find(c->name) == c); /* so no name is there twice */
			command_synopsis(c, synopsis, sizeof(synopsis));
			CHECK(strlen(synopsis) < SYNOPSIS_MAX - 1);
			for (const struct arg_spec *a = c->args; a && a->name; a++) {
				CHECK(a->help && !many);
				CHECK(command_arg(c, a->name, strlen(a->name)) == a);
				CHECK(a->type != ARG_SETTING || a->choices);
				CHECK(!(optional && a->how == ARG_REQUIRED));
				many = a->how == ARG_MANY && a->type != ARG_FLAG && many;
				optional |= a->type != ARG_FLAG && a->how != ARG_REQUIRED;
			}
		}
	}
}

TEST(blank_lines_do_nothing)
{
	CHECK_STR(run(""), "");
	CHECK_STR(run("   "), "");
	CHECK_EQ(result, 0);
}

TEST(forms_of_arguments)
{
	static const char *const forms[] = {
		"vcpupin web 0 1-2",
		"vcpupin --domain web --vcpu 0 --cpulist 1-2",
		"vcpupin --cpulist=1-2 --vcpu=0 --domain=web",
		"vcpupin --vcpu 0 web 1-2",
		"vcpupin 'web' \"0\" -- 1-2",
		"  vcpupin   web\t0 1-2  ",
	};

	for (u32 i = 0; i < ARRAY_LEN(forms); i++) {
		run(forms[i]);
		CHECK_STR(fake_did, "vcpu 0 on 1-2: pin web; ");
		CHECK_EQ(result, 0);
	}
}

static const struct {
	const char *line, *output;
} wrong[] = {
	{ "nothing", "error: unknown command: 'nothing'\n" },
	{ "list x", "error: unexpected data 'x'\n" },
	{ "list --x", "error: command 'list' doesn't support option --x\n" },
	{ "list --all=1", "error: invalid '=' after option --all\n" },
	{ "list --all --all", "error: option --all already seen\n" },
	{ "start", "error: command 'start' requires <domain> option\n" },
	{ "start --console", "error: command 'start' requires <domain> option\n" },
	{ "start --domain", "error: expected syntax: --domain <domain>\n" },
	{ "start web --domain db", "error: option --domain already seen\n" },
	{ "start web db", "error: unexpected data 'db'\n" },
	{ "start -- --console", "error: Failed to get domain '--console'\n"
				"error: Domain not found: none has that name, id or UUID\n" },
	{ "start ''", "error: Failed to get domain ''\n"
		      "error: Domain not found: none has that name, id or UUID\n" },
	{ "start 'web", "error: missing \" or '\n" },
	{ "vcpupin web x 1",
	  "error: Numeric value 'x' for <vcpu> option is malformed or out of range\n" },
	{ "vcpupin web -1 1",
	  "error: Numeric value '-1' for <vcpu> option is malformed or out of range\n" },
	{ "vcpupin web 99999999999999999999 1",
	  "error: Numeric value '99999999999999999999' for <vcpu> "
	  "option is malformed or out of range\n" },
	{ "vcpupin web 1 1", "error: domain 'web' has no vCPU 1\n" },
	{ "vcpupin web 0 1-", "error: invalid cpulist '1-'\n" },
	{ "vcpupin web --cpulist 1", "error: vcpupin: Missing vCPU number in pin mode.\n" },
	{ "create b.xml",
	  "error: Failed to open file 'b.xml'\nerror: it is not in the boot set\n" },
	{ "create vmlinuz",
	  "error: Failed to open file 'vmlinuz'\nerror: it is not named *.xml\n" },
	{ "schedinfo web shares=1", "error: invalid scheduler option: 'shares=1'\n" },
	{ "schedinfo web cpu_shares",
	  "error: invalid value of 'cpu_shares' in '--set cpu_shares'\n" },
	{ "schedinfo web cpu_shares=",
	  "error: invalid value of 'cpu_shares' in '--set cpu_shares='\n" },
	{ "schedinfo web cpu_shares=1x",
	  "error: invalid value of 'cpu_shares' in '--set cpu_shares=1x'\n" },
	{ "schedinfo web cpu_shares=0", "error: cpu_shares: 0 is out of range\n" },
	{ "schedinfo web cpu_shares=-1", "error: cpu_shares: -1 is out of range\n" },
	{ "schedinfo web cpu_shares=4294967296",
	  "error: cpu_shares: 4294967296 is out of range\n" },
	{ "schedinfo web vcpu_period=-5", "error: vcpu_period: -5 is out of range\n" },
	{ "help nothing", "error: command or command group 'nothing' doesn't exist\n" },
	{ "console web 7", "error: domain 'web' has no serial port 4\n" },
};

TEST(what_is_wrong_is_said_and_nothing_done)
{
	for (u32 i = 0; i < ARRAY_LEN(wrong); i++) {
		CHECK_STR(run(wrong[i].line), wrong[i].output);
		CHECK(result);
		CHECK_STR(fake_did, "");
		CHECK(!fake_attached);
	}
}

static const struct {
	const char *command, *did, *says, *failure;
} actions[] = {
	{ "start db", "start db; ", "Domain 'db' started\n", "start" },
	{ "shutdown web", "shutdown web; ", "Domain 'web' is being shutdown\n", "shutdown" },
	{ "reboot web", "reboot web; ", "Domain 'web' is being rebooted\n", "reboot" },
	{ "inject-nmi web", "inject_nmi web; ", "Domain 'web' got an NMI\n", "inject NMI into" },
	{ "reset web", "reset web; ", "Domain 'web' was reset\n", "reset" },
	{ "destroy web", "destroy web; ", "Domain 'web' destroyed\n", "destroy" },
	{ "suspend web", "suspend web; ", "Domain 'web' suspended\n", "suspend" },
	{ "resume web", "resume web; ", "Domain 'web' resumed\n", "resume" },
	{ "undefine db", "undefine db; ", "Domain 'db' has been undefined\n", "undefine" },
};

TEST(actions_on_a_domain)
{
	char text[256];

	for (u32 i = 0; i < ARRAY_LEN(actions); i++) {
		run(actions[i].command);
		CHECK_EQ(result, 0);
		CHECK_STR(fake_did, actions[i].did);
		CHECK(has(actions[i].says));
		failing(actions[i].command, "it is Sunday");
		CHECK(result);
		snprintf(text, sizeof(text),
			 "error: Failed to %s domain '%s'\nerror: it is Sunday\n",
			 actions[i].failure, strchr(actions[i].command, ' ') + 1);
		CHECK_STR(fake_output, text);
	}
}

TEST(documents)
{
	run("create a.xml");
	CHECK_STR(fake_did, "create a.xml; ");
	CHECK(has("Domain 'db' created from a.xml\n"));
	run("define 'my domain.xml'");
	CHECK_STR(fake_did, "define my domain.xml; ");
	CHECK(has("defined from my domain.xml\n"));
	failing("define a.xml", "line 3: no");
	CHECK_STR(fake_output, "error: Failed to define domain from 'a.xml'\nerror: line 3: no\n");
}

TEST(consoles)
{
	run("console web");
	CHECK(fake_attached && !strcmp(fake_attached->cfg.name, "web"));
	run("start db --console");
	CHECK(fake_attached && !strcmp(fake_attached->cfg.name, "db"));
	failing("start db --console", "no");
	CHECK(!fake_attached);
	run("create a.xml --console");
	CHECK(fake_attached);
	run("console web 1");
	CHECK_STR(fake_output, "error: domain 'web' has no serial port 1\n");
}

TEST(lists)
{
	CHECK_STR(run("list"), " Id   Name   State\n"
			       "----------------------\n"
			       " 1    web    running\n\n");
	CHECK_STR(run("list --all"), " Id   Name   State\n"
				     "-----------------------\n"
				     " 1    web    running\n"
				     " -    db     shut off\n\n");
	CHECK_STR(run("list --inactive"), " Id   Name   State\n"
					  "-----------------------\n"
					  " -    db     shut off\n\n");
	CHECK_STR(run("list --name --all"), "web\ndb\n");
	CHECK_STR(run("list --uuid"), "00000000-0000-0000-0000-000000000001\n");
}

TEST(what_domains_are)
{
	run("dominfo web");
	CHECK(has("Id:             1\nName:           web\n"));
	CHECK(has("State:          running\n"));
	CHECK(has("Max memory:     65536 KiB\nUsed memory:    65536 KiB\n"));
	run("dominfo db");
	CHECK(has("Id:             -\n") && has("Used memory:    0 KiB\n"));
	CHECK_STR(run("domstate web"), "running\n\n");
	CHECK_STR(run("domstate db --reason"), "shut off (unknown)\n\n");
	CHECK_STR(run("dumpxml db"), "<domain>db</domain>\n\n");
	run("domstats");
	CHECK(has("Domain: 'web'\n  state.state=1\n") && has("Domain: 'db'\n  state.state=5\n"));
	CHECK(has("  cpu.guest.time=") && has("  vcpu.0.exits.hlt=") && has("  vcpu.0.exits.eoi="));
	CHECK(has("  cpu.haltpoll.success.time=20\n  cpu.haltpoll.fail.time=10\n"));
	CHECK(has("  vcpu.0.halt_attempted_poll.sum=5\n  vcpu.0.halt_successful_poll.sum=3\n"));
	CHECK(has("  vcpu.0.halt_poll_success_ns.sum=20\n  vcpu.0.halt_poll_fail_ns.sum=10\n"));
	CHECK(has("  vcpu.0.halt_poll_window=100\n"));
	CHECK(has("  vcpu.0.exits.sum=") && has("  vcpu.0.irq_injections.sum="));
	CHECK(has("  vcpu.0.halted=yes\n  vcpu.0.halt_wait_ns.sum=30\n"
		  "  vcpu.0.other_wait_ns.sum=40\n"));
	run("domstats db web --balloon");
	CHECK_STR(fake_output,
		  "Domain: 'db'\n  balloon.current=0\n  balloon.maximum=65536\n\n"
		  "Domain: 'web'\n  balloon.current=65536\n  balloon.maximum=65536\n\n");
}

TEST(exits)
{
	struct vm *vm;
	struct exit_stats *stats;

	fake_domains_clear();
	vm = fake_domain("web", true);
	stats = vm->ports[0].stats;
	stats->hist[EXIT_CPUID][0] = 1;
	stats->hist[EXIT_CPUID][7] = 12;
	stats->hist[EXIT_HLT][31] = 3;
	stats->hist[EXIT_ROW_START][5] = 1; /* no exit */
	result = command_run(&fake_session, (char[]){ "stat web" });
	CHECK_STR(fake_output,
		  "vCPU 0: 16 exits; cycles until the guest went on, and how often\n"
		  "  HLT: 3\n"
		  "    2147483648 and more                 3  ####################################\n"
		  "  CPUID: 13\n"
		  "             0 to          1            1  ###\n"
		  "           128 to        255           12  ####################################\n\n");
	fake_output[0] = '\0';
	run("stat web --vcpu 1");
	CHECK(result && has("error: domain 'web' has no vCPU 1"));
	run("domstats web --vcpu");
	CHECK(has("  vcpu.0.exits.hlt="));
}

static struct vm *traced;

/* What happens while a command waits for a key. */
static void happen(void)
{
	trace(&traced->ports[0], TRACE_ENTRY, 0, 0, 0);
	trace(&traced->ports[0], TRACE_POST, 65, 0, 0);
	trace_write(&traced->ports[0], TRACE_EXIT, EXIT_PORT, 0x1000, 0x10103f8, rdtsc());
}

static bool ends_with(const char *line, const char *end)
{
	const char *newline = strchr(line, '\n');
	size_t n = strlen(end);

	return newline && newline - line > (long)n && !memcmp(newline - n, end, n);
}

static const char *trace_of(const char *text)
{
	char line[128];

	fake_output[0] = '\0';
	snprintf(line, sizeof(line), "%s", text);
	fake_domains_clear();
	traced = fake_domain("web", true);
	fake_at_key = happen;
	result = command_run(&fake_session, line);
	fake_at_key = NULL;
	return fake_output;
}

TEST(traces)
{
	const char *out = trace_of("trace web --count 3");

	CHECK_EQ(result, 0);
	CHECK(str_prefix(out, "        0.000 us  CPU 0  vCPU 0  entry  \n"));
	out = strchr(out, '\n') + 1;
	CHECK(ends_with(out, " us  CPU 0  vCPU 0  post   vector 65"));
	out = strchr(out, '\n') + 1;
	CHECK(ends_with(out, " us  CPU 0  vCPU 0  exit   port at 0x1000, OUT 0x3f8, size 1"));
	CHECK_STR(strchr(out, '\n'), "\n\n");
	CHECK_EQ(traced->ports[0].trace, 0);
	out = trace_of("trace web post --count 1");
	CHECK(ends_with(out, "post   vector 65"));
	CHECK_STR(strchr(out, '\n'), "\n\n");
	trace_of("trace web post inject --start");
	CHECK_EQ(traced->ports[0].trace, 1u << TRACE_POST | 1u << TRACE_INJECT);
	CHECK_STR(fake_output, "");
	CHECK(strstr(trace_of("trace"), "requires <domain>"));
	CHECK(strstr(trace_of("trace web nothing"), "invalid value 'nothing' for option --events"));
	CHECK(strstr(trace_of("trace web --vcpu 1"), "has no vCPU 1"));
}

/* Each line has the checksum of what is between '@' and " *"; the last one says how many records there were. */
TEST(dumps)
{
	u32 records = 0, lines = 0;
	const char *end;

	trace_of("trace web --start");
	for (u32 i = 0; i < TRACE_RING_RECORDS; i++)
		happen();
	fake_output[0] = '\0';
	CHECK_EQ(command_run(&fake_session, (char[]){ "trace --dump" }), 0);
	CHECK(str_prefix(fake_output, "@trace 1 1e8480 *"));
	for (const char *s = fake_output; *s == '@'; s = end + 1, lines++) {
		const char *star = strstr(s, " *");
		char sum[9];

		end = strchr(s, '\n');
		snprintf(sum, sizeof(sum), "%08x",
			 ~crc32_update(~0u, s + 1, (size_t)(star - s - 1)));
		CHECK(end - star == 10 && !memcmp(star + 2, sum, 8));
		records += s[1] == '0';
	}
	CHECK(has("@domain 0 web *") && has("@kind 0 exit *") && has("@exit 4 CPUID *"));
	CHECK_EQ(records, TRACE_RING_RECORDS);
	CHECK(has("@end 800 0 *"));
	CHECK_EQ(lines, records + 1 + TRACE_KINDS + EXIT_KINDS + 1 + 1);
}

TEST(serial_ports_figures)
{
	struct vm *vm;

	fake_domains_clear();
	vm = fake_domain("web", true);
	vm->cfg.serials = 1;
	result = command_run(&fake_session, (char[]){ "domstats --serial" });
	CHECK_STR(fake_output, "Domain: 'web'\n  serial.count=1\n"
			       "  serial.0.out.bytes=1000\n  serial.0.out.held=4\n"
			       "  serial.0.out.held.longest=5000000\n  serial.0.in.bytes=20\n"
			       "  serial.0.in.ignored=3\n\n");
}

TEST(soft_affinity)
{
	struct vm *vm;

	fake_domains_clear();
	vm = fake_domain("web", true);
	vm->cfg.soft.word[0] = BIT(2) | BIT(3) | BIT(9); /* one that is not there */
	command_run(&fake_session, (char[]){ "vcpupin web" });
	CHECK(has(" 0      0-3            2-3\n"));
	vm->cfg.vcpusoft[0].word[0] = BIT(1);
	command_run(&fake_session, (char[]){ "vcpupin web" });
	CHECK(has(" 0      0-3            1\n"));
	run("vcpupin web 0 --soft 2-3");
	CHECK_STR(fake_did, "softly vcpu 0 on 2-3: pin web; ");
	run("vcpupin web 0 0-1 --soft 1");
	CHECK_STR(fake_did, "vcpu 0 on 0-1: pin web; softly vcpu 0 on 1: pin web; ");
	CHECK_STR(run("vcpupin web --soft 1"),
		  "error: vcpupin: Missing vCPU number in pin mode.\n");
}

TEST(cpus)
{
	CHECK_STR(run("vcpupin web"), " VCPU   CPU Affinity   Soft Affinity\n"
				      "--------------------------------------\n"
				      " 0      0-3            -\n\n");
	run("vcpuinfo web");
	CHECK(has("VCPU:           0\nCPU:            N/A\n") && has("CPU Affinity:   yyyy\n"));
	CHECK_STR(run("schedinfo web"), "Scheduler      : posix\n"
					"cpu_shares     : 1024\n"
					"vcpu_period    : 100000\n"
					"vcpu_quota     : -1\n\n");
	run("schedinfo web --set cpu_shares=512 vcpu_quota=-1 --set vcpu_period=20000");
	CHECK_STR(fake_did, "512 20000 -1: sched web; ");
	failing("vcpupin web 0 1", "no such CPU");
	CHECK_STR(fake_output, "error: no such CPU\n");
}

static u32 poll_max;

u32 halt_poll_max_us(void)
{
	return poll_max;
}

TEST(the_host)
{
	poll_max = 200;
	CHECK_STR(run("dmesg"), "a line of the log\n");
	CHECK_STR(run("dmesg --last-panic"), "The last run left no panic.\n");
	fake_last_panic = "PANIC: why";
	CHECK_STR(run("dmesg --last-panic"), "  PANIC: why\n");
	run("nodeinfo");
	CHECK(has("CPU(s):             4\n") && has("Memory size:        1048576 KiB\n"));
	CHECK(has("CPU socket(s):      1\nCore(s) per socket: 1\nThread(s) per core: 2\n"
		  "NUMA cell(s):       2\n"));
	CHECK(has("Polling:            up to 200 us in HLT\n"));
	CHECK(has("Hardware errors:    5 corrected, 1 not, 2048 KiB of memory taken out of use\n"));
	CHECK(has("Forced idle:        15 ms\n"));
	CHECK(has("Temperature:        the CPUs do not tell it\n\n"));
	poll_max = 0;
	fake_thermal = (struct thermal){ .cpus = 4, .hottest = 3, .below = 53, .limit = 100 };
	run("nodeinfo");
	CHECK(has("Polling:            off\n"));
	CHECK(has("Temperature:        CPU 3 47 C, limit 100 C\n\n"));
	fake_thermal.have_package = true;
	fake_thermal.package_below = 50;
	fake_thermal.limit = 0;
	fake_thermal.told = 4;
	fake_thermal.hot = fake_thermal.was_hot = 2;
	fake_thermal.was_power = 1;
	run("nodeinfo");
	CHECK(has(
		"Temperature:        CPU 3 53 C below its limit, package 50 C below its limit\n"));
	CHECK(has(
		"Slowed down:        2 CPUs now, 2 before; by power limit 0 now, 1 before; 0 critical\n\n"));
	run("version");
	CHECK(has("Plinth ") && has("\nSHA-256: 00"));
}

TEST(what_the_host_is_made_of)
{
	run("capabilities");
	CHECK(has("<topology sockets='1' dies='1' cores='1' threads='2'/>"));
	CHECK(has("        <cell id='1'>\n"
		  "          <memory unit='KiB'>8192</memory>\n"
		  "          <distances>\n"
		  "            <sibling id='0' value='21'/>\n"
		  "            <sibling id='1' value='10'/>\n"
		  "          </distances>\n"
		  "          <cpus num='2'>\n"
		  "            <cpu id='2' socket_id='1' die_id='0' core_id='0' siblings='2-3'/>\n"
		  "            <cpu id='3' socket_id='1' die_id='0' core_id='0' siblings='2-3'/>\n"
		  "          </cpus>\n        </cell>\n      </cells>\n"));
	CHECK(has(
		"      <bank id='1' level='3' type='both' size='4096' unit='KiB' cpus='2-3'/>\n"));
	CHECK(!has("bank id='2'"));
}

/* What a terminal of 80 columns shows of one screen. */
TEST(cpus_of_domains)
{
	const char *said;

	CHECK_STR(run("mitigations"), "buffers                         not affected\n\n");
	said = run("cpu-models");

	CHECK(strstr(said, "Westmere\n") && strstr(said, "Nehalem\n"));
	CHECK(!strstr(said, "Haswell") && !strstr(said, "does not offer"));
	said = run("cpu-models --all");
	CHECK(strstr(said, "\nWestmere\n"));
	CHECK(strstr(said, "\nqemu64: this host does not offer svm\n"));
	said = run("domcapabilities");
	CHECK(strstr(said,
		     "<mode name='host-model' supported='yes'>\n      <model fallback='forbid'>"));
	CHECK(strstr(said, "      <model usable='yes' vendor='Intel'>Westmere</model>\n"));
	CHECK(strstr(said, "      <model usable='no' vendor='AMD'>EPYC</model>\n"));
}

TEST(top_draws_twice_and_leaves)
{
	const char *second;
	size_t column = 0;

	run("top");
	CHECK_EQ(result, 0);
	CHECK(has("2 domains, 1 active"));
	second = strstr(fake_output, "\033[HPlinth");
	CHECK(second);
	second = second ? strstr(second + 1, "\033[HPlinth") : NULL;
	CHECK(second);
	/* The first one takes half a CPU, the second a third: see vm_cpu_time() in fake_domains.c. */
	second = second ? second : "";
	CHECK(strstr(second, " 1    web                running     50.0   10.0         0"));
	CHECK(strstr(second, " -    db                 shut off    33.3   10.0         0"));
	for (const char *s = fake_output; *s; s++) {
		if (*s == '\033') {
			while (*s < 'A' || *s == '[')
				s++;
		} else {
			column = *s == '\n' ? 0 : column + 1;
			CHECK(column < 80);
		}
	}
}

TEST(help)
{
	run("help");
	for (u32 i = 0; command_groups[i]; i++) {
		for (const struct command *c = command_groups[i]->commands; c->name; c++)
			CHECK(has(c->name) && has(c->help));
	}
	run("help sched");
	CHECK(has("vcpupin") && !has("dominfo"));
	run("help vcpupin");
	CHECK(has("  SYNOPSIS\n    vcpupin <domain> [[--vcpu] <number>] "));
	CHECK(has("[--soft] <cpulist>]\n") || has("[[--soft]\n"));
	run("help list");
	CHECK(has("    list [--inactive] [--all] [--name] [--uuid]\n"));
	run("help domstats");
	CHECK(has("    domstats [[--domain] <domain>]... [--state]"));
}

/* Lines of 80 columns, whatever help describes. */
TEST(help_fits_the_terminal)
{
	for (u32 i = 0; command_groups[i]; i++) {
		for (const struct command *c = command_groups[i]->commands; c->name; c++) {
			char line[64];
			size_t column = 0;

			snprintf(line, sizeof(line), "help %s", c->name);
			run(line);
			for (const char *s = fake_output; *s; s++) {
				column = *s == '\n' ? 0 : column + 1;
				CHECK(column < 80);
			}
		}
	}
}

TEST(any_line_at_all)
{
	static const char *const words[] = {
		"list", "vcpupin",     "web",      "db",    "--",   "--domain", "=",
		"'",    "\"",          "\\",       "0",     "1-2",  "--set",    "schedinfo",
		"help", "cpu_shares=", "domstats", "--all", "%s%n", " ",        " "
	};
	char line[600];

	for (u32 i = 0; i < 3000; i++) {
		size_t n = 0;

		line[0] = '\0';
		for (u64 k = rand_below(40); k && n < 500; k--) {
			const char *word = words[rand_below(ARRAY_LEN(words))];

			n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%s", word,
					      rand_below(3) ? " " : "");
		}
		run(line);
	}
}

TEST(too_many_values)
{
	char line[512] = "domstats";

	for (u32 i = 0; i < 31; i++)
		strcat(line, " web");
	run(line);
	CHECK_EQ(result, 0);
	strcat(line, " web");
	CHECK_STR(run(line), "error: too many words\n");
}
