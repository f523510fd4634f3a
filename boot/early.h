/*
 * Messages before there is a console: COM1, polled. Only what stops the boot is said here.
 */
#pragma once

#include "lib/compiler.h"

/* Prints "plinth: " and the text on COM1 (0x3f8, 115200 baud) and stops this CPU for good. */
__noreturn void early_halt(const char *why);
