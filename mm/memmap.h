/*
 * The machine's memory map, in whole pages: what is RAM that nobody else keeps, and what the image
 * and the boot set occupy of it. Built once from the boot information, const after.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/types.h"

struct boot_info;

/* What a page is at start. */
enum memmap_kind {
	MEMMAP_ABSENT, /* reserved, device, or nothing there */
	MEMMAP_FREE,   /* RAM to use */
	MEMMAP_IMAGE,
	MEMMAP_MODULE, /* the boot set: read-only */
	MEMMAP_TABLE,  /* mm's own first table */
	MEMMAP_KEPT,   /* for what outlives a reset */
};

/*
 * Memory for what outlives a reset (core/panic_log.h): always the same few places, of which those are
 * taken that are wholly RAM and free.
 */
#define MEMMAP_KEPT_SIZE (16 * KIB)
#define MEMMAP_KEPT_MAX  4

/* limit: RAM from there on is left unused, with a line in the log. Boot CPU, first of all in mm. */
void memmap_init(const struct boot_info *bi, u64 limit);

/* Marks RAM as taken for mm's first table. */
void memmap_take(paddr_t pa, u64 len);

enum memmap_kind memmap_kind(paddr_t page);

/* The places kept on this machine; how many. Nobody has written to them since the start. */
u32 memmap_kept(paddr_t out[MEMMAP_KEPT_MAX]);

/* True when any page of the range is RAM, the image's and the boot set's included. */
bool memmap_has_ram(paddr_t pa, u64 len);

/* True when all of the range is RAM that nothing occupies. */
bool memmap_all_free(paddr_t pa, u64 len);

/* True when image, boot set, table or a kept place lie in any page of the range. */
bool memmap_occupied(paddr_t pa, u64 len);

/* The end of RAM, and how much there is. */
u64 memmap_end(void);
u64 memmap_total(void);
