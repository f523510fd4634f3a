/*
 * Building ACPI tables for tests, by the specification's byte offsets rather than by our
 * structures, so that a wrong structure shows.
 */
#pragma once

#include "lib/string.h"
#include "lib/types.h"

#define TABLE_SIZE_MAX 1024

struct table {
	u8 b[TABLE_SIZE_MAX];
	u32 len;
};

static inline void put8(struct table *t, u32 at, u64 v)
{
	t->b[at] = (u8)v;
}

static inline void put_n(struct table *t, u32 at, u64 v, u32 n)
{
	for (u32 i = 0; i < n; i++)
		t->b[at + i] = (u8)(v >> (8 * i));
}

/* Sets length (ACPI 6.5, 5.2.6: offset 4) and checksum (offset 9). */
static inline void table_close(struct table *t)
{
	u8 sum = 0;

	put_n(t, 4, t->len, 4);
	t->b[9] = 0;
	for (u32 i = 0; i < t->len; i++)
		sum += t->b[i];
	t->b[9] = (u8)-sum;
}

static inline void table_open(struct table *t, const char *signature, u8 revision, u32 len)
{
	memset(t, 0, sizeof(*t));
	memcpy(t->b, signature, 4);
	t->b[8] = revision;
	memcpy(t->b + 10, "OEMIDSOEMTABLE", 14);
	t->len = len;
}

static inline void table_add(struct table *t, const void *bytes, u32 n)
{
	memcpy(t->b + t->len, bytes, n);
	t->len += n;
}

#define TABLE_ADD(t, ...)                                                                          \
	table_add((t), (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))

/* A machine with three CPUs, one of them off, an I/O APIC and two overrides (5.2.12). */
static inline void build_madt(struct table *t)
{
	table_open(t, "APIC", 5, 44);
	put_n(t, 36, 0xfee00000, 4);
	put_n(t, 40, 1, 4);
	TABLE_ADD(t, 0, 8, 0, 4, 1, 0, 0, 0); /* local APIC id 4, enabled */
	TABLE_ADD(t, 0, 8, 1, 0, 1, 0, 0, 0); /* id 0, enabled */
	TABLE_ADD(t, 0, 8, 2, 6, 2, 0, 0, 0); /* id 6, online capable only */
	TABLE_ADD(t, 9, 16, 0, 0, 0x00, 0x01, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0); /* x2APIC id 256 */
	TABLE_ADD(t, 1, 12, 9, 0, 0, 0, 0xc0, 0xfe, 24, 0, 0, 0); /* I/O APIC 9, GSI 24 */
	TABLE_ADD(t, 2, 10, 0, 0, 2, 0, 0, 0, 0, 0);              /* IRQ 0 at GSI 2, as the bus */
	TABLE_ADD(t, 2, 10, 0, 9, 9, 0, 0, 0, 0x0f, 0);           /* IRQ 9, level, active low */
	TABLE_ADD(t, 4, 6, 0xff, 0, 0, 1);                        /* local APIC NMI: passed over */
	TABLE_ADD(t, 0x7f, 3, 0);                                 /* unknown: passed over */
	table_close(t);
}

/* 5.2.9, ACPI 1.0's part */
static inline void build_fadt_v1(struct table *t)
{
	table_open(t, "FACP", 1, 116);
	put_n(t, 40, 0x7fe0000, 4); /* DSDT */
	put_n(t, 48, 0xb2, 4);      /* SMI_CMD */
	put8(t, 52, 0xa0);          /* ACPI_ENABLE */
	put_n(t, 64, 0x604, 4);     /* PM1a_CNT_BLK */
	put_n(t, 68, 0x704, 4);     /* PM1b_CNT_BLK */
	put_n(t, 76, 0x608, 4);     /* PM_TMR_BLK */
	put8(t, 91, 4);             /* PM_TMR_LEN */
	put8(t, 108, 0x32);         /* CENTURY */
	table_close(t);
}

/* The same with ACPI 3's fields, which win over the old ones. */
static inline void build_fadt(struct table *t)
{
	build_fadt_v1(t);
	t->b[8] = 3;
	t->len = 244;
	put_n(t, 109, 1 << 5, 2);           /* IAPC_BOOT_ARCH: no CMOS RTC */
	put_n(t, 112, 1 << 8 | 1 << 10, 4); /* 32-bit timer, reset register */
	put_n(t, 116, 0x00080001, 4);       /* RESET_REG: I/O, 8 bits */
	put_n(t, 120, 0xcf9, 8);
	put8(t, 128, 0x0e);
	put_n(t, 140, 0x7ff0000, 8);  /* X_DSDT */
	put_n(t, 172, 0x00100001, 4); /* X_PM1a_CNT_BLK */
	put_n(t, 176, 0xb004, 8);
	put_n(t, 208, 0x00200001, 4); /* X_PM_TMR_BLK */
	put_n(t, 212, 0xb008, 8);
	table_close(t);
}

/* PCI Firmware 3.3, 4.1.2 */
static inline void build_mcfg(struct table *t)
{
	table_open(t, "MCFG", 1, 44);
	TABLE_ADD(t, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 0);
	TABLE_ADD(t, 0, 0, 0, 0, 0x10, 0, 0, 0, 1, 0, 0x20, 0x3f, 0, 0, 0, 0);
	table_close(t);
}

/* Two units and memory that the firmware keeps for a device behind a bridge (VT-d 4.1, chapter 8). */
static inline void build_dmar(struct table *t)
{
	table_open(t, "DMAR", 1, 48);
	put8(t, 36, 38);
	put8(t, 37, 1);                                                      /* interrupts, too */
	TABLE_ADD(t, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0xd9, 0xfe, 0, 0, 0, 0); /* a unit, with */
	TABLE_ADD(t, 1, 8, 0, 0, 0, 0, 2, 0);                                /* 00:02.0 */
	TABLE_ADD(t, 0, 0, 34, 0, 1, 0, 0, 0, 0, 0x10, 0xd9, 0xfe, 0, 0, 0, 0); /* the rest, with */
	TABLE_ADD(t, 3, 8, 0, 0, 9, 0xf0, 0x1f, 7);     /* I/O APIC 9, f0:1f.7 */
	TABLE_ADD(t, 2, 10, 0, 0, 0, 0, 0x1c, 4, 0, 0); /* what is behind 00:1c.4, its 0.0 */
	TABLE_ADD(t, 1, 0, 34, 0, 0, 0, 0, 0, 0, 0x10, 0xb8, 0x7b, 0, 0, 0, 0); /* 7bb81000 */
	TABLE_ADD(t, 0xff, 0x2f, 0xb8, 0x7b, 0, 0, 0, 0);                       /* to 7bb82fff, */
	TABLE_ADD(t, 1, 10, 0, 0, 0, 0, 0x14, 0, 1, 2); /* behind 00:14.0: 1.2 */
	TABLE_ADD(t, 2, 0, 8, 0, 0, 0, 0, 0);           /* another kind: passed over */
	table_close(t);
}

/* A unit in two forms, of which the second counts, and memory for a range (AMD IOMMU 3.08, chapter 5). */
static inline void build_ivrs(struct table *t)
{
	table_open(t, "IVRS", 2, 48);
	TABLE_ADD(t, 0x10, 0, 28, 0, 2, 0, 0x40, 0); /* 48: 00:00.2 */
	TABLE_ADD(t, 0, 0, 0xd8, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	TABLE_ADD(t, 1, 0, 0, 0);                        /* all */
	TABLE_ADD(t, 0x11, 0x25, 104, 0, 2, 0, 0x40, 0); /* 76: the same */
	TABLE_ADD(t, 0, 0, 0xd8, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	TABLE_ADD(t, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	TABLE_ADD(t, 2, 8, 0, 0);                                  /* 116: 00:01.0 */
	TABLE_ADD(t, 3, 0x10, 0, 0, 4, 0xff, 0, 0);                /* 120: 00:02.0 to 00:1f.7 */
	TABLE_ADD(t, 0x42, 0, 2, 0, 0, 0x20, 1, 0);                /* 128: 02:00.0 as 01:04.0 */
	TABLE_ADD(t, 0x43, 0, 3, 0, 0, 0x28, 1, 0, 4, 0xff, 3, 0); /* 136: bus 3 as 01:05.0 */
	TABLE_ADD(t, 0x48, 0, 0, 0, 9, 0xa0, 0, 1);                /* 148: I/O APIC 9 */
	TABLE_ADD(t, 0xf0, 0, 1, 0, 'A', 'M', 'D', 'I', '0', '0', '2', '0', 0, 0, 0, 0, 0, 0, 0, 0,
		  0, 2);
	TABLE_ADD(t, 'x', 'y'); /* 156: of ACPI alone, with its name */
	TABLE_ADD(t, 0x22, 1, 32, 0, 0, 2, 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0); /* 180: bus 2 */
	TABLE_ADD(t, 0, 0x10, 0xb8, 0x7b, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0,
		  0); /* 7bb81000, 8 KiB */
	table_close(t);
}

/* HPET 1.0a, 3.2.4 */
static inline void build_hpet(struct table *t)
{
	table_open(t, "HPET", 1, 56);
	put_n(t, 36, 0x8086a201, 4);
	put_n(t, 40, 0x00400000, 4); /* memory, 64 bits */
	put_n(t, 44, 0xfed00000, 8);
	table_close(t);
}

/*
 * Two nodes of two CPUs, the second one's domain being 7, and 1 GiB for each, the first one's around the hole at
 * 640 KiB (5.2.16).
 */
static inline void build_srat(struct table *t)
{
	table_open(t, "SRAT", 3, 48);
	put8(t, 36, 1);
	TABLE_ADD(t, 0, 16, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	TABLE_ADD(t, 0, 16, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	TABLE_ADD(t, 0, 16, 7, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	TABLE_ADD(t, 2, 24, 0, 0, 7, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	TABLE_ADD(t, 2, 24, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	for (u32 i = 0; i < 3; i++) {
		static const u32 from[] = { 0, 1 * MIB, 1024 * MIB };
		static const u32 size[] = { 640 * KIB, 1023 * MIB, 1024 * MIB };
		u32 at = t->len;

		t->len += 40;
		put8(t, at, 1);
		put8(t, at + 1, 40);
		put_n(t, at + 2, i == 2 ? 7 : 0, 4);
		put_n(t, at + 8, from[i], 8);
		put_n(t, at + 16, size[i], 8);
		put_n(t, at + 28, 1, 4);
	}
	table_close(t);
}

/* Distances of three domains (5.2.17). */
static inline void build_slit(struct table *t)
{
	table_open(t, "SLIT", 1, 44);
	put_n(t, 36, 3, 8);
	TABLE_ADD(t, 10, 20, 30, 21, 10, 31, 32, 33, 10);
	table_close(t);
}

/* Microsoft's SPCR, revision 4: COM2 at 57600 baud with RTS and CTS */
static inline void build_tpm2(struct table *t)
{
	table_open(t, "TPM2", 4, 36);
	TABLE_ADD(t, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0);
	table_close(t);
}

static inline void build_spcr(struct table *t)
{
	table_open(t, "SPCR", 4, 88);
	put_n(t, 40, 0x01000801, 4); /* I/O, 8 bits wide, byte access */
	put_n(t, 44, 0x2f8, 8);
	put8(t, 52, 1);           /* 8259 */
	put8(t, 53, 3);           /* IRQ */
	put8(t, 58, 6);           /* 57600 */
	put8(t, 60, 1);           /* one stop bit */
	put8(t, 61, 2);           /* RTS, CTS */
	put_n(t, 64, ~0ULL, 4);   /* no PCI device */
	put_n(t, 76, 1843200, 4); /* clock */
	table_close(t);
}

/* Name (\_S5_, Package (4) {5, 7, 0, 0}) between other bytes (20.2.5.4) */
static inline void build_dsdt(struct table *t)
{
	table_open(t, "DSDT", 2, 36);
	TABLE_ADD(t, 0x10, 0x20, '_', 'S', 'B', '_');       /* what is before does not matter */
	TABLE_ADD(t, 0x5b, 0x80, '_', 'S', '5', '_', 0x12); /* not a name definition */
	TABLE_ADD(t, 0x08, 0x5c, '_', 'S', '5', '_', 0x12, 0x08, 4, 0x0a, 5, 0x0a, 7, 0, 0);
	TABLE_ADD(t, 0x08, 'X', 'X', 'X', 'X', 0x00);
	table_close(t);
}
