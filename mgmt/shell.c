/*
 * The shell: a line of input with plain editing, then the command table. While it is attached to a
 * guest's serial port, input goes there instead.
 */
#include "mgmt/shell.h"

#include "core/chardev.h"
#include "core/clock.h"
#include "core/cmdline.h"
#include "core/console.h"
#include "core/log.h"
#include "core/thread.h"
#include "lib/string.h"
#include "mgmt/command.h"
#include "mgmt/manager.h"
#include "mgmt/serial.h"

#define PROMPT     "plinth# "
#define LINE_SIZE  256u
#define LOOK_NS    200000000ULL /* how often the log is looked at while the prompt is shown */
#define FULL_NS    10000000ULL  /* how soon a full guest is tried again */
#define FULL_TRIES 50           /* so often; then what is typed is lost, as on a real line */

enum key {
	KEY_CTRL_C = 0x03,
	KEY_BACKSPACE = 0x08,
	KEY_CTRL_U = 0x15,
	KEY_ESCAPE = 0x1b,
	KEY_CTRL_BRACKET = 0x1d,
	KEY_DELETE = 0x7f,
};

/* Swallows the sequences that cursor and function keys send (ECMA-48, "Control sequences"). */
enum escape { ESC_NONE, ESC_STARTED, ESC_SEQUENCE };

static struct chardev typed; /* from the console's thread to the manager's */

/* The manager's: */
static char line[LINE_SIZE];
static u32 len;
static bool started; /* there is a prompt: always, or since something was typed */
static bool shown;   /* the prompt and line are the last thing on the screen */
static u8 last;      /* the byte before */
static enum escape escape;
static u64 log_cursor;
static struct serial *attached;
static u64 full_until; /* when to try a full guest again; 0: it is not full */
static u32 full_tries;

static void print(const char *s)
{
	console_write(s, strlen(s));
}

/* On the console's thread. */
static void console_input(u8 byte)
{
	while (!chardev_guest_write(&typed, &byte, 1))
		thread_block_until(clock_ns() + FULL_NS);
}

static void typed_something(void *ctx)
{
	(void)ctx;
	manager_wake();
}

void shell_start(void)
{
	char word[8];

	chardev_init(&typed, "shell");
	typed.host_notify = typed_something;
	/* Where output is followed, the prompt waits for somebody who wants it. */
	started = !cmdline_get("follow", word, sizeof(word));
	log_info("shell: %s'help' lists the commands", started ? "" : "Enter brings the prompt, ");
	console_set_input(console_input);
}

void shell_hide(void)
{
	if (shown)
		print("\r\x1b[K");
	shown = false;
}

void shell_show(void)
{
	if (shown || !started || attached)
		return;
	print(PROMPT);
	console_write(line, len);
	shown = true;
}

/* The console ends an unfinished line before it prints log lines: then ours has to be shown again. */
static void look_at_log(void)
{
	char text[LOG_LINE_MAX];

	while (log_read(&log_cursor, text))
		shown = false;
}

static void run_line(void)
{
	print("\n");
	shown = false;
	line[len] = '\0';
	len = 0;
	command_run(line);
}

static void erase(u32 n)
{
	for (; n && len; n--, len--)
		print("\b \b");
}

static void edit(u8 byte)
{
	switch (byte) {
	case '\n':
		if (last == '\r')
			break;
		/* fall through */
	case '\r':
		run_line();
		break;
	case KEY_BACKSPACE:
	case KEY_DELETE:
		erase(1);
		break;
	case KEY_CTRL_U:
		erase(len);
		break;
	case KEY_CTRL_C:
		print("^C\n");
		shown = false;
		len = 0;
		break;
	default:
		if (byte < ' ' || byte > '~' || len == LINE_SIZE - 1)
			break;
		line[len++] = (char)byte;
		console_write((const char *)&byte, 1);
	}
}

/* True: the byte belongs to an escape sequence. */
static bool escaped(u8 byte)
{
	if (byte == KEY_ESCAPE)
		escape = ESC_STARTED;
	else if (escape == ESC_STARTED)
		escape = byte == '[' || byte == 'O' ? ESC_SEQUENCE : ESC_NONE;
	else if (escape == ESC_SEQUENCE && byte >= '@')
		escape = ESC_NONE;
	else
		return escape != ESC_NONE;
	return true;
}

static void prompt_byte(u8 byte)
{
	if (!started) {
		started = true;
		if (byte == '\r' || byte == '\n') {
			last = byte;
			return;
		}
	}
	shell_show();
	if (!escaped(byte))
		edit(byte);
	last = byte;
}

void shell_attach(struct serial *s)
{
	print("Ctrl-] leaves the console\n");
	attached = s;
	full_until = 0;
	serial_attach(s);
}

static void detach(void)
{
	serial_attach(NULL);
	attached = NULL;
	last = 0;
	print("\n");
}

/* False: the guest has no room now; the byte is kept. */
static bool attached_byte(u8 byte)
{
	if (byte == KEY_CTRL_BRACKET) {
		detach();
		return true;
	}
	if (serial_input(attached, &byte, 1)) {
		full_tries = 0;
		return true;
	}
	if (full_tries == FULL_TRIES)
		return true;
	full_tries++;
	full_until = clock_ns() + FULL_NS;
	return false;
}

bool shell_poll(void)
{
	static u8 kept; /* a byte that the guest had no room for */
	static bool have_kept;
	bool any = false;

	look_at_log();
	if (full_until && clock_ns() < full_until)
		return false;
	full_until = 0;
	while (have_kept || chardev_host_read(&typed, &kept, 1)) {
		any = true;
		have_kept = false;
		if (!attached)
			prompt_byte(kept);
		else if (!attached_byte(kept))
			have_kept = true;
		if (have_kept)
			return false;
	}
	return any;
}

u64 shell_deadline(void)
{
	if (full_until)
		return full_until;
	return shown ? clock_ns() + LOOK_NS : ~0ULL;
}
