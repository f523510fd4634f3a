/*
 * ELF files ("System V Application Binary Interface", chapters 4 and 5): headers of both classes, and
 * the note by which Xen's documentation ("x86/HVM direct boot ABI") names a kernel's 32-bit entry.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

#define ELF_MAGIC "\177ELF"

enum elf_class { ELF_CLASS32 = 1, ELF_CLASS64 = 2 };
#define ELF_DATA_LSB       1
#define ELF_TYPE_EXEC      2
#define ELF_MACHINE_386    3
#define ELF_MACHINE_X86_64 62

struct elf_ident {
	u8 magic[4];
	u8 class; /* enum elf_class */
	u8 data;
	u8 version;
	u8 abi[9];
};

struct elf32_header {
	struct elf_ident ident;
	u16 type, machine;
	u32 version;
	u32 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
static_assert(sizeof(struct elf32_header) == 52, "Elf32_Ehdr");

struct elf64_header {
	struct elf_ident ident;
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
static_assert(sizeof(struct elf64_header) == 64, "Elf64_Ehdr");

enum elf_segment_type { ELF_LOAD = 1, ELF_NOTE = 4 };

struct elf32_segment {
	u32 type;
	u32 offset, vaddr, paddr, filesz, memsz;
	u32 flags;
	u32 align;
};
static_assert(sizeof(struct elf32_segment) == 32, "Elf32_Phdr");

struct elf64_segment {
	u32 type;
	u32 flags;
	u64 offset, vaddr, paddr, filesz, memsz;
	u64 align;
};
static_assert(sizeof(struct elf64_segment) == 56, "Elf64_Phdr");

/* Followed by the name and the description, each padded to the segment's alignment. */
struct elf_note {
	u32 namesz, descsz;
	u32 type;
};
#define ELF_NOTE_XEN_NAME   "Xen"
#define ELF_NOTE_XEN_PHYS32 18 /* XEN_ELFNOTE_PHYS32_ENTRY: 4 or 8 bytes */
