/*
 * What tools/mkefi puts into the application: Plinth, the command line, and a boot set as an archive
 * (boot/app/archive.h). The latter two may be empty.
 */
#pragma once

#include "lib/types.h"

#define HIDDEN                                                                                     \
	__attribute__((visibility("hidden"))) /* found relative to the code, wherever that is */

extern const u8 embed_image[] HIDDEN;
extern const u64 embed_image_size HIDDEN;
extern const u8 embed_cmdline[] HIDDEN;
extern const u64 embed_cmdline_size HIDDEN;
extern const u8 embed_bootset[] HIDDEN;
extern const u64 embed_bootset_size HIDDEN;

#undef HIDDEN
