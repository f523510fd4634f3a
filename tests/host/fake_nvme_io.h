/*
 * For `flags: -include tests/host/fake_nvme_io.h`: registers are fake_nvme.c's.
 */
#pragma once

#include "arch/io.h"

u32 fake_mmio_read32(const volatile void *p);
void fake_mmio_write32(volatile void *p, u32 v);

#define mmio_read32  fake_mmio_read32
#define mmio_write32 fake_mmio_write32
