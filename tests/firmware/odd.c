/*
 * Odd firmware: changes what the loader hands over as the command line's `odd=WORD,...` says, puts Plinth's image
 * where it belongs and enters it as the loader would. The words:
 *
 *   junk   the memory map has entries that are empty, wrap around, overlap, come twice, are out of order or of no
 *          known type; what they overlap is free memory all the same
 *   holes  free memory is in many pieces: one page in each 8 MiB and 64 MiB from 256 MiB on belong to somebody,
 *          and are filled with HOLE_BYTE, so that it can be seen whether they are left alone; none where a
 *          module lies, which a line on COM1 says
 *   acpi1  tables as of ACPI 1.0: revision 0, an RSDT, a FADT of 116 bytes
 *   acpi6  tables as of ACPI 6: revision 2, an XSDT alone, a FADT of 276 bytes whose 64-bit fields count
 */
#include "lib/hw/multiboot2.h"
#include "lib/types.h"

#define INFO_MAX      (64 * 1024u)
#define TABLES_MAX    (64 * 1024u)
#define HOLE_BYTE     0xa5
#define HOLE_EACH     (8 * MIB)
#define HOLE_BIG      (256 * MIB)
#define HOLE_BIG_SIZE (64 * MIB)
#define HOLES_END     (1 * GIB)
#define FREE          1u
#define RESERVED      2u
#define ACPI_RECLAIM  3u
#define FACP          0x50434146u
#define FADT1_SIZE    116u
#define FADT6_SIZE    276u
#define ENTRY_OFFSET  0x18 /* of an ELF64 header */
#define LINKED_AT     0x200000u
#define COM1          0x3f8
#define LSR_THRE      0x20

struct elf64_segment {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

struct table {
	u32 signature, length;
	u8 revision, checksum;
	u8 rest[26];
};

struct rsdp {
	char signature[8];
	u8 checksum;
	char oem[6];
	u8 revision;
	u32 rsdt, length;
	u64 xsdt;
	u8 checksum2, reserved[3];
} __attribute__((packed));

extern char odd_begin[], odd_end[], image[], image_end[];
void odd_start(u32 magic, const u8 *info);

static u8 info_out[INFO_MAX] __attribute__((aligned(4096)));
static u8 tables[TABLES_MAX] __attribute__((aligned(4096)));
static u32 out, tables_used;

/* The compiler calls these two, too. */
void *memcpy(void *to, const void *from, size_t n)
{
	void *d = to;

	__asm__ volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(n) : : "memory");
	return to;
}

void *memset(void *to, int c, size_t n)
{
	void *d = to;

	__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return to;
}

static const struct mbi_tag *next(const struct mbi_tag *tag)
{
	return (const struct mbi_tag *)((const u8 *)tag + (tag->size + 7) / 8 * 8);
}

static const struct mbi_tag *find(const u8 *info, u32 type)
{
	const struct mbi_tag *tag = (const struct mbi_tag *)(info + 8);

	while (tag->type != MBI_END && tag->type != type)
		tag = next(tag);
	return tag->type == type ? tag : NULL;
}

/* Whether the command line has `odd=` with that word in its list. */
static int odd(const u8 *info, const char *word)
{
	const struct mbi_tag *tag = find(info, MBI_CMDLINE);
	const char *p = tag ? (const char *)(tag + 1) : "";

	for (; *p; p++) {
		const char *q = p, *w = word;

		if (*p != '=' && *p != ',')
			continue;
		for (q++; *w && *q == *w; q++)
			w++;
		if (!*w && (*q == ',' || *q == ' ' || !*q))
			return 1;
	}
	return 0;
}

/* Plinth knows no such word. */
static void blank_word(char *text)
{
	char *p = text;

	while (*p && !(p[0] == 'o' && p[1] == 'd' && p[2] == 'd' && p[3] == '='))
		p++;
	while (*p && *p != ' ')
		*p++ = ' ';
}

static void add(const void *bytes, u32 size)
{
	memcpy(info_out + out, bytes, size);
	out += size;
}

static void entry(u64 base, u64 len, u32 type)
{
	struct mbi_mmap_entry e = { .base = base, .len = len, .type = type };

	if (len)
		add(&e, sizeof(e));
}

static void put(char c)
{
	u8 status = 0;

	while (!(status & LSR_THRE))
		__asm__ volatile("inb %w1, %0" : "=a"(status) : "Nd"(COM1 + 5));
	__asm__ volatile("outb %0, %w1" : : "a"(c), "Nd"(COM1));
}

/* For the test, which looks into the holes afterwards. */
static void say_left_out(u32 hole)
{
	static const char text[] = "\r\nodd: no hole at 0x";

	for (u32 i = 0; text[i]; i++)
		put(text[i]);
	for (int shift = 28; shift >= 0; shift -= 4)
		put("0123456789abcdef"[hole >> shift & 0xf]);
	put('\r');
	put('\n');
}

/* Whether one of the boot set's files lies there: what it says must stay as it is. */
static int has_module(const u8 *info, u64 hole, u64 size)
{
	const struct mbi_tag *tag = (const struct mbi_tag *)(info + 8);

	for (; tag->type != MBI_END; tag = next(tag)) {
		const struct mbi_module *m = (const struct mbi_module *)tag;

		if (tag->type == MBI_MODULE && m->start < hole + size && hole < m->end)
			return 1;
	}
	return 0;
}

/* Free memory in pieces, with what is between them filled. */
static void pieces(const u8 *info, u64 base, u64 len)
{
	u64 at = base, end = base + len, hole = base;

	while (hole < end && hole < HOLES_END) {
		u64 size = 4096;

		hole = (hole + HOLE_EACH) / HOLE_EACH * HOLE_EACH;
		if (hole == HOLE_BIG)
			size = HOLE_BIG_SIZE;
		if (hole + size > end)
			break;
		if (has_module(info, hole, size)) {
			say_left_out((u32)hole);
			continue;
		}
		entry(at, hole - at, FREE);
		entry(hole, size, RESERVED);
		memset((void *)(u32)hole, HOLE_BYTE, size);
		at = hole += size;
	}
	entry(at, end - at, FREE);
}

static void junk(void)
{
	static const struct mbi_mmap_entry empty = { .base = 0x5000, .type = FREE };

	add(&empty, sizeof(empty));
	entry(0xfffffffffffff000, 0x2000, FREE); /* wraps around */
	entry(0xfffffffffffff000, 0xffffffffffffffff, RESERVED);
	entry(1ULL << 52, 1ULL << 40, FREE); /* beyond what any CPU can address */
	entry(0x6000001, 0x1ffe,
	      0x1234567);                   /* of no known type, not on pages, within free memory */
	entry(0x7000800, 0x1000, RESERVED); /* overlaps free memory, on two pages */
	entry(0x4000000, 0x800000, FREE);   /* free twice */
	entry(0x4400000, 0x800000, FREE);
}

static void memory_map(const u8 *info, const struct mbi_mmap *from)
{
	u32 at = out, n = (from->tag.size - sizeof(*from)) / from->entry_size;
	int holes = odd(info, "holes"), mad = odd(info, "junk");
	struct mbi_mmap *to = (struct mbi_mmap *)(info_out + at);

	add(from, sizeof(*from));
	if (mad)
		junk();
	for (u32 i = 0; i < n; i++) {
		u32 k = mad ? n - 1 - i : i;
		const struct mbi_mmap_entry *e =
			(const void *)((const u8 *)(from + 1) + (size_t)k * from->entry_size);

		if (holes && e->type == FREE && e->base == MIB)
			pieces(info, e->base, e->len);
		else
			entry(e->base, e->len, e->type);
	}
	/* What is here must stay, and reserved goes before free. */
	entry((u32)odd_begin, (u32)(odd_end - odd_begin), ACPI_RECLAIM);
	to->tag.size = out - at;
	to->entry_size = sizeof(struct mbi_mmap_entry);
}

static u8 sum(const void *p, u32 n)
{
	u8 s = 0;

	for (u32 i = 0; i < n; i++)
		s += ((const u8 *)p)[i];
	return s;
}

static struct table *new_table(const struct table *from, u32 copy, u32 size)
{
	struct table *t = (struct table *)(tables + tables_used);

	tables_used += (size + 15) / 16 * 16;
	memset(t, 0, size);
	memcpy(t, from, copy);
	t->length = size;
	return t;
}

static void seal(struct table *t)
{
	t->checksum = 0;
	t->checksum = (u8)-sum(t, t->length);
}

static u32 field32(const struct table *t, u32 offset)
{
	return *(const u32 *)((const u8 *)t + offset);
}

static void set_gas(struct table *t, u32 offset, u32 port, u8 bits)
{
	u8 *p = (u8 *)t + offset;

	p[0] = 1; /* ports */
	p[1] = bits;
	*(u64 *)(p + 4) = port;
}

/* The FADT with what another version of ACPI has of it. */
static struct table *fadt(const struct table *old, int modern)
{
	u32 size = modern ? FADT6_SIZE : FADT1_SIZE;
	struct table *t = new_table(old, old->length < size ? old->length : size, size);

	t->revision = modern ? 6 : 1;
	if (modern) {
		*(u64 *)((u8 *)t + 132) = field32(old, 36); /* X_FIRMWARE_CTRL */
		*(u64 *)((u8 *)t + 140) = field32(old, 40); /* X_DSDT */
		set_gas(t, 148, field32(old, 56), 32);      /* X_PM1a_EVT_BLK */
		set_gas(t, 172, field32(old, 64), 16);      /* X_PM1a_CNT_BLK */
		set_gas(t, 208, field32(old, 76), 32);      /* X_PM_TMR_BLK */
		*(u32 *)((u8 *)t + 36) = 0;
		*(u32 *)((u8 *)t + 40) = 0;
	}
	seal(t);
	return t;
}

/* A root table of 32-bit or 64-bit addresses, from one of 32-bit addresses. */
static struct table *root(const struct table *rsdt, int modern)
{
	u32 n = (rsdt->length - sizeof(*rsdt)) / 4, width = modern ? 8 : 4;
	struct table *t = new_table(rsdt, sizeof(*rsdt), sizeof(*rsdt) + n * width);

	for (u32 i = 0; i < n; i++) {
		const struct table *child =
			(const struct table *)field32(rsdt, sizeof(*rsdt) + i * 4);
		u8 *at = (u8 *)(t + 1) + (size_t)i * width;

		if (child->signature == FACP)
			child = fadt(child, modern);
		if (modern)
			*(u64 *)at = (u32)child;
		else
			*(u32 *)at = (u32)child;
	}
	if (modern)
		memcpy(&t->signature, "XSDT", 4);
	t->revision = 1;
	seal(t);
	return t;
}

static void acpi(const struct mbi_tag *tag, int modern)
{
	struct mbi_tag head = { modern ? MBI_RSDP2 : MBI_RSDP1, sizeof(head) + (modern ? 36 : 20) };
	struct rsdp r;

	memcpy(&r, tag + 1, 20);
	struct table *t = root((const struct table *)r.rsdt, modern);

	r.revision = modern ? 2 : 0;
	r.rsdt = modern ? 0 : (u32)t;
	r.length = 36;
	r.xsdt = (u32)t;
	r.checksum = r.checksum2 = 0;
	memset(r.reserved, 0, sizeof(r.reserved));
	r.checksum = (u8)-sum(&r, 20);
	r.checksum2 = (u8)-sum(&r, 36);
	add(&head, sizeof(head));
	add(&r, modern ? 36 : 20);
}

static void hand_over(const u8 *info)
{
	int acpi1 = odd(info, "acpi1"), acpi6 = odd(info, "acpi6");
	const struct mbi_tag *tag = (const struct mbi_tag *)(info + 8);

	out = 8;
	for (;; tag = next(tag)) {
		if (tag->type == MBI_MMAP)
			memory_map(info, (const struct mbi_mmap *)tag);
		else if (tag->type == MBI_RSDP1 && (acpi1 || acpi6))
			acpi(tag, acpi6);
		else if (tag->type == MBI_LOAD_BASE)
			add(&(struct mbi_u32){ { MBI_LOAD_BASE, 12 }, LINKED_AT }, 12);
		else
			add(tag, tag->size);
		if (tag->type == MBI_CMDLINE)
			blank_word((char *)info_out + out - tag->size + sizeof(*tag));
		out = (out + 7) / 8 * 8;
		if (tag->type == MBI_END)
			break;
	}
	*(u32 *)info_out = out;
}

/* The image's segments to where they are linked; the entry's physical address. */
static u32 place(void)
{
	const u8 *elf = (const u8 *)image;
	u64 phoff = *(const u64 *)(elf + 32), first = 0;
	u32 n = *(const u16 *)(elf + 56);
	const struct elf64_segment *s = (const void *)(elf + phoff);

	for (u32 i = 0; i < n; i++) {
		u8 *to = (u8 *)(u32)s[i].paddr;

		if (s[i].type != 1)
			continue;
		if (!first)
			first = s[i].vaddr - s[i].paddr;
		memset(to, 0, s[i].memsz);
		memcpy(to, elf + s[i].offset, s[i].filesz);
	}
	return (u32)(*(const u64 *)(elf + ENTRY_OFFSET) - first);
}

void odd_start(u32 magic, const u8 *info)
{
	u32 at;

	hand_over(info);
	at = place();
	__asm__ volatile("jmp *%0" : : "r"(at), "a"(magic), "b"(info_out));
}
