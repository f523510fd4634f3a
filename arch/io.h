/*
 * Port I/O and memory-mapped register accesses.
 */
#pragma once

#include "lib/types.h"

#define IO_FN(name, type, suffix)                                                                  \
	static inline type in##name(u16 port)                                                      \
	{                                                                                          \
		type v;                                                                            \
		__asm__ volatile("in" suffix " %1, %0" : "=a"(v) : "Nd"(port));                    \
		return v;                                                                          \
	}                                                                                          \
	static inline void out##name(u16 port, type v)                                             \
	{                                                                                          \
		__asm__ volatile("out" suffix " %0, %1" : : "a"(v), "Nd"(port));                   \
	}
IO_FN(b, u8, "b")
IO_FN(w, u16, "w")
IO_FN(l, u32, "l")
#undef IO_FN

static inline u8 mmio_read8(const volatile void *p)
{
	return *(const volatile u8 *)p;
}

static inline void mmio_write8(volatile void *p, u8 v)
{
	*(volatile u8 *)p = v;
}

static inline u16 mmio_read16(const volatile void *p)
{
	return *(const volatile u16 *)p;
}

static inline void mmio_write16(volatile void *p, u16 v)
{
	*(volatile u16 *)p = v;
}

static inline u32 mmio_read32(const volatile void *p)
{
	return *(const volatile u32 *)p;
}

static inline void mmio_write32(volatile void *p, u32 v)
{
	*(volatile u32 *)p = v;
}

static inline u64 mmio_read64(const volatile void *p)
{
	return *(const volatile u64 *)p;
}

static inline void mmio_write64(volatile void *p, u64 v)
{
	*(volatile u64 *)p = v;
}
