/*
 * Guest memory, from the VM's own thread only (the window of its address space). The only way in.
 * Every call checks the range and survives a page that is not there: -EFAULT.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/types.h"

struct vm;

int gmem_read(struct vm *vm, gpa_t gpa, void *dst, size_t n) __must_check;
int gmem_write(struct vm *vm, gpa_t gpa, const void *src, size_t n) __must_check;
int gmem_zero(struct vm *vm, gpa_t gpa, size_t n) __must_check;

/* One naturally aligned access of 1, 2, 4 or 8 bytes, never torn. */
int gmem_load(struct vm *vm, gpa_t gpa, u64 *value, size_t size) __must_check;
int gmem_store(struct vm *vm, gpa_t gpa, u64 value, size_t size) __must_check;
int gmem_cas(struct vm *vm, gpa_t gpa, u64 *expected, u64 value, size_t size) __must_check;

/* True when all of the range is RAM. */
bool gmem_is_ram(const struct vm *vm, gpa_t gpa, u64 n);
