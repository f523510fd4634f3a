/*
 * Sizes as libvirt writes them: a number and a unit.
 */
#pragma once

#include "lib/types.h"

/*
 * Bytes in a unit: b, byte, bytes; k, m, g, t, p, e alone or with "iB" for powers of 1024, with "B" for
 * powers of 1000; in any case. 0: no such unit.
 */
u64 unit_bytes(const char *unit);
