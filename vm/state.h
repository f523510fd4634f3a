/*
 * The state stream: how every device and vCPU saves and loads itself. One function per device
 * names its fields; the same call writes them when saving and reads them when loading, so the two
 * cannot drift apart. Self-describing: sections carry name, instance and version, fields a name,
 * a type and a size. Loading treats the stream as outside input: everything is bounded and checked.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct state {
	u8 *buf;
	size_t cap; /* of buf; when loading: the stream's length */
	size_t pos;
	size_t section_end;    /* loading: end of the open section */
	size_t section_start;  /* saving: where its length goes */
	const char *section;   /* the open one's name; NULL: none */
	u32 instance, version; /* of the open section */
	int error;             /* first error; later calls do nothing */
	bool loading;
};

void state_init_save(struct state *s, void *buf, size_t cap);
void state_init_load(struct state *s, const void *buf, size_t len);

/*
 * Opens section name[instance]. Saving: writes version. Loading: must be the next section, with a
 * version from 1 to the given one, which is left in s->version.
 */
void state_begin(struct state *s, const char *name, u32 instance, u32 version);
void state_end(struct state *s);

void state_u8(struct state *s, const char *name, u8 *v);
void state_u16(struct state *s, const char *name, u16 *v);
void state_u32(struct state *s, const char *name, u32 *v);
void state_u64(struct state *s, const char *name, u64 *v);
void state_bool(struct state *s, const char *name, bool *v);
/* Exactly len bytes. */
void state_bytes(struct state *s, const char *name, void *data, size_t len);

/*
 * Fields are loaded in the order in which they were saved; a field that came with a later version
 * is asked for behind a test of s->version. What could not be loaded keeps its value.
 */

/* Loading: what was loaded breaks a device's rule. Sets -EINVAL and logs section and what. */
void state_reject(struct state *s, const char *what);

/*
 * 0, or the first error: -ENOSPC (buffer full), -EINVAL (malformed), -ENOENT (not the field or
 * section that comes next).
 */
int state_result(const struct state *s) __must_check;
/* Bytes written so far. */
size_t state_size(const struct state *s);
