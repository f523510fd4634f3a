/*
 * The fuzz target for domain XML, for who drives it.
 */
#pragma once

#include "lib/types.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
