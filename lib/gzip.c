/*
 * gzip members: a header with optional fields, DEFLATE data, a trailer with CRC and length.
 */
#include "lib/gzip.h"

#include "lib/crc32.h"
#include "lib/errno.h"
#include "lib/string.h"

/* RFC 1952, 2.3 */
#define GZIP_ID1     0x1f
#define GZIP_ID2     0x8b
#define GZIP_DEFLATE 8
#define GZIP_HEADER  10
#define GZIP_TRAILER 8

enum gzip_flags {
	GZIP_FHCRC = BIT(1),
	GZIP_FEXTRA = BIT(2),
	GZIP_FNAME = BIT(3),
	GZIP_FCOMMENT = BIT(4),
	GZIP_RESERVED = BITS(7, 5),
};

struct check {
	u32 crc;
	u32 length; /* of the result, modulo 2^32 */
	void (*step)(void);
};

bool gzip_is(const u8 *data, size_t size)
{
	return size >= 2 && data[0] == GZIP_ID1 && data[1] == GZIP_ID2;
}

static u32 le32(const u8 *p)
{
	return p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}

/* Steps over text that ends in a NUL. */
static int skip_text(const u8 *data, size_t size, size_t *pos)
{
	const u8 *end = memchr(data + *pos, 0, size - *pos);

	if (!end)
		return -EINVAL;
	*pos = (size_t)(end + 1 - data);
	return 0;
}

/* The header's length. */
static int read_header(const u8 *data, size_t size, size_t *len)
{
	size_t pos = GZIP_HEADER;
	u8 flags;

	if (size < GZIP_HEADER || !gzip_is(data, size) || data[2] != GZIP_DEFLATE)
		return -EINVAL;
	flags = data[3];
	if (flags & GZIP_RESERVED)
		return -EINVAL;
	if (flags & GZIP_FEXTRA) {
		if (size - pos < 2)
			return -EINVAL;
		pos += 2u + (data[pos] | (u32)data[pos + 1] << 8);
	}
	if (pos > size)
		return -EINVAL;
	if ((flags & GZIP_FNAME) && skip_text(data, size, &pos))
		return -EINVAL;
	if ((flags & GZIP_FCOMMENT) && skip_text(data, size, &pos))
		return -EINVAL;
	if (flags & GZIP_FHCRC)
		pos += 2;
	if (pos > size)
		return -EINVAL;
	*len = pos;
	return 0;
}

static int add(void *ctx, const u8 *data, size_t n)
{
	struct check *c = ctx;

	c->crc = crc32_update(c->crc, data, n);
	c->length += (u32)n;
	if (c->step)
		c->step();
	return 0;
}

int gzip_check(const u8 *data, size_t size, size_t *used, void (*step)(void), void *work)
{
	struct check c = { .crc = ~0u, .step = step };
	size_t header, body;

	if (read_header(data, size, &header) ||
	    inflate_raw(data + header, size - header, &body, add, &c, work))
		return -EINVAL;
	if (size - header - body < GZIP_TRAILER)
		return -EINVAL;
	if (le32(data + header + body) != ~c.crc || le32(data + header + body + 4) != c.length)
		return -EINVAL;
	*used = header + body + GZIP_TRAILER;
	return 0;
}
