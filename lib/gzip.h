/*
 * The gzip file format (RFC 1952): is a member whole?
 */
#pragma once

#include "lib/compiler.h"
#include "lib/inflate.h"
#include "lib/types.h"

/* True when data begins like a gzip member. */
bool gzip_is(const u8 *data, size_t size);

/*
 * Inflates the member at the start of data and compares checksum and length; *used is its length. step,
 * which may be NULL, is called now and then, for those who must not be away for long. work is
 * inflate_raw()'s. 0 or -EINVAL.
 */
int gzip_check(const u8 *data, size_t size, size_t *used, void (*step)(void), void *work)
	__must_check;
