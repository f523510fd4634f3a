/*
 * Loading of Linux kernels (Linux documentation, "The Linux/x86 Boot Protocol") and flat images: where things
 * go and what the guest is told; headers that lie about size, place, alignment and version.
 *
 * sources: vm/loader.c vm/loader_linux.c vm/loader_multiboot.c vm/loader_pvh.c vm/loader_elf.c
 * sources: vm/loader_modules.c lib/crc32.c lib/elf.c core/bootfs.c tests/host/fake_loader.c
 */
#include "vm/loader.h"

#include <string.h>

#include "arch/cpu.h"
#include "core/bootfs.h"
#include "lib/crc32.h"
#include "lib/errno.h"
#include "lib/hw/linux_boot.h"
#include "tests/host/fake_loader.h"
#include "tests/host/harness.h"

#define SETUP    (5 * LINUX_SECTOR) /* boot sector and four of setup */
#define PAYLOAD  0x30000u
#define KERNEL   (SETUP + PAYLOAD)
#define FILE_MAX (KERNEL + 4096)

static u8 kernel[FILE_MAX], initrd[0x5123], flat[0x3000];

/* --- images ------------------------------------------------------------------------------------------- */

static struct linux_setup *setup(void)
{
	return (struct linux_setup *)(kernel + LINUX_SETUP_OFFSET);
}

/* The last four bytes make the checksum right. */
static void seal(void)
{
	u32 crc = crc32_update(~0u, kernel, KERNEL - 4);

	memcpy(kernel + KERNEL - 4, &crc, 4);
}

static void start(void)
{
	static bool added;

	if (!added) {
		CHECK_EQ(bootfs_add("vmlinuz", kernel, KERNEL), 0);
		CHECK_EQ(bootfs_add("short", kernel, 600), 0);
		CHECK_EQ(bootfs_add("half", kernel, KERNEL / 2), 0);
		CHECK_EQ(bootfs_add("one-less", kernel, KERNEL - 1), 0);
		CHECK_EQ(bootfs_add("longer", kernel, KERNEL + 4096), 0);
		CHECK_EQ(bootfs_add("initrd", initrd, sizeof(initrd)), 0);
		CHECK_EQ(bootfs_add("flat", flat, sizeof(flat)), 0);
		added = true;
	}
	fake_loader_start();
	memset(ram, 0xee, RAM);
	for (u32 i = 0; i < FILE_MAX; i++)
		kernel[i] = (u8)(i * 31 >> 3);
	memset(kernel, 0, SETUP);
	memset(initrd, 0x42, sizeof(initrd));
	memset(flat, 0x90, sizeof(flat));
	*setup() = (struct linux_setup){
		.setup_sects = 4,
		.syssize = PAYLOAD / 16,
		.boot_flag = 0xaa55,
		.header = 0x53726448,
		.version = 0x020f,
		.loadflags = 1,
		.xloadflags = 1,
		.initrd_addr_max = 0x7fffffff,
		.kernel_alignment = 0x200000,
		.relocatable_kernel = 1,
		.cmdline_size = 2047,
		.pref_address = 0x1000000,
		.init_size = 0x800000,
		.setup_data = 0x1234567812345678,
		.payload_length = 0x1000,
		.ramdisk_image = 0x11111111,
		.ramdisk_size = 0x22222222,
	};
	seal();
	strcpy(vm.cfg.kernel, "vmlinuz");
	strcpy(vm.cfg.cmdline, "console=ttyS0 quiet");
	vm.cfg.acpi = true;
}

static struct linux_params *params(void)
{
	return (struct linux_params *)(ram + v.regs.gpr[GPR_RSI]);
}

static u64 ram64(u64 at)
{
	u64 value;

	memcpy(&value, ram + at, 8);
	return value;
}

/* The guest's own page tables, at CR3: where va is. */
static u64 identity(u64 va)
{
	u64 e = ram64((v.regs.cr3 & ~0xfffull) + (va >> 39 & 511) * 8);

	CHECK(e & 1);
	e = ram64((e & ~0xfffull) + (va >> 30 & 511) * 8);
	CHECK(e & 1);
	e = ram64((e & ~0xfffull) + (va >> 21 & 511) * 8);
	CHECK((e & 0x83) == 0x83);
	return (e & ~0x1fffffull) | (va & 0x1fffff);
}

TEST(kernel_and_registers)
{
	start();
	CHECK_EQ(fake_load(), 0);
	CHECK_EQ(v.regs.rip, 0x1000200); /* startup_64 */
	CHECK(!memcmp(ram + 0x1000000, kernel + SETUP, PAYLOAD));
	CHECK_EQ(v.regs.rflags & RFLAGS_IF, 0);
	CHECK_EQ(v.regs.efer & 0x500, 0x500);
	CHECK_EQ(v.regs.cr0 & 0x80000001, 0x80000001);
	CHECK(v.regs.cr4 & CR4_PAE);
	CHECK(v.regs.seg[SEG_CS].attr & SEG_ATTR_L);
	/* "must be __BOOT_CS ... __BOOT_DS", in the GDT that is loaded */
	CHECK_EQ(v.regs.seg[SEG_CS].selector, 0x10);
	CHECK_EQ(v.regs.seg[SEG_DS].selector, 0x18);
	CHECK_EQ(ram64(v.regs.gdt.base + 0x10) >> 40 & 0xff, 0x9b);
	CHECK_EQ(ram64(v.regs.gdt.base + 0x18) >> 40 & 0xf0, 0x90);
	/* The kernel, the zero page and the command line are mapped one to one; so is all below 4 GiB. */
	CHECK_EQ(identity(0x1000200), 0x1000200);
	CHECK_EQ(identity(v.regs.gpr[GPR_RSI]), v.regs.gpr[GPR_RSI]);
	CHECK_EQ(identity(0xfee00123), 0xfee00123);
	CHECK_EQ(v.dirty & RG_ALL, RG_ALL);
}

TEST(zero_page)
{
	struct linux_params *p;

	start();
	CHECK_EQ(fake_load(), 0);
	p = params();
	CHECK_EQ(p->setup.header, 0x53726448);
	CHECK_EQ(p->setup.type_of_loader, 0xff);
	CHECK_EQ(p->setup.setup_data, 0); /* no list of ours, and none that the file claims */
	CHECK_EQ(p->setup.ramdisk_image, 0);
	CHECK_EQ(p->setup.ramdisk_size, 0);
	CHECK_EQ(p->acpi_rsdp_addr, 0xe0000);
	CHECK_STR((char *)ram + p->setup.cmd_line_ptr, "console=ttyS0 quiet");
	for (u32 i = 0; i < sizeof(p->screen_info); i++)
		CHECK_EQ(p->screen_info[i], 0);
	start();
	vm.cfg.acpi = false;
	CHECK_EQ(fake_load(), 0);
	CHECK_EQ(params()->acpi_rsdp_addr, 0);
}

/* RAM is exactly what there is; nothing overlaps; the BIOS area is reserved. */
TEST(memory_map)
{
	static const u64 sizes[] = { 64 * MIB, 1 * GIB, 3 * GIB, 5 * GIB };

	for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
		u64 usable = 0, end = 0;
		struct linux_params *p;

		start();
		vm.cfg.memory = sizes[s];
		CHECK_EQ(fake_load(), 0);
		p = params();
		CHECK(p->e820_entries >= 3);
		for (u32 i = 0; i < p->e820_entries; i++) {
			struct linux_e820 e = p->e820[i];

			CHECK(e.base >= end && e.size);
			end = e.base + e.size;
			if (e.type != E820_RAM)
				continue;
			usable += e.size;
			CHECK(end <= 0xa0000 || e.base >= 0x100000);
			CHECK(end <= 0xc0000000 || e.base >= 0x100000000);
		}
		CHECK(usable <= sizes[s] && usable >= sizes[s] - MIB);
		CHECK_EQ(end, sizes[s] <= 3 * GIB ? sizes[s] : sizes[s] + GIB);
	}
}

TEST(ramdisk)
{
	struct linux_params *p;

	start();
	strcpy(vm.cfg.initrd, "initrd");
	CHECK_EQ(fake_load(), 0);
	p = params();
	CHECK_EQ(p->setup.ramdisk_size, sizeof(initrd));
	CHECK(p->setup.ramdisk_image >= 0x1000000 + 0x800000); /* behind what the kernel needs */
	CHECK_EQ(p->setup.ramdisk_image & 0xfff, 0);
	CHECK(p->setup.ramdisk_image + sizeof(initrd) <= RAM);
	CHECK(!memcmp(ram + p->setup.ramdisk_image, initrd, sizeof(initrd)));
	/* Not above what the kernel can reach. */
	start();
	strcpy(vm.cfg.initrd, "initrd");
	setup()->initrd_addr_max = 0x1ffffff;
	seal();
	CHECK_EQ(fake_load(), 0);
	p = params();
	CHECK(p->setup.ramdisk_image + sizeof(initrd) <= 0x2000000);
	start();
	strcpy(vm.cfg.initrd, "initrd");
	setup()->initrd_addr_max = 0x1801000;
	seal();
	CHECK_EQ(fake_load(), -ENOSPC);
	start();
	strcpy(vm.cfg.initrd, "initrd");
	setup()->initrd_addr_max = 0;
	seal();
	CHECK_EQ(fake_load(), -ENOSPC);
	start();
	strcpy(vm.cfg.initrd, "initrd");
	archive_result = -EINVAL;
	CHECK_EQ(fake_load(), -EINVAL);
	CHECK(strstr(vm.stop_text, "initrd"));
	start();
	strcpy(vm.cfg.initrd, "nowhere");
	CHECK_EQ(fake_load(), -ENOENT);
	CHECK(strstr(vm.stop_text, "nowhere"));
}

/* Its checksum is looked at, and it is copied, in pieces. */
TEST(others_get_their_turn)
{
	start();
	CHECK_EQ(fake_load(), 0);
	CHECK(fake_yields >= PAYLOAD / (16 * KIB) + PAYLOAD / (32 * KIB));
}

TEST(command_line)
{
	start();
	memset(vm.cfg.cmdline, 'x', 2047);
	CHECK_EQ(fake_load(), 0);
	CHECK_EQ(strlen((char *)ram + params()->setup.cmd_line_ptr), 2047);
	start();
	memset(vm.cfg.cmdline, 'x', 256);
	setup()->cmdline_size = 255;
	seal();
	CHECK_EQ(fake_load(), -EINVAL);
}

static int load_file(const char *name)
{
	strcpy(vm.cfg.kernel, name);
	return fake_load();
}

TEST(truncated_and_missing)
{
	start();
	CHECK_EQ(load_file("short"), -EINVAL);
	start();
	CHECK_EQ(load_file("half"), -EINVAL);
	CHECK(strstr(vm.stop_text, "truncated"));
	start();
	CHECK_EQ(load_file("one-less"), -EINVAL);
	start();
	CHECK_EQ(load_file("nowhere"), -ENOENT);
	start();
	CHECK_EQ(load_file("initrd"), -EINVAL); /* no kernel at all */
	CHECK(strstr(vm.stop_text, "neither a bzImage"));
	start();
	CHECK_EQ(load_file("longer"), 0); /* a signature behind it */
}

/* Each byte counts. */
TEST(corrupted)
{
	for (u32 at = SETUP; at < KERNEL; at += 4099) {
		start();
		kernel[at] ^= 0x10;
		CHECK_EQ(fake_load(), -EINVAL);
		CHECK(strstr(vm.stop_text, "corrupted"));
	}
	start();
	kernel[KERNEL - 1] ^= 1;
	CHECK_EQ(fake_load(), -EINVAL);
}

/* Signing a kernel changes two fields of its PE header after the checksum was made. */
TEST(signed_kernel)
{
	start();
	kernel[0] = 'M';
	kernel[1] = 'Z';
	kernel[0x3c] = 0x80;
	seal();
	memset(kernel + 0x80 + 0x58, 0x77, 4);
	memset(kernel + 0x80 + 0xa8, 0x77, 8);
	CHECK_EQ(fake_load(), 0);
	start();
	kernel[0] = 'M';
	kernel[1] = 'Z';
	kernel[0x3c] = 0x80;
	seal();
	kernel[0x80 + 0x5c] ^= 1; /* right behind the first */
	CHECK_EQ(fake_load(), -EINVAL);
	/* A PE header anywhere: nothing is read outside the file. */
	for (u32 shift = 0; shift < 32; shift++) {
		u32 pe = 1u << shift | 0x1f0;

		start();
		kernel[0] = 'M';
		kernel[1] = 'Z';
		memcpy(kernel + 0x3c, &pe, 4);
		(void)load_file(shift & 1 ? "vmlinuz" : "half");
	}
}

/* Changes the header, makes the checksum right, loads. */
#define HEADER(change, result)                                                                     \
	do {                                                                                       \
		start();                                                                           \
		change;                                                                            \
		seal();                                                                            \
		CHECK_EQ(fake_load(), result);                                                     \
	} while (0)

TEST(headers_that_are_refused)
{
	HEADER(setup()->boot_flag = 0xaa56, -EINVAL);
	HEADER(setup()->header ^= 1, -EINVAL);
	HEADER(setup()->version = 0x020b, -EINVAL);
	HEADER(setup()->xloadflags = 0, -EINVAL); /* no 64-bit entry */
	HEADER(setup()->loadflags = 0, -EINVAL);
	HEADER(setup()->syssize = 0xffffffff, -EINVAL);
	HEADER(setup()->syssize = PAYLOAD / 16 + 1, -EINVAL);
	HEADER(setup()->setup_sects = 0xff; setup()->syssize = PAYLOAD / 16, -EINVAL);
	HEADER(setup()->init_size = 0xffffffff, -ENOSPC);
	HEADER(setup()->init_size = 63 * MIB + 1, -ENOSPC);
	HEADER(setup()->relocatable_kernel = 0; setup()->pref_address = 0x3900000, -ENOSPC);
	HEADER(setup()->relocatable_kernel = 0; setup()->pref_address = ~0ull, -ENOSPC);
	HEADER(setup()->relocatable_kernel = 0; setup()->pref_address = 0x80000000, -ENOSPC);
	HEADER(setup()->relocatable_kernel = 0;
	       setup()->pref_address = 0x7000, -ENOSPC); /* on our tables */
	HEADER(setup()->relocatable_kernel = 0; setup()->pref_address = 0, -ENOSPC);
}

TEST(places)
{
	/* It wants more than there is: moved down, to where its alignment allows. */
	HEADER(setup()->pref_address = 0x3a00000, 0);
	CHECK_EQ(v.regs.rip, 0x200200);
	HEADER(setup()->pref_address = ~0ull; setup()->kernel_alignment = 0x1000000, 0);
	CHECK_EQ(v.regs.rip, 0x1000200);
	HEADER(setup()->pref_address = 0x3a00000; setup()->kernel_alignment = 0x80000000, -ENOSPC);
	/* An alignment that is no power of two, or none. */
	for (u32 a = 0; a < 200; a++) {
		start();
		setup()->pref_address = 0x3a00000;
		setup()->kernel_alignment = a * 7919 * 31;
		seal();
		if (!fake_load())
			CHECK(v.regs.rip >= 0x100200 && v.regs.rip < RAM - 0x800000 + 0x200);
	}
	/* "setup_sects: if 0, it is 4" */
	HEADER(setup()->setup_sects = 0, 0);
	CHECK(!memcmp(ram + 0x1000000, kernel + SETUP, PAYLOAD));
}

/* The smallest guests: nothing is written where no RAM is. */
TEST(little_memory)
{
	for (u64 mib = 2; mib <= 32; mib += 2) {
		start();
		vm.cfg.memory = mib * MIB;
		memset(ram + mib * MIB, 0xab, 64);
		(void)fake_load();
		for (u32 i = 0; i < 64; i++)
			CHECK_EQ(ram[mib * MIB + i], 0xab);
	}
}

/* Headers of random bytes with a right checksum. */
TEST(random_headers)
{
	u64 seed = 5;
	u32 good = 0;

	for (u32 round = 0; round < 400; round++) {
		start();
		for (u32 k = 0; k <= round % 12; k++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			kernel[LINUX_SETUP_OFFSET + (seed >> 33) % sizeof(struct linux_setup)] =
				(u8)(seed >> 56);
		}
		seal();
		good += !fake_load();
	}
	CHECK(good > 20 && good < 380);
}

TEST(flat_image)
{
	start();
	vm.cfg.loader = LOADER_FLAT;
	CHECK_EQ(load_file("flat"), 0);
	CHECK_EQ(v.regs.rip, 0x100000);
	CHECK_EQ(v.regs.gpr[GPR_RSP], 0x100000);
	CHECK(!memcmp(ram + 0x100000, flat, sizeof(flat)));
	CHECK_EQ(identity(0x100000), 0x100000);
	start();
	vm.cfg.loader = LOADER_FLAT;
	CHECK_EQ(load_file("nowhere"), -ENOENT);
	start();
	vm.cfg.loader = LOADER_FLAT;
	vm.cfg.memory = 0x101000;
	CHECK_EQ(load_file("flat"), -ENOSPC);
}
