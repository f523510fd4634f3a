/*
 * Offsets and sizes are compared as 64-bit numbers by what is left of the file, never by a sum.
 */
#include "lib/elf.h"

#include "lib/hw/elf.h"
#include "lib/string.h"

#define SEGMENTS_MAX 64u
#define NOTES_MAX    64u /* of a segment */

static bool inside(const struct elf_file *f, u64 offset, u64 n)
{
	return offset <= f->size && n <= f->size - offset;
}

bool elf_peek(const struct elf_file *f, u64 offset, void *dst, size_t n)
{
	if (!inside(f, offset, n))
		return false;
	memcpy(dst, f->data + offset, n);
	return true;
}

bool elf_is(const void *data, size_t size)
{
	return size >= 4 && !memcmp(data, ELF_MAGIC, 4);
}

static u32 segment_size(const struct elf_file *f)
{
	return f->wide ? sizeof(struct elf64_segment) : sizeof(struct elf32_segment);
}

/* What both classes' headers say in the same way. */
static const char *check(u16 type, u16 machine, u16 wanted, u16 phentsize, u32 segment)
{
	if (type != ELF_TYPE_EXEC || machine != wanted)
		return "it is no executable for x86";
	if (phentsize != segment)
		return "its program headers have an unknown form";
	return NULL;
}

static const char *open32(struct elf_file *f)
{
	struct elf32_header h;

	if (!elf_peek(f, 0, &h, sizeof(h)))
		return "it is truncated";
	f->entry = h.entry;
	f->phoff = h.phoff;
	f->phnum = h.phnum;
	return check(h.type, h.machine, ELF_MACHINE_386, h.phentsize, segment_size(f));
}

static const char *open64(struct elf_file *f)
{
	struct elf64_header h;

	if (!elf_peek(f, 0, &h, sizeof(h)))
		return "it is truncated";
	f->entry = h.entry;
	f->phoff = h.phoff;
	f->phnum = h.phnum;
	return check(h.type, h.machine, ELF_MACHINE_X86_64, h.phentsize, segment_size(f));
}

const char *elf_open(struct elf_file *f, const void *data, size_t size)
{
	struct elf_ident id;
	const char *wrong;

	*f = (struct elf_file){ .data = data, .size = size };
	if (!elf_peek(f, 0, &id, sizeof(id)))
		return "it is truncated";
	if (!elf_is(data, size) || id.data != ELF_DATA_LSB ||
	    (id.class != ELF_CLASS32 && id.class != ELF_CLASS64))
		return "it is no little-endian ELF file";
	f->wide = id.class == ELF_CLASS64;
	wrong = f->wide ? open64(f) : open32(f);
	if (wrong)
		return wrong;
	if (f->phnum > SEGMENTS_MAX)
		return "it has too many program headers";
	if (!inside(f, f->phoff, (u64)f->phnum * segment_size(f)))
		return "it is truncated";
	return NULL;
}

struct elf_segment elf_segment_at(const struct elf_file *f, u32 i)
{
	const u8 *at = f->data + f->phoff + (size_t)i * segment_size(f);
	struct elf32_segment s;
	struct elf64_segment w;

	if (f->wide) {
		memcpy(&w, at, sizeof(w));
		return (struct elf_segment){ w.type,   w.offset, w.vaddr, w.paddr,
					     w.filesz, w.memsz,  w.align };
	}
	memcpy(&s, at, sizeof(s));
	return (struct elf_segment){
		s.type, s.offset, s.vaddr, s.paddr, s.filesz, s.memsz, s.align
	};
}

const char *elf_segment_error(const struct elf_file *f, const struct elf_segment *s)
{
	if (!inside(f, s->offset, s->filesz))
		return "it is truncated";
	if (s->memsz < s->filesz)
		return "a segment's size cannot be";
	return NULL;
}

/* One segment's notes. */
static bool search(const struct elf_file *f, const struct elf_segment *s, const char *name,
		   u32 type, struct elf_description *out)
{
	u64 align = s->align == 8 ? 8 : 4, size = strlen(name) + 1, pos = 0;

	if (!inside(f, s->offset, s->filesz))
		return false;
	for (u32 i = 0; i < NOTES_MAX && s->filesz - pos >= sizeof(struct elf_note); i++) {
		struct elf_note n;
		u64 at = pos + sizeof(n), desc, next;

		memcpy(&n, f->data + s->offset + pos, sizeof(n));
		desc = ALIGN_UP(at + n.namesz, align);
		next = ALIGN_UP(desc + n.descsz, align);
		if (desc + n.descsz > s->filesz)
			return false;
		if (n.type == type && n.namesz == size &&
		    !memcmp(f->data + s->offset + at, name, size)) {
			*out = (struct elf_description){ s->offset + desc, n.descsz };
			return true;
		}
		if (next > s->filesz)
			return false;
		pos = next;
	}
	return false;
}

bool elf_find_note(const struct elf_file *f, const char *name, u32 type,
		   struct elf_description *out)
{
	for (u32 i = 0; i < f->phnum; i++) {
		struct elf_segment s = elf_segment_at(f, i);

		if (s.type == ELF_NOTE && search(f, &s, name, type, out))
			return true;
	}
	return false;
}
