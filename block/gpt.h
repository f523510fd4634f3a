/*
 * Reads a disk's GUID partition table. Everything in it comes from outside: it is read once, and only what the checks
 * let through is told. UEFI 2.10, chapter 5.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

#define GPT_PARTS_MAX   128u
#define GPT_NAME_SIZE   112u         /* 36 units of UTF-16 as UTF-8, and a NUL */
#define GPT_ENTRIES_MAX (1024 * KIB) /* bytes of an array of entries; larger ones are refused */

/* Where a table is read from. */
struct gpt_disk {
	/* Reads count blocks; 0 or -Exxx. */
	int (*read)(void *ctx, u64 block, void *buf, u32 count);
	void *ctx;
	u64 blocks;     /* of the disk */
	u32 block_size; /* 512 to 4096 */
};

struct gpt_part {
	u32 number; /* from 1: its place in the table */
	u64 first, blocks;
	u8 type[16], uuid[16]; /* as on the disk: the first three fields are little-endian */
	bool read_only;
	char name[GPT_NAME_SIZE]; /* UTF-8; '?' for what cannot be printed */
};

struct gpt {
	u8 disk_uuid[16];
	bool backup; /* the primary table was of no use */
	u32 count;
	u32 left_out; /* entries that are out of bounds, overlap, or are too many */
	struct gpt_part parts[GPT_PARTS_MAX];
};

/*
 * 0; -ENOENT: there is no protective MBR, so that the disk is used whole; -EINVAL: neither table is sound; -EIO or what
 * read() said; -ENOMEM. A thread.
 */
int gpt_read(const struct gpt_disk *disk, struct gpt *out) __must_check;
