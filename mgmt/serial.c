/*
 * Serial ports' output: drained from the character devices' rings into the scroll-backs by the manager,
 * and shown from there in small portions, in turn, as far as the console has room. A guest waits for
 * nobody unless it is shown. Followed output is shown in whole lines and in printable characters only: a
 * guest sends no control sequences to the terminal, and cannot fake a line.
 */
#include "mgmt/serial.h"

#include "core/chardev.h"
#include "core/clock.h"
#include "core/cmdline.h"
#include "core/console.h"
#include "core/log.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/list.h"
#include "lib/string.h"
#include "mgmt/domains.h"
#include "mgmt/follow.h"
#include "mgmt/manager.h"
#include "mm/heap.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define SCROLLBACK_SIZE (64 * KIB)
#define RING_SIZE       (SCROLLBACK_SIZE + 16 * KIB) /* and what comes while that is shown */
#define PIECE_SIZE      512u
#define SHOWN_BEHIND                                                                               \
	1024u        /* of what is shown so much is taken ahead; the rest waits at the guest */
#define QUANTUM 256u /* one port's turn at the console; 22 ms at 115200 baud */
#define LOOK_NS 2000000ULL /* while a guest writes it is looked at so often, without being asked */

/* How a guest that writes gets the manager to look, without waking it for every byte. */
enum attention {
	ATTENTION_NONE, /* the next byte wakes it */
	ATTENTION_SOON, /* it looks again by itself */
	ATTENTION_NOW,  /* it was woken, since the ring fills up */
};

struct serial {
	struct list node; /* of serials */
	struct vm *vm;    /* const, as are the next three */
	u32 port;
	struct chardev *dev;
	bool follow;
	u32 attention; /* atomic, enum attention */
	/* The manager's: */
	u64 written;    /* bytes ever put into the ring */
	u64 shown;      /* of them; all, where nobody looks */
	u64 replay_end; /* what lies before was there when somebody attached */
	u64 marked;     /* written at the last mark */
	u64 held_ns;    /* since when it waits for the console; 0: it does not */
	struct serial_counts counts;
	struct follow lines;
	u8 ring[RING_SIZE];
};

/* What another thread wants done with a VM's ports. On its stack, until it is done. */
struct request {
	struct list node; /* of requests */
	const struct vm *vm;
	bool remove; /* else: all that was written shall be moved on */
	bool done;   /* lock */
	struct thread *thread;
};

/*
 * The lists. Anyone adds at their ends; only the manager takes out and turns, so it may stand on an
 * entry without the lock.
 */
static struct spinlock lock = SPINLOCK_INIT(RANK_CHARDEV, "serials");
static struct list serials = LIST_INIT(serials);
static struct list requests = LIST_INIT(requests);

/* The manager's: */
static struct serial *attached;

/* The entry behind node, or NULL at the list's end. */
static struct list *list_next(const struct list *head, const struct list *node)
{
	struct list *next;

	spin_lock(&lock);
	next = node->next;
	spin_unlock(&lock);
	return next == head ? NULL : next;
}

static struct serial *next_serial(const struct serial *s)
{
	struct list *node = list_next(&serials, s ? &s->node : &serials);

	return node ? list_entry(node, struct serial, node) : NULL;
}

static struct request *next_request(const struct request *r)
{
	struct list *node = list_next(&requests, r ? &r->node : &requests);

	return node ? list_entry(node, struct request, node) : NULL;
}

struct serial *serial_find(const struct vm *vm, u32 port)
{
	struct serial *s = NULL;

	while ((s = next_serial(s)) && (s->vm != vm || s->port != port))
		;
	return s;
}

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

static void guest_has_news(void *ctx)
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
	follow_init(&s->lines, vm->cfg.name, port);
	s->dev->guest_ctx = vm;
	s->dev->guest_notify = guest_has_news;
	s->dev->host_ctx = s;
	s->dev->host_notify = guest_wrote;
	return s;
}

static void serial_free(struct serial *s)
{
	s->dev->host_notify = NULL;
	s->dev->guest_notify = NULL;
	kfree(s);
}

int serial_add(struct vm *vm)
{
	struct serial *made[VM_MAX_SERIALS];
	u32 n;

	for (n = 0; n < vm->cfg.serials; n++) {
		made[n] = serial_make(vm, n);
		if (!made[n])
			goto fail;
	}
	spin_lock(&lock);
	for (u32 i = 0; i < n; i++)
		list_add_tail(&serials, &made[i]->node);
	spin_unlock(&lock);
	return 0;
fail:
	while (n--)
		serial_free(made[n]);
	return -ENOMEM;
}

/* --- from the guest into the scroll-back --- */

static void scrollback_put(struct serial *s, const void *data, size_t n)
{
	size_t at = s->written % RING_SIZE, first = MIN(n, RING_SIZE - at);

	memcpy(s->ring + at, data, first);
	memcpy(s->ring, (const u8 *)data + first, n - first);
	s->written += n;
}

static bool watched(const struct serial *s)
{
	return s == attached || s->follow;
}

/* How much may be taken from the guest now. What has not been shown is not overwritten. */
static size_t appetite(const struct serial *s)
{
	u64 behind = s->written - s->shown;

	if (s->shown < s->replay_end)
		return MIN(PIECE_SIZE, RING_SIZE - behind);
	return behind < SHOWN_BEHIND ? PIECE_SIZE : 0;
}

/* Moves one piece; true: there may be more. */
static bool drain(struct serial *s)
{
	u8 piece[PIECE_SIZE];
	size_t most = appetite(s), n;

	if (!most)
		return false;
	n = chardev_host_read(s->dev, piece, most);
	/* Once more behind it: a byte that came before woke nobody. Pairs with guest_wrote(). */
	if (!n && atomic_xchg(&s->attention, ATTENTION_NONE))
		n = chardev_host_read(s->dev, piece, most);
	if (n)
		atomic_store_relaxed(&s->attention, ATTENTION_SOON);
	scrollback_put(s, piece, n);
	s->counts.from_guest += n;
	if (!watched(s))
		s->shown = s->written;
	return n == most;
}

/* --- from the scroll-back to the console --- */

static void show_lines(struct serial *s, size_t most)
{
	while (s->shown < s->written && follow_collected() < most)
		follow_add(&s->lines, s->ring[s->shown++ % RING_SIZE]);
	follow_flush();
}

static void show_bytes(struct serial *s, size_t most)
{
	size_t at = s->shown % RING_SIZE, n = MIN(s->written - s->shown, RING_SIZE - at);

	n = MIN(n, most);
	console_write_bytes((const char *)s->ring + at, n);
	s->shown += n;
}

/* Has it shown a portion? */
static bool show(struct serial *s)
{
	u32 room = MIN(console_guest_room(), QUANTUM);
	u64 now = clock_ns();

	if (s->shown == s->written)
		return false;
	if (!room) {
		s->counts.held += !s->held_ns;
		s->held_ns = s->held_ns ? s->held_ns : now;
		return false;
	}
	if (s->held_ns)
		s->counts.longest_ns = MAX(s->counts.longest_ns, now - s->held_ns);
	s->held_ns = 0;
	if (s == attached)
		show_bytes(s, room);
	else
		show_lines(s, room);
	return true;
}

/* Who had a turn goes to the list's end: who found no room is the first the next time. */
static bool show_all(void)
{
	struct serial *s = next_serial(NULL), *next;
	u32 ports = 0;
	bool any = false;

	for (struct serial *p = s; p; p = next_serial(p))
		ports++;
	for (; s && ports--; s = next) {
		next = next_serial(s);
		if (!show(s))
			continue;
		any = true;
		spin_lock(&lock);
		list_del(&s->node);
		list_add_tail(&serials, &s->node);
		spin_unlock(&lock);
	}
	return any;
}

/* --- requests of other threads --- */

static void request(struct vm *vm, bool remove)
{
	struct request r = { .vm = vm, .remove = remove, .thread = thread_current() };
	bool done;

	spin_lock(&lock);
	list_add_tail(&requests, &r.node);
	spin_unlock(&lock);
	manager_wake();
	for (;;) {
		spin_lock(&lock);
		done = r.done;
		spin_unlock(&lock);
		if (done)
			break;
		thread_block();
	}
}

/* With the lock, so that the request's thread, and with it the request, stays until we let it go. */
static void request_finish(struct request *r)
{
	spin_lock(&lock);
	list_del(&r->node);
	r->done = true;
	thread_wake(r->thread);
	spin_unlock(&lock);
}

/* Nobody writes to it any more: true when all has been moved on. */
static bool settled(struct serial *s)
{
	if (atomic_load_relaxed(&s->attention) || s->shown != s->written)
		return false;
	follow_finish(&s->lines);
	return true;
}

/* The end of a run: what the guest left unread is not for its next one. */
static void mark(struct serial *s)
{
	const char *line_break =
		s->ring[(s->written + RING_SIZE - 1) % RING_SIZE] == '\n' ? "" : "\r\n";
	char text[sizeof(s->vm->stop_text) + sizeof(s->vm->cfg.name) + 32];
	u8 rest[PIECE_SIZE];
	int n;

	while (chardev_guest_read(s->dev, rest, sizeof(rest)))
		;
	if (s->written == s->marked)
		return;
	n = snprintf(text, sizeof(text), "%s--- domain %s: %s ---\r\n", line_break, s->vm->cfg.name,
		     s->vm->stop_text);
	scrollback_put(s, text, MIN((size_t)n, sizeof(text) - 1));
	s->marked = s->written;
	if (s != attached)
		s->shown = s->written; /* who follows sees the log say it */
}

static bool all_settled(const struct vm *vm)
{
	bool all = true;

	for (struct serial *s = next_serial(NULL); s; s = next_serial(s))
		all &= s->vm != vm || settled(s);
	for (struct serial *s = next_serial(NULL); all && s; s = next_serial(s)) {
		if (s->vm == vm)
			mark(s);
	}
	return all;
}

static void remove_all(const struct vm *vm)
{
	for (struct serial *s = next_serial(NULL), *next; s; s = next) {
		next = next_serial(s);
		if (s->vm != vm)
			continue;
		if (s == attached)
			attached = NULL;
		spin_lock(&lock);
		list_del(&s->node);
		spin_unlock(&lock);
		serial_free(s);
	}
}

static void serve_requests(void)
{
	for (struct request *r = next_request(NULL), *next; r; r = next) {
		next = next_request(r);
		if (r->remove)
			remove_all(r->vm);
		if (r->remove || all_settled(r->vm))
			request_finish(r);
	}
}

void serial_remove(struct vm *vm)
{
	if (manager_is_me())
		remove_all(vm);
	else
		request(vm, true);
}

void serial_sync(struct vm *vm)
{
	request(vm, false);
}

/* --- the manager --- */

static bool drain_all(void)
{
	bool any = false;

	for (struct serial *s = next_serial(NULL); s; s = next_serial(s))
		any |= drain(s);
	return any;
}

bool serial_poll(void)
{
	bool any = drain_all();
	u64 now;

	any |= show_all();
	now = clock_ns();
	for (struct serial *s = next_serial(NULL); s; s = next_serial(s)) {
		/* Not what is unfinished because the rest of it waits for the console. */
		if (s->shown == s->written && now >= follow_deadline(&s->lines))
			follow_finish(&s->lines);
		log_limit_report(&s->vm->log);
	}
	serve_requests();
	return any;
}

u64 serial_deadline(void)
{
	u64 deadline = ~0ULL;

	for (struct serial *s = next_serial(NULL); s; s = next_serial(s)) {
		if (atomic_load_relaxed(&s->attention) || s->shown != s->written)
			deadline = MIN(deadline, clock_ns() + LOOK_NS);
		deadline = MIN(deadline, follow_deadline(&s->lines));
		if (atomic_load_relaxed(&s->vm->log.left_out))
			deadline = MIN(deadline, clock_ns() + LOG_LIMIT_NS);
	}
	return deadline;
}

static void detach(void)
{
	struct serial *s = attached;

	attached = NULL;
	if (!s)
		return;
	/* What it showed by itself need not be followed. */
	s->shown = s->follow ? MAX(s->shown, s->replay_end) : s->written;
	s->replay_end = 0;
}

void serial_attach(struct serial *s)
{
	detach();
	attached = s;
	if (!s)
		return;
	follow_finish(&s->lines);
	s->shown = s->written - MIN(s->written, (u64)SCROLLBACK_SIZE);
	s->replay_end = s->written;
}

struct serial *serial_attached(void)
{
	return attached;
}

size_t serial_input(struct serial *s, const u8 *data, size_t n)
{
	if (!s || s != attached)
		return n;
	if (!domain_active(s->vm)) {
		s->counts.ignored += n;
		return n;
	}
	n = chardev_host_write(s->dev, data, n);
	s->counts.to_guest += n;
	return n;
}

void serial_counts(const struct serial *s, struct serial_counts *c)
{
	*c = s->counts;
}
