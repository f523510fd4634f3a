/*
 * A graphics mode as the firmware tells it (UEFI 2.10: "Graphics Output Protocol"), and the framebuffer that it is.
 */
#pragma once

#include "lib/bootinfo.h"
#include "lib/compiler.h"

enum mode_format { MODE_RGB = 0, MODE_BGR = 1, MODE_BITMASK = 2, MODE_BLT_ONLY = 3 };

struct mode {
	u32 width, height; /* pixels */
	u32 format;        /* enum mode_format: the first two have 8 bits of each colour in 32 */
	u32 red, green, blue, reserved; /* a pixel's bits, with MODE_BITMASK */
	u32 row;                        /* pixels from one row to the next */
};

/*
 * The framebuffer of a mode, bytes long from address on. NULL, or in one line why it is none; *out then has
 * no meaning.
 */
const char *mode_framebuffer(const struct mode *mode, u64 address, u64 bytes,
			     struct boot_framebuffer *out) __must_check;

/* Whether the last console= word of a command line has the screen among its consoles. */
bool mode_wanted(const char *cmdline);
