/*
 * Memory for host tests of what uses mm/page.h: pages come from the C library, so that the address
 * sanitizer watches them, and a physical address is the address itself.
 */
#pragma once

#include "lib/types.h"

extern u64 fake_pages;      /* handed out now, in 4 KiB */
extern s64 fake_pages_left; /* page_alloc() fails at 0; negative: never */
