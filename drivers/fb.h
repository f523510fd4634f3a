/*
 * The screen that the boot loader set up, as a console: a linear framebuffer of RGB pixels, or VGA text.
 * Output only: keys come from serial ports.
 */
#pragma once

#include "lib/compiler.h"

struct boot_info;

/*
 * Maps the screen, clears it and adds it to the console. NULL, or why there is none, as text for the log.
 * After mm_init(). Boot CPU, once.
 */
const char *fb_add(const struct boot_info *bi) __must_check;
