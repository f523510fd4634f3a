/*
 * The state stream's encoding, all little-endian: a header; then sections, each with name, instance,
 * version and the length of its fields; then fields, each with type, name, size and data. Loading
 * expects what the same code would have saved and takes nothing on trust.
 */
#include "vm/state.h"

#include "core/log.h"
#include "core/panic.h"
#include "lib/errno.h"
#include "lib/string.h"

#define STREAM_MAGIC   0x54534c50u /* "PLST" */
#define STREAM_FORMAT  1u
#define STATE_NAME_MAX 255u /* its length is one byte */

/* The first byte of a section or field. */
enum state_tag {
	TAG_U8 = 1,
	TAG_U16,
	TAG_U32,
	TAG_U64,
	TAG_BOOL,
	TAG_BYTES,
	TAG_SECTION = 0x53,
};

static void fail(struct state *s, int error, const char *name, const char *what)
{
	if (s->error)
		return;
	s->error = error;
	if (s->section)
		log_warn("state: section %s[%u], %s: %s", s->section, s->instance, name, what);
	else
		log_warn("state: %s: %s", name, what);
}

/* Moves n bytes between the stream and data; loading: not past the open section's end. */
static void move(struct state *s, const char *name, void *data, size_t n)
{
	if (s->error)
		return;
	if (n > (s->loading ? s->section_end : s->cap) - s->pos) {
		if (s->loading)
			fail(s, -EINVAL, name, "stream too short");
		else
			s->error = -ENOSPC; /* no line: callers may probe for the size */
		return;
	}
	if (s->loading)
		memcpy(data, s->buf + s->pos, n);
	else
		memcpy(s->buf + s->pos, data, n);
	s->pos += n;
}

/* A tag and a name that, loading, must be the given ones. */
static void move_name(struct state *s, u8 tag, const char *name)
{
	char text[STATE_NAME_MAX];
	size_t want = strlen(name);
	u8 len = (u8)want, t = tag;

	ASSERT(want <= STATE_NAME_MAX);
	memcpy(text, name, want);
	move(s, name, &t, sizeof(t));
	move(s, name, &len, sizeof(len));
	move(s, name, text, len);
	if (s->error || !s->loading)
		return;
	if (len != want || memcmp(text, name, want))
		fail(s, -ENOENT, name, "something else comes here");
	else if (t != tag)
		fail(s, -EINVAL, name, "of another type");
}

static void state_init(struct state *s, void *buf, size_t len, bool loading)
{
	u32 magic = STREAM_MAGIC, format = STREAM_FORMAT;

	*s = (struct state){ .buf = buf, .cap = len, .loading = loading, .section_end = len };
	move(s, "header", &magic, sizeof(magic));
	move(s, "header", &format, sizeof(format));
	if (!s->error && (magic != STREAM_MAGIC || format != STREAM_FORMAT))
		fail(s, -EINVAL, "header", "not a state stream of this format");
}

void state_init_save(struct state *s, void *buf, size_t cap)
{
	state_init(s, buf, cap, false);
}

void state_init_load(struct state *s, const void *buf, size_t len)
{
	state_init(s, (void *)buf, len, true);
}

void state_begin(struct state *s, const char *name, u32 instance, u32 version)
{
	u32 v = version, n = instance, len = 0;

	if (s->error)
		return;
	ASSERT(!s->section);
	move_name(s, TAG_SECTION, name);
	move(s, name, &n, sizeof(n));
	move(s, name, &v, sizeof(v));
	s->section_start = s->pos;
	move(s, name, &len, sizeof(len));
	if (s->error)
		return;
	s->section = name;
	s->instance = instance;
	s->version = v;
	if (!s->loading)
		return;
	if (n != instance)
		fail(s, -ENOENT, "instance", "another one comes here");
	else if (v == 0 || v > version)
		fail(s, -EINVAL, "version", "not known");
	else if (len > s->cap - s->pos)
		fail(s, -EINVAL, "length", "stream too short");
	else
		s->section_end = s->pos + len;
}

void state_end(struct state *s)
{
	if (s->error)
		return;
	ASSERT(s->section);
	if (s->loading) {
		if (s->pos != s->section_end)
			fail(s, -EINVAL, "end", "more fields than expected");
		s->section_end = s->cap;
	} else {
		u32 len = (u32)(s->pos - s->section_start - sizeof(len));

		memcpy(s->buf + s->section_start, &len, sizeof(len));
	}
	s->section = NULL;
}

static void field(struct state *s, enum state_tag tag, const char *name, void *data, size_t len)
{
	u32 size = (u32)len;

	if (s->error)
		return;
	ASSERT(s->section && len <= UINT32_MAX);
	move_name(s, tag, name);
	move(s, name, &size, sizeof(size));
	if (!s->error && size != len)
		fail(s, -EINVAL, name, "of another size");
	move(s, name, data, len);
}

void state_u8(struct state *s, const char *name, u8 *v)
{
	field(s, TAG_U8, name, v, sizeof(*v));
}

void state_u16(struct state *s, const char *name, u16 *v)
{
	field(s, TAG_U16, name, v, sizeof(*v));
}

void state_u32(struct state *s, const char *name, u32 *v)
{
	field(s, TAG_U32, name, v, sizeof(*v));
}

void state_u64(struct state *s, const char *name, u64 *v)
{
	field(s, TAG_U64, name, v, sizeof(*v));
}

void state_bool(struct state *s, const char *name, bool *v)
{
	u8 byte = *v;

	field(s, TAG_BOOL, name, &byte, sizeof(byte));
	if (s->error)
		return;
	if (byte > 1)
		fail(s, -EINVAL, name, "neither true nor false");
	else
		*v = byte;
}

void state_bytes(struct state *s, const char *name, void *data, size_t len)
{
	field(s, TAG_BYTES, name, data, len);
}

void state_reject(struct state *s, const char *what)
{
	fail(s, -EINVAL, what, "not a possible value");
}

int state_result(const struct state *s)
{
	return s->error;
}

size_t state_size(const struct state *s)
{
	return s->pos;
}
