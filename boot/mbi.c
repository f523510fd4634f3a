/*
 * Reads the multiboot2 boot information. It comes from the loader, but its texts and tables come from
 * files and firmware: each tag's length is checked before its fields are looked at.
 */
#include "boot/mbi.h"
#include "boot/memmap.h"
#include "lib/hw/multiboot2.h"
#include "lib/string.h"

#define RSDP1_SIZE 20u
#define RSDP2_SIZE 36u

/* Copies a text of at most n bytes (its NUL may be missing); false when it was cut. */
static bool copy_text(char *dst, size_t size, const char *src, size_t n)
{
	size_t len = strnlen(src, n);
	size_t take = MIN(len, size - 1);

	memcpy(dst, src, take);
	dst[take] = '\0';
	return take == len;
}

static const char *read_module(const struct mbi_module *m, struct boot_info *info)
{
	if (m->tag.size < sizeof(*m))
		return "boot information: a module tag is too short";
	if (m->end < m->start)
		return "boot information: a module ends before it starts";
	if (info->module_count == BOOT_MAX_MODULES) {
		info->modules_dropped++;
		return NULL;
	}

	struct boot_module *out = &info->modules[info->module_count];
	char *space;

	if (!copy_text(out->path, sizeof(out->path), m->text, m->tag.size - sizeof(*m))) {
		info->modules_dropped++;
		return NULL;
	}
	space = strchr(out->path, ' ');
	if (space)
		*space = '\0';
	out->pa = m->start;
	out->size = m->end - m->start;
	info->module_count++;
	return NULL;
}

static const char *read_mmap(const struct mbi_mmap *m, struct boot_info *info)
{
	if (m->tag.size < sizeof(*m))
		return "boot information: the memory map tag is too short";
	if (m->entry_size < sizeof(struct mbi_mmap_entry) || m->entry_size % 8)
		return "boot information: the memory map has entries of an odd size";

	const u8 *p = (const u8 *)(m + 1);

	for (u32 left = m->tag.size - sizeof(*m); left >= m->entry_size; left -= m->entry_size) {
		struct mbi_mmap_entry e;

		memcpy(&e, p, sizeof(e));
		memmap_add(info, e.base, e.len, e.type);
		p += m->entry_size;
	}
	return NULL;
}

/* Colours by a palette, and what is unknown, count as no screen. */
static const char *read_framebuffer(const struct mbi_framebuffer *f, struct boot_info *info)
{
	size_t common = offsetof(struct mbi_framebuffer, red_position);
	struct boot_framebuffer *out = &info->framebuffer;

	if (f->tag.size < common || (f->type == MBI_FB_RGB && f->tag.size < sizeof(*f)))
		return "boot information: the framebuffer tag is too short";
	if (f->type != MBI_FB_RGB && f->type != MBI_FB_TEXT)
		return NULL;
	*out = (struct boot_framebuffer){
		.type = f->type == MBI_FB_RGB ? BOOT_FB_RGB : BOOT_FB_TEXT,
		.address = f->address,
		.pitch = f->pitch,
		.width = f->width,
		.height = f->height,
		.bpp = f->bpp,
	};
	if (f->type == MBI_FB_RGB)
		memcpy(&out->red_position, &f->red_position, sizeof(*f) - common);
	return NULL;
}

static const char *read_rsdp(const struct mbi_tag *tag, u32 size, struct boot_info *info)
{
	if (tag->size < sizeof(*tag) + size)
		return "boot information: the ACPI tag is too short";
	if (size > info->rsdp_size) {
		memcpy(info->rsdp, tag + 1, size);
		info->rsdp_size = size;
	}
	return NULL;
}

static const char *read_u64(const struct mbi_tag *tag, u64 *out)
{
	if (tag->size < sizeof(struct mbi_u64))
		return "boot information: an EFI tag is too short";
	*out = ((const struct mbi_u64 *)tag)->value;
	return NULL;
}

static const char *read_tag(const struct mbi_tag *tag, struct boot_info *info, struct mbi_extra *x)
{
	switch (tag->type) {
	case MBI_CMDLINE:
		info->cmdline_cut = !copy_text(info->cmdline, sizeof(info->cmdline),
					       (const char *)(tag + 1), tag->size - sizeof(*tag));
		return NULL;
	case MBI_MODULE:
		return read_module((const struct mbi_module *)tag, info);
	case MBI_MMAP:
		x->have_memmap = true;
		return read_mmap((const struct mbi_mmap *)tag, info);
	case MBI_FRAMEBUFFER:
		return read_framebuffer((const struct mbi_framebuffer *)tag, info);
	case MBI_RSDP1:
		return read_rsdp(tag, RSDP1_SIZE, info);
	case MBI_RSDP2:
		return read_rsdp(tag, RSDP2_SIZE, info);
	case MBI_EFI64:
		return read_u64(tag, &info->efi_system_table);
	case MBI_EFI64_HANDLE:
		return read_u64(tag, &x->efi_image_handle);
	case MBI_EFI_BS:
		x->boot_services = true;
		return NULL;
	case MBI_LOAD_BASE:
		if (tag->size < 12)
			return "boot information: the load address tag is too short";
		x->load_base = ((const struct mbi_u32 *)tag)->value;
		x->have_load_base = true;
		return NULL;
	default:
		return NULL;
	}
}

const char *mbi_parse(const void *mbi, struct boot_info *info, struct mbi_extra *extra)
{
	const struct mbi_header *header = mbi;
	u32 size, offset = sizeof(*header);

	if (!mbi || (uintptr_t)mbi % 8)
		return "boot information: its address is null or odd";
	size = header->size;
	if (size < sizeof(*header) + sizeof(struct mbi_tag) || size > MBI_MAX_SIZE)
		return "boot information: its size cannot be";

	for (;;) {
		const struct mbi_tag *tag = (const void *)((const u8 *)mbi + offset);
		const char *wrong;

		if (offset > size - sizeof(*tag))
			return "boot information: it has no end tag";
		if (tag->type == MBI_END)
			return NULL;
		if (tag->size < sizeof(*tag) || tag->size > size - offset)
			return "boot information: a tag is longer than the whole";
		wrong = read_tag(tag, info, extra);
		if (wrong)
			return wrong;
		offset += ALIGN_UP(tag->size, 8);
	}
}
