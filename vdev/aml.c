/*
 * AML encoding. A package's length stands before its contents and takes one to four bytes, so an
 * object is written without it, and closing the object moves the contents up to make room.
 */
#include "vdev/aml.h"

#include "core/panic.h"
#include "lib/hw/acpi.h"
#include "lib/string.h"

#define AML_DEVICE 0x82 /* behind AML_EXT_PREFIX */

/* Resource descriptors (ACPI 6.5, 6.4.2): the tag's low three bits are the length. */
#define RES_IRQ         0x22
#define RES_IRQ_FLAGS   0x23
#define RES_IRQ_EDGE    BIT(0)
#define RES_IRQ_SHARED  BIT(4)
#define RES_IO          0x47
#define RES_IO_16BIT    0x01
#define RES_MEMORY32    0x86
#define RES_DWORD       0x87
#define RES_WORD        0x88
#define RES_TYPE_MEMORY 0
#define RES_TYPE_IO     1
#define RES_TYPE_BUS    2
#define RES_FIXED       0x0c /* first and last are what they are */
#define RES_IO_ALL      0x03 /* no holes by ISA's aliases */
#define RES_MEMORY_RW   0x01
#define RES_END         0x79 /* with a checksum byte; 0: none */

#define PKG_MAX_BYTES 4

static void put(struct aml *a, const void *data, size_t n)
{
	if (n > a->cap - a->len) {
		a->overflow = true;
		return;
	}
	memcpy(a->buf + a->len, data, n);
	a->len += n;
}

static void put_byte(struct aml *a, u8 byte)
{
	put(a, &byte, 1);
}

static void put_name(struct aml *a, const char *name)
{
	if (*name == AML_ROOT_CHAR)
		put_byte(a, (u8)*name++);
	ASSERT(strlen(name) == AML_NAME_SIZE);
	put(a, name, AML_NAME_SIZE);
}

void aml_init(struct aml *a, void *buf, size_t cap)
{
	*a = (struct aml){ .buf = buf, .cap = cap };
}

static struct aml_mark mark(const struct aml *a)
{
	return (struct aml_mark){ .start = a->len };
}

struct aml_mark aml_scope(struct aml *a, const char *name)
{
	struct aml_mark m;

	put_byte(a, AML_SCOPE);
	m = mark(a);
	put_name(a, name);
	return m;
}

struct aml_mark aml_device(struct aml *a, const char *name)
{
	struct aml_mark m;

	put_byte(a, AML_EXT_PREFIX);
	put_byte(a, AML_DEVICE);
	m = mark(a);
	put_name(a, name);
	return m;
}

struct aml_mark aml_package(struct aml *a, u8 count)
{
	struct aml_mark m;

	put_byte(a, AML_PACKAGE);
	m = mark(a);
	put_byte(a, count);
	return m;
}

/* Puts the PkgLength, which counts itself, before what was written since m (ACPI 6.5, 20.2.4). */
void aml_end(struct aml *a, struct aml_mark m)
{
	size_t body = a->len - m.start, extra = 0;
	u8 head[PKG_MAX_BYTES];

	if (a->overflow)
		return;
	if (body + 1 <= AML_PKG_SHORT) {
		head[0] = (u8)(body + 1);
	} else {
		size_t rest;

		do
			extra++;
		while (body + 1 + extra > BITS(3 + 8 * extra, 0));
		ASSERT(extra < PKG_MAX_BYTES);
		rest = body + 1 + extra;
		head[0] = (u8)(extra << AML_PKG_FOLLOW_SHIFT | (rest & AML_PKG_LOW));
		rest >>= 4;
		for (size_t i = 1; i <= extra; i++, rest >>= 8)
			head[i] = (u8)rest;
	}
	put(a, head, extra + 1); /* for the room */
	if (a->overflow)
		return;
	memmove(a->buf + m.start + extra + 1, a->buf + m.start, body);
	memcpy(a->buf + m.start, head, extra + 1);
}

void aml_name(struct aml *a, const char *name)
{
	put_byte(a, AML_NAME);
	put_name(a, name);
}

void aml_int(struct aml *a, u64 value)
{
	static const struct {
		u64 max;
		u8 prefix, bytes;
	} forms[] = {
		{ 0xff, AML_BYTE, 1 },
		{ 0xffff, AML_WORD, 2 },
		{ 0xffffffff, AML_DWORD, 4 },
		{ ~0ULL, AML_QWORD, 8 },
	};
	u32 i = 0;

	if (value <= 1) {
		put_byte(a, value ? AML_ONE : AML_ZERO);
		return;
	}
	while (value > forms[i].max)
		i++;
	put_byte(a, forms[i].prefix);
	put(a, &value, forms[i].bytes);
}

static u32 hex_digit(char c)
{
	return (u32)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* ACPI 6.5, 19.6.36: three letters of five bits, four hexadecimal digits, high byte first. */
void aml_eisa_id(struct aml *a, const char *id)
{
	u32 v = 0;

	ASSERT(strlen(id) == 7);
	for (u32 i = 0; i < 3; i++)
		v = v << 5 | (u32)(id[i] - '@');
	for (u32 i = 3; i < 7; i++)
		v = v << 4 | hex_digit(id[i]);
	aml_int(a, __builtin_bswap32(v));
}

struct aml_mark aml_resources(struct aml *a)
{
	put_byte(a, AML_BUFFER);
	return mark(a);
}

void aml_resource_io(struct aml *a, u16 port, u8 len)
{
	u8 ends[] = { (u8)port, (u8)(port >> 8) };

	put_byte(a, RES_IO);
	put_byte(a, RES_IO_16BIT);
	put(a, ends, sizeof(ends)); /* the lowest and the highest base */
	put(a, ends, sizeof(ends));
	put_byte(a, 1); /* alignment */
	put_byte(a, len);
}

void aml_resource_irq(struct aml *a, u8 irq, bool shared)
{
	u16 mask = (u16)(1u << irq);

	put_byte(a, shared ? RES_IRQ_FLAGS : RES_IRQ);
	put(a, &mask, sizeof(mask));
	if (shared)
		put_byte(a, RES_IRQ_EDGE | RES_IRQ_SHARED);
}

/* A window of words: ports or buses. */
static void word_window(struct aml *a, u8 type, u8 type_flags, u16 first, u16 last)
{
	u8 head[] = { RES_WORD, 13, 0, type, RES_FIXED, type_flags };
	u16 words[] = { 0, first, last, 0, (u16)(last - first + 1) };

	put(a, head, sizeof(head));
	put(a, words, sizeof(words));
}

void aml_resource_buses(struct aml *a, u8 first, u8 last)
{
	word_window(a, RES_TYPE_BUS, 0, first, last);
}

void aml_resource_ports(struct aml *a, u16 first, u16 last)
{
	word_window(a, RES_TYPE_IO, RES_IO_ALL, first, last);
}

void aml_resource_window(struct aml *a, u32 first, u32 last)
{
	u8 head[] = { RES_DWORD, 23, 0, RES_TYPE_MEMORY, RES_FIXED, RES_MEMORY_RW };
	u32 dwords[] = { 0, first, last, 0, last - first + 1 };

	put(a, head, sizeof(head));
	put(a, dwords, sizeof(dwords));
}

void aml_resource_memory(struct aml *a, u32 base, u32 len)
{
	u8 head[] = { RES_MEMORY32, 9, 0, RES_MEMORY_RW };

	put(a, head, sizeof(head));
	put(a, &base, sizeof(base));
	put(a, &len, sizeof(len));
}

/* Closes the template: the buffer's size stands between its length and its bytes. */
void aml_resources_end(struct aml *a, struct aml_mark m)
{
	size_t body;
	u8 size[] = { AML_BYTE, 0 };

	put_byte(a, RES_END);
	put_byte(a, 0);
	body = a->len - m.start;
	put(a, size, sizeof(size)); /* for the room */
	if (a->overflow)
		return;
	ASSERT(body <= 0xff);
	size[1] = (u8)body;
	memmove(a->buf + m.start + sizeof(size), a->buf + m.start, body);
	memcpy(a->buf + m.start, size, sizeof(size));
	aml_end(a, m);
}
