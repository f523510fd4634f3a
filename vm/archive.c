/*
 * Walking an initrd's archives without unpacking them.
 */
#include "vm/archive.h"

#include "lib/errno.h"
#include "lib/string.h"

#define CPIO_HEADER 110 /* "070701" or "070702" and 13 fields of 8 hexadecimal digits */
#define CPIO_FILESIZE 54
#define CPIO_NAMESIZE 94
#define CPIO_TRAILER "TRAILER!!!"

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

int archive_check(const u8 *data, size_t size)
{
	size_t pos = 0;

	while (pos < size) {
		size_t len;

		if (!data[pos]) { /* padding between archives */
			pos++;
			continue;
		}
		if (!is_cpio(data + pos, size - pos))
			return 0; /* another format; the guest's kernel judges it */
		if (cpio_check(data + pos, size - pos, &len))
			return -EINVAL;
		pos += len;
	}
	return 0;
}
