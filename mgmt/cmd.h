/*
 * What the commands' files share.
 */
#pragma once

#include "lib/types.h"
#include "mgmt/command.h"

struct blkdev;
struct vm;

#define NS_PER_SECOND 1000000000ULL
#define NS_PER_TENTH  (NS_PER_SECOND / 10)

/* The arguments that most commands begin with. */
#define DOMAIN_ARG(which)                                                                          \
	{                                                                                          \
		.name = "domain", .type = ARG_DOMAIN, .how = ARG_REQUIRED, .offer = (which),       \
		.help = "domain name, id or uuid"                                                  \
	}
#define DISK_ARG                                                                                   \
	{                                                                                          \
		.name = "device", .type = ARG_TEXT, .how = ARG_REQUIRED,                           \
		.help = "block device by its name or PARTUUID"                                     \
	}
#define FLAG_ARG(word, text)                                                                       \
	{                                                                                          \
		.name = (word), .type = ARG_FLAG, .help = (text)                                   \
	}

/* The domain, where DOMAIN_ARG() is the command's first argument. */
static inline struct vm *call_domain(const struct call *c)
{
	return call_value(c, 0, 0)->vm;
}

/*
 * How often all vCPUs left guest mode, and how long they ran, in ns, since the domain was started; and how
 * long they would have run, but waited for a CPU.
 */
u64 domain_exits(const struct vm *vm);
u64 domain_cpu_time(struct vm *vm);
u64 domain_cpu_times(struct vm *vm, u64 *waited);

/* Commands in files of their own, and their arguments. */
int cmd_domstats(struct call *c);
int cmd_stat(struct call *c);
int cmd_top(struct call *c);
int cmd_trace(struct call *c);
extern const struct arg_spec cmd_domstats_args[], cmd_stat_args[], cmd_trace_args[];

/* mgmt/cmd_cpu.c: rows of the host's group. */
int cmd_cpu_models(struct call *c);
int cmd_domcapabilities(struct call *c);

/* mgmt/cmd_capabilities.c: the same. */
int cmd_capabilities(struct call *c);

/* mgmt/cmd_block.c: the device, where DISK_ARG is the command's first argument, with a reference; NULL, and it was said. */
struct blkdev *call_disk(const struct call *c);
/* Says why a request failed; -1. */
int say_blk_error(const struct call *c, const char *what, int err);

/* mgmt/cmd_blktest.c */
int cmd_blktest(struct call *c);
extern const struct arg_spec cmd_blktest_args[];
