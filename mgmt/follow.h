/*
 * Followed output: whole lines behind a prefix, in printable characters only, so that a guest sends no
 * control sequences to the terminal and cannot fake a line. For the manager's thread.
 */
#pragma once

#include "lib/types.h"

#define FOLLOW_LINE_SIZE 1024u /* with its prefix; longer ones are broken up */

struct follow {
	u32 prefix; /* bytes of line that are its prefix */
	u32 len;
	u64 last_ns; /* when something was added to an unfinished line */
	char line[FOLLOW_LINE_SIZE];
};

/* name is the domain's; port 0 is not shown. */
void follow_init(struct follow *f, const char *name, u32 port);

/* Adds a byte. Whole lines are collected for follow_flush(). */
void follow_add(struct follow *f, u8 byte);

/* Bytes collected. */
size_t follow_collected(void);

/* Writes what was collected. */
void follow_flush(void);

/* Ends an unfinished line, if there is one, and writes it. */
void follow_finish(struct follow *f);

/* When an unfinished line is to be shown as it is; ~0: there is none. */
u64 follow_deadline(const struct follow *f);
