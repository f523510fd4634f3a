/*
 * Initrds: whatever a file holds, looking whether it is whole comes to an end, stays inside the file and
 * gives its memory back. An input's first two bytes say how much is cut off at its end.
 *
 * sources: vm/archive.c lib/gzip.c lib/inflate.c lib/crc32.c lib/cpio.c lib/string.c
 * sources: build/deps/zlib/infback.c build/deps/zlib/inffast.c build/deps/zlib/inftrees.c
 * flags: -DZ_SOLO -DHAVE_MEMCPY -include string.h -isystem build/deps/zlib
 * runs: 60000
 * max_len: 4096
 */
#include "vm/archive.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/thread.h"
#include "lib/crc32.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "tests/host/fuzzing.h"

static u32 blocks;

void *kalloc(size_t size)
{
	blocks++;
	return malloc(size);
}

void kfree(void *p)
{
	blocks--;
	free(p);
}

bool thread_need_resched(void)
{
	return false;
}

void thread_yield(void) {}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };
	u64 cut = fuzz_bytes(&in, 2) % (in.left + 1);
	u8 *copy = fuzz_copy(in.p, in.left - cut);
	int err = archive_check(copy, in.left - cut);

	CHECK(err == 0 || err == -EINVAL);
	CHECK_EQ(blocks, 0);
	free(copy);
	return 0;
}

/* --- seeds ---------------------------------------------------------------------------------------- */

static u8 out[2048];
static size_t len;

static void put(const void *data, size_t n)
{
	memcpy(out + len, data, n);
	len += n;
}

/* A member of a newc archive (Linux, "initramfs buffer format"). */
static void put_file(const char *name, const char *content)
{
	char header[111];

	snprintf(header, sizeof(header),
		 "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 1, 0100644, 0, 0, 1,
		 0, (u32)strlen(content), 0, 0, 0, 0, (u32)strlen(name) + 1, 0);
	put(header, 110);
	put(name, strlen(name) + 1);
	while (len % 4 != 2) /* behind the first two bytes */
		put("", 1);
	put(content, strlen(content));
	while (len % 4 != 2) /* behind the first two bytes */
		put("", 1);
}

/* A gzip member with one stored block (RFC 1951, 3.2.4) and all the header's fields. */
static void put_stored(const char *text)
{
	static const u8 header[] = { 0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3, 2, 0, 'x', 'y' };
	u16 n = (u16)strlen(text), inverse = (u16)~n;
	u32 crc = ~crc32_update(~0u, (const u8 *)text, n), length = n;

	put(header, sizeof(header));
	put("name\0comment\0cc", 15);
	put("\1", 1);
	put(&n, 2);
	put(&inverse, 2);
	put(text, n);
	put(&crc, 4);
	put(&length, 4);
}

/* 421 bytes of text, as the gzip program compresses them: fixed codes. */
static const u8 compressed[] = {
	0x1f, 0x8b, 0x08, 0x08, 0x00, 0x00, 0x00, 0x00, 0x02, 0xff, 0x6e, 0x61, 0x6d, 0x65, 0x00,
	0xcb, 0xc9, 0xcc, 0x4b, 0x55, 0x30, 0x50, 0xc8, 0x4f, 0x53, 0x48, 0x54, 0x48, 0xcb, 0xcc,
	0x49, 0xb5, 0x52, 0xe0, 0xca, 0x01, 0x09, 0x19, 0x22, 0x0b, 0x25, 0x25, 0x57, 0x54, 0x56,
	0x41, 0xc4, 0x8d, 0x90, 0xc5, 0x41, 0xc2, 0x08, 0x29, 0x63, 0x64, 0x29, 0xa0, 0x28, 0x04,
	0x41, 0xe4, 0x4c, 0x90, 0xe5, 0x2a, 0xab, 0x20, 0x10, 0x22, 0x65, 0x8a, 0x2c, 0x55, 0x05,
	0x02, 0x10, 0x71, 0x33, 0x64, 0xf1, 0x44, 0xb0, 0x13, 0xf0, 0x93, 0x10, 0x6d, 0xe6, 0x98,
	0x7e, 0xb1, 0x40, 0x77, 0x33, 0x44, 0xd8, 0x12, 0xd3, 0xbd, 0x50, 0xbf, 0x1b, 0x60, 0xba,
	0x16, 0x2a, 0x63, 0x88, 0xee, 0x58, 0xa8, 0xb8, 0x11, 0xf1, 0x8e, 0x85, 0xea, 0x30, 0xc6,
	0x08, 0x60, 0x9c, 0x04, 0x17, 0x00, 0x98, 0xe1, 0xe4, 0x0d, 0xa5, 0x01, 0x00, 0x00,
};

/* RFC 1951, 3.2.7: a block with codes of its own; not of a whole member, for the inflater alone. */
static const u8 dynamic[] = {
	0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x05, 0xc1, 0x81, 0x00, 0x00,
	0x00, 0x00, 0x80, 0x20, 0xfd, 0xa9, 0x17, 0x04, 0x51, 0x44, 0x11, 0x45, 0x14, 0x51,
};

static void begin(void)
{
	len = 0;
	put("\0\0", 2); /* nothing is cut off */
}

/* As it is, and cut off in several places. */
static void seed(void)
{
	static const u8 cuts[] = { 0, 1, 5, 9, 40, 120 };

	for (u32 i = 0; i < ARRAY_LEN(cuts); i++) {
		out[0] = cuts[i];
		fuzz_seed(out, len);
	}
	begin();
}

void fuzz_seeds(void)
{
	begin();
	put_file("init", "#!/bin/sh");
	put_file("empty", "");
	put_file("TRAILER!!!", "");
	seed();
	put_stored("stored text");
	seed();
	put(compressed, sizeof(compressed));
	seed();
	put(dynamic, sizeof(dynamic));
	seed();
	put_file("microcode", "0123");
	put_file("TRAILER!!!", "");
	put("\0\0\0\0", 4);
	put(compressed, sizeof(compressed));
	put_stored("again");
	seed();
}
