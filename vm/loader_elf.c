/*
 * Reading ELF files: headers of both classes into one form, each copied once and checked before use.
 */
#include "vm/loader_elf.h"

#include "core/bootfs.h"
#include "lib/errno.h"
#include "lib/hw/elf.h"
#include "lib/string.h"
#include "vm/gmem.h"
#include "vm/loader.h"
#include "vm/vm.h"

#define SEGMENTS_MAX 64u
#define NOTES_MAX    64u

/* Both classes' program headers. */
struct segment_info {
	u32 type;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

/* Copies n bytes at offset; false: not all of them are in the file. */
static bool peek(const struct bootfs_file *f, u64 offset, void *dst, size_t n)
{
	if (offset > f->size || n > f->size - offset)
		return false;
	memcpy(dst, f->data + offset, n);
	return true;
}

bool elf_is(const struct bootfs_file *f)
{
	return f->size >= 4 && !memcmp(f->data, ELF_MAGIC, 4);
}

static int open32(struct elf_image *e, const char **why)
{
	struct elf32_header h;

	*why = "its header is truncated";
	if (!peek(e->file, 0, &h, sizeof(h)))
		return -EINVAL;
	*why = "it is no executable for x86";
	if (h.type != ELF_TYPE_EXEC || h.machine != ELF_MACHINE_386)
		return -EINVAL;
	*why = "its program headers have an unknown form";
	if (h.phentsize != sizeof(struct elf32_segment))
		return -EINVAL;
	e->entry = h.entry;
	e->phoff = h.phoff;
	e->phnum = h.phnum;
	return 0;
}

static int open64(struct elf_image *e, const char **why)
{
	struct elf64_header h;

	*why = "its header is truncated";
	if (!peek(e->file, 0, &h, sizeof(h)))
		return -EINVAL;
	*why = "it is no executable for x86";
	if (h.type != ELF_TYPE_EXEC || h.machine != ELF_MACHINE_X86_64)
		return -EINVAL;
	*why = "its program headers have an unknown form";
	if (h.phentsize != sizeof(struct elf64_segment))
		return -EINVAL;
	e->entry = h.entry;
	e->phoff = h.phoff;
	e->phnum = h.phnum;
	return 0;
}

int elf_open(struct elf_image *e, const struct bootfs_file *f, const char **why)
{
	struct elf_ident id;
	u64 size;
	int err;

	*e = (struct elf_image){ .file = f };
	*why = "its header is truncated";
	if (!peek(f, 0, &id, sizeof(id)))
		return -EINVAL;
	*why = "it is no little-endian ELF file";
	if (memcmp(id.magic, ELF_MAGIC, sizeof(id.magic)) || id.data != ELF_DATA_LSB ||
	    (id.class != ELF_CLASS32 && id.class != ELF_CLASS64))
		return -EINVAL;
	e->wide = id.class == ELF_CLASS64;
	err = e->wide ? open64(e, why) : open32(e, why);
	if (err)
		return err;
	*why = "it has too many program headers";
	if (e->phnum > SEGMENTS_MAX)
		return -EINVAL;
	*why = "its program headers lie outside of the file";
	size = e->phnum * (e->wide ? sizeof(struct elf64_segment) : sizeof(struct elf32_segment));
	if (e->phoff > f->size || size > f->size - e->phoff)
		return -EINVAL;
	*why = NULL;
	return 0;
}

/* i is below phnum: elf_open() saw that all of them are in the file. */
static struct segment_info segment_at(const struct elf_image *e, u32 i)
{
	struct elf32_segment s;
	struct elf64_segment w;

	if (e->wide) {
		memcpy(&w, e->file->data + e->phoff + i * sizeof(w), sizeof(w));
		return (struct segment_info){ w.type,   w.offset, w.vaddr, w.paddr,
					      w.filesz, w.memsz,  w.align };
	}
	memcpy(&s, e->file->data + e->phoff + i * sizeof(s), sizeof(s));
	return (struct segment_info){
		s.type, s.offset, s.vaddr, s.paddr, s.filesz, s.memsz, s.align
	};
}

/* The entry's value out of a note's description. */
static bool read_entry(const struct bootfs_file *f, u64 desc, u32 descsz, u64 *entry)
{
	u32 narrow;

	if (descsz == sizeof(*entry))
		return peek(f, desc, entry, sizeof(*entry));
	if (descsz != sizeof(narrow) || !peek(f, desc, &narrow, sizeof(narrow)))
		return false;
	*entry = narrow;
	return true;
}

/* Walks one segment of notes. */
static bool search_notes(const struct bootfs_file *f, const struct segment_info *s, u64 *entry)
{
	u64 align = s->align == 8 ? 8 : 4, pos = 0;

	if (s->offset > f->size || s->filesz > f->size - s->offset)
		return false;
	for (u32 i = 0; i < NOTES_MAX && s->filesz - pos >= sizeof(struct elf_note); i++) {
		char name[sizeof(ELF_NOTE_XEN_NAME)];
		struct elf_note n;
		u64 at, desc, next;

		if (!peek(f, s->offset + pos, &n, sizeof(n)))
			return false;
		at = pos + sizeof(n);
		desc = ALIGN_UP(at + n.namesz, align);
		next = ALIGN_UP(desc + n.descsz, align);
		if (desc + n.descsz > s->filesz)
			return false;
		if (n.type == ELF_NOTE_XEN_PHYS32 && n.namesz == sizeof(name) &&
		    peek(f, s->offset + at, name, sizeof(name)) &&
		    !memcmp(name, ELF_NOTE_XEN_NAME, sizeof(name)))
			return read_entry(f, s->offset + desc, n.descsz, entry);
		if (next > s->filesz)
			return false;
		pos = next;
	}
	return false;
}

int elf_pvh_entry(const struct elf_image *e, u64 *entry)
{
	for (u32 i = 0; i < e->phnum; i++) {
		struct segment_info s = segment_at(e, i);

		if (s.type == ELF_NOTE && search_notes(e->file, &s, entry))
			return 0;
	}
	return -ENOENT;
}

/* left is what is left of the guest's memory when each byte is given to one segment only. */
static int place(struct vm *vm, struct elf_image *e, u32 i, u64 *left)
{
	const struct bootfs_file *f = e->file;
	struct segment_info s = segment_at(e, i);
	u64 low = vm_low_ram(vm);

	if (s.type != ELF_LOAD || !s.memsz)
		return 0;
	if (s.filesz > s.memsz || s.offset > f->size || s.filesz > f->size - s.offset)
		return loader_fail(vm, -EINVAL, "kernel '%s' is truncated or damaged: segment %u",
				   f->path, i);
	if (s.paddr < GUEST_KERNEL_MIN || s.paddr > low || s.memsz > low - s.paddr ||
	    s.memsz > *left)
		return loader_fail(vm, -ENOSPC,
				   "kernel '%s' needs %llu KiB at %#llx, where there is no memory",
				   f->path, (unsigned long long)(s.memsz / KIB),
				   (unsigned long long)s.paddr);
	*left -= s.memsz;
	if (gmem_write(vm, GPA(s.paddr), f->data + s.offset, s.filesz) ||
	    gmem_zero(vm, GPA(s.paddr + s.filesz), s.memsz - s.filesz))
		return loader_fail(vm, -EFAULT, "kernel '%s' cannot be copied", f->path);
	e->end = MAX(e->end, s.paddr + s.memsz);
	if (e->entry >= s.vaddr && e->entry - s.vaddr < s.memsz)
		e->entry_pa = s.paddr + (e->entry - s.vaddr);
	return 0;
}

int elf_place(struct vm *vm, struct elf_image *e)
{
	u64 left = vm_low_ram(vm);

	e->end = 0;
	e->entry_pa = e->entry;
	for (u32 i = 0; i < e->phnum; i++) {
		int err = place(vm, e, i, &left);

		if (err)
			return err;
	}
	if (!e->end)
		return loader_fail(vm, -EINVAL, "kernel '%s' has nothing to load", e->file->path);
	return 0;
}

bool elf_covers(const struct elf_image *e, u64 pa)
{
	for (u32 i = 0; i < e->phnum; i++) {
		struct segment_info s = segment_at(e, i);

		if (s.type == ELF_LOAD && pa >= s.paddr && pa - s.paddr < s.memsz)
			return true;
	}
	return false;
}
