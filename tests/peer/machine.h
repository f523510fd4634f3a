/*
 * The peer's machine: what kvmrun puts round Linux KVM's CPUs, interrupt controllers and PIT, so that a guest of
 * Plinth's finds about what it finds there. Linux user space, one VM for each process.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guest_memory {
	uint8_t *base;
	size_t size;
};

/* What the first vCPU starts with, in 64-bit mode with the first 4 GiB mapped one to one. */
struct entry_point {
	uint64_t rip, rsp, rsi;
};

/* Ends the process with status 2 and that text, errno's behind it. */
void die(const char *what) __attribute__((noreturn));

/* load.c: a flat image at 1 MiB, as Plinth's <loader type='flat'> places it. */
struct entry_point load_flat(struct guest_memory *m, const char *image);
/* A bzImage at its 64-bit entry. initrd, tables (ACPI's, from GUEST_RSDP on): NULL for none. */
struct entry_point load_linux(struct guest_memory *m, const char *kernel, const char *initrd,
			      const char *cmdline, const char *tables);

/* devices.c: ports that KVM leaves to user space. Returns false when the guest has switched itself off. */
bool device_port(int vm, uint16_t port, bool write, unsigned size, void *data);
/* The guest ends when it has printed a line with this text. */
void device_end_at(const char *text);
/* Writes what the guest has printed since the last time to standard output. */
void device_flush(void);
