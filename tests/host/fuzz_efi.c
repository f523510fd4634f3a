/*
 * What the UEFI application reads: archives of boot sets, its own image, load options, command lines,
 * device paths, URLs; and graphics modes. An input's first byte chooses which; an image
 * is given as changes to a good one.
 *
 * sources: boot/app/archive.c boot/app/bootset.c boot/app/devpath.c boot/app/image.c boot/app/mode.c
 * sources: boot/app/text.c boot/app/url.c boot/mbi.c boot/memmap.c lib/cpio.c lib/elf.c lib/string.c
 * runs: 60000
 * max_len: 4096
 */
#include <stdio.h>
#include <stdlib.h>

#include "boot/app/archive.h"
#include "boot/app/bootset.h"
#include "boot/app/devpath.h"
#include "boot/app/image.h"
#include "boot/app/mode.h"
#include "boot/app/text.h"
#include "boot/app/url.h"
#include "boot/mbi.h"
#include "lib/hw/elf.h"
#include "lib/hw/multiboot2.h"
#include "lib/string.h"
#include "tests/host/fuzzing.h"

static u64 mbi[HANDOVER_SIZE / 8];

/* What was collected is what the boot path reads. */
static void check_handover(const struct bootset *set, const char *cmdline)
{
	static struct boot_info info;
	struct handover h = { cmdline, set, 0, 1, 2, { 0 } };
	struct mbi_extra extra = { 0 };

	memset(&info, 0, sizeof(info));
	handover_write(&h, mbi);
	CHECK(!mbi_parse(mbi, &info, &extra));
	CHECK_STR(info.cmdline, cmdline);
	CHECK_EQ(info.module_count, set->count);
	for (u32 i = 0; i < set->count; i++) {
		CHECK_STR(info.modules[i].path, set->files[i].path);
		CHECK(!i || strcmp(info.modules[i - 1].path, info.modules[i].path) < 0);
	}
}

static void fuzz_archive(const u8 *data, size_t size)
{
	static struct bootset set;
	struct archive a = { data, size, 0 };
	struct archive_file f;

	memset(&set, 0, sizeof(set));
	while (!archive_next(&a, &f) && f.path) {
		struct boot_module *m;

		CHECK(f.data >= data && f.size <= size && f.data <= data + size - f.size);
		if (!bootset_add(&set, f.path, strlen(f.path), &m))
			m->size = f.size;
	}
	check_handover(&set, "");
}

static u8 out[2048];
static size_t len;

static void put(const void *data, size_t n)
{
	memcpy(out + len, data, n);
	len += n;
}

/* A small image as linker.ld makes it, in out. */
static void make_image(void)
{
	struct elf64_header h = {
		.ident = { .magic = ELF_MAGIC, .class = ELF_CLASS64, .data = ELF_DATA_LSB },
		.type = ELF_TYPE_EXEC,
		.machine = ELF_MACHINE_X86_64,
		.phoff = sizeof(h),
		.phentsize = sizeof(struct elf64_segment),
		.phnum = 2
	};
	struct elf64_segment s = { ELF_LOAD, 5, 0, 0, 0x200000, 200, 300, 4096 };
	struct mb2_header mb = { MB2_HEADER_MAGIC, 0, 16 + 16 + 24 + 8, 0 };
	struct mb2_header_entry entry = { { MB2_HEADER_ENTRY_EFI64, 1, 12 }, 0x200010 };
	struct mb2_header_relocatable reloc = {
		{ MB2_HEADER_RELOCATABLE, 0, 24 }, 0x200000, ~0u, 0x200000, 1
	};
	struct mb2_header_tag end = { MB2_HEADER_END, 0, 8 };
	struct image image;

	mb.checksum = -(mb.magic + mb.length);
	len = 0;
	put(&h, sizeof(h));
	put(&s, sizeof(s));
	s.paddr += 300;
	s.memsz = 0x500000;
	put(&s, sizeof(s));
	put(&mb, sizeof(mb));
	put(&entry, sizeof(entry));
	put("\0\0\0", 4);
	put(&reloc, sizeof(reloc));
	put(&end, sizeof(end));
	CHECK(!image_check(out, len, &image));
}

/* Changes to a good image: how much is cut off, then a place, a width and a value each. */
static void fuzz_image(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct image image;
	u8 *copy, *dst;
	size_t n;

	make_image();
	n = len - fuzz_bytes(&in, 2) % (len + 1);
	while (in.left) {
		size_t at = fuzz_bytes(&in, 2) % len;

		memset(out + at, (int)fuzz_bytes(&in, 1), MIN(1 + fuzz_below(&in, 8), len - at));
	}
	copy = fuzz_copy(out, n);
	if (!image_check(copy, n, &image)) {
		CHECK(image.size && image.size <= IMAGE_SIZE_MAX && image.entry < image.size);
		dst = malloc(image.size);
		image_place(&image, dst);
		free(dst);
	}
	free(copy);
}

/* A directory is the beginning of its URL, and files' URLs begin with it. */
static void fuzz_url(char *url)
{
	char joined[DEVPATH_URL + 16], host[DEVPATH_URL], directory[64];
	size_t n = strlen(url);
	u8 address[16];

	if (url_tftp6(url, address, directory, sizeof(directory)))
		CHECK(strlen(directory) < n);
	if (!url_directory(url))
		return;
	CHECK(strlen(url) <= n && url[strlen(url) - 1] == '/');
	CHECK(url_join(url, "a b", joined, sizeof(joined)));
	CHECK(str_prefix(joined, url) && strlen(joined) == strlen(url) + 5);
	CHECK(url_host(url, host, sizeof(host)) && strlen(host) < strlen(url));
}

static void fuzz_text(const u8 *data, size_t size)
{
	static const struct bootset none;
	static struct devpath_net net;
	struct text_file f;
	char line[64];
	u16 units[64];
	size_t at = 0;

	if (!text_options(data, size, line, sizeof(line)))
		check_handover(&none, line);
	if (!text_line(data, size, line, sizeof(line)))
		check_handover(&none, line);
	if (devpath_directory(data, size, units, ARRAY_LEN(units))) {
		u32 n = 0;

		while (units[n])
			n++;
		CHECK(n && n < ARRAY_LEN(units) && units[0] == '\\' && units[n - 1] == '\\');
	}
	devpath_com1_in(data, size);
	if (devpath_net(data, size, &net))
		fuzz_url(net.url);
	if (url_in_dhcp6(data, size, net.url, sizeof(net.url)))
		fuzz_url(net.url);
	while (at < size && text_index((const char *)data, size, &at, &f))
		CHECK(f.length && (const u8 *)f.path + f.length + 1 == data + at);
}

/* What is taken for a framebuffer lies within what the firmware gives for it. */
static void fuzz_mode(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };
	u64 address = fuzz_bytes(&in, 8), bytes = fuzz_bytes(&in, 8);
	struct boot_framebuffer f;
	struct mode m;

	m.format = fuzz_below(&in, 6);
	m.width = (u32)fuzz_bytes(&in, 4);
	m.height = (u32)fuzz_bytes(&in, 4);
	m.row = (u32)fuzz_bytes(&in, 4);
	m.red = (u32)fuzz_bytes(&in, 4);
	m.green = (u32)fuzz_bytes(&in, 4);
	m.blue = (u32)fuzz_bytes(&in, 4);
	m.reserved = (u32)fuzz_bytes(&in, 4);
	if (mode_framebuffer(&m, address, bytes, &f))
		return;
	CHECK(f.address == address && (u64)f.pitch * f.height <= bytes && bytes <= -address);
	CHECK(f.width && f.pitch >= (u64)f.width * f.bpp / 8 && f.bpp % 8 == 0 && f.bpp <= 32);
	CHECK(f.red_size && f.red_position + f.red_size <= f.bpp);
	CHECK(f.green_size && f.green_position + f.green_size <= f.bpp);
	CHECK(f.blue_size && f.blue_position + f.blue_size <= f.bpp);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static void (*const targets[])(const u8 *, size_t) = { fuzz_archive, fuzz_image, fuzz_text,
							       fuzz_mode };
	struct fuzz_in in = { data, size };
	u32 target = fuzz_below(&in, ARRAY_LEN(targets));
	u8 *copy = fuzz_copy(in.p, in.left);

	targets[target](copy, in.left);
	free(copy);
	return 0;
}

/* --- seeds ---------------------------------------------------------------------------------------- */

static void put_entry(const char *name, u32 mode, const char *content)
{
	char header[111];

	snprintf(header, sizeof(header),
		 "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 1, mode, 0, 0, 1, 0,
		 (u32)strlen(content), 0, 0, 0, 0, (u32)strlen(name) + 1, 0);
	put(header, 110);
	put(name, strlen(name) + 1);
	while (len % 4 != 1) /* behind the choosing byte */
		put("", 1);
	put(content, strlen(content));
	while (len % 4 != 1)
		put("", 1);
}

static void begin(const char *chosen)
{
	len = 0;
	put(chosen, 1);
}

static void seed_archive(void)
{
	begin("\0");
	put_entry("sub", 0040755, "");
	put_entry("sub/kernel", 0100644, "content");
	put_entry("./b.xml", 0100644, "<domain/>");
	put_entry("TRAILER!!!", 0, "");
	fuzz_seed(out, len);
}

/* One to three changes. */
static void seed_image(void)
{
	begin("\1");
	for (u32 i = 0; i < 2 + 4 * (1 + fuzz_random(3)); i++) {
		u8 byte = i < 2 ? 0 : (u8)fuzz_random(256);

		put(&byte, 1);
	}
	fuzz_seed(out, len);
}

static void seed_texts(void)
{
	static const u8 path[] =
		"\2\2\1\x0c\0\xd0\x41\1\5\0\0\0\0\4\4\x0c\0\\\0a\0\\\0b\0\x7f\xff\4";
	static const u8 url[] = "\2\3\x0c\x08\0\12\0\2\17\3\x18\x14\0http://h/d/p.efi"
				"\x7f\xff\4\0";
	static const u8 dhcp6[] = "\2\0\1\0\2\1\1\0\x3b\0\x16tftp://[fec0::2]/d/p.e";

	begin("\2");
	put("p\0.\0e\0f\0i\0 \0a\0=\0b\0 \0c\0", 22);
	fuzz_seed(out, len);
	begin("\2");
	put("loglevel=debug\r\n follow=all\n", 28);
	fuzz_seed(out, len);
	fuzz_seed(path, sizeof(path));
	fuzz_seed(url, sizeof(url) - 1);
	fuzz_seed(dhcp6, sizeof(dhcp6) - 1);
	begin("\2");
	put("230 one.xml\n17 sub/hello.bin\n", 30);
	fuzz_seed(out, len);
}

static void seed_mode(void)
{
	static const u64 place = 0xc0000000, bytes = 1024 * 768 * 4;
	static const u32 words[] = { 1024, 768, 1024, 0xff0000, 0xff00, 0xff, 0 };

	for (u8 format = 0; format < 3; format++) {
		begin("\3");
		put(&place, sizeof(place));
		put(&bytes, sizeof(bytes));
		put(&format, 1);
		put(words, sizeof(words));
		fuzz_seed(out, len);
	}
}

void fuzz_seeds(void)
{
	seed_archive();
	for (u32 i = 0; i < 200; i++)
		seed_image();
	seed_texts();
	seed_mode();
}
