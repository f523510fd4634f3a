/*
 * Load options and command line files as one line of ASCII; lists of files.
 */
#include "boot/app/text.h"

#include "lib/errno.h"
#include "lib/string.h"

/* Appends what of one text is no white space, words set apart by single spaces. */
static int add_char(u32 c, char *out, size_t size, size_t *n)
{
	if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
		if (!*n || out[*n - 1] == ' ')
			return 0;
		c = ' ';
	} else if (c < ' ' || c > '~') {
		return -EINVAL;
	}
	if (*n == size - 1)
		return -ENOSPC;
	out[(*n)++] = (char)c;
	return 0;
}

static void end_line(char *out, size_t n)
{
	if (n && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

int text_line(const void *text, size_t bytes, char *out, size_t size)
{
	size_t n = 0;
	int err = 0;

	for (size_t i = 0; i < bytes && !err; i++)
		err = add_char(((const u8 *)text)[i], out, size, &n);
	end_line(out, n);
	return err;
}

/* Takes the first word away where it ends in ".efi". */
static void drop_own_name(char *line)
{
	const char *space = strchr(line, ' ');
	size_t length = space ? (size_t)(space - line) : strlen(line);
	static const char end[] = ".efi";

	if (length < 4)
		return;
	for (size_t i = 0; i < 4; i++) {
		if ((line[length - 4 + i] | 0x20) != (end[i] | 0x20))
			return;
	}
	if (space)
		length++;
	memmove(line, line + length, strlen(line + length) + 1);
}

int text_options(const void *options, size_t bytes, char *out, size_t size)
{
	size_t n = 0;
	int err = 0;

	out[0] = '\0';
	for (size_t i = 0; i + 2 <= bytes && !err; i += 2) {
		u16 c;

		memcpy(&c, (const u8 *)options + i, sizeof(c));
		if (!c)
			break;
		err = add_char(c, out, size, &n);
	}
	end_line(out, n);
	if (err)
		return err == -ENOSPC ? err : -ENOENT;
	drop_own_name(out);
	return *out ? 0 : -ENOENT;
}

bool text_index(const char *list, size_t bytes, size_t *at, struct text_file *out)
{
	const char *line = list + *at, *end = memchr(line, '\n', bytes - *at);
	char number[24];
	size_t digits;

	if (!end)
		return false;
	for (digits = 0; line[digits] >= '0' && line[digits] <= '9'; digits++)
		;
	if (line[digits] != ' ' || digits >= sizeof(number))
		return false;
	memcpy(number, line, digits);
	number[digits] = '\0';
	out->path = line + digits + 1;
	out->length = (size_t)(end - out->path);
	if (!out->length || str_to_u64(number, &out->size))
		return false;
	*at = (size_t)(end + 1 - list);
	return true;
}
