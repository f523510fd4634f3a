/*
 * The image's sections as linker.ld lays them out. Each begins and ends on a page boundary, so that
 * it can have rights of its own: text R X, read-only data R, data R W. The image is one stretch of
 * physical memory; where it lies is in struct boot_info, and virtual minus physical is constant.
 */
#pragma once

#include "lib/types.h"

extern char image_start[], image_end[];
extern char image_text_start[], image_text_end[];
extern char image_rodata_start[], image_rodata_end[];
extern char image_data_start[], image_data_end[]; /* data, per-CPU section, bss */
extern char image_file_end[];                     /* of what the file has of it: before bss */

/* The boot CPU's stack, in bss, until it runs on one with a guard page. */
extern char boot_stack[], boot_stack_top[];

/*
 * Page tables of the boot path: until mm_init() loads its own, 0..4 GiB is mapped at its physical
 * address and the image at IMAGE_BASE, all of it writable and executable. Other CPUs pass through
 * them on their way up. Physical address: image_pa + (boot_pml4 - image_start).
 */
extern u64 boot_pml4[], boot_pdpt_low[], boot_pd_low[];
