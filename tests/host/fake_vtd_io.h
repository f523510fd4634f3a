/*
 * For `flags: -include tests/host/fake_vtd_io.h`: registers are test_vtd.c's, and caches are not flushed.
 */
#pragma once

#include "arch/cpu.h"
#include "arch/io.h"

u32 fake_read32(const volatile void *p);
void fake_write32(volatile void *p, u32 v);

#define mmio_read32  fake_read32
#define mmio_write32 fake_write32
#define clflush(p)   fake_clflush(p)
void fake_clflush(const void *p);
