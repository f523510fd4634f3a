/*
 * Walking an initrd's archives without unpacking them.
 */
#include "vm/archive.h"

#include "core/thread.h"
#include "lib/cpio.h"
#include "lib/errno.h"
#include "lib/gzip.h"
#include "mm/heap.h"

/* Walks one cpio archive; *len is what it takes, its trailer included. */
static int cpio_check(const u8 *data, size_t size, size_t *len)
{
	struct cpio_entry e = { 0 };

	do {
		if (cpio_read(data, size, e.end, &e) != CPIO_OK)
			return -EINVAL;
		thread_give_way();
	} while (!cpio_is_trailer(&e));
	*len = e.end;
	return 0;
}

static int gzip_member(const u8 *data, size_t size, size_t *len)
{
	void *work = kalloc(INFLATE_WORK_SIZE);
	int err = -ENOMEM;

	if (work)
		err = gzip_check(data, size, len, thread_give_way, work);
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
		if (cpio_is(at, left))
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
