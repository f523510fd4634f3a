/*
 * Loads what a domain boots into guest memory and sets the first vCPU's registers. On the VM's
 * own thread. Images are outside input: what is in them is copied once, checked, then used.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct bootfs_file;
struct linux_e820;
struct vm;
struct vcpu;

/* Where loaders put what a guest starts with, below 640 KiB. */
#define GUEST_BOOT_GDT    0x500ULL
#define GUEST_BOOT_PARAMS 0x7000ULL
#define GUEST_BOOT_TABLES 0x9000ULL  /* six pages */
#define GUEST_BOOT_AREA   0x20000ULL /* command line, tables, texts */
#define GUEST_BOOT_END    0x80000ULL
#define GUEST_EBDA        0x9fc00ULL /* the top KiB of low memory, as firmware reserves it */
#define GUEST_FLAT_BASE   0x100000ULL
#define GUEST_KERNEL_MIN  0x100000ULL /* no part of a kernel is loaded below */

/* Where guest tables for the boot protocol go. */
#define GUEST_RSDP     0xe0000ULL /* ACPI tables from here, in the BIOS area */
#define GUEST_RSDP_END 0x100000ULL

/*
 * By vm->cfg.loader, and with LOADER_KERNEL by what the file is. -ENOENT (no such file in the boot
 * set), -EINVAL (not what it claims to be), -ENOSPC (does not fit into memory); the reason is in
 * vm->stop_text.
 */
int loader_load(struct vm *vm, struct vcpu *v) __must_check;

/* Is it a kernel of this kind? No more than a glance: what is wrong with it, the loader says. */
bool loader_is_linux(const struct bootfs_file *f);
bool loader_is_multiboot(const struct bootfs_file *f);
bool loader_is_pvh(const struct bootfs_file *f);

/* The kinds; the errors are those of loader_load(). */
int loader_linux(struct vm *vm, struct vcpu *v, const struct bootfs_file *f) __must_check;
int loader_multiboot(struct vm *vm, struct vcpu *v, const struct bootfs_file *f) __must_check;
int loader_pvh(struct vm *vm, struct vcpu *v, const struct bootfs_file *f) __must_check;
/* vm->cfg.kernel as a flat image; the same errors. */
int loader_flat(struct vm *vm, struct vcpu *v) __must_check;

/* The rest is for the loaders. */

/* Sets vm->stop_text and returns err. */
int loader_fail(struct vm *vm, int err, const char *fmt, ...) __printf(3, 4);
/* A file of the boot set; NULL with the reason set. */
const struct bootfs_file *loader_file(struct vm *vm, const char *what, const char *path);

/* gmem_write() and gmem_zero() for what may be long: others get their turn between pieces. -EFAULT. */
int loader_write(struct vm *vm, u64 gpa, const void *src, size_t n) __must_check;
int loader_zero(struct vm *vm, u64 gpa, size_t n) __must_check;

/* 64-bit mode at rip, the first 4 GiB mapped one to one. */
int loader_enter64(struct vm *vm, struct vcpu *v, u64 rip) __must_check;
/* 32-bit protected mode without paging at eip, all segments flat. */
int loader_enter32(struct vm *vm, struct vcpu *v, u32 eip) __must_check;

/* Fills the E820 map of the VM's memory; returns the number of entries. */
#define LOADER_E820_MAX 8
u32 loader_memory_map(const struct vm *vm, struct linux_e820 *map);

/*
 * GUEST_BOOT_AREA, filled with one piece after another. Pieces that do not fit or cannot be written
 * set err, once and for all, so that it is enough to look at the end.
 */
struct boot_area {
	struct vm *vm;
	u64 next;
	int err;
};
/* n bytes at a multiple of 8; returns where. */
u64 boot_area_put(struct boot_area *a, const void *data, size_t n);
u64 boot_area_put_text(struct boot_area *a, const char *text);

/* A file that goes along with a kernel, and its words: all of them, the path first. */
struct loader_module {
	u64 start, end; /* end is one past */
	u64 words;
};
#define LOADER_MODULES_MAX 32

/*
 * Loads the modules that vm->cfg.initrd names, "path words,path words" with ",," for a comma, at page
 * boundaries from the address at on. Errors as those of loader_load().
 */
int loader_modules(struct boot_area *a, u64 at, struct loader_module *modules, u32 *count)
	__must_check;
