/*
 * top: what domains do, drawn anew each second on a screen of 80 by 24.
 */
#include "core/clock.h"
#include "core/host.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mgmt/cmd.h"
#include "mgmt/domains.h"
#include "mgmt/lineedit.h"
#include "mgmt/version.h"
#include "mm/heap.h"
#include "vm/memory.h"
#include "vm/vm.h"

#define PERIOD_NS 1000000000ULL
#define ROWS_MAX  18u /* domains on a screen */
#define ROW_SIZE  128u
#define NS_PER_US 1000u
#define US_PER_S  1000000u

#define SCREEN_START "\x1b[H"
#define SCREEN_CLEAR "\x1b[H\x1b[2J"
#define ROW_END      "\x1b[K\n"
#define SCREEN_END   "\x1b[J"

/* A domain at the last look. */
struct seen {
	bool used;
	bool now; /* it is still there */
	u64 number, cpu_ns, waited_ns, exits;
};

/* A domain on the screen. */
struct row {
	u64 load;   /* permille of one CPU */
	u64 stolen; /* the same, that it would have run */
	bool active;
	char text[ROW_SIZE];
};

struct top {
	const struct session *session;
	u64 last_ns, passed_ns; /* of the last look, and since the one before */
	u32 total, active, count;
	struct seen seen[DOMAINS_MAX];
	struct row rows[ROWS_MAX];
};

static struct seen *find_seen(struct top *t, const struct vm *vm)
{
	struct seen *free = NULL;

	for (u32 i = 0; i < DOMAINS_MAX; i++) {
		if (t->seen[i].used && t->seen[i].number == vm->number)
			return &t->seen[i];
		if (!t->seen[i].used)
			free = &t->seen[i];
	}
	return free;
}

/* How much of now came since then; counters begin anew when a domain starts again. */
static u64 since(u64 now, u64 then)
{
	return now >= then ? now - then : now;
}

static void format_row(struct row *r, const struct vm *vm, u64 exits_per_s, u64 cpu_ns)
{
	u64 tenths = cpu_ns / NS_PER_TENTH;
	char id[12] = "-";

	if (r->active)
		snprintf(id, sizeof(id), "%u", vm->id);
	snprintf(r->text, sizeof(r->text),
		 " %-4s %-18.18s %-9s %4llu.%llu %4llu.%llu %9llu %7llu %8llu.%llu", id,
		 vm->cfg.name, vm_state_name(vm->state), (unsigned long long)(r->load / 10),
		 (unsigned long long)(r->load % 10), (unsigned long long)(r->stolen / 10),
		 (unsigned long long)(r->stolen % 10), (unsigned long long)exits_per_s,
		 (unsigned long long)(r->active ? vm->cfg.memory / MIB : 0),
		 (unsigned long long)(tenths / 10), (unsigned long long)(tenths % 10));
}

static bool is_before(const struct row *a, const struct row *b)
{
	return a->load > b->load || (a->load == b->load && a->active && !b->active);
}

/* Keeps the rows with the greatest loads in order; of equals the one that came first. */
static void add_row(struct top *t, const struct row *r)
{
	u32 at = t->count;

	while (at && is_before(r, &t->rows[at - 1]))
		at--;
	if (at == ROWS_MAX)
		return;
	if (t->count < ROWS_MAX)
		t->count++;
	memmove(&t->rows[at + 1], &t->rows[at], (t->count - at - 1) * sizeof(*r));
	t->rows[at] = *r;
}

static int look_at(struct vm *vm, void *ctx)
{
	struct top *t = ctx;
	struct seen *s = find_seen(t, vm);
	u64 waited_ns, cpu_ns = domain_cpu_times(vm, &waited_ns), exits = domain_exits(vm);
	struct row r = { .active = domain_active(vm) };
	u64 rate = 0;

	t->total++;
	t->active += r.active;
	if (s && s->used && t->passed_ns) {
		u64 us = MAX(t->passed_ns / NS_PER_US, 1u);

		r.load = since(cpu_ns, s->cpu_ns) / us; /* ns in a us: permille */
		r.stolen = since(waited_ns, s->waited_ns) / us;
		rate = since(exits, s->exits) * US_PER_S / us;
	}
	if (s)
		*s = (struct seen){ true, true, vm->number, cpu_ns, waited_ns, exits };
	format_row(&r, vm, rate, cpu_ns);
	add_row(t, &r);
	return 0;
}

static void look(struct top *t)
{
	u64 now = clock_ns();

	t->passed_ns = t->last_ns ? now - t->last_ns : 0;
	t->last_ns = now;
	t->total = t->active = t->count = 0;
	for (u32 i = 0; i < DOMAINS_MAX; i++)
		t->seen[i].now = false;
	(void)domains_each(look_at, t);
	for (u32 i = 0; i < DOMAINS_MAX; i++)
		t->seen[i].used &= t->seen[i].now;
}

static void draw(const struct top *t)
{
	const struct session *s = t->session;
	u64 seconds = t->last_ns / NS_PER_SECOND;
	struct memory_report m;

	memory_report(&m);
	say(s, SCREEN_START "Plinth %s, up %llu s, %u CPUs; %u domains, %u active" ROW_END,
	    PLINTH_VERSION, (unsigned long long)seconds, host.cpu_count, t->total, t->active);
	say(s, "Memory: %llu MiB, %llu MiB of guests, %llu MiB free" ROW_END ROW_END,
	    (unsigned long long)(m.total / MIB), (unsigned long long)(m.vms / MIB),
	    (unsigned long long)(m.free / MIB));
	say(s, " %-4s %-18s %-9s %6s %6s %9s %7s %10s" ROW_END, "Id", "Name", "State", "CPU %",
	    "Wait %", "Exits/s", "MiB", "CPU time");
	for (u32 i = 0; i < t->count; i++)
		say(s, "%s" ROW_END, t->rows[i].text);
	if (t->total > t->count)
		say(s, "      and %u more" ROW_END, t->total - t->count);
	say(s, SCREEN_END);
}

int cmd_top(struct call *c)
{
	struct top *t = kalloc(sizeof(*t));
	int key = -1;

	if (!t)
		return say_error(c->session, "no memory");
	t->session = c->session;
	say(c->session, SCREEN_CLEAR);
	while (key != 'q' && key != KEY_CTRL_C) {
		u64 next;

		look(t);
		draw(t);
		next = t->last_ns + PERIOD_NS;
		do {
			u64 now = clock_ns();

			key = now < next ? c->session->ops->key(c->session->ctx, next - now) : -1;
		} while (key >= 0 && key != 'q' && key != KEY_CTRL_C);
	}
	say(c->session, "\n");
	kfree(t);
	return 0;
}
