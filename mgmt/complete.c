/*
 * Completion: the words before the cursor say which argument of which command comes, its type says
 * what it may be.
 */
#include "mgmt/complete.h"

#include "core/bootfs.h"
#include "lib/string.h"
#include "mgmt/command.h"
#include "mgmt/domains.h"
#include "mgmt/lineedit.h"
#include "mgmt/words.h"
#include "vm/vm.h"

#define COLUMNS 80u
#define GAP     2u

struct search {
	struct completion *found;
	const char *typed; /* what candidates begin with */
	size_t common;     /* so many characters are the same in all of them */
	enum arg_offer offer;
};

/* Candidates are kept as they are typed: with backslashes. */
static void offer(struct search *s, const char *candidate)
{
	struct completion *f = s->found;
	char *to = f->text + f->used;
	size_t same = 0, len;

	if (!str_prefix(candidate, s->typed))
		return;
	if (words_quote(candidate, to, sizeof(f->text) - f->used))
		return; /* no room: the list is not complete, what is inserted may be too
               long */
	len = strlen(to);
	if (f->count) {
		while (same < s->common && f->text[same] == to[same])
			same++;
		s->common = same;
	} else {
		s->common = len;
	}
	f->longest = MAX(f->longest, (u32)len);
	f->used += len + 1;
	f->count++;
}

static int offer_domain(struct vm *vm, void *ctx)
{
	struct search *s = ctx;

	if (s->offer == OFFER_ALL || domain_active(vm) == (s->offer == OFFER_ACTIVE))
		offer(s, vm->cfg.name);
	return 0;
}

static void offer_files(struct search *s)
{
	const struct bootfs_file *f;

	for (size_t i = 0; (f = bootfs_get(i)); i++) {
		size_t n = strlen(f->path);

		if (n > 4 && !strcmp(f->path + n - 4, ".xml"))
			offer(s, f->path);
	}
}

static void offer_commands(struct search *s)
{
	for (u32 i = 0; command_groups[i]; i++) {
		for (const struct command *c = command_groups[i]->commands; c->name; c++)
			offer(s, c->name);
	}
}

static void offer_values(struct search *s, const struct arg_spec *a)
{
	s->offer = a->offer;
	if (a->type == ARG_DOMAIN)
		(void)domains_each(offer_domain, s);
	else if (a->type == ARG_FILE)
		offer_files(s);
	else if (a->type == ARG_COMMAND)
		offer_commands(s);
	for (u32 i = 0; a->choices && a->choices[i]; i++)
		offer(s, a->choices[i]);
}

/*
 * Which arguments the words so far have given; the option that the next one is the value of, or
 * NULL.
 */
static const struct arg_spec *walk(const struct command *command, const struct words *w, u64 *given)
{
	const struct arg_spec *args = command->args, *pending = NULL;

	*given = 0;
	for (u32 i = 1; i + 1 < w->count; i++) {
		const char *word = w->word[i], *equals = strchr(word, '=');
		const struct arg_spec *a = args;

		if (pending) {
			pending = NULL;
			continue;
		}
		if (str_prefix(word, "--")) {
			word += 2;
			a = command_arg(command, word,
					equals ? (size_t)(equals - word) : strlen(word));
			if (a && a->type != ARG_FLAG && !equals)
				pending = a;
		} else {
			while (a && a->name && (a->type == ARG_FLAG || *given & BIT(a - args)))
				a++;
		}
		if (a && a->name && a->how != ARG_MANY)
			*given |= BIT(a - args);
	}
	return pending;
}

static void offer_options(struct search *s, const struct command *command, u64 given)
{
	char word[COMPLETE_WORD_SIZE] = "--";

	for (const struct arg_spec *a = command->args; a && a->name; a++) {
		if (given & BIT(a - command->args))
			continue;
		if (!str_copy(word + 2, sizeof(word) - 2, a->name))
			offer(s, word);
	}
}

static void offer_argument(struct search *s, const struct command *command, const struct words *w)
{
	const struct arg_spec *a;
	u64 given;

	a = walk(command, w, &given);
	if (a) {
		offer_values(s, a);
		return;
	}
	if (str_prefix(s->typed, "-")) {
		offer_options(s, command, given);
		return;
	}
	for (a = command->args; a && a->name; a++) {
		if (a->type != ARG_FLAG && !(given & BIT(a - command->args))) {
			offer_values(s, a);
			return;
		}
	}
	/* Only options are left. */
	if (!*s->typed)
		offer_options(s, command, given);
}

/* True: a value is typed right behind the only candidate. */
static bool wants_value(const struct completion *c, const struct command *command)
{
	for (const struct arg_spec *a = command ? command->args : NULL; a && a->name; a++) {
		for (u32 i = 0; a->type == ARG_SETTING && a->choices[i]; i++) {
			if (!strcmp(a->choices[i], c->text))
				return true;
		}
	}
	return false;
}

void complete(struct completion *c, const char *line)
{
	struct search s = { .found = c, .typed = "" };
	const struct command *command = NULL;
	char copy[LINEEDIT_SIZE], quoted[COMPLETE_WORD_SIZE];
	struct words w;
	size_t n;

	memset(c, 0, sizeof(*c));
	if (str_copy(copy, sizeof(copy), line) || words_split(&w, copy))
		return;
	if (w.count && w.open)
		s.typed = w.word[w.count - 1];
	else if (w.count < WORDS_MAX)
		w.word[w.count++] = copy + strlen(line); /* a new word, still empty */
	else
		return;
	if (w.count == 1) {
		offer_commands(&s);
	} else {
		command = command_find(w.word[0]);
		if (command)
			offer_argument(&s, command, &w);
	}
	if (!c->count || words_quote(s.typed, quoted, sizeof(quoted)))
		return;
	n = strlen(quoted);
	if (s.common < n || s.common - n > sizeof(c->insert) - 2)
		return;
	memcpy(c->insert, c->text + n, s.common - n);
	if (c->count == 1)
		c->insert[s.common - n] = wants_value(c, command) ? '=' : ' ';
}

void complete_list(const struct completion *c, const struct session *s)
{
	u32 width = c->longest + GAP, columns = MAX((COLUMNS - 1) / width, 1u);
	const char *text = c->text;

	for (u32 i = 0; i < c->count; i++, text += strlen(text) + 1) {
		if ((i + 1) % columns && i + 1 < c->count)
			say(s, "%-*s", (int)width, text);
		else
			say(s, "%s\n", text);
	}
}
