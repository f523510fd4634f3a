/*
 * Machine checks. The handler runs amid anything, on a stack of its own, and takes no lock: it decides who can
 * go on, leaves records in a table of slots and asks for an interrupt, behind which a thread does the rest.
 *
 * Intel's CPUs all get a #MC at once, and share banks. They meet in the handler: when all have read their
 * banks, each looks at what all have found, so that each comes to the same decision; only then banks are
 * cleared. AMD's CPUs, and Intel's local ones, are told alone.
 */
#include "core/mce.h"

#include "arch/cpu.h"
#include "arch/lapic.h"
#include "arch/mca.h"
#include "arch/percpu.h"
#include "arch/tsc.h"
#include "core/clock.h"
#include "core/cmdline.h"
#include "core/irq.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/thread.h"
#include "core/timer.h"
#include "lib/atomic.h"
#include "lib/string.h"

#define MEET_US      1000000
#define MEET_STEP_US 10
/* Who is not alone to panic gives the others so long to be the one. */
#define DIE_US       10000000

#define POLL_S_DEFAULT 60
#define POLL_S_MAX     3600
#define NS_PER_S       1000000000ULL

/* So many interrupts for corrected errors in a second are too many: then it is looked from time to time only. */
#define CMCI_STORM 16

#define RECORDS 64

enum record_state { RECORD_EMPTY, RECORD_FILLING, RECORD_FULL };

struct record {
	u32 state; /* atomic, enum record_state */
	u32 cpu;
	bool before; /* found at start: it is of the last run */
	struct mca_error e;
};

/* What a CPU found in the #MC under way; read by others between the two meetings. */
struct found {
	u64 global; /* MCG_STATUS */
	u32 count;
	struct mca_error errors[MCA_BANKS_MAX];
};

struct mce_cpu {
	struct found found;
	u32 banks; /* 0 until it was started; CPUs may differ */
	struct timer poll;
	u64 cmci_since; /* start of the second that is counted in */
	u32 cmci_count;
};

static PERCPU struct mce_cpu mce_cpu;
static struct mca_caps caps; /* the boot CPU's; const after its mce_init_cpu() */
static struct record records[RECORDS];
static u32 arrived[2];        /* atomic: at the two meetings, ever */
static u32 dying;             /* atomic: somebody logs what all have found, and panics */
static struct thread *thread; /* const after mce_start() */
static u64 poll_ns;           /* const after mce_start(); 0: never */
static void (*page_hook)(owner_t owner, paddr_t page);

static u64 corrected, uncorrected, lost; /* atomic */

void mce_set_page_hook(void (*fn)(owner_t owner, paddr_t page))
{
	page_hook = fn;
}

void mce_counts(struct mce_counts *c)
{
	*c = (struct mce_counts){
		.corrected = atomic_load_relaxed(&corrected),
		.uncorrected = atomic_load_relaxed(&uncorrected),
		.lost = atomic_load_relaxed(&lost),
		.retired = granule_retired(),
	};
}

/* --- records ----------------------------------------------------------------------------------------- */

static void keep(u32 cpu, const struct mca_error *e, bool before)
{
	for (u32 i = 0; i < RECORDS; i++) {
		u32 empty = RECORD_EMPTY;

		if (!atomic_cas(&records[i].state, &empty, RECORD_FILLING))
			continue;
		records[i].cpu = cpu;
		records[i].before = before;
		records[i].e = *e;
		/* Pairs with the acquire in serve(). */
		atomic_store_release(&records[i].state, RECORD_FULL);
		return;
	}
	atomic_fetch_add(&lost, 1);
}

static void say(const struct record *r, enum mca_severity s)
{
	static struct log_limit limit = { .name = "machine check" };
	char text[MCA_TEXT_MAX];

	mca_text(&caps, &r->e, text);
	if (s == MCA_CORRECTED)
		log_limited(&limit, LOG_WARN, "machine check: CPU %u %s", r->cpu, text);
	else
		log_error("machine check: CPU %u %s", r->cpu, text);
}

/* Memory that has failed goes to nobody any more; whose it is now hears of it. */
static void retire(paddr_t page)
{
	owner_t owner = granule_retire(page);
	const char *what = owner == OWNER_FREE ? "free, taken out of use" :
			   owner == OWNER_HV ? "the hypervisor's own: it goes on until it is used" :
			   owner >= OWNER_VM ? "a guest's, taken out of use" :
					       "not memory that is used";

	log_error("machine check: the memory at %#llx has failed: %s", (unsigned long long)page.v,
		  what);
	if (owner >= OWNER_VM && page_hook)
		page_hook(owner, page);
}

static void serve(struct record *r)
{
	enum mca_severity s = mca_severity(&caps, &r->e);
	paddr_t page;

	if (r->before) {
		char text[MCA_TEXT_MAX];

		mca_text(&caps, &r->e, text);
		log_warn("machine check: before this start: CPU %u %s", r->cpu, text);
		return;
	}
	atomic_fetch_add(s == MCA_CORRECTED ? &corrected : &uncorrected, 1);
	say(r, s);
	if (s > MCA_CORRECTED && mca_page(&caps, &r->e, &page))
		retire(page);
}

static void mce_main(void *arg)
{
	(void)arg;
	for (;;) {
		for (u32 i = 0; i < RECORDS; i++) {
			/* Pairs with the release in keep(). */
			if (atomic_load_acquire(&records[i].state) != RECORD_FULL)
				continue;
			serve(&records[i]);
			atomic_store_release(&records[i].state, RECORD_EMPTY);
		}
		thread_block();
	}
}

/* --- looking ----------------------------------------------------------------------------------------- */

/* Takes what needs no #MC out of this CPU's banks; at start all that there is. */
static bool look(bool before)
{
	u32 banks = this_cpu(mce_cpu)->banks;
	bool any = false;

	for (u32 i = 0; i < banks; i++) {
		struct mca_error e;

		if (!mca_read(i, &e) || (!before && mca_severity(&caps, &e) > MCA_DEFERRED))
			continue;
		keep(cpu_id(), &e, before);
		mca_clear(i);
		any = true;
	}
	return any;
}

static void look_and_wake(void)
{
	if (look(false) && thread)
		thread_wake(thread);
}

static void poll(struct timer *t)
{
	look_and_wake();
	timer_arm(t, clock_ns() + poll_ns);
}

static void poll_begin(void)
{
	struct mce_cpu *c = this_cpu(mce_cpu);

	timer_arm(&c->poll, clock_ns() + poll_ns);
}

/* An interrupt for corrected errors. */
static void cmci(void)
{
	struct mce_cpu *c = this_cpu(mce_cpu);
	u64 now = clock_ns();

	if (now - c->cmci_since > NS_PER_S) {
		c->cmci_since = now;
		c->cmci_count = 0;
	}
	if (++c->cmci_count == CMCI_STORM) {
		lapic_cmci(0);
		log_warn("machine check: CPU %u: too many interrupts for corrected errors: none from now on",
			 cpu_id());
	}
	look_and_wake();
}

/* Behind a #MC, and at the start of each CPU. */
static void kicked(void)
{
	if (thread)
		thread_wake(thread);
	if (poll_ns && !timer_armed(&this_cpu(mce_cpu)->poll))
		poll_begin();
}

/* --- #MC --------------------------------------------------------------------------------------------- */

/* Waits until all CPUs have come this far, as often as this one has. */
static void meet(u32 *count)
{
	u32 all = cpu_count(), mine = atomic_fetch_add(count, 1);
	u32 want = (mine / all + 1) * all;

	for (u32 us = 0; us < MEET_US; us += MEET_STEP_US) {
		/* Pairs with the others' fetch_add: what they found is seen. */
		if ((s32)(atomic_load_acquire(count) - want) >= 0)
			return;
		tsc_delay_us(MEET_STEP_US);
	}
	panic("machine check: only %u of %u CPUs came to its handler",
	      atomic_load_relaxed(count) - (want - all), all);
}

static void collect(struct found *f)
{
	u32 banks = this_cpu(mce_cpu)->banks;

	f->global = mca_global_status();
	f->count = 0;
	for (u32 i = 0; i < banks; i++)
		if (mca_read(i, &f->errors[f->count]))
			f->count++;
}

static enum mca_severity worst(const struct found *f)
{
	enum mca_severity s = MCA_NONE;

	for (u32 i = 0; i < f->count; i++)
		s = MAX(s, mca_severity(&caps, &f->errors[i]));
	return s;
}

/* All that the CPUs from first to last found goes to the log, whose tail a panic prints. */
static __noreturn void die(struct trap_frame *f, u32 first, u32 last, const char *why)
{
	char text[MCA_TEXT_MAX];

	if (atomic_xchg(&dying, 1)) { /* the panic on its way stops this CPU */
		tsc_delay_us(DIE_US);
		panic_frame(f, "machine check: %s", why);
	}
	for (u32 cpu = first; cpu <= last; cpu++) {
		const struct found *found = other_cpu(mce_cpu.found, cpu);

		log_error("machine check: CPU %u status %#llx", cpu,
			  (unsigned long long)found->global);
		for (u32 i = 0; i < found->count; i++) {
			mca_text(&caps, &found->errors[i], text);
			log_error("machine check: CPU %u %s", cpu, text);
		}
	}
	panic_frame(f, "machine check: %s", why);
}

/* Whether a CPU before this one reports the same, by a bank that they share. */
static bool reported(const struct mca_error *e, u32 first, u32 cpu)
{
	for (; first < cpu; first++) {
		const struct found *f = other_cpu(mce_cpu.found, first);

		for (u32 i = 0; i < f->count; i++)
			if (f->errors[i].bank == e->bank && f->errors[i].status == e->status &&
			    f->errors[i].addr == e->addr)
				return true;
	}
	return false;
}

static void keep_found(const struct found *f, u32 first)
{
	for (u32 i = 0; i < f->count; i++) {
		if (!reported(&f->errors[i], first, cpu_id()))
			keep(cpu_id(), &f->errors[i], false);
		mca_clear(f->errors[i].bank);
	}
}

/* Whether what was interrupted here cannot go on, given the worst that any CPU found. */
static bool is_hit(u64 global, enum mca_severity s, bool alone)
{
	if (!(global & MCG_STATUS_RIPV))
		return true;
	return s == MCA_REQUIRED && (alone || (global & MCG_STATUS_EIPV));
}

/* frame: NULL in a guest. True: what was interrupted cannot go on, and it is known why. */
static bool handle(struct trap_frame *frame)
{
	struct found *mine = this_cpu(mce_cpu.found);
	enum mca_severity s = MCA_NONE;
	u32 first = cpu_id(), last = first;
	bool alone, hit;

	collect(mine);
	alone = !caps.broadcast || (mine->global & MCG_STATUS_LMCE) || !thread;
	if (!alone) {
		first = 0;
		last = cpu_count() - 1;
		meet(&arrived[0]);
	}
	for (u32 cpu = first; cpu <= last; cpu++)
		s = MAX(s, worst(other_cpu(mce_cpu.found, cpu)));
	hit = is_hit(mine->global, s, alone);
	if (s == MCA_FATAL)
		die(frame, first, last, "an error that cannot be contained");
	if (hit && s != MCA_REQUIRED)
		die(frame, first, last, "what was interrupted cannot go on, and no bank says why");
	if (hit && frame)
		die(frame, first, last, "the hypervisor used memory that has failed");
	if (!alone)
		meet(&arrived[1]);
	keep_found(mine, first);
	mca_global_clear();
	lapic_ipi_self_anytime(IRQ_VECTOR_MCE);
	return hit;
}

void mce_trap(struct trap_frame *f)
{
	if (!this_cpu(mce_cpu)->banks)
		panic_trap(f);
	handle(f);
}

bool mce_guest_exit(void)
{
	if (!this_cpu(mce_cpu)->banks)
		panic("machine check in a guest, and this CPU does not say more");
	return handle(NULL);
}

/* --- start ------------------------------------------------------------------------------------------- */

void mce_init_cpu(void)
{
	struct mce_cpu *c = this_cpu(mce_cpu);

	struct mca_caps here = mca_probe();

	timer_init(&c->poll, poll);
	if (!cpu_id()) {
		caps = here;
		irq_set_fixed(IRQ_VECTOR_MCE, kicked);
		irq_set_fixed(IRQ_VECTOR_CMCI, cmci);
	}
	c->banks = here.banks;
	if (!here.banks)
		return;
	look(true);
	mca_enable(&here);
	if (mca_cmci_claim(&here))
		lapic_cmci(IRQ_VECTOR_CMCI);
}

void mce_start(void)
{
	const struct thread_spec spec = {
		.name = "mce", .fn = mce_main, .cpu = -1, .preemptible = true, .detached = true
	};
	struct thread *t;

	if (!caps.banks) {
		log_info("machine check: this CPU reports none");
		return;
	}
	t = thread_create(&spec);
	if (!t)
		panic("no memory for the machine-check thread");
	poll_ns = cmdline_number("mcepoll", "seconds", 1, POLL_S_MAX, POLL_S_DEFAULT) * NS_PER_S;
	/* Where it is seen, the thread is whole. */
	atomic_store_release(&thread, t);
	thread_start(t);
	for (u32 cpu = 0; cpu < cpu_count(); cpu++)
		lapic_ipi(cpu, IRQ_VECTOR_MCE);
	log_info("machine check: %u banks%s%s%s", caps.banks,
		 caps.ser || caps.succor ? ", recovery" : "", caps.cmci ? ", interrupts" : "",
		 poll_ns ? "" : ", not polled");
}
