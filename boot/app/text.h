/*
 * Texts from the firmware and from files.
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
