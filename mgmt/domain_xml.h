/*
 * Libvirt's domain XML, as far as Plinth has what it describes; docs/domain.md lists the elements.
 * Everything else is refused with its name and line, never ignored.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct domain;

#define DOMAIN_ERROR_MAX 256 /* enough for any message */

/*
 * Reads the document of len bytes into *out; file is its name in messages. 0, -EINVAL or -ENOMEM, then
 * with one line "FILE:LINE: what is wrong" in err, and *out of no use.
 */
int domain_parse(const char *file, const u8 *data, size_t len, struct domain *out, char *err,
		 size_t errlen) __must_check;
