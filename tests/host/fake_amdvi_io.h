/*
 * For `flags: -include tests/host/fake_amdvi_io.h`: registers are test_amdvi.c's.
 */
#pragma once

#include "arch/io.h"

u64 fake_read64(const volatile void *p);
void fake_write64(volatile void *p, u64 v);

#define mmio_read64  fake_read64
#define mmio_write64 fake_write64
