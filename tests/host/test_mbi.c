/*
 * The multiboot2 boot information: a well-formed one gives what the specification says; a truncated or
 * altered one gives a reason or other contents, and no byte outside of it is read.
 *
 * sources: boot/mbi.c boot/memmap.c lib/string.c
 */
#include "boot/mbi.h"
#include "boot/memmap.h"
#include "lib/string.h"
#include "tests/host/harness.h"

#include <stdlib.h>

#define SIZE_MAX_TEST 4096

/* A boot information under construction; put*() append in the byte order of memory. */
static struct {
	u8 b[SIZE_MAX_TEST];
	u32 n;
} out;

static void put32(u32 v)
{
	memcpy(out.b + out.n, &v, 4);
	out.n += 4;
}

static void put64(u64 v)
{
	put32((u32)v);
	put32((u32)(v >> 32));
}

static void put_text(const char *s)
{
	size_t n = strlen(s) + 1;

	memcpy(out.b + out.n, s, n);
	out.n += (u32)n;
}

static u32 tag_at;

static void tag(u32 type)
{
	out.n = (u32)ALIGN_UP(out.n, 8);
	tag_at = out.n;
	put32(type);
	put32(0);
}

static void tag_end(void)
{
	u32 size = out.n - tag_at;

	memcpy(out.b + tag_at + 4, &size, 4);
}

static void begin(void)
{
	memset(&out, 0, sizeof(out));
	put32(0);
	put32(0);
}

static void finish(void)
{
	tag(0);
	tag_end();
	memcpy(out.b, &out.n, 4);
}

static void put_module(u32 start, u32 end, const char *text)
{
	tag(3);
	put32(start);
	put32(end);
	put_text(text);
	tag_end();
}

static void put_cmdline(const char *text)
{
	tag(1);
	put_text(text);
	tag_end();
}

/* Multiboot2, "Framebuffer info" */
static void put_framebuffer(u32 type, u32 bpp)
{
	tag(8);
	put64(0xfd000000);
	put32(4096); /* pitch */
	put32(1024);
	put32(768);
	put32(bpp | type << 8);
	put32(16 | 8 << 8 | 8 << 16 | 7 << 24); /* red, green: position and size */
	out.b[out.n++] = 0;                     /* blue */
	out.b[out.n++] = 6;
	tag_end();
}

/* All tags that are looked at, and one that is not. */
static void build_all(void)
{
	begin();
	put_cmdline("console=com1 follow=all");
	tag(2); /* boot loader name */
	put_text("loader");
	tag_end();
	put_module(0x500000, 0x500123, "etc/a.xml");
	put_module(0x600000, 0x600000, "empty second word");
	tag(6);
	put32(24);
	put32(0);
	put64(0x100000);
	put64(0x3ff00000);
	put32(1);
	put32(0);
	put64(0);
	put64(0x9fc00);
	put32(1);
	put32(0);
	tag_end();
	put_framebuffer(1, 32);
	tag(14);
	put_text("RSD PTR 1...........");
	tag_end();
	tag(15);
	put_text("RSD PTR 2...........................");
	tag_end();
	tag(12);
	put64(0x7f000000123);
	tag_end();
	tag(20);
	put64(0x7e000000456);
	tag_end();
	tag(18);
	tag_end();
	tag(21);
	put32(0x200000);
	tag_end();
	finish();
}

/* Parses a heap block that ends where the information ends, so that the sanitizer sees any byte too many. */
static const char *parse(struct boot_info *info, struct mbi_extra *x)
{
	u8 *tight = malloc(out.n);
	const char *why;

	memset(info, 0, sizeof(*info));
	memset(x, 0, sizeof(*x));
	memcpy(tight, out.b, out.n);
	why = mbi_parse(tight, info, x);
	free(tight);
	return why;
}

TEST(everything)
{
	static struct boot_info info;
	struct mbi_extra x;

	build_all();
	CHECK_STR(parse(&info, &x) ?: "fine", "fine");
	CHECK_STR(info.cmdline, "console=com1 follow=all");
	CHECK(!info.cmdline_cut);
	CHECK_EQ(info.module_count, 2);
	CHECK_STR(info.modules[0].path, "etc/a.xml");
	CHECK_EQ(info.modules[0].pa, 0x500000);
	CHECK_EQ(info.modules[0].size, 0x123);
	CHECK_STR(info.modules[1].path, "empty");
	CHECK_EQ(info.modules[1].size, 0);
	CHECK_EQ(info.region_count, 2);
	CHECK_EQ(info.regions[0].base, 0);
	CHECK_EQ(info.regions[0].len, 0x9f000); /* whole pages */
	CHECK_EQ(info.regions[1].base, 0x100000);
	CHECK_EQ(info.regions[1].len, 0x3ff00000);
	CHECK_EQ(info.rsdp_size, 36);
	CHECK(!memcmp(info.rsdp, "RSD PTR 2", 9));
	CHECK_EQ(info.framebuffer.type, BOOT_FB_RGB);
	CHECK_EQ(info.framebuffer.address, 0xfd000000);
	CHECK_EQ(info.framebuffer.pitch, 4096);
	CHECK_EQ(info.framebuffer.width, 1024);
	CHECK_EQ(info.framebuffer.height, 768);
	CHECK_EQ(info.framebuffer.bpp, 32);
	CHECK_EQ(info.framebuffer.red_position, 16);
	CHECK_EQ(info.framebuffer.red_size, 8);
	CHECK_EQ(info.framebuffer.green_position, 8);
	CHECK_EQ(info.framebuffer.green_size, 7);
	CHECK_EQ(info.framebuffer.blue_position, 0);
	CHECK_EQ(info.framebuffer.blue_size, 6);
	CHECK_EQ(info.efi_system_table, 0x7f000000123);
	CHECK_EQ(x.efi_image_handle, 0x7e000000456);
	CHECK(x.boot_services && x.have_memmap && x.have_load_base);
	CHECK_EQ(x.load_base, 0x200000);
}

/* The old root pointer after the new one does not replace it. */
TEST(newer_rsdp_wins)
{
	static struct boot_info info;
	struct mbi_extra x;

	begin();
	tag(15);
	put_text("RSD PTR 2...........................");
	tag_end();
	tag(14);
	put_text("RSD PTR 1...........");
	tag_end();
	finish();
	CHECK(!parse(&info, &x));
	CHECK_EQ(info.rsdp_size, 36);
	CHECK(!memcmp(info.rsdp, "RSD PTR 2", 9));
}

static const char *framebuffer(u32 type, u32 length, struct boot_info *info)
{
	struct mbi_extra x;

	begin();
	put_framebuffer(type, 16);
	out.n = tag_at + length;
	tag_end();
	finish();
	return parse(info, &x);
}

TEST(framebuffers)
{
	static struct boot_info info;

	CHECK(!framebuffer(1, 38, &info));
	CHECK_EQ(info.framebuffer.type, BOOT_FB_RGB);
	CHECK(framebuffer(1, 37, &info));
	CHECK(!framebuffer(2, 32, &info));
	CHECK_EQ(info.framebuffer.type, BOOT_FB_TEXT);
	CHECK_EQ(info.framebuffer.red_size, 0);
	CHECK(framebuffer(2, 31, &info));
	CHECK(!framebuffer(0, 38, &info)); /* by a palette */
	CHECK_EQ(info.framebuffer.type, BOOT_FB_NONE);
	CHECK(!framebuffer(9, 38, &info));
	CHECK_EQ(info.framebuffer.type, BOOT_FB_NONE);
}

TEST(wrong_sizes)
{
	static struct boot_info info;
	struct mbi_extra x;
	static u64 word[2];

	CHECK(mbi_parse(NULL, &info, &x));
	CHECK(mbi_parse((u8 *)word + 4, &info, &x));
	word[0] = 8;
	CHECK(mbi_parse(word, &info, &x));
	word[0] = MBI_MAX_SIZE + 8;
	CHECK(mbi_parse(word, &info, &x));
	word[0] = 12; /* half an end tag */
	CHECK(mbi_parse(word, &info, &x));
}

/* Every shorter total size loses at least the end tag. */
TEST(truncated)
{
	static struct boot_info info;
	struct mbi_extra x;
	u32 full;

	build_all();
	full = out.n;
	for (u32 n = 16; n < full; n++) {
		build_all();
		out.n = n;
		memcpy(out.b, &n, 4);
		CHECK(parse(&info, &x));
	}
}

/* Whatever a byte is changed to: nothing outside is read, and results keep their bounds. */
TEST(altered)
{
	static struct boot_info info;
	struct mbi_extra x;
	static const u8 values[] = { 0x00, 0x01, 0x07, 0x7f, 0x80, 0xff };

	build_all();
	for (u32 i = 4; i < out.n; i++) {
		u8 old = out.b[i];

		for (u32 v = 0; v < ARRAY_LEN(values); v++) {
			out.b[i] = values[v];
			(void)!parse(&info, &x);
			CHECK(info.module_count <= BOOT_MAX_MODULES);
			CHECK(info.region_count <= BOOT_MAX_REGIONS);
			CHECK(strnlen(info.cmdline, sizeof(info.cmdline)) < sizeof(info.cmdline));
		}
		out.b[i] = old;
	}
}

TEST(module_limits)
{
	static struct boot_info info;
	struct mbi_extra x;
	char path[BOOT_PATH_MAX + 1];

	begin();
	for (int i = 0; i < BOOT_MAX_MODULES + 3; i++)
		put_module(0x100000, 0x100001, "f");
	finish();
	CHECK(!parse(&info, &x));
	CHECK_EQ(info.module_count, BOOT_MAX_MODULES);
	CHECK_EQ(info.modules_dropped, 3);

	memset(path, 'x', BOOT_PATH_MAX);
	path[BOOT_PATH_MAX] = '\0';
	begin();
	put_module(0x100000, 0x100001, path);     /* one too long */
	put_module(0x100000, 0x100001, path + 1); /* just fits */
	finish();
	CHECK(!parse(&info, &x));
	CHECK_EQ(info.module_count, 1);
	CHECK_EQ(info.modules_dropped, 1);
	CHECK_STR(info.modules[0].path, path + 1);

	begin();
	put_module(0x100001, 0x100000, "backwards");
	finish();
	CHECK(parse(&info, &x));
}

TEST(long_command_line)
{
	static struct boot_info info;
	struct mbi_extra x;
	static char line[BOOT_CMDLINE_MAX + 1];

	memset(line, 'a', BOOT_CMDLINE_MAX);
	begin();
	put_cmdline(line);
	finish();
	CHECK(!parse(&info, &x));
	CHECK(info.cmdline_cut);
	CHECK_EQ(strlen(info.cmdline), BOOT_CMDLINE_MAX - 1);
}

TEST(odd_memory_map_entries)
{
	static struct boot_info info;
	struct mbi_extra x;

	begin();
	tag(6);
	put32(16); /* shorter than an entry */
	put32(0);
	put64(0);
	put64(0x1000);
	tag_end();
	finish();
	CHECK(parse(&info, &x));

	begin();
	tag(6);
	put32(32); /* longer than what we know: the rest is skipped */
	put32(1);
	for (u64 i = 0; i < 2; i++) {
		put64(0x100000 + i * 0x200000);
		put64(0x100000);
		put32(1);
		put32(0);
		put64(~0ULL);
	}
	tag_end();
	finish();
	CHECK(!parse(&info, &x));
	CHECK_EQ(info.region_count, 2);
	CHECK_EQ(info.regions[1].base, 0x300000);
}
