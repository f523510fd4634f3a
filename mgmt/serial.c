/*
 * Serial ports' output: drained from the character devices' rings by the manager, so that a guest waits
 * for nobody but, in follow mode, for the host's console. Followed output is shown in whole lines and in
 * printable characters only: a guest sends no control sequences to the terminal, and cannot fake a line.
 */
#include "mgmt/serial.h"

#include "core/chardev.h"
#include "core/clock.h"
#include "core/cmdline.h"
#include "core/console.h"
#include "core/log.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mgmt/domains.h"
#include "mgmt/manager.h"
#include "mgmt/shell.h"
#include "mm/heap.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define SCROLLBACK_SIZE (64 * KIB)
#define PIECE_SIZE      512u
#define PARTIAL_NS      200000000ULL /* after so long an unfinished line is shown */
#define LOOK_NS         2000000ULL /* while a guest writes it is looked at so often, without being asked */
#define LINE_SIZE       1024u /* of a followed line with its prefix; longer ones are broken up */
#define SHOWN_MAX       4u    /* characters that show one byte */

/* How a guest that writes gets the manager to look, without waking it for every byte. */
enum attention {
	ATTENTION_NONE, /* the next byte wakes it */
	ATTENTION_SOON, /* it looks again by itself */
	ATTENTION_NOW,  /* it was woken, since the ring fills up */
};

struct serial {
	struct vm *vm; /* const, as are the next four */
	u32 port;
	struct chardev *dev;
	bool follow;
	u8 *scrollback; /* NULL: there was no memory for it */
	u32 attention;  /* atomic, enum attention */
	u32 ended;      /* atomic: the guest has ended, and somebody waits in serial_sync() */
	/* The manager's: */
	u64 written; /* bytes ever put into scrollback */
	u64 last_ns; /* when the guest last added to an unfinished line */
	u32 prefix;  /* bytes of line that are its prefix */
	u32 len;
	char line[LINE_SIZE];
};

static struct serial *serials[DOMAINS_MAX * VM_MAX_SERIALS]; /* const once the manager runs */
static u32 count;
static struct serial *attached; /* the manager's */
static struct thread *waiter;   /* in serial_sync() */

static void guest_wrote(void *ctx)
{
	struct serial *s = ctx;
	u32 wanted = ATTENTION_SOON;

	if (chardev_guest_room(s->dev) < CHARDEV_RING_SIZE / 2)
		wanted = ATTENTION_NOW;
	/*
	 * The byte is in the ring before attention is read: either that is what the manager set before its
	 * last look, which then finds the byte, or the manager is woken. Pairs with the exchange in drain().
	 */
	smp_mb();
	if (atomic_load_relaxed(&s->attention) >= wanted)
		return;
	if (atomic_xchg(&s->attention, wanted) < wanted)
		manager_wake();
}

static void guest_has_input(void *ctx)
{
	vm_request(ctx, 0, REQ_CHARDEV);
}

static bool followed(const struct vm *vm)
{
	return cmdline_is("follow", "all") || cmdline_is("follow", vm->cfg.name);
}

static struct serial *serial_make(struct vm *vm, u32 port)
{
	struct serial *s = kalloc(sizeof(*s));

	if (!s)
		return NULL;
	s->vm = vm;
	s->port = port;
	s->dev = &vm->serial[port];
	s->follow = followed(vm);
	s->scrollback = kalloc(SCROLLBACK_SIZE);
	s->prefix =
		(u32)(port ? snprintf(s->line, sizeof(s->line), "[%s:%u] ", vm->cfg.name, port) :
			     snprintf(s->line, sizeof(s->line), "[%s] ", vm->cfg.name));
	s->len = s->prefix;
	s->dev->guest_ctx = vm;
	s->dev->guest_notify = guest_has_input;
	s->dev->host_ctx = s;
	s->dev->host_notify = guest_wrote;
	return s;
}

void serial_add(struct vm *vm)
{
	for (u32 port = 0; port < vm->cfg.serials; port++) {
		struct serial *s = serial_make(vm, port);

		if (s)
			serials[count++] = s;
		if (!s || !s->scrollback)
			log_error("domain %s: no memory for %s serial port %u", vm->cfg.name,
				  s ? "the scroll-back of" : "", port);
	}
}

struct serial *serial_find(const struct vm *vm, u32 port)
{
	for (u32 i = 0; i < count; i++) {
		if (serials[i]->vm == vm && serials[i]->port == port)
			return serials[i];
	}
	return NULL;
}

static void scrollback_put(struct serial *s, const u8 *data, size_t n)
{
	size_t at = s->written % SCROLLBACK_SIZE, first = MIN(n, SCROLLBACK_SIZE - at);

	if (!s->scrollback)
		return;
	memcpy(s->scrollback + at, data, first);
	memcpy(s->scrollback, data + first, n - first);
	s->written += n;
}

static void line_end(struct serial *s)
{
	s->line[s->len] = '\n';
	shell_hide();
	console_write(s->line, s->len + 1);
	s->len = s->prefix;
}

/* Adds a byte to the line: as it is, as ^X or as \xNN. */
static void line_add(struct serial *s, u8 byte)
{
	char shown[SHOWN_MAX + 1];
	int n;

	if (byte == '\n') {
		line_end(s);
		return;
	}
	if (byte == '\r')
		return;
	if ((byte >= ' ' && byte <= '~') || byte == '\t')
		n = snprintf(shown, sizeof(shown), "%c", byte);
	else if (byte < 0x80)
		n = snprintf(shown, sizeof(shown), "^%c", byte ^ 0x40);
	else
		n = snprintf(shown, sizeof(shown), "\\x%02x", byte);
	memcpy(s->line + s->len, shown, (size_t)n);
	s->len += (u32)n;
	if (s->len + SHOWN_MAX + 1 > LINE_SIZE)
		line_end(s);
}

/* As it is, but for the CR of CR LF: the console's driver adds one. */
static void show_raw(const u8 *data, size_t n)
{
	while (n) {
		const u8 *cr = memchr(data, '\r', n);
		size_t skip = cr && cr + 1 < data + n && cr[1] == '\n', part;

		part = cr ? (size_t)(cr + 1 - data) : n;
		console_write((const char *)data, part - skip);
		data += part;
		n -= part;
	}
}

static void show(struct serial *s, const u8 *data, size_t n)
{
	if (s == attached) {
		show_raw(data, n);
		return;
	}
	if (!s->follow)
		return;
	for (size_t i = 0; i < n; i++)
		line_add(s, data[i]);
	s->last_ns = clock_ns();
}

/* Moves one piece; true: there may be more. */
static bool drain(struct serial *s)
{
	u8 piece[PIECE_SIZE];
	size_t n = chardev_host_read(s->dev, piece, sizeof(piece));

	if (n)
		atomic_store_relaxed(&s->attention, ATTENTION_SOON);
	else if (atomic_xchg(&s->attention, ATTENTION_NONE)) /* pairs with guest_wrote() */
		return true; /* look once more: a byte that came before this woke nobody */
	scrollback_put(s, piece, n);
	show(s, piece, n);
	return n == sizeof(piece);
}

/* Nobody writes any more. */
static void finish(struct serial *s)
{
	while (drain(s) || atomic_load_relaxed(&s->attention))
		;
	if (s->len > s->prefix)
		line_end(s);
	/* Release: who waits sees it all printed. Pairs with the load in serial_sync(). */
	atomic_store_release(&s->ended, 0);
	thread_wake(waiter);
}

bool serial_poll(void)
{
	u64 now = clock_ns();
	bool any = false;

	for (u32 i = 0; i < count; i++) {
		struct serial *s = serials[i];

		any |= drain(s);
		if (s->len > s->prefix && now >= s->last_ns + PARTIAL_NS)
			line_end(s);
		if (atomic_load_acquire(&s->ended)) /* pairs with serial_sync() */
			finish(s);
	}
	return any;
}

u64 serial_deadline(void)
{
	u64 deadline = ~0ULL;

	for (u32 i = 0; i < count; i++) {
		const struct serial *s = serials[i];

		if (atomic_load_relaxed(&s->attention))
			deadline = MIN(deadline, clock_ns() + LOOK_NS);
		if (s->len > s->prefix)
			deadline = MIN(deadline, s->last_ns + PARTIAL_NS);
	}
	return deadline;
}

void serial_sync(struct vm *vm)
{
	waiter = thread_current();
	for (u32 port = 0; port < vm->cfg.serials; port++) {
		struct serial *s = serial_find(vm, port);

		if (!s)
			continue;
		/* Release: with it the manager sees waiter. Pairs with the load in serial_poll(). */
		atomic_store_release(&s->ended, 1);
		manager_wake();
		while (atomic_load_acquire(&s->ended)) /* pairs with finish() */
			thread_block();
	}
}

void serial_attach(struct serial *s)
{
	u64 kept, at;

	attached = s;
	if (!s || !s->scrollback)
		return;
	kept = MIN(s->written, (u64)SCROLLBACK_SIZE);
	at = (s->written - kept) % SCROLLBACK_SIZE;
	show_raw(s->scrollback + at, MIN(kept, SCROLLBACK_SIZE - at));
	show_raw(s->scrollback, at);
}

size_t serial_input(struct serial *s, const u8 *data, size_t n)
{
	return domain_active(s->vm) ? chardev_host_write(s->dev, data, n) : n;
}
