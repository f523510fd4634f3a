/*
 * Segments go where their physical addresses say, relative to the lowest; the multiboot2 header says
 * where to enter (boot/entry.asm).
 */
#include "boot/app/image.h"

#include "lib/elf.h"
#include "lib/hw/elf.h"
#include "lib/hw/multiboot2.h"
#include "lib/string.h"

/* Where the loaded segments begin and end; all within the file and without overflow. */
static const char *check_segments(const struct elf_file *f, u64 *begin, u64 *end)
{
	*begin = ~0ULL;
	*end = 0;
	for (u32 i = 0; i < f->phnum; i++) {
		struct elf_segment s = elf_segment_at(f, i);
		const char *wrong;

		if (s.type != ELF_LOAD)
			continue;
		wrong = elf_segment_error(f, &s);
		if (wrong)
			return wrong;
		if (s.paddr > ~0ULL - s.memsz)
			return "a segment's place cannot be";
		*begin = MIN(*begin, s.paddr);
		*end = MAX(*end, s.paddr + s.memsz);
	}
	return *begin < *end ? NULL : "it has no segments";
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
	struct elf_file f;
	const char *wrong = elf_open(&f, file, size);
	u64 end;

	if (!wrong && !f.wide)
		wrong = "it is no executable for x86-64";
	if (!wrong)
		wrong = check_segments(&f, &out->base, &end);
	if (wrong)
		return wrong;
	out->elf = f;
	out->size = end - out->base;
	if (out->base % IMAGE_ALIGN)
		return "it is not linked for a 2 MiB boundary";
	if (out->size > IMAGE_SIZE_MAX)
		return "it is too big";
	return find_entry(file, size, out);
}

void image_place(const struct image *image, void *dst)
{
	memset(dst, 0, image->size);
	for (u32 i = 0; i < image->elf.phnum; i++) {
		struct elf_segment s = elf_segment_at(&image->elf, i);

		if (s.type == ELF_LOAD)
			memcpy((u8 *)dst + (s.paddr - image->base), image->elf.data + s.offset,
			       s.filesz);
	}
}
