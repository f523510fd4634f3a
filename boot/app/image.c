/*
 * Segments go where their physical addresses say, relative to the lowest; the multiboot2 header says
 * where to enter (boot/entry.asm).
 */
#include "boot/app/image.h"

#include "lib/hw/elf.h"
#include "lib/hw/multiboot2.h"
#include "lib/string.h"

#define SEGMENTS_MAX 16u

static void read_header(const void *file, struct elf64_header *h)
{
	memcpy(h, file, sizeof(*h));
}

static void read_segment(const void *file, const struct elf64_header *h, u32 i,
			 struct elf64_segment *s)
{
	memcpy(s, (const u8 *)file + h->phoff + i * sizeof(*s), sizeof(*s));
}

static const char *check_header(const struct elf64_header *h, size_t size)
{
	if (memcmp(h->ident.magic, ELF_MAGIC, sizeof(h->ident.magic)))
		return "it is no ELF file";
	if (h->ident.class != ELF_CLASS64 || h->ident.data != ELF_DATA_LSB ||
	    h->type != ELF_TYPE_EXEC || h->machine != ELF_MACHINE_X86_64)
		return "it is no executable for x86-64";
	if (h->phentsize != sizeof(struct elf64_segment) || !h->phnum || h->phnum > SEGMENTS_MAX)
		return "its program headers cannot be";
	if (h->phoff > size || size - h->phoff < h->phnum * sizeof(struct elf64_segment))
		return "it is truncated";
	return NULL;
}

/* Where the loaded segments begin and end; all within the file and without overflow. */
static const char *check_segments(const void *file, const struct elf64_header *h, size_t size,
				  u64 *begin, u64 *end)
{
	*begin = ~0ULL;
	*end = 0;
	for (u32 i = 0; i < h->phnum; i++) {
		struct elf64_segment s;

		read_segment(file, h, i, &s);
		if (s.type != ELF_LOAD)
			continue;
		if (s.offset > size || s.filesz > size - s.offset)
			return "it is truncated";
		if (s.memsz < s.filesz || s.paddr > ~0ULL - s.memsz)
			return "a segment's size cannot be";
		*begin = MIN(*begin, s.paddr);
		*end = MAX(*end, s.paddr + s.memsz);
	}
	if (*begin >= *end)
		return "it has no segments";
	return NULL;
}

static const char *read_tags(const u8 *tags, u32 left, const struct image *image, u64 *entry)
{
	bool relocatable = false;

	*entry = 0;
	while (left >= sizeof(struct mb2_header_tag)) {
		struct mb2_header_tag tag;
		struct mb2_header_entry e;
		struct mb2_header_relocatable r;

		memcpy(&tag, tags, sizeof(tag));
		if (tag.type == MB2_HEADER_END)
			break;
		if (tag.size < sizeof(tag) || tag.size > left)
			return "its multiboot2 header cannot be";
		if (tag.type == MB2_HEADER_ENTRY_EFI64 && tag.size >= sizeof(e)) {
			memcpy(&e, tags, sizeof(e));
			*entry = e.address;
		} else if (tag.type == MB2_HEADER_RELOCATABLE && tag.size >= sizeof(r)) {
			memcpy(&r, tags, sizeof(r));
			relocatable = r.align <= IMAGE_ALIGN && r.highest >= 4 * GIB - 1;
		}
		tags += MIN(ALIGN_UP(tag.size, MB2_ALIGN), left);
		left -= MIN(ALIGN_UP(tag.size, MB2_ALIGN), left);
	}
	if (!relocatable)
		return "its multiboot2 header does not let it be moved";
	if (*entry < image->base || *entry - image->base >= image->size)
		return "its multiboot2 header names no UEFI entry";
	return NULL;
}

static const char *find_entry(const u8 *file, size_t size, struct image *image)
{
	size_t reach = MIN(size, MB2_HEADER_REACH);

	for (size_t at = 0; at + sizeof(struct mb2_header) <= reach; at += MB2_ALIGN) {
		struct mb2_header h;
		const char *wrong;
		u64 entry;

		memcpy(&h, file + at, sizeof(h));
		if (h.magic != MB2_HEADER_MAGIC || h.magic + h.architecture + h.length + h.checksum)
			continue;
		if (h.length < sizeof(h) || h.length > reach - at)
			return "its multiboot2 header cannot be";
		wrong = read_tags(file + at + sizeof(h), h.length - sizeof(h), image, &entry);
		image->entry = entry - image->base;
		return wrong;
	}
	return "it has no multiboot2 header";
}

const char *image_check(const void *file, size_t size, struct image *out)
{
	struct elf64_header h;
	const char *wrong;
	u64 end;

	if (size < sizeof(h))
		return "it is truncated";
	read_header(file, &h);
	wrong = check_header(&h, size);
	if (!wrong)
		wrong = check_segments(file, &h, size, &out->base, &end);
	if (wrong)
		return wrong;
	out->size = end - out->base;
	if (out->base % IMAGE_ALIGN)
		return "it is not linked for a 2 MiB boundary";
	if (out->size > IMAGE_SIZE_MAX)
		return "it is too big";
	return find_entry(file, size, out);
}

void image_place(const void *file, const struct image *image, void *dst)
{
	struct elf64_header h;

	read_header(file, &h);
	memset(dst, 0, image->size);
	for (u32 i = 0; i < h.phnum; i++) {
		struct elf64_segment s;

		read_segment(file, &h, i, &s);
		if (s.type == ELF_LOAD)
			memcpy((u8 *)dst + (s.paddr - image->base), (const u8 *)file + s.offset,
			       s.filesz);
	}
}
