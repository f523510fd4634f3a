/*
 * trace: events of vCPUs as decoded text, or all that the rings hold, as lines for tools/trace.
 */
#include "core/clock.h"
#include "lib/crc32.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mgmt/cmd.h"
#include "mgmt/session.h"
#include "mm/heap.h"
#include "vm/exitstat.h"
#include "vm/hvm.h"
#include "vm/trace.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define POLL_NS   20000000ULL /* between looks at the rings */
#define NS_PER_US 1000u
#define TEXT_SIZE 96u
#define LINE_SIZE 192u

enum { TRACE_DOMAIN, TRACE_EVENTS, TRACE_VCPU, TRACE_COUNT, TRACE_STARTS, TRACE_STOPS, TRACE_DUMP };

const struct arg_spec cmd_trace_args[] = {
	{ .name = "domain",
	  .type = ARG_DOMAIN,
	  .offer = OFFER_ALL,
	  .help = "domain name, id or uuid; needed but for --dump" },
	{ .name = "events",
	  .type = ARG_CHOICE,
	  .how = ARG_MANY,
	  .choices = trace_kind_names,
	  .help = "these kinds of events alone" },
	{ .name = "vcpu", .type = ARG_NUMBER, .help = "this vCPU alone" },
	{ .name = "count", .type = ARG_NUMBER, .help = "so many events, then no more" },
	FLAG_ARG("start", "trace, but show nothing"),
	FLAG_ARG("stop", "trace no longer"),
	FLAG_ARG("dump", "print what was traced, for tools/trace"),
	{ .name = NULL },
};

/* --- text ---------------------------------------------------------------------------------------- */

static void format_exit(const struct trace_record *r, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%s at %#llx",
			 r->sub < EXIT_KINDS ? exit_kind_name(r->sub) : "?",
			 (unsigned long long)r->a);

	buf += n;
	size -= (size_t)n;
	switch (r->sub) {
	case EXIT_PORT:
		snprintf(buf, size, ", %s %#llx, size %llu", r->b >> 24 & 1 ? "OUT" : "IN",
			 (unsigned long long)(r->b & 0xffff),
			 (unsigned long long)(r->b >> 16 & 0xff));
		break;
	case EXIT_MSR:
		snprintf(buf, size, ", %s %#llx", r->b >> 32 ? "WRMSR" : "RDMSR",
			 (unsigned long long)(u32)r->b);
		break;
	case EXIT_CR:
		snprintf(buf, size, ", %s CR%llu", r->b >> 8 ? "to" : "from",
			 (unsigned long long)(r->b & 0xff));
		break;
	case EXIT_S2:
		snprintf(buf, size, ", address %#llx", (unsigned long long)r->b);
		break;
	case EXIT_EXCEPTION:
	case EXIT_EOI:
		snprintf(buf, size, ", vector %llu", (unsigned long long)r->b);
		break;
	case EXIT_APIC_WRITE:
		snprintf(buf, size, ", register %#llx", (unsigned long long)r->b);
		break;
	}
}

static const char *event_name(u64 kind)
{
	static const char *const names[] = {
		[EVENT_INTR] = "interrupt",        [EVENT_NMI] = "NMI",
		[EVENT_EXCEPTION] = "exception",   [EVENT_SOFT_INT] = "INT n",
		[EVENT_SOFT_EXC] = "INT3 or INTO",
	};

	return kind < ARRAY_LEN(names) && names[kind] ? names[kind] : "?";
}

static void format_fault(const struct trace_record *r, char *buf, size_t size)
{
	snprintf(buf, size, "%s of %#llx%s%s",
		 r->b & TRACE_WRITE ? "write" :
		 r->b & TRACE_FETCH ? "fetch" :
				      "read",
		 (unsigned long long)r->a, r->b & TRACE_WALK ? ", a page table" : "",
		 r->b & TRACE_DELIVERY ? ", delivering an event" : "");
}

/* What there is to say beside the kind. */
static void format_event(const struct trace_record *r, char *buf, size_t size)
{
	buf[0] = '\0';
	switch (r->kind) {
	case TRACE_EXIT:
		format_exit(r, buf, size);
		break;
	case TRACE_INJECT:
		snprintf(buf, size, "%s, vector %u", event_name(r->a), r->sub);
		break;
	case TRACE_POST:
	case TRACE_SIPI:
		snprintf(buf, size, "vector %u", r->sub);
		break;
	case TRACE_KICK:
	case TRACE_WAKE:
		snprintf(buf, size, "requests %#llx", (unsigned long long)r->a);
		break;
	case TRACE_TIMER:
		snprintf(buf, size, "%s", r->sub ? "of devices" : "its own");
		break;
	case TRACE_FAULT:
		format_fault(r, buf, size);
		break;
	}
}

/* What a command that shows events knows. */
struct show {
	const struct session *s;
	const struct vm *vm;
	u32 vcpu, kinds;
	u64 begin, left; /* the TSC of the first event; how many more */
	struct trace_reader reader;
};

static void show_record(struct show *w, const struct trace_record *r, u32 cpu)
{
	char text[TEXT_SIZE];
	u64 ns;

	/* The rings have what others are traced for, too. */
	if (r->vm != (u32)w->vm->number || !(w->kinds & 1u << r->kind) ||
	    (w->vcpu != TRACE_EVERY && w->vcpu != r->vcpu))
		return;
	w->begin = w->begin ? w->begin : r->tsc;
	ns = r->tsc > w->begin ? clock_tsc_to_ns(r->tsc - w->begin) : 0;
	format_event(r, text, sizeof(text));
	say(w->s, "%9llu.%03llu us  CPU %u  vCPU %u  %-6s %s\n",
	    (unsigned long long)(ns / NS_PER_US), (unsigned long long)(ns % NS_PER_US), cpu,
	    r->vcpu, trace_kind_names[r->kind], text);
	w->left--;
}

static void show_until(struct show *w)
{
	struct trace_record r;
	u64 lost = 0;
	u32 cpu;
	int key = -1;

	while (w->left && key < 0) {
		key = w->s->ops->key(w->s->ctx, POLL_NS);
		while (w->left && trace_read(&w->reader, &r, &cpu))
			show_record(w, &r, cpu);
		if (trace_lost(&w->reader) != lost) {
			say(w->s, "(%llu events lost)\n",
			    (unsigned long long)(trace_lost(&w->reader) - lost));
			lost = trace_lost(&w->reader);
		}
	}
	say(w->s, "\n");
}

/* --- lines for tools/trace ------------------------------------------------------------------------ */

/* A line: '@', the text, and its checksum. */
static void __printf(2, 3) put_line(const struct session *s, const char *fmt, ...)
{
	char text[LINE_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say(s, "@%s *%08x\n", text, ~crc32_update(~0u, text, strlen(text)));
}

static void put_names(const struct session *s)
{
	struct vm *vm = NULL;

	for (u32 i = 0; i < TRACE_KINDS; i++)
		put_line(s, "kind %x %s", i, trace_kind_names[i]);
	for (u32 i = 0; i < EXIT_KINDS; i++)
		put_line(s, "exit %x %s", i, exit_kind_name(i));
	while ((vm = vm_next(vm)))
		put_line(s, "domain %x %s", (u32)vm->number, vm->cfg.name);
}

static int dump(const struct session *s)
{
	struct trace_reader *reader = kalloc(sizeof(*reader));
	unsigned long long n = 0;
	struct trace_record r;
	u64 until = rdtsc();
	u32 cpu;

	if (!reader)
		return say_error(s, "no memory");
	trace_reader_init(reader, false);
	put_line(s, "trace 1 %llx", (unsigned long long)clock_tsc_khz());
	put_names(s);
	/* What comes meanwhile is left out: else this might not end. */
	while (trace_read(reader, &r, &cpu) && r.tsc <= until) {
		put_line(s, "%x %llx %x %x %x %x %llx %llx", cpu, (unsigned long long)r.tsc, r.vm,
			 r.vcpu, r.kind, r.sub, (unsigned long long)r.a, (unsigned long long)r.b);
		n++;
	}
	put_line(s, "end %llx %llx", n, (unsigned long long)trace_lost(reader));
	say(s, "\n");
	kfree(reader);
	return 0;
}

/* --- the command ------------------------------------------------------------------------------------ */

static int show(struct call *c, struct vm *vm, u32 vcpu, u32 kinds)
{
	const struct arg_value *count = call_value(c, TRACE_COUNT, 0);
	struct show *w = kalloc(sizeof(*w));

	if (!w)
		return say_error(c->session, "no memory");
	w->s = c->session;
	w->vm = vm;
	w->vcpu = vcpu;
	w->kinds = kinds;
	w->left = count ? count->number : ~0ULL;
	trace_reader_init(&w->reader, true);
	show_until(w);
	kfree(w);
	return 0;
}

static u32 wanted_kinds(const struct call *c)
{
	const struct arg_value *v;
	u32 kinds = 0;

	for (u32 i = 0; (v = call_value(c, TRACE_EVENTS, i)); i++)
		kinds |= 1u << v->number;
	return kinds ? kinds : TRACE_ALL;
}

int cmd_trace(struct call *c)
{
	const struct arg_value *domain = call_value(c, TRACE_DOMAIN, 0);
	const struct arg_value *only = call_value(c, TRACE_VCPU, 0);
	u32 kinds = wanted_kinds(c), vcpu = TRACE_EVERY;
	int err = 0;

	if (call_flag(c, TRACE_DUMP))
		return dump(c->session);
	if (!domain)
		return say_error(c->session, "command 'trace' requires <domain> option");
	if (only && only->number >= domain->vm->vcpu_count)
		return say_error(c->session, "domain '%s' has no vCPU %llu", domain->vm->cfg.name,
				 (unsigned long long)only->number);
	if (only)
		vcpu = (u32)only->number;
	if (!call_flag(c, TRACE_STOPS) && trace_start(domain->vm, vcpu, kinds))
		return say_error(c->session, "no memory");
	if (!call_flag(c, TRACE_STOPS) && !call_flag(c, TRACE_STARTS))
		err = show(c, domain->vm, vcpu, kinds);
	if (!call_flag(c, TRACE_STARTS))
		trace_stop(domain->vm);
	return err;
}
