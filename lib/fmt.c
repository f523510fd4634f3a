/*
 * The printf family, without floating point. Freestanding, allocates nothing, takes no lock: it
 * runs in any context, panic and NMI included.
 */
#include "lib/fmt.h"

#include "lib/string.h"

/* In host tests the C library's are used, except in the test of this file (string_names.h). */
#if !defined(PLINTH_HOST_TEST) || defined(STRING_UNDER_TEST)

#define LENGTH_MAX 0x7fffffffu /* what an int result can say */
#define DIGITS_MAX 20          /* of 2^64 - 1 in decimal */

struct out {
	char *buf;
	size_t room; /* bytes that may be written before the NUL */
	size_t len;  /* of the whole text, which may be more */
};

/* The caller's arguments, as a struct so that functions can take its address. */
struct args {
	va_list ap;
};

enum length { LEN_CHAR, LEN_SHORT, LEN_INT, LEN_LONG };

/* One conversion: %[flags][width][.precision][length]conversion */
struct spec {
	bool left, zero, alt, plus, space;
	u32 width;
	s32 precision; /* -1: none given */
	enum length length;
};

static void put(struct out *o, const char *s, size_t n)
{
	if (o->len < o->room)
		memcpy(o->buf + o->len, s, MIN(n, o->room - o->len));
	o->len += n;
}

static void pad(struct out *o, char c, size_t n)
{
	if (o->len < o->room)
		memset(o->buf + o->len, c, MIN(n, o->room - o->len));
	o->len += n;
}

/* The width that text of n bytes still lacks. */
static size_t lack(const struct spec *s, size_t n)
{
	return s->width > n ? s->width - n : 0;
}

static void put_padded(struct out *o, const struct spec *s, const char *text, size_t n)
{
	if (!s->left)
		pad(o, ' ', lack(s, n));
	put(o, text, n);
	if (s->left)
		pad(o, ' ', lack(s, n));
}

/* Writes v's digits so that they end at end; returns where they begin. No digit for 0. */
static char *digits(char *end, u64 v, u32 base, const char *set)
{
	for (; v; v /= base)
		*--end = set[v % base];
	return end;
}

/* A number of which sign or base prefix and digits are known: zeros and blanks around them. */
static void put_number(struct out *o, const struct spec *s, const char *prefix, const char *text,
		       size_t n)
{
	size_t plen = strlen(prefix), zeros = 0;
	size_t least = s->precision < 0 ? 1 : (size_t)s->precision;

	if (n < least)
		zeros = least - n;
	if (s->zero && !s->left && s->precision < 0)
		zeros = MAX(zeros, lack(s, plen + n));
	if (!s->left)
		pad(o, ' ', lack(s, plen + zeros + n));
	put(o, prefix, plen);
	pad(o, '0', zeros);
	put(o, text, n);
	if (s->left)
		pad(o, ' ', lack(s, plen + zeros + n));
}

static void put_unsigned(struct out *o, const struct spec *s, u64 v, char conversion)
{
	char buf[DIGITS_MAX], *end = buf + sizeof(buf), *text;
	const char *prefix = "";

	if (conversion == 'u') {
		text = digits(end, v, 10, "0123456789");
	} else if (conversion == 'X') {
		text = digits(end, v, 16, "0123456789ABCDEF");
		prefix = s->alt && v ? "0X" : "";
	} else {
		text = digits(end, v, 16, "0123456789abcdef");
		prefix = s->alt && (v || conversion == 'p') ? "0x" : "";
	}
	put_number(o, s, prefix, text, end - text);
}

static void put_signed(struct out *o, const struct spec *s, s64 v)
{
	char buf[DIGITS_MAX], *end = buf + sizeof(buf), *text;
	const char *prefix = v < 0 ? "-" : s->plus ? "+" : s->space ? " " : "";

	text = digits(end, v < 0 ? -(u64)v : (u64)v, 10, "0123456789");
	put_number(o, s, prefix, text, end - text);
}

/* Arguments narrower than int are passed as int and cut here, as C says. */
static u64 take_unsigned(const struct spec *s, struct args *a)
{
	switch (s->length) {
	case LEN_CHAR:
		return (u8)va_arg(a->ap, u32);
	case LEN_SHORT:
		return (u16)va_arg(a->ap, u32);
	case LEN_LONG:
		return va_arg(a->ap, u64);
	default:
		return va_arg(a->ap, u32);
	}
}

static s64 take_signed(const struct spec *s, struct args *a)
{
	switch (s->length) {
	case LEN_CHAR:
		return (s8)va_arg(a->ap, s32);
	case LEN_SHORT:
		return (s16)va_arg(a->ap, s32);
	case LEN_LONG:
		return va_arg(a->ap, s64);
	default:
		return va_arg(a->ap, s32);
	}
}

static void put_string(struct out *o, const struct spec *s, const char *text)
{
	if (!text)
		text = "(null)";
	put_padded(o, s, text, s->precision < 0 ? strlen(text) : strnlen(text, s->precision));
}

static const char *parse_flags(const char *p, struct spec *s)
{
	for (;; p++) {
		switch (*p) {
		case '-':
			s->left = true;
			break;
		case '0':
			s->zero = true;
			break;
		case '#':
			s->alt = true;
			break;
		case '+':
			s->plus = true;
			break;
		case ' ':
			s->space = true;
			break;
		default:
			return p;
		}
	}
}

static const char *parse_number(const char *p, u32 *v)
{
	for (*v = 0; *p >= '0' && *p <= '9'; p++)
		*v = MIN(*v * 10ULL + (*p - '0'), LENGTH_MAX);
	return p;
}

static const char *parse_width(const char *p, struct spec *s, struct args *a)
{
	if (*p == '*') {
		s32 v = va_arg(a->ap, s32);

		s->left |= v < 0;
		s->width = v < 0 ? -(u32)v : (u32)v;
		return p + 1;
	}
	return parse_number(p, &s->width);
}

static const char *parse_precision(const char *p, struct spec *s, struct args *a)
{
	u32 v;

	s->precision = -1;
	if (*p != '.')
		return p;
	if (*++p == '*') {
		s->precision = va_arg(a->ap, s32);
		s->precision = MAX(s->precision, -1);
		return p + 1;
	}
	p = parse_number(p, &v);
	s->precision = v;
	return p;
}

static const char *parse_length(const char *p, struct spec *s)
{
	s->length = LEN_INT;
	if (*p == 'l' || *p == 'z') {
		s->length = LEN_LONG;
		return p[0] == 'l' && p[1] == 'l' ? p + 2 : p + 1;
	}
	if (*p == 'h') {
		s->length = p[1] == 'h' ? LEN_CHAR : LEN_SHORT;
		return p[1] == 'h' ? p + 2 : p + 1;
	}
	return p;
}

/* Formats one conversion; p is behind its '%'. Returns what follows it. */
static const char *convert(struct out *o, const char *p, struct args *a)
{
	const char *start = p;
	struct spec s = { 0 };
	char c;

	p = parse_flags(p, &s);
	p = parse_width(p, &s, a);
	p = parse_precision(p, &s, a);
	p = parse_length(p, &s);
	switch (*p) {
	case 'd':
	case 'i':
		put_signed(o, &s, take_signed(&s, a));
		break;
	case 'u':
	case 'x':
	case 'X':
		put_unsigned(o, &s, take_unsigned(&s, a), *p);
		break;
	case 'p':
		s.alt = true;
		put_unsigned(o, &s, (u64)va_arg(a->ap, void *), 'p');
		break;
	case 'c':
		c = (char)va_arg(a->ap, int);
		put_padded(o, &s, &c, 1);
		break;
	case 's':
		put_string(o, &s, va_arg(a->ap, const char *));
		break;
	case '%':
		put(o, "%", 1);
		break;
	default: /* not a conversion: shown as it stands */
		put(o, "%", 1);
		return start;
	}
	return p + 1;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { .buf = buf, .room = size ? size - 1 : 0 };
	struct args a;

	va_copy(a.ap, ap);
	while (*fmt) {
		const char *start = fmt;

		while (*fmt && *fmt != '%')
			fmt++;
		put(&o, start, fmt - start);
		if (*fmt)
			fmt = convert(&o, fmt + 1, &a);
	}
	va_end(a.ap);
	if (size)
		buf[MIN(o.len, o.room)] = '\0';
	return (int)MIN(o.len, LENGTH_MAX);
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

#endif

void fmt_hex(char *out, const u8 *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = '\0';
}
