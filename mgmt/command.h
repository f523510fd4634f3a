/*
 * The commands: one table of them, in groups, whoever asks. A row says what a command takes, so
 * that one parser checks what is typed, help and docs/console.md are printed and Tab completes from
 * the same text. Names, forms and errors are virsh's where it has them.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/cpuset.h"
#include "lib/types.h"
#include "mgmt/session.h"

#define COMMAND_VALUES_MAX 32u /* typed at a time */
#define SYNOPSIS_MAX       256u

struct command;
struct vm;

enum arg_type {
	ARG_FLAG,    /* --name alone */
	ARG_DOMAIN,  /* name, id or UUID of a domain that there is */
	ARG_NUMBER,  /* unsigned */
	ARG_TEXT,    /* a word: the command knows what it may be */
	ARG_CPUS,    /* as cpuset_parse() takes it */
	ARG_FILE,    /* a document (*.xml) of the boot set */
	ARG_COMMAND, /* a command's name */
	ARG_CHOICE,  /* one of the words that choices has */
	ARG_SETTING, /* name=value: a whole number for one of the names that choices
                  lists */
};

enum arg_how {
	ARG_OPTIONAL,
	ARG_REQUIRED,
	ARG_MANY, /* optional, and as often as one likes; those behind it go by their options alone */
};

/* Which domains Tab offers; any may be named. */
enum arg_offer { OFFER_ALL, OFFER_ACTIVE, OFFER_INACTIVE };

/* Other than a flag: `--name VALUE`, `--name=VALUE`, or VALUE in the order of the list. */
struct arg_spec {
	const char *name;
	enum arg_type type;
	enum arg_how how;
	enum arg_offer offer;       /* ARG_DOMAIN */
	const char *const *choices; /* ARG_CHOICE, ARG_SETTING: ended by NULL */
	const char *help;
};

struct arg_value {
	u32 spec; /* which argument of the command */
	const char *text;
	union {
		struct vm *vm; /* a reference, given back when the command has ended */
		u64 number;    /* of ARG_CHOICE: its place among the choices */
		struct cpuset cpus;
		struct {
			u32 choice;
			s64 value;
		} setting;
	};
};

/* A command that was typed. Its run() returns 0, or anything else once it has said why not. */
struct call {
	const struct session *session;
	const struct command *command;
	u32 count;
	struct arg_value values[COMMAND_VALUES_MAX];
};

struct command {
	const char *name;
	const char *help;            /* a line, without a full stop */
	const char *text;            /* a paragraph or more; may be NULL */
	const struct arg_spec *args; /* ended by name NULL; NULL: it takes none */
	int (*run)(struct call *c);
};

struct command_group {
	const char *title;
	const char *word;               /* `help WORD` lists this group alone */
	const struct command *commands; /* ended by name NULL */
};

#define ARGS(...) ((const struct arg_spec[]){ __VA_ARGS__, { .name = NULL } })

/* The groups in the order in which help lists them, and their rows: mgmt/cmd_*.c */
extern const struct command_group *const command_groups[]; /* ended by NULL */
extern const struct command_group group_domain, group_monitor, group_sched, group_host, group_block,
	group_nodedev, group_shell;

/* NULL: there is none. */
const struct command *command_find(const char *name);

/*
 * Runs a line: a command and its arguments. line is changed. 0: it was done, or the line was blank;
 * else not, which was said. A thread that may block.
 */
int command_run(const struct session *s, char *line);

/*
 * Checks the words behind a command's name against its arguments; says what is wrong with them.
 * Then, and when the command is done, call_end() gives back what the values hold.
 */
int call_parse(struct call *c, u32 count, char *const *words) __must_check;
void call_end(struct call *c);

/* The n-th value (from 0) that was given for an argument; NULL: there is none.
 */
const struct arg_value *call_value(const struct call *c, u32 spec, u32 n);
bool call_flag(const struct call *c, u32 spec);

/* The argument of that name, "--" being stripped; NULL: there is none. */
const struct arg_spec *command_arg(const struct command *command, const char *name, size_t len);

/* What stands for a value of that type in help. */
const char *arg_type_name(enum arg_type type);

/* A command with its arguments as one line for people; size: SYNOPSIS_MAX is enough. */
void command_synopsis(const struct command *command, char *buf, size_t size);
