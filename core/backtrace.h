/*
 * Where the code is: addresses with their symbols, and the chain of callers by frame pointers.
 */
#pragma once

#include "lib/types.h"

#define ADDRESS_TEXT_MAX 96

struct trap_frame;

/* Writes "0xADDRESS name+0xOFFSET" (or the address alone). Any context. */
void address_text(u64 addr, char buf[ADDRESS_TEXT_MAX]);

/*
 * Calls line for each caller, innermost first: from frame f (registers of a trap), or with NULL from
 * the function whose frame pointer is rbp. Reads memory by protected loads only, goes up stacks only
 * and through trap frames, ends after a bounded number of frames. Any context.
 */
void backtrace(const struct trap_frame *f, u64 rbp, void (*line)(const char *text));
