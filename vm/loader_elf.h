/*
 * ELF kernels: loadable segments and the entry's note, for the multiboot and PVH loaders.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/elf.h"
#include "lib/types.h"

struct bootfs_file;
struct vm;

struct elf_kernel {
	const char *path;
	struct elf_file elf;
	/* Set by elf_kernel_place(): */
	u64 end;      /* one past the last byte in guest memory */
	u64 entry_pa; /* the entry, a virtual address in a segment taken for where that lies */
};

/* Reads the headers; the file stays where it is. NULL, or in one line what is wrong. */
const char *elf_kernel_open(struct elf_kernel *k, const struct bootfs_file *f) __must_check;

/* The value of XEN_ELFNOTE_PHYS32_ENTRY: 0, or -ENOENT where no well-formed one is. */
int elf_kernel_pvh_entry(const struct elf_kernel *k, u64 *entry) __must_check;

/* Copies the segments to their physical addresses. 0, -EINVAL or -ENOSPC; the reason is set. */
int elf_kernel_place(struct vm *vm, struct elf_kernel *k) __must_check;

/* Is it an address of guest memory that a segment was put at? */
bool elf_kernel_covers(const struct elf_kernel *k, u64 pa);
