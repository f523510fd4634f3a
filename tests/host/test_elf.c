/*
 * lib/elf.h: headers of both classes, segments and notes, field by field; files cut at every byte and headers that
 * point out of them. Files are blocks of their exact size. Offsets are the ABI's (chapter 4, "ELF Header"; chapter 5,
 * "Program Header", "Note Section").
 *
 * sources: lib/elf.c lib/string.c
 */
#include "lib/elf.h"

#include <stdlib.h>

#include "lib/string.h"
#include "tests/host/harness.h"

#define NARROW_PH 52u
#define WIDE_PH   64u
#define NOTES     0x140u
#define SIZE      0x1a0u

static u8 file[SIZE];

static void put16(u32 at, u16 v)
{
	memcpy(file + at, &v, 2);
}

static void put32(u32 at, u32 v)
{
	memcpy(file + at, &v, 4);
}

static void put64(u32 at, u64 v)
{
	memcpy(file + at, &v, 8);
}

static void start(u8 class, u16 machine)
{
	memset(file, 0, sizeof(file));
	memcpy(file, "\177ELF", 4);
	file[4] = class;
	file[5] = 1;
	put16(16, 2);
	put16(18, machine);
}

/* Two segments: one to load, one of notes. */
static void make_narrow(void)
{
	start(1, 3);
	put32(24, 0x100020);
	put32(28, NARROW_PH);
	put16(42, 32);
	put16(44, 2);
	put32(NARROW_PH, 1);
	put32(NARROW_PH + 4, 0x100);
	put32(NARROW_PH + 8, 0xc0100000);
	put32(NARROW_PH + 12, 0x100000);
	put32(NARROW_PH + 16, 0x40);
	put32(NARROW_PH + 20, 0x2000);
	put32(NARROW_PH + 28, 0x1000);
	put32(NARROW_PH + 32, 4);
	put32(NARROW_PH + 36, NOTES);
	put32(NARROW_PH + 48, SIZE - NOTES);
}

static void make_wide(void)
{
	start(2, 62);
	put64(24, 0xffffffff81000020);
	put64(32, WIDE_PH);
	put16(54, 56);
	put16(56, 2);
	put32(WIDE_PH, 1);
	put64(WIDE_PH + 8, 0x100);
	put64(WIDE_PH + 16, 0xffffffff81000000);
	put64(WIDE_PH + 24, 0x123456789000);
	put64(WIDE_PH + 32, 0x40);
	put64(WIDE_PH + 40, 0x100000000);
	put64(WIDE_PH + 48, 0x200000);
	put32(WIDE_PH + 56, 4);
	put64(WIDE_PH + 56 + 8, NOTES);
	put64(WIDE_PH + 56 + 32, SIZE - NOTES);
	put64(WIDE_PH + 56 + 48, 4);
}

/* A note at this distance in the segment of notes: 12 bytes, the name, the content. */
static void note(u32 at, u32 type, u32 namesz, u32 descsz)
{
	put32(NOTES + at, namesz);
	put32(NOTES + at + 4, descsz);
	put32(NOTES + at + 8, type);
}

/* The first n bytes, in a block of their own. */
static const char *cut(size_t n, struct elf_file *f, u8 **copy)
{
	*copy = malloc(n ? n : 1);
	memcpy(*copy, file, n);
	return elf_open(f, *copy, n);
}

static const char *whole(struct elf_file *f)
{
	return elf_open(f, file, SIZE);
}

TEST(narrow)
{
	struct elf_segment s;
	struct elf_file f;

	make_narrow();
	CHECK(elf_is(file, SIZE));
	CHECK(!whole(&f));
	CHECK(!f.wide);
	CHECK_EQ(f.entry, 0x100020);
	CHECK_EQ(f.phnum, 2);
	s = elf_segment_at(&f, 0);
	CHECK_EQ(s.type, 1);
	CHECK_EQ(s.offset, 0x100);
	CHECK_EQ(s.vaddr, 0xc0100000);
	CHECK_EQ(s.paddr, 0x100000);
	CHECK_EQ(s.filesz, 0x40);
	CHECK_EQ(s.memsz, 0x2000);
	CHECK_EQ(s.align, 0x1000);
	CHECK(!elf_segment_error(&f, &s));
	CHECK_EQ(elf_segment_at(&f, 1).type, 4);
	CHECK_EQ(elf_segment_at(&f, 1).offset, NOTES);
}

TEST(wide)
{
	struct elf_segment s;
	struct elf_file f;

	make_wide();
	CHECK(!whole(&f));
	CHECK(f.wide);
	CHECK_EQ(f.entry, 0xffffffff81000020);
	CHECK_EQ(f.phnum, 2);
	s = elf_segment_at(&f, 0);
	CHECK_EQ(s.offset, 0x100);
	CHECK_EQ(s.vaddr, 0xffffffff81000000);
	CHECK_EQ(s.paddr, 0x123456789000);
	CHECK_EQ(s.filesz, 0x40);
	CHECK_EQ(s.memsz, 0x100000000);
	CHECK_EQ(s.align, 0x200000);
	CHECK(!elf_segment_error(&f, &s));
	CHECK_EQ(elf_segment_at(&f, 1).offset, NOTES);
}

static void cut_before(size_t end)
{
	struct elf_file f;
	u8 *copy;

	for (size_t n = 0; n < end; n++) {
		CHECK_STR(cut(n, &f, &copy), "it is truncated");
		free(copy);
	}
	CHECK(!cut(end, &f, &copy));
	CHECK_EQ(elf_segment_at(&f, 1).type, 4);
	free(copy);
}

TEST(cut_anywhere)
{
	make_narrow();
	cut_before(NARROW_PH + 2 * 32);
	make_wide();
	cut_before(WIDE_PH + 2 * 56);
	CHECK(!elf_is(file, 3));
}

#define WRONG(make, change, why)                                                                   \
	do {                                                                                       \
		struct elf_file wrong_;                                                            \
                                                                                                   \
		make();                                                                            \
		change;                                                                            \
		CHECK_STR(whole(&wrong_), why);                                                    \
	} while (0)

TEST(other_files)
{
	WRONG(make_wide, file[0] = 0, "it is no little-endian ELF file");
	WRONG(make_wide, file[4] = 0, "it is no little-endian ELF file");
	WRONG(make_wide, file[4] = 3, "it is no little-endian ELF file");
	WRONG(make_wide, file[5] = 2, "it is no little-endian ELF file");
	WRONG(make_wide, put16(16, 3), "it is no executable for x86");
	WRONG(make_wide, put16(18, 3), "it is no executable for x86");
	WRONG(make_narrow, put16(18, 62), "it is no executable for x86");
	WRONG(make_narrow, put16(42, 56), "its program headers have an unknown form");
	WRONG(make_wide, put16(54, 32), "its program headers have an unknown form");
	WRONG(make_wide, put16(56, 65), "it has too many program headers");
}

/* Each by one byte, and by numbers that wrap. */
TEST(headers_outside)
{
	struct elf_file f;

	WRONG(make_narrow, put32(28, SIZE - 63), "it is truncated");
	WRONG(make_narrow, put32(28, ~0u), "it is truncated");
	WRONG(make_wide, put64(32, SIZE - 111), "it is truncated");
	WRONG(make_wide, put64(32, ~0ULL), "it is truncated");
	WRONG(make_wide, put64(32, ~0ULL - 111), "it is truncated");
	make_wide();
	put64(32, SIZE - 112);
	CHECK(!whole(&f));
}

static const char *segment_with(u64 offset, u64 filesz, u64 memsz)
{
	struct elf_segment s;
	struct elf_file f;

	make_wide();
	put64(WIDE_PH + 8, offset);
	put64(WIDE_PH + 32, filesz);
	put64(WIDE_PH + 40, memsz);
	CHECK(!whole(&f));
	s = elf_segment_at(&f, 0);
	return elf_segment_error(&f, &s);
}

TEST(segments_outside)
{
	CHECK(!segment_with(0, SIZE, SIZE));
	CHECK(!segment_with(SIZE, 0, 0));
	CHECK(!segment_with(1, SIZE - 1, ~0ULL));
	CHECK_STR(segment_with(1, SIZE, SIZE), "it is truncated");
	CHECK_STR(segment_with(SIZE + 1, 0, 0), "it is truncated");
	CHECK_STR(segment_with(~0ULL, 1, 1), "it is truncated");
	CHECK_STR(segment_with(1, ~0ULL, ~0ULL), "it is truncated");
	CHECK_STR(segment_with(0, 2, 1), "a segment's size cannot be");
}

TEST(peek)
{
	struct elf_file f;
	u32 v = 0;

	make_wide();
	put32(SIZE - 4, 0x12345678);
	CHECK(!whole(&f));
	CHECK(elf_peek(&f, SIZE - 4, &v, 4));
	CHECK_EQ(v, 0x12345678);
	CHECK(!elf_peek(&f, SIZE - 3, &v, 4));
	CHECK(!elf_peek(&f, ~0ULL - 1, &v, 4));
}

TEST(notes)
{
	struct elf_description d;
	struct elf_file f;

	make_wide();
	/* One of another type, one of another name, the one, one more of it. */
	note(0, 17, 4, 1);
	memcpy(file + NOTES + 12, "Xen", 4);
	note(20, 18, 6, 3);
	memcpy(file + NOTES + 32, "Xenon", 6);
	note(44, 18, 4, 8);
	memcpy(file + NOTES + 56, "Xen", 4);
	note(68, 18, 4, 4);
	memcpy(file + NOTES + 80, "Xen", 4);
	CHECK(!whole(&f));
	CHECK(elf_find_note(&f, "Xen", 18, &d));
	CHECK_EQ(d.offset, NOTES + 60);
	CHECK_EQ(d.size, 8);
	CHECK(elf_find_note(&f, "Xen", 17, &d));
	CHECK_EQ(d.offset, NOTES + 16);
	CHECK_EQ(d.size, 1);
	CHECK(!elf_find_note(&f, "Xen", 19, &d));
	/* By 8 bytes, as the segment says: the name ends at 16, the content begins there, too. */
	put64(WIDE_PH + 56 + 48, 8);
	CHECK(elf_find_note(&f, "Xen", 17, &d));
	CHECK_EQ(d.offset, NOTES + 16);
	CHECK(!elf_find_note(&f, "Xen", 18, &d));
}

TEST(notes_that_lie)
{
	struct elf_description d;
	struct elf_file f;

	make_wide();
	CHECK(!whole(&f));
	note(0, 18, 4, SIZE - NOTES - 16);
	memcpy(file + NOTES + 12, "Xen", 4);
	CHECK(elf_find_note(&f, "Xen", 18, &d));
	note(0, 18, 4, SIZE - NOTES - 15);
	CHECK(!elf_find_note(&f, "Xen", 18, &d));
	note(0, 18, 4, ~0u);
	CHECK(!elf_find_note(&f, "Xen", 18, &d));
	note(0, 18, ~0u, 0);
	CHECK(!elf_find_note(&f, "Xen", 18, &d));
	note(0, 18, 4, 4);
	put64(WIDE_PH + 56 + 32, SIZE);
	CHECK(!elf_find_note(&f, "Xen", 18, &d));
	put64(WIDE_PH + 56 + 32, 19);
	CHECK(!elf_find_note(&f, "Xen", 18, &d));
	put64(WIDE_PH + 56 + 32, 20);
	CHECK(elf_find_note(&f, "Xen", 18, &d));
	put64(WIDE_PH + 56 + 8, ~0ULL - 4);
	CHECK(!elf_find_note(&f, "Xen", 18, &d));
}
