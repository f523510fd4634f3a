/*
 * Starts the other CPUs, one at a time. A CPU that is told to start may come at once, late or never;
 * the slot in ap_start is handed over by an atomic exchange, so that one that was given up can do
 * nothing but halt.
 */
#include "arch/smp.h"
#include "arch/control.h"
#include "arch/cpu.h"
#include "arch/desc.h"
#include "arch/entry.h"
#include "arch/image.h"
#include "arch/lapic.h"
#include "arch/percpu.h"
#include "arch/trap.h"
#include "arch/tsc.h"
#include "arch/tscsync.h"
#include "core/log.h"
#include "core/panic.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"

#define INIT_DELAY_US    10000 /* SDM: 10 ms from INIT to the first start-up IPI */
#define STARTUP_DELAY_US 200
#define ANSWER_US        2000000 /* generous: an emulator may give the new CPU no time for a while */
#define POLL_US          50

enum ap_state { AP_IDLE, AP_WAITING, AP_TAKEN, AP_COMPARING, AP_READY };

/* trampoline.asm knows these offsets. */
struct ap_start {
	u32 state; /* enum ap_state; exchanged between both CPUs */
	u32 apic_id;
	u64 cr3;
	u64 stack;
	u64 gs_base;
	void (*entry)(void);
	/* From AP_COMPARING on: */
	enum tsc_adjust adjust;
	u64 adjust_was;
	struct tsc_pair pair;
};
static_assert(offsetof(struct ap_start, cr3) == 8, "trampoline.asm");
static_assert(offsetof(struct ap_start, stack) == 16, "trampoline.asm");
static_assert(offsetof(struct ap_start, gs_base) == 24, "trampoline.asm");
static_assert(AP_WAITING == 1 && AP_TAKEN == 2, "trampoline.asm");

extern struct ap_start ap_start;
struct ap_start ap_start;

extern const u8 trampoline_start[], trampoline_end[], trampoline_pml4[];
extern char percpu_start[];

static u32 apic_ids[MAX_CPUS];
static u8 trampoline_page;

u32 cpu_apic_id(u32 cpu)
{
	return apic_ids[cpu];
}

void smp_init_boot_cpu(void)
{
	apic_ids[0] = lapic_id();
	tsc_adjust_boot();
}

void smp_set_trampoline(u64 pa, u64 pml4_pa, void *page)
{
	size_t size = (size_t)(trampoline_end - trampoline_start);
	u32 pml4 = (u32)pml4_pa;

	ASSERT(pa < MIB && !(pa & PAGE_MASK) && size <= PAGE_SIZE && pml4 == pml4_pa);
	memcpy(page, trampoline_start, size);
	memcpy((u8 *)page + (trampoline_pml4 - trampoline_start), &pml4, sizeof(pml4));
	trampoline_page = (u8)(pa >> PAGE_SHIFT);
}

/* Waits until the state is no longer `from`; false when it stays for us microseconds. */
static bool wait_change(enum ap_state from, u64 us)
{
	for (u64 waited = 0; waited < us; waited += POLL_US) {
		/* pairs with the exchange in ap_entry and the release in smp_ap_main() */
		if (atomic_load_acquire(&ap_start.state) != from)
			return true;
		tsc_delay_us(POLL_US);
	}
	return false;
}

int smp_start_cpu(u32 cpu, u32 apic_id, u64 cr3, void *stack_top, void (*entry)(void))
{
	u32 expected = AP_WAITING;
	bool ran;

	apic_ids[cpu] = apic_id;
	ap_start.apic_id = apic_id;
	ap_start.cr3 = cr3;
	ap_start.stack = (u64)stack_top;
	ap_start.gs_base = (u64)percpu_start + percpu_offset_of(cpu);
	ap_start.entry = entry;
	ap_start.pair = (struct tsc_pair){ 0 };
	/* release: the slot is filled; pairs with the locked exchange in ap_entry */
	atomic_store_release(&ap_start.state, AP_WAITING);

	lapic_init_ipi(apic_id);
	tsc_delay_us(INIT_DELAY_US);
	lapic_startup_ipi(apic_id, trampoline_page);
	if (!wait_change(AP_WAITING, STARTUP_DELAY_US))
		lapic_startup_ipi(apic_id, trampoline_page);
	if (!wait_change(AP_WAITING, ANSWER_US) &&
	    atomic_cas(&ap_start.state, &expected, AP_IDLE)) /* against the exchange in ap_entry */
		return -ETIMEDOUT;
	/* It is in our code now: what keeps it there is a bug or broken hardware, and it holds the slot. */
	if (!wait_change(AP_TAKEN, ANSWER_US))
		return -EIO;
	ran = tsc_pair_run(&ap_start.pair, 0);
	if (!wait_change(AP_COMPARING, 2 * ANSWER_US))
		return -EIO;
	tsc_sync_note(cpu, ap_start.adjust, ap_start.adjust_was, &ap_start.pair, ran);
	return 0;
}

__noreturn void smp_ap_main(void)
{
	void (*entry)(void) = ap_start.entry;

	cpu_control_init();
	trap_init_cpu();
	lapic_init_cpu();
	ap_start.adjust = tsc_adjust_follow(&ap_start.adjust_was);
	/* release: pairs with wait_change() */
	atomic_store_release(&ap_start.state, AP_COMPARING);
	(void)tsc_pair_run(&ap_start.pair, 1);
	/* release: everything in the slot was read; pairs with wait_change() */
	atomic_store_release(&ap_start.state, AP_READY);
	entry();
	panic("cpu %u: its entry function returned", cpu_id());
}

/* A CPU that was given up may still come by: what it needs on its way to halting stays. */
void smp_done(void)
{
	memset(boot_pdpt_low + 1, 0, PAGE_SIZE - sizeof(u64));
	memset(boot_pd_low + 1, 0, PAGE_SIZE - sizeof(u64));
}
