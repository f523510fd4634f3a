/*
 * What the firmware gives in its own forms: UTF-16, and device paths (UEFI 2.10: "Device Path Protocol").
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

/*
 * The command line in an image's load options, bytes of UTF-16 with or without a NUL; the first word is left
 * out where it names an .efi file, which shells put there. 0; -ENOENT (none, or no text);
 * -ENOSPC (longer than size - 1).
 */
int text_options(const void *options, size_t bytes, char *out, size_t size) __must_check;

/*
 * The command line in a file: white space of any kind becomes single spaces. 0; -EINVAL (other than
 * printable ASCII characters); -ENOSPC.
 */
int text_line(const void *text, size_t bytes, char *out, size_t size) __must_check;

struct text_file {
	const char *path; /* without a NUL */
	size_t length;
	u64 size;
};

/*
 * The line at *at of a list of files, "SIZE PATH" with a decimal size and a line feed at its end; *at moves
 * behind it. False when it is none.
 */
bool text_index(const char *list, size_t bytes, size_t *at, struct text_file *out) __must_check;

/*
 * The directory of the file that the media nodes of a device path name, with a backslash at either end, in
 * UTF-16 with a NUL. False when it has more than count - 1 units or the path is not well-formed;
 * looks at no more than bytes of it.
 */
bool text_directory(const void *path, size_t bytes, u16 *out, size_t count);

/* Whether one of the device paths in the value of the variable ConOut is COM1's. */
bool text_com1_in(const void *paths, size_t bytes);
