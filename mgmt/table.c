/*
 * Text tables.
 */
#include "mgmt/table.h"

#include "lib/string.h"
#include "mgmt/session.h"

#define GAP 3u /* one blank before a cell, two behind it */

void table_add(struct table *t, const char *text)
{
	u32 column = t->cells % t->columns;
	size_t size = strlen(text) + 1;

	if (t->full || size > TABLE_TEXT_SIZE - t->used) {
		t->full = true;
		return;
	}
	memcpy(t->text + t->used, text, size);
	t->used += size;
	t->width[column] = MAX(t->width[column], (u32)size - 1);
	t->cells++;
}

void table_init(struct table *t, u32 columns, const char *const *heads)
{
	memset(t, 0, sizeof(*t));
	t->columns = columns;
	for (u32 i = 0; i < columns; i++)
		table_add(t, heads[i]);
}

static void print_rule(const struct table *t, const struct session *s)
{
	for (u32 i = 0; i < t->columns; i++) {
		for (u32 n = 0; n < t->width[i] + GAP; n++)
			session_write(s, "-", 1);
	}
	session_write(s, "\n", 1);
}

void table_print(const struct table *t, const struct session *s)
{
	const char *text = t->text;
	u32 whole = t->cells - t->cells % t->columns;

	for (u32 i = 0; i < whole; i++, text += strlen(text) + 1) {
		u32 column = i % t->columns;

		if (column == t->columns - 1)
			say(s, " %s\n", text);
		else
			say(s, " %-*s  ", (int)t->width[column], text);
		if (i == t->columns - 1)
			print_rule(t, s);
	}
	say(s, "%s\n", t->full ? " (and more)" : "");
}
