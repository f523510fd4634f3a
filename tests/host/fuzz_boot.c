/*
 * What the boot loader hands over: the multiboot2 boot information with its memory map, and the host's
 * command line. An input's first byte: bit 0 makes it a command line; else the information follows, whose
 * size is put right.
 *
 * sources: boot/mbi.c boot/memmap.c core/cmdline.c lib/string.c
 * runs: 20000
 * max_len: 4096
 */
#include <stdlib.h>

#include "boot/mbi.h"
#include "boot/memmap.h"
#include "core/cmdline.h"
#include "lib/string.h"
#include "tests/host/fuzzing.h"

static bool ends_within(const char *s, size_t size)
{
	return memchr(s, 0, size);
}

static void check_regions(const struct boot_info *info)
{
	CHECK(info->region_count <= BOOT_MAX_REGIONS);
	for (u32 i = 0; i < info->region_count; i++) {
		const struct boot_region *r = &info->regions[i], *next = r + 1;

		CHECK(r->len && r->base + r->len > r->base);
		if (r->type == BOOT_MEM_USABLE)
			CHECK(!((r->base | r->len) & PAGE_MASK));
		if (i + 1 == info->region_count)
			break;
		CHECK(r->base + r->len <= next->base);
		CHECK(r->base + r->len < next->base || r->type != next->type);
	}
}

static void fuzz_mbi(const u8 *data, size_t size)
{
	static struct boot_info info;
	struct mbi_extra extra;
	u8 *copy = fuzz_copy(data, size);
	u32 n = (u32)size;

	memset(&info, 0, sizeof(info));
	memset(&extra, 0, sizeof(extra));
	memcpy(copy, &n, sizeof(n));
	if (!mbi_parse(copy, &info, &extra)) {
		memmap_finish(&info);
		check_regions(&info);
	}
	free(copy);
	CHECK(ends_within(info.cmdline, sizeof(info.cmdline)));
	CHECK(info.module_count <= BOOT_MAX_MODULES);
	for (u32 i = 0; i < info.module_count; i++) {
		CHECK(ends_within(info.modules[i].path, BOOT_PATH_MAX));
		CHECK(!strchr(info.modules[i].path, ' '));
		CHECK(info.modules[i].pa + info.modules[i].size <= BIT(32));
	}
	CHECK(info.rsdp_size == 0 || info.rsdp_size == 20 || info.rsdp_size == 36);
}

static void fuzz_cmdline(const u8 *data, size_t size)
{
	static const char *const keys[] = { "console", "loglevel", "cpu.off", "a", "" };
	char *line = (char *)fuzz_copy(data, size);
	char value[8];

	line[size - 1] = '\0';
	cmdline_init(line);
	free(line);
	cmdline_check();
	for (u32 i = 0; i < ARRAY_LEN(keys); i++) {
		char whole[CMDLINE_MAX];
		bool found = cmdline_get(keys[i], value, sizeof(value));

		CHECK_EQ(cmdline_get(keys[i], whole, sizeof(whole)), found);
		CHECK(!found || ends_within(value, sizeof(value)));
		CHECK(!found || (ends_within(whole, sizeof(whole)) && cmdline_is(keys[i], whole)));
		CHECK(!found || str_prefix(whole, value));
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (size < 2)
		return 0;
	if (data[0] & 1)
		fuzz_cmdline(data + 1, size - 1);
	else if (size > 16)
		fuzz_mbi(data + 1, size - 1);
	return 0;
}

/* --- seeds ---------------------------------------------------------------------------------------- */

static u8 out[4096];
static u32 out_len;

static void put(u64 value, u32 n)
{
	memcpy(out + out_len, &value, n);
	out_len += n;
}

/* A tag with a text behind n bytes of value. */
static void put_tag(u32 type, u64 value, u32 n, const char *text)
{
	u32 text_len = text ? (u32)strlen(text) + 1 : 0;

	put(type, 4);
	put(8 + n + text_len, 4);
	put(value, n);
	memcpy(out + out_len, text ? text : "", text_len);
	out_len += text_len;
	while (out_len % 8 != 1) /* behind the choosing byte */
		put(0, 1);
}

static void put_map(u32 entries)
{
	put(6, 4);
	put(16 + 24 * entries, 4);
	put(24, 4);
	put(0, 4);
	for (u32 i = 0; i < entries; i++) {
		put((u64)fuzz_random(64) * 0x800, 8);
		put((u64)fuzz_random(32) * 0x800, 8);
		put(1 + fuzz_random(5), 4);
		put(0, 4);
	}
}

void fuzz_seeds(void)
{
	static const char line[] = "\1console=com1,115200 loglevel=debug a  cpu.off=x2apic\ta=b";
	static const u8 map_sizes[] = { 3, 12, 40 };

	for (u32 i = 0; i < ARRAY_LEN(map_sizes); i++) {
		out_len = 0;
		put(0, 1);
		put(0, 8);
		put_tag(1, 0, 0, "console=com1 loglevel=debug");
		put_tag(3, 0x0010300000100000, 8, "guest/vmlinuz quiet");
		put_map(map_sizes[i]);
		put_tag(14, 0, 8, "123456789ab");
		put_tag(15, 0, 8, "123456789abcdefghijklmnopqr");
		put_tag(12, 0x7fe00000, 8, NULL);
		put_tag(20, 0x7fe01000, 8, NULL);
		put_tag(18, 0, 0, NULL);
		put_tag(21, 0x200000, 4, NULL);
		put_tag(0, 0, 0, NULL);
		fuzz_seed(out, out_len);
	}
	fuzz_seed(line, sizeof(line));
}
