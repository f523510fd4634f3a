/*
 * The end of the host. One CPU panics: it stops the others by NMI, then says everything it knows to
 * the console, without a lock, as each step may itself fail. A second panic on the way skips to the
 * end, a third one halts.
 */
#include "core/panic.h"

#include "arch/cet.h"
#include "arch/cpu.h"
#include "arch/lapic.h"
#include "arch/percpu.h"
#include "arch/trap.h"
#include "arch/tsc.h"
#include "core/backtrace.h"
#include "core/clock.h"
#include "core/cmdline.h"
#include "core/console.h"
#include "core/irq.h"
#include "core/log.h"
#include "core/panic_log.h"
#include "core/power.h"
#include "core/sched.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define LINE_MAX       320
#define LOG_TAIL_LINES 24
#define STOP_WAIT_US   200000
#define STOP_STEP_US   100
#define US_PER_S       1000000
#define DUMP_GAP_NS    1000000000ULL
#define NOBODY         (~0U)
/* Bytes of a stopped CPU's backtrace that are kept. */
#define TRACE_MAX      1536
/* What idle threads' names begin with. */
#define IDLE_NAME      "idle/"
/* Seconds that panic=SECONDS may wait. */
#define SECONDS_MAX    86400

enum panic_end { PANIC_HALT, PANIC_REBOOT };

static enum panic_end end_action; /* const after panic_init() */
static u32 end_seconds;           /* const after panic_init() */

static u32 owner = NOBODY; /* the CPU that panics */
static u32 attempts;       /* panics on that CPU */
static u32 stopped;        /* other CPUs that have stopped */

/* Where another CPU was stopped; written by it before it counts itself. */
struct stop {
	bool done;
	u64 rip;
	const struct thread *thread;
	u32 used; /* bytes of trace */
	char trace[TRACE_MAX];
};
static PERCPU struct stop stop;

static void raw(const char *text)
{
	panic_log_add(text, strlen(text));
	console_write_raw(text, strlen(text));
}

static void raw_line(const char *text)
{
	raw(text);
	raw("\n");
}

static __printf(1, 2) void raw_printf(const char *fmt, ...)
{
	char buf[LINE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	raw_line(buf);
}

static void indented(const char *text)
{
	raw("  ");
	raw_line(text);
}

void panic_init(void)
{
	char word[16];
	u64 seconds;

	if (!cmdline_get("panic", word, sizeof(word)) || !strcmp(word, "halt"))
		return;
	if (!strcmp(word, "reboot")) {
		end_action = PANIC_REBOOT;
	} else if (!str_to_u64(word, &seconds) && seconds <= SECONDS_MAX) {
		end_action = PANIC_REBOOT;
		end_seconds = (u32)seconds;
	} else {
		log_warn("panic=%s: not halt, reboot or seconds; halting on panic", word);
	}
}

static __noreturn void halt(void)
{
	for (;;) {
		irq_disable();
		cpu_halt();
	}
}

static __noreturn void finish(void)
{
	if (end_action == PANIC_HALT) {
		raw_line("halted");
		halt();
	}
	raw_printf("resetting in %u seconds", end_seconds);
	for (u32 s = 0; s < end_seconds; s++)
		tsc_delay_us(US_PER_S);
	power_reset();
}

static void trace_line(const char *text)
{
	struct stop *s = this_cpu(stop);
	size_t n = strlen(text);

	if (s->used + n + 1 >= TRACE_MAX)
		return;
	memcpy(s->trace + s->used, text, n);
	s->trace[s->used + n] = '\n';
	s->used += (u32)n + 1;
}

/* Idle, and waiting for an interrupt: its backtrace tells nothing, and there may be many such CPUs. */
static bool is_resting(const struct trap_frame *f)
{
	const struct thread *t = thread_current();

	return f && (f->rflags & RFLAGS_IF) && !irq_active() && t &&
	       !strncmp(t->name, IDLE_NAME, strlen(IDLE_NAME));
}

/*
 * This CPU ends here, because another one panics. Only it can walk its own stack, which may be mapped in no other
 * address space.
 */
static __noreturn void stop_here(const struct trap_frame *f, u64 rip)
{
	struct stop *s = this_cpu(stop);

	if (!s->done) {
		s->rip = rip;
		s->thread = thread_current();
		if (!is_resting(f))
			backtrace(f, (u64)__builtin_frame_address(0), trace_line);
		s->done = true;
		/* Its release pairs with the acquire in stop_others(). */
		atomic_fetch_add(&stopped, 1);
	}
	halt();
}

static void stop_others(void)
{
	/* A CPU that is not counted yet may panic, too. */
	u32 others = cpu_count() - (cpu_id() < cpu_count());

	if (!others)
		return;
	lapic_nmi_others();
	/* Pairs with stop_here(). */
	for (u32 us = 0; us < STOP_WAIT_US && atomic_load_acquire(&stopped) < others;
	     us += STOP_STEP_US)
		tsc_delay_us(STOP_STEP_US);
}

static const char *name_of(const struct thread *t)
{
	return t ? t->name : "start-up";
}

static void print_trace(const struct stop *s)
{
	u32 at = 0;

	for (u32 i = 0; i < s->used; i++) {
		if (s->trace[i] != '\n')
			continue;
		raw_printf("  %.*s", (int)(i - at), s->trace + at);
		at = i + 1;
	}
}

static void print_others(void)
{
	for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
		const struct stop *s = other_cpu(stop, cpu);
		char text[ADDRESS_TEXT_MAX];

		if (cpu == cpu_id())
			continue;
		if (!READ_ONCE(s->done)) {
			raw_printf("cpu %u does not answer", cpu);
			continue;
		}
		address_text(s->rip, text);
		raw_printf("cpu %u stopped in %s at %s", cpu, name_of(s->thread), text);
		print_trace(s);
	}
}

static void print_registers(const struct trap_frame *f)
{
#define U(x) ((unsigned long long)(x))
	raw_printf("rip %016llx rsp %016llx rflags %08llx cs %llx ss %llx", U(f->rip), U(f->rsp),
		   U(f->rflags), U(f->cs), U(f->ss));
	raw_printf("rax %016llx rbx %016llx rcx %016llx rdx %016llx", U(f->rax), U(f->rbx),
		   U(f->rcx), U(f->rdx));
	raw_printf("rsi %016llx rdi %016llx rbp %016llx r8  %016llx", U(f->rsi), U(f->rdi),
		   U(f->rbp), U(f->r8));
	raw_printf("r9  %016llx r10 %016llx r11 %016llx r12 %016llx", U(f->r9), U(f->r10),
		   U(f->r11), U(f->r12));
	raw_printf("r13 %016llx r14 %016llx r15 %016llx", U(f->r13), U(f->r14), U(f->r15));
#undef U
}

struct tail {
	u32 lines, skip;
};

static void tail_count(void *ctx, const char *line)
{
	(void)line;
	((struct tail *)ctx)->lines++;
}

static void tail_print(void *ctx, const char *line)
{
	struct tail *t = ctx;

	if (t->skip)
		t->skip--;
	else
		indented(line);
}

static void print_log(void)
{
	struct tail t = { 0, 0 };

	log_replay(tail_count, &t);
	if (t.lines > LOG_TAIL_LINES)
		t.skip = t.lines - LOG_TAIL_LINES;
	raw_line("log:");
	log_replay(tail_print, &t);
	raw_line("end of log");
}

/* Makes this CPU the one that panics: true. False: it was already, so this panic came on the way. */
static bool claim(const struct trap_frame *f, u64 rip)
{
	u32 nobody = NOBODY;

	if (atomic_cas(&owner, &nobody, cpu_id()))
		return true;
	if (nobody != cpu_id())
		stop_here(f, rip);
	if (attempts++)
		halt();
	return false;
}

/* Not inlined: the backtrace begins at its caller. */
static __noinline void report(struct trap_frame *f, const char *fmt, va_list ap)
{
	/* Not on the stack, of which little may be left. */
	static char message[LINE_MAX];
	u64 cr2 = read_cr2(), cr3 = read_cr3();
	bool first;

	irq_disable();
	first = claim(f, f ? f->rip : (u64)__builtin_return_address(0));
	if (first)
		stop_others();
	vsnprintf(message, sizeof(message), fmt, ap);
	raw_printf("\nPANIC: %s%s", first ? "" : "again: ", message);
	if (!first)
		return;
	raw_printf("cpu %u, thread %s, cr2 %016llx cr3 %016llx", cpu_id(),
		   name_of(thread_current()), (unsigned long long)cr2, (unsigned long long)cr3);
	if (f)
		print_registers(f);
	raw_line("backtrace:");
	backtrace(f, (u64)__builtin_frame_address(0), indented);
	print_others();
	print_log();
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(NULL, fmt, ap);
	va_end(ap);
	finish();
}

void panic_frame(struct trap_frame *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(f, fmt, ap);
	va_end(ap);
	finish();
}

void panic_trap(struct trap_frame *f)
{
	static const char *const names[] = {
		[TRAP_DE] = "divide error",
		[TRAP_DB] = "debug exception",
		[TRAP_NMI] = "non-maskable interrupt",
		[TRAP_BP] = "breakpoint",
		[TRAP_UD] = "invalid opcode",
		[TRAP_NM] = "FPU or vector instruction",
		[TRAP_DF] = "double fault",
		[TRAP_TS] = "invalid TSS",
		[TRAP_NP] = "segment not present",
		[TRAP_SS] = "stack fault",
		[TRAP_GP] = "general protection fault",
		[TRAP_PF] = "page fault",
		[TRAP_AC] = "alignment check",
		[TRAP_MC] = "machine check",
		[TRAP_CP] = "control protection fault",
	};
	const char *name = f->vector < ARRAY_LEN(names) ? names[f->vector] : NULL;
	u64 address = f->vector == TRAP_PF ? read_cr2() : f->rip;

	if (f->vector == TRAP_CP && f->error == CP_ENDBRANCH)
		name = "indirect branch to a place without ENDBR64";
	if (f->vector == TRAP_CP && (f->error == CP_NEAR_RET || f->error == CP_FAR_RET))
		name = "return to a place that the shadow stack does not have";
	panic_frame(f, "%s (exception %llu, error 0x%llx) %s 0x%llx", name ? name : "exception",
		    (unsigned long long)f->vector, (unsigned long long)f->error,
		    f->vector == TRAP_PF ? "on access to" : "at", (unsigned long long)address);
}

void panic_nmi(struct trap_frame *f)
{
	static u64 last_ns; /* of the last dump */
	u64 now = clock_ns(), last = atomic_load_relaxed(&last_ns);
	char text[ADDRESS_TEXT_MAX];

	if (atomic_load_relaxed(&owner) != NOBODY && atomic_load_relaxed(&owner) != cpu_id())
		stop_here(f, f->rip);
	if (cmdline_is("nmi", "panic"))
		panic_frame(f, "non-maskable interrupt");
	address_text(f->rip, text);
	log_warn("nmi: this CPU was in %s at %s", name_of(thread_current()), text);
	/* One dump, when several CPUs get it; nothing depends on the order. */
	if ((!last || now - last > DUMP_GAP_NS) && atomic_cas(&last_ns, &last, now))
		sched_dump();
}
