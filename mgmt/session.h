/*
 * Who runs a command: where its output goes and its keys come from. A face of the command table (the
 * shell on the console, a protocol, a test) fills in the functions.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct vm;

struct session_ops {
	void (*write)(void *ctx, const char *s, size_t n);
	/* The next byte that is typed, or -1 when none came for so long. */
	int (*key)(void *ctx, u64 timeout_ns);
	/* Connects the session to vm's serial port once the command has ended. NULL: it cannot. */
	void (*attach)(void *ctx, struct vm *vm, u32 port);
};

struct session {
	const struct session_ops *ops;
	void *ctx;
};

/* Formatted output; at most 511 bytes at a time. */
void say(const struct session *s, const char *fmt, ...) __printf(2, 3);

/* `error: ` and the text, as a line. For commands' return: always -1. */
int say_error(const struct session *s, const char *fmt, ...) __printf(2, 3);

/* Text of any length. */
void session_write(const struct session *s, const char *text, size_t n);
