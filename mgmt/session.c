/*
 * Output of commands.
 */
#include "mgmt/session.h"

#include "lib/fmt.h"
#include "lib/string.h"

#define OUTPUT_MAX 512 /* of one say() */

void session_write(const struct session *s, const char *text, size_t n)
{
	s->ops->write(s->ctx, text, n);
}

static void vsay(const struct session *s, const char *before, const char *after, const char *fmt,
		 va_list ap)
{
	char text[OUTPUT_MAX];
	size_t n = strlen(before), room = sizeof(text) - n - strlen(after);
	int len;

	memcpy(text, before, n);
	len = vsnprintf(text + n, room, fmt, ap);
	if (len < 0)
		return;
	n += MIN((size_t)len, room - 1);
	memcpy(text + n, after, strlen(after));
	session_write(s, text, n + strlen(after));
}

void say(const struct session *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(s, "", "", fmt, ap);
	va_end(ap);
}

int say_error(const struct session *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(s, "error: ", "\n", fmt, ap);
	va_end(ap);
	return -1;
}
