/*
 * Writing XML into a buffer, escaped so that a reader gets back what was written.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

/* Always ended by a NUL; what does not fit is left out, and seen by xml_out_fits(). */
struct xml_out {
	char *buf;
	size_t size; /* at least 1 */
	size_t len;  /* what all of it would have, without the NUL */
};

void xml_out_start(struct xml_out *o, char *buf, size_t size);
bool xml_out_fits(const struct xml_out *o);

/* Markup, as it is. */
void xml_out_raw(struct xml_out *o, const char *s, size_t n);
void xml_out_fmt(struct xml_out *o, const char *fmt, ...) __printf(2, 3);
/* Between tags. */
void xml_out_text(struct xml_out *o, const char *s, size_t n);
/* In an attribute's value, between single quotes. */
void xml_out_value(struct xml_out *o, const char *s, size_t n);
