/*
 * Files from the server that the application was loaded from, by the protocol that it came by, in the directory
 * where it lies there. Neither TFTP nor HTTP lists directories: the file bootset/index does, a line with size
 * and path for each file (boot/app/text.h).
 */
#pragma once

#include <efi.h>

#include "boot/app/bootset.h"
#include "lib/compiler.h"

struct net_server {
	/* Whether the application came from one; called once. */
	bool (*found)(void);
	/* Reads a file beside it; *size, at first the buffer's, becomes the file's. EFI_NOT_FOUND: there is none. */
	EFI_STATUS (*read)(const char *path, void *out, u64 *size);
};

/*
 * The files that bootset/index lists. EFI_NOT_FOUND, of which nothing was said, when the application came
 * from elsewhere or there is no such file; other errors were said.
 */
EFI_STATUS net_bootset(struct bootset *set) __must_check;

/* The command line in the file "cmdline"; errors as above. */
EFI_STATUS net_cmdline(char *out, size_t size) __must_check;
