/*
 * The end of the host: a bug of ours, or hardware that cannot go on. What a guest, a disk, a
 * packet or a client causes never comes here.
 */
#pragma once

#include "lib/compiler.h"

/*
 * Stops all CPUs, prints a line that starts "PANIC: ", registers, a symbolised backtrace and the
 * log's tail, then does what the `panic=` word says. Any context.
 */
__noreturn void panic(const char *fmt, ...) __printf(1, 2);

struct trap_frame;

/* The same with the registers and the backtrace of a trap frame; NULL is panic(). */
__noreturn void panic_frame(struct trap_frame *f, const char *fmt, ...) __printf(2, 3);

/* Trap hooks: a fatal exception; an NMI, which stops this CPU when another one panics. */
__noreturn void panic_trap(struct trap_frame *f);
void panic_nmi(struct trap_frame *f);

/* How panic ends, from the word panic=halt|reboot|SECONDS (then reboot). After cmdline_init(). */
void panic_init(void);

#define ASSERT(cond)                                                                               \
	do {                                                                                       \
		if (unlikely(!(cond)))                                                             \
			panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #cond);           \
	} while (0)
