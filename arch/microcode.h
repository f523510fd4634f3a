/*
 * Microcode updates: which of a file's is for this CPU (Intel SDM vol. 3, "Microcode Update Facilities"; AMD's
 * container as its files have it), and giving it to the CPU, which checks the signature.
 */
#pragma once

#include "arch/feature.h"
#include "lib/compiler.h"

struct microcode_cpu {
	enum cpu_vendor vendor;
	u32 signature; /* CPUID 1 EAX */
	u8 platform;   /* Intel: 0 to 7 */
	u32 revision;  /* 0: none was loaded */
};

struct microcode_update {
	const u8 *data; /* what the CPU is given the address of, inside the file; NULL: there is none */
	u32 revision;
};

/*
 * The newest update in the file for that CPU, if it is newer than what the CPU has. Every length and every
 * checksum of the file is checked first, except that AMD's patches have none that is documented. NULL, or
 * what is wrong with the file; then there is no update.
 */
const char *microcode_intel(const u8 *file, size_t size, const struct microcode_cpu *cpu,
			    struct microcode_update *out) __must_check;
const char *microcode_amd(const u8 *file, size_t size, const struct microcode_cpu *cpu,
			  struct microcode_update *out) __must_check;

/* This CPU. */
struct microcode_cpu microcode_this_cpu(void);

/*
 * Gives this CPU the update and returns its revision from then on, which is the old one when it did not take it.
 * Interrupts off.
 */
u32 microcode_load(const struct microcode_cpu *cpu, const struct microcode_update *u);
