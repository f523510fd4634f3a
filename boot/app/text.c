/*
 * Load options and command line files as one line of ASCII, and the two things that device paths are asked.
 */
#include "boot/app/text.h"

#include "lib/errno.h"
#include "lib/string.h"

#define NODE_ACPI         2u
#define NODE_ACPI_PLAIN   1u
#define NODE_MEDIA        4u
#define NODE_MEDIA_FILE   4u
#define NODE_END          0x7fu
#define NODE_END_INSTANCE 1u
#define ACPI_HID_COM      0x050141d0u /* PNP0501 */

struct node {
	u8 type, subtype;
	u16 length; /* this header included; at any address */
} __packed;

struct acpi_node {
	struct node node;
	u32 hid, uid;
} __packed;
static_assert(sizeof(struct acpi_node) == 12, "UEFI: ACPI device path");

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

/* The node at *at; false at the whole path's end and where there is no whole node. */
static bool next_node(const u8 *path, size_t bytes, size_t *at, struct node *out, const u8 **body)
{
	if (bytes - *at < sizeof(*out))
		return false;
	memcpy(out, path + *at, sizeof(*out));
	if (out->length < sizeof(*out) || out->length > bytes - *at)
		return false;
	*body = path + *at + sizeof(*out);
	*at += out->length;
	return out->type != NODE_END || out->subtype == NODE_END_INSTANCE;
}

/* Appends one unit; of several backslashes in a row only the first. False when there is no room. */
static bool add_unit(u16 c, u16 *out, size_t count, size_t *n)
{
	if (c == '\\' && *n && out[*n - 1] == '\\')
		return true;
	if (*n + 1 >= count)
		return false;
	out[(*n)++] = c;
	return true;
}

/* A node's text, with a separator before it, whether or not it has one of its own. */
static bool add_file(const u8 *text, size_t bytes, u16 *out, size_t count, size_t *n)
{
	bool fits = add_unit('\\', out, count, n);

	for (size_t i = 0; fits && i + 2 <= bytes; i += 2) {
		u16 c;

		memcpy(&c, text + i, sizeof(c));
		if (!c)
			break;
		fits = add_unit(c, out, count, n);
	}
	return fits;
}

bool text_directory(const void *path, size_t bytes, u16 *out, size_t count)
{
	struct node node = { 0 };
	size_t n = 0;
	const u8 *body;

	for (size_t at = 0; next_node(path, bytes, &at, &node, &body);) {
		if (node.type == NODE_MEDIA && node.subtype == NODE_MEDIA_FILE &&
		    !add_file(body, node.length - sizeof(node), out, count, &n))
			return false;
	}
	while (n && out[n - 1] != '\\')
		n--;
	out[n] = 0;
	return n && node.type == NODE_END;
}

bool text_com1_in(const void *paths, size_t bytes)
{
	const u8 *body;
	struct node node;

	for (size_t at = 0; next_node(paths, bytes, &at, &node, &body);) {
		struct acpi_node acpi;

		if (node.type != NODE_ACPI || node.subtype != NODE_ACPI_PLAIN ||
		    node.length < sizeof(acpi))
			continue;
		memcpy(&acpi, body - sizeof(node), sizeof(acpi));
		if (acpi.hid == ACPI_HID_COM && !acpi.uid)
			return true;
	}
	return false;
}
