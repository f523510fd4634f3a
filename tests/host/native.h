/*
 * Runs one instruction on the CPU of this machine, in 64-, 32- or 16-bit code, with all registers as
 * given; faults are caught. For differential tests of the emulator.
 */
#pragma once

#include "lib/types.h"

/* What the instruction may use: fixed addresses below 4 GiB, the same ones in the guest. */
#define NATIVE_DATA       0x20000000ULL
#define NATIVE_DATA_PAGES 6 /* the fifth can only be read, the sixth is not there */
#define NATIVE_CODE       0x21000000ULL

/* Segments for 32- and 16-bit code, one set for each mode. */
enum native_config { NATIVE_64, NATIVE_32_FLAT, NATIVE_32, NATIVE_16, NATIVE_CONFIGS };

struct native_segment {
	u16 selector; /* 0: unusable */
	u16 attr;     /* as struct segment's */
	u32 limit;
	u64 base;
};

struct native {
	u64 gpr[16];
	u64 flags;
	u64 rip;   /* in: linear; out: of the fault */
	u32 fault; /* the exception's vector, or ~0 */
	u32 error;
	u64 cr2;
};

/* ES, CS, SS, DS, FS, GS of that set; bases of FS and GS in 64-bit code too. */
extern struct native_segment native_segments[NATIVE_CONFIGS][6];

/* Maps memory and makes segments. What this machine cannot do is missing from *configs (bits). */
int native_init(u32 *configs);

/* Makes the last but one page of the data read-only, and the last one go away. */
void native_protect(void);

/* Runs the len bytes at code as if they were at n->rip; memory is at NATIVE_DATA. */
void native_run(enum native_config config, const u8 *code, u32 len, struct native *n);
