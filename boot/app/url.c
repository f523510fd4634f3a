/*
 * Texts that come from DHCP servers and from the firmware: looked at from the front, and never beyond their ends.
 */
#include "boot/app/url.h"

#include "lib/string.h"

#define DHCP6_END       0  /* no option: what is behind the last */
#define DHCP6_BOOT_FILE 59 /* OPT_BOOTFILE_URL */

/* The text behind a scheme, in small letters; NULL: it is another. */
static const char *behind(const char *url, const char *scheme)
{
	for (; *scheme; url++, scheme++) {
		char c = *url >= 'A' && *url <= 'Z' ? (char)(*url | 0x20) : *url;

		if (c != *scheme)
			return NULL;
	}
	return url;
}

static const char *behind_http(const char *url)
{
	const char *rest = behind(url, "http://");

	return rest ? rest : behind(url, "https://");
}

/* Where the path ends, and a query or a fragment begins. */
static size_t path_end(const char *path)
{
	size_t n = 0;

	while (path[n] && path[n] != '?' && path[n] != '#')
		n++;
	return n;
}

bool url_directory(char *url)
{
	const char *host = behind_http(url);
	size_t n;

	if (!host)
		return false;
	n = path_end(host);
	while (n && host[n - 1] != '/')
		n--;
	url[host - url + (ptrdiff_t)n] = '\0';
	return n && *host != '/';
}

/* Letters, digits and those that mean nothing anywhere, and the slash between a path's parts. */
static bool stands_for_itself(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-._~/", c));
}

bool url_join(const char *directory, const char *path, char *out, size_t size)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = strlen(directory);

	if (n >= size)
		return false;
	memcpy(out, directory, n);
	for (; *path; path++) {
		bool plain = stands_for_itself(*path);

		if (size - n <= (plain ? 1u : 3u))
			return false;
		if (!plain) {
			out[n++] = '%';
			out[n++] = digits[(u8)*path >> 4];
		}
		out[n++] = plain ? *path : digits[*path & 0xf];
	}
	out[n] = '\0';
	return true;
}

bool url_host(const char *url, char *out, size_t size)
{
	const char *host = behind_http(url);
	size_t n = 0;

	while (host && host[n] && host[n] != '/')
		n++;
	if (!n || n >= size)
		return false;
	memcpy(out, host, n);
	out[n] = '\0';
	return true;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One group of an address of up to four digits; how many there were. */
static size_t group(const char *text, u32 *value)
{
	size_t n = 0;

	for (*value = 0; n < 4 && digit(text[n]) >= 0; n++)
		*value = *value << 4 | (u32)digit(text[n]);
	return n;
}

/* An address up to its bracket (RFC 4291, "Text Representation of Addresses", the first two forms); NULL: none. */
static const char *address6(const char *text, u8 out[16])
{
	u8 groups[16] = { 0 };
	size_t at = 0, gap = sizeof(groups) + 1;

	if (text[0] == ':' && text[1] != ':')
		return NULL;
	while (*text != ']') {
		u32 value;
		size_t n;

		if (text[0] == ':' && text[1] == ':') {
			if (gap <= sizeof(groups))
				return NULL;
			gap = at;
			text += 2;
			continue;
		}
		text += at && *text == ':' && gap != at;
		n = group(text, &value);
		if (!n || at == sizeof(groups))
			return NULL;
		groups[at++] = (u8)(value >> 8);
		groups[at++] = (u8)value;
		text += n;
		if (*text != ':' && *text != ']')
			return NULL;
	}
	if (gap > sizeof(groups) ? at != sizeof(groups) : at == sizeof(groups))
		return NULL;
	gap = MIN(gap, at);
	memset(out, 0, 16);
	memcpy(out, groups, gap);
	memcpy(out + 16 - (at - gap), groups + gap, at - gap);
	return text + 1;
}

bool url_tftp6(const char *url, u8 address[16], char *directory, size_t size)
{
	const char *path = behind(url, "tftp://[");
	size_t n;

	path = path ? address6(path, address) : NULL;
	if (!path || *path++ != '/')
		return false;
	n = path_end(path);
	while (n && path[n - 1] != '/')
		n--;
	if (n >= size)
		return false;
	memcpy(directory, path, n);
	directory[n] = '\0';
	return true;
}

bool url_in_dhcp6(const u8 *options, size_t bytes, char *out, size_t size)
{
	for (size_t at = 0; bytes - at >= 4;) {
		u32 code = (u32)options[at] << 8 | options[at + 1];
		size_t length = (size_t)options[at + 2] << 8 | options[at + 3];

		at += 4;
		if (code == DHCP6_END || length > bytes - at)
			return false;
		if (code == DHCP6_BOOT_FILE) {
			if (!length || length >= size)
				return false;
			memcpy(out, options + at, length);
			out[length] = '\0';
			return true;
		}
		at += length;
	}
	return false;
}
