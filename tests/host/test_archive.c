/*
 * vm/archive.h and lib/gzip.h: whole, truncated and damaged initrds. gzip members are made here: stored
 * blocks by hand (RFC 1951, 3.2.4), compressed ones by the gzip program where the machine has it.
 *
 * sources: vm/archive.c lib/gzip.c lib/inflate.c lib/crc32.c lib/cpio.c lib/string.c
 * sources: build/deps/zlib/infback.c build/deps/zlib/inffast.c build/deps/zlib/inftrees.c
 * flags: -DZ_SOLO -DHAVE_MEMCPY -include string.h -Wno-implicit-fallthrough -isystem build/deps/zlib
 * timeout: 120
 */
#include "vm/archive.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/thread.h"
#include "lib/crc32.h"
#include "lib/errno.h"
#include "lib/gzip.h"
#include "lib/inflate.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "tests/host/harness.h"

static bool no_memory;
static u32 yields;

void *kalloc(size_t size)
{
	return no_memory ? NULL : calloc(1, size);
}

void kfree(void *p)
{
	free(p);
}

bool thread_need_resched(void)
{
	return true;
}

void thread_yield(void)
{
	yields++;
}

#define SIZE_MAX_ARCHIVE (4 * MIB)

static u8 archive[SIZE_MAX_ARCHIVE];
static size_t len;

static void put(const void *data, size_t n)
{
	if (len + n > sizeof(archive))
		abort();
	memcpy(archive + len, data, n);
	len += n;
}

static void put32(u32 v)
{
	put(&v, 4);
}

static void pad(size_t align)
{
	while (len % align)
		put("", 1);
}

/* A member of a newc archive (Linux, "initramfs buffer format"). */
static void put_file(const char *name, const void *data, u32 size)
{
	char header[111];

	snprintf(header, sizeof(header),
		 "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 1, 0100644, 0, 0, 1,
		 0, size, 0, 0, 0, 0, (u32)strlen(name) + 1, 0);
	put(header, 110);
	put(name, strlen(name) + 1);
	pad(4);
	put(data, size);
	pad(4);
}

static void put_cpio(void)
{
	put_file("init", "#!/bin/sh\n", 10);
	put_file("bin", "", 0);
	put_file("TRAILER!!!", "", 0);
}

/* A gzip member with its content in stored blocks. */
static void put_stored(const u8 *data, u32 size, u8 flags)
{
	const u8 header[10] = { 0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 3 };
	u32 crc = ~crc32_update(~0u, data, size), at = 0;

	put(header, sizeof(header));
	if (flags & 4)
		put("\x03\0abc", 5);
	if (flags & 8)
		put("name", 5);
	if (flags & 16)
		put("a comment", 10);
	if (flags & 2)
		put("xx", 2);
	do {
		u16 n = (u16)MIN(size - at, 65535u), inverse = (u16)~n;
		u8 final = at + n == size;

		put(&final, 1);
		put(&n, 2);
		put(&inverse, 2);
		put(data + at, n);
		at += n;
	} while (at < size);
	put32(crc);
	put32(size);
}

/* Checks a block of exactly that size: the sanitizer sees any byte too many. */
static int check(const u8 *data, size_t n)
{
	u8 *copy = malloc(n ? n : 1);
	int ret;

	memcpy(copy, data, n);
	ret = archive_check(copy, n);
	free(copy);
	return ret;
}

/* Compresses data with the gzip program into the archive; false: there is none. */
static bool put_gzip(const void *data, size_t n, const char *how)
{
	char in[] = "/tmp/test_archive.XXXXXX", command[128];
	int fd = mkstemp(in);
	size_t got = 0;
	FILE *f = fdopen(fd, "wb");

	if (!f || fwrite(data, 1, n, f) != n || fclose(f))
		abort();
	snprintf(command, sizeof(command), "gzip -c %s <%s", how, in);
	f = popen(command, "r");
	if (f) {
		got = fread(archive + len, 1, sizeof(archive) - len, f);
		pclose(f);
	}
	remove(in);
	len += got;
	return got > 0;
}

/* Text that compresses, with matches near and far. */
static void fill(u8 *p, size_t n)
{
	u32 state = 1;

	for (size_t i = 0; i < n; i++) {
		state = state * 1664525 + 1013904223;
		p[i] = state >> 30 || i < 40000 ? (u8)(state >> 24 & 0x3f) : p[i - 30000];
	}
}

TEST(cpio)
{
	len = 0;
	put_cpio();
	CHECK_EQ(check(archive, len), 0);
	/* From the magic number on, up to the padding after the last name. */
	for (size_t n = 6; n < len - 3; n++)
		CHECK_EQ(check(archive, n), -EINVAL);
	archive[54] = 'z'; /* in a size */
	CHECK_EQ(check(archive, len), -EINVAL);
	CHECK_EQ(check(archive, 0), 0);
}

TEST(cpio_lies)
{
	len = 0;
	put_cpio();
	memcpy(archive + 54, "FFFFFFFF", 8); /* the file's size */
	CHECK_EQ(check(archive, len), -EINVAL);
	memcpy(archive + 54, "0000000A", 8);
	CHECK_EQ(check(archive, len), 0);
	memcpy(archive + 94, "FFFFFFFF", 8); /* the name's size */
	CHECK_EQ(check(archive, len), -EINVAL);
	memcpy(archive + 94, "00000000", 8);
	CHECK_EQ(check(archive, len), -EINVAL);
}

TEST(several_archives)
{
	len = 0;
	put_cpio();
	pad(512);
	put_stored((const u8 *)"content", 7, 0);
	pad(512);
	put_cpio();
	CHECK_EQ(check(archive, len), 0);
	len -= 20; /* the trailer's name */
	CHECK_EQ(check(archive, len), -EINVAL);
}

TEST(other_formats_are_taken)
{
	CHECK_EQ(check((const u8 *)"\x28\xb5\x2f\xfd zstd", 9), 0);
	CHECK_EQ(check((const u8 *)"\xfd"
				   "7zXZ\0",
		       6),
		 0);
	len = 0;
	put_cpio();
	put("\x28\xb5\x2f\xfd", 4);
	CHECK_EQ(check(archive, len), 0);
}

TEST(gzip_stored)
{
	u8 content[70000];

	fill(content, sizeof(content));
	for (u32 flags = 0; flags < 32; flags++) { /* bit 0 is a hint only */
		len = 0;
		put_stored(content, sizeof(content), (u8)flags);
		CHECK_EQ(check(archive, len), 0);
	}
	len = 0;
	put_stored(content, 0, 0);
	CHECK_EQ(check(archive, len), 0);
}

/* However much is cut off the end, that is seen. */
TEST(gzip_truncated)
{
	u8 content[200];

	fill(content, sizeof(content));
	len = 0;
	put_stored(content, sizeof(content), 4 | 8 | 16 | 2);
	for (size_t n = 2; n < len; n++)
		CHECK_EQ(check(archive, n), -EINVAL);
}

/* One bit wrong anywhere that counts. */
TEST(gzip_damaged)
{
	u8 content[200];

	fill(content, sizeof(content));
	for (u32 bit = 0; bit < 223 * 8; bit++) {
		u32 at = bit / 8;
		/* The magic number (then it is another format), time, level and system do not count,
		 * nor does the hint that it is text. */
		bool counts = at > 1 && !(at > 3 && at < 10) && bit != 3 * 8;

		len = 0;
		put_stored(content, sizeof(content), 0);
		archive[at] ^= (u8)(1u << bit % 8);
		/* Padding of a stored block is not looked at. */
		if (at == 10 && bit % 8 > 2)
			continue;
		/* With more header fields announced the content is taken for them. */
		CHECK_EQ(check(archive, len), counts ? -EINVAL : 0);
	}
	CHECK_EQ(len, 10 + 5 + 200 + 8);
}

TEST(gzip_compressed)
{
	static const char *const ways[] = { "-1", "-6", "-9" };
	static u8 content[1000000];

	fill(content, sizeof(content));
	for (u32 i = 0; i < ARRAY_LEN(ways); i++) {
		len = 0;
		yields = 0;
		if (!put_gzip(content, sizeof(content), ways[i])) {
			printf("no gzip program: compressed members were not tested\n");
			return;
		}
		CHECK_EQ(check(archive, len), 0);
		CHECK(yields >= sizeof(content) / 32768); /* others get their turn */
		CHECK_EQ(check(archive, len - 1), -EINVAL);
		CHECK_EQ(check(archive, len / 2), -EINVAL);
		archive[len / 2] ^= 1;
		CHECK_EQ(check(archive, len), -EINVAL);
		archive[len / 2] ^= 1;
		put_cpio(); /* what follows is found where the member ends */
		CHECK_EQ(check(archive, len), 0);
		CHECK_EQ(check(archive, len - 30), -EINVAL);
	}
}

/* An archive that inflates to a thousand times its size takes no more memory than any other. */
TEST(gzip_bomb)
{
	static u8 zeroes[16 * MIB];

	len = 0;
	if (put_gzip(zeroes, sizeof(zeroes), "-9")) {
		CHECK(len < sizeof(zeroes) / 900);
		CHECK_EQ(check(archive, len), 0);
	}
	CHECK_EQ(check(archive, 0), 0);
}

TEST(no_memory_for_it)
{
	len = 0;
	put_stored((const u8 *)"x", 1, 0);
	no_memory = true;
	CHECK_EQ(check(archive, len), -ENOMEM);
	no_memory = false;
}

static u8 result[64];
static size_t result_len;

static int keep(void *ctx, const u8 *data, size_t n)
{
	memcpy(result + result_len, data, n);
	result_len += n;
	return *(int *)ctx;
}

/* A fixed-code block (RFC 1951, 3.2.6): "aaaaaaaaaa" as a literal and a match of 9 at distance 1. */
TEST(inflate_by_hand)
{
	/*
	 * Bits, first to last: 1 final, 01 fixed; 'a' 10010001; length 9 is code 263: 0000111; distance 1
	 * is code 0: 00000; end 0000000. In bytes from the low bit up.
	 */
	static const u8 in[] = { 0x4b, 0x84, 0x03, 0x00, 0xaa };
	static u8 work[INFLATE_WORK_SIZE] __aligned(16);
	size_t used = 0;
	int ret = 0;

	result_len = 0;
	CHECK_EQ(inflate_raw(in, sizeof(in), &used, keep, &ret, work), 0);
	CHECK_EQ(result_len, 10);
	CHECK(!memcmp(result, "aaaaaaaaaa", 10));
	CHECK_EQ(used, 4);
	ret = -EIO; /* the receiver has had enough */
	CHECK_EQ(inflate_raw(in, sizeof(in), &used, keep, &ret, work), -EIO);
	ret = 0;
	CHECK_EQ(inflate_raw(in, 3, &used, keep, &ret, work), -EINVAL);
}

/* Damaged streams end in an error or in a wrong checksum, whatever the damage. */
TEST(random_damage)
{
	static u8 content[5000], pristine[8192];
	u32 state = 12345, wrong = 0;
	size_t whole;

	fill(content, sizeof(content));
	len = 0;
	if (!put_gzip(content, sizeof(content), "-6"))
		put_stored(content, sizeof(content), 0);
	whole = len;
	memcpy(pristine, archive, whole);
	for (u32 i = 0; i < 20000; i++) {
		for (u32 k = 0; k < 3; k++) {
			state = state * 1664525 + 1013904223;
			archive[10 + (state >> 8) % (whole - 10)] ^= (u8)(state >> 3 | 1);
		}
		wrong += check(archive, whole) == 0;
		memcpy(archive, pristine, whole);
	}
	CHECK_EQ(wrong, 0);
	CHECK_EQ(check(archive, whole), 0);
}
