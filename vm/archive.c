/*
 * Walking an initrd's archives without unpacking them.
 */
#include "vm/archive.h"

#include "core/thread.h"
#include "lib/errno.h"
#include "lib/gzip.h"
#include "lib/string.h"
#include "mm/heap.h"

#define CPIO_HEADER   110 /* "070701" or "070702" and 13 fields of 8 hexadecimal digits */
#define CPIO_FILESIZE 54
#define CPIO_NAMESIZE 94
#define CPIO_TRAILER  "TRAILER!!!"

static int hex8(const u8 *p, u32 *out)
{
	u32 v = 0;

	for (u32 i = 0; i < 8; i++) {
		u32 c = p[i];
		u32 digit = c >= '0' && c <= '9' ? c - '0' :
			    c >= 'a' && c <= 'f' ? c - 'a' + 10 :
			    c >= 'A' && c <= 'F' ? c - 'A' + 10 :
						   16;

		if (digit > 15)
			return -EINVAL;
		v = v << 4 | digit;
	}
	*out = v;
	return 0;
}

static bool is_cpio(const u8 *p, size_t n)
{
	return n >= 6 && (!memcmp(p, "070701", 6) || !memcmp(p, "070702", 6));
}

/* Walks one cpio archive; *len is what it takes, its trailer included. */
static int cpio_check(const u8 *data, size_t size, size_t *len)
{
	size_t pos = 0;

	for (;;) {
		u32 name_size, file_size;
		size_t body;
		bool trailer;

		if (size - pos < CPIO_HEADER || !is_cpio(data + pos, size - pos) ||
		    hex8(data + pos + CPIO_NAMESIZE, &name_size) ||
		    hex8(data + pos + CPIO_FILESIZE, &file_size))
			return -EINVAL;
		body = ALIGN_UP(pos + CPIO_HEADER + name_size, 4ULL);
		if (!name_size || body > size || file_size > size - body)
			return -EINVAL;
		trailer = name_size == sizeof(CPIO_TRAILER) &&
			  !memcmp(data + pos + CPIO_HEADER, CPIO_TRAILER, name_size);
		pos = ALIGN_UP(body + file_size, 4ULL);
		if (trailer)
			break;
		if (pos > size)
			return -EINVAL;
	}
	*len = MIN(pos, size);
	return 0;
}

/* This may take long: others get their turn meanwhile. */
static void give_way(void)
{
	if (thread_need_resched())
		thread_yield();
}

static int gzip_member(const u8 *data, size_t size, size_t *len)
{
	void *work = kalloc(INFLATE_WORK_SIZE);
	int err = -ENOMEM;

	if (work)
		err = gzip_check(data, size, len, give_way, work);
	kfree(work);
	return err;
}

int archive_check(const u8 *data, size_t size)
{
	size_t pos = 0;

	while (pos < size) {
		const u8 *at = data + pos;
		size_t left = size - pos, len;
		int err;

		if (!*at) { /* padding between archives */
			pos++;
			continue;
		}
		if (is_cpio(at, left))
			err = cpio_check(at, left, &len);
		else if (gzip_is(at, left))
			err = gzip_member(at, left, &len);
		else
			return 0; /* another format; the guest's kernel judges it */
		if (err)
			return err;
		pos += len;
	}
	return 0;
}
