/*
 * Prints the command table as Markdown: the commands' section of docs/console.md. Compiled for this
 * machine and run by tools/mkconsole.
 */
#include <stdbool.h>
#include <stdio.h>

#include "mgmt/command.h"

/* A domain that must be named needs no words. */
static bool is_plain(const struct arg_spec *a)
{
	return a->type == ARG_DOMAIN && a->how == ARG_REQUIRED;
}

static void print_options(const struct command *c)
{
	const char *before = "<br>";

	for (const struct arg_spec *a = c->args; a && a->name; a++) {
		if (is_plain(a))
			continue;
		printf("%s `--%s`: %s", before, a->name, a->help);
		before = ";";
	}
}

static void print_command(const struct command *c)
{
	char synopsis[SYNOPSIS_MAX];

	command_synopsis(c, synopsis, sizeof(synopsis));
	printf("| `%s` | %s", synopsis, c->help);
	if (c->text)
		printf(". %s", c->text);
	print_options(c);
	printf(" |\n");
}

int main(void)
{
	for (unsigned i = 0; command_groups[i]; i++) {
		const struct command_group *g = command_groups[i];

		printf("### %s\n\n| command | does |\n|---|---|\n", g->title);
		for (const struct command *c = g->commands; c->name; c++)
			print_command(c);
		printf("%s", command_groups[i + 1] ? "\n" : "");
	}
	return 0;
}
