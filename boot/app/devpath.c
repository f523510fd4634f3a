/*
 * Device paths (UEFI 2.10: "Device Path Protocol"): nodes of their own lengths at any address, one behind the other.
 */
#include "boot/app/devpath.h"

#include "lib/string.h"

#define NODE_ACPI         2u
#define NODE_ACPI_PLAIN   1u
#define NODE_MESSAGING    3u
#define NODE_IPV4         12u
#define NODE_IPV6         13u
#define NODE_URI          24u
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

/* What is behind the node's head; older firmware leaves out the mask. */
struct ipv4_body {
	u8 local[4], remote[4];
	u16 local_port, remote_port, protocol;
	u8 is_static;
	u8 gateway[4], mask[4];
} __packed;
static_assert(sizeof(struct ipv4_body) + sizeof(struct node) == 27, "UEFI: IPv4 device path");

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

bool devpath_directory(const void *path, size_t bytes, u16 *out, size_t count)
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

bool devpath_com1_in(const void *paths, size_t bytes)
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

/* With a NUL or without: there is firmware of either kind. */
static bool take_url(const u8 *body, size_t length, struct devpath_net *out)
{
	length = strnlen((const char *)body, length);
	if (!length || length >= sizeof(out->url))
		return false;
	memcpy(out->url, body, length);
	out->url[length] = '\0';
	return true;
}

static void take_ipv4(const u8 *body, size_t length, struct devpath_net *out)
{
	struct ipv4_body ip = { 0 };

	memcpy(&ip, body, MIN(length, sizeof(ip)));
	memcpy(out->local, ip.local, sizeof(ip.local));
	memcpy(out->mask, ip.mask, sizeof(ip.mask));
	out->ipv6 = false;
}

static void take_ipv6(const u8 *body, size_t length, struct devpath_net *out)
{
	memset(out->local, 0, sizeof(out->local));
	memcpy(out->local, body, MIN(length, sizeof(out->local)));
	out->ipv6 = true;
}

bool devpath_net(const void *path, size_t bytes, struct devpath_net *out)
{
	struct node node = { 0 };
	bool found = false;
	const u8 *body;

	*out = (struct devpath_net){ 0 };
	for (size_t at = 0; next_node(path, bytes, &at, &node, &body);) {
		size_t length = node.length - sizeof(node);

		if (node.type != NODE_MESSAGING)
			continue;
		if (node.subtype == NODE_IPV4)
			take_ipv4(body, length, out);
		else if (node.subtype == NODE_IPV6)
			take_ipv6(body, length, out);
		else if (node.subtype == NODE_URI)
			found = take_url(body, length, out);
	}
	return found && node.type == NODE_END;
}
