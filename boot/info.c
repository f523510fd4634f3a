/*
 * From the loader's and the firmware's words to struct boot_info, on either path. What is wrong
 * here ends the boot with one line on COM1.
 */
#include "arch/image.h"
#include "boot/early.h"
#include "boot/efi.h"
#include "boot/entry.h"
#include "boot/info.h"
#include "boot/mbi.h"
#include "boot/measure.h"
#include "boot/memmap.h"

#define IDENTITY_END (4 * GIB) /* what the boot page tables map at its physical address */

struct boot_info boot_info;

static void check(const char *wrong)
{
	if (wrong)
		early_halt(wrong);
}

/* Modules must lie where the boot page tables and the memory map say there is memory. */
static void check_modules(void)
{
	for (u32 i = 0; i < boot_info.module_count; i++) {
		const struct boot_module *m = &boot_info.modules[i];

		if (m->pa + m->size > IDENTITY_END)
			early_halt("boot information: a module lies above 4 GiB");
		if (m->pa < boot_info.image_pa + boot_info.image_size &&
		    boot_info.image_pa < m->pa + m->size)
			early_halt("boot information: a module overlaps the image");
	}
}

static void read_common(const void *mbi, u64 load_base, struct mbi_extra *extra)
{
	check(mbi_parse(mbi, &boot_info, extra));
	if (extra->have_load_base && extra->load_base != load_base)
		early_halt("boot information: the load address is not where the image runs");
	boot_info.image_pa = load_base;
	boot_info.image_size = (u64)(image_end - image_start);
	check_modules();
}

void boot_info_read(const void *mbi, u64 load_base)
{
	struct mbi_extra extra = { 0 };

	read_common(mbi, load_base, &extra);
	if (!extra.have_memmap)
		early_halt("boot information: the loader gave no memory map");
	memmap_finish(&boot_info);
}

void boot_efi(const void *mbi, u64 load_base)
{
	struct mbi_extra extra = { 0 };

	measure_image();
	read_common(mbi, load_base, &extra);
	boot_info.efi = true;
	if (!extra.boot_services)
		early_halt("UEFI: the loader has ended boot services, which Plinth wants to do");
	/* The firmware's map, read at the end, replaces the loader's. */
	boot_info.region_count = 0;
	boot_info.regions_dropped = 0;
	check(efi_leave(&boot_info, extra.efi_image_handle));
	memmap_finish(&boot_info);
}
