/*
 * The virtual address space (docs/memory.md). Four-level paging; one line per top-level region.
 */
#pragma once

#include "lib/types.h"

/* The running VM's RAM at its guest physical addresses, as user pages. Private to its space. */
#define WINDOW_BASE   0x0000100000000000ULL
#define WINDOW_SIZE   (16ULL << 40)
/* The running VM's heap and its vCPUs' stacks. Private to its space. */
#define VM_HEAP_BASE  0xffff800000000000ULL
#define VM_HEAP_SIZE  (256ULL << 30)
#define VM_STACK_BASE (VM_HEAP_BASE + VM_HEAP_SIZE)
#define VM_STACK_SIZE (256ULL << 30)
/* Pages that the hypervisor owns, at their physical address. Shared. */
#define DIRECT_BASE   0xffff900000000000ULL
#define DIRECT_SIZE   (16ULL << 40)
/* Stacks with guard pages, MMIO, per-CPU areas. Shared. */
#define KMAP_BASE     0xffffe00000000000ULL
#define KMAP_SIZE     (512ULL << 30)
/* The image; linker.ld. Shared. */
#define IMAGE_BASE    0xffffffff80000000ULL
