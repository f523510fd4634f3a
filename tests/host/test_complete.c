/*
 * mgmt/complete.h: what Tab offers and inserts at the end of a line.
 *
 * sources: mgmt/cmd_domstats.c mgmt/cmd_stat.c mgmt/cmd_trace.c vm/exitstat.c vm/trace.c lib/crc32.c
 * sources: tests/host/fake_domains.c mgmt/complete.c mgmt/command.c mgmt/cmd_help.c mgmt/cmd_host.c
 * sources: mgmt/cmd_capabilities.c mgmt/cmd_cpu.c vm/cpu_choice.c vm/cpu_models.c
 * sources: mgmt/cmd_monitor.c mgmt/cmd_run.c mgmt/cmd_sched.c mgmt/cmd_top.c mgmt/session.c
 * sources: mgmt/table.c mgmt/words.c mgmt/uuid.c lib/cpuset.c lib/string.c lib/fmt.c
 */
#include "mgmt/complete.h"

#include <stdio.h>
#include <string.h>

#include "mgmt/session.h"
#include "tests/host/fake_domains.h"
#include "tests/host/harness.h"
#include "tests/host/rand.h"

static struct completion c;

/* The candidates, each behind a blank, then what is inserted behind "+". */
static const char *tab(const char *line)
{
	static char text[4096];
	const char *candidate = c.text;
	size_t n = 0;

	fake_domains_clear();
	(void)fake_domain("web-1", true);
	(void)fake_domain("web-2", false);
	(void)fake_domain("it's", true);
	complete(&c, line);
	CHECK_EQ(fake_references, 0);
	text[0] = '\0';
	for (u32 i = 0; i < c.count; i++, candidate += strlen(candidate) + 1)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " %s", candidate);
	snprintf(text + n, sizeof(text) - n, "+%s", c.insert);
	return text;
}

static const struct {
	const char *line, *offered;
} lines[] = {
	/* Commands. */
	{ "dumpx", " dumpxml+ml " },
	{ "dumpxml", " dumpxml+ " },
	{ "  vers", " version+ion " },
	{ "re", " reboot reset resume reboot-host+" },
	{ "domst", " domstate domstats+at" },
	{ "xyz", "+" },
	{ "xyz ", "+" },
	{ "help dumpx", " dumpxml+ml " },
	/* Domains, by what a command is for. */
	{ "dominfo ", " web-1 web-2 it\\'s+" },
	{ "dominfo w", " web-1 web-2+eb-" },
	{ "dominfo web-2", " web-2+ " },
	{ "dominfo i", " it\\'s+t\\'s " },
	{ "dominfo it\\'", " it\\'s+s " },
	{ "start ", " web-2+web-2 " },
	{ "destroy ", " web-1 it\\'s+" },
	{ "start --domain ", " web-2+web-2 " },
	{ "start --console ", " web-2+web-2 " },
	{ "domstats web-1 w", " web-1 web-2+eb-" },
	/* Documents. */
	{ "create ", " a.xml my\\ domain.xml+" },
	{ "create m", " my\\ domain.xml+y\\ domain.xml " },
	{ "create my\\ d", " my\\ domain.xml+omain.xml " },
	{ "create v", "+" },
	/* Options: those that were not given. */
	{ "list --", " --inactive --all --name --uuid+" },
	{ "list --a", " --all+ll " },
	{ "list --all --a", "+" },
	{ "list ", " --inactive --all --name --uuid+--" },
	{ "vcpupin --v", " --vcpu+cpu " },
	{ "vcpupin web-1 --d", "+" },
	{ "start web-2 ", " --console+--console " },
	{ "nodeinfo ", "+" },
	/* Settings. */
	{ "schedinfo web-1 ", " cpu_shares vcpu_period vcpu_quota+" },
	{ "schedinfo web-1 c", " cpu_shares+pu_shares=" },
	{ "schedinfo web-1 --set vcpu_q", " vcpu_quota+uota=" },
	{ "schedinfo web-1 cpu_shares=1 v", " vcpu_period vcpu_quota+cpu_" },
	/* A number: nothing to offer. */
	{ "vcpupin web-1 ", "+" },
	{ "vcpupin web-1 0 ", "+" },
};

TEST(what_is_offered)
{
	for (u32 i = 0; i < ARRAY_LEN(lines); i++)
		CHECK_STR(tab(lines[i].line), lines[i].offered);
	CHECK(strstr(tab(""), " list ") && strstr(tab(""), " help"));
}

TEST(columns)
{
	tab("re");
	complete_list(&c, &fake_session);
	CHECK_STR(fake_output, "reboot       reset        resume       reboot-host\n");
	tab("");
	fake_output[0] = '\0';
	complete_list(&c, &fake_session);
	for (const char *line = fake_output; *line; line = strchr(line, '\n') + 1)
		CHECK(strchr(line, '\n') - line < 80);
}

/* As many domains as there can be, with the longest names: no more than there is room for. */
TEST(more_than_there_is_room_for)
{
	char line[512];

	for (u32 i = 0; i < 20000; i++) {
		size_t n = rand_below(sizeof(line) - 1);

		for (size_t k = 0; k < n; k++)
			line[k] = "dominfo list web-1 --'\"\\= \t"[rand_below(27)];
		line[n] = '\0';
		tab(line);
		CHECK(c.used <= sizeof(c.text) && strlen(c.insert) < sizeof(c.insert));
	}
}
