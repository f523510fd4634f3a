/*
 * The loaders of Linux, multiboot and PVH kernels: any file is loaded, or refused with a reason; what is
 * written lies in the guest's memory, and the guest is entered at a place that the kernel was put at.
 *
 * sources: vm/loader.c vm/loader_linux.c vm/loader_multiboot.c vm/loader_pvh.c vm/loader_elf.c
 * sources: vm/loader_modules.c lib/crc32.c lib/elf.c tests/host/fake_loader.c
 * timeout: 300
 * runs: 20000
 * max_len: 8192
 */
#include <stdlib.h>
#include <string.h>

#include "core/bootfs.h"
#include "lib/crc32.h"
#include "lib/errno.h"
#include "lib/hw/linux_boot.h"
#include "tests/host/fake_loader.h"
#include "tests/host/fuzzing.h"
#include "tests/host/kernel_build.h"
#include "vm/loader.h"

#define WORDS_MAX 64 /* of the input, for the module list */

static struct bootfs_file files[2];

const struct bootfs_file *bootfs_find(const char *path)
{
	for (u32 i = 0; i < ARRAY_LEN(files); i++) {
		if (!strcmp(path, files[i].path))
			return &files[i];
	}
	return NULL;
}

/* The guest begins in its own memory, above what loaders use for themselves. */
static void check_entry(void)
{
	CHECK(v.regs.rip >= GUEST_KERNEL_MIN && v.regs.rip < RAM);
	CHECK(v.regs.gpr[GPR_RBX] < GUEST_BOOT_END);
	CHECK(v.regs.gpr[GPR_RSI] < GUEST_BOOT_END);
}

/* The first byte says how long the list of modules behind it is; the rest is the kernel. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u32 words = size ? data[0] % WORDS_MAX : 0;
	u8 *copy;

	if (size < words + 1u)
		return 0;
	fake_loader_start();
	strcpy(vm.cfg.kernel, "kernel");
	memcpy(vm.cfg.initrd, data + 1, words);
	vm.cfg.acpi = size & 1;
	data += words + 1u;
	size -= words + 1u;
	copy = fuzz_copy(data, size);
	files[0] = (struct bootfs_file){ "kernel", copy, size };
	files[1] = (struct bootfs_file){ "m", (const u8 *)"module", 6 };
	if (!fake_load())
		check_entry();
	free(copy);
	return 0;
}

static void seed(const char *words, const u8 *kernel, size_t size)
{
	u8 *in = malloc(1 + WORDS_MAX + size);

	in[0] = (u8)strlen(words);
	memcpy(in + 1, words, in[0]);
	memcpy(in + 1 + in[0], kernel, size);
	fuzz_seed(in, 1 + in[0] + size);
	free(in);
}

/* compressed: one whose file ends in its checksum. */
static void seed_linux(bool compressed)
{
	u8 k[4 * LINUX_SECTOR] = { 0 };
	struct linux_setup s = {
		.setup_sects = 1,
		.syssize = 2 * LINUX_SECTOR / LINUX_PARAGRAPH,
		.boot_flag = LINUX_BOOT_FLAG,
		.header = LINUX_MAGIC,
		.version = 0x20f,
		.loadflags = LINUX_LOADED_HIGH,
		.xloadflags = LINUX_XLF_KERNEL_64,
		.initrd_addr_max = 0x7fffffff,
		.kernel_alignment = 0x200000,
		.relocatable_kernel = 1,
		.cmdline_size = 2047,
		.payload_length = compressed ? 100 : 0,
		.pref_address = 0x1000000,
		.init_size = 0x100000,
	};

	memcpy(k + LINUX_SETUP_OFFSET, &s, sizeof(s));
	kernel_put32(k + sizeof(k) - 4, crc32_update(~0u, k, sizeof(k) - 4));
	seed("m", k, sizeof(k));
}

static void seed_addresses(void)
{
	u8 k[0x200] = { 0 }, *p = kernel_multiboot(k, 0x20, 0x10003);

	kernel_put32(p, 0x100020);
	kernel_put32(p + 4, 0x100000);
	kernel_put32(p + 8, 0x100100);
	kernel_put32(p + 12, 0x101000);
	kernel_put32(p + 16, 0x100040);
	seed("m a,m", k, sizeof(k));
}

void fuzz_seeds(void)
{
	u8 k[KERNEL_SIZE];

	for (u32 wide = 0; wide < 2; wide++) {
		kernel_build(k, wide, KERNEL_TEXT_PA);
		kernel_multiboot(k, KERNEL_MULTIBOOT, 3);
		seed("m words,m", k, sizeof(k));
		kernel_build(k, wide, KERNEL_TEXT_PA);
		kernel_pvh(k, KERNEL_TEXT_PA, 4 << wide);
		seed("m", k, sizeof(k));
	}
	seed_linux(false);
	seed_linux(true);
	seed_addresses();
}
