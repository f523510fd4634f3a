/*
 * The shell's thread: keys to the line editor or to the guest that is attached, lines to the
 * command table. A command may block; what is typed meanwhile waits.
 */
#include "mgmt/shell.h"

#include "core/chardev.h"
#include "core/clock.h"
#include "core/cmdline.h"
#include "core/console.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/string.h"
#include "mgmt/command.h"
#include "mgmt/complete.h"
#include "mgmt/hotkey.h"
#include "mgmt/lineedit.h"
#include "mgmt/session.h"
#include "mgmt/shell_attach.h"
#include "vm/vm.h"

#define PROMPT       "plinth# "
#define FULL_NS      10000000ULL /* how soon a full queue of keys or console is tried again */
#define BELL         "\a"
#define CLEAR_SCREEN "\x1b[H\x1b[2J"
#define CANCELLED    "^C"

static struct chardev typed;  /* from the console's thread to the shell's */
static struct thread *thread; /* const once it runs */

/* The shell's thread's: */
static struct history history;
static struct lineedit editor;
static struct line_view shown; /* the row, as the console has it */
static const struct line_view empty;
static struct completion found;
static bool started;      /* there is a prompt: always, or since something was typed */
static bool tab;          /* the key before was a Tab that left something open */
static u32 switches;      /* so many Ctrl-A were typed in a row */
static struct vm *wanted; /* what a command wants attached when it has ended; a reference */
static u32 wanted_port;
static bool wanted_next; /* Ctrl-A three times while a command ran */

/* On the console's thread. */
static void console_input(u8 byte)
{
	while (!chardev_guest_write(&typed, &byte, 1))
		thread_block_until(clock_ns() + FULL_NS);
}

static void typed_something(void *ctx)
{
	(void)ctx;
	thread_wake(thread);
}

/* Long output goes line by line as fast as the console sends it, so that others have their turn. */
static void session_out(void *ctx, const char *s, size_t n)
{
	(void)ctx;
	while (n) {
		const char *lf = memchr(s, '\n', n);
		size_t part = lf ? (size_t)(lf + 1 - s) : n;

		while (!console_room())
			thread_block_until(clock_ns() + FULL_NS);
		console_write(s, part);
		s += part;
		n -= part;
	}
}

/* True for the last of three Ctrl-A in a row. */
static bool count_switch(u8 byte)
{
	switches = byte == KEY_CTRL_A ? switches + 1 : 0;
	if (switches < HOTKEY_COUNT)
		return false;
	switches = 0;
	return true;
}

static int session_key(void *ctx, u64 timeout_ns)
{
	u64 deadline = clock_ns() + timeout_ns;
	u8 byte;

	(void)ctx;
	while (!chardev_host_read(&typed, &byte, 1)) {
		if (clock_ns() >= deadline)
			return -1;
		thread_block_until(deadline);
	}
	if (count_switch(byte)) {
		wanted_next = true;
		return KEY_CTRL_C;
	}
	return byte;
}

static void session_attach(void *ctx, struct vm *vm, u32 port)
{
	(void)ctx;
	vm_get(vm);
	wanted = vm;
	wanted_port = port;
}

static const struct session_ops ops = {
	.write = session_out,
	.key = session_key,
	.attach = session_attach,
};
static const struct session session = { .ops = &ops };

/*
 * Brings the row up to date. Where it is on the screen, `first` goes before; cleared: it empties
 * the screen.
 */
static void show_after(const char *first, bool cleared)
{
	char change[LINEEDIT_OUT_MAX + sizeof(CLEAR_SCREEN)], draw[LINEEDIT_OUT_MAX];
	size_t before = strlen(first), n, len;
	struct line_view view;

	lineedit_view(&editor, &view);
	memcpy(change, first, before);
	n = lineedit_update(cleared ? &empty : &shown, &view, change + before);
	len = lineedit_update(&empty, &view, draw);
	console_type(change, before + n, draw, len);
	shown = view;
}

static void show(void)
{
	show_after("", false);
}

/* The row stays above what follows. */
static void leave_row(void)
{
	console_type_end(true);
}

/* Commands leave what they want to be done next. */
static void follow_up(void)
{
	struct vm *vm = wanted;

	wanted = NULL;
	if (wanted_next) {
		wanted_next = false;
		if (vm)
			vm_put(vm);
		if (shell_attach_next())
			return;
	} else if (vm) {
		shell_attach(vm, wanted_port);
		return;
	}
	show();
}

static void run_line(void)
{
	char line[LINEEDIT_SIZE];

	leave_row();
	memcpy(line, editor.text, sizeof(line));
	lineedit_reset(&editor);
	(void)command_run(&session, line);
	follow_up();
}

static void cancel(void)
{
	leave_row();
	console_write(CANCELLED "\n", sizeof(CANCELLED));
	lineedit_reset(&editor);
	show();
}

static void complete_word(void)
{
	char before[LINEEDIT_SIZE];
	bool again = tab;

	memcpy(before, editor.text, editor.cursor);
	before[editor.cursor] = '\0';
	complete(&found, before);
	tab = found.count != 1;
	lineedit_insert(&editor, found.insert);
	if (found.count && tab && again && !found.insert[0]) {
		leave_row();
		complete_list(&found, &session);
	}
	show_after(tab ? BELL : "", false);
}

static void prompt_key(u8 byte)
{
	if (!started) {
		started = true;
		show();
		if (byte == '\r' || byte == '\n') {
			editor.last = byte;
			return;
		}
	}
	if (count_switch(byte)) {
		console_type_end(false);
		if (!shell_attach_next())
			show();
		return;
	}
	tab &= byte == KEY_TAB;
	switch (lineedit_key(&editor, byte)) {
	case LINE_DONE:
		run_line();
		break;
	case LINE_CANCEL:
		cancel();
		break;
	case LINE_TAB:
		complete_word();
		break;
	case LINE_CLEAR:
		show_after(CLEAR_SCREEN, true);
		break;
	case LINE_MORE:
		show();
	}
}

static void key(u8 byte)
{
	if (!shell_attached()) {
		prompt_key(byte);
		return;
	}
	shell_attach_key(byte);
	if (!shell_attached())
		show();
}

static void shell_main(void *arg)
{
	u8 byte;

	(void)arg;
	if (started)
		show();
	for (;;) {
		while (chardev_host_read(&typed, &byte, 1))
			key(byte);
		if (shell_attached()) {
			shell_attach_idle();
			if (!shell_attached())
				show();
		}
		thread_block_until(shell_attach_deadline());
	}
}

void shell_start(void)
{
	static const struct thread_spec spec = {
		.name = "shell", .fn = shell_main, .cpu = -1, .preemptible = true
	};
	char word[8];

	chardev_init(&typed, "shell");
	typed.host_notify = typed_something;
	lineedit_init(&editor, PROMPT, &history);
	/* Where output is followed, the prompt waits for somebody who wants it. */
	started = !cmdline_get("follow", word, sizeof(word));
	thread = thread_create(&spec);
	if (!thread)
		panic("no memory for the shell");
	log_info("shell: %s'help' lists the commands", started ? "" : "Enter brings the prompt, ");
	thread_start(thread);
	console_set_input(console_input);
}
