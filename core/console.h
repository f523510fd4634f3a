/*
 * The host console: output sinks (UARTs) and one line of input handlers. Log lines and followed
 * guests' lines go through here, whole lines at a time.
 */
#pragma once

#include "lib/types.h"

struct console_sink {
	void (*write)(const char *s, size_t n); /* any context; must not lock or log */
	int (*read)(void);                      /* next input byte or -1 */
	void (*drain)(void); /* waits, bounded, until all was sent; may be NULL */
};

/* Adds a sink (at most 4). Everything logged before is printed to it. */
void console_add(const struct console_sink *sink);

/* Writes raw text, atomically against other writers. Any context. */
void console_write(const char *s, size_t n);

/* The same for whole lines: an unfinished one is ended first. */
void console_write_line(const char *s, size_t n);

/* For panic: writes with no lock, and waits until it has left the machine. */
void console_write_raw(const char *s, size_t n);

/*
 * Prints log lines that came since. Called by log_printf(); returns at once when another writer is
 * at it, who will print them. Any context.
 */
void console_flush(void);

/* Waits until all output has left the machine. For power-off and reset. */
void console_drain(void);

/* Next input byte of any sink or -1. */
int console_read(void);

/* Starts the console's input thread: each byte goes to handler in thread context. */
void console_set_input(void (*handler)(u8 byte));
void console_start(void);

/* Called by UART drivers' interrupt handlers: input is waiting. */
void console_input_ready(void);

/* For a sink that has no interrupt: from now on the input thread polls. */
void console_poll_input(void);
