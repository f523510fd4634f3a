/*
 * drivers/fb.h: which screens of the boot loader's are taken, and where their pixels are.
 *
 * sources: drivers/screen.c lib/string.c
 */
#include "drivers/fb.c"
#include "tests/host/harness.h"

#include <stdlib.h>

/* Each glyph has its number in every row, so that all can be told apart. */
u8 glyphs[FONT_GLYPHS][FONT_HEIGHT];
extern const u8 font_glyphs[FONT_GLYPHS][FONT_HEIGHT] __attribute__((alias("glyphs")));

static u8 *memory;
static u64 mapped_pa, mapped_size;
static void *added;
static struct boot_info bi;

void *kmap_mmio(paddr_t pa, u64 len)
{
	mapped_pa = pa.v;
	mapped_size = len;
	free(memory);
	memory = malloc(len); /* what is written beside it is seen */
	memset(memory, 0x55, len);
	return memory;
}

void console_add(const struct console_sink *s, void *ctx)
{
	added = ctx;
	CHECK_EQ(s->read(ctx), -1);
}

void log_printf(enum log_level level, const char *fmt, ...) {}

static struct boot_framebuffer *rgb(u32 bpp)
{
	bool high = bpp == 16;

	memset(&bi, 0, sizeof(bi));
	added = NULL;
	for (u32 c = 0; c < FONT_GLYPHS; c++)
		memset(glyphs[c], c ? (int)c : 0, FONT_HEIGHT);
	bi.framebuffer = (struct boot_framebuffer){
		.type = BOOT_FB_RGB,
		.address = 0xfd000000,
		.width = 164, /* and a half */
		.height = 70,
		.pitch = 164 * bpp / 8 + 24,
		.bpp = (u8)bpp,
		.red_position = high ? 11 : 16,
		.red_size = high ? 5 : 8,
		.green_position = high ? 5 : 8,
		.green_size = high ? 6 : 8,
		.blue_size = high ? 5 : 8,
	};
	return &bi.framebuffer;
}

static u32 pixel(u32 x, u32 y)
{
	u32 v = 0;

	memcpy(&v, memory + (size_t)y * bi.framebuffer.pitch + (size_t)x * (bi.framebuffer.bpp / 8),
	       bi.framebuffer.bpp / 8);
	return v;
}

/* The bits of a row of the cell's pixels; all are light or dark. */
static u8 cell(u32 column, u32 row, u32 y, u32 light_pixel)
{
	u8 bits = 0;

	for (u32 x = 0; x < 8; x++) {
		u32 v = pixel(column * 8 + x, row * 16 + y);

		CHECK(!v || v == light_pixel);
		bits |= v ? 0x80 >> x : 0;
	}
	return bits;
}

TEST(pixels_of_every_depth)
{
	static const struct {
		u32 bpp, light_pixel;
	} forms[] = { { 32, 0xaaaaaa }, { 24, 0xaaaaaa }, { 16, 0xad55 } };

	for (u32 i = 0; i < ARRAY_LEN(forms); i++) {
		const struct boot_framebuffer *f = rgb(forms[i].bpp);

		CHECK(!fb_add(&bi, kmap_mmio));
		CHECK_EQ(mapped_pa, 0xfd000000);
		CHECK_EQ(mapped_size, (u64)f->pitch * 70);
		CHECK(added == &screen);
		CHECK_EQ(screen.columns, 20);
		CHECK_EQ(screen.rows, 4);
		sink.write(added, "A\x1b[4;20HZ\x1b[2;2H", 15);
		for (u32 y = 0; y < 16; y++) {
			CHECK_EQ(cell(0, 0, y, forms[i].light_pixel), 'A' - ' ');
			CHECK_EQ(cell(19, 3, y, forms[i].light_pixel), 'Z' - ' ');
			CHECK_EQ(cell(1, 1, y, forms[i].light_pixel), 0xff); /* the cursor */
			CHECK_EQ(cell(5, 2, y, forms[i].light_pixel), 0);
		}
		CHECK_EQ(pixel(160, 0) & 0xff, 0x55); /* beside the last column */
	}
}

TEST(vga_text)
{
	rgb(16);
	bi.framebuffer = (struct boot_framebuffer){ .type = BOOT_FB_TEXT,
						    .address = 0xb8000,
						    .width = 80,
						    .height = 25,
						    .pitch = 160,
						    .bpp = 16 };
	CHECK(!fb_add(&bi, kmap_mmio));
	CHECK_EQ(mapped_size, 4000);
	sink.write(added, "A\x1b[25;80HZ\r", 11);
	CHECK_EQ(memory[0], 'A');
	CHECK_EQ(memory[1], 0x07);
	CHECK_EQ(memory[3998], 'Z');
	CHECK_EQ(memory[24 * 160 + 1], 0x70); /* the cursor */
	CHECK_EQ(memory[2], ' ');
}

TEST(a_huge_screen_uses_a_part)
{
	struct boot_framebuffer *f = rgb(32);

	f->width = 7680;
	f->height = 4320;
	f->pitch = 7680 * 4;
	CHECK(!fb_add(&bi, kmap_mmio));
	CHECK_EQ(screen.columns, SCREEN_COLUMNS_MAX);
	CHECK_EQ(screen.rows, SCREEN_ROWS_MAX);
}

#define REFUSED(change)                                                                            \
	do {                                                                                       \
		struct boot_framebuffer *f = rgb(32);                                              \
		change;                                                                            \
		CHECK(fb_add(&bi, kmap_mmio) != NULL);                                             \
		CHECK(!added);                                                                     \
	} while (0)

TEST(screens_that_cannot_be)
{
	REFUSED(f->type = BOOT_FB_NONE);
	REFUSED(f->type = 3);
	REFUSED(f->address = 0);
	REFUSED(f->address = ~0ULL);
	REFUSED(f->address = (1ULL << 52) - 4096);
	REFUSED(f->width = 159);
	REFUSED(f->width = 0);
	REFUSED(f->width = 0x40000000);
	REFUSED(f->height = 63);
	REFUSED(f->height = 0xffffffff);
	REFUSED(f->pitch = 164 * 4 - 1);
	REFUSED(f->pitch = 0xffffffff);
	REFUSED(f->bpp = 15);
	REFUSED(f->bpp = 8);
	REFUSED(f->bpp = 40);
	REFUSED(f->red_position = 25);
	REFUSED(f->green_size = 0);
	REFUSED(f->blue_size = 9);
	REFUSED(f->blue_position = 255);
	REFUSED(f->type = BOOT_FB_TEXT);
	REFUSED((f->type = BOOT_FB_TEXT, f->bpp = 16, f->width = 80, f->height = 3,
		 f->pitch = 160));
}

TEST(memory_is_no_screen)
{
	rgb(32);
	bi.region_count = 2;
	bi.regions[0] = (struct boot_region){ 0xfd000000, 0x1000000, BOOT_MEM_RESERVED };
	bi.regions[1] = (struct boot_region){ 0xfe000000, 0x1000, BOOT_MEM_USABLE };
	CHECK(!fb_add(&bi, kmap_mmio));
	bi.regions[0].base = 0;
	added = NULL;
	bi.regions[1].base = 0xfd000000 + mapped_size - 1;
	CHECK(fb_add(&bi, kmap_mmio) != NULL);
	bi.regions[1].base = 0xfcfff001;
	CHECK(fb_add(&bi, kmap_mmio) != NULL);
	CHECK(!added);
	bi.regions[1].base = 0xfcfff000;
	CHECK(!fb_add(&bi, kmap_mmio));
}
