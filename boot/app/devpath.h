/*
 * What device paths are asked (UEFI 2.10: "Device Path Protocol").
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

/*
 * The directory of the file that the media nodes of a device path name, with a backslash at either end, in
 * UTF-16 with a NUL. False when it has more than count - 1 units or the path is not well-formed;
 * looks at no more than bytes of it.
 */
bool devpath_directory(const void *path, size_t bytes, u16 *out, size_t count);

/* Whether one of the device paths in the value of the variable ConOut is COM1's. */
bool devpath_com1_in(const void *paths, size_t bytes);

#define DEVPATH_BYTES                                                                              \
	4096 /* of a path from the firmware, which does not tell its length: more is none */
#define DEVPATH_URL 512

/* Where something was loaded from by HTTP boot. */
struct devpath_net {
	char url[DEVPATH_URL];
	bool ipv6;
	u8 local[16]; /* this machine's address, as the network has it: of IPv4 the first 4 bytes */
	u8 mask[4];   /* IPv4 only */
};

/*
 * The URL and this machine's address in a device path, zeroes for what it does not have. False without a URL, with one
 * that is too long, and where the path is not well-formed.
 */
bool devpath_net(const void *path, size_t bytes, struct devpath_net *out) __must_check;
