/*
 * boot/app/archive.h: a boot set in a cpio archive of the newc kind; whole, cut anywhere, and damaged. What is
 * read lies within the archive: each is a block of its exact size.
 *
 * sources: boot/app/archive.c lib/cpio.c lib/string.c
 */
#include "boot/app/archive.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/string.h"
#include "tests/host/harness.h"

#define FILE_MODE 0100644
#define DIR_MODE  0040755
#define LINK_MODE 0120777

static u8 out[4096];
static size_t len;

static void put(const void *data, size_t n)
{
	memcpy(out + len, data, n);
	len += n;
}

static void pad(void)
{
	while (len % 4)
		put("", 1);
}

static void put_entry(const char *name, u32 mode, u32 nlink, const char *content)
{
	char header[111];

	snprintf(header, sizeof(header),
		 "070701%08x%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 0xabcdef01, mode, 0,
		 0, nlink, 0, (u32)strlen(content), 0, 0, 0, 0, (u32)strlen(name) + 1, 0);
	put(header, 110);
	put(name, strlen(name) + 1);
	pad();
	put(content, strlen(content));
	pad();
}

static void begin(void)
{
	len = 0;
}

static void put_trailer(void)
{
	put_entry("TRAILER!!!", 0, 1, "");
}

/* Reads the first n bytes to the end, writing "path=content;" for each file; NULL or what is wrong. */
static const char *read_all(size_t n, char *text, size_t size)
{
	u8 *copy = malloc(n ? n : 1);
	struct archive a = { copy, n, 0 };
	const char *wrong;
	size_t used = 0;

	memcpy(copy, out, n);
	text[0] = '\0';
	for (;;) {
		struct archive_file f;

		wrong = archive_next(&a, &f);
		if (wrong || !f.path)
			break;
		CHECK(f.data >= copy && f.size <= n && f.data <= copy + n - f.size);
		used += (size_t)snprintf(text + used, size - used, "%s=%.*s;", f.path, (int)f.size,
					 (const char *)f.data);
	}
	free(copy);
	return wrong;
}

TEST(files_in_order_directories_passed_over)
{
	char text[256];

	begin();
	put_entry(".", DIR_MODE, 3, "");
	put_entry("b.xml", FILE_MODE, 1, "<domain/>");
	put_entry("sub", DIR_MODE, 2, "");
	put_entry("./sub/a", FILE_MODE, 1, "12345");
	put_entry("empty", FILE_MODE, 1, "");
	put_trailer();
	CHECK(!read_all(len, text, sizeof(text)));
	CHECK_STR(text, "b.xml=<domain/>;sub/a=12345;empty=;");
	put(out, 3); /* what is behind the trailer does not matter: cpio pads to blocks */
	CHECK(!read_all(len, text, sizeof(text)));
}

TEST(cut_anywhere_is_truncated)
{
	char text[256];
	size_t whole;

	begin();
	put_entry("one", FILE_MODE, 1, "content");
	put_entry("two", FILE_MODE, 1, "more");
	put_trailer();
	whole = len;
	for (size_t n = 0; n < whole; n++)
		CHECK_STR(read_all(n, text, sizeof(text)), "it is truncated");
}

TEST(damaged_headers_are_refused)
{
	char text[256];

	begin();
	put_entry("one", FILE_MODE, 1, "content");
	put_trailer();
	out[5] = '2'; /* "070702": with checksums */
	CHECK_STR(read_all(len, text, sizeof(text)), "it is a cpio archive with checksums");
	out[5] = '3';
	CHECK_STR(read_all(len, text, sizeof(text)),
		  "it is no cpio archive of the newc kind, or damaged");
	out[5] = '1';
	out[6 + 6 * 8] = 'g'; /* a size that is no number */
	CHECK_STR(read_all(len, text, sizeof(text)), "an entry's header is damaged");
	memcpy(out + 6 + 6 * 8, "ffffffff", 8);
	CHECK_STR(read_all(len, text, sizeof(text)), "it is truncated");
	memcpy(out + 6 + 6 * 8, "00000007", 8);
	memcpy(out + 6 + 11 * 8, "FFFFFFFF", 8);
	CHECK_STR(read_all(len, text, sizeof(text)), "it is truncated");
	memcpy(out + 6 + 11 * 8, "00000000", 8);
	CHECK_STR(read_all(len, text, sizeof(text)), "an entry's header is damaged");
	memcpy(out + 6 + 11 * 8, "00000003", 8); /* without its NUL */
	CHECK_STR(read_all(len, text, sizeof(text)), "an entry's name is damaged");
	memcpy(out + 6 + 11 * 8, "00000004", 8);
	CHECK(!read_all(len, text, sizeof(text)));
}

TEST(links_are_refused)
{
	char text[256];

	begin();
	put_entry("one", FILE_MODE, 2, "");
	put_trailer();
	CHECK_STR(read_all(len, text, sizeof(text)), "it has hard links");
	begin();
	put_entry("one", LINK_MODE, 1, "two");
	put_trailer();
	CHECK_STR(read_all(len, text, sizeof(text)),
		  "it has other things than files and directories");
}
