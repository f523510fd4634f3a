/*
 * The fuzz target's entry, under the name that libFuzzer calls.
 */
#pragma once

#include "lib/types.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
