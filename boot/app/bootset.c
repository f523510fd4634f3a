/*
 * The boot set's list, and its form for boot_entry_efi: the same tags that GRUB gives (boot/mbi.c reads them).
 */
#include "boot/app/bootset.h"

#include "lib/hw/multiboot2.h"
#include "lib/string.h"

static_assert(sizeof(struct mbi_header) +
			      BOOT_MAX_MODULES * (sizeof(struct mbi_module) + BOOT_PATH_MAX) +
			      BOOT_CMDLINE_MAX + sizeof(struct mbi_framebuffer) + 8 * 16 <=
		      HANDOVER_SIZE,
	      "boot information");

/* As boot/mbi.c and core/bootfs.c will take it: the path ends at a space there. */
static const char *check_path(const char *path, size_t length)
{
	size_t part = 0;

	if (!length || path[0] == '/')
		return "its path is empty or absolute";
	if (length >= BOOT_PATH_MAX)
		return "its path is longer than 127 bytes";
	for (size_t i = 0; i <= length; i++) {
		if (i < length && (path[i] <= ' ' || path[i] > '~'))
			return "its path has spaces or other than printable ASCII characters";
		if (i < length && path[i] != '/')
			continue;
		if (i - part == 2 && path[part] == '.' && path[part + 1] == '.')
			return "its path leads out of the boot set";
		part = i + 1;
	}
	return NULL;
}

const char *bootset_add(struct bootset *set, const char *path, size_t length,
			struct boot_module **out)
{
	const char *wrong = check_path(path, length);
	struct boot_module new = { 0 };
	u32 i = set->count;

	if (wrong)
		return wrong;
	if (set->count == BOOT_MAX_MODULES)
		return "it is one file more than the 128 that a boot set may have";
	memcpy(new.path, path, length);
	for (u32 n = 0; n < set->count; n++) {
		if (!strcmp(set->files[n].path, new.path))
			return "it is there twice";
	}
	for (; i && strcmp(set->files[i - 1].path, new.path) > 0; i--)
		set->files[i] = set->files[i - 1];
	set->files[i] = new;
	set->count++;
	*out = &set->files[i];
	return NULL;
}

/* Appends a tag with a body of those bytes at *at. */
static void *put_tag(u8 *out, u32 *at, u32 type, u32 body)
{
	struct mbi_tag *tag = (void *)(out + *at);

	tag->type = type;
	tag->size = (u32)sizeof(*tag) + body;
	*at += ALIGN_UP(tag->size, MB2_ALIGN);
	return tag + 1;
}

static void put_u64(u8 *out, u32 *at, u32 type, u64 value)
{
	memcpy(put_tag(out, at, type, sizeof(value)), &value, sizeof(value));
}

static void put_module(u8 *out, u32 *at, const struct boot_module *m)
{
	u32 place[2] = { (u32)m->pa, (u32)(m->pa + m->size) };
	u32 length = (u32)strlen(m->path) + 1;
	u8 *body = put_tag(out, at, MBI_MODULE, sizeof(place) + length);

	memcpy(body, place, sizeof(place));
	memcpy(body + sizeof(place), m->path, length);
}

static void put_framebuffer(u8 *out, u32 *at, const struct boot_framebuffer *f)
{
	struct mbi_framebuffer tag = {
		.address = f->address,
		.pitch = f->pitch,
		.width = f->width,
		.height = f->height,
		.bpp = f->bpp,
		.type = MBI_FB_RGB,
		.red_position = f->red_position,
		.red_size = f->red_size,
		.green_position = f->green_position,
		.green_size = f->green_size,
		.blue_position = f->blue_position,
		.blue_size = f->blue_size,
	};
	u32 body = sizeof(tag) - sizeof(tag.tag);

	memcpy(put_tag(out, at, MBI_FRAMEBUFFER, body), &tag.address, body);
}

void handover_write(const struct handover *h, void *out)
{
	u32 at = sizeof(struct mbi_header), length = (u32)strlen(h->cmdline) + 1;
	u32 load_base = (u32)h->load_base;
	struct mbi_header *header = out;

	memset(out, 0, HANDOVER_SIZE);
	memcpy(put_tag(out, &at, MBI_CMDLINE, length), h->cmdline, length);
	put_u64(out, &at, MBI_EFI64, h->system_table);
	put_u64(out, &at, MBI_EFI64_HANDLE, h->image_handle);
	put_tag(out, &at, MBI_EFI_BS, 0);
	memcpy(put_tag(out, &at, MBI_LOAD_BASE, sizeof(load_base)), &load_base, sizeof(load_base));
	if (h->framebuffer.type == BOOT_FB_RGB)
		put_framebuffer(out, &at, &h->framebuffer);
	for (u32 i = 0; i < h->set->count; i++)
		put_module(out, &at, &h->set->files[i]);
	put_tag(out, &at, MBI_END, 0);
	header->size = at;
}
