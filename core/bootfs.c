/*
 * The boot set's files by path. Filled at start from the loader's modules, const after, so that
 * readers take no lock.
 */
#include "core/bootfs.h"

#include "lib/errno.h"
#include "lib/string.h"

static struct bootfs_file files[BOOTFS_MAX_FILES]; /* in the order they came: pointers stay good */
static struct bootfs_file *sorted[BOOTFS_MAX_FILES]; /* by path */
static size_t count;

/* A path within the boot set: relative, and no way out of it. */
static bool path_ok(const char *path)
{
	const char *part = path;

	if (!*path || *path == '/' || strlen(path) >= sizeof(files[0].path))
		return false;
	for (;; path++) {
		if (*path && *path != '/')
			continue;
		if (path - part == 2 && part[0] == '.' && part[1] == '.')
			return false;
		if (!*path)
			return true;
		part = path + 1;
	}
}

int bootfs_add(const char *path, const void *data, size_t size)
{
	struct bootfs_file *f;
	size_t i = count;

	if (!path_ok(path))
		return -EINVAL;
	if (bootfs_find(path))
		return -EEXIST;
	if (count == BOOTFS_MAX_FILES)
		return -ENOSPC;
	f = &files[count++];
	f->data = data;
	f->size = size;
	memcpy(f->path, path, strlen(path) + 1);
	for (; i && strcmp(sorted[i - 1]->path, path) > 0; i--)
		sorted[i] = sorted[i - 1];
	sorted[i] = f;
	return 0;
}

const struct bootfs_file *bootfs_find(const char *path)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(files[i].path, path))
			return &files[i];
	}
	return NULL;
}

const struct bootfs_file *bootfs_get(size_t i)
{
	return i < count ? sorted[i] : NULL;
}
