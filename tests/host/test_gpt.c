/*
 * block/gpt.h: tables as they should be, and ones that lie: worked out from UEFI 2.10, chapter 5.
 *
 * sources: block/gpt.c lib/crc32.c lib/string.c
 */
#include "block/gpt.h"

#include <stdlib.h>

#include "lib/errno.h"
#include "tests/host/gpt_build.h"
#include "tests/host/harness.h"

static struct gpt g;
static u64 reads;

void *kalloc(size_t size)
{
	return calloc(1, size);
}

void kfree(void *p)
{
	free(p);
}

static int read_image(void *ctx, u64 block, void *buf, u32 count)
{
	reads++;
	CHECK(block < IMAGE_BLOCKS && count <= IMAGE_BLOCKS - block);
	memcpy(buf, image + block * bs, (size_t)count * bs);
	return ctx && block == *(const u64 *)ctx ? -EIO : 0;
}

static int scan(void)
{
	struct gpt_disk disk = { .read = read_image, .blocks = IMAGE_BLOCKS, .block_size = bs };

	reads = 0;
	return gpt_read(&disk, &g);
}

static void put_two(u32 block_size)
{
	put_disk(block_size);
	put_part(0, 40, 49, "boot");
	put_part(5, 50, 59, "data");
}

TEST(sound_tables)
{
	static const u32 sizes[] = { 512, 4096 };

	for (u32 i = 0; i < 2; i++) {
		put_two(sizes[i]);
		CHECK_EQ(scan(), 0);
		CHECK_EQ(g.count, 2);
		CHECK_EQ(g.left_out, 0);
		CHECK(!g.backup);
		CHECK_EQ(g.parts[0].number, 1);
		CHECK_EQ(g.parts[0].first, 40);
		CHECK_EQ(g.parts[0].blocks, 10);
		CHECK_STR(g.parts[0].name, "boot");
		CHECK_EQ(g.parts[1].number, 6);
		CHECK_EQ(g.parts[1].uuid[0], 80);
		CHECK_STR(g.parts[1].name, "data");
		CHECK_EQ(g.disk_uuid[3], 0x77);
	}
}

TEST(no_table)
{
	struct mbr *m = (struct mbr *)image;

	put_two(512);
	m->signature = 0;
	CHECK_EQ(scan(), -ENOENT);
	put_two(512);
	m->record[0].type = 0x83;
	CHECK_EQ(scan(), -ENOENT);
	m->record[3].type = MBR_TYPE_PROTECTIVE;
	CHECK_EQ(scan(), 0);
	memset(image, 0, sizeof(image));
	CHECK_EQ(scan(), -ENOENT);
}

static void h_signature(struct gpt_header *h)
{
	h->signature ^= 1;
	seal_header(h);
}
static void h_revision(struct gpt_header *h)
{
	h->revision++;
	seal_header(h);
}
static void h_crc(struct gpt_header *h)
{
	h->crc ^= 1;
}
static void h_changed(struct gpt_header *h)
{
	h->last--;
}
static void h_size_small(struct gpt_header *h)
{
	h->size = 91;
	seal_header(h);
}
static void h_size_0(struct gpt_header *h)
{
	h->size = 0;
}
static void h_size_big(struct gpt_header *h)
{
	h->size = 513;
}
static void h_size_huge(struct gpt_header *h)
{
	h->size = ~0u;
}
static void h_here(struct gpt_header *h)
{
	h->here ^= 2;
	seal_header(h);
}
static void h_first_low(struct gpt_header *h)
{
	h->first = 1;
	seal_header(h);
}
static void h_first_entries(struct gpt_header *h)
{
	h->first = h->last = h->entries;
	seal_header(h);
}
static void h_first_behind(struct gpt_header *h)
{
	h->first = h->last + 1;
	seal_header(h);
}
static void h_last_end(struct gpt_header *h)
{
	h->last = IMAGE_BLOCKS;
	seal_header(h);
}
static void h_last_huge(struct gpt_header *h)
{
	h->last = ~0ull;
	seal_header(h);
}
static void h_entries_0(struct gpt_header *h)
{
	h->entries = 0;
	seal_header(h);
}
static void h_entries_end(struct gpt_header *h)
{
	h->entries = IMAGE_BLOCKS - 1;
	seal_header(h);
}
static void h_entries_out(struct gpt_header *h)
{
	h->entries = IMAGE_BLOCKS;
	seal_header(h);
}
static void h_entries_huge(struct gpt_header *h)
{
	h->entries = ~0ull - 3;
	seal_header(h);
}
static void h_entries_inside(struct gpt_header *h)
{
	h->entries = h->first;
	seal(h);
}
static void h_count_0(struct gpt_header *h)
{
	h->entry_count = 0;
	seal_header(h);
}
static void h_count_huge(struct gpt_header *h)
{
	h->entry_count = ~0u;
	seal_header(h);
}
static void h_count_wraps(struct gpt_header *h)
{
	h->entry_count = 1u << 25;
	seal_header(h);
}
static void h_size_entry_0(struct gpt_header *h)
{
	h->entry_size = 0;
	seal_header(h);
}
static void h_size_entry_64(struct gpt_header *h)
{
	h->entry_size = 64;
	seal_header(h);
}
static void h_size_entry_odd(struct gpt_header *h)
{
	h->entry_size = 136;
	seal_header(h);
}
static void h_size_entry_huge(struct gpt_header *h)
{
	h->entry_size = 1u << 31;
	seal_header(h);
}
static void h_entries_crc(struct gpt_header *h)
{
	h->entries_crc ^= 0x80;
	seal_header(h);
}
static void h_entry_changed(struct gpt_header *h)
{
	entry_of(h, 0)->last++;
}

/* Each fault makes its table worthless: of the first, the other is used; of both, there is none. */
TEST(faults_of_a_table)
{
	static void (*const faults[])(struct gpt_header * h) = {
		h_signature,      h_revision,        h_crc,
		h_changed,        h_size_small,      h_size_0,
		h_size_big,       h_size_huge,       h_here,
		h_first_low,      h_first_entries,   h_first_behind,
		h_last_end,       h_last_huge,       h_entries_0,
		h_entries_end,    h_entries_out,     h_entries_huge,
		h_entries_inside, h_count_0,         h_count_huge,
		h_count_wraps,    h_size_entry_0,    h_size_entry_64,
		h_size_entry_odd, h_size_entry_huge, h_entries_crc,
		h_entry_changed,
	};

	for (u32 i = 0; i < ARRAY_LEN(faults); i++) {
		put_two(512);
		faults[i](header_at(1));
		CHECK_EQ(scan(), 0);
		CHECK(g.backup);
		CHECK_EQ(g.count, 2);
		CHECK_EQ(g.parts[0].blocks, 10);
		faults[i](header_at(IMAGE_BLOCKS - 1));
		CHECK_EQ(scan(), -EINVAL);
		CHECK_EQ(g.count, 0);
		CHECK(reads < 200);
		put_two(512);
		faults[i](header_at(IMAGE_BLOCKS - 1));
		CHECK_EQ(scan(), 0);
		CHECK(!g.backup);
	}
}

/* Partitions that are left out, and the others stay. */
TEST(faults_of_partitions)
{
	static const struct {
		u64 first, last;
		u32 count, left_out;
	} cases[] = {
		{ 60, 60, 3, 0 },    { 34, 39, 3, 0 }, { 33, 39, 2, 1 },       { 0, ~0ull, 2, 1 },
		{ 1, 1, 2, 1 },      { 60, 59, 2, 1 }, { 60, 95, 2, 1 },       { 60, 94, 3, 0 },
		{ 60, ~0ull, 2, 1 }, { 49, 49, 1, 2 }, { 45, 55, 0, 3 },       { 40, 49, 1, 2 },
		{ 59, 70, 1, 2 },    { 34, 94, 0, 3 }, { ~0ull, ~0ull, 2, 1 },
	};

	for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
		put_two(512);
		put_part(9, cases[i].first, cases[i].last, "third");
		CHECK_EQ(scan(), 0);
		CHECK_EQ(g.count, cases[i].count);
		CHECK_EQ(g.left_out, cases[i].left_out);
	}
}

/* Entries larger than a block, and ones that do not fill their last. */
TEST(sizes_of_entries)
{
	for (u32 size = 128; size <= 4096; size *= 2) {
		struct gpt_header *h;

		put_disk(512);
		h = header_at(1);
		h->entry_size = size;
		h->entry_count = 15 * 1024 / size | 1;
		h->first = 40;
		entry_of(h, 2)->type[0] = 1;
		entry_of(h, 2)->first = 41;
		entry_of(h, 2)->last = 44;
		seal(h);
		CHECK_EQ(scan(), 0);
		CHECK(!g.backup);
		CHECK_EQ(g.count, 1);
		CHECK_EQ(g.parts[0].number, 3);
		CHECK_EQ(g.parts[0].first, 41);
	}
}

TEST(names_that_are_no_text)
{
	static const u16 units[GPT_NAME_UNITS] = { 'a',    27,     0x7f,   0x9b, 0xe4,
						   0x20ac, 0xd83d, 0xde00, 'z' };
	struct gpt_entry *e;

	put_two(512);
	e = entry_of(header_at(1), 0);
	memcpy(e->name, units, sizeof(units));
	seal(header_at(1));
	CHECK_EQ(scan(), 0);
	CHECK_STR(g.parts[0].name, "a???\xc3\xa4\xe2\x82\xac??z");
	for (u32 i = 0; i < GPT_NAME_UNITS; i++)
		e->name[i] = 0xffff;
	seal(header_at(1));
	CHECK_EQ(scan(), 0);
	CHECK_EQ(strlen(g.parts[0].name), 3 * GPT_NAME_UNITS);
}

TEST(more_than_are_kept)
{
	struct gpt_header *h;

	put_disk(4096);
	h = header_at(1);
	h->entries = 2;
	h->entry_count = 640; /* 20 blocks */
	h->first = 30;
	h->last = 126;
	for (u32 i = 0; i < 640; i++) {
		entry_of(h, i)->type[0] = 1;
		entry_of(h, i)->first = entry_of(h, i)->last = 30 + i % 90;
	}
	seal(h);
	CHECK_EQ(scan(), 0);
	CHECK_EQ(g.count + g.left_out, 640);
	CHECK(g.count <= GPT_PARTS_MAX);
}

TEST(blocks_that_cannot_be_read)
{
	u64 bad;
	struct gpt_disk disk = {
		.read = read_image, .ctx = &bad, .blocks = IMAGE_BLOCKS, .block_size = 512
	};

	put_two(512);
	bad = 0;
	CHECK_EQ(gpt_read(&disk, &g), -EIO);
	for (bad = 1; bad < 34; bad++) {
		CHECK_EQ(gpt_read(&disk, &g), 0);
		CHECK(g.backup);
		CHECK_EQ(g.count, 2);
	}
}

TEST(tiny_disks)
{
	put_two(512);
	for (u64 blocks = 0; blocks < IMAGE_BLOCKS; blocks++) {
		struct gpt_disk disk = { .read = read_image, .blocks = blocks, .block_size = 512 };
		int err = gpt_read(&disk, &g);

		CHECK(err == -ENOENT || err == -EINVAL || (!err && blocks > 94));
	}
}
