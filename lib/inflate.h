/*
 * Decompression of DEFLATE data (RFC 1951), by zlib. It needs no room for the result: that is handed
 * over piece by piece.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

/* Working memory: the window of 32 KiB and the decoder's tables. */
#define INFLATE_WORK_SIZE (48 * KIB)

/*
 * Inflates the stream at the start of in; *used is its length. Each piece of the result, at most 32 KiB,
 * goes to sink, where it stays good for the call; sink ends it all by returning an error. work:
 * INFLATE_WORK_SIZE bytes, aligned to 16. 0, -EINVAL (damaged, or in ends first) or sink's error.
 */
int inflate_raw(const u8 *in, size_t size, size_t *used,
		int (*sink)(void *ctx, const u8 *data, size_t n), void *ctx, void *work)
	__must_check;
