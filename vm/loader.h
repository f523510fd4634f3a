/*
 * Loads what a domain boots into guest memory and sets the first vCPU's registers. On the VM's
 * own thread. Images are outside input.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct bootfs_file;
struct vm;
struct vcpu;

/* Where loaders put what a guest starts with, below 640 KiB. */
#define GUEST_BOOT_GDT     0x500ULL
#define GUEST_BOOT_PARAMS  0x7000ULL
#define GUEST_BOOT_TABLES  0x9000ULL /* six pages */
#define GUEST_BOOT_CMDLINE 0x20000ULL
#define GUEST_FLAT_BASE    0x100000ULL

/* Where guest tables for the boot protocol go. */
#define GUEST_RSDP     0xe0000ULL /* ACPI tables from here, in the BIOS area */
#define GUEST_RSDP_END 0x100000ULL

/*
 * By vm->cfg.loader. -ENOENT (no such file in the boot set), -EINVAL (not what it claims to be),
 * -ENOSPC (does not fit into memory); the reason is in vm->stop_text.
 */
int loader_load(struct vm *vm, struct vcpu *v) __must_check;
int loader_linux(struct vm *vm, struct vcpu *v) __must_check;
int loader_flat(struct vm *vm, struct vcpu *v) __must_check;

/* For the loaders: sets vm->stop_text and returns err. */
int loader_fail(struct vm *vm, int err, const char *fmt, ...) __printf(3, 4);
/* A file of the boot set; NULL with the reason set. */
const struct bootfs_file *loader_file(struct vm *vm, const char *what, const char *path);
/* 64-bit mode at rip, the first 4 GiB mapped one to one. */
int loader_enter64(struct vm *vm, struct vcpu *v, u64 rip) __must_check;
