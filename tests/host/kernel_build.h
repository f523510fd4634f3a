/*
 * Small kernels for tests of loaders: ELF files of both classes with text, data and bss, a multiboot
 * header and a PVH note where asked for.
 */
#pragma once

#include <string.h>

#include "lib/hw/elf.h"
#include "lib/hw/multiboot.h"

#define KERNEL_TEXT_PA    0x200000u
#define KERNEL_DATA_PA    0x300000u
#define KERNEL_TEXT_SIZE  0x800u
#define KERNEL_DATA_SIZE  0x345u
#define KERNEL_DATA_MEM   0x2345u
#define KERNEL_END        (KERNEL_DATA_PA + KERNEL_DATA_MEM)
#define KERNEL_SHIFT32    0xc0000000u /* virtual less physical address */
#define KERNEL_SHIFT64    0xffffffff80000000u
#define KERNEL_PHDRS      0x40u /* where things are in the file */
#define KERNEL_MULTIBOOT  0x200u
#define KERNEL_NOTES      0x300u
#define KERNEL_NOTES_SIZE 0x40u
#define KERNEL_TEXT       0x1000u
#define KERNEL_DATA       (KERNEL_TEXT + KERNEL_TEXT_SIZE)
#define KERNEL_SIZE       (KERNEL_DATA + KERNEL_DATA_SIZE)

static inline void kernel_segment(u8 *out, bool wide, u32 i, struct elf64_segment s)
{
	struct elf32_segment n = {
		s.type,        (u32)s.offset, (u32)s.vaddr, (u32)s.paddr,
		(u32)s.filesz, (u32)s.memsz,  s.flags,      (u32)s.align,
	};

	if (wide)
		memcpy(out + KERNEL_PHDRS + i * sizeof(s), &s, sizeof(s));
	else
		memcpy(out + KERNEL_PHDRS + i * sizeof(n), &n, sizeof(n));
}

static inline void kernel_header(u8 *out, bool wide, u64 entry)
{
	struct elf_ident id = { { 0x7f, 'E', 'L', 'F' }, wide ? 2 : 1, 1, 1, { 0 } };
	struct elf64_header w = { .ident = id, .type = 2, .machine = 62, .version = 1 };
	struct elf32_header n = { .ident = id, .type = 2, .machine = 3, .version = 1 };

	w.phoff = n.phoff = KERNEL_PHDRS;
	w.phnum = n.phnum = 3;
	w.phentsize = 56;
	n.phentsize = 32;
	w.entry = entry;
	n.entry = (u32)entry;
	if (wide)
		memcpy(out, &w, sizeof(w));
	else
		memcpy(out, &n, sizeof(n));
}

/* out has KERNEL_SIZE bytes. */
static inline void kernel_build(u8 *out, bool wide, u64 entry)
{
	u64 shift = wide ? KERNEL_SHIFT64 : KERNEL_SHIFT32;

	memset(out, 0, KERNEL_TEXT);
	for (u32 i = KERNEL_TEXT; i < KERNEL_SIZE; i++)
		out[i] = (u8)(i * 7 >> 1 | 1);
	kernel_header(out, wide, entry);
	kernel_segment(out, wide, 0,
		       (struct elf64_segment){ .type = ELF_LOAD,
					       .offset = KERNEL_TEXT,
					       .vaddr = KERNEL_TEXT_PA + shift,
					       .paddr = KERNEL_TEXT_PA,
					       .filesz = KERNEL_TEXT_SIZE,
					       .memsz = KERNEL_TEXT_SIZE });
	kernel_segment(out, wide, 1,
		       (struct elf64_segment){ .type = ELF_LOAD,
					       .offset = KERNEL_DATA,
					       .vaddr = KERNEL_DATA_PA + shift,
					       .paddr = KERNEL_DATA_PA,
					       .filesz = KERNEL_DATA_SIZE,
					       .memsz = KERNEL_DATA_MEM });
	kernel_segment(out, wide, 2,
		       (struct elf64_segment){ .type = ELF_NOTE,
					       .offset = KERNEL_NOTES,
					       .filesz = KERNEL_NOTES_SIZE,
					       .memsz = KERNEL_NOTES_SIZE,
					       .align = 4 });
}

static inline void kernel_put32(u8 *out, u32 value)
{
	memcpy(out, &value, 4);
}

/* A multiboot header without addresses; returns where those would be. */
static inline u8 *kernel_multiboot(u8 *out, u32 at, u32 flags)
{
	kernel_put32(out + at, 0x1badb002);
	kernel_put32(out + at + 4, flags);
	kernel_put32(out + at + 8, 0u - 0x1badb002 - flags);
	return out + at + 12;
}

/* Two notes, of which the second is XEN_ELFNOTE_PHYS32_ENTRY with a value of 4 or 8 bytes. */
static inline void kernel_pvh(u8 *out, u64 entry, u32 size)
{
	static const u8 first[] = { 4,   0,   0,   0, 5,   0,   0,   0,   6,   0, 0, 0,
				    'X', 'e', 'n', 0, 'L', 'i', 'n', 'u', 'x', 0, 0, 0 };
	u8 *p = out + KERNEL_NOTES;

	memset(p, 0, KERNEL_NOTES_SIZE);
	memcpy(p, first, sizeof(first));
	p += sizeof(first);
	kernel_put32(p, 4);
	kernel_put32(p + 4, size);
	kernel_put32(p + 8, 18);
	memcpy(p + 12, "Xen", 4);
	memcpy(p + 16, &entry, size);
}
