/*
 * Batches of loads from guest memory through the window: opened once, closed once, each load able to
 * fault. For the few places where the calls of arch/uaccess.h would cost too much.
 */
#pragma once

#include "arch/extable.h"
#include "arch/feature.h"
#include "lib/compiler.h"
#include "lib/types.h"

/* Three bytes of NOP that patch_apply() replaces by 0F 01 code where there is SMAP. */
#define WINDOW_PATCH(code)                                                                         \
	__asm__ volatile("1:\t.byte 0x0f, 0x1f, 0x00\n\t"                                          \
			 ".pushsection .patch, \"a\"\n\t"                                          \
			 ".balign 8\n\t"                                                           \
			 ".quad 1b\n\t"                                                            \
			 ".byte %c0, 3, 0x0f, 0x01, " #code ", 0, 0, 0\n\t"                        \
			 ".popsection"                                                             \
			 :                                                                         \
			 : "i"(CPU_SMAP)                                                           \
			 : "memory")

/* STAC. No call, no lock and no other access to user pages until window_close(). */
static __always_inline void window_open(void)
{
	WINDOW_PATCH(0xcb);
}

/* CLAC. */
static __always_inline void window_close(void)
{
	WINDOW_PATCH(0xca);
}

/* An 8-byte load between the two; false: it faulted. */
static __always_inline bool window_load64(const void *p, u64 *value)
{
	u64 v;

	__asm__ goto("1:\tmovq %1, %0\n\t" EXTABLE("1b", "%l2")
		     : "=r"(v)
		     : "m"(*(const u64 *)p)
		     :
		     : fault);
	*value = v;
	return true;
fault:
	return false;
}
