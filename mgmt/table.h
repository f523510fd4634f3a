/*
 * Tables of text as virsh prints them: columns as wide as they have to be, a rule below the heads.
 */
#pragma once

#include "lib/types.h"

#define TABLE_COLUMNS_MAX 4u
#define TABLE_TEXT_SIZE   8192u

struct session;

struct table {
	u32 columns, cells;
	u32 width[TABLE_COLUMNS_MAX];
	bool full; /* text had no room for all of it */
	size_t used;
	char text[TABLE_TEXT_SIZE]; /* the cells, row by row, each with its NUL */
};

void table_init(struct table *t, u32 columns, const char *const *heads);

/* Adds the next cell of a row. What does not fit is left out, and the table says so. */
void table_add(struct table *t, const char *text);

void table_print(const struct table *t, const struct session *s);
