#include "lib/cpio.h"

#include "lib/string.h"

#define MAGIC_PLAIN    "070701"
#define MAGIC_CHECKSUM "070702"
#define TRAILER        "TRAILER!!!"

struct header {
	char magic[6];
	char ino[8], mode[8], uid[8], gid[8], nlink[8], mtime[8], filesize[8];
	char devmajor[8], devminor[8], rdevmajor[8], rdevminor[8], namesize[8], check[8];
};
static_assert(sizeof(struct header) == 110, "newc header");

static bool hex(const char *digits, u32 *out)
{
	*out = 0;
	for (int i = 0; i < 8; i++) {
		char c = digits[i];

		if (c >= '0' && c <= '9')
			*out = *out << 4 | (u32)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			*out = *out << 4 | (u32)((c | 0x20) - 'a' + 10);
		else
			return false;
	}
	return true;
}

bool cpio_is(const u8 *p, size_t size)
{
	return size >= sizeof(MAGIC_PLAIN) - 1 &&
	       (!memcmp(p, MAGIC_PLAIN, sizeof(MAGIC_PLAIN) - 1) ||
		!memcmp(p, MAGIC_CHECKSUM, sizeof(MAGIC_CHECKSUM) - 1));
}

enum cpio_error cpio_read(const u8 *archive, size_t size, size_t at, struct cpio_entry *out)
{
	size_t left = size - at, body;
	struct header h;

	if (left < sizeof(h))
		return CPIO_TRUNCATED;
	if (!cpio_is(archive + at, left))
		return CPIO_NO_ENTRY;
	memcpy(&h, archive + at, sizeof(h));
	out->checksum = !memcmp(h.magic, MAGIC_CHECKSUM, sizeof(h.magic));
	if (!hex(h.mode, &out->mode) || !hex(h.nlink, &out->nlink) ||
	    !hex(h.filesize, &out->size) || !hex(h.namesize, &out->name_size))
		return CPIO_DAMAGED;
	body = ALIGN_UP(at + sizeof(h) + out->name_size, (size_t)4);
	if (out->name_size > left - sizeof(h) || body > size || out->size > size - body)
		return CPIO_TRUNCATED;
	if (!out->name_size)
		return CPIO_DAMAGED;
	out->name = (const char *)archive + at + sizeof(h);
	out->data = archive + body;
	out->end = MIN(ALIGN_UP(body + out->size, (size_t)4), size);
	return CPIO_OK;
}

bool cpio_is_trailer(const struct cpio_entry *e)
{
	return e->name_size == sizeof(TRAILER) && !memcmp(e->name, TRAILER, sizeof(TRAILER));
}
