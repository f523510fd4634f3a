/*
 * What the UEFI application makes of a boot set and of the firmware's texts: boot/mbi.c reads the same
 * from the boot information as was put into it.
 *
 * flags: -fshort-wchar
 * sources: boot/app/bootset.c boot/app/devpath.c boot/app/mode.c boot/app/text.c boot/mbi.c boot/memmap.c
 * sources: lib/string.c
 */
#include <stdio.h>
#include <stdlib.h>

#include "boot/app/bootset.h"
#include "boot/app/devpath.h"
#include "boot/app/mode.h"
#include "boot/app/text.h"
#include "boot/mbi.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "tests/host/harness.h"

static struct bootset set;
static struct boot_info info;
static struct boot_framebuffer framebuffer;
static u64 mbi[HANDOVER_SIZE / 8];

static const char *add(const char *path)
{
	struct boot_module *m;
	const char *wrong = bootset_add(&set, path, strlen(path), &m);

	if (!wrong) {
		m->pa = 0x1000000 + set.count * 0x10000;
		m->size = set.count;
	}
	return wrong;
}

static void hand_over(const char *cmdline, struct mbi_extra *x)
{
	struct handover h = { cmdline, &set, 0x3dc00000, 0x1234567890, 0x9876543210, framebuffer };

	memset(&info, 0, sizeof(info));
	memset(x, 0, sizeof(*x));
	handover_write(&h, mbi);
	CHECK_STR(mbi_parse(mbi, &info, x), NULL);
}

TEST(read_back_by_the_boot_path)
{
	struct mbi_extra x;

	memset(&set, 0, sizeof(set));
	CHECK(!add("vmlinuz"));
	CHECK(!add("sub/b"));
	CHECK(!add("a.xml"));
	hand_over("loglevel=debug smp=2", &x);
	CHECK_STR(info.cmdline, "loglevel=debug smp=2");
	CHECK_EQ(info.efi_system_table, 0x1234567890);
	CHECK_EQ(x.efi_image_handle, 0x9876543210);
	CHECK(x.boot_services && x.have_load_base);
	CHECK_EQ(x.load_base, 0x3dc00000);
	CHECK_EQ(info.module_count, 3);
	CHECK_STR(info.modules[0].path, "a.xml");
	CHECK_EQ(info.modules[0].pa, 0x1030000);
	CHECK_EQ(info.modules[0].size, 3);
	CHECK_STR(info.modules[1].path, "sub/b");
	CHECK_STR(info.modules[2].path, "vmlinuz");
	CHECK_EQ(info.modules[2].pa, 0x1010000);
	CHECK_EQ(info.modules[2].size, 1);
}

TEST(the_most_that_there_may_be)
{
	char path[BOOT_PATH_MAX + 1], line[BOOT_CMDLINE_MAX];
	struct mbi_extra x;

	memset(&set, 0, sizeof(set));
	for (int i = 0; i < BOOT_MAX_MODULES; i++) {
		snprintf(path, sizeof(path), "%0127d", i);
		CHECK(!add(path));
	}
	CHECK_STR(add("more"), "it is one file more than the 128 that a boot set may have");
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	hand_over(line, &x);
	CHECK_STR(info.cmdline, line);
	CHECK_EQ(info.module_count, BOOT_MAX_MODULES);
	CHECK_EQ(info.modules_dropped, 0);
	CHECK_STR(info.modules[127].path, set.files[127].path);
}

TEST(paths_that_cannot_be)
{
	char path[BOOT_PATH_MAX + 1];

	memset(&set, 0, sizeof(set));
	snprintf(path, sizeof(path), "%0128d", 0);
	CHECK_STR(add(path), "its path is longer than 127 bytes");
	CHECK(!add(path + 1));
	CHECK_STR(add(""), "its path is empty or absolute");
	CHECK_STR(add("/a"), "its path is empty or absolute");
	CHECK_STR(add("a b"), "its path has spaces or other than printable ASCII characters");
	CHECK_STR(add("a\x7f"), "its path has spaces or other than printable ASCII characters");
	CHECK_STR(add("\xc3\xa4"), "its path has spaces or other than printable ASCII characters");
	CHECK_STR(add("a/../b"), "its path leads out of the boot set");
	CHECK_STR(add(".."), "its path leads out of the boot set");
	CHECK(!add("a..b/..c"));
	CHECK_STR(add("a..b/..c"), "it is there twice");
}

/* --- the screen ----------------------------------------------------------------------------------- */

#define PLACE 0xc0000000ull

static const struct mode usual = { .width = 1024, .height = 768, .format = MODE_BGR, .row = 1024 };

static const char *framebuffer_of(const struct mode *mode, u64 address, u64 bytes)
{
	return mode_framebuffer(mode, address, bytes, &framebuffer);
}

/* As the boot path reads it. */
static const struct boot_framebuffer *read_back(void)
{
	struct mbi_extra x;

	memset(&set, 0, sizeof(set));
	hand_over("", &x);
	return &info.framebuffer;
}

TEST(framebuffer_read_back)
{
	const struct boot_framebuffer *f;
	struct mode m = usual;

	framebuffer.type = BOOT_FB_NONE;
	CHECK_EQ(read_back()->type, BOOT_FB_NONE);
	CHECK_STR(framebuffer_of(&m, PLACE, 1024 * 768 * 4), NULL);
	f = read_back();
	CHECK_EQ(f->type, BOOT_FB_RGB);
	CHECK_EQ(f->address, PLACE);
	CHECK(f->pitch == 4096 && f->width == 1024 && f->height == 768 && f->bpp == 32);
	CHECK(f->red_position == 16 && f->green_position == 8 && f->blue_position == 0);
	CHECK(f->red_size == 8 && f->green_size == 8 && f->blue_size == 8);
	m.format = MODE_RGB;
	m.row = 1280;
	m.red = 1; /* of no meaning here */
	CHECK_STR(framebuffer_of(&m, PLACE << 12, 1280 * 768 * 4), NULL);
	f = read_back();
	CHECK_EQ(f->address, PLACE << 12);
	CHECK(f->pitch == 5120 && f->width == 1024 && f->bpp == 32);
	CHECK(f->red_position == 0 && f->green_position == 8 && f->blue_position == 16);
	framebuffer.type = BOOT_FB_NONE;
}

TEST(framebuffers_by_masks)
{
	struct mode m = usual;

	m.format = MODE_BITMASK;
	m.red = 0xf800;
	m.green = 0x07e0;
	m.blue = 0x001f;
	CHECK_STR(framebuffer_of(&m, PLACE, 1024 * 768 * 2), NULL);
	CHECK(framebuffer.bpp == 16 && framebuffer.pitch == 2048);
	CHECK(framebuffer.red_position == 11 && framebuffer.red_size == 5);
	CHECK(framebuffer.green_position == 5 && framebuffer.green_size == 6);
	CHECK(framebuffer.blue_position == 0 && framebuffer.blue_size == 5);
	m.reserved = 0x80000000;
	CHECK_STR(framebuffer_of(&m, PLACE, 1024 * 768 * 4), NULL);
	CHECK(framebuffer.bpp == 32 && framebuffer.pitch == 4096);
	m.reserved = 0x8000; /* red's, too */
	CHECK_STR(framebuffer_of(&m, PLACE, MIB * 16), "its pixels are of an unknown form");
	m.reserved = 0;
	m.green = 0x0fe0;
	CHECK_STR(framebuffer_of(&m, PLACE, MIB * 16), "its pixels are of an unknown form");
	m.green = 0x06a0; /* with a hole */
	CHECK_STR(framebuffer_of(&m, PLACE, MIB * 16), "its pixels are of an unknown form");
	m.green = 0;
	CHECK_STR(framebuffer_of(&m, PLACE, MIB * 16), "its pixels are of an unknown form");
	framebuffer.type = BOOT_FB_NONE;
}

TEST(modes_that_cannot_be)
{
	static const char shape[] = "its width, height and distance of rows cannot be";
	static const char place[] = "its address or size cannot be";
	struct mode m = usual;

	CHECK_STR(framebuffer_of(&m, PLACE, 1024 * 768 * 4 - 1), place);
	CHECK_STR(framebuffer_of(&m, 0, 1024 * 768 * 4), place);
	CHECK_STR(framebuffer_of(&m, -1024ull, 1024 * 768 * 4), place);
	m.format = MODE_BLT_ONLY;
	CHECK_STR(framebuffer_of(&m, PLACE, 1024 * 768 * 4), "it has no framebuffer");
	m.format = 4;
	CHECK_STR(framebuffer_of(&m, PLACE, 1024 * 768 * 4), "its pixels are of an unknown form");
	m = usual;
	m.row = 1023;
	CHECK_STR(framebuffer_of(&m, PLACE, 1024 * 768 * 4), shape);
	m.row = 0x40000400; /* the pitch would be 4096 again */
	CHECK_STR(framebuffer_of(&m, PLACE, 1024 * 768 * 4), shape);
	m = usual;
	m.width = 0;
	CHECK_STR(framebuffer_of(&m, PLACE, 1024 * 768 * 4), shape);
	m = usual;
	m.height = 0;
	CHECK_STR(framebuffer_of(&m, PLACE, 1024 * 768 * 4), shape);
	m.height = 0x80000000;
	CHECK_STR(framebuffer_of(&m, PLACE, -1ull - PLACE), shape);
	framebuffer.type = BOOT_FB_NONE;
}

TEST(screens_that_are_asked_for)
{
	CHECK(mode_wanted("console=fb"));
	CHECK(mode_wanted("smp=1 console=com1,9600,fb,com2 follow=all"));
	CHECK(mode_wanted("console=com1 console=fb"));
	CHECK(!mode_wanted("console=fb console=com1"));
	CHECK(!mode_wanted(""));
	CHECK(!mode_wanted("console= fb"));
	CHECK(!mode_wanted("console=com1 fb follow=fb"));
	CHECK(!mode_wanted("console=fbx,xfb,f"));
	CHECK(!mode_wanted("xconsole=fb"));
	CHECK(mode_wanted("console=,,fb"));
}

/* --- texts ---------------------------------------------------------------------------------------- */

static char line[16];

/* As load options, in a block of their exact size. */
static int options(const u16 *text, size_t bytes)
{
	u8 *copy = malloc(bytes ? bytes : 1);
	int err;

	memcpy(copy, text, bytes);
	err = text_options(copy, bytes, line, sizeof(line));
	free(copy);
	return err;
}

TEST(load_options)
{
	CHECK(!options(L"a=b \t c", 14));
	CHECK_STR(line, "a=b c");
	CHECK(!options(L"a=b\0junk", 16));
	CHECK_STR(line, "a=b");
	CHECK(!options(L"fs0:\\P.EFI x=1 ", 30));
	CHECK_STR(line, "x=1");
	CHECK_EQ(options(L"plinth.efi", 20), -ENOENT);
	CHECK(!options(L".ef", 6));
	CHECK(!options(L"123456789012345", 30));
	CHECK_STR(line, "123456789012345");
	CHECK_EQ(options(L"1234567890123456", 32), -ENOSPC);
	CHECK_EQ(options(L"\x1234\x5678", 4), -ENOENT);
	CHECK_EQ(options(L"a", 1), -ENOENT);
	CHECK_EQ(options(L"", 0), -ENOENT);
}

TEST(command_line_files)
{
	CHECK(!text_line("\n a=b\r\nc \n", 10, line, sizeof(line)));
	CHECK_STR(line, "a=b c");
	CHECK(!text_line("abcdef", 3, line, sizeof(line)));
	CHECK_STR(line, "abc");
	CHECK(!text_line("", 0, line, sizeof(line)));
	CHECK_STR(line, "");
	CHECK_EQ(text_line("a\0b", 3, line, sizeof(line)), -EINVAL);
	CHECK_EQ(text_line("1234567890123456", 16, line, sizeof(line)), -ENOSPC);
}

/* The lines' paths and sizes up to the first that is none, as "path=size;". */
static const char *index_of(const char *list)
{
	static char text[128];
	size_t bytes = strlen(list), at = 0, n = 0;
	char *copy = malloc(bytes ? bytes : 1);
	struct text_file f;

	memcpy(copy, list, bytes);
	text[0] = '\0';
	while (at < bytes && text_index(copy, bytes, &at, &f))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s=%llu;", (int)f.length,
				      f.path, (unsigned long long)f.size);
	if (at < bytes)
		snprintf(text + n, sizeof(text) - n, "!");
	free(copy);
	return text;
}

TEST(lists_of_files)
{
	CHECK_STR(index_of(""), "");
	CHECK_STR(index_of("230 one.xml\n0 sub/x y\n"), "one.xml=230;sub/x y=0;");
	CHECK_STR(index_of("230 one.xml\n17 cut"), "one.xml=230;!");
	CHECK_STR(index_of("230 one.xml\n\n"), "one.xml=230;!");
	CHECK_STR(index_of(" x\n"), "!");
	CHECK_STR(index_of("1 \n"), "!");
	CHECK_STR(index_of("12\n"), "!");
	CHECK_STR(index_of("0x10 x\n"), "!");
	CHECK_STR(index_of("18446744073709551616 x\n"), "!");
	CHECK_STR(index_of("000000000000000000000000000001 x\n"), "!");
}

/* --- device paths --------------------------------------------------------------------------------- */

static u8 path[256];
static size_t path_len;

static void node(u8 type, u8 subtype, const void *body, size_t n)
{
	path[path_len++] = type;
	path[path_len++] = subtype;
	path[path_len++] = (u8)(n + 4);
	path[path_len++] = 0;
	memcpy(path + path_len, body, n);
	path_len += n;
}

/* The directory as ASCII, "" if there is none. */
static const char *directory(size_t bytes, size_t count)
{
	static char text[64];
	u8 *copy = malloc(bytes ? bytes : 1);
	u16 out[64];
	int i = 0;

	memcpy(copy, path, bytes);
	if (devpath_directory(copy, bytes, out, count)) {
		for (; out[i]; i++)
			text[i] = (char)out[i];
	}
	text[i] = '\0';
	free(copy);
	return text;
}

TEST(directory_of_a_device_path)
{
	path_len = 0;
	node(1, 1, "\0\37", 2);
	node(4, 4, L"\\EFI\\BOOT\\BOOTX64.EFI", 44);
	node(0x7f, 0xff, "", 0);
	CHECK_STR(directory(path_len, 64), "\\EFI\\BOOT\\");
	CHECK_STR(directory(path_len, 22), "\\EFI\\BOOT\\");
	CHECK_STR(directory(path_len, 21), ""); /* no room for the whole */
	for (size_t n = 0; n < path_len; n++)
		CHECK_STR(directory(n, 64), "");
	path[6 + 2] = 3; /* a node that is shorter than its header */
	CHECK_STR(directory(path_len, 64), "");

	path_len = 0;
	node(4, 4, L"EFI\\", 10);
	node(4, 4, L"\\plinth.efi", 22); /* without a NUL */
	node(0x7f, 0xff, "", 0);
	CHECK_STR(directory(path_len, 64), "\\EFI\\");
	path_len = 0;
	node(4, 4, L"plinth.efi", 22);
	node(0x7f, 0xff, "", 0);
	CHECK_STR(directory(path_len, 64), "\\");
	path_len = 0;
	node(0x7f, 0xff, "", 0);
	CHECK_STR(directory(path_len, 64), "");
}

TEST(console_on_com1)
{
	path_len = 0;
	node(2, 1, "\xd0\x41\x03\x0a\0\0\0\0", 8); /* PNP0A03 */
	node(3, 10, "0123456789abcdef", 16);
	node(0x7f, 1, "", 0);
	node(2, 1, "\xd0\x41\x03\x0a\0\0\0\0", 8);
	node(2, 1, "\xd0\x41\x01\x05\0\0\0\0", 8); /* PNP0501, 0 */
	node(0x7f, 0xff, "", 0);
	CHECK(devpath_com1_in(path, path_len));
	CHECK(!devpath_com1_in(path, path_len - 10)); /* cut within */
	path[path_len - 8] = 1;                       /* COM2 */
	CHECK(!devpath_com1_in(path, path_len));
	CHECK(!devpath_com1_in(path, 0));
}
