/*
 * The composition root: what is started, and in which order. Everything that a step needs was set up
 * by a step above it; the comments say what changes.
 */
#include "arch/control.h"
#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/lapic.h"
#include "arch/patch.h"
#include "arch/pic.h"
#include "arch/shstk.h"
#include "arch/smp.h"
#include "arch/trap.h"
#include "arch/tsc.h"
#include "boot/cpus.h"
#include "boot/entry.h"
#include "boot/guests.h"
#include "boot/info.h"
#include "boot/measure.h"
#include "boot/ucode.h"
#include "core/bootfs.h"
#include "core/clock.h"
#include "core/cmdline.h"
#include "core/console.h"
#include "core/host.h"
#include "core/idle.h"
#include "core/irq.h"
#include "core/log.h"
#include "core/mce.h"
#include "core/mitigation.h"
#include "core/panic.h"
#include "core/panic_log.h"
#include "core/place.h"
#include "core/power.h"
#include "core/pstate.h"
#include "core/random.h"
#include "core/rtc.h"
#include "core/sched.h"
#include "core/slot.h"
#include "core/timer.h"
#include "core/watchdog.h"
#include "drivers/acpi/acpi.h"
#include "drivers/consoles.h"
#include "drivers/iommu/iommu.h"
#include "drivers/ioapic.h"
#include "drivers/pci/pci.h"
#include "drivers/uart.h"
#include "lib/fmt.h"
#include "lib/hw/hpet.h"
#include "lib/sha256.h"
#include "lib/string.h"
#include "mgmt/version.h"
#include "mm/init.h"
#include "mm/kmap.h"
#include "mm/memtest.h"
#include "mm/page.h"
#include "mm/shootdown.h"

#define CPU_OFF_MAX 128
#define MEMTEST_MAX 48

static_assert(IRQ_VECTOR_TIMER == LAPIC_VECTOR_TIMER, "core and arch name the same vector");
static_assert(IRQ_VECTOR_SPURIOUS == LAPIC_VECTOR_SPURIOUS, "core and arch name the same vector");

/* Says why this machine will not do, and stops. */
static __noreturn void refuse(const char *why)
{
	log_error("this machine cannot run Plinth: it lacks %s", why);
	consoles_refusal(&boot_info);
	console_drain();
	for (;;) {
		irq_disable();
		cpu_halt();
	}
}

/* What this CPU can do; what it must be able to do. */
static void init_cpu_features(void)
{
	char off[CPU_OFF_MAX] = "";
	const char *missing;

	cmdline_get("cpu.off", off, sizeof(off));
	cpu_features_init(off);
	missing = cpu_missing();
	if (missing)
		refuse(missing);
	patch_apply();
	cpu_control_init();
	if (cpu_has(CPU_IBT))
		log_info("cpu: indirect branches are tracked (CET)");
	if (cpu_has(CPU_SHSTK))
		log_info("cpu: return addresses are on shadow stacks, too (CET)");
	idle_init();
	pstate_init();
	mitigation_init();
}

static void init_lapic(void)
{
	pic_disable();
	if (!lapic_uses_x2apic()) {
		void *regs = kmap_mmio(PADDR(lapic_mmio_base()), PAGE_SIZE);

		if (!regs)
			panic("the local APIC's registers cannot be mapped");
		lapic_set_mmio(regs);
	}
	lapic_init_cpu();
	smp_init_boot_cpu();
}

static void init_clock(void)
{
	struct tsc_refs refs = {
		.pm_timer = host.pm_timer,
		.pm_timer_32bit = host.pm_timer_32bit,
	};

	if (host.hpet.v)
		refs.hpet = kmap_mmio(host.hpet, HPET_SIZE);
	clock_init(tsc_calibrate_khz(&refs), rtc_read());
	lapic_timer_calibrate();
	if (refs.hpet)
		kunmap((const void *)(u64)refs.hpet, HPET_SIZE);
}

static void test_memory(void)
{
	char word[MEMTEST_MAX];

	if (cmdline_get("memtest", word, sizeof(word)))
		memtest_run(word);
}

/* The firmware's seed counts as random as it says; nobody else shall read it. */
static void init_random(void)
{
	if (boot_info.efi_seed_len)
		random_add(boot_info.efi_seed, boot_info.efi_seed_len, boot_info.efi_seed_len * 8u);
	memset(boot_info.efi_seed, 0, sizeof(boot_info.efi_seed));
	random_init();
}

/* The boot set's files stay where the loader put them. */
static void init_bootfs(void)
{
	for (u32 i = 0; i < boot_info.module_count; i++) {
		const struct boot_module *m = &boot_info.modules[i];
		int err = bootfs_add(m->path, phys_to_virt(PADDR(m->pa)), m->size);

		if (err)
			log_error("boot set: file '%s' is left out (error %d)", m->path, -err);
	}
	if (boot_info.modules_dropped)
		log_error("boot set: %u files left out: at most %d, with paths of at most %d bytes",
			  boot_info.modules_dropped, BOOT_MAX_MODULES, BOOT_PATH_MAX - 1);
}

static void report(void)
{
	char hash[SHA256_TEXT];

	fmt_hex(hash, host.image_hash, SHA256_SIZE);
	log_info("plinth %s, SHA-256 %.16s...", PLINTH_VERSION, hash);
	log_info("plinth: started by %s, image of %llu KiB at 0x%llx, %u file%s in the boot set",
		 boot_info.efi ? "UEFI" : "BIOS", (unsigned long long)boot_info.image_size / KIB,
		 (unsigned long long)boot_info.image_pa, boot_info.module_count,
		 boot_info.module_count == 1 ? "" : "s");
	log_debug("boot: entered, the TSC is at %llu", (unsigned long long)rdtsc());
	if (boot_info.efi_seed_len)
		log_debug("boot: %u bytes of random seed from UEFI", boot_info.efi_seed_len);
	slot_report();
	if (boot_info.cmdline_cut)
		log_warn("the command line was cut to %d bytes", BOOT_CMDLINE_MAX - 1);
	if (boot_info.regions_dropped)
		log_warn("%u entries of the memory map are left out", boot_info.regions_dropped);
}

/* On a stack with a guard page, all memory and interrupts set up, this CPU running alone. */
static __noreturn void boot_late(void)
{
	thread_init();
	cpus_start();
	ucode_report();
	pstate_report();
	mce_start();
	watchdog_start();
	pci_init(&boot_info);
	iommu_init();
	ioapic_init();
	uart_start();
	console_start();
	init_bootfs();
	cmdline_check();
	guests_start();
	sched_idle();
}

__noreturn void boot_main(const void *mbi, u64 load_base, u32 efi)
{
	/* On UEFI this was done while the firmware still ran. */
	if (!efi) {
		measure_image();
		boot_info_read(mbi, load_base);
	}
	trap_init_cpu();
	/* From here on what goes wrong can be said. */
	cmdline_init(boot_info.cmdline);
	log_init();
	consoles_init();
	irq_init();
	panic_init();
	report();
	ucode_init();
	init_cpu_features();
	/* From the boot path's page tables to the real ones. */
	mm_init(&boot_info);
	mm_init_cpu();
	panic_log_init();
	cpus_init_boot();
	acpi_init(&boot_info);
	consoles_late(&boot_info);
	power_init();
	init_lapic();
	init_clock();
	irq_set_fixed(IRQ_VECTOR_SHOOTDOWN, shootdown_irq);
	init_random();
	/* No function that is under way here returns. */
	stack_guard_set(random_u64());
	test_memory();
	timer_init_cpu();
	place_init_cpu();
	sched_init_cpu();
	mce_init_cpu();
	pstate_init_cpu();
	mitigation_init_cpu();
	irq_enable();
	shstk_start(cpus_stack(), boot_late);
}
