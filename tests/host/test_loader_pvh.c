/*
 * Loading of PVH kernels (Xen documentation, "x86/HVM direct boot ABI"; Xen's public headers
 * hvm/start_info and elfnote): the entry that a note names, the machine state, the start info.
 *
 * sources: vm/loader.c vm/loader_linux.c vm/loader_multiboot.c vm/loader_pvh.c vm/loader_elf.c
 * sources: vm/loader_modules.c lib/crc32.c lib/elf.c core/bootfs.c tests/host/fake_loader.c
 */
#include <stdlib.h>
#include <string.h>

#include "arch/cpu.h"
#include "core/bootfs.h"
#include "lib/errno.h"
#include "tests/host/fake_loader.h"
#include "tests/host/harness.h"
#include "tests/host/kernel_build.h"
#include "tests/host/rand.h"

#define ENTRY (KERNEL_TEXT_PA + 0x140)

static u8 kernel[KERNEL_SIZE], initrd[5000];

static void start(bool wide)
{
	static bool added;

	if (!added) {
		CHECK_EQ(bootfs_add("vmlinux", kernel, sizeof(kernel)), 0);
		CHECK_EQ(bootfs_add("initrd", initrd, sizeof(initrd)), 0);
		added = true;
	}
	fake_loader_start();
	memset(ram, 0xee, KERNEL_END + 8 * MIB);
	memset(initrd, 0x33, sizeof(initrd));
	kernel_build(kernel, wide, 0); /* the header's entry does not count */
	kernel_pvh(kernel, ENTRY, wide ? 8 : 4);
	strcpy(vm.cfg.kernel, "vmlinux");
	strcpy(vm.cfg.cmdline, "console=ttyS0");
	vm.cfg.acpi = true;
}

static u64 get(u64 at, u32 size)
{
	u64 value = 0;

	CHECK(at <= RAM - 8);
	memcpy(&value, ram + at, size);
	return value;
}

static u64 info(u32 offset, u32 size)
{
	return get(v.regs.gpr[GPR_RBX] + offset, size);
}

TEST(entry_and_state)
{
	for (u32 wide = 0; wide < 2; wide++) {
		start(wide);
		CHECK_EQ(fake_load(), 0);
		CHECK_EQ(v.regs.rip, ENTRY);
		CHECK_EQ(v.regs.cr0, CR0_PE | CR0_ET); /* ET cannot be cleared */
		CHECK_EQ(v.regs.cr4, 0);
		CHECK_EQ(v.regs.efer, 0);
		CHECK_EQ(v.regs.rflags & (RFLAGS_IF | RFLAGS_TF | BIT(17)), 0);
		for (u32 i = SEG_ES; i <= SEG_DS; i++) {
			CHECK_EQ(v.regs.seg[i].base, 0);
			CHECK_EQ(v.regs.seg[i].limit, 0xffffffff);
			CHECK_EQ(v.regs.seg[i].attr & (SEG_ATTR_DB | SEG_ATTR_L), SEG_ATTR_DB);
		}
		CHECK_EQ(v.regs.seg[SEG_CS].attr & 0x1f, 0x1b);
		CHECK_EQ(v.regs.seg[SEG_TR].base, 0);
		CHECK_EQ(v.regs.seg[SEG_TR].limit, 0x67);
		CHECK_EQ(v.regs.seg[SEG_TR].attr & 0xff, 0x8b); /* a 32-bit TSS, busy */
		CHECK(!memcmp(ram + KERNEL_TEXT_PA, kernel + KERNEL_TEXT, KERNEL_TEXT_SIZE));
		CHECK(!memcmp(ram + KERNEL_DATA_PA, kernel + KERNEL_DATA, KERNEL_DATA_SIZE));
		CHECK_EQ(ram[KERNEL_DATA_PA + KERNEL_DATA_SIZE], 0);
	}
}

TEST(start_info)
{
	u64 map, last = 0, usable = 0;

	start(true);
	CHECK_EQ(fake_load(), 0);
	CHECK_EQ(info(0, 4), 0x336ec578);
	CHECK_EQ(info(4, 4), 1);
	CHECK_EQ(info(8, 4), 0);  /* flags */
	CHECK_EQ(info(12, 4), 0); /* modules */
	CHECK_STR((char *)ram + info(24, 8), "console=ttyS0");
	CHECK_EQ(info(32, 8), 0xe0000);
	map = info(40, 8);
	for (u32 i = 0; i < info(48, 4); i++) {
		u64 base = get(map + 24 * i, 8), size = get(map + 24 * i + 8, 8);

		CHECK(base >= last && size);
		last = base + size;
		if (get(map + 24 * i + 16, 4) == 1)
			usable += size;
	}
	CHECK_EQ(last, RAM);
	CHECK(usable > RAM - MIB && usable < RAM);
	start(true);
	vm.cfg.acpi = false;
	vm.cfg.memory = 5 * GIB; /* one GiB of it above the hole */
	CHECK_EQ(fake_load(), 0);
	CHECK_EQ(info(32, 8), 0);
	map = info(40, 8) + 24 * (info(48, 4) - 1);
	CHECK_EQ(get(map, 8), 4 * GIB);
	CHECK_EQ(get(map + 8, 8), 2 * GIB);
}

TEST(modules)
{
	u64 list;

	start(true);
	strcpy(vm.cfg.initrd, "initrd,initrd words");
	CHECK_EQ(fake_load(), 0);
	CHECK_EQ(info(12, 4), 2);
	list = info(16, 8);
	CHECK(get(list, 8) >= KERNEL_END);
	CHECK_EQ(get(list + 8, 8), sizeof(initrd));
	CHECK_STR((char *)ram + get(list + 16, 8), "initrd");
	CHECK(get(list + 32, 8) >= get(list, 8) + sizeof(initrd));
	CHECK_STR((char *)ram + get(list + 48, 8), "initrd words");
	CHECK(!memcmp(ram + get(list, 8), initrd, sizeof(initrd)));
	CHECK(!memcmp(ram + get(list + 32, 8), initrd, sizeof(initrd)));
	start(true);
	strcpy(vm.cfg.initrd, "initrd");
	archive_result = -EINVAL;
	CHECK_EQ(fake_load(), -EINVAL);
}

/* A multiboot header counts first, as it does for QEMU. */
TEST(multiboot_first)
{
	start(false);
	kernel_multiboot(kernel, KERNEL_MULTIBOOT, 3);
	kernel_header(kernel, false, KERNEL_TEXT_PA);
	CHECK_EQ(fake_load(), 0);
	CHECK_EQ(v.regs.gpr[GPR_RAX], 0x2badb002);
}

#define NOTE (KERNEL_NOTES + 24) /* the one that counts */

static int load_note(u32 offset, u32 value)
{
	start(true);
	kernel_put32(kernel + NOTE + offset, value);
	return fake_load();
}

TEST(notes_that_lie)
{
	CHECK_EQ(load_note(8, 18), 0);
	CHECK_EQ(load_note(8, 17), -EINVAL);
	CHECK(strstr(vm.stop_text, "is an ELF file with neither"));
	CHECK_EQ(load_note(0, 3), -EINVAL);
	CHECK_EQ(load_note(0, 5), -EINVAL);
	CHECK_EQ(load_note(0, 0xffffffff), -EINVAL);
	CHECK_EQ(load_note(4, 2), -EINVAL);
	CHECK_EQ(load_note(4, 16), -EINVAL);
	CHECK_EQ(load_note(4, 0xffffffff), -EINVAL);
	CHECK_EQ(load_note(12, 0x006e6559), -EINVAL); /* "Yen" */
	CHECK_EQ(load_note(16, KERNEL_TEXT_PA - 1), -EINVAL);
	CHECK(strstr(vm.stop_text, "outside of itself"));
	CHECK_EQ(load_note(16, KERNEL_END - 1), 0);
	CHECK_EQ(load_note(16, KERNEL_END), -EINVAL);
	CHECK_EQ(load_note(20, 1), -EINVAL); /* above 4 GiB */
	/* The first note leads far away. */
	start(true);
	kernel_put32(kernel + KERNEL_NOTES + 4, 0xfffffff0);
	CHECK_EQ(fake_load(), -EINVAL);
	start(true);
	kernel_put32(kernel + KERNEL_NOTES + 4, KERNEL_NOTES_SIZE);
	CHECK_EQ(fake_load(), -EINVAL);
}

static int load_segment(u64 offset, u64 filesz, u64 align)
{
	kernel_segment(kernel, true, 2,
		       (struct elf64_segment){ .type = ELF_NOTE,
					       .offset = offset,
					       .filesz = filesz,
					       .align = align });
	return fake_load();
}

TEST(segments_of_notes)
{
	start(true);
	CHECK_EQ(load_segment(KERNEL_NOTES, 48, 4), 0); /* ends with the entry */
	start(true);
	CHECK_EQ(load_segment(KERNEL_NOTES, 47, 4), -EINVAL);
	start(true);
	CHECK_EQ(load_segment(NOTE, 24, 1), 0); /* an alignment that nobody means */
	start(true);
	CHECK_EQ(load_segment(NOTE, 0, 4), -EINVAL);
	start(true);
	CHECK_EQ(load_segment(~0ull, 48, 4), -EINVAL);
	start(true);
	CHECK_EQ(load_segment(KERNEL_NOTES, ~0ull, 4), -EINVAL);
	start(true);
	CHECK_EQ(load_segment(KERNEL_SIZE - 47, 48, 4), -EINVAL);
	/* With 8-byte alignment the description begins at a multiple of 8. */
	start(true);
	memmove(kernel + KERNEL_NOTES, kernel + NOTE, 24);
	CHECK_EQ(load_segment(KERNEL_NOTES, 24, 8), 0);
	CHECK_EQ(v.regs.rip, ENTRY);
}

TEST(random_notes)
{
	u32 good = 0;

	for (u32 round = 0; round < 3000; round++) {
		start(round & 1);
		for (u32 k = rand_below(6); k; k--)
			kernel[KERNEL_NOTES + rand_below(KERNEL_NOTES_SIZE)] = (u8)rand_u64();
		if (fake_load())
			continue;
		good++;
		CHECK(v.regs.rip >= KERNEL_TEXT_PA && v.regs.rip < KERNEL_END);
	}
	CHECK(good > 300 && good < 2900);
}
