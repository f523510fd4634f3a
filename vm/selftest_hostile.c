/*
 * Self-test: guests that try to break out or to bring the host down (tests/guest/hostile_*.asm; docs/containment.md
 * has the table for people). Each ends in the way that its row says. Beside all of them runs a neighbour
 * that sums up its memory: it must find that whole and get its fair share of the time, compared with a
 * quiet run; and when a guest has ended, the host has all memory back. hostile=NAME[,NAME...] runs those rows alone
 * whose names begin so.
 */
#include "core/clock.h"
#include "core/cmdline.h"
#include "core/log.h"
#include "core/runq.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/page.h"
#include "vm/hvm.h"
#include "vm/selftest_flat.h"
#include "vm/vm.h"

#define GUEST_MEMORY     (4 * MIB)            /* RAM_END in tests/guest/hostile.inc */
#define NEIGHBOUR_MEMORY (6 * MIB)            /* AREA_END in tests/guest/hostile_neighbour.asm */
#define NEIGHBOUR_SLICES 128                  /* of it, for each of which a letter comes */
#define WINDOW_NS        (12 * RUNQ_SLICE_NS) /* how long what does not end is watched */
#define STEP_NS          2000000ull
#define SETTLE_STEPS     100 /* till threads that have ended are freed */
/*
 * In percent: of two that want the CPU all the time each gets half, however many vCPUs it has, less what
 * switching costs. While a guest is made and unmade, the thread that does it wants a part, too.
 */
#define SHARE_OF_TWO     45
#define SHARE_OF_THREE   30

enum outcome {
	OFF = BIT(0),     /* it came through, found all as it should be and switched itself off */
	TRIPLE = BIT(1),  /* a triple fault */
	STOPPED = BIT(2), /* what it did is not emulated: its VM was stopped, for a reason */
	REFUSED = BIT(3), /* the CPU refused its state at entry */
	RUNS = BIT(4),    /* it goes on until it is destroyed */
};

struct row {
	const char *name;  /* tests/guest/hostile_NAME.asm */
	u8 vmx, svm;       /* enum outcome: which may be, on each maker's CPUs */
	const char *words; /* that the reason must have where it was stopped; NULL: any */
};

#define BOTH(outcomes) (outcomes), (outcomes)

static const struct row rows[] = {
	{ "triple", BOTH(TRIPLE), NULL },
	{ "no_idt", BOTH(TRIPLE), NULL },
	{ "no_stack", BOTH(TRIPLE), NULL },
	{ "idt_unmapped", BOTH(TRIPLE), NULL },
	{ "ac_loop", BOTH(RUNS), NULL },
	{ "db_loop", BOTH(RUNS), NULL },
	{ "refault", BOTH(OFF), NULL },
	{ "entry", BOTH(OFF), NULL },
	{ "entry32", BOTH(OFF), NULL },
	{ "rip_edge", BOTH(OFF), NULL },
	/* One emulator refuses the next entry instead. */
	{ "cr3_junk", OFF, OFF | REFUSED, NULL },
	{ "hypercall", BOTH(OFF), NULL },
	{ "insn", BOTH(OFF), NULL },
	{ "step", BOTH(OFF), NULL },
	{ "prefixes", BOTH(OFF), NULL },
	{ "ports", BOTH(OFF), NULL },
	{ "msr", BOTH(OFF), NULL },
	{ "pv_areas", BOTH(OFF), NULL },
	{ "cpuid", BOTH(OFF), NULL },
	{ "cr", BOTH(OFF), NULL },
	{ "xcr0", BOTH(OFF), NULL },
	{ "debug", BOTH(OFF), NULL },
	{ "lapic", BOTH(OFF), NULL },
	{ "ioapic", BOTH(OFF), NULL },
	{ "pic", BOTH(OFF), NULL },
	{ "pit", BOTH(OFF), NULL },
	{ "rtc", BOTH(OFF), NULL },
	{ "uart", BOTH(OFF), NULL },
	{ "straddle", BOTH(OFF), NULL },
	{ "string_device", BOTH(OFF), NULL },
	{ "string_border", BOTH(OFF), NULL },
	{ "gpa_high", BOTH(OFF), NULL },
	{ "smc", BOTH(OFF), NULL },
	{ "code_device", BOTH(STOPPED), "code at 0xfee00000" },
	{ "code_nowhere", BOTH(STOPPED), "code at 0xd0000000" },
	{ "code_straddle", BOTH(STOPPED), "code at 0x400000" },
	{ "code_at_border", BOTH(STOPPED), "code at 0x400000" },
	{ "tables_device", BOTH(STOPPED), "page tables at 0xfec00000" },
	{ "tables_nowhere", BOTH(STOPPED), "page tables at 0xd0000000" },
	{ "idt_device", BOTH(STOPPED), "delivered through 0xfee00" },
	{ "idt_beyond", BOTH(STOPPED), "delivered through 0x400060" },
	{ "gdt_device", BOTH(STOPPED), "scope" },
	{ "gdt_beyond", BOTH(STOPPED), "delivered through 0x4000" },
	{ "ldt_beyond", BOTH(STOPPED), "scope" },
	{ "tss_beyond", BOTH(STOPPED), "delivered through 0x4000" },
	{ "stack_device", BOTH(STOPPED), "delivered through 0xfee00" },
	{ "sse_device", BOTH(STOPPED), "f3 0f 6f" },
	/* One emulator does not intercept them, but switches tasks. */
	{ "task_jump", STOPPED, STOPPED | OFF, "task switch" },
	{ "task_gate", STOPPED, STOPPED | OFF, "task switch" },
	{ "task_return", STOPPED, STOPPED | TRIPLE, "task switch" },
	{ "wipe", BOTH(TRIPLE), NULL },
	{ "wipe_junk", BOTH(TRIPLE | STOPPED | REFUSED | RUNS), NULL },
	{ "halted", BOTH(RUNS), NULL },
	{ "rep_ports", BOTH(RUNS), NULL },
	{ "timers", BOTH(RUNS), NULL },
	{ "ipis", BOTH(RUNS), NULL },
	{ "nmis", BOTH(RUNS), NULL },
	{ "level", BOTH(RUNS), NULL },
	{ "deadlines", BOTH(RUNS), NULL },
	{ "output", BOTH(RUNS), NULL },
	{ "dear", BOTH(RUNS), NULL },
	{ "smp_one", BOTH(RUNS), NULL },
	{ "smp_all", BOTH(RUNS), NULL },
	{ "smp_starts", BOTH(RUNS), NULL },
	{ "smp_nmis", BOTH(RUNS), NULL },
	{ "smp_junk", BOTH(RUNS), NULL },
	{ "smp_nobody", BOTH(OFF), NULL },
	{ "smp_level", BOTH(RUNS), NULL },
	{ "smp_deaf", BOTH(RUNS), NULL },
	{ "smp_modes", BOTH(RUNS), NULL },
	{ "smp_wakes", BOTH(RUNS), NULL },
	{ "smp_timers", BOTH(RUNS), NULL },
	{ "smp_race", BOTH(RUNS), NULL },
	{ "smp_pv_kicks", BOTH(RUNS), NULL },
	{ "smp_pv_yields", BOTH(RUNS), NULL },
	{ "smp_pv_ipis", BOTH(RUNS), NULL },
	{ "smp_pv_junk", BOTH(RUNS), NULL },
	{ "smp_triple", BOTH(TRIPLE), NULL },
	{ "smp_off", BOTH(OFF), NULL },
};

struct neighbour {
	struct vm *vm;
	u64 slices; /* that it has summed up */
	char wrong; /* the first letter that is not a dot */
	u64 quiet;  /* slices in a second, while it is alone */
};
static struct neighbour neighbour;
static char said[256]; /* by the guest */

/* What the neighbour has written since the last time. */
static void listen(void)
{
	char got[256];
	size_t n;

	while ((n = chardev_host_read(&neighbour.vm->serial[0], got, sizeof(got))) > 0) {
		for (size_t i = 0; i < n; i++) {
			if (got[i] != '.' && !neighbour.wrong)
				neighbour.wrong = got[i];
		}
		neighbour.slices += n;
	}
}

static void wait_step(void)
{
	thread_block_until(clock_ns() + STEP_NS);
	listen();
}

static struct vm *guest(const char *name, const char *image, u64 memory, u32 vcpus)
{
	struct vm *vm = flat_vm_smp(name, image, vcpus);

	if (vm)
		vm->cfg.memory = memory;
	return vm;
}

static int neighbour_start(void)
{
	u64 start, first;

	neighbour = (struct neighbour){ 0 };
	/* The second vCPU is never started: that it has one costs it nothing. */
	neighbour.vm = guest("neighbour", "hostile_neighbour.bin", NEIGHBOUR_MEMORY, 2);
	SELFTEST_CHECK(neighbour.vm && !vm_start(neighbour.vm) && !flat_running(neighbour.vm));
	for (u32 i = 0; i < SETTLE_STEPS && !neighbour.slices; i++)
		wait_step();
	start = clock_ns();
	first = neighbour.slices;
	while (clock_ns() - start < WINDOW_NS)
		wait_step();
	neighbour.quiet = (neighbour.slices - first) * 1000000000 / (clock_ns() - start);
	log_info("hostile: quiet run: %llu slices in a second",
		 (unsigned long long)neighbour.quiet);
	if (neighbour.wrong || neighbour.slices - first < NEIGHBOUR_SLICES)
		return selftest_fail("the neighbour does not get on alone: '%c', %llu slices",
				     neighbour.wrong ? neighbour.wrong : '.',
				     (unsigned long long)(neighbour.slices - first));
	return 0;
}

static bool ended(const struct vm *vm)
{
	u8 state = atomic_load_acquire(&vm->state); /* pairs with set_state() in vm.c */

	return state == VM_STOPPED || state == VM_CRASHED;
}

static enum outcome outcome(const struct vm *vm)
{
	switch ((enum stop_reason)vm->stop_reason) {
	case STOP_NONE:
		return RUNS;
	case STOP_POWEROFF:
		return OFF;
	case STOP_TRIPLE_FAULT:
		return TRIPLE;
	case STOP_BAD_STATE:
		return REFUSED;
	default:
		return STOPPED;
	}
}

static const char *outcome_name(enum outcome o)
{
	switch (o) {
	case OFF:
		return "came through";
	case TRIPLE:
		return "triple fault";
	case STOPPED:
		return "stopped";
	case REFUSED:
		return "refused";
	case RUNS:
		return "destroyed";
	}
	return "?";
}

static bool has_words(const char *text, const char *words)
{
	size_t n = strlen(words);

	for (; *text; text++) {
		if (!strncmp(text, words, n))
			return true;
	}
	return false;
}

/* Bytes that are taken, but for what comes and goes: threads' stacks. */
static u64 memory_taken(void)
{
	struct page_stats s;

	page_stats(&s);
	return s.hv_used + s.vm;
}

static s64 pages_missing(u64 before)
{
	for (u32 i = 0; i < SETTLE_STEPS && memory_taken() != before; i++)
		wait_step();
	return ((s64)memory_taken() - (s64)before) / (s64)PAGE_SIZE;
}

/* What the guest writes is read all the time, as a console would; its last words are kept. */
static void hear(struct vm *vm)
{
	const size_t room = sizeof(said) - 1;
	char got[sizeof(said) / 2];
	size_t n, len = strlen(said);

	while ((n = chardev_host_read(&vm->serial[0], got, sizeof(got))) > 0) {
		size_t drop = len + n > room ? len + n - room : 0;

		memmove(said, said + drop, len - drop);
		len -= drop;
		for (size_t i = 0; i < n; i++)
			said[len++] = got[i] ? got[i] : '?';
		said[len] = 0;
	}
}

/* What the neighbour did meanwhile. */
struct span {
	u64 start_ns, first; /* slices */
	u64 ns, slices;
};

static void span_begin(struct span *s)
{
	listen();
	s->start_ns = clock_ns();
	s->first = neighbour.slices;
}

static void span_end(struct span *s)
{
	listen();
	s->ns = clock_ns() - s->start_ns;
	s->slices = neighbour.slices - s->first;
}

/* In percent of what it does in that time when it is alone. */
static u64 percent(const struct span *s)
{
	u64 quiet = neighbour.quiet * (s->ns / 1000);

	return quiet ? s->slices * 100000000 / quiet : 100;
}

/* Whether it had at least that share of the time, give or take the slice that is under way. */
static bool had_share(const struct span *s, u64 share)
{
	u64 due = s->ns * share / 100;

	due = due > RUNQ_SLICE_NS ? due - RUNQ_SLICE_NS : 0;
	return s->slices * 1000000000 >= neighbour.quiet * due;
}

/* Lets it run: till it ends, or as long as it is watched. *s is while it ran. */
static int watch(struct vm *vm, u64 ns, struct span *s)
{
	said[0] = 0;
	SELFTEST_CHECK(!vm_start(vm));
	while (vm->state == VM_STARTING)
		wait_step();
	span_begin(s);
	while (!ended(vm) && clock_ns() - s->start_ns < ns) {
		hear(vm);
		wait_step();
	}
	span_end(s);
	hear(vm);
	return 0;
}

/* Says what is wrong, and that the row failed; the other rows are still to come. */
static __printf(2, 3) int fail(const struct row *r, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_error("hostile: %s: FAIL %s", r->name, text);
	return -1;
}

static int judge(const struct row *r, u8 expected, enum outcome got, const char *reason)
{
	if (!(got & expected))
		return fail(r, "%s (%s) '%s'", outcome_name(got), reason, said);
	if (got == STOPPED && r->words && !has_words(reason, r->words))
		return fail(r, "'%s' lacks '%s'", reason, r->words);
	if (got == OFF && !has_words(said, "ok\n"))
		return fail(r, "it says '%s'", said);
	return 0;
}

static int judge_neighbour(const struct row *r, const struct span *ran, const struct span *whole)
{
	if (neighbour.wrong || ended(neighbour.vm))
		return fail(r, "the neighbour says '%c' (%s)",
			    neighbour.wrong ? neighbour.wrong : '.', neighbour.vm->stop_text);
	if (!had_share(ran, SHARE_OF_TWO) || !had_share(whole, SHARE_OF_THREE))
		return fail(r, "the neighbour got %llu %% of a quiet run, %llu %% in the end",
			    (unsigned long long)percent(ran), (unsigned long long)percent(whole));
	return 0;
}

/* Those of several vCPUs have names that say so. */
static u32 vcpus_of(const struct row *r)
{
	return strncmp(r->name, "smp_", 4) ? 1 : 4;
}

static int run(const struct row *r)
{
	u8 expected = strcmp(hvm->name, "VT-x") ? r->svm : r->vmx;
	char image[48], reason[sizeof(neighbour.vm->stop_text)];
	u64 before = memory_taken();
	struct span ran = { 0 }, whole;
	enum outcome got;
	struct vm *vm;
	s64 missing;
	int err;

	snprintf(image, sizeof(image), "hostile_%s.bin", r->name);
	span_begin(&whole);
	vm = guest("hostile", image, GUEST_MEMORY, vcpus_of(r));
	SELFTEST_CHECK(vm);
	if (watch(vm, expected & RUNS ? WINDOW_NS : SELFTEST_PATIENCE_NS, &ran))
		return -1;
	got = outcome(vm);
	memcpy(reason, vm->stop_text, sizeof(reason));
	SELFTEST_CHECK(!flat_end(vm));
	span_end(&whole);
	missing = pages_missing(before);
	log_info("hostile: %s: %s%s%s; neighbour %llu %%, memory %s; pages %s; %llu ms", r->name,
		 outcome_name(got), reason[0] ? ": " : "", reason,
		 (unsigned long long)percent(&ran), neighbour.wrong ? "WRONG" : "ok",
		 missing ? "MISSING" : "as before", (unsigned long long)ran.ns / 1000000);
	err = judge(r, expected, got, reason);
	if (judge_neighbour(r, &ran, &whole))
		err = -1;
	if (missing)
		err = fail(r, "%lld pages are missing", (long long)missing);
	return err;
}

/* Whether the command line asks for that row, by a word that its name begins with, or for none. */
static bool wanted(const char *name)
{
	static char words[256];

	if (!cmdline_get("hostile", words, sizeof(words)))
		return true;
	for (const char *w = words; *w;) {
		const char *comma = strchr(w, ',');
		size_t len = comma ? (size_t)(comma - w) : strlen(w);

		if (len && !strncmp(w, name, len))
			return true;
		w += comma ? len + 1 : len;
	}
	return false;
}

/* All of its memory once more: what the last guests did shows, too. */
static int one_more_pass(void)
{
	u64 first = neighbour.slices;

	for (u32 i = 0; i < SETTLE_STEPS && neighbour.slices - first < 2 * NEIGHBOUR_SLICES; i++)
		wait_step();
	if (neighbour.wrong || neighbour.slices - first < 2 * NEIGHBOUR_SLICES)
		return selftest_fail("in the end the neighbour says '%c', %llu slices",
				     neighbour.wrong ? neighbour.wrong : '.',
				     (unsigned long long)(neighbour.slices - first));
	return 0;
}

static int test_hostile(void)
{
	u32 ok = 0, failed = 0;

	if (neighbour_start())
		return -1;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		if (!wanted(rows[i].name))
			continue;
		if (run(&rows[i]))
			failed++;
		else
			ok++;
	}
	if (one_more_pass())
		return -1;
	SELFTEST_CHECK(!flat_end(neighbour.vm));
	log_info("hostile: %u rows ok, %u failed", ok, failed);
	if (failed || !ok)
		return selftest_fail("%u rows", failed);
	return 0;
}
SELFTEST(hostile, "hostile", test_hostile);
