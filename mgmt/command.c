/*
 * The command table and what the commands do. Names and forms are virsh's where it has them.
 */
#include "mgmt/command.h"

#include "core/clock.h"
#include "core/console.h"
#include "core/host.h"
#include "core/log.h"
#include "core/power.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mgmt/domains.h"
#include "mgmt/serial.h"
#include "mgmt/shell.h"
#include "mgmt/uuid.h"
#include "mgmt/version.h"
#include "vm/hvm.h"
#include "vm/memory.h"
#include "vm/vm.h"

#define WORDS_MAX  4
#define OUTPUT_MAX 512   /* of one say() */
#define HZ_PER_MHZ 1000u /* in kHz */

struct command {
	const char *name;
	const char *args; /* for people */
	const char *help;
	u32 min_args, max_args;
	void (*run)(u32 argc, char **argv); /* without the command's name */
};

static __printf(1, 2) void say(const char *fmt, ...)
{
	char text[OUTPUT_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0)
		console_write(text, MIN((size_t)n, sizeof(text) - 1));
}

/* NULL, after saying so, when there is none. */
static struct vm *find(const char *name)
{
	struct vm *vm = domains_find(name);

	if (!vm)
		say("error: no domain with the name '%s'\n", name);
	return vm;
}

static void list_one(const struct vm *vm)
{
	char id[12] = "-";

	if (domain_active(vm))
		snprintf(id, sizeof(id), "%u", vm->id);
	say(" %-4s %-24s %s\n", id, vm->cfg.name, vm_state_name(vm->state));
}

static void cmd_list(u32 argc, char **argv)
{
	bool all = argc && !strcmp(argv[0], "--all");
	const struct vm *vm;

	if (argc && !all) {
		say("error: unknown option '%s'\n", argv[0]);
		return;
	}
	say(" %-4s %-24s %s\n-------------------------------------------\n", "Id", "Name", "State");
	for (u32 i = 0; (vm = domains_get(i)); i++) {
		if (domain_active(vm))
			list_one(vm);
	}
	for (u32 i = 0; all && (vm = domains_get(i)); i++) {
		if (!domain_active(vm))
			list_one(vm);
	}
}

static void cmd_start(u32 argc, char **argv)
{
	struct vm *vm = find(argv[0]);

	(void)argc;
	if (vm && !domain_start(vm))
		say("Domain '%s' started\n", vm->cfg.name);
}

static void cmd_destroy(u32 argc, char **argv)
{
	struct vm *vm = find(argv[0]);

	(void)argc;
	if (vm && domain_destroy(vm))
		say("error: domain '%s' is not running\n", vm->cfg.name);
}

static u64 exits(const struct vm *vm)
{
	u64 n = 0;

	for (u32 cpu = 0; cpu < vm->vcpu_count; cpu++) {
		for (u32 i = 0; i < ARRAY_LEN(vm->ports[cpu].exits); i++)
			n += vm->ports[cpu].exits[i];
	}
	return n;
}

static void cmd_dominfo(u32 argc, char **argv)
{
	const struct vm *vm = find(argv[0]);
	char uuid[UUID_TEXT_SIZE], id[12] = "-";
	bool active;

	(void)argc;
	if (!vm)
		return;
	active = domain_active(vm);
	uuid_format(vm->cfg.uuid, uuid);
	if (active)
		snprintf(id, sizeof(id), "%u", vm->id);
	say("%-16s%s\n%-16s%s\n%-16s%s\n%-16shvm\n", "Id:", id, "Name:", vm->cfg.name,
	    "UUID:", uuid, "OS Type:");
	say("%-16s%s%s%s\n", "State:", vm_state_name(vm->state), vm->stop_text[0] ? ": " : "",
	    vm->stop_text);
	say("%-16s%u\n%-16s%llu KiB\n%-16s%llu KiB\n", "CPU(s):", vm->vcpu_count,
	    "Max memory:", (unsigned long long)(vm->cfg.memory / KIB),
	    "Used memory:", (unsigned long long)(active ? vm->cfg.memory / KIB : 0));
	say("%-16s%llu\n", "Exits:", (unsigned long long)exits(vm));
}

static void cmd_console(u32 argc, char **argv)
{
	const struct vm *vm = find(argv[0]);
	struct serial *s;

	(void)argc;
	if (!vm)
		return;
	s = serial_find(vm, 0);
	if (s)
		shell_attach(s);
	else
		say("error: domain '%s' has no serial port\n", vm->cfg.name);
}

static void log_line(void *ctx, const char *line)
{
	(void)ctx;
	say("%s\n", line);
}

static void cmd_dmesg(u32 argc, char **argv)
{
	(void)argc;
	(void)argv;
	log_replay(log_line, NULL);
}

static void cmd_nodeinfo(u32 argc, char **argv)
{
	struct memory_report m;

	(void)argc;
	(void)argv;
	memory_report(&m);
	say("%-20sx86_64\n%-20s%u\n%-20s%llu MHz\n", "CPU model:", "CPU(s):", host.cpu_count,
	    "CPU frequency:", (unsigned long long)(clock_tsc_khz() / HZ_PER_MHZ));
	say("%-20s%llu KiB\n%-20s%llu KiB\n", "Memory size:", (unsigned long long)(m.total / KIB),
	    "Free for guests:", (unsigned long long)(m.free / KIB));
	say("%-20s%llu KiB\n%-20s%llu KiB, %llu KiB in use\n",
	    "Guests:", (unsigned long long)(m.vms / KIB),
	    "Hypervisor:", (unsigned long long)(m.hv / KIB), (unsigned long long)(m.hv_used / KIB));
}

static void cmd_version(u32 argc, char **argv)
{
	(void)argc;
	(void)argv;
	say("Plinth %s, guests by %s\n", PLINTH_VERSION,
	    hvm ? hvm->name : "nothing: no VT-x or AMD-V");
}

static void cmd_poweroff(u32 argc, char **argv)
{
	(void)argc;
	(void)argv;
	power_off();
}

static void cmd_reboot_host(u32 argc, char **argv)
{
	(void)argc;
	(void)argv;
	power_reset();
}

static void cmd_help(u32 argc, char **argv);

static const struct command commands[] = {
	{ "help", "[COMMAND]", "lists the commands, or says what one does", 0, 1, cmd_help },
	{ "list", "[--all]", "lists running domains, or all", 0, 1, cmd_list },
	{ "start", "NAME", "starts a domain", 1, 1, cmd_start },
	{ "destroy", "NAME", "ends a domain at once, as if its power failed", 1, 1, cmd_destroy },
	{ "dominfo", "NAME", "says what a domain is and does", 1, 1, cmd_dominfo },
	{ "console", "NAME", "attaches to a domain's first serial port; Ctrl-] leaves", 1, 1,
	  cmd_console },
	{ "dmesg", "", "prints the host's log", 0, 0, cmd_dmesg },
	{ "nodeinfo", "", "says what this machine has", 0, 0, cmd_nodeinfo },
	{ "version", "", "says which Plinth this is", 0, 0, cmd_version },
	{ "poweroff", "", "switches the machine off; guests are ended at once", 0, 0,
	  cmd_poweroff },
	{ "reboot-host", "", "resets the machine; guests are ended at once", 0, 0,
	  cmd_reboot_host },
};

/* NULL, after saying so, when there is none. */
static const struct command *find_command(const char *name)
{
	for (u32 i = 0; i < ARRAY_LEN(commands); i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	say("error: unknown command '%s'; 'help' lists them\n", name);
	return NULL;
}

static void cmd_help(u32 argc, char **argv)
{
	const struct command *c;

	if (argc) {
		c = find_command(argv[0]);
		if (c)
			say("%s %s\n  %s\n", c->name, c->args, c->help);
		return;
	}
	for (u32 i = 0; i < ARRAY_LEN(commands); i++) {
		char form[32];

		c = &commands[i];
		snprintf(form, sizeof(form), "%s %s", c->name, c->args);
		say("  %-20s %s\n", form, c->help);
	}
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Splits line in place; how many words there are, of which at most WORDS_MAX are in words. */
static u32 split(char *line, char *words[WORDS_MAX])
{
	u32 n = 0;

	for (;;) {
		while (is_blank(*line))
			*line++ = '\0';
		if (!*line)
			return n;
		if (n < WORDS_MAX)
			words[n] = line;
		n++;
		while (*line && !is_blank(*line))
			line++;
	}
}

void command_run(char *line)
{
	const struct command *c;
	char *words[WORDS_MAX];
	u32 n = split(line, words);

	if (!n)
		return;
	c = find_command(words[0]);
	if (!c)
		return;
	if (n - 1 < c->min_args || n - 1 > c->max_args)
		say("usage: %s %s\n", c->name, c->args);
	else
		c->run(n - 1, words + 1);
}
