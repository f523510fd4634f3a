/*
 * GUID partition tables: the protective MBR, a header with its checksum, the array of entries with its own, from the
 * disk's start or else from its end. Two entries that overlap are both left out: each would let write into the other.
 */
#include "block/gpt.h"

#include "lib/crc32.h"
#include "lib/errno.h"
#include "lib/hw/gpt.h"
#include "lib/string.h"
#include "mm/heap.h"

#define ENTRY_MAX          4096u
#define ATTRIBUTE_READONLY BIT(60) /* of Microsoft's basic data partitions, and by use of others' */

struct scan {
	const struct gpt_disk *disk;
	u8 *buf; /* a block */
	struct gpt *out;
	struct gpt_header h;
};

/* --- header ---------------------------------------------------------------------------------------- */

static int read_block(const struct scan *s, u64 block)
{
	return s->disk->read(s->disk->ctx, block, s->buf, 1);
}

static bool is_protective(const struct mbr *m)
{
	if (m->signature != MBR_SIGNATURE)
		return false;
	for (u32 i = 0; i < ARRAY_LEN(m->record); i++)
		if (m->record[i].type == MBR_TYPE_PROTECTIVE)
			return true;
	return false;
}

static u32 crc_of_header(const u8 *block, u32 size)
{
	static const u8 zeroes[sizeof(u32)];
	const u32 at = offsetof(struct gpt_header, crc), behind = at + sizeof(u32);
	u32 crc = crc32_update(~0u, block, at);

	crc = crc32_update(crc, zeroes, sizeof(zeroes));
	return ~crc32_update(crc, block + behind, size - behind);
}

/* Whether the array of entries lies on the disk and clear of what partitions may have. */
static bool entries_fit(const struct scan *s)
{
	const struct gpt_header *h = &s->h;
	u64 bytes = (u64)h->entry_count * h->entry_size, blocks, last;

	if (h->entry_size < GPT_ENTRY_MIN || h->entry_size > ENTRY_MAX ||
	    h->entry_size & (h->entry_size - 1))
		return false;
	if (!bytes || bytes > GPT_ENTRIES_MAX)
		return false;
	blocks = (bytes + s->disk->block_size - 1) / s->disk->block_size;
	if (h->entries < 2 || h->entries >= s->disk->blocks ||
	    blocks > s->disk->blocks - h->entries)
		return false;
	last = h->entries + blocks - 1;
	if (h->here >= h->entries && h->here <= last)
		return false;
	return last < h->first || h->entries > h->last;
}

/* Reads and checks the header at a block into s->h. */
static int read_header(struct scan *s, u64 block)
{
	struct gpt_header *h = &s->h;
	int err = read_block(s, block);

	if (err)
		return err;
	memcpy(h, s->buf, sizeof(*h));
	if (h->signature != GPT_SIGNATURE || h->revision != GPT_REVISION)
		return -EINVAL;
	if (h->size < sizeof(*h) || h->size > s->disk->block_size)
		return -EINVAL;
	if (crc_of_header(s->buf, h->size) != h->crc || h->here != block)
		return -EINVAL;
	if (h->first < 2 || h->first > h->last || h->last >= s->disk->blocks)
		return -EINVAL;
	return entries_fit(s) ? 0 : -EINVAL;
}

/* --- entries ----------------------------------------------------------------------------------------- */

static size_t put_utf8(char *out, u32 c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		c = '?';
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	out[0] = (char)(0xe0 | c >> 12);
	out[1] = (char)(0x80 | (c >> 6 & 0x3f));
	out[2] = (char)(0x80 | (c & 0x3f));
	return 3;
}

static void read_name(const struct gpt_entry *e, char out[GPT_NAME_SIZE])
{
	size_t n = 0;

	/* At most three bytes for each unit. Surrogates, which no keyboard here types, become '?'. */
	for (u32 i = 0; i < GPT_NAME_UNITS && e->name[i]; i++)
		n += put_utf8(out + n, e->name[i] >> 11 == 0x1b ? '?' : e->name[i]);
	out[n] = '\0';
}
static_assert(GPT_NAME_SIZE > 3 * GPT_NAME_UNITS, "a name's UTF-8 has room");

static bool is_used(const struct gpt_entry *e)
{
	static const u8 none[sizeof(e->type)];

	return memcmp(e->type, none, sizeof(none));
}

static void take_entry(struct scan *s, u32 number, const struct gpt_entry *e)
{
	struct gpt_part *p;

	if (!is_used(e))
		return;
	if (e->first < s->h.first || e->last > s->h.last || e->first > e->last ||
	    s->out->count == GPT_PARTS_MAX) {
		s->out->left_out++;
		return;
	}
	p = &s->out->parts[s->out->count++];
	*p = (struct gpt_part){ .number = number,
				.first = e->first,
				.blocks = e->last - e->first + 1,
				.read_only = e->attributes & ATTRIBUTE_READONLY };
	memcpy(p->type, e->type, sizeof(p->type));
	memcpy(p->uuid, e->uuid, sizeof(p->uuid));
	read_name(e, p->name);
}

/* One pass, in which they are taken and their checksum is made: the disk is not asked twice for the same. */
static int read_entries(struct scan *s)
{
	u64 left = (u64)s->h.entry_count * s->h.entry_size, block = s->h.entries;
	u32 crc = ~0u, bs = s->disk->block_size, at = 0, number = 1;
	u8 *entry = kalloc(ENTRY_MAX);
	int err = entry ? 0 : -ENOMEM;

	s->out->count = s->out->left_out = 0;
	for (; left && !err; block++) {
		u32 n = (u32)MIN(left, bs);

		err = read_block(s, block);
		if (err)
			break;
		crc = crc32_update(crc, s->buf, n);
		left -= n;
		/* An entry may take several blocks, a block hold several entries. */
		for (u32 from = 0; from < n;) {
			u32 part = MIN(n - from, s->h.entry_size - at);

			memcpy(entry + at, s->buf + from, part);
			from += part;
			at = (at + part) % s->h.entry_size;
			if (!at)
				take_entry(s, number++, (const struct gpt_entry *)entry);
		}
	}
	kfree(entry);
	if (!err && ~crc != s->h.entries_crc)
		err = -EINVAL;
	return err;
}

static bool overlap(const struct gpt_part *a, const struct gpt_part *b)
{
	return a->first < b->first + b->blocks && b->first < a->first + a->blocks;
}

static void drop_overlaps(struct gpt *g)
{
	bool bad[GPT_PARTS_MAX] = { false };
	u32 kept = 0;

	for (u32 i = 0; i < g->count; i++)
		for (u32 k = i + 1; k < g->count; k++)
			if (overlap(&g->parts[i], &g->parts[k]))
				bad[i] = bad[k] = true;
	for (u32 i = 0; i < g->count; i++) {
		if (bad[i])
			continue;
		if (kept != i)
			g->parts[kept] = g->parts[i];
		kept++;
	}
	g->left_out += g->count - kept;
	g->count = kept;
}

/* --- both tables ------------------------------------------------------------------------------------- */

static int read_table(struct scan *s, u64 block)
{
	int err = read_header(s, block);

	if (!err)
		err = read_entries(s);
	if (err)
		return err;
	memcpy(s->out->disk_uuid, s->h.disk_uuid, sizeof(s->h.disk_uuid));
	s->out->backup = block != 1;
	drop_overlaps(s->out);
	return 0;
}

static int read_tables(struct scan *s)
{
	struct mbr mbr;
	int err = read_block(s, 0);

	if (err)
		return err;
	memcpy(&mbr, s->buf, sizeof(mbr));
	if (!is_protective(&mbr))
		return -ENOENT;
	err = read_table(s, 1);
	if (err)
		err = read_table(s, s->disk->blocks - 1);
	return err;
}

int gpt_read(const struct gpt_disk *disk, struct gpt *out)
{
	struct scan s = { .disk = disk, .out = out };
	int err;

	memset(out, 0, sizeof(*out));
	/* MBR, two headers, two arrays, and something to have: else there is no table. */
	if (disk->blocks < 6)
		return -ENOENT;
	s.buf = kalloc(disk->block_size);
	if (!s.buf)
		return -ENOMEM;
	err = read_tables(&s);
	if (err)
		out->count = out->left_out = 0;
	kfree(s.buf);
	return err;
}
