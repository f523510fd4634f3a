/*
 * Finds the file among the loader's modules, since the boot set is not open yet, and updates each CPU from it. CPUs
 * look through the file each for itself: they need not be the same.
 */
#include "boot/ucode.h"

#include "arch/microcode.h"
#include "boot/info.h"
#include "core/cmdline.h"
#include "core/log.h"
#include "lib/atomic.h"
#include "lib/string.h"
#include "mm/page.h"

#define NAME_INTEL "intel-ucode.bin"
#define NAME_AMD   "amd-ucode.bin"

static const struct boot_module *file; /* const after ucode_init(); NULL: none, or not to be used */
static u32 updated, kept, refused;     /* atomic: CPUs besides the boot CPU */

static const struct boot_module *find(const char *name)
{
	for (u32 i = 0; i < boot_info.module_count; i++) {
		const struct boot_module *m = &boot_info.modules[i];

		/* What the boot path's page tables map. */
		if (!strcmp(m->path, name) && m->pa < 4 * GIB && m->size <= 4 * GIB - m->pa)
			return m;
	}
	return NULL;
}

static const char *look(const struct microcode_cpu *cpu, const u8 *data, struct microcode_update *u)
{
	return cpu->vendor == CPU_VENDOR_INTEL ? microcode_intel(data, file->size, cpu, u) :
						 microcode_amd(data, file->size, cpu, u);
}

void ucode_init(void)
{
	struct microcode_cpu cpu = microcode_this_cpu();
	const char *name = cpu.vendor == CPU_VENDOR_INTEL ? NAME_INTEL : NAME_AMD, *wrong;
	struct microcode_update u;
	u32 now;

	if (cpu.vendor == CPU_VENDOR_OTHER || cmdline_off("microcode"))
		return;
	file = find(name);
	if (!file) {
		log_debug("microcode: revision %#x, no %s in the boot set", cpu.revision, name);
		return;
	}
	wrong = look(&cpu, (const u8 *)file->pa, &u);
	if (wrong) {
		log_warn("microcode: %s is not used: %s", name, wrong);
		file = NULL;
		return;
	}
	if (!u.data) {
		log_info("microcode: revision %#x kept: %s has none newer for CPU %#x, platform %u",
			 cpu.revision, name, cpu.signature, cpu.platform);
		return;
	}
	now = microcode_load(&cpu, &u);
	if (now == u.revision)
		log_info("microcode: revision %#x instead of %#x", now, cpu.revision);
	else
		log_warn("microcode: the CPU does not take revision %#x: it has %#x", u.revision,
			 now);
}

void ucode_init_cpu(void)
{
	struct microcode_cpu cpu;
	struct microcode_update u;

	if (!file)
		return;
	cpu = microcode_this_cpu();
	if (look(&cpu, phys_to_virt(PADDR(file->pa)), &u) || !u.data)
		atomic_fetch_add(&kept, 1);
	else
		atomic_fetch_add(microcode_load(&cpu, &u) == u.revision ? &updated : &refused, 1);
}

void ucode_report(void)
{
	if (file)
		log_info("microcode: other CPUs: %u updated, %u did not need it, %u did not take it",
			 updated, kept, refused);
}
