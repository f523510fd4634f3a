/*
 * The few UEFI structures that the boot path touches (UEFI 2.10: "EFI System Table", "Boot Services").
 */
#pragma once

#include "lib/bootinfo.h"
#include "lib/compiler.h"
#include "lib/types.h"

#define EFIAPI                     __attribute__((ms_abi))
#define EFI_ERROR_BIT              BIT(63)
#define EFI_BUFFER_TOO_SMALL       (EFI_ERROR_BIT | 5)
#define EFI_INVALID_PARAMETER      (EFI_ERROR_BIT | 2)
#define EFI_SYSTEM_TABLE_SIGNATURE 0x5453595320494249ULL /* "IBI SYST" */

struct efi_table_header {
	u64 signature;
	u32 revision, header_size, crc32, reserved;
};

struct efi_guid {
	u64 lo, hi;
};

struct efi_boot_services {
	struct efi_table_header header;
	void *before_get_memory_map[4];
	u64(EFIAPI *get_memory_map)(u64 *size, void *map, u64 *key, u64 *descriptor_size,
				    u32 *descriptor_version);
	void *before_exit_boot_services[21];
	u64(EFIAPI *exit_boot_services)(u64 image, u64 key);
	void *before_locate_protocol[10];
	u64(EFIAPI *locate_protocol)(const struct efi_guid *protocol, void *registration,
				     void **interface);
};
static_assert(offsetof(struct efi_boot_services, get_memory_map) == 56, "UEFI: boot services");
static_assert(offsetof(struct efi_boot_services, exit_boot_services) == 232, "UEFI: boot services");
static_assert(offsetof(struct efi_boot_services, locate_protocol) == 320, "UEFI: boot services");

/* EFI_RNG_PROTOCOL (UEFI 2.10: "Random Number Generator Protocol"). */
struct efi_rng {
	void *get_info;
	u64(EFIAPI *get_rng)(struct efi_rng *self, const struct efi_guid *algorithm, u64 size,
			     void *out);
};

struct efi_configuration_table {
	struct efi_guid guid;
	u64 table;
};

struct efi_system_table {
	struct efi_table_header header;
	u64 vendor;
	u64 revision;
	u64 consoles[6];
	u64 runtime_services;
	struct efi_boot_services *boot_services;
	u64 table_count;
	struct efi_configuration_table *tables;
};
static_assert(offsetof(struct efi_system_table, boot_services) == 96, "UEFI: system table");
static_assert(offsetof(struct efi_system_table, tables) == 112, "UEFI: system table");

struct efi_memory_descriptor {
	u32 type, pad;
	u64 physical, virtual, pages, attribute;
};
static_assert(sizeof(struct efi_memory_descriptor) == 40, "UEFI: memory descriptor, version 1");

enum efi_memory_type {
	EFI_RESERVED,
	EFI_LOADER_CODE,
	EFI_LOADER_DATA,
	EFI_BOOT_CODE,
	EFI_BOOT_DATA,
	EFI_RUNTIME_CODE,
	EFI_RUNTIME_DATA,
	EFI_CONVENTIONAL,
	EFI_UNUSABLE,
	EFI_ACPI_RECLAIM,
	EFI_ACPI_NVS,
	EFI_MMIO,
	EFI_MMIO_PORTS,
	EFI_PAL_CODE,
	EFI_PERSISTENT,
};

/* The boot region type of an EFI memory type; what is not known is reserved. */
u32 efi_region_type(u32 efi_type);

/*
 * Takes a random seed, where the firmware has a generator, the ACPI root pointer and the memory map from the firmware at info->efi_system_table and
 * ends its boot services; on the firmware's page tables. NULL, or in one line what went wrong.
 */
const char *efi_leave(struct boot_info *info, u64 image_handle) __must_check;
