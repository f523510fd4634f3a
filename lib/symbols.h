/*
 * Names of the image's functions, for backtraces. The table is made by tools/mksyms from the
 * linked image and linked into it in a second pass.
 */
#pragma once

#include "lib/types.h"

/* The function that addr lies in, and how far; NULL when addr is not in the image's text. Any context. */
const char *symbol_lookup(u64 addr, u64 *offset);
