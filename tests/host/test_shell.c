/*
 * The shell as a whole, from keys to the terminal's screen: the line editor, the console and the log,
 * commands, completion and guests' consoles. Its thread runs here until it would wait.
 *
 * sources: mgmt/cmd_domstats.c mgmt/cmd_stat.c mgmt/cmd_trace.c vm/exitstat.c vm/trace.c lib/crc32.c
 * sources: tests/host/screen.c tests/host/fake_domains.c mgmt/shell.c mgmt/shell_attach.c mgmt/hotkey.c
 * sources: mgmt/lineedit.c mgmt/history.c mgmt/complete.c mgmt/command.c mgmt/cmd_help.c
 * sources: mgmt/cmd_host.c mgmt/cmd_capabilities.c mgmt/cmd_cpu.c vm/cpu_choice.c vm/cpu_models.c mgmt/cmd_monitor.c mgmt/cmd_run.c mgmt/cmd_sched.c mgmt/cmd_top.c
 * sources: mgmt/session.c mgmt/table.c mgmt/words.c mgmt/uuid.c core/console.c core/log.c
 * sources: core/cmdline.c core/chardev.c arch/lock.c lib/cpuset.c lib/string.c lib/fmt.c
 */
#include "mgmt/shell.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "core/cmdline.h"
#include "core/console.h"
#include "core/log.h"
#include "core/thread.h"
#include "mgmt/manager.h"
#include "mgmt/serial.h"
#include "tests/host/fake_domains.h"
#include "tests/host/harness.h"
#include "tests/host/rand.h"
#include "tests/host/screen.h"
#include "vm/vm.h"

#define PROMPT "plinth# "
#define SECOND 1000000000ULL

/* --- what the core would do ---------------------------------------------------------------------- */

static u64 now_ns = SECOND, run_until;
static jmp_buf waiting;
static void (*console_thread)(void *arg), (*shell_thread)(void *arg);
static struct screen screen = { .expand = 0 };
static const char *input = "";

u64 clock_ns(void)
{
	return now_ns;
}

u32 cpu_id(void);
u32 cpu_id(void)
{
	return 0;
}

struct thread *thread_create(const struct thread_spec *spec)
{
	static struct thread thread;

	if (!strcmp(spec->name, "shell"))
		shell_thread = spec->fn;
	else
		console_thread = spec->fn;
	return &thread;
}

void thread_start(struct thread *t) {}
void thread_wake(struct thread *t) {}

void thread_block_until(u64 deadline)
{
	if (deadline > run_until) {
		now_ns = run_until;
		longjmp(waiting, 1);
	}
	now_ns = deadline;
}

void thread_block(void)
{
	longjmp(waiting, 1);
}

void manager_run(void (*fn)(void *arg), void *arg)
{
	fn(arg);
}

static void sink_write(void *ctx, const char *s, size_t n)
{
	screen_put(&screen, s, n);
}

static int sink_read(void *ctx)
{
	return *input ? (u8)*input++ : -1;
}

static const struct console_sink sink = { .write = sink_write, .read = sink_read };

/* --- guests' serial ports: what they got, and that they were shown --------------------------------- */

struct serial {
	const struct vm *vm;
	size_t got, room;
	char bytes[256];
	bool gone;
};

static struct serial serials[4];
static struct serial *shown;

struct serial *serial_find(const struct vm *vm, u32 port)
{
	for (u32 i = 0; i < ARRAY_LEN(serials); i++) {
		if (serials[i].vm == vm && !serials[i].gone)
			return &serials[i];
	}
	return NULL;
}

void serial_attach(struct serial *s)
{
	char text[128];

	shown = s;
	if (s)
		console_write_bytes(text,
				    (size_t)snprintf(text, sizeof(text), "old lines of %s\r\n$ ",
						     s->vm->cfg.name));
}

struct serial *serial_attached(void)
{
	return shown && !shown->gone ? shown : NULL;
}

size_t serial_input(struct serial *s, const u8 *data, size_t n)
{
	n = MIN(n, s->room);
	memcpy(s->bytes + s->got, data, n);
	s->got += n;
	s->bytes[s->got] = '\0';
	s->room -= n;
	return n;
}

static void add(u32 i, const char *name, bool active)
{
	serials[i] = (struct serial){ .vm = fake_domain(name, active), .room = 200 };
}

/* --- the tests' words ------------------------------------------------------------------------------ */

static void run(void (*thread)(void *arg), u64 ns)
{
	run_until = now_ns + ns;
	if (!setjmp(waiting))
		thread(NULL);
}

/* Types keys, then waits for so long. */
static void type_and_wait(const char *keys, u64 ns)
{
	input = keys;
	run(console_thread, 0);
	run(shell_thread, ns);
	CHECK_EQ(screen.errors, 0);
}

static void type(const char *keys)
{
	type_and_wait(keys, 0);
}

/* The row where the cursor is, which is shown as a bar, and those above. */
static const char *row(void)
{
	static char text[SCREEN_COLUMNS + 2];

	snprintf(text, sizeof(text), "%.*s|%s", screen.column, screen.text[screen.row],
		 screen_row(&screen, screen.row) +
			 MIN((size_t)screen.column, strlen(screen_row(&screen, screen.row))));
	return text;
}

static const char *above(int n)
{
	return screen.row >= n ? screen_row(&screen, screen.row - n) : "";
}

/* The line of the log without its time. */
static const char *logged(int n)
{
	const char *text = strstr(above(n), "I] ");

	return text ? text + 3 : above(n);
}

static void start(void)
{
	static bool started;

	fake_domains_clear();
	add(0, "web", true);
	add(1, "db", false);
	add(2, "mail", true);
	shown = NULL;
	if (!started) {
		started = true;
		console_add(&sink, NULL);
		console_start();
		shell_start();
		run(shell_thread, 0);
	}
	/* To the shell's prompt, an empty line and an empty screen. */
	type("\035");
	type("\003");
	screen_clear(&screen);
	type("\014");
	CHECK_STR(row(), PROMPT "|");
}

TEST(a_command)
{
	start();
	type("domstate web\r");
	CHECK_STR(above(3), "plinth# domstate web");
	CHECK_STR(above(2), "running");
	CHECK_STR(row(), PROMPT "|");
}

TEST(log_lines_stand_above_what_is_typed)
{
	start();
	type("dominfo web\033[D\033[D");
	CHECK_STR(row(), PROMPT "dominfo w|eb");
	log_info("first");
	CHECK_STR(logged(1), "first");
	CHECK_STR(row(), PROMPT "dominfo w|eb");
	log_info("second");
	console_write_line("[web] a followed line\n", 22);
	CHECK_STR(logged(3), "first");
	CHECK_STR(logged(2), "second");
	CHECK_STR(above(1), "[web] a followed line");
	CHECK_STR(row(), PROMPT "dominfo w|eb");
	type("x");
	CHECK_STR(row(), PROMPT "dominfo wx|eb");
	CHECK_STR(above(4), "");
}

/* Keys and log lines in any order: the row is always whole, and so is each line above. */
TEST(log_lines_and_keys_at_random)
{
	static const char *const keys[] = { "a",
					    "b",
					    " ",
					    "\033[D",
					    "\033[C",
					    "\033[H",
					    "\005",
					    "\177",
					    "\033[A",
					    "\033[B",
					    "\024",
					    "\027",
					    "xxxxxxxxxxxxxxxxxxxxxxxxx" };
	char line[80], last[80] = "";
	u32 lines = 0;

	start();
	for (u32 i = 0; i < 4000; i++) {
		if (rand_below(3)) {
			type(keys[rand_below(ARRAY_LEN(keys))]);
		} else {
			snprintf(last, sizeof(last), "line %u", lines++);
			log_info("%s", last);
		}
		CHECK_EQ(screen.errors, 0);
		CHECK(!strncmp(row(), PROMPT, strlen(PROMPT) - 1));
		CHECK(screen.column >= (int)strlen(PROMPT));
		for (int n = 1; n <= 3 && (int)lines >= n; n++) {
			snprintf(line, sizeof(line), "line %u", lines - (u32)n);
			CHECK_STR(logged(n), line);
		}
		/* Nothing is below. */
		for (int r = screen.row + 1; r < SCREEN_ROWS; r++)
			CHECK_STR(screen_row(&screen, r), "");
	}
}

TEST(cancelled_and_cleared)
{
	start();
	type("poweroff\033[D\003");
	CHECK_STR(above(2), PROMPT "poweroff");
	CHECK_STR(above(1), "^C");
	CHECK_STR(row(), PROMPT "|");
	type("help\033[D\014");
	CHECK_EQ(screen.row, 0);
	CHECK_STR(row(), PROMPT "hel|p");
	CHECK_STR(screen_row(&screen, 1), "");
}

TEST(tab)
{
	int bells;

	start();
	type("dumpx\t");
	CHECK_STR(row(), PROMPT "dumpxml |");
	type("w\t");
	CHECK_STR(row(), PROMPT "dumpxml web |");
	type("\025domst\t");
	bells = screen.bells;
	CHECK_STR(row(), PROMPT "domstat|");
	type("\t"); /* the second one lists */
	CHECK_STR(above(1), "domstate  domstats");
	CHECK_STR(above(2), PROMPT "domstat");
	CHECK_STR(row(), PROMPT "domstat|");
	type("\025xyz\t");
	CHECK(screen.bells > bells);
	CHECK_STR(row(), PROMPT "xyz|");
	/* In the middle: what is behind the cursor stays. */
	type("\025dominfo  --x");
	type("\033[D\033[D\033[D\033[D");
	type("w");
	type("\t");
	CHECK_STR(row(), PROMPT "dominfo web | --x");
	CHECK_EQ(fake_references, 0);
}

TEST(ctrl_a_goes_around_the_consoles)
{
	start();
	type("half a line");
	type("\001\001");
	CHECK(!shown);
	CHECK_STR(row(), PROMPT "|half a line");
	type("\001");
	CHECK(shown == &serials[0]);
	CHECK_STR(row(), "$ |");
	CHECK_STR(above(1), "old lines of web");
	CHECK_STR(above(3), "Connected to domain 'web'");
	type("\001\001\001");
	CHECK(shown == &serials[2]); /* db does not run */
	CHECK_STR(above(1), "old lines of mail");
	type("\001\001\001");
	CHECK(!shown);
	CHECK_STR(row(), PROMPT "|half a line");
	CHECK_STR(serials[0].bytes, "");
	CHECK_STR(serials[2].bytes, "");
	CHECK_EQ(fake_references, 0);
}

TEST(keys_for_the_guest)
{
	start();
	type("console web\r");
	CHECK(shown == &serials[0]);
	type("ls\r\003\t\033[A");
	CHECK_STR(serials[0].bytes, "ls\r\003\t\033[A");
	type("\001x\001\001y");
	CHECK_STR(serials[0].bytes, "ls\r\003\t\033[A\001x\001\001y");
	/* One alone waits for the next ones, but not for long. */
	serials[0].got = 0;
	type("\001");
	CHECK_EQ(serials[0].got, 0);
	type_and_wait("", SECOND / 4);
	CHECK_EQ(serials[0].got, 0);
	type_and_wait("", SECOND);
	CHECK_STR(serials[0].bytes, "\001");
	type("\035");
	CHECK(!shown);
	CHECK_STR(row(), PROMPT "|");
	CHECK_EQ(fake_references, 0);
}

TEST(a_guest_that_does_not_read)
{
	start();
	type("console web\r");
	serials[0].room = 2;
	type_and_wait("abcdef", 10 * SECOND);
	CHECK_STR(serials[0].bytes, "ab");
	serials[0].room = 10;
	type("gh");
	CHECK_STR(serials[0].bytes, "abgh");
	serials[0].room = 0;
	type_and_wait("xxxx\035", 10 * SECOND); /* one can leave all the same */
	CHECK(!shown);
}

TEST(a_domain_goes_while_attached)
{
	start();
	type("console web\r");
	serials[0].gone = true;
	type_and_wait("", 3 * SECOND);
	CHECK_STR(above(1), "the domain is gone");
	CHECK_STR(row(), PROMPT "|");
	CHECK_EQ(fake_references, 0);
}

TEST(a_log_line_at_a_guests_prompt)
{
	start();
	type("console web\r");
	log_info("something");
	CHECK_STR(row(), "$ |");
	CHECK_STR(logged(1), "something");
}

TEST(what_is_typed_while_a_command_runs_waits)
{
	start();
	type("start db\rdomstate web\rdom");
	CHECK_STR(fake_did, "start db; ");
	CHECK_STR(above(2), "running");
	CHECK_STR(row(), PROMPT "dom|");
}

TEST(any_bytes_at_all)
{
	char keys[9];

	start();
	for (u32 i = 0; i < 5000; i++) {
		for (u32 k = 0; k < 8; k++)
			keys[k] = rand_below(2) ? "\t \r\001\033[A"[rand_below(7)] :
						  (char)(1 + rand_below(255));
		keys[8] = '\0';
		if (strpbrk(keys, "pbt")) /* not poweroff, reboot-host, top */
			continue;
		for (u32 k = 0; k < ARRAY_LEN(serials); k++) {
			serials[k].got = 0;
			serials[k].room = 200;
		}
		type(keys);
	}
	type("\035");
	type("\003");
	CHECK_EQ(fake_references, 0);
}

TEST(top_until_q)
{
	start();
	type("top\rxq");
	CHECK(strstr(screen_row(&screen, 0), "3 domains, 2 active"));
	CHECK(strstr(screen_row(&screen, 4), "web"));
	CHECK_STR(row(), PROMPT "|");
	type("top\r\001\001\001");
	CHECK(shown == &serials[0]);
	type("\001\001\001\001\001\001");
	CHECK(!shown);
}
