/*
 * What fuzz targets share (tests/host/fuzz_NAME.c; tools/fuzz builds and runs them): an input taken from
 * its front, seeds, and checks that end the run. The CHECK macros of harness.h abort here; TEST does
 * not exist.
 */
#pragma once

#include "lib/types.h"
#include "tests/host/harness.h"

/* A target's entry, by the name that libFuzzer calls. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/*
 * A target may have this: it hands its well-formed inputs to fuzz_seed(), one by one. They are made anew
 * for each run, and mutated from there.
 */
void fuzz_seeds(void);
void fuzz_seed(const void *data, size_t size);

/* What is left of an input. */
struct fuzz_in {
	const u8 *p;
	size_t left;
};

/* The next bytes, little-endian; zeroes behind the end. */
u64 fuzz_bytes(struct fuzz_in *in, u32 n);
/* The next byte, as a number below n. */
u32 fuzz_below(struct fuzz_in *in, u32 n);

/* A block of exactly that size, for the sanitizer to see any byte too many; the caller's to free(). */
u8 *fuzz_copy(const u8 *data, size_t size);

/* The next of numbers that are the same in each run, for making seeds. */
u32 fuzz_random(u32 below);
