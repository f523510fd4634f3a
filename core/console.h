/*
 * The host console: output sinks (UARTs) and one line of input handlers. Log lines and followed
 * guests' lines go through here, whole lines at a time.
 */
#pragma once

#include "lib/types.h"

/* ctx is what console_add() was given. */
struct console_sink {
	/* Sends these bytes, no others; waits, bounded, where it must. Any context; must not lock or log. */
	void (*write)(void *ctx, const char *s, size_t n);
	int (*read)(void *ctx);   /* next input byte or -1; one thread at a time */
	void (*drain)(void *ctx); /* waits, bounded, until all was sent; may be NULL */
	u32 (*backlog)(
		void *ctx); /* bytes that it took and has not sent; NULL: it sends them at once */
};

#define CONSOLE_SINKS_MAX 6

/* Adds a sink (at most CONSOLE_SINKS_MAX). Everything logged before is printed to it. */
void console_add(const struct console_sink *sink, void *ctx);

/* Prints the log again to the sink that was added with ctx, as it could not be read there before. */
void console_replay(const void *ctx);

/* Writes raw text, atomically against other writers. Any context. */
void console_write(const char *s, size_t n);

/* The same for whole lines: an unfinished one is ended first. */
void console_write_line(const char *s, size_t n);

/*
 * Writes exactly these bytes, as a terminal session's: no carriage returns are added. When log lines or
 * whole lines come in the middle of a line, it is taken off the screen and shown again behind them.
 */
void console_write_bytes(const char *s, size_t n);

/* Bytes that wait to be sent: 180 ms at 115200 baud, so late the answer to a key may come. */
#define CONSOLE_BACKLOG       2048u
#define CONSOLE_GUEST_BACKLOG 1024u

/*
 * How many bytes may be written now so that no more than CONSOLE_BACKLOG wait to be sent. Who writes
 * much asks before, and tries again later: then the console keeps nobody waiting. Guests' output asks for
 * less, so that they leave room for our own, whatever they write. Any context.
 */
u32 console_room(void);
u32 console_guest_room(void);

#define CONSOLE_TYPED_MAX 128u

/*
 * The line that somebody types. It stands below all other text: whoever writes takes it off the screen
 * and draws it again behind a whole line. update changes the line that is shown into the new one, draw
 * (at most CONSOLE_TYPED_MAX bytes) draws the new one from column 0 of an empty row, cursor included.
 */
void console_type(const char *update, size_t n, const char *draw, size_t len);

/* There is no typed line any more: keep: it stays above what follows, else it goes off the screen. */
void console_type_end(bool keep);

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

/*
 * Starts the console's input thread: each byte goes to handler in thread context. What comes before there
 * is a handler waits for it.
 */
void console_set_input(void (*handler)(u8 byte));
void console_start(void);

/* Called by UART drivers' interrupt handlers: input is waiting. */
void console_input_ready(void);

/* For a sink that has no interrupt: from now on the input thread polls. */
void console_poll_input(void);
