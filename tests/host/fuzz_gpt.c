/*
 * Partition tables: whatever a disk holds, reading its table comes to an end, asks for blocks of the disk alone, and tells of
 * partitions that lie where they may and apart from each other. An input's first byte says how large blocks are and
 * whether its checksums are made right before.
 *
 * sources: block/gpt.c lib/crc32.c lib/string.c
 * runs: 12000
 * max_len: 8192
 */
#include "block/gpt.h"

#include <stdlib.h>

#include "lib/errno.h"
#include "tests/host/fuzzing.h"
#include "tests/host/gpt_build.h"

static struct gpt g;
static u64 reads, blocks;

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
	CHECK(block < blocks && count <= blocks - block);
	CHECK(++reads < 5000);
	memset(buf, 0, (size_t)count * bs);
	if (block + count <= IMAGE_BLOCKS)
		memcpy(buf, image + block * bs, (size_t)count * bs);
	return 0;
}

static void make_right(void)
{
	static const u64 tables[] = { 1, IMAGE_BLOCKS - 1 };

	for (u32 i = 0; i < 2; i++) {
		struct gpt_header *h = header_at(tables[i]);
		u64 bytes = (u64)h->entry_count * h->entry_size;

		h->size = h->size > bs ? bs : h->size;
		if (h->entries < IMAGE_BLOCKS && bytes <= (IMAGE_BLOCKS - h->entries) * bs)
			h->entries_crc = ~crc32_update(~0u, image + h->entries * bs, bytes);
		seal_header(h);
	}
}

static void check_parts(void)
{
	CHECK(g.count <= GPT_PARTS_MAX);
	for (u32 i = 0; i < g.count; i++) {
		const struct gpt_part *p = &g.parts[i];

		CHECK(p->first >= 2 && p->blocks && p->first < blocks &&
		      p->blocks <= blocks - p->first);
		CHECK(strnlen(p->name, GPT_NAME_SIZE) < GPT_NAME_SIZE);
		for (const char *c = p->name; *c; c++)
			CHECK((u8)*c >= 0x20 && *c != 0x7f);
		for (u32 k = 0; k < i; k++)
			CHECK(p->first >= g.parts[k].first + g.parts[k].blocks ||
			      g.parts[k].first >= p->first + p->blocks);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct gpt_disk disk = { .read = read_image };
	u64 how = fuzz_bytes(&in, 1), at;
	int err;

	put_disk(how & 1 ? 4096 : 512);
	blocks = how & 2 ? 1 + fuzz_bytes(&in, 2) : IMAGE_BLOCKS;
	/* Changes to a sound disk: a place, a length, bytes. */
	while (in.left) {
		u32 n;

		at = fuzz_bytes(&in, 3) % sizeof(image);
		for (n = 1 + fuzz_below(&in, 40); n && in.left; n--)
			image[at++ % sizeof(image)] = (u8)fuzz_bytes(&in, 1);
	}
	if (how & 4)
		make_right();
	disk.blocks = blocks;
	disk.block_size = bs;
	reads = 0;
	err = gpt_read(&disk, &g);
	CHECK(err == 0 || err == -ENOENT || err == -EINVAL);
	CHECK(err == 0 || !g.count);
	check_parts();
	return 0;
}

/* A change of n bytes. */
static size_t change(u8 *out, u64 at, const void *data, u32 n)
{
	out[0] = (u8)at;
	out[1] = (u8)(at >> 8);
	out[2] = (u8)(at >> 16);
	out[3] = (u8)(n - 1);
	memcpy(out + 4, data, n);
	return 4 + n;
}

void fuzz_seeds(void)
{
	for (u32 how = 4; how < 6; how++) {
		u8 out[2048] = { (u8)how };
		size_t n = 1;

		put_disk(how & 1 ? 4096 : 512);
		fuzz_seed(out, n);
		for (u32 i = 0; i < 4; i++) {
			struct gpt_entry e = { .first = 40 + 4 * i,
					       .last = 43 + 4 * i,
					       .name = { 'x' } };

			e.type[0] = 1;
			n += change(out + n, 2 * bs + i * sizeof(e), &e, 40);
			n += change(out + n, 2 * bs + i * sizeof(e) + 40, (u8 *)&e + 40, 40);
			fuzz_seed(out, n);
		}
		/* An array that begins near to the disk's end. */
		fuzz_seed(out, n + change(out + n, bs + offsetof(struct gpt_header, entries),
					  &(u64){ IMAGE_BLOCKS - 28 }, sizeof(u64)));
		n += change(out + n, bs, "bad", 3);
		fuzz_seed(out, n);
	}
}
