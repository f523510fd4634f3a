/*
 * The port layer of zlib's inflateBack: memory out of one block, input all at once, output as its window
 * fills. Nothing else includes zlib's header.
 */
#include "lib/inflate.h"

#define Z_SOLO 1 /* no C library */
#include <zlib.h>

#include "lib/errno.h"
#include "lib/string.h"

#define WINDOW_BITS 15 /* the largest window that DEFLATE has */
#define WINDOW_SIZE (1u << WINDOW_BITS)
#define STATE_MAX   (INFLATE_WORK_SIZE - WINDOW_SIZE)

struct run {
	const u8 *next; /* input not handed over yet */
	size_t left;
	int (*sink)(void *ctx, const u8 *data, size_t n);
	void *ctx;
	int err;   /* of sink */
	u8 *state; /* memory for the decoder; NULL: it has taken it */
};

/* The decoder allocates once. */
static voidpf work_alloc(voidpf opaque, uInt items, uInt size)
{
	struct run *r = opaque;
	u8 *p = r->state;

	if (!p || (u64)items * size > STATE_MAX)
		return Z_NULL;
	r->state = NULL;
	memset(p, 0, STATE_MAX);
	return p;
}

static void work_free(voidpf opaque, voidpf p)
{
	(void)opaque;
	(void)p;
}

/* Input comes in pieces only because their lengths are 32 bits wide. */
static unsigned int next_input(void *ctx, z_const unsigned char **data)
{
	struct run *r = ctx;
	u32 n = (u32)MIN(r->left, (size_t)GIB);

	*data = (z_const unsigned char *)r->next;
	r->next += n;
	r->left -= n;
	return n;
}

static int window_full(void *ctx, unsigned char *data, unsigned int n)
{
	struct run *r = ctx;

	r->err = r->sink(r->ctx, data, n);
	return r->err;
}

int inflate_raw(const u8 *in, size_t size, size_t *used,
		int (*sink)(void *ctx, const u8 *data, size_t n), void *ctx, void *work)
{
	struct run r = { .next = in,
			 .left = size,
			 .sink = sink,
			 .ctx = ctx,
			 .state = (u8 *)work + WINDOW_SIZE };
	z_stream z = { .zalloc = work_alloc, .zfree = work_free, .opaque = &r };
	int ret;

	if (inflateBackInit(&z, WINDOW_BITS, work) != Z_OK)
		return -ENOMEM;
	ret = inflateBack(&z, next_input, &r, window_full, &r);
	*used = size - r.left - z.avail_in;
	if (r.err)
		return r.err;
	return ret == Z_STREAM_END ? 0 : -EINVAL;
}
