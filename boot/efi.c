/*
 * The last conversation with UEFI firmware: memory map, ACPI root pointer, end of boot services.
 */
#include "boot/efi.h"
#include "boot/memmap.h"
#include "lib/string.h"

/* In the byte order of memory: 8868e871-e4f1-11d3-bc22-0080c73c8881, eb9d2d30-2d88-11d3-9a16-0090273fc14d */
#define GUID_ACPI20 ((struct efi_guid){ 0x11d3e4f18868e871ULL, 0x81883cc7800022bcULL })
#define GUID_ACPI10 ((struct efi_guid){ 0x11d32d88eb9d2d30ULL, 0x4dc13f279000169aULL })

/* 3152bca5-eade-433d-862e-c01cdc291f44 */
#define GUID_RNG ((struct efi_guid){ 0x433deade3152bca5ULL, 0x441f29dc1cc02e86ULL })

#define RSDP1_SIZE 20u
#define RSDP2_SIZE 36u
#define EXIT_TRIES 8 /* the map may change between reading it and leaving */

/* Some 600 descriptors; firmware of big servers reports fewer. */
static u8 map[32 * KIB] __aligned(16);

u32 efi_region_type(u32 efi_type)
{
	switch (efi_type) {
	case EFI_LOADER_CODE:
	case EFI_LOADER_DATA:
	case EFI_BOOT_CODE:
	case EFI_BOOT_DATA:
	case EFI_CONVENTIONAL:
		return BOOT_MEM_USABLE;
	case EFI_ACPI_RECLAIM:
		return BOOT_MEM_ACPI;
	case EFI_ACPI_NVS:
		return BOOT_MEM_NVS;
	case EFI_UNUSABLE:
		return BOOT_MEM_BAD;
	default:
		return BOOT_MEM_RESERVED;
	}
}

static void find_rsdp(const struct efi_system_table *st, struct boot_info *info)
{
	for (u64 i = 0; i < st->table_count; i++) {
		const struct efi_configuration_table *t = &st->tables[i];
		u32 size = 0;

		if (!memcmp(&t->guid, &GUID_ACPI20, sizeof(t->guid)))
			size = RSDP2_SIZE;
		else if (!memcmp(&t->guid, &GUID_ACPI10, sizeof(t->guid)))
			size = RSDP1_SIZE;
		if (size > info->rsdp_size && t->table) {
			memcpy(info->rsdp, (const void *)t->table, size);
			info->rsdp_size = size;
		}
	}
}

static void take_map(struct boot_info *info, u64 size, u64 step)
{
	for (u64 at = 0; at + sizeof(struct efi_memory_descriptor) <= size; at += step) {
		struct efi_memory_descriptor d;

		memcpy(&d, map + at, sizeof(d));
		if (d.pages > (~0ULL >> PAGE_SHIFT))
			continue;
		memmap_add(info, d.physical, d.pages << PAGE_SHIFT, efi_region_type(d.type));
	}
}

/* By the firmware's own choice of an algorithm. Without a generator, or where that fails, there is no seed. */
static void take_seed(const struct efi_boot_services *bs, struct boot_info *info)
{
	struct efi_guid guid = GUID_RNG;
	struct efi_rng *rng = NULL;

	if (bs->locate_protocol(&guid, NULL, (void **)&rng) || !rng)
		return;
	if (rng->get_rng(rng, NULL, sizeof(info->efi_seed), info->efi_seed))
		memset(info->efi_seed, 0, sizeof(info->efi_seed));
	else
		info->efi_seed_len = sizeof(info->efi_seed);
}

const char *efi_leave(struct boot_info *info, u64 image_handle)
{
	const struct efi_system_table *st = (const void *)info->efi_system_table;

	if (!st || st->header.signature != EFI_SYSTEM_TABLE_SIGNATURE || !st->boot_services)
		return "UEFI: the loader gave no system table";
	take_seed(st->boot_services, info);
	find_rsdp(st, info);
	for (int i = 0; i < EXIT_TRIES; i++) {
		u64 size = sizeof(map), key = 0, step = 0;
		u32 version = 0;
		u64 status = st->boot_services->get_memory_map(&size, map, &key, &step, &version);

		if (status == EFI_BUFFER_TOO_SMALL)
			return "UEFI: the memory map is too long";
		if (status || step < sizeof(struct efi_memory_descriptor) || size > sizeof(map))
			return "UEFI: GetMemoryMap failed";
		status = st->boot_services->exit_boot_services(image_handle, key);
		if (!status) {
			take_map(info, size, step);
			return NULL;
		}
		if (status != EFI_INVALID_PARAMETER)
			break;
	}
	return "UEFI: ExitBootServices failed";
}
