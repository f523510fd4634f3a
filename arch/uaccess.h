/*
 * Access to memory that may fault: guest RAM through the window, and addresses from outside.
 * Each call opens the window once (STAC), and a fault inside ends it with an error by way of the
 * exception table.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

/* Copies n bytes; 0 or -EFAULT (how much was copied is then unknown). Both do one STAC and CLAC. */
int ucopy_in(void *dst, const void *user_src, size_t n) __must_check;
int ucopy_out(void *user_dst, const void *src, size_t n) __must_check;
int uzero(void *user_dst, size_t n) __must_check;

/* One naturally aligned 1, 2, 4 or 8 byte access, never torn. 0 or -EFAULT. */
int uload(u64 *value, const void *user_src, size_t size) __must_check;
int ustore(void *user_dst, u64 value, size_t size) __must_check;

/*
 * Compares and exchanges size bytes (1, 2, 4, 8, naturally aligned). 0: *expected was there and
 * was replaced; -EAGAIN: it was not, *expected now holds what is; -EFAULT.
 */
int ucas(void *user_dst, u64 *expected, u64 value, size_t size) __must_check;
