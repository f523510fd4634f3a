/*
 * The screen that the boot loader set up, as a console: a linear framebuffer of RGB pixels, or VGA text.
 * Output only: keys come from serial ports.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/addr.h"
#include "lib/types.h"

struct boot_info;

/* Where the physical range can be written, kmap_mmio() for one; NULL: nowhere. */
typedef void *fb_map(paddr_t pa, u64 size);

/*
 * Maps the screen, clears it and adds it to the console. NULL, or why there is none, as text for the log.
 * Boot CPU, once.
 */
const char *fb_add(const struct boot_info *bi, fb_map *map) __must_check;
