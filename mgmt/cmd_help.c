/*
 * help: prints the command table.
 */
#include "lib/fmt.h"
#include "lib/string.h"
#include "mgmt/cmd.h"

#define COLUMNS 80u
#define INDENT  "    "

/* Prints text in lines shorter than COLUMNS: before is in front of the first one, blanks of the others. */
static void print_text(const struct session *s, const char *before, const char *text)
{
	u32 indent = (u32)strlen(before);
	size_t room = COLUMNS - 1 - indent;

	while (*text) {
		size_t n = strnlen(text, room);

		if (text[n]) {
			while (n && text[n] != ' ')
				n--;
			n = n ? n : room; /* one long word */
		}
		say(s, "%*s%.*s\n", (int)indent, before, (int)n, text);
		before = "";
		text += n;
		while (*text == ' ')
			text++;
	}
}

/* One argument as it stands in the synopsis. */
static void format_arg(const struct arg_spec *a, char *buf, size_t size)
{
	if (a->type == ARG_FLAG)
		snprintf(buf, size, " [--%s]", a->name);
	else if (a->how == ARG_REQUIRED)
		snprintf(buf, size, " <%s>", a->name);
	else
		snprintf(buf, size, " [[--%s] <%s>]%s", a->name, arg_type_name(a->type),
			 a->how == ARG_MANY ? "..." : "");
}

void command_synopsis(const struct command *command, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%s", command->name);

	for (const struct arg_spec *a = command->args; a && a->name; a++) {
		if ((size_t)n >= size)
			return;
		format_arg(a, buf + n, size - (size_t)n);
		n = (int)strlen(buf);
	}
}

static void print_command(const struct session *s, const struct command *command)
{
	char text[SYNOPSIS_MAX], before[48];

	command_synopsis(command, text, sizeof(text));
	say(s, "  NAME\n    %s - %s\n\n  SYNOPSIS\n", command->name, command->help);
	print_text(s, INDENT, text);
	if (command->text) {
		say(s, "\n  DESCRIPTION\n");
		print_text(s, INDENT, command->text);
	}
	if (command->args)
		say(s, "\n  OPTIONS\n");
	for (const struct arg_spec *a = command->args; a && a->name; a++) {
		if (a->type == ARG_FLAG)
			snprintf(text, sizeof(text), "--%s", a->name);
		else
			snprintf(text, sizeof(text), "[--%s] <%s>", a->name,
				 arg_type_name(a->type));
		snprintf(before, sizeof(before), INDENT "%-24.30s ", text);
		print_text(s, before, a->help);
	}
	say(s, "\n");
}

static void print_group(const struct session *s, const struct command_group *g)
{
	say(s, " %s (help keyword '%s'):\n", g->title, g->word);
	for (const struct command *c = g->commands; c->name; c++)
		say(s, "    %-14s %s\n", c->name, c->help);
	say(s, "\n");
}

static int cmd_help(struct call *c)
{
	const struct arg_value *v = call_value(c, 0, 0);
	const struct command *command = v ? command_find(v->text) : NULL;
	bool any = false;

	if (command) {
		print_command(c->session, command);
		return 0;
	}
	for (u32 i = 0; command_groups[i]; i++) {
		if (v && strcmp(v->text, command_groups[i]->word))
			continue;
		any = true;
		print_group(c->session, command_groups[i]);
	}
	return any ? 0 :
		     say_error(c->session, "command or command group '%s' doesn't exist", v->text);
}

static const struct command commands[] = {
	{ .name = "help",
	  .help = "list the commands, or describe one or a group of them",
	  .args = ARGS({ .name = "command",
			 .type = ARG_COMMAND,
			 .help = "a command, or the keyword of a group" }),
	  .run = cmd_help },
	{ .name = NULL },
};

const struct command_group group_shell = { "Shell", "shell", commands };
