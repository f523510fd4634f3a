/*
 * Builds GUID partition tables for tests: a disk's image in memory, and its tables' checksums made right.
 */
#pragma once

#include "block/gpt.h"
#include "lib/crc32.h"
#include "lib/hw/gpt.h"
#include "lib/string.h"

#define IMAGE_BLOCKS 128u
#define ENTRIES      128u

static u8 image[IMAGE_BLOCKS * 4096];
static u32 bs = 512;

static inline struct gpt_header *header_at(u64 block)
{
	return (struct gpt_header *)(image + block * bs);
}

static inline struct gpt_entry *entry_of(const struct gpt_header *h, u32 i)
{
	return (struct gpt_entry *)(image + h->entries * bs + (u64)i * h->entry_size);
}

static inline void seal_header(struct gpt_header *h)
{
	h->crc = 0;
	h->crc = ~crc32_update(~0u, h, h->size);
}

static inline void seal(struct gpt_header *h)
{
	h->entries_crc =
		~crc32_update(~0u, image + h->entries * bs, (size_t)h->entry_count * h->entry_size);
	seal_header(h);
}

static inline u64 entry_blocks(void)
{
	return ENTRIES * sizeof(struct gpt_entry) / bs;
}

static inline void put_table(u64 here, u64 other, u64 entries)
{
	struct gpt_header *h = header_at(here);

	*h = (struct gpt_header){ .signature = GPT_SIGNATURE,
				  .revision = GPT_REVISION,
				  .size = sizeof(*h),
				  .here = here,
				  .other = other,
				  .first = 2 + entry_blocks(),
				  .last = IMAGE_BLOCKS - 2 - entry_blocks(),
				  .entries = entries,
				  .entry_count = ENTRIES,
				  .entry_size = sizeof(struct gpt_entry) };
	memset(h->disk_uuid, 0x77, sizeof(h->disk_uuid));
}

static inline void put_part(u32 i, u64 first, u64 last, const char *name)
{
	static const u64 tables[] = { 1, IMAGE_BLOCKS - 1 };

	for (u32 t = 0; t < 2; t++) {
		struct gpt_entry *e = entry_of(header_at(tables[t]), i);

		*e = (struct gpt_entry){ .first = first, .last = last };
		memset(e->type, 0xaf, sizeof(e->type));
		for (u32 k = 0; k < 16; k++)
			e->uuid[k] = (u8)(i * 16 + k);
		for (u32 k = 0; name[k]; k++)
			e->name[k] = (u16)name[k];
		seal(header_at(tables[t]));
	}
}

/* Two tables with no partitions. */
static inline void put_disk(u32 block_size)
{
	struct mbr *m = (struct mbr *)image;

	bs = block_size;
	memset(image, 0, sizeof(image));
	m->signature = MBR_SIGNATURE;
	m->record[0] = (struct mbr_record){ .type = MBR_TYPE_PROTECTIVE,
					    .first = 1,
					    .count = IMAGE_BLOCKS - 1 };
	put_table(1, IMAGE_BLOCKS - 1, 2);
	put_table(IMAGE_BLOCKS - 1, 1, IMAGE_BLOCKS - 1 - entry_blocks());
	seal(header_at(1));
	seal(header_at(IMAGE_BLOCKS - 1));
}
