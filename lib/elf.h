/*
 * Reading ELF files ("System V Application Binary Interface", chapters 4 and 5): headers of both classes in one form,
 * each copied once, so that nothing has to be aligned. Pure, on outside input; what a loader makes of the segments is
 * its own: boot/app/image.h, vm/loader_elf.h.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

/* An executable for x86 with all its program headers inside of the file. */
struct elf_file {
	const u8 *data; /* size bytes, kept by the caller as long as this is used */
	size_t size;
	bool wide; /* class 64, for x86-64; else class 32, for the 80386 */
	u64 entry;
	u64 phoff;
	u32 phnum;
};

/* A program header of either class; as it stands in the file: elf_segment_error() says what is wrong with it. */
struct elf_segment {
	u32 type;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

/* Whether it begins as ELF files do. */
bool elf_is(const void *data, size_t size);

/* Reads the header. NULL, or in one line what is wrong. */
const char *elf_open(struct elf_file *f, const void *data, size_t size) __must_check;

/* Program header i < f->phnum. */
struct elf_segment elf_segment_at(const struct elf_file *f, u32 i);

/* NULL if its bytes lie in the file and its memory has room for them; else in one line what is wrong. */
const char *elf_segment_error(const struct elf_file *f, const struct elf_segment *s) __must_check;

/* A note's content: size bytes at offset, all of them in the file. */
struct elf_description {
	u64 offset;
	u32 size;
};

/* The first well-formed note of that name and type, before the first that is not in its segment. */
bool elf_find_note(const struct elf_file *f, const char *name, u32 type,
		   struct elf_description *out) __must_check;

/* Copies n bytes at offset; false: not all of them are in the file. */
bool elf_peek(const struct elf_file *f, u64 offset, void *dst, size_t n) __must_check;
