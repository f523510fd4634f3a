/*
 * URLs of boot files (RFC 3986; RFC 5970 for those that DHCPv6 names).
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

/* Cuts an http or https URL behind its path's last slash. False: it is another, or has no path. */
bool url_directory(char *url) __must_check;

/*
 * Appends a file's path to a directory's URL, with characters that have a meaning in URLs escaped. False: size
 * bytes are too few for both.
 */
bool url_join(const char *directory, const char *path, char *out, size_t size) __must_check;

/* What is between an http or https URL's "//" and its path, into size bytes. False: they are too few. */
bool url_host(const char *url, char *out, size_t size) __must_check;

/*
 * Of "tftp://[ADDRESS]/DIR/FILE", with an IPv6 address: that, and "DIR/" into size bytes. False: it is another, or
 * they are too few.
 */
bool url_tftp6(const char *url, u8 address[16], char *directory, size_t size) __must_check;

/*
 * The boot file's URL in a DHCPv6 message's options (RFC 8415: "DHCP Options"), with a NUL, into size bytes. False:
 * there is none.
 */
bool url_in_dhcp6(const u8 *options, size_t bytes, char *out, size_t size) __must_check;
