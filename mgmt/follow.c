/*
 * Followed output: builds lines out of what guests write, and hands them to the console several at
 * a time.
 */
#include "mgmt/follow.h"

#include "core/clock.h"
#include "core/console.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define PARTIAL_NS 1000000000ULL /* so long an unfinished line waits for its end */
#define SHOWN_MAX  4u            /* characters that show one byte */

static char batch[2 * FOLLOW_LINE_SIZE];
static size_t batch_len;

void follow_init(struct follow *f, const char *name, u32 port)
{
	int n;

	if (port)
		n = snprintf(f->line, sizeof(f->line), "[%s:%u] ", name, port);
	else
		n = snprintf(f->line, sizeof(f->line), "[%s] ", name);
	f->prefix = (u32)n;
	f->len = f->prefix;
}

size_t follow_collected(void)
{
	return batch_len;
}

void follow_flush(void)
{
	if (!batch_len)
		return;
	console_write_line(batch, batch_len);
	batch_len = 0;
}

static void line_end(struct follow *f)
{
	f->line[f->len++] = '\n';
	if (batch_len + f->len > sizeof(batch))
		follow_flush();
	memcpy(batch + batch_len, f->line, f->len);
	batch_len += f->len;
	f->len = f->prefix;
}

/* A byte is shown as it is, as ^X or as \xNN. */
void follow_add(struct follow *f, u8 byte)
{
	char shown[SHOWN_MAX + 1];
	int n;

	if (byte == '\n') {
		line_end(f);
		return;
	}
	if (byte == '\r')
		return;
	if ((byte >= ' ' && byte <= '~') || byte == '\t')
		n = snprintf(shown, sizeof(shown), "%c", byte);
	else if (byte < 0x80)
		n = snprintf(shown, sizeof(shown), "^%c", byte ^ 0x40);
	else
		n = snprintf(shown, sizeof(shown), "\\x%02x", byte);
	memcpy(f->line + f->len, shown, (size_t)n);
	f->len += (u32)n;
	f->last_ns = clock_ns();
	if (f->len + SHOWN_MAX + 1 > FOLLOW_LINE_SIZE)
		line_end(f);
}

void follow_finish(struct follow *f)
{
	if (f->len == f->prefix)
		return;
	line_end(f);
	follow_flush();
}

u64 follow_deadline(const struct follow *f)
{
	return f->len > f->prefix ? f->last_ns + PARTIAL_NS : ~0ULL;
}
