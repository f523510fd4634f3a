/*
 * Reading XML strictly: a tree of tables says which elements and attributes there may be, and everything
 * else is refused with its name and line. Independent of what the documents describe.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct xml; /* a document that is being read */

#define XML_DOCUMENT_MAX (256 * KIB)
#define XML_TEXT_MAX     2048 /* of one element, in bytes */
#define XML_ERROR_MAX    256  /* enough for any message */

struct xml_attr {
	const char *name;                             /* NULL: the end of the table */
	int (*set)(struct xml *x, const char *value); /* 0, or what xml_fail() returned */
	bool required;
};

enum xml_flags {
	XML_REQUIRED = BIT(0),     /* its parent must have one */
	XML_MANY = BIT(1),         /* may come more than once; else refused */
	XML_MAY_BE_EMPTY = BIT(2), /* its text; then it is as if it were not there */
	XML_ANY_CONTENT = BIT(3),  /* whatever is in it; see xml_keep() */
};

struct xml_element {
	const char *name; /* NULL: the end of the table */
	u32 flags;
	const struct xml_attr *attrs;       /* NULL: none */
	const struct xml_element *children; /* at most 32; NULL: none */
	int (*begin)(struct xml *x);        /* before its attributes; may be NULL */
	int (*text)(struct xml *x,
		    const char *text); /* all of it, trimmed; NULL: there may be none */
	int (*end)(struct xml *x);     /* when all in it was read; may be NULL */
};

/*
 * Reads a document of which root is the outermost element; ctx is for the functions of the tables.
 * 0, -ENOMEM or -EINVAL, then with "FILE:LINE: what is wrong" in err.
 */
int xml_read(const char *file, const u8 *data, size_t len, const struct xml_element *root,
	     void *ctx, char *err, size_t errlen) __must_check;

/* The rest is for the functions of the tables. */

void *xml_ctx(struct xml *x);

/* The line where the current element began. */
u32 xml_line(const struct xml *x);

/* Refuses the document, naming the current element's line or another one; returns -EINVAL. */
int xml_fail(struct xml *x, const char *fmt, ...) __printf(2, 3);
int xml_fail_at(struct xml *x, u32 line, const char *fmt, ...) __printf(3, 4);

/* Refuses a value of the current element, or of its current attribute; returns -EINVAL. */
int xml_bad_value(struct xml *x, const char *value);

/* The index of value among the count names; refuses it and returns -EINVAL when it is none of them. */
int xml_choice(struct xml *x, const char *value, const char *const *names, u32 count) __must_check;

/*
 * From begin() of an XML_ANY_CONTENT element: writes what is in it into dst of size bytes, in a form that
 * stays the same when it is read and kept again; refuses what does not fit. dst lives until end().
 */
void xml_keep(struct xml *x, char *dst, size_t size);

/* Copies value into dst of size bytes; refuses what does not fit. */
int xml_copy(struct xml *x, const char *value, char *dst, size_t size) __must_check;
