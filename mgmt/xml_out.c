/*
 * Which characters XML text cannot hold as they are (Extensible Markup Language 1.0, sections 2.4,
 * 2.11 "End-of-Line Handling" and 3.3.3 "Attribute-Value Normalization").
 */
#include "mgmt/xml_out.h"

#include "lib/fmt.h"
#include "lib/string.h"

void xml_out_start(struct xml_out *o, char *buf, size_t size)
{
	*o = (struct xml_out){ .buf = buf, .size = size };
	buf[0] = '\0';
}

bool xml_out_fits(const struct xml_out *o)
{
	return o->len < o->size;
}

void xml_out_raw(struct xml_out *o, const char *s, size_t n)
{
	if (o->len < o->size) {
		size_t fits = MIN(n, o->size - 1 - o->len);

		memcpy(o->buf + o->len, s, fits);
		o->buf[o->len + fits] = '\0';
	}
	o->len += n;
}

void xml_out_fmt(struct xml_out *o, const char *fmt, ...)
{
	size_t used = MIN(o->len, o->size);
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(o->buf + used, o->size - used, fmt, ap);
	va_end(ap);
	o->len += n > 0 ? (size_t)n : 0;
}

static const char *escape(char c, bool value)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '\r': /* would be read as a line feed */
		return "&#13;";
	case '\'':
		return value ? "&apos;" : NULL;
	case '\n': /* these two would be read as blanks */
		return value ? "&#10;" : NULL;
	case '\t':
		return value ? "&#9;" : NULL;
	default:
		return NULL;
	}
}

static void escaped(struct xml_out *o, const char *s, size_t n, bool value)
{
	for (size_t i = 0; i < n; i++) {
		const char *e = escape(s[i], value);

		if (e)
			xml_out_raw(o, e, strlen(e));
		else
			xml_out_raw(o, &s[i], 1);
	}
}

void xml_out_text(struct xml_out *o, const char *s, size_t n)
{
	escaped(o, s, n, false);
}

void xml_out_value(struct xml_out *o, const char *s, size_t n)
{
	escaped(o, s, n, true);
}
