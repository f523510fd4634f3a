/*
 * mgmt/serial.h: scroll-back, attaching, following, back-pressure, turns at the console, ports that come
 * and go. The console here takes what it has room for and keeps it.
 *
 * sources: mgmt/serial.c mgmt/follow.c core/chardev.c lib/string.c lib/fmt.c arch/lock.c
 */
#include "core/chardev.h"
#include "core/console.h"
#include "core/log.h"
#include "lib/string.h"
#include "mgmt/domains.h"
#include "mgmt/serial.h"
#include "tests/host/harness.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#include <stdio.h>
#include <stdlib.h>

#define KEPT (64 * 1024)

/* --- what the rest would do --- */

static u64 now_ns = 1000000000;
static char out[1 << 20];
static size_t out_len;
static u32 room = CONSOLE_GUEST_BACKLOG;
static const char *follow = "";
static bool active = true;
static u32 wakes, requests, allocations;
static int left = 1000; /* allocations that succeed */

u64 clock_ns(void);
u64 clock_ns(void)
{
	return now_ns += 10;
}

u32 console_guest_room(void)
{
	return room;
}

static void keep(const char *s, size_t n)
{
	CHECK(out_len + n < sizeof(out));
	memcpy(out + out_len, s, n);
	out_len += n;
	out[out_len] = '\0';
	room -= MIN(room, (u32)n);
}

void console_write_bytes(const char *s, size_t n)
{
	CHECK(n <= room);
	keep(s, n);
}

void console_write_line(const char *s, size_t n)
{
	CHECK(n && s[n - 1] == '\n');
	keep(s, n);
}

bool cmdline_is(const char *key, const char *value);
bool cmdline_is(const char *key, const char *value)
{
	return !strcmp(key, "follow") && !strcmp(value, follow);
}

bool domain_active(const struct vm *vm)
{
	return active;
}

void *kalloc(size_t n);
void *kalloc(size_t n)
{
	if (left-- <= 0)
		return NULL;
	allocations++;
	return calloc(1, n);
}

void kfree(void *p);
void kfree(void *p)
{
	allocations -= p != NULL;
	free(p);
}

void vm_request(struct vm *vm, u32 index, u32 what)
{
	CHECK(what == REQ_CHARDEV);
	requests++;
}

void manager_wake(void);
void manager_wake(void)
{
	wakes++;
}

static u32 reports;

void log_limit_report(struct log_limit *l)
{
	reports += l->left_out;
	l->left_out = 0;
}

static bool me = true;

bool manager_is_me(void);
bool manager_is_me(void)
{
	return me;
}

struct thread *thread_current(void);
struct thread *thread_current(void)
{
	return NULL;
}

void thread_wake(struct thread *t) {}

/* While another thread waits the manager works, on a console that is taken from. */
void thread_block(void)
{
	room = CONSOLE_GUEST_BACKLOG;
	serial_poll();
}

void thread_block_until(u64 deadline_ns)
{
	now_ns = MAX(now_ns, deadline_ns);
	room = 100;
}

/* --- helpers --- */

static struct vm vms[3];

static void clear(void)
{
	out_len = 0;
	out[0] = '\0';
	room = CONSOLE_GUEST_BACKLOG;
}

static struct vm *new_vm(u32 i, const char *name, u32 serials)
{
	struct vm *vm = &vms[i];

	memset(vm, 0, sizeof(*vm));
	snprintf(vm->cfg.name, sizeof(vm->cfg.name), "%s", name);
	snprintf(vm->stop_text, sizeof(vm->stop_text), "powered off");
	vm->cfg.serials = serials;
	for (u32 n = 0; n < serials; n++)
		chardev_init(&vm->serial[n], name);
	CHECK_EQ(serial_add(vm), 0);
	return vm;
}

static void end(struct vm *vm)
{
	serial_attach(NULL);
	serial_remove(vm);
	CHECK_EQ(allocations, 0);
	follow = "";
	me = true;
	clear();
}

static size_t guest(struct vm *vm, u32 port, const char *text)
{
	return chardev_guest_write(&vm->serial[port], text, strlen(text));
}

/* The manager's loop until it has nothing to do, at a console that takes everything or nothing more. */
static void settle(bool takes)
{
	do {
		if (takes)
			room = CONSOLE_GUEST_BACKLOG;
	} while (serial_poll());
}

static char numbered(size_t i)
{
	return "0123456789abcdefghijklmnopqrstuvwxyz\r\n"[i * 7 / 3 % 38];
}

/* A guest that writes n numbered bytes as fast as it may; how many it could. */
static size_t flood(struct vm *vm, size_t from, size_t n, bool takes)
{
	size_t done = 0;

	for (;;) {
		char piece[16];
		size_t part = MIN(n - done, sizeof(piece)), put;

		for (size_t i = 0; i < part; i++)
			piece[i] = numbered(from + done + i);
		put = chardev_guest_write(&vm->serial[0], piece, part);
		done += put;
		if (done == n)
			return done;
		if (put < part) {
			size_t before = chardev_guest_room(&vm->serial[0]);

			settle(takes);
			if (chardev_guest_room(&vm->serial[0]) == before)
				return done;
		}
	}
}

static bool is_numbered(const char *s, size_t n, size_t from)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] != numbered(from + i))
			return false;
	}
	return true;
}

static bool contains(const char *text, const char *part)
{
	for (; *text; text++) {
		if (str_prefix(text, part))
			return true;
	}
	return false;
}

/* --- tests --- */

TEST(nobody_looks_and_no_guest_waits)
{
	struct vm *vm = new_vm(0, "a", 1);

	room = 0;
	CHECK_EQ(flood(vm, 0, 200000, false), 200000);
	settle(false);
	CHECK_EQ(out_len, 0);
	end(vm);
}

TEST(the_last_64_kib_are_kept)
{
	struct vm *vm = new_vm(0, "a", 1);

	flood(vm, 0, 200000, true);
	settle(true);
	serial_attach(serial_find(vm, 0));
	settle(true);
	CHECK_EQ(out_len, KEPT);
	CHECK(is_numbered(out, KEPT, 200000 - KEPT));
	end(vm);
}

TEST(what_comes_while_the_scrollback_is_shown_is_in_order)
{
	struct vm *vm = new_vm(0, "a", 1);
	size_t more;

	flood(vm, 0, 100000, true);
	settle(true);
	room = 0;
	serial_attach(serial_find(vm, 0));
	/* Nothing of the scroll-back is overwritten before it is shown: the guest waits at last. */
	more = flood(vm, 100000, 100000, false);
	CHECK(more > 4096 && more < 100000);
	more += flood(vm, 100000 + more, 100000 - more, true);
	CHECK_EQ(more, 100000);
	settle(true);
	CHECK_EQ(out_len, KEPT + 100000);
	CHECK(is_numbered(out, out_len, 100000 - KEPT));
	end(vm);
}

TEST(attached_nothing_is_lost_and_the_guest_waits)
{
	struct vm *vm = new_vm(0, "a", 1);
	struct serial_counts c;
	size_t n, total;

	serial_attach(serial_find(vm, 0));
	room = 0;
	n = flood(vm, 0, 200000, false);
	/* Little is taken ahead: what a key brings is not behind seconds of output. */
	CHECK(n >= 4096 && n <= 4096 + 2048);
	CHECK(serial_deadline() <= now_ns + 10000000);
	requests = 0;
	for (total = n; total < 200000; total += n) {
		room = 23; /* 2 ms at 115200 baud */
		n = flood(vm, total, 200000 - total, false);
		CHECK(n <= 1024);
	}
	CHECK(requests > 0); /* the guest hears that there is room */
	settle(true);
	CHECK_EQ(out_len, 200000);
	CHECK(is_numbered(out, out_len, 0));
	serial_counts(serial_find(vm, 0), &c);
	CHECK_EQ(c.from_guest, 200000);
	CHECK(c.held > 0 && c.longest_ns > 0);
	end(vm);
}

TEST(raw_bytes_are_not_changed)
{
	struct vm *vm = new_vm(0, "a", 1);
	char all[256];

	for (u32 i = 0; i < 256; i++)
		all[i] = (char)i;
	serial_attach(serial_find(vm, 0));
	chardev_guest_write(&vm->serial[0], all, 256);
	settle(true);
	CHECK_EQ(out_len, 256);
	CHECK(!memcmp(out, all, 256));
	end(vm);
}

TEST(followed_lines)
{
	struct vm *vm;

	follow = "all";
	vm = new_vm(0, "a", 2);
	guest(vm, 0, "one\r\ntwo\n\x1b[31m\xff\tend");
	guest(vm, 1, "other\n");
	settle(true);
	CHECK_STR(out, "[a] one\n[a] two\n[a:1] other\n");
	CHECK(serial_deadline() <= now_ns + 1000000000);
	now_ns += 900000000;
	settle(true);
	CHECK(!contains(out, "end"));
	now_ns += 100000000;
	settle(true);
	CHECK_STR(out, "[a] one\n[a] two\n[a:1] other\n[a] ^[[31m\\xff\tend\n");
	end(vm);
}

TEST(follow_by_name_also_who_comes_later)
{
	struct vm *a, *b;

	follow = "b";
	a = new_vm(0, "a", 1);
	guest(a, 0, "a\n");
	settle(true);
	b = new_vm(1, "b", 1);
	guest(b, 0, "b\n");
	settle(true);
	CHECK_STR(out, "[b] b\n");
	serial_remove(b);
	end(a);
}

TEST(a_line_that_waits_for_the_console_stays_whole)
{
	struct vm *vm;

	follow = "a";
	vm = new_vm(0, "a", 1);
	guest(vm, 0, "first\nsecond ");
	settle(true);
	room = 0;
	guest(vm, 0, "half\n");
	now_ns += 5000000000;
	settle(false);
	CHECK_STR(out, "[a] first\n");
	settle(true);
	CHECK_STR(out, "[a] first\n[a] second half\n");
	end(vm);
}

TEST(followed_output_waits_for_the_console)
{
	struct vm *vm;
	size_t n;

	follow = "a";
	vm = new_vm(0, "a", 1);
	room = 0;
	n = flood(vm, 0, 100000, false);
	CHECK(n <= 4096 + 2048);
	CHECK_EQ(out_len, 0);
	CHECK_EQ(n + flood(vm, n, 100000 - n, true), 100000);
	end(vm);
}

/* Each has its turn, however much another one writes and however little room there is. */
TEST(a_flood_leaves_others_their_turn)
{
	struct vm *a, *b, *c;
	const char *b_line, *c_line;

	follow = "all";
	a = new_vm(0, "a", 1);
	b = new_vm(1, "b", 1);
	c = new_vm(2, "c", 1);
	room = 0;
	for (u32 i = 0; i < 300; i++)
		guest(a, 0, "flood\n");
	serial_poll();
	guest(b, 0, "few\n");
	guest(c, 0, "words\n");
	for (u32 i = 0; i < 6; i++) {
		room = 1;
		serial_poll();
	}
	b_line = strchr(out, 'w'); /* the first w of "few" or "words" */
	c_line = b_line ? strchr(b_line + 1, 'w') : NULL;
	CHECK(c_line);
	CHECK(contains(out, "[b] few\n") && contains(out, "[c] words\n"));
	CHECK((size_t)(c_line - out) < 6 * 1024);
	serial_remove(b);
	serial_remove(c);
	end(a);
}

/* The manager is not kept by one guest: a call of serial_poll() moves a bounded amount. */
TEST(a_poll_is_bounded)
{
	struct vm *vm = new_vm(0, "a", 1);

	serial_attach(serial_find(vm, 0));
	for (u32 i = 0; i < 100; i++) {
		chardev_guest_write(&vm->serial[0], out + 8192, 4096);
		clear();
		serial_poll();
		CHECK(out_len <= 512);
	}
	end(vm);
}

TEST(attach_and_detach_of_what_is_followed)
{
	struct vm *vm;

	follow = "a";
	vm = new_vm(0, "a", 1);
	guest(vm, 0, "one\nunfini");
	settle(true);
	serial_attach(serial_find(vm, 0));
	settle(true);
	CHECK_STR(out, "[a] one\n[a] unfini\none\nunfini");
	clear();
	guest(vm, 0, "shed\n");
	settle(true);
	CHECK_STR(out, "shed\n");
	clear();
	room = 0;
	guest(vm, 0, "two\n");
	settle(false);
	serial_attach(NULL); /* before it was shown */
	CHECK(!serial_attached());
	settle(true);
	CHECK_STR(out, "[a] two\n");
	end(vm);
}

TEST(the_scrollback_has_a_mark_between_runs)
{
	struct vm *vm = new_vm(0, "a", 1);
	char rest[8];

	guest(vm, 0, "first run");
	chardev_host_write(&vm->serial[0], "typed", 5);
	me = false;
	serial_sync(vm);
	CHECK_EQ(chardev_guest_read(&vm->serial[0], rest, sizeof(rest)), 0);
	serial_sync(vm); /* nothing written: no second mark */
	guest(vm, 0, "second run\r\n");
	serial_sync(vm);
	me = true;
	CHECK_STR(out, "");
	serial_attach(serial_find(vm, 0));
	settle(true);
	CHECK_STR(out, "first run\r\n--- domain a: powered off ---\r\n"
		       "second run\r\n--- domain a: powered off ---\r\n");
	end(vm);
}

TEST(sync_shows_all_that_is_followed)
{
	struct vm *vm;

	follow = "all";
	vm = new_vm(0, "a", 1);
	room = 0;
	for (u32 i = 0; i < 500; i++)
		guest(vm, 0, "line\n");
	guest(vm, 0, "the end");
	me = false;
	serial_sync(vm);
	CHECK(out_len > 500 * 9);
	CHECK_STR(out + out_len - strlen("[a] the end\n"), "[a] the end\n");
	end(vm);
}

TEST(ports_go_while_somebody_is_attached)
{
	struct vm *a = new_vm(0, "a", 4), *b = new_vm(1, "b", 1);
	struct serial *s = serial_find(a, 3);

	CHECK(s && serial_find(b, 0) && !serial_find(b, 1));
	serial_attach(s);
	me = false;
	serial_remove(a);
	CHECK(!serial_attached());
	CHECK(!serial_find(a, 0) && serial_find(b, 0));
	CHECK_EQ(serial_input(s, (const u8 *)"x", 1), 1); /* gone: nobody gets it */
	guest(a, 0, "nobody listens");
	settle(true);
	end(b);
}

TEST(input)
{
	static u8 text[5000], got[5000];
	struct vm *vm = new_vm(0, "a", 1);
	struct serial *s = serial_find(vm, 0);
	struct serial_counts c;
	size_t n, all;

	for (u32 i = 0; i < sizeof(text); i++)
		text[i] = (u8)numbered(i);
	serial_attach(s);
	requests = 0;
	all = serial_input(s, text, sizeof(text));
	CHECK_EQ(all, CHARDEV_RING_SIZE);
	CHECK(requests > 0);
	CHECK_EQ(serial_input(s, text + all, 1), 0); /* it waits, and nothing is lost */
	CHECK_EQ(chardev_guest_read(&vm->serial[0], got, 1000), 1000);
	all += serial_input(s, text + all, sizeof(text) - all);
	CHECK_EQ(all, sizeof(text));
	n = chardev_guest_read(&vm->serial[0], got + 1000, sizeof(got) - 1000);
	CHECK_EQ(n, 4000);
	CHECK(!memcmp(text, got, sizeof(text)));
	active = false;
	CHECK_EQ(serial_input(s, text, 10), 10);
	CHECK_EQ(chardev_guest_read(&vm->serial[0], got, 10), 0);
	active = true;
	serial_counts(s, &c);
	CHECK_EQ(c.to_guest, sizeof(text));
	CHECK_EQ(c.ignored, 10);
	end(vm);
}

/* A guest that writes wakes the manager once, not for each byte, and never too seldom. */
TEST(wakes_are_few)
{
	struct vm *vm = new_vm(0, "a", 1);

	wakes = 0;
	guest(vm, 0, "a");
	CHECK_EQ(wakes, 1);
	guest(vm, 0, "b");
	CHECK_EQ(wakes, 1);
	for (u32 i = 0; i < 3000; i++)
		guest(vm, 0, "c");
	CHECK_EQ(wakes, 2); /* the ring fills up */
	settle(true);
	CHECK(serial_deadline() != ~0ULL); /* it looks once more by itself */
	settle(true);
	CHECK(serial_deadline() == ~0ULL);
	guest(vm, 0, "d");
	CHECK_EQ(wakes, 3);
	end(vm);
}

/* The last lines of a flood are counted for the reader, too. */
TEST(left_out_log_lines_are_reported)
{
	struct vm *vm = new_vm(0, "a", 1);

	vm->log.left_out = 7;
	CHECK(serial_deadline() != ~0ULL);
	serial_poll();
	CHECK_EQ(reports, 7);
	CHECK(serial_deadline() == ~0ULL);
	end(vm);
}

TEST(no_memory)
{
	struct vm *vm = &vms[0];

	left = 1;
	vm->cfg.serials = 2;
	CHECK(serial_add(vm) < 0);
	CHECK_EQ(allocations, 0);
	CHECK(!serial_find(vm, 0));
	left = 1000;
}
