/*
 * One entry after the other: a header of hexadecimal numbers, the name, the content, each padded to 4 bytes
 * from the archive's beginning.
 */
#include "boot/app/archive.h"

#include "lib/string.h"

#define NEWC_MAGIC   "070701"
#define NEWC_TRAILER "TRAILER!!!"
#define MODE_TYPE    0170000u
#define MODE_FILE    0100000u
#define MODE_DIR     0040000u

struct newc {
	char magic[6];
	char ino[8], mode[8], uid[8], gid[8], nlink[8], mtime[8], filesize[8];
	char devmajor[8], devminor[8], rdevmajor[8], rdevminor[8], namesize[8], check[8];
};
static_assert(sizeof(struct newc) == 110, "newc header");

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

/* The entry at a->at, of whatever kind; a->at moves behind it. */
static const char *read_entry(struct archive *a, struct archive_file *file, u32 *mode)
{
	u32 size, namesize, nlink;
	struct newc h;
	size_t left = a->size - a->at, body;

	if (left < sizeof(h))
		return "it is truncated";
	memcpy(&h, a->data + a->at, sizeof(h));
	if (memcmp(h.magic, NEWC_MAGIC, sizeof(h.magic)))
		return "it is no cpio archive of the newc kind, or damaged";
	if (!hex(h.mode, mode) || !hex(h.filesize, &size) || !hex(h.namesize, &namesize) ||
	    !hex(h.nlink, &nlink))
		return "an entry's header is damaged";
	body = ALIGN_UP(a->at + sizeof(h) + namesize, 4);
	if (namesize > left - sizeof(h) || body > a->size || size > a->size - body)
		return "it is truncated";
	file->path = (const char *)a->data + a->at + sizeof(h);
	if (!namesize || strnlen(file->path, namesize) != namesize - 1)
		return "an entry's name is damaged";
	if ((*mode & MODE_TYPE) == MODE_FILE && nlink > 1)
		return "it has hard links";
	file->data = a->data + body;
	file->size = size;
	a->at = MIN(ALIGN_UP(body + size, 4), a->size);
	return NULL;
}

const char *archive_next(struct archive *a, struct archive_file *file)
{
	for (;;) {
		u32 mode;
		const char *wrong = read_entry(a, file, &mode);

		if (wrong)
			return wrong;
		if (!strcmp(file->path, NEWC_TRAILER)) {
			file->path = NULL;
			return NULL;
		}
		if ((mode & MODE_TYPE) == MODE_DIR)
			continue;
		if ((mode & MODE_TYPE) != MODE_FILE)
			return "it has other things than files and directories";
		if (str_prefix(file->path, "./"))
			file->path += 2;
		return NULL;
	}
}
