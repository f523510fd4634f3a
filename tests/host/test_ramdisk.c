/*
 * block/ramdisk.h: what is written is read, the file stays as it is, memory within the limit, discard; and the word.
 *
 * sources: block/ramdisk.c block/ramdisk_word.c core/blkdev.c core/blkparts.c core/blksync.c core/cmdline.c core/bootfs.c
 * sources: lib/string.c arch/lock.c core/blknode.c core/hostdev.c lib/fmt.c tests/host/fake_blk.c tests/host/fake_mm.c
 */
#include "block/ramdisk.h"

#include "core/bootfs.h"
#include "core/cmdline.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "tests/host/fake_blk.h"
#include "tests/host/harness.h"
#include "tests/host/rand.h"

#define SIZE (96 * KIB + 700)

static u8 file[SIZE], copy[SIZE], model[100 * KIB], buf[100 * KIB];

static struct blkdev *create(const struct ramdisk_spec *spec)
{
	struct blkdev *b = NULL;

	CHECK_EQ(ramdisk_create(spec, &b), 0);
	return b;
}

static void fill_file(void)
{
	for (u32 i = 0; i < SIZE; i++)
		copy[i] = file[i] = (u8)rand_below(256);
	memset(model, 0, sizeof(model));
	memcpy(model, file, SIZE);
}

TEST(copy_on_write)
{
	struct ramdisk_spec spec = {
		.name = "r", .file = file, .file_size = SIZE, .limit = 64 * MIB, .block_size = 512
	};
	struct blkdev *b;

	fill_file();
	b = create(&spec);
	CHECK_EQ(b->size, ALIGN_UP(SIZE, 512));
	CHECK_EQ(blkdev_read(b, 0, buf, b->size), 0);
	CHECK(!memcmp(buf, model, b->size));
	CHECK_EQ(ramdisk_used(b), 0);
	for (u32 i = 0; i < 300; i++) {
		u64 at = 512ull * rand_below((u32)(b->size / 512)),
		    n = 512ull * (1 + rand_below(30));

		n = MIN(n, b->size - at);
		switch (rand_below(4)) {
		case 0:
		case 1:
			for (u32 k = 0; k < n; k++)
				model[at + k] = buf[k] = (u8)rand_below(256);
			CHECK_EQ(blkdev_write(b, at, buf, n), 0);
			break;
		case 2:
			memset(model + at, 0, n);
			CHECK_EQ(blkdev_clear(b, BLK_ZERO, at, n), 0);
			break;
		default:
			CHECK_EQ(blkdev_read(b, at, buf, n), 0);
			CHECK(!memcmp(buf, model + at, n));
		}
	}
	CHECK_EQ(blkdev_read(b, 0, buf, b->size), 0);
	CHECK(!memcmp(buf, model, b->size));
	CHECK(!memcmp(file, copy, SIZE));
	CHECK_EQ(blkdev_flush(b), 0);
	/* All of it given up: it is as the file is, and takes no page. */
	CHECK_EQ(blkdev_clear(b, BLK_DISCARD, 0, b->size), 0);
	CHECK_EQ(ramdisk_used(b), PAGE_SIZE); /* a leaf */
	CHECK_EQ(blkdev_read(b, 0, buf, b->size), 0);
	CHECK(!memcmp(buf, file, SIZE));
	ramdisk_destroy(b);
	CHECK_EQ(fake_blocks, 0);
}

TEST(the_limit)
{
	struct ramdisk_spec spec = {
		.name = "r", .size = 32 * MIB, .limit = 5 * PAGE_SIZE, .block_size = 4096
	};
	struct blkdev *b = create(&spec);

	memset(buf, 7, sizeof(buf));
	CHECK_EQ(blkdev_write(b, 0, buf, 4 * PAGE_SIZE), 0);
	CHECK_EQ(ramdisk_used(b), 5 * PAGE_SIZE);
	CHECK_EQ(blkdev_write(b, 4 * PAGE_SIZE, buf, PAGE_SIZE), -ENOSPC);
	CHECK_EQ(blkdev_write(b, 16 * MIB, buf, PAGE_SIZE), -ENOSPC);
	CHECK_EQ(blkdev_write(b, 0, buf, PAGE_SIZE), 0);
	CHECK_EQ(ramdisk_used(b), 5 * PAGE_SIZE);
	/* What is discarded makes room. */
	CHECK_EQ(blkdev_clear(b, BLK_DISCARD, PAGE_SIZE, PAGE_SIZE), 0);
	CHECK_EQ(ramdisk_used(b), 4 * PAGE_SIZE);
	CHECK_EQ(blkdev_write(b, 4 * PAGE_SIZE, buf, PAGE_SIZE), 0);
	CHECK_EQ(blkdev_read(b, PAGE_SIZE, buf, PAGE_SIZE), 0);
	CHECK_EQ(buf[0] | buf[PAGE_SIZE - 1], 0);
	/* Zeroes take none. */
	CHECK_EQ(blkdev_clear(b, BLK_ZERO, 0, 32 * MIB), 0);
	CHECK_EQ(ramdisk_used(b), PAGE_SIZE);
	ramdisk_destroy(b);
	CHECK_EQ(fake_blocks, 0);
}

TEST(read_only_and_foreign)
{
	struct ramdisk_spec spec = { .name = "r",
				     .file = file,
				     .file_size = SIZE,
				     .limit = 64 * MIB,
				     .block_size = 512,
				     .read_only = true };
	struct blkdev *b = create(&spec);

	CHECK_EQ(blkdev_write(b, 0, buf, 512), -EPERM);
	fake_foreign = 1;
	CHECK_EQ(blkdev_read(b, 0, buf, 512), -EINVAL);
	fake_foreign = 0;
	ramdisk_destroy(b);
	spec.block_size = 1024;
	CHECK_EQ(ramdisk_create(&spec, &b), -EINVAL);
	spec = (struct ramdisk_spec){ .name = "r",
				      .size = RAMDISK_SIZE_MAX + 1,
				      .block_size = 512 };
	CHECK_EQ(ramdisk_create(&spec, &b), -EINVAL);
	CHECK_EQ(fake_blocks, 0);
}

TEST(the_word)
{
	char text[] =
		"a:disk.img:ro,b:64M,c:disk.img:4k:max=1G,d:none,:1M,e,f:0,g:1T,h:1Mx,i:1M:rw,j.k:1M,"
		"k:65G,l:99999999999999999999,m:1M:max=,n:64G";
	static const struct {
		int err;
		u64 size, limit;
		u32 block_size;
	} want[] = {
		{ 0, SIZE, 64 * MIB, 512 },     { 0, 64 * MIB, 64 * MIB, 512 },
		{ 0, SIZE, GIB, 4096 },         { -ENOENT, 0, 0, 0 },
		{ -EINVAL, 0, 0, 0 },           { -EINVAL, 0, 0, 0 },
		{ -ENOENT, 0, 0, 0 },           { -ENOENT, 0, 0, 0 },
		{ -ENOENT, 0, 0, 0 },           { -EINVAL, 0, 0, 0 },
		{ -EINVAL, 0, 0, 0 },           { -ENOENT, 0, 0, 0 },
		{ -ENOENT, 0, 0, 0 },           { -EINVAL, 0, 0, 0 },
		{ 0, 64 * GIB, 64 * MIB, 512 },
	};
	struct ramdisk_spec spec;
	char *p = text;
	u32 i;
	int err;

	CHECK_EQ(bootfs_add("disk.img", file, SIZE), 0);
	for (i = 0; ramdisk_parse(&p, &spec, &err); i++) {
		CHECK(i < ARRAY_LEN(want));
		CHECK_EQ(err, want[i].err);
		CHECK_EQ(spec.read_only, i == 0);
		if (!err)
			CHECK_EQ(spec.file ? spec.file_size : spec.size, want[i].size);
		if (!err)
			CHECK_EQ(spec.limit, want[i].limit);
		if (!err)
			CHECK_EQ(spec.block_size, want[i].block_size);
	}
	CHECK_EQ(i, ARRAY_LEN(want));
}

TEST(from_the_command_line)
{
	struct blkdev *b;

	cmdline_init("ramdisk=ram0:1M,ram0:2M,ram1:none,ram2:disk.img:ro");
	ramdisks_start();
	b = blkdev_get("ram0");
	CHECK(b);
	CHECK_EQ(b->size, MIB);
	blkdev_put(b);
	ramdisk_destroy(b);
	CHECK(!blkdev_get("ram1"));
	b = blkdev_get("ram2");
	CHECK(b->read_only);
	blkdev_put(b);
	ramdisk_destroy(b);
	CHECK_EQ(fake_blocks, 0);
}
