/*
 * block/partitions.h: partitions come and go with their disk, serve what is theirs, and are found by what the table says.
 *
 * sources: block/partitions.c block/gpt.c block/ramdisk.c core/blkdev.c core/blkparts.c core/blksync.c
 * sources: lib/crc32.c lib/string.c lib/fmt.c arch/lock.c core/blknode.c core/hostdev.c tests/host/fake_blk.c tests/host/fake_mm.c
 */
#include "block/partitions.h"

#include "block/ramdisk.h"
#include "lib/errno.h"
#include "tests/host/fake_blk.h"
#include "tests/host/gpt_build.h"
#include "tests/host/harness.h"

static struct blkdev *disk;

static void begin(const char *name)
{
	struct ramdisk_spec spec = { .name = name,
				     .file = image,
				     .file_size = IMAGE_BLOCKS * 512,
				     .limit = MIB,
				     .block_size = 512 };

	partitions_start();
	CHECK_EQ(ramdisk_create(&spec, &disk), 0);
}

static bool is_there(const char *name)
{
	struct blkdev *b = blkdev_get(name);

	if (b)
		blkdev_put(b);
	return b;
}

TEST(they_come_and_go)
{
	static u8 buf[512];
	struct blkdev *b;

	put_disk(512);
	put_part(0, 40, 49, "boot");
	put_part(1, 50, 59, "data");
	image[55 * 512] = 0x5a;
	begin("ram0");
	CHECK(is_there("ram0p1"));
	b = blkdev_get("ram0p2");
	CHECK(b);
	CHECK_EQ(b->size, 10 * 512);
	CHECK_STR(partition_of(b)->name, "data");
	CHECK_EQ(blkdev_read(b, 5 * 512, buf, 512), 0);
	CHECK_EQ(buf[0], 0x5a);
	CHECK_EQ(blkdev_read(b, 10 * 512, buf, 512), -EINVAL);
	blkdev_put(b);
	CHECK(!partition_of(disk));
	ramdisk_destroy(disk);
	CHECK(!is_there("ram0p1"));
	CHECK_EQ(fake_blocks, 0);
}

TEST(names)
{
	put_disk(512);
	put_part(11, 40, 49, "boot");
	begin("disk");
	CHECK(is_there("disk12"));
	ramdisk_destroy(disk);
}

TEST(they_are_found)
{
	struct blkdev *b;

	put_disk(512);
	put_part(0, 40, 49, "boot");
	put_part(1, 50, 59, "same");
	put_part(2, 60, 69, "same");
	begin("ram0");
	b = partition_by_uuid("13121110-1514-1716-1819-1A1b1c1d1e1f");
	CHECK(b);
	CHECK_STR(b->name, "ram0p2");
	blkdev_put(b);
	CHECK(!partition_by_uuid("13121110-1514-1716-1819-1a1b1c1d1e1"));
	CHECK(!partition_by_uuid("13121110-1514-1716-1819-1a1b1c1d1e1f0"));
	CHECK(!partition_by_uuid(""));
	b = partition_by_label("boot");
	CHECK_STR(b->name, "ram0p1");
	blkdev_put(b);
	CHECK(!partition_by_label("same"));
	CHECK(!partition_by_label(""));
	ramdisk_destroy(disk);
}

TEST(the_table_is_written_anew)
{
	static u8 zeroes[512];
	struct blkdev *b;

	put_disk(512);
	put_part(0, 40, 49, "boot");
	begin("ram0");
	b = blkdev_get("ram0p1");
	CHECK_EQ(blkdev_claim(b, "me"), 0);
	CHECK_EQ(partitions_rescan(disk), -EBUSY);
	blkdev_release(b);
	blkdev_put(b);
	CHECK_EQ(blkdev_write(disk, 0, zeroes, 512), 0);
	CHECK_EQ(partitions_rescan(disk), 0);
	CHECK(!is_there("ram0p1"));
	CHECK(is_there("ram0"));
	ramdisk_destroy(disk);
	CHECK_EQ(fake_blocks, 0);
}
