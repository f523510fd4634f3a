/*
 * The console's font, which tools/mkfont writes at build from a font of Debian's (tools/deps.list).
 */
#pragma once

#include "lib/types.h"

#define FONT_WIDTH  8u
#define FONT_HEIGHT 16u
#define FONT_FIRST  0x20 /* the first glyph's character */
#define FONT_OTHER  0x7f /* what stands for characters that it lacks: the last glyph */
#define FONT_GLYPHS 96

/* A byte for each row, from the top; the highest bit is the leftmost pixel. */
extern const u8 font_glyphs[FONT_GLYPHS][FONT_HEIGHT];
