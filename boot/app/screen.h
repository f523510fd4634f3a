/*
 * The screen, as the firmware set it up or can.
 */
#pragma once

#include "lib/bootinfo.h"

/*
 * The framebuffer of the firmware's console, else of any screen; before that 1024x768 is set if there is such a
 * mode and the command line asks for a console on the screen. BOOT_FB_NONE where there is none; what is odd
 * was said.
 */
void screen_find(const char *cmdline, struct boot_framebuffer *out);
