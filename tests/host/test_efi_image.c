/*
 * boot/app/image.h: an ELF file as linker.ld makes it is placed where its physical addresses say; one that is
 * cut, or whose headers point out of it, is refused. Files are blocks of their exact size.
 *
 * sources: boot/app/image.c lib/elf.c lib/string.c
 */
#include "boot/app/image.h"

#include <stdlib.h>

#include "lib/hw/elf.h"
#include "lib/hw/multiboot2.h"
#include "lib/string.h"
#include "tests/host/harness.h"

#define BASE      0x200000u
#define TEXT_AT   0x1000u
#define TEXT_SIZE 0x300u
#define DATA_AT   0x2000u
#define DATA_SIZE 0x20u
#define SIZE      (DATA_AT + DATA_SIZE)

static struct {
	struct elf64_header h;
	struct elf64_segment s[3];
	u8 gap[TEXT_AT - sizeof(struct elf64_header) - 3 * sizeof(struct elf64_segment)];
	struct mb2_header mb;
	struct mb2_header_entry entry;
	u32 pad;
	struct mb2_header_relocatable reloc;
	struct mb2_header_tag end;
	u8 rest[DATA_AT - TEXT_AT - 16 - 16 - 24 - 8];
	u8 data[DATA_SIZE];
} f;
static_assert(sizeof(f) == SIZE, "the file");

static void sum(void)
{
	f.mb.checksum = -(f.mb.magic + f.mb.architecture + f.mb.length);
}

static void make(void)
{
	memset(&f, 0x5a, sizeof(f));
	memset(&f.h, 0, sizeof(f.h));
	memcpy(f.h.ident.magic, ELF_MAGIC, 4);
	f.h.ident.class = ELF_CLASS64;
	f.h.ident.data = ELF_DATA_LSB;
	f.h.type = ELF_TYPE_EXEC;
	f.h.machine = ELF_MACHINE_X86_64;
	f.h.phoff = sizeof(f.h);
	f.h.phentsize = sizeof(f.s[0]);
	f.h.phnum = 3;
	f.s[0] = (struct elf64_segment){ ELF_LOAD, 5,         TEXT_AT,   ~0ULL,
					 BASE,     TEXT_SIZE, TEXT_SIZE, 4096 };
	f.s[1] = (struct elf64_segment){ ELF_LOAD,      6,         DATA_AT, ~0ULL,
					 BASE + 0x2000, DATA_SIZE, 0x5008,  4096 };
	f.s[2] = (struct elf64_segment){ ELF_NOTE, 4, ~0ULL, 0, 0, ~0ULL, ~0ULL, 4 };
	f.mb = (struct mb2_header){ MB2_HEADER_MAGIC, 0, 16 + 16 + 24 + 8, 0 };
	sum();
	f.entry = (struct mb2_header_entry){ { MB2_HEADER_ENTRY_EFI64, 1, 12 }, BASE + 0x123 };
	f.reloc = (struct mb2_header_relocatable){
		{ MB2_HEADER_RELOCATABLE, 0, 24 }, BASE, ~0u, 0x200000, 1
	};
	f.end = (struct mb2_header_tag){ MB2_HEADER_END, 0, 8 };
	memset(f.data, 0xd1, sizeof(f.data));
}

static const char *check(size_t n, struct image *image)
{
	u8 *copy = malloc(n ? n : 1);
	const char *wrong;

	memcpy(copy, &f, n);
	wrong = image_check(copy, n, image);
	free(copy);
	return wrong;
}

TEST(placed_with_bss)
{
	struct image image;
	u8 *dst;

	make();
	CHECK(!check(SIZE, &image));
	CHECK_EQ(image.base, BASE);
	CHECK_EQ(image.size, 0x7008);
	CHECK_EQ(image.entry, 0x123);
	dst = malloc(image.size);
	memset(dst, 0xff, image.size);
	image.elf.data = (const u8 *)&f; /* what was checked was a copy */
	image_place(&image, dst);
	CHECK(!memcmp(dst, (u8 *)&f + TEXT_AT, TEXT_SIZE));
	CHECK_EQ(dst[TEXT_SIZE], 0);
	CHECK_EQ(dst[0x2000], 0xd1);
	CHECK_EQ(dst[0x2000 + DATA_SIZE], 0);
	CHECK_EQ(dst[0x7007], 0);
	free(dst);
}

TEST(cut_anywhere_is_refused)
{
	struct image image;

	make();
	for (size_t n = 0; n < SIZE; n += n < 300 ? 1 : 97)
		CHECK_STR(check(n, &image), "it is truncated");
	CHECK_STR(check(SIZE - 1, &image), "it is truncated");
}

TEST(other_files_are_refused)
{
	struct image image;

	make();
	f.h.ident.magic[0] = 0;
	CHECK_STR(check(SIZE, &image), "it is no little-endian ELF file");
	make();
	f.h.machine = ELF_MACHINE_386;
	CHECK_STR(check(SIZE, &image), "it is no executable for x86");
	make();
	f.h.ident.class = ELF_CLASS32;
	f.h.machine = ELF_MACHINE_386;
	((struct elf32_header *)&f.h)->phoff = 0;
	((struct elf32_header *)&f.h)->phentsize = sizeof(struct elf32_segment);
	((struct elf32_header *)&f.h)->phnum = 1;
	CHECK_STR(check(SIZE, &image), "it is no executable for x86-64");
	make();
	f.h.phentsize = 32;
	CHECK_STR(check(SIZE, &image), "its program headers have an unknown form");
	make();
	f.h.phoff = ~0ULL;
	CHECK_STR(check(SIZE, &image), "it is truncated");
	make();
	f.h.phoff = SIZE - 8;
	CHECK_STR(check(SIZE, &image), "it is truncated");
	make();
	f.s[0].type = f.s[1].type = 0;
	CHECK_STR(check(SIZE, &image), "it has no segments");
}

TEST(segments_out_of_the_file_or_too_far)
{
	struct image image;

	make();
	f.s[1].filesz = ~0ULL;
	f.s[1].memsz = ~0ULL;
	CHECK_STR(check(SIZE, &image), "it is truncated");
	make();
	f.s[1].offset = ~0ULL - 8;
	CHECK_STR(check(SIZE, &image), "it is truncated");
	make();
	f.s[1].memsz = DATA_SIZE - 1;
	CHECK_STR(check(SIZE, &image), "a segment's size cannot be");
	make();
	f.s[1].paddr = ~0ULL - 8;
	CHECK_STR(check(SIZE, &image), "a segment's place cannot be");
	make();
	f.s[1].paddr = BASE + IMAGE_SIZE_MAX - 0x5007;
	CHECK_STR(check(SIZE, &image), "it is too big");
	make();
	f.s[0].paddr = BASE + 0x1000;
	CHECK_STR(check(SIZE, &image), "it is not linked for a 2 MiB boundary");
}

TEST(multiboot2_header)
{
	struct image image;

	make();
	f.mb.checksum++;
	CHECK_STR(check(SIZE, &image), "it has no multiboot2 header");
	make();
	f.mb.length = 0x10000;
	sum();
	CHECK_STR(check(SIZE, &image), "its multiboot2 header cannot be");
	make();
	f.entry.tag.size = 0;
	CHECK_STR(check(SIZE, &image), "its multiboot2 header cannot be");
	make();
	f.reloc.tag.size = 4096;
	CHECK_STR(check(SIZE, &image), "its multiboot2 header cannot be");
	make();
	f.entry.address = BASE - 1;
	CHECK_STR(check(SIZE, &image), "its multiboot2 header names no UEFI entry");
	make();
	f.entry.address = BASE + 0x7008;
	CHECK_STR(check(SIZE, &image), "its multiboot2 header names no UEFI entry");
	make();
	f.reloc.align = 0x400000;
	CHECK_STR(check(SIZE, &image), "its multiboot2 header does not let it be moved");
	make();
	f.reloc.tag.type = 99;
	CHECK_STR(check(SIZE, &image), "its multiboot2 header does not let it be moved");
}
