/*
 * core/mce.h: who can go on after a machine check, with CPUs that are told together or alone, what is kept of
 * it, and what becomes of memory.
 *
 * sources: core/mce.c core/cmdline.c arch/mca.c lib/fmt.c lib/string.c tests/host/fake_cpus.c
 * flags: -pthread -include tests/host/fake_cpu.h -include tests/host/fake_percpu.h
 */
#include "arch/feature.h"
#include "arch/lapic.h"
#include "arch/mca.h"
#include "arch/msr.h"
#include "core/irq.h"
#include "core/log.h"
#include "core/mce.h"
#include "core/panic.h"
#include "core/thread.h"
#include "core/timer.h"
#include "lib/atomic.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "tests/host/fake_cpus.h"
#include "tests/host/harness.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>

char *strstr(const char *s, const char *what);

#define CPUS  2
#define BANKS 2
#define SER   BIT(24)

#define RIPV MCG_STATUS_RIPV
#define EIPV MCG_STATUS_EIPV
#define AT   (MCI_VAL | MCI_EN | MCI_ADDRV | MCI_MISCV | 0x9f)
#define USED (AT | MCI_UC | MCI_S | MCI_AR)
#define PAGE 0x7654000ULL

/* --- the machine --- */

static u64 msr[CPUS][0x500];
static enum cpu_vendor vendor;
static u32 self_ipis, cmci_vector[CPUS], woken;
static char logged[65536];
static void (*body)(void *arg);
static owner_t page_owner;
static u64 retired_page, told_page;

struct cpuid fake_cpuid(u32 leaf, u32 subleaf)
{
	return leaf == 1 ? (struct cpuid){ .edx = BIT(7) | BIT(14) } :
			   (struct cpuid){ .eax = 0x80000008, .ebx = 2 };
}
u64 fake_rdmsr(u32 index)
{
	return msr[this][index];
}
void fake_wrmsr(u32 index, u64 value)
{
	msr[this][index] = value;
}
enum cpu_vendor cpu_vendor(void)
{
	return vendor;
}
u8 cpu_phys_bits(void)
{
	return 40;
}
void tsc_delay_us(u64 us);
void tsc_delay_us(u64 us)
{
	sched_yield();
}
void lapic_ipi_self_anytime(u8 vector)
{
	CHECK_EQ(vector, IRQ_VECTOR_MCE);
	atomic_fetch_add(&self_ipis, 1);
}
void lapic_ipi(u32 cpu, u8 vector) {}
void lapic_cmci(u8 vector)
{
	cmci_vector[this] = vector;
}
bool timer_armed(const struct timer *t)
{
	return t->armed;
}
static struct thread the_thread;
struct thread *thread_create(const struct thread_spec *spec)
{
	body = spec->fn;
	return &the_thread;
}
void thread_start(struct thread *t) {}
void thread_wake(struct thread *t)
{
	atomic_fetch_add(&woken, 1);
}
static jmp_buf out;
void thread_block(void)
{
	longjmp(out, 1);
}
owner_t granule_retire(paddr_t pa)
{
	retired_page = pa.v;
	return page_owner;
}
u64 granule_retired(void)
{
	return 0;
}
static void vlog(const char *fmt, va_list ap)
{
	size_t n = strlen(logged);

	vsnprintf(logged + n, sizeof(logged) - n, fmt, ap);
}
void log_printf(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(fmt, ap);
	va_end(ap);
}
void log_limited(struct log_limit *l, enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(fmt, ap);
	va_end(ap);
}
void panic_frame(struct trap_frame *f, const char *fmt, ...)
{
	panic("%s", fmt);
}
void panic_trap(struct trap_frame *f)
{
	panic("trap");
}

static void page_failed(owner_t owner, paddr_t page)
{
	told_page = page.v;
}

/* What the thread has to do. */
static void run_thread(void)
{
	logged[0] = '\0';
	if (!setjmp(out))
		body(NULL);
}

static void start(u32 count, enum cpu_vendor v, u64 cap)
{
	cpus = count;
	vendor = v;
	fake_cpus_clear();
	memset(msr, 0, sizeof(msr));
	memset(handlers, 0, sizeof(handlers));
	for (this = 0; this < count; this ++) {
		msr[this][MSR_MCG_CAP] = cap | BANKS;
		mce_init_cpu();
	}
	this = 0;
	if (body)
		run_thread();
	mce_start();
	mce_set_page_hook(page_failed);
	self_ipis = woken = 0;
	page_owner = OWNER_VM + 3;
	told_page = retired_page = 0;
}

static void bank(u32 cpu, u32 i, u64 status, u64 addr)
{
	msr[cpu][0x401 + 4 * i] = status;
	msr[cpu][0x402 + 4 * i] = addr;
	msr[cpu][0x403 + 4 * i] = 0x8c;
}

static bool bank_clear(u32 cpu, u32 i)
{
	return !msr[cpu][0x401 + 4 * i];
}

/* A #MC in a guest on each CPU, or on this one alone; who cannot go on, as bits. */
static u64 status_of[CPUS];
static bool hit[CPUS];

static void *one(void *arg)
{
	this = (u32)(u64)arg;
	msr[this][MSR_MCG_STATUS] = status_of[this] | MCG_STATUS_MCIP;
	hit[this] = mce_guest_exit();
	return NULL;
}

static u32 machine_check(u64 first, u64 second)
{
	pthread_t t;

	status_of[0] = first;
	status_of[1] = second;
	hit[1] = false;
	if (cpus > 1)
		pthread_create(&t, NULL, one, (void *)1);
	one(0);
	if (cpus > 1)
		pthread_join(t, NULL);
	return hit[0] | hit[1] << 1;
}

/* --- what is found by looking --- */

TEST(left_by_the_last_run)
{
	cpus = 1;
	vendor = CPU_VENDOR_INTEL;
	msr[0][MSR_MCG_CAP] = SER | BANKS;
	bank(0, 1, MCI_VAL | MCI_UC | MCI_EN | MCI_PCC, 0);
	mce_init_cpu();
	CHECK(bank_clear(0, 1));
	mce_start();
	run_thread();
	CHECK(strstr(logged, "before this start: CPU 0 bank 1: fatal"));
}

TEST(corrected_errors_are_counted)
{
	struct mce_counts before, after;

	start(1, CPU_VENDOR_INTEL, SER);
	handlers[IRQ_VECTOR_MCE]();
	CHECK(timers[0] && timers[0]->armed);
	mce_counts(&before);
	bank(0, 0, AT, PAGE);
	bank(0, 1, AT, PAGE);
	now = timers[0]->deadline_ns;
	woken = 0;
	timers[0]->fn(timers[0]);
	CHECK_EQ(timers[0]->deadline_ns, now + 60000000000ULL);
	CHECK(bank_clear(0, 0) && bank_clear(0, 1));
	CHECK_EQ(woken, 1);
	run_thread();
	mce_counts(&after);
	CHECK_EQ(after.corrected, before.corrected + 2);
	CHECK_EQ(retired_page, 0);
	/* Nobody is woken for nothing, and what #MC is on its way for is left to that. */
	bank(0, 0, USED, PAGE);
	timers[0]->fn(timers[0]);
	CHECK(!bank_clear(0, 0));
	CHECK_EQ(woken, 1);
}

TEST(interrupts_until_there_are_too_many)
{
	start(1, CPU_VENDOR_INTEL, SER | BIT(10));
	CHECK_EQ(cmci_vector[0], IRQ_VECTOR_CMCI);
	now += 5000000000ULL;
	for (u32 i = 0; i < 40; i++) {
		now += 100000000;
		handlers[IRQ_VECTOR_CMCI]();
	}
	CHECK_EQ(cmci_vector[0], IRQ_VECTOR_CMCI);
	bank(0, 1, AT, PAGE);
	for (u32 i = 0; i < 16; i++)
		handlers[IRQ_VECTOR_CMCI]();
	CHECK(bank_clear(0, 1));
	CHECK_EQ(cmci_vector[0], 0);
	run_thread();
}

/* A flood costs records, and is counted. */
TEST(more_than_there_is_room_for)
{
	struct mce_counts before, after;

	start(1, CPU_VENDOR_INTEL, SER);
	handlers[IRQ_VECTOR_MCE]();
	mce_counts(&before);
	for (u32 i = 0; i < 100; i++) {
		bank(0, 0, AT, PAGE);
		timers[0]->fn(timers[0]);
	}
	run_thread();
	mce_counts(&after);
	CHECK_EQ(after.corrected - before.corrected, 64);
	CHECK_EQ(after.lost - before.lost, 36);
}

/* --- #MC, one CPU being told --- */

TEST(alone)
{
	struct trap_frame *frame = fake_percpu(0);

	start(2, CPU_VENDOR_AMD, 0);
	cpus = 1; /* the other one is not told: who waited for it would panic */
	bank(0, 0, MCI_VAL | MCI_UC | MCI_EN | MCI_ADDRV, PAGE);
	CHECK_EQ(machine_check(RIPV, 0), 1);
	CHECK(bank_clear(0, 0));
	CHECK_EQ(msr[0][MSR_MCG_STATUS], 0);
	CHECK_EQ(self_ipis, 1);
	run_thread();
	CHECK_EQ(retired_page, PAGE);
	CHECK_EQ(told_page, PAGE);
	/* Nobody else hears of memory that was nobody's. */
	page_owner = OWNER_FREE;
	told_page = 0;
	bank(0, 0, MCI_VAL | MCI_UC | MCI_EN | MCI_ADDRV, PAGE);
	CHECK_EQ(machine_check(RIPV, 0), 1);
	run_thread();
	CHECK_EQ(told_page, 0);
	/* The hypervisor itself cannot go on. */
	bank(0, 0, MCI_VAL | MCI_UC | MCI_EN | MCI_ADDRV, PAGE);
	CHECK_PANIC(mce_trap(frame));
	/* No error at all, and one that was corrected: it goes on. Without RIPV nobody can. */
	bank(0, 0, AT, PAGE);
	msr[0][MSR_MCG_STATUS] = RIPV;
	mce_trap(frame);
	CHECK_EQ(machine_check(RIPV, 0), 0);
	CHECK_PANIC(machine_check(0, 0));
	bank(0, 0, MCI_VAL | MCI_UC | MCI_EN | MCI_ADDRV | MCI_PCC, PAGE);
	CHECK_PANIC(machine_check(RIPV, 0));
}

/* --- #MC, all being told at once --- */

TEST(together)
{
	struct mce_counts before, after;

	start(2, CPU_VENDOR_INTEL, SER);
	mce_counts(&before);
	/* A bank of both: one record. Only who used it is hit. */
	bank(0, 1, USED, PAGE);
	bank(1, 1, USED, PAGE);
	CHECK_EQ(machine_check(RIPV, EIPV), 2);
	CHECK(bank_clear(0, 1) && bank_clear(1, 1));
	run_thread();
	mce_counts(&after);
	CHECK_EQ(after.uncorrected, before.uncorrected + 1);
	CHECK_EQ(told_page, PAGE);
	/* The bank of one, the other used it. Again and again. */
	for (u32 i = 0; i < 20; i++) {
		bank(0, 0, USED, PAGE + i * 4096);
		CHECK_EQ(machine_check(RIPV, EIPV), 2);
		run_thread();
		CHECK_EQ(told_page, PAGE + i * 4096);
	}
	/* Not used: all go on. */
	bank(1, 0, AT | MCI_UC | MCI_S, PAGE);
	CHECK_EQ(machine_check(RIPV, RIPV), 0);
	run_thread();
	CHECK_EQ(told_page, PAGE);
}

/* The second CPU has a bank more. */
TEST(cpus_that_differ)
{
	start(2, CPU_VENDOR_INTEL, SER);
	this = 1;
	msr[1][MSR_MCG_CAP] = SER | (BANKS + 1);
	mce_init_cpu();
	this = 0;
	bank(0, BANKS, USED, PAGE);
	bank(1, BANKS, AT | MCI_UC | MCI_S, PAGE + 4096);
	CHECK_EQ(machine_check(RIPV, RIPV), 0);
	run_thread();
	CHECK_EQ(told_page, PAGE + 4096);
	CHECK(bank_clear(1, BANKS) && !bank_clear(0, BANKS));
}

TEST(together_the_worst_counts)
{
	start(2, CPU_VENDOR_INTEL, SER);
	bank(1, 0, MCI_VAL | MCI_UC | MCI_EN | MCI_PCC, 0);
	CHECK_PANIC(machine_check(RIPV, RIPV));
}

TEST(together_one_does_not_come)
{
	start(2, CPU_VENDOR_INTEL, SER);
	bank(0, 0, USED, PAGE);
	msr[0][MSR_MCG_STATUS] = EIPV;
	CHECK_PANIC(hit[0] = mce_guest_exit());
	/* Unless it was not told. */
	msr[0][MSR_MCG_STATUS] = EIPV | MCG_STATUS_LMCE;
	CHECK(mce_guest_exit());
	run_thread();
}

TEST(a_cpu_that_says_nothing)
{
	start(1, CPU_VENDOR_AMD, 0);
	msr[0][MSR_MCG_CAP] = 0;
	mce_init_cpu();
	CHECK_PANIC(mce_trap(fake_percpu(0)));
	CHECK_PANIC(hit[0] = mce_guest_exit());
}
