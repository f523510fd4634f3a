/*
 * Loading of multiboot kernels ("Multiboot Specification version 0.6.96", sections 3.1 to 3.3): where
 * kernel and modules go, the machine state, the information; headers and ELF files that lie.
 *
 * sources: vm/loader.c vm/loader_linux.c vm/loader_multiboot.c vm/loader_pvh.c vm/loader_elf.c
 * sources: vm/loader_modules.c lib/crc32.c lib/elf.c core/bootfs.c tests/host/fake_loader.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/cpu.h"
#include "core/bootfs.h"
#include "lib/errno.h"
#include "tests/host/fake_loader.h"
#include "tests/host/harness.h"
#include "tests/host/kernel_build.h"
#include "tests/host/rand.h"

static u8 kernel[KERNEL_SIZE], flat[0x3000], one[5000], two[1], *cut;

static void start(bool wide)
{
	static bool added;

	if (!added) {
		CHECK_EQ(bootfs_add("kernel", kernel, sizeof(kernel)), 0);
		CHECK_EQ(bootfs_add("flat", flat, sizeof(flat)), 0);
		CHECK_EQ(bootfs_add("one", one, sizeof(one)), 0);
		CHECK_EQ(bootfs_add("a,b", two, sizeof(two)), 0);
		added = true;
	}
	fake_loader_start();
	memset(ram, 0xee, KERNEL_END + 8 * MIB);
	memset(one, 0x11, sizeof(one));
	memset(two, 0x22, sizeof(two));
	kernel_build(kernel, wide,
		     KERNEL_TEXT_PA + 0x10 + (wide ? KERNEL_SHIFT64 : KERNEL_SHIFT32));
	kernel_multiboot(kernel, KERNEL_MULTIBOOT, 3);
	strcpy(vm.cfg.kernel, "kernel");
	strcpy(vm.cfg.cmdline, "root=x -v");
}

static u32 ram32(u64 at)
{
	u32 value;

	CHECK(at <= RAM - 4);
	memcpy(&value, ram + at, 4);
	return value;
}

static u64 ram64(u64 at)
{
	return ram32(at) | (u64)ram32(at + 4) << 32;
}

static u32 info(u32 offset)
{
	return ram32(v.regs.gpr[GPR_RBX] + offset);
}

/* Section 3.2, "Machine state". */
static void check_state(void)
{
	CHECK_EQ(v.regs.gpr[GPR_RAX], 0x2badb002);
	CHECK_EQ(v.regs.cr0 & (CR0_PG | CR0_PE), CR0_PE);
	CHECK_EQ(v.regs.efer, 0);
	CHECK_EQ(v.regs.rflags & (RFLAGS_IF | BIT(17)), 0);
	for (u32 i = SEG_ES; i <= SEG_GS; i++) {
		CHECK_EQ(v.regs.seg[i].base, 0);
		CHECK_EQ(v.regs.seg[i].limit, 0xffffffff);
		CHECK_EQ(v.regs.seg[i].attr & (SEG_ATTR_DB | SEG_ATTR_L), SEG_ATTR_DB);
	}
	CHECK_EQ(v.regs.seg[SEG_CS].attr & 0x1f, 0x1b); /* read and execute */
	CHECK_EQ(v.regs.seg[SEG_DS].attr & 0x1f, 0x13); /* read and write */
	CHECK_EQ(v.dirty & RG_ALL, RG_ALL);
}

TEST(elf_of_both_classes)
{
	for (u32 wide = 0; wide < 2; wide++) {
		start(wide);
		CHECK_EQ(fake_load(), 0);
		check_state();
		CHECK_EQ(v.regs.rip, KERNEL_TEXT_PA + 0x10); /* its physical address */
		CHECK(!memcmp(ram + KERNEL_TEXT_PA, kernel + KERNEL_TEXT, KERNEL_TEXT_SIZE));
		CHECK(!memcmp(ram + KERNEL_DATA_PA, kernel + KERNEL_DATA, KERNEL_DATA_SIZE));
		for (u32 i = KERNEL_DATA_SIZE; i < KERNEL_DATA_MEM; i++)
			CHECK_EQ(ram[KERNEL_DATA_PA + i], 0);
		CHECK_EQ(ram[KERNEL_END], 0xee);
		CHECK_EQ(ram[KERNEL_TEXT_PA - 1], 0xee);
		CHECK_EQ(ram[KERNEL_TEXT_PA + KERNEL_TEXT_SIZE], 0xee);
	}
	/* An entry that is a physical address already. */
	start(true);
	kernel_header(kernel, true, KERNEL_TEXT_PA + 0x20);
	CHECK_EQ(fake_load(), 0);
	CHECK_EQ(v.regs.rip, KERNEL_TEXT_PA + 0x20);
}

/* Section 3.3, "Boot information format". */
TEST(information)
{
	u32 map, end, ram_bytes = 0;
	u64 last = 0;

	start(false);
	CHECK_EQ(fake_load(), 0);
	CHECK_EQ(info(0) & 0x24d, 0x24d); /* memory, command line, modules, map, loader's name */
	CHECK_EQ(info(0) & ~0x24du, 0);
	CHECK_EQ(info(4), 639);
	CHECK_EQ(info(8), 63 * 1024);
	CHECK_STR((char *)ram + info(16), "kernel root=x -v");
	CHECK_EQ(info(20), 0); /* no modules */
	CHECK_STR((char *)ram + info(64), "Plinth");
	map = info(48);
	end = map + info(44);
	CHECK(map < end);
	for (u32 next; map < end; map = next) {
		next = map + ram32(map) + 4; /* size does not count itself */
		CHECK(next > map + 4 && next <= end);
		CHECK(ram64(map + 4) >= last);
		last = ram64(map + 4) + ram64(map + 12);
		if (ram32(map + 20) == 1)
			ram_bytes += (u32)ram64(map + 12);
	}
	CHECK_EQ(last, RAM);
	CHECK(ram_bytes > RAM - MIB && ram_bytes < RAM);
	/* The BIOS data area says the same of low memory. */
	CHECK_EQ(ram32(0x40e) & 0xffff, 0x9fc0);
	CHECK_EQ(ram32(0x413) & 0xffff, 639);
	/* All of it where the guest is told that there is RAM, and below the kernel. */
	CHECK(v.regs.gpr[GPR_RBX] < 0x9fc00 - 88);
	/* No words: the name alone. */
	start(false);
	vm.cfg.cmdline[0] = '\0';
	CHECK_EQ(fake_load(), 0);
	CHECK_STR((char *)ram + info(16), "kernel");
}

static u32 module(u32 i, u32 offset)
{
	return ram32(info(24) + i * 16 + offset);
}

static int load_modules(const char *text)
{
	start(false);
	strcpy(vm.cfg.initrd, text);
	return fake_load();
}

TEST(modules)
{
	u32 end = KERNEL_END;

	CHECK_EQ(load_modules("one -x  y, one,a,,b"), 0);
	CHECK_EQ(info(20), 3);
	for (u32 i = 0; i < 3; i++) {
		CHECK_EQ(module(i, 0) & 0xfff, 0);
		CHECK(module(i, 0) >= end);
		end = module(i, 4);
		CHECK_EQ(module(i, 12), 0);
	}
	CHECK_EQ(module(0, 4) - module(0, 0), sizeof(one));
	CHECK_EQ(module(2, 4) - module(2, 0), 1);
	CHECK_STR((char *)ram + module(0, 8), "one -x  y");
	CHECK_STR((char *)ram + module(1, 8), "one");
	CHECK_STR((char *)ram + module(2, 8), "a,b");
	CHECK(!memcmp(ram + module(0, 0), one, sizeof(one)));
	CHECK(!memcmp(ram + module(1, 0), one, sizeof(one)));
	CHECK_EQ(ram[module(2, 0)], 0x22);
}

TEST(modules_that_are_refused)
{
	char many[DOMAIN_INITRD_MAX] = "one";

	CHECK_EQ(load_modules("one,two"), -ENOENT);
	CHECK_STR(vm.stop_text, "module 'two' is not in the boot set");
	CHECK_EQ(load_modules("one,"), 0); /* nothing behind it */
	CHECK_EQ(info(20), 1);
	CHECK_EQ(load_modules(",one"), -ENOENT);
	CHECK_EQ(load_modules("one ,  "), -ENOENT);
	for (u32 i = 1; i < 32; i++)
		strcat(many, ",one");
	CHECK_EQ(load_modules(many), 0);
	CHECK_EQ(info(20), 32);
	strcat(many, ",one");
	CHECK_EQ(load_modules(many), -EINVAL);
	/* The longest text that there can be. */
	memset(many, 'x', sizeof(many) - 1);
	many[sizeof(many) - 1] = '\0';
	memcpy(many, "one ", 4);
	CHECK_EQ(load_modules(many), 0);
	CHECK_STR((char *)ram + module(0, 8), many);
	memset(many, ',', sizeof(many) - 1);
	CHECK_EQ(load_modules(many), -ENOENT);
	/* What looks at archives is asked. */
	start(false);
	strcpy(vm.cfg.initrd, "one");
	archive_result = -EINVAL;
	CHECK_EQ(fake_load(), -EINVAL);
	CHECK_STR(vm.stop_text, "module 'one' is truncated or corrupted");
	/* No room. */
	start(false);
	strcpy(vm.cfg.initrd, "one");
	vm.cfg.memory = 4 * MIB;
	CHECK_EQ(fake_load(), 0);
	start(false);
	strcpy(vm.cfg.initrd, "one");
	vm.cfg.memory = ALIGN_UP((u64)KERNEL_END, 4096ull) + 4096;
	CHECK_EQ(fake_load(), -ENOSPC);
	CHECK(strstr(vm.stop_text, "module 'one' does not fit"));
}

/* Section 3.1.1: the header is aligned to 4 bytes and lies in the first 8192. */
TEST(where_the_header_is)
{
	for (u32 at = 0x400; at < 0x480; at++) {
		start(false);
		memset(kernel + KERNEL_MULTIBOOT, 0, 12);
		kernel_multiboot(kernel, at, 3);
		CHECK_EQ(fake_load(), at % 4 ? -EINVAL : 0);
	}
	start(false);
	kernel_put32(kernel + KERNEL_MULTIBOOT + 8, 1); /* the checksum */
	CHECK_EQ(fake_load(), -EINVAL);
	CHECK(strstr(vm.stop_text, "is an ELF file with neither"));
	cut = calloc(1, 8192 + 32);
	CHECK_EQ(bootfs_add("long", cut, 8192 + 32), 0);
	for (u32 at = 8192 - 16; at <= 8192; at += 4) {
		start(false);
		strcpy(vm.cfg.kernel, "long");
		memset(cut, 0, 8192 + 32);
		kernel_build(cut, false, KERNEL_TEXT_PA);
		memset(cut + 8000, 0, 8192 + 32 - 8000);
		kernel_multiboot(cut, at, 3);
		CHECK_EQ(fake_load(), at <= 8192 - 12 ? 0 : -EINVAL);
	}
}

TEST(flags)
{
	start(false);
	kernel_multiboot(kernel, KERNEL_MULTIBOOT, 0);
	CHECK_EQ(fake_load(), 0);
	for (u32 bit = 2; bit < 32; bit++) {
		start(false);
		kernel_multiboot(kernel, KERNEL_MULTIBOOT, 3u | 1u << bit);
		/* What it requires and is unknown; 16: the addresses, here all 0; what it may wish. */
		CHECK_EQ(fake_load(), bit < 16 ? -EINVAL : bit == 16 ? -ENOSPC : 0);
	}
}

/* --- by addresses in the header ------------------------------------------------------------------------ */

#define FLAT_AT     0x44u /* of the header in the file */
#define FLAT_BASE   0x150000u
#define FLAT_BEFORE 0x24u /* from the first byte that is loaded to the header */

static void start_flat(u32 header, u32 load, u32 load_end, u32 bss_end, u32 entry)
{
	u8 *p;

	start(false);
	strcpy(vm.cfg.kernel, "flat");
	for (u32 i = 0; i < sizeof(flat); i++)
		flat[i] = (u8)(i * 11 >> 2);
	p = kernel_multiboot(flat, FLAT_AT, 0x10003);
	kernel_put32(p, header);
	kernel_put32(p + 4, load);
	kernel_put32(p + 8, load_end);
	kernel_put32(p + 12, bss_end);
	kernel_put32(p + 16, entry);
}

static int load_flat(u32 header, u32 load, u32 load_end, u32 bss_end, u32 entry)
{
	start_flat(header, load, load_end, bss_end, entry);
	return fake_load();
}

TEST(by_addresses)
{
	u32 from = FLAT_AT - FLAT_BEFORE, h = FLAT_BASE + FLAT_BEFORE;

	CHECK_EQ(load_flat(h, FLAT_BASE, FLAT_BASE + 0x1000, FLAT_BASE + 0x2000, FLAT_BASE + 8), 0);
	check_state();
	CHECK_EQ(v.regs.rip, FLAT_BASE + 8);
	CHECK(!memcmp(ram + FLAT_BASE, flat + from, 0x1000));
	for (u32 i = 0x1000; i < 0x2000; i++)
		CHECK_EQ(ram[FLAT_BASE + i], 0);
	CHECK_EQ(ram[FLAT_BASE + 0x2000], 0xee);
	CHECK_EQ(ram[FLAT_BASE - 1], 0xee);
	/* load_end_addr 0: all of the file; bss_end_addr 0: no bss. */
	CHECK_EQ(load_flat(h, FLAT_BASE, 0, 0, FLAT_BASE), 0);
	CHECK(!memcmp(ram + FLAT_BASE, flat + from, sizeof(flat) - from));
	CHECK_EQ(ram[FLAT_BASE + sizeof(flat) - from], 0xee);
	/* An ELF file's own headers do not count then. */
	start(false);
	kernel_multiboot(kernel, KERNEL_MULTIBOOT, 0x10000);
	kernel_put32(kernel + KERNEL_MULTIBOOT + 12, FLAT_BASE + KERNEL_MULTIBOOT);
	kernel_put32(kernel + KERNEL_MULTIBOOT + 16, FLAT_BASE);
	kernel_put32(kernel + KERNEL_MULTIBOOT + 20, 0);
	kernel_put32(kernel + KERNEL_MULTIBOOT + 24, 0);
	kernel_put32(kernel + KERNEL_MULTIBOOT + 28, FLAT_BASE);
	CHECK_EQ(fake_load(), 0);
	CHECK(!memcmp(ram + FLAT_BASE, kernel, sizeof(kernel)));
	CHECK_EQ(ram[KERNEL_TEXT_PA], 0xee);
}

TEST(addresses_that_are_refused)
{
	u32 h = FLAT_BASE + FLAT_BEFORE;
	u32 most = FLAT_BASE + sizeof(flat) - (FLAT_AT - FLAT_BEFORE);

	CHECK_EQ(load_flat(h, FLAT_BASE, most, 0, FLAT_BASE), 0);
	CHECK_EQ(load_flat(h, FLAT_BASE, most + 1, 0, FLAT_BASE), -EINVAL);
	CHECK_EQ(load_flat(h, FLAT_BASE, FLAT_BASE - 1, 0, FLAT_BASE), -EINVAL);
	CHECK_EQ(load_flat(h, h + 1, 0, 0, h + 1), -EINVAL);
	CHECK_EQ(load_flat(h, h - FLAT_AT, 0, 0, h), 0);
	CHECK_EQ(load_flat(h, h - FLAT_AT - 1, 0, 0, h), -EINVAL);
	CHECK_EQ(load_flat(0xffffffff, 0, 0, 0, 0), -EINVAL);
	CHECK_EQ(load_flat(h, FLAT_BASE, most, 0, FLAT_BASE - 1), -EINVAL);
	CHECK_EQ(load_flat(h, FLAT_BASE, most, 0, most), -EINVAL);
	CHECK_EQ(load_flat(h, FLAT_BASE, most, most + 1, most), 0);
	CHECK_EQ(load_flat(h, FLAT_BASE, 0, 0xffffffff, FLAT_BASE), -ENOSPC);
	CHECK_EQ(load_flat(0xfff20, 0xfff00, 0, 0, 0xfff00), -ENOSPC); /* below 1 MiB */
	CHECK_EQ(load_flat(0x3ffff10, 0x3ffff00, 0, 0, 0x3ffff00), -ENOSPC);
	CHECK_EQ(load_flat(0xffffff10, 0xffffff00, 0, 0, 0xffffff00), -ENOSPC);
	/* A header that asks for addresses and is cut off. */
	start_flat(h, FLAT_BASE, 0, 0, FLAT_BASE);
	CHECK_EQ(bootfs_add("stump", flat, FLAT_AT + 31), 0);
	strcpy(vm.cfg.kernel, "stump");
	CHECK_EQ(fake_load(), -EINVAL);
	/* No ELF file and no addresses. */
	start(false);
	strcpy(vm.cfg.kernel, "flat");
	memset(flat, 0, sizeof(flat));
	kernel_multiboot(flat, FLAT_AT, 3);
	CHECK_EQ(fake_load(), -EINVAL);
	CHECK(strstr(vm.stop_text, "without addresses"));
}

/* --- ELF files that lie ------------------------------------------------------------------------------ */

/* Sets one field of the header or of a segment, of the wide form, and loads. */
#define ELF64(field, value, result)                                                                \
	do {                                                                                       \
		start(true);                                                                       \
		((struct elf64_header *)kernel)->field = (value);                                  \
		CHECK_EQ(fake_load(), result);                                                     \
	} while (0)
#define SEGMENT(field, value, result)                                                              \
	do {                                                                                       \
		start(true);                                                                       \
		((struct elf64_segment *)(kernel + KERNEL_PHDRS))[1].field = (value);              \
		CHECK_EQ(fake_load(), result);                                                     \
	} while (0)

TEST(elf_files_that_lie)
{
	ELF64(ident.class, 3, -EINVAL);
	ELF64(ident.class, 1, -EINVAL);
	ELF64(ident.data, 2, -EINVAL);
	ELF64(type, 3, -EINVAL);
	ELF64(machine, 3, -EINVAL);
	ELF64(machine, 183, -EINVAL);
	ELF64(phentsize, 32, -EINVAL);
	ELF64(phnum, 0, -EINVAL);
	ELF64(phnum, 65535, -EINVAL);
	ELF64(phoff, KERNEL_SIZE, -EINVAL);
	ELF64(phoff, ~0ull, -EINVAL);
	ELF64(phoff, KERNEL_SIZE - 3 * 56 + 1, -EINVAL);
	ELF64(entry, 0, -EINVAL);
	ELF64(entry, KERNEL_TEXT_PA - 1, -EINVAL);
	ELF64(entry, KERNEL_END, -EINVAL);
	ELF64(entry, KERNEL_END - 1, 0);
	ELF64(entry, ~0ull, -EINVAL);
	SEGMENT(type, 0x70000000, 0); /* not for us */
	SEGMENT(offset, KERNEL_SIZE - KERNEL_DATA_SIZE + 1, -EINVAL);
	SEGMENT(offset, ~0ull, -EINVAL);
	SEGMENT(filesz, KERNEL_DATA_MEM + 1, -EINVAL);
	SEGMENT(filesz, 0, 0);
	SEGMENT(memsz, KERNEL_DATA_SIZE - 1, -EINVAL);
	SEGMENT(memsz, 0, 0);
	SEGMENT(memsz, ~0ull, -ENOSPC);
	SEGMENT(memsz, RAM - KERNEL_DATA_PA - KERNEL_TEXT_SIZE, 0);
	SEGMENT(memsz, RAM - KERNEL_DATA_PA + 1, -ENOSPC);
	SEGMENT(paddr, 0xfffff, -ENOSPC); /* on our tables */
	SEGMENT(paddr, 0, -ENOSPC);
	SEGMENT(paddr, RAM - KERNEL_DATA_MEM, 0);
	SEGMENT(paddr, RAM - KERNEL_DATA_MEM + 1, -ENOSPC);
	SEGMENT(paddr, ~0ull, -ENOSPC);
	SEGMENT(paddr, 0xfffffffffffff000, -ENOSPC);
}

/* Segments in one place cost no more than the memory that there is. */
TEST(overlapping_segments)
{
	start(true);
	for (u32 i = 0; i < 3; i++)
		kernel_segment(kernel, true, i,
			       (struct elf64_segment){ .type = ELF_LOAD,
						       .paddr = 1 * MIB,
						       .vaddr = KERNEL_SHIFT64,
						       .memsz = RAM / 2 });
	CHECK_EQ(fake_load(), -ENOSPC);
}

/* Files of every length, in blocks of just that size: the sanitizer sees any byte too many. */
TEST(truncated)
{
	char name[16];

	for (u32 n = 1; n < 40; n++) {
		u32 size = n < 20 ? n * 32 : KERNEL_SIZE - (40 - n) * 41;
		u8 *copy = malloc(size);

		start(n & 1);
		memcpy(copy, kernel, size);
		snprintf(name, sizeof(name), "cut%u", n);
		CHECK_EQ(bootfs_add(name, copy, size), 0);
		strcpy(vm.cfg.kernel, name);
		CHECK_EQ(fake_load(), -EINVAL);
	}
}

/* Random bytes in the headers: an error or a guest whose entry lies in RAM. */
TEST(random_headers)
{
	u32 good = 0;

	for (u32 round = 0; round < 3000; round++) {
		start(round & 1);
		for (u32 k = rand_below(6); k; k--)
			kernel[rand_below(KERNEL_NOTES)] = (u8)rand_u64();
		if (fake_load())
			continue;
		good++;
		CHECK(v.regs.rip >= 0x100000 && v.regs.rip < RAM);
	}
	CHECK(good > 300 && good < 2900);
}
