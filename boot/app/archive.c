/*
 * What a boot set's archive may have: files and directories, and nothing that is told in two places.
 */
#include "boot/app/archive.h"

#include "lib/cpio.h"
#include "lib/string.h"

/* The entry at a->at, of whatever kind; a->at moves behind it. */
static const char *read_entry(struct archive *a, struct cpio_entry *e)
{
	switch (cpio_read(a->data, a->size, a->at, e)) {
	case CPIO_OK:
		break;
	case CPIO_TRUNCATED:
		return "it is truncated";
	case CPIO_NO_ENTRY:
		return "it is no cpio archive of the newc kind, or damaged";
	case CPIO_DAMAGED:
		return "an entry's header is damaged";
	}
	if (e->checksum)
		return "it is a cpio archive with checksums";
	if (strnlen(e->name, e->name_size) != e->name_size - 1)
		return "an entry's name is damaged";
	if ((e->mode & CPIO_TYPE) == CPIO_FILE && e->nlink > 1)
		return "it has hard links";
	a->at = e->end;
	return NULL;
}

const char *archive_next(struct archive *a, struct archive_file *file)
{
	struct cpio_entry e;

	*file = (struct archive_file){ 0 };
	for (;;) {
		const char *wrong = read_entry(a, &e);

		if (wrong || cpio_is_trailer(&e))
			return wrong;
		if ((e.mode & CPIO_TYPE) == CPIO_FILE)
			break;
		if ((e.mode & CPIO_TYPE) != CPIO_DIR)
			return "it has other things than files and directories";
	}
	*file = (struct archive_file){ str_prefix(e.name, "./") ? e.name + 2 : e.name, e.data,
				       e.size };
	return NULL;
}
