/*
 * What every parser of an ACPI table must bear: tables that are cut off, changed, or lie about their length.
 */
#pragma once

#include <stdlib.h>

#include "core/host.h"
#include "tests/host/acpi_build.h"
#include "tests/host/harness.h"

typedef const char *parser(const void *table, size_t len, struct host *h);

/* The parser sees a heap block of exactly len bytes, so that the sanitizer sees a byte too many. */
static inline const char *parse(parser *fn, const struct table *t, size_t len, struct host *h)
{
	u8 *copy = malloc(len + !len);
	const char *reason;

	memcpy(copy, t->b, len);
	reason = fn(copy, len, h);
	free(copy);
	return reason;
}

/* Every cut-off and every single changed byte has a reason and changes nothing. */
static inline void check_hostile(parser *fn, const struct table *t)
{
	struct host h, before;
	struct table bad;

	memset(&h, 0x5a, sizeof(h));
	before = h;
	for (size_t len = 0; len < t->len; len++) {
		CHECK(parse(fn, t, len, &h) != NULL);
		/* The same where the header agrees: the checksum is right, the contents are cut. */
		bad = *t;
		bad.len = (u32)len;
		if (len >= 36) {
			table_close(&bad);
			parse(fn, &bad, len, &h);
			h = before;
		}
	}
	for (size_t i = 0; i < t->len; i++) {
		bad = *t;
		bad.b[i] ^= 0x40;
		CHECK(parse(fn, &bad, bad.len, &h) != NULL);
	}
	CHECK(!memcmp(&h, &before, sizeof(h)));
	/* Lengths that lie, with a checksum that is right for what is there. */
	static const u32 lies[] = { 0, 1, 35, 0x7fffffff, 0x80000000, 0xffffffff };

	for (u32 i = 0; i < ARRAY_LEN(lies); i++) {
		bad = *t;
		bad.b[9] += (u8)(bad.b[4] + bad.b[5] + bad.b[6] + bad.b[7]);
		put_n(&bad, 4, lies[i], 4);
		bad.b[9] -= (u8)(bad.b[4] + bad.b[5] + bad.b[6] + bad.b[7]);
		CHECK(parse(fn, &bad, bad.len, &h) != NULL);
	}
	CHECK(!memcmp(&h, &before, sizeof(h)));
	/* More bytes behind the table are not its own. */
	CHECK(parse(fn, t, TABLE_SIZE_MAX, &h) == NULL);
}
