/*
 * The boot set: the files that came with the image, by the path relative to the boot set's
 * directory. They are read-only and stay in memory that the hypervisor owns.
 */
#pragma once

#include "lib/types.h"

struct bootfs_file {
	char path[128];
	const u8 *data;
	size_t size;
};

#define BOOTFS_MAX_FILES 128

/* -ENOSPC, -EEXIST (that path is there), -EINVAL (empty, absolute or with ".." in it). */
int bootfs_add(const char *path, const void *data, size_t size);

/* NULL when there is none. */
const struct bootfs_file *bootfs_find(const char *path);

/* Files in order of their paths, i from 0; NULL past the end. */
const struct bootfs_file *bootfs_get(size_t i);
