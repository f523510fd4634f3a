/*
 * The line editor's history: a ring of lines.
 */
#include "mgmt/history.h"

#include "lib/string.h"

static bool is_blank(const char *line)
{
	while (*line == ' ')
		line++;
	return !*line;
}

void history_add(struct history *h, const char *line)
{
	const char *newest = history_get(h, 1);
	char *to = h->lines[h->count % HISTORY_LINES];

	if (is_blank(line) || strlen(line) >= HISTORY_LINE_SIZE)
		return;
	if (newest && !strcmp(newest, line))
		return;
	memcpy(to, line, strlen(line) + 1);
	h->count++;
}

const char *history_get(const struct history *h, u32 back)
{
	if (!back || back > h->count || back > HISTORY_LINES)
		return NULL;
	return h->lines[(h->count - back) % HISTORY_LINES];
}
