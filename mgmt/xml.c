/*
 * The strict reader: expat's events against the tables. Documents are outside input: their size, depth
 * and number of elements and attributes are bounded, DTDs and processing instructions are refused.
 */
#include "mgmt/xml.h"

#include <expat.h>

#include "core/random.h"
#include "core/panic.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mgmt/xml_out.h"

#define SEEN_BITS    32
#define DEPTH_MAX    32
#define ELEMENTS_MAX 4096
#define ATTRS_MAX    32
#define VALUE_SHOWN  64 /* of a value in a message */

struct frame {
	const struct xml_element *element;
	u32 line;
	u32 seen; /* which of its children, by index */
};

struct xml {
	XML_Parser parser;
	const char *file;
	void *ctx;
	char *err;
	size_t errlen;
	int failed;                     /* 0 or the error to return */
	const struct xml_element *root; /* a table of one */
	const char *attr;               /* whose value is being set */
	u32 elements;
	u32 depth;           /* open elements that the tables know: the valid entries of stack */
	u32 inner;           /* open elements in an XML_ANY_CONTENT one */
	bool tag_open;       /* the last start tag that was kept lacks its end */
	struct xml_out kept; /* without a buffer: nobody wants the content */
	struct frame stack[DEPTH_MAX];
	size_t text_len;
	char text[XML_TEXT_MAX + 1];
};

static struct frame *top(struct xml *x)
{
	return x->depth ? &x->stack[x->depth - 1] : NULL;
}

static u32 current_line(const struct xml *x)
{
	return (u32)XML_GetCurrentLineNumber(x->parser);
}

/* Names and values come from the document: a message is one line of plain text all the same. */
static void make_printable(char *s)
{
	for (; *s; s++) {
		if (*s < ' ' || *s > '~')
			*s = '?';
	}
}

static __printf(3, 0) int vfail(struct xml *x, u32 line, const char *fmt, va_list ap)
{
	int n;

	if (x->failed)
		return x->failed;
	x->failed = -EINVAL;
	n = snprintf(x->err, x->errlen, "%s:%u: ", x->file, line);
	if (n >= 0 && (size_t)n < x->errlen)
		vsnprintf(x->err + n, x->errlen - (size_t)n, fmt, ap);
	make_printable(x->err);
	XML_StopParser(x->parser, XML_FALSE);
	return -EINVAL;
}

int xml_fail_at(struct xml *x, u32 line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfail(x, line, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

int xml_fail(struct xml *x, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfail(x, x->depth ? xml_line(x) : current_line(x), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

void *xml_ctx(struct xml *x)
{
	return x->ctx;
}

u32 xml_line(const struct xml *x)
{
	return x->stack[x->depth - 1].line;
}

int xml_bad_value(struct xml *x, const char *value)
{
	const char *name = top(x)->element->name;

	if (x->attr)
		return xml_fail(x, "value '%.*s' of attribute '%s' of <%s> is not supported",
				VALUE_SHOWN, value, x->attr, name);
	return xml_fail(x, "value '%.*s' of <%s> is not supported", VALUE_SHOWN, value, name);
}

int xml_choice(struct xml *x, const char *value, const char *const *names, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		if (!strcmp(value, names[i]))
			return (int)i;
	}
	return xml_bad_value(x, value);
}

int xml_copy(struct xml *x, const char *value, char *dst, size_t size)
{
	if (!str_copy(dst, size, value))
		return 0;
	return xml_fail(x, "the value of <%s> is longer than %zu bytes", top(x)->element->name,
			size - 1);
}

/* Content that is kept. */

void xml_keep(struct xml *x, char *dst, size_t size)
{
	xml_out_start(&x->kept, dst, size);
}

/* Where text or an element follows in the one that was opened last. */
static void close_tag(struct xml *x)
{
	if (x->tag_open)
		xml_out_raw(&x->kept, ">", 1);
	x->tag_open = false;
}

static void check_kept(struct xml *x)
{
	if (!xml_out_fits(&x->kept))
		xml_fail(x, "the content of <%s> is longer than %zu bytes", top(x)->element->name,
			 x->kept.size - 1);
}

static void keep_start(struct xml *x, const char *name, const char *const *atts)
{
	struct xml_out *o = &x->kept;

	if (!o->buf)
		return;
	close_tag(x);
	xml_out_fmt(o, "<%s", name);
	for (; *atts; atts += 2) {
		xml_out_fmt(o, " %s='", atts[0]);
		xml_out_value(o, atts[1], strlen(atts[1]));
		xml_out_raw(o, "'", 1);
	}
	x->tag_open = true;
	check_kept(x);
}

static void keep_end(struct xml *x, const char *name)
{
	if (!x->kept.buf)
		return;
	if (x->tag_open)
		xml_out_raw(&x->kept, "/>", 2);
	else
		xml_out_fmt(&x->kept, "</%s>", name);
	x->tag_open = false;
	check_kept(x);
}

/* Blanks at both ends do not count; a carriage return was written as a reference, on purpose. */
static bool is_outer_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static void keep_text(struct xml *x, const char *s, size_t n)
{
	if (!x->kept.buf)
		return;
	while (n && !x->kept.len && is_outer_blank(*s))
		s++, n--;
	if (!n)
		return;
	close_tag(x);
	xml_out_text(&x->kept, s, n);
	check_kept(x);
}

static void keep_finish(struct xml *x)
{
	struct xml_out *o = &x->kept;

	while (o->len && is_outer_blank(o->buf[o->len - 1]))
		o->buf[--o->len] = '\0';
	*o = (struct xml_out){ .buf = NULL };
}

/* Opens an element that the tables know. */
static int push(struct xml *x, const struct xml_element *e)
{
	if (x->depth == DEPTH_MAX)
		return xml_fail(x, "more than %d elements in one another", DEPTH_MAX);
	x->stack[x->depth++] = (struct frame){ .element = e, .line = current_line(x) };
	x->text_len = 0;
	return 0;
}

static const struct xml_element *find_element(const struct xml_element *table, const char *name)
{
	for (; table && table->name; table++) {
		if (!strcmp(table->name, name))
			return table;
	}
	return NULL;
}

/* Looks the element up and takes note of it in its parent. */
static const struct xml_element *enter(struct xml *x, const char *name)
{
	struct frame *parent = top(x);
	const struct xml_element *table = parent ? parent->element->children : x->root;
	const struct xml_element *e = find_element(table, name);

	if (!e) {
		xml_fail_at(x, current_line(x), "element <%.*s> is not supported", VALUE_SHOWN,
			    name);
		return NULL;
	}
	if (parent) {
		u32 bit = 1u << (e - table);

		ASSERT(e - table < SEEN_BITS);
		if ((parent->seen & bit) && !(e->flags & XML_MANY)) {
			xml_fail_at(x, current_line(x), "a second <%s> is not supported", name);
			return NULL;
		}
		parent->seen |= bit;
	}
	return push(x, e) ? NULL : e;
}

static const struct xml_attr *find_attr(const struct xml_attr *table, const char *name)
{
	for (; table && table->name; table++) {
		if (!strcmp(table->name, name))
			return table;
	}
	return NULL;
}

static int set_attr(struct xml *x, const struct xml_element *e, const char *name, const char *value)
{
	const struct xml_attr *a = find_attr(e->attrs, name);
	int err;

	if (!a)
		return xml_fail(x, "attribute '%.*s' of <%s> is not supported", VALUE_SHOWN, name,
				e->name);
	x->attr = a->name;
	err = a->set(x, value);
	x->attr = NULL;
	return err;
}

/* atts: names and values by turns, to a NULL. */
static bool has_attr(const char *const *atts, const char *name)
{
	for (; *atts; atts += 2) {
		if (!strcmp(*atts, name))
			return true;
	}
	return false;
}

static int set_attrs(struct xml *x, const struct xml_element *e, const char *const *atts)
{
	for (u32 i = 0; atts[i]; i += 2) {
		if (i / 2 == ATTRS_MAX)
			return xml_fail(x, "<%s> has more than %d attributes", e->name, ATTRS_MAX);
		if (set_attr(x, e, atts[i], atts[i + 1]))
			return -EINVAL;
	}
	for (const struct xml_attr *a = e->attrs; a && a->name; a++) {
		if (a->required && !has_attr(atts, a->name))
			return xml_fail(x, "<%s> lacks the attribute '%s'", e->name, a->name);
	}
	return 0;
}

static bool in_any_content(struct xml *x)
{
	return x->depth && (top(x)->element->flags & XML_ANY_CONTENT);
}

/* After a failure expat may still call a handler or two. */
static void start_element(void *data, const char *name, const char **atts)
{
	struct xml *x = data;
	const struct xml_element *e;

	if (x->failed)
		return;
	if (x->elements++ == ELEMENTS_MAX) {
		xml_fail_at(x, current_line(x), "more than %d elements", ELEMENTS_MAX);
		return;
	}
	if (in_any_content(x)) {
		if (x->depth + ++x->inner > DEPTH_MAX)
			xml_fail_at(x, current_line(x), "more than %d elements in one another",
				    DEPTH_MAX);
		else
			keep_start(x, name, atts);
		return;
	}
	e = enter(x, name);
	if (!e || (e->begin && e->begin(x)))
		return;
	(void)set_attrs(x, e, atts);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void character_data(void *data, const char *s, int len)
{
	struct xml *x = data;
	const struct xml_element *e;

	if (x->failed || !x->depth)
		return;
	if (in_any_content(x)) {
		keep_text(x, s, (size_t)len);
		return;
	}
	e = top(x)->element;
	for (int i = 0; i < len; i++) {
		if (!e->text && !is_blank(s[i])) {
			xml_fail_at(x, current_line(x), "text in <%s> is not supported", e->name);
			return;
		}
		/* Leading blanks do not count. */
		if (!e->text || (!x->text_len && is_blank(s[i])))
			continue;
		if (x->text_len == XML_TEXT_MAX) {
			xml_fail(x, "the value of <%s> is longer than %d bytes", e->name,
				 XML_TEXT_MAX);
			return;
		}
		x->text[x->text_len++] = s[i];
	}
}

static int finish_text(struct xml *x, const struct xml_element *e)
{
	if (!e->text)
		return 0;
	while (x->text_len && is_blank(x->text[x->text_len - 1]))
		x->text_len--;
	x->text[x->text_len] = '\0';
	if (x->text_len)
		return e->text(x, x->text);
	return e->flags & XML_MAY_BE_EMPTY ? 0 : xml_fail(x, "<%s> is empty", e->name);
}

static int check_required(struct xml *x, const struct frame *f)
{
	for (const struct xml_element *e = f->element->children; e && e->name; e++) {
		if ((e->flags & XML_REQUIRED) && !(f->seen & 1u << (e - f->element->children)))
			return xml_fail(x, "<%s> lacks <%s>", f->element->name, e->name);
	}
	return 0;
}

static void end_element(void *data, const char *name)
{
	struct xml *x = data;
	const struct xml_element *e;

	if (x->failed)
		return;
	if (x->inner) {
		x->inner--;
		keep_end(x, name);
		return;
	}
	e = top(x)->element;
	if (x->kept.buf)
		keep_finish(x);
	if (finish_text(x, e) || check_required(x, top(x)) || (e->end && e->end(x)))
		return;
	x->depth--;
	x->text_len = 0;
}

static void comment(void *data, const char *text)
{
	struct xml *x = data;

	if (x->failed || !x->kept.buf)
		return;
	close_tag(x);
	xml_out_fmt(&x->kept, "<!--%s-->", text);
	check_kept(x);
}

static void start_doctype(void *data, const char *name, const char *sysid, const char *pubid,
			  int has_internal)
{
	struct xml *x = data;

	(void)name, (void)sysid, (void)pubid, (void)has_internal;
	xml_fail_at(x, current_line(x), "a document type declaration is not supported");
}

static void processing_instruction(void *data, const char *target, const char *text)
{
	struct xml *x = data;

	(void)text;
	if (!x->failed)
		xml_fail_at(x, current_line(x), "processing instruction <?%.*s?> is not supported",
			    VALUE_SHOWN, target);
}

/* What expat itself found. */
static int fail_parse(struct xml *x)
{
	enum XML_Error code = XML_GetErrorCode(x->parser);
	const char *text = XML_ErrorString(code);

	if (x->failed)
		return x->failed;
	xml_fail_at(x, current_line(x), "%s", text ? text : "cannot be read");
	return code == XML_ERROR_NO_MEMORY ? -ENOMEM : -EINVAL;
}

static int read_with(struct xml *x, const u8 *data, size_t len)
{
	XML_SetUserData(x->parser, x);
	XML_SetElementHandler(x->parser, start_element, end_element);
	XML_SetCharacterDataHandler(x->parser, character_data);
	XML_SetCommentHandler(x->parser, comment);
	XML_SetStartDoctypeDeclHandler(x->parser, start_doctype);
	XML_SetProcessingInstructionHandler(x->parser, processing_instruction);
	XML_SetHashSalt(x->parser, random_u64() | 1);
	if (XML_Parse(x->parser, (const char *)data, (int)len, XML_TRUE) != XML_STATUS_OK)
		return fail_parse(x);
	return x->failed;
}

int xml_read(const char *file, const u8 *data, size_t len, const struct xml_element *root,
	     void *ctx, char *err, size_t errlen)
{
	struct xml_element roots[2] = { *root };
	struct xml x = { .file = file, .ctx = ctx, .err = err, .errlen = errlen, .root = roots };
	int ret;

	if (len > XML_DOCUMENT_MAX) {
		snprintf(err, errlen, "%s:1: larger than %llu KiB", file, XML_DOCUMENT_MAX / KIB);
		return -EINVAL;
	}
	x.parser = XML_ParserCreate(NULL);
	if (!x.parser) {
		snprintf(err, errlen, "%s:1: out of memory", file);
		return -ENOMEM;
	}
	ret = read_with(&x, data, len);
	XML_ParserFree(x.parser);
	return ret;
}
