/*
 * Firmware's graphics modes: nothing that it says is taken before it was checked.
 */
#include "boot/app/mode.h"

#include "lib/string.h"

#define SIDE_MAX 32768u /* pixels: more is a mistake */

struct channel {
	u8 position, size;
};

/* The place of a colour's bits, which are one behind the other; false: they are not, or there are none. */
static bool channel(u32 mask, struct channel *out)
{
	u32 low;

	if (!mask)
		return false;
	out->position = (u8)__builtin_ctz(mask);
	low = mask >> out->position;
	out->size = (u8)(32 - __builtin_clz(low));
	return !(low & (low + 1));
}

static bool masks(const struct mode *m, struct boot_framebuffer *out)
{
	u32 all = m->red | m->green | m->blue | m->reserved;
	struct channel red, green, blue;

	if (!channel(m->red, &red) || !channel(m->green, &green) || !channel(m->blue, &blue))
		return false;
	if ((m->red & m->green) | (m->red & m->blue) | (m->green & m->blue) |
	    (m->reserved & (m->red | m->green | m->blue)))
		return false;
	out->bpp = (u8)ALIGN_UP(32u - (u32)__builtin_clz(all), 8u);
	out->red_position = red.position;
	out->red_size = red.size;
	out->green_position = green.position;
	out->green_size = green.size;
	out->blue_position = blue.position;
	out->blue_size = blue.size;
	return true;
}

static bool pixels(const struct mode *m, struct boot_framebuffer *out)
{
	struct mode known = {
		.red = 0xff, .green = 0xff00, .blue = 0xff0000, .reserved = ~0xffffffu
	};

	if (m->format == MODE_BITMASK)
		return masks(m, out);
	if (m->format == MODE_BGR) {
		known.red = 0xff0000;
		known.blue = 0xff;
	}
	return (m->format == MODE_RGB || m->format == MODE_BGR) && masks(&known, out);
}

const char *mode_framebuffer(const struct mode *mode, u64 address, u64 bytes,
			     struct boot_framebuffer *out)
{
	*out = (struct boot_framebuffer){ .type = BOOT_FB_RGB, .address = address };
	if (mode->format == MODE_BLT_ONLY)
		return "it has no framebuffer";
	if (!pixels(mode, out))
		return "its pixels are of an unknown form";
	if (!mode->width || !mode->height || mode->width > mode->row || mode->row > SIDE_MAX ||
	    mode->height > SIDE_MAX)
		return "its width, height and distance of rows cannot be";
	out->width = mode->width;
	out->height = mode->height;
	out->pitch = mode->row * (out->bpp / 8u);
	if (!address || address + bytes < address || (u64)out->pitch * out->height > bytes)
		return "its address or size cannot be";
	return NULL;
}

/* Whether the list, which ends at a space, has that part. */
static bool names_screen(const char *list)
{
	while (*list && *list != ' ') {
		size_t n = 0;

		while (list[n] && list[n] != ' ' && list[n] != ',')
			n++;
		if (n == 2 && !memcmp(list, "fb", 2))
			return true;
		list += list[n] == ',' ? n + 1 : n;
	}
	return false;
}

bool mode_wanted(const char *cmdline)
{
	static const char key[] = "console=";
	bool wanted = false;

	for (const char *word = cmdline; word;) {
		if (!strncmp(word, key, sizeof(key) - 1))
			wanted = names_screen(word + sizeof(key) - 1);
		word = strchr(word, ' ');
		if (word)
			word++;
	}
	return wanted;
}
