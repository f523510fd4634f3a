/*
 * The command table's groups, and how a typed line becomes a call: words against a row's arguments.
 */
#include "mgmt/command.h"

#include "core/bootfs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mgmt/domains.h"
#include "mgmt/words.h"
#include "vm/vm.h"

const struct command_group *const command_groups[] = {
	&group_domain, &group_monitor, &group_sched, &group_host,
	&group_block,  &group_nodedev, &group_shell, NULL,
};

const struct command *command_find(const char *name)
{
	for (u32 i = 0; command_groups[i]; i++) {
		for (const struct command *c = command_groups[i]->commands; c->name; c++) {
			if (!strcmp(c->name, name))
				return c;
		}
	}
	return NULL;
}

const char *arg_type_name(enum arg_type type)
{
	static const char *const names[] = {
		[ARG_FLAG] = "",           [ARG_DOMAIN] = "domain", [ARG_NUMBER] = "number",
		[ARG_TEXT] = "text",       [ARG_CPUS] = "cpulist",  [ARG_FILE] = "file",
		[ARG_COMMAND] = "command", [ARG_CHOICE] = "word",   [ARG_SETTING] = "name=value",
	};

	return names[type];
}

const struct arg_spec *command_arg(const struct command *command, const char *name, size_t len)
{
	for (const struct arg_spec *a = command->args; a && a->name; a++) {
		if (strlen(a->name) == len && !memcmp(a->name, name, len))
			return a;
	}
	return NULL;
}

const struct arg_value *call_value(const struct call *c, u32 spec, u32 n)
{
	for (u32 i = 0; i < c->count; i++) {
		if (c->values[i].spec == spec && !n--)
			return &c->values[i];
	}
	return NULL;
}

bool call_flag(const struct call *c, u32 spec)
{
	return call_value(c, spec, 0);
}

static bool is_xml(const char *path)
{
	size_t n = strlen(path), end = strlen(".xml");

	return n > end && !strcmp(path + n - end, ".xml");
}

/* A whole number that may be negative. */
static int to_s64(const char *text, s64 *out)
{
	bool negative = *text == '-';
	u64 n;
	int err = str_to_u64(text + negative, &n);

	if (err || n > INT64_MAX)
		return err ? err : -ERANGE;
	*out = negative ? -(s64)n : (s64)n;
	return 0;
}

static int parse_setting(const struct call *c, const struct arg_spec *a, struct arg_value *v)
{
	const char *equals = strchr(v->text, '=');
	size_t len = equals ? (size_t)(equals - v->text) : strlen(v->text);

	for (u32 i = 0; a->choices[i]; i++) {
		if (strlen(a->choices[i]) != len || memcmp(a->choices[i], v->text, len))
			continue;
		if (!equals || to_s64(equals + 1, &v->setting.value))
			return say_error(c->session, "invalid value of '%s' in '--%s %s'",
					 a->choices[i], a->name, v->text);
		v->setting.choice = i;
		return 0;
	}
	return say_error(c->session, "invalid scheduler option: '%s'", v->text);
}

static int parse_choice(const struct call *c, const struct arg_spec *a, struct arg_value *v)
{
	for (v->number = 0; a->choices[v->number]; v->number++) {
		if (!strcmp(a->choices[v->number], v->text))
			return 0;
	}
	return say_error(c->session, "invalid value '%s' for option --%s", v->text, a->name);
}

/* Turns v->text into what the argument's type says. */
static int parse_value(const struct call *c, const struct arg_spec *a, struct arg_value *v)
{
	const struct bootfs_file *f;

	switch (a->type) {
	case ARG_FLAG:
	case ARG_COMMAND:
	case ARG_TEXT:
		return 0;
	case ARG_DOMAIN:
		v->vm = domains_find(v->text);
		if (v->vm)
			return 0;
		say_error(c->session, "Failed to get domain '%s'", v->text);
		return say_error(c->session, "Domain not found: none has that name, id or UUID");
	case ARG_NUMBER:
		if (!str_to_u64(v->text, &v->number))
			return 0;
		return say_error(c->session,
				 "Numeric value '%s' for <%s> option is malformed or out of range",
				 v->text, a->name);
	case ARG_CPUS:
		if (!cpuset_parse(v->text, &v->cpus))
			return 0;
		return say_error(c->session, "invalid cpulist '%s'", v->text);
	case ARG_FILE:
		f = bootfs_find(v->text);
		if (f && is_xml(v->text))
			return 0;
		say_error(c->session, "Failed to open file '%s'", v->text);
		return say_error(c->session,
				 f ? "it is not named *.xml" : "it is not in the boot set");
	case ARG_CHOICE:
		return parse_choice(c, a, v);
	case ARG_SETTING:
		return parse_setting(c, a, v);
	}
	return -EINVAL;
}

static int add_value(struct call *c, const struct arg_spec *a, const char *text)
{
	struct arg_value v = { .spec = (u32)(a - c->command->args), .text = text };
	int err;

	if (a->how != ARG_MANY && call_value(c, v.spec, 0))
		return say_error(c->session, "option --%s already seen", a->name);
	if (c->count == COMMAND_VALUES_MAX)
		return say_error(c->session, "too many arguments");
	err = parse_value(c, a, &v);
	if (!err)
		c->values[c->count++] = v;
	return err;
}

/* Where a value without a name goes; NULL: all have one. */
static const struct arg_spec *next_free(const struct call *c)
{
	for (const struct arg_spec *a = c->command->args; a && a->name; a++) {
		u32 spec = (u32)(a - c->command->args);

		if (a->type != ARG_FLAG && (a->how == ARG_MANY || !call_value(c, spec, 0)))
			return a;
	}
	return NULL;
}

/*
 * word is "--name" or "--name=value"; next (or NULL) is the word behind it. *used: it was the
 * value.
 */
static int parse_option(struct call *c, const char *word, const char *next, bool *used)
{
	const char *name = word + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct arg_spec *a = command_arg(c->command, name, len);

	*used = false;
	if (!a)
		return say_error(c->session, "command '%s' doesn't support option --%.*s",
				 c->command->name, (int)len, name);
	if (a->type == ARG_FLAG) {
		if (!equals)
			return add_value(c, a, "");
		return say_error(c->session, "invalid '=' after option --%s", a->name);
	}
	if (equals)
		return add_value(c, a, equals + 1);
	if (!next)
		return say_error(c->session, "expected syntax: --%s <%s>", a->name,
				 arg_type_name(a->type));
	*used = true;
	return add_value(c, a, next);
}

int call_parse(struct call *c, u32 count, char *const *words)
{
	const struct arg_spec *a;
	bool options = true, used;

	c->count = 0;
	for (u32 i = 0; i < count; i++) {
		int err;

		if (options && !strcmp(words[i], "--")) {
			options = false;
			continue;
		}
		used = false;
		a = next_free(c);
		if (options && str_prefix(words[i], "--"))
			err = parse_option(c, words[i], i + 1 < count ? words[i + 1] : NULL, &used);
		else if (a)
			err = add_value(c, a, words[i]);
		else
			err = say_error(c->session, "unexpected data '%s'", words[i]);
		if (err)
			return err;
		i += used;
	}
	for (a = c->command->args; a && a->name; a++) {
		if (a->how == ARG_REQUIRED && !call_value(c, (u32)(a - c->command->args), 0))
			return say_error(c->session, "command '%s' requires <%s> option",
					 c->command->name, a->name);
	}
	return 0;
}

void call_end(struct call *c)
{
	for (u32 i = 0; i < c->count; i++) {
		if (c->command->args[c->values[i].spec].type == ARG_DOMAIN)
			vm_put(c->values[i].vm);
	}
	c->count = 0;
}

int command_run(const struct session *s, char *line)
{
	struct call call = { .session = s };
	struct words w;
	int err;

	if (words_split(&w, line))
		return say_error(s, "too many words");
	if (!w.count)
		return 0;
	if (w.unbalanced)
		return say_error(s, "missing \" or '");
	call.command = command_find(w.word[0]);
	if (!call.command)
		return say_error(s, "unknown command: '%s'", w.word[0]);
	err = call_parse(&call, w.count - 1, w.word + 1);
	if (!err)
		err = call.command->run(&call);
	call_end(&call);
	return err;
}
