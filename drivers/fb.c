/*
 * Draws the terminal's cells (drivers/screen.h) as pixels or as VGA's words. What the loader says of the
 * screen is checked before anything is written to it.
 */
#include "drivers/fb.h"

#include "core/console.h"
#include "core/log.h"
#include "drivers/font.h"
#include "drivers/screen.h"
#include "lib/bootinfo.h"
#include "lib/string.h"

#define PHYS_END    (1ULL << 52)
#define SIZE_MAX_FB (256 * MIB)
#define COLUMNS_MIN 20u
#define ROWS_MIN    4u
#define LIGHT       0xaau /* of 255, each colour */
#define ROW_WORDS   (FONT_WIDTH * sizeof(u32) / sizeof(u64))

#define VGA_NORMAL  0x0700 /* light grey on black */
#define VGA_INVERSE 0x7000
#define VGA_BPP     16

/* A write of eight bytes wherever a row begins. */
struct word {
	u64 v;
} __packed;

static u8 *base;         /* const after fb_add(), as the next three */
static u32 pitch, bytes; /* of a row, and of a pixel */
static u32 light;        /* a pixel that is on */
static struct screen screen;

/* A row of a character is 16, 24 or 32 bytes: whole words. */
static void draw_pixels(u32 column, u32 row, char c, bool inverse)
{
	const u8 *glyph = font_glyphs[(u8)c - FONT_FIRST];
	u8 *at = base + (u64)row * FONT_HEIGHT * pitch + (u64)column * FONT_WIDTH * bytes;

	for (u32 y = 0; y < FONT_HEIGHT; y++, at += pitch) {
		u8 bits = inverse ? (u8)~glyph[y] : glyph[y];
		u64 words[ROW_WORDS] = { 0 };

		for (u32 x = 0; x < FONT_WIDTH; x++) {
			if (bits & (0x80u >> x))
				memcpy((u8 *)words + (size_t)x * bytes, &light, bytes);
		}
		for (u32 i = 0; i < FONT_WIDTH * bytes / sizeof(u64); i++)
			((volatile struct word *)at)[i].v = words[i];
	}
}

static void draw_vga(u32 column, u32 row, char c, bool inverse)
{
	volatile u16 *at = (u16 *)(base + (u64)row * pitch) + column;

	*at = (u16)((u8)c | (inverse ? VGA_INVERSE : VGA_NORMAL));
}

static void fb_write(void *ctx, const char *s, size_t n)
{
	screen_write(ctx, s, n);
}

static int fb_read(void *ctx)
{
	(void)ctx;
	return -1;
}

static const struct console_sink sink = { .write = fb_write, .read = fb_read };

/* A colour's part of a light pixel; *right is made false where the pixel has no such bits. */
static u32 channel(u8 position, u8 size, u32 bpp, bool *right)
{
	if (!size || size > 8 || position + size > bpp) {
		*right = false;
		return 0;
	}
	return LIGHT >> (8 - size) << position;
}

static const char *check_rgb(const struct boot_framebuffer *f)
{
	bool right = f->bpp == 16 || f->bpp == 24 || f->bpp == 32;

	light = channel(f->red_position, f->red_size, f->bpp, &right) |
		channel(f->green_position, f->green_size, f->bpp, &right) |
		channel(f->blue_position, f->blue_size, f->bpp, &right);
	return right ? NULL : "its pixels are of an unknown form";
}

static const char *check_place(const struct boot_info *bi, const struct boot_framebuffer *f,
			       u64 size)
{
	if (!f->address || size > SIZE_MAX_FB || f->address > PHYS_END - size)
		return "its address or size cannot be";
	return bootinfo_memory(bi, f->address, size) ? "it lies in memory" : NULL;
}

const char *fb_add(const struct boot_info *bi, fb_map *map)
{
	const struct boot_framebuffer *f = &bi->framebuffer;
	bool rgb = f->type == BOOT_FB_RGB;
	u32 columns = MIN(rgb ? f->width / FONT_WIDTH : f->width, SCREEN_COLUMNS_MAX);
	u32 rows = MIN(rgb ? f->height / FONT_HEIGHT : f->height, SCREEN_ROWS_MAX);
	u64 size = (u64)f->pitch * f->height;
	const char *wrong;

	if (!rgb && f->type != BOOT_FB_TEXT)
		return "the boot loader gave none";
	bytes = f->bpp / 8u;
	wrong = rgb ? check_rgb(f) : f->bpp == VGA_BPP ? NULL : "its cells are of an unknown form";
	if (!wrong &&
	    (columns < COLUMNS_MIN || rows < ROWS_MIN || f->pitch < (u64)f->width * bytes))
		wrong = "its width, height and pitch cannot be";
	if (!wrong)
		wrong = check_place(bi, f, size);
	if (wrong)
		return wrong;
	base = map(PADDR(f->address), size);
	if (!base)
		return "it cannot be mapped";
	pitch = f->pitch;
	screen_init(&screen, columns, rows, rgb ? draw_pixels : draw_vga);
	console_add(&sink, &screen);
	log_debug("screen: %s, %ux%u characters", rgb ? "framebuffer" : "VGA text", columns, rows);
	return NULL;
}
