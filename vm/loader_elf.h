/*
 * ELF kernels: loadable segments and notes, for the multiboot and PVH loaders. Outside input.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct bootfs_file;
struct vm;

struct elf_image {
	const struct bootfs_file *file;
	bool wide; /* class 64 */
	u64 entry; /* as in the header */
	u64 phoff;
	u32 phnum;
	/* Set by elf_place(): */
	u64 end;      /* one past the last byte in guest memory */
	u64 entry_pa; /* entry, a virtual address in a segment taken for where that lies */
};

bool elf_is(const struct bootfs_file *f);

/*
 * Reads the header: an executable for x86, its program headers inside of the file. 0 or -EINVAL; where
 * *why is what is wrong, for people.
 */
int elf_open(struct elf_image *e, const struct bootfs_file *f, const char **why) __must_check;

/* The value of XEN_ELFNOTE_PHYS32_ENTRY: 0, or -ENOENT where no well-formed one is. */
int elf_pvh_entry(const struct elf_image *e, u64 *entry) __must_check;

/* Copies the segments to their physical addresses. 0, -EINVAL or -ENOSPC; the reason is set. */
int elf_place(struct vm *vm, struct elf_image *e) __must_check;

/* Is it an address of guest memory that a segment was put at? */
bool elf_covers(const struct elf_image *e, u64 pa);
