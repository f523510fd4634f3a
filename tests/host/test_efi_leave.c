/*
 * boot/efi.h: what is asked of the firmware before its boot services end: the random seed, whole or not at all.
 *
 * sources: boot/efi.c boot/memmap.c lib/string.c
 */
#include "boot/efi.h"

#include "lib/string.h"
#include "tests/host/harness.h"

#define FAILED (EFI_ERROR_BIT | 7)

static struct boot_info info;
static struct efi_rng rng;
static bool have_rng, broken, left;

static u64 EFIAPI get_map(u64 *size, void *map, u64 *key, u64 *step, u32 *version)
{
	struct efi_memory_descriptor d = { .type = EFI_CONVENTIONAL,
					   .physical = 0x100000,
					   .pages = 16 };

	memcpy(map, &d, sizeof(d));
	*size = *step = sizeof(d);
	*version = 1;
	*key = 7;
	return 0;
}

static u64 EFIAPI leave(u64 image, u64 key)
{
	CHECK_EQ(image, 5);
	CHECK_EQ(key, 7);
	left = true;
	return 0;
}

static u64 EFIAPI locate(const struct efi_guid *guid, void *registration, void **interface)
{
	static const u8 wanted[16] = { 0xa5, 0xbc, 0x52, 0x31, 0xde, 0xea, 0x3d, 0x43,
				       0x86, 0x2e, 0xc0, 0x1c, 0xdc, 0x29, 0x1f, 0x44 };

	CHECK(!registration);
	CHECK(!memcmp(guid, wanted, sizeof(wanted)));
	if (!have_rng)
		return FAILED;
	*interface = &rng;
	return 0;
}

static u64 EFIAPI get_rng(struct efi_rng *self, const struct efi_guid *algorithm, u64 size,
			  void *out)
{
	CHECK(self == &rng);
	CHECK(!algorithm);
	CHECK(!left);
	memset(out, 0x5a, broken ? size / 2 : size);
	return broken ? FAILED : 0;
}

/* The whole conversation; how many bytes of seed there are. */
static u32 talk(void)
{
	static struct efi_boot_services bs = { .get_memory_map = get_map,
					       .exit_boot_services = leave,
					       .locate_protocol = locate };
	struct efi_system_table st = { .header.signature = EFI_SYSTEM_TABLE_SIGNATURE,
				       .boot_services = &bs };

	rng.get_rng = get_rng;
	memset(&info, 0, sizeof(info));
	left = false;
	info.efi_system_table = (u64)&st;
	CHECK(!efi_leave(&info, 5));
	CHECK(left);
	CHECK_EQ(info.region_count, 1);
	return info.efi_seed_len;
}

static u32 bytes_of(u8 v)
{
	u32 n = 0;

	for (u32 i = 0; i < sizeof(info.efi_seed); i++)
		n += info.efi_seed[i] == v;
	return n;
}

TEST(seed)
{
	have_rng = true;
	broken = false;
	CHECK_EQ(talk(), 64);
	CHECK_EQ(bytes_of(0x5a), 64);
}

TEST(no_generator)
{
	have_rng = false;
	CHECK_EQ(talk(), 0);
	CHECK_EQ(bytes_of(0), 64);
}

TEST(generator_fails)
{
	have_rng = broken = true;
	CHECK_EQ(talk(), 0);
	CHECK_EQ(bytes_of(0), 64);
}
