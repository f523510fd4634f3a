/*
 * core/bootfs.h: the boot set's files.
 *
 * sources: core/bootfs.c lib/string.c
 */
#include "core/bootfs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "tests/host/harness.h"

#include <stdio.h>

static const u8 bytes[8] = "content";

/* Tests run in one process and files are never taken out: each test uses names of its own. */

TEST(found_by_exact_path)
{
	const struct bootfs_file *f;

	CHECK(bootfs_get(0) == NULL);
	CHECK(bootfs_find("vm1.xml") == NULL);
	CHECK_EQ(bootfs_add("vm1.xml", bytes, sizeof(bytes)), 0);
	CHECK_EQ(bootfs_add("images/kernel", bytes + 1, 3), 0);
	CHECK_EQ(bootfs_add("empty", NULL, 0), 0);
	f = bootfs_find("vm1.xml");
	CHECK(f && f->data == bytes && f->size == sizeof(bytes));
	CHECK_STR(f->path, "vm1.xml");
	f = bootfs_find("images/kernel");
	CHECK(f && f->data == bytes + 1 && f->size == 3);
	f = bootfs_find("empty");
	CHECK(f && f->size == 0);
	CHECK(bootfs_find("kernel") == NULL);
	CHECK(bootfs_find("images") == NULL);
	CHECK(bootfs_find("images/") == NULL);
	CHECK(bootfs_find("") == NULL);
}

TEST(twice_is_refused)
{
	CHECK_EQ(bootfs_add("twice", bytes, 1), 0);
	CHECK_EQ(bootfs_add("twice", bytes + 1, 2), -EEXIST);
	CHECK(bootfs_find("twice")->data == bytes);
}

TEST(paths_stay_within_the_set)
{
	static const char *const bad[] = {
		"", "/", "/etc/passwd", "..", "../x", "a/..", "a/../b", "a/b/../../..", "//x",
	};
	static const char *const good[] = { "..x", "x..", "a/...", "a/..b/c", ".hidden" };
	char long_path[160];

	for (u32 i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK_EQ(bootfs_add(bad[i], bytes, 1), -EINVAL);
		CHECK(bootfs_find(bad[i]) == NULL);
	}
	for (u32 i = 0; i < ARRAY_LEN(good); i++)
		CHECK_EQ(bootfs_add(good[i], bytes, 1), 0);
	memset(long_path, 'p', sizeof(long_path));
	long_path[128] = '\0';
	CHECK_EQ(bootfs_add(long_path, bytes, 1), -EINVAL);
	long_path[127] = '\0';
	CHECK_EQ(bootfs_add(long_path, bytes, 1), 0);
	CHECK(bootfs_find(long_path) != NULL);
}

/* Last: it fills the set. */
TEST(z_order_and_limit)
{
	const struct bootfs_file *first = bootfs_find("vm1.xml"), *f;
	size_t n = 0;
	char name[32];

	while (bootfs_get(n))
		n++;
	for (u32 i = 0; n < BOOTFS_MAX_FILES; i++, n++) {
		snprintf(name, sizeof(name), "f%03u", (i * 37) % 997); /* out of order */
		CHECK_EQ(bootfs_add(name, bytes, i), 0);
	}
	CHECK_EQ(bootfs_add("one-more", bytes, 1), -ENOSPC);
	CHECK(bootfs_find("one-more") == NULL);
	CHECK_EQ(bootfs_add("vm1.xml", bytes, 1), -EEXIST);
	for (size_t i = 1; i < n; i++) {
		f = bootfs_get(i);
		CHECK(f && strcmp(bootfs_get(i - 1)->path, f->path) < 0);
	}
	CHECK(bootfs_get(n) == NULL);
	CHECK(bootfs_find("vm1.xml") == first && first->data == bytes);
}
