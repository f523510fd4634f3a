/*
 * Commands about the host itself.
 */
#include "core/clock.h"
#include "core/coresched.h"
#include "core/host.h"
#include "core/log.h"
#include "core/mce.h"
#include "core/mitigation.h"
#include "core/panic_log.h"
#include "core/place.h"
#include "core/power.h"
#include "core/thermal.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mgmt/cmd.h"
#include "mgmt/version.h"
#include "vm/halt.h"
#include "vm/hvm.h"
#include "vm/memory.h"
#include "vm/numa.h"

#define KHZ_PER_MHZ 1000u
#define NS_PER_MS   1000000u

static void log_line(void *ctx, const char *line)
{
	say(ctx, "%s\n", line);
}

/* Indented: who watches the console is not to take the last run's panic for this one's. */
static void panic_line(void *ctx, const char *line)
{
	say(ctx, "  %s\n", line);
}

static int cmd_dmesg(struct call *c)
{
	struct session s = *c->session;

	if (!call_flag(c, 0))
		log_replay(log_line, &s);
	else if (!panic_log_last(panic_line, &s))
		say(&s, "The last run left no panic.\n");
	return 0;
}

/* Of a limit that is not known, how far it is to it. */
static void say_degrees(const struct session *s, u8 limit, u8 below)
{
	if (limit)
		say(s, "%d C", limit - below);
	else
		say(s, "%d C below its limit", below);
}

static void say_thermal(const struct session *s)
{
	struct thermal t;

	thermal_all(&t);
	say(s, "%-20s", "Temperature:");
	if (t.cpus) {
		say(s, "CPU %u ", t.hottest);
		say_degrees(s, t.limit, t.below);
		if (t.have_package) {
			say(s, ", package ");
			say_degrees(s, t.limit, t.package_below);
		}
		if (t.limit)
			say(s, ", limit %d C", t.limit);
		say(s, "\n");
	} else {
		say(s, "the CPUs do not tell it\n");
	}
	if (t.told)
		say(s,
		    "%-20s%u CPUs now, %u before; by power limit %u now, %u before; %u critical\n",
		    "Slowed down:", t.hot, t.was_hot, t.power, t.was_power, t.critical);
}

/* How long CPUs idled with threads to run, since others had their core. */
static void say_forced_idle(const struct session *s)
{
	u64 ns = 0;

	for (u32 i = 0; i < cpu_count(); i++)
		ns += core_idled_ns(i);
	if (place_threads)
		say(s, "%-20s%llu ms\n", "Forced idle:", (unsigned long long)(ns / NS_PER_MS));
}

static int cmd_nodeinfo(struct call *c)
{
	const struct session *s = c->session;
	struct place_shape shape;
	struct memory_report m;
	struct mce_counts mc;

	memory_report(&m);
	say(s, "%-20sx86_64\n%-20s%u\n%-20s%llu MHz\n", "CPU model:", "CPU(s):", host.cpu_count,
	    "CPU frequency:", (unsigned long long)(clock_tsc_khz() / KHZ_PER_MHZ));
	(void)place_shape(&shape);
	say(s, "%-20s%u\n%-20s%u\n%-20s%u\n%-20s%u\n", "CPU socket(s):", shape.packages,
	    "Core(s) per socket:", shape.cores, "Thread(s) per core:", shape.threads,
	    "NUMA cell(s):", MAX(host.node_count, 1u));
	say(s, "%-20s%llu KiB\n%-20s%llu KiB\n",
	    "Memory size:", (unsigned long long)(m.total / KIB),
	    "Free for guests:", (unsigned long long)(m.free / KIB));
	say(s, "%-20s%llu KiB\n%-20s%llu KiB, %llu KiB in use\n",
	    "Guests:", (unsigned long long)(m.vms / KIB),
	    "Hypervisor:", (unsigned long long)(m.hv / KIB), (unsigned long long)(m.hv_used / KIB));
	if (halt_poll_max_us())
		say(s, "%-20sup to %u us in HLT\n", "Polling:", halt_poll_max_us());
	else
		say(s, "%-20soff\n", "Polling:");
	mce_counts(&mc);
	say(s, "%-20s%llu corrected, %llu not, %llu KiB of memory taken out of use\n",
	    "Hardware errors:", (unsigned long long)mc.corrected,
	    (unsigned long long)mc.uncorrected, (unsigned long long)(mc.retired / KIB));
	say_forced_idle(s);
	say_thermal(s);
	say(s, "\n");
	return 0;
}

static void say_free(const struct session *s, u32 node)
{
	say(s, "%5u: %10llu KiB\n", node, (unsigned long long)(numa_free(node) / KIB));
}

static int cmd_freecell(struct call *c)
{
	const struct arg_value *node = call_value(c, 0, 0);
	struct memory_report m;

	memory_report(&m);
	if (node && (node->number >= MAX(host.node_count, 1u) || call_flag(c, 1)))
		return say_error(c->session, call_flag(c, 1) ? "--cellno goes without --all" :
							       "there is no such NUMA cell");
	for (u32 i = 0; i < host.node_count && host.range_count; i++)
		if (call_flag(c, 1) || (node && node->number == i))
			say_free(c->session, i);
	if (call_flag(c, 1))
		say(c->session, "--------------------\n");
	if (!node || !host.range_count)
		say(c->session, "Total: %10llu KiB\n", (unsigned long long)(m.free / KIB));
	say(c->session, "\n");
	return 0;
}

static void attack_line(void *ctx, const char *attack, const char *what)
{
	say(ctx, "%-32s%s\n", attack, what);
}

static int cmd_mitigations(struct call *c)
{
	struct session s = *c->session;

	mitigation_each(attack_line, &s);
	say(&s, "\n");
	return 0;
}

static int cmd_version(struct call *c)
{
	char hash[SHA256_TEXT];

	fmt_hex(hash, host.image_hash, SHA256_SIZE);
	say(c->session, "Plinth %s, guests by %s\nSHA-256: %s\n\n", PLINTH_VERSION,
	    hvm ? hvm->name : "nothing: no VT-x or AMD-V", hash);
	return 0;
}

static int cmd_poweroff(struct call *c)
{
	(void)c;
	power_off();
}

static int cmd_reboot_host(struct call *c)
{
	(void)c;
	power_restart();
}

static const struct command commands[] = {
	{ .name = "capabilities",
	  .help = "say as XML what this host is made of",
	  .text = "Its CPUs by NUMA cell, socket and core, with which others they share a core, "
		  "and its caches.",
	  .run = cmd_capabilities },
	{ .name = "cpu-models",
	  .help = "list the CPU models that domains may ask for here",
	  .text = "Names are libvirt's.",
	  .args = ARGS(FLAG_ARG("all", "list all, with the features that this host lacks for them")),
	  .run = cmd_cpu_models },
	{ .name = "dmesg",
	  .help = "print the host's log",
	  .args = ARGS({ "last-panic", ARG_FLAG,
			 .help = "what the last run said in its panic instead" }),
	  .run = cmd_dmesg },
	{ .name = "domcapabilities",
	  .help = "say as XML which CPUs domains may have here",
	  .text = "The host's own as model and features, and which of libvirt's models can be had.",
	  .run = cmd_domcapabilities },
	{ .name = "freecell",
	  .help = "say how much memory is free for guests, by NUMA cell",
	  .text = "Of a cell, of all of them with --all, else of the whole machine.",
	  .args = ARGS({ .name = "cellno", .type = ARG_NUMBER, .help = "NUMA cell number" },
		       FLAG_ARG("all", "of each cell, and together")),
	  .run = cmd_freecell },
	{ .name = "mitigations",
	  .help = "say what is done against speculation",
	  .text = "By what the CPU says of itself, and the host's word mitigations=.",
	  .run = cmd_mitigations },
	{ .name = "nodeinfo", .help = "say what this machine has", .run = cmd_nodeinfo },
	{ .name = "poweroff",
	  .help = "switch the machine off",
	  .text = "Guests are ended at once: shut them down before.",
	  .run = cmd_poweroff },
	{ .name = "reboot-host",
	  .help = "reset the machine",
	  .text = "Guests are ended at once: shut them down before.",
	  .run = cmd_reboot_host },
	{ .name = "version", .help = "say which Plinth this is", .run = cmd_version },
	{ .name = NULL },
};

const struct command_group group_host = { "Host", "host", commands };
