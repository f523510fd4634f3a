/*
 * Random instructions of the emulator's scope, with registers and flags, whose memory operand lies in
 * the data of native.h: for the comparison of the emulator with the CPU.
 */
#pragma once

#include "arch/cpu.h"
#include "lib/types.h"
#include "tests/host/native.h"

/* The pages that are there: devices', but for one of RAM; in the first, one device ends and another begins. */
#define EMUL_PAGES    (NATIVE_DATA_PAGES - 1)
#define EMUL_WRITABLE (4 * 4096) /* the fifth page never changes */
#define EMUL_RAM_PAGE 2
#define EMUL_SPLIT    0x804u
#define EMUL_STATUS   (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

enum emul_kind { CASE_RM, CASE_STRING, CASE_STACK, CASE_ABSOLUTE };

struct emul_row {
	const char *name;
	u8 kind, map, opcode;
	s8 ext;      /* ModRM.reg, or -1: any register */
	u8 imm;      /* 1: a byte, 2: by operand size */
	bool writes; /* memory */
	bool lock;   /* may be locked */
	u8 only;     /* 64: in 64-bit code alone; 32: not there; 0: any */
	u32 undefined;
};

struct emul_case {
	enum native_config config;
	u32 mode;
	const struct emul_row *row;
	u8 code[24];
	u32 len;
	u32 opsize, addrsize, seg, rep;
	struct native before, native;
	u64 target;    /* the memory operand's linear address */
	bool uses_rax; /* in its address */
	bool clash;    /* a register of the address is an operand, too */
	bool exact;    /* tell the emulator what the CPU would have stopped at */
};

/* The next case; the data holds pattern. */
void emul_case_make(struct emul_case *t, enum native_config config, const u8 *pattern);
/* Bytes of its memory operand. */
u32 emul_case_size(const struct emul_case *t);

/* One of the segments that it runs with; enum seg. */
const struct native_segment *emul_case_segment(const struct emul_case *t, u32 seg);

/* Where the random numbers begin; 0: where they do by themselves. Returns that. */
u64 emul_case_seed(u64 seed);
/* 0 to n - 1. */
u32 emul_below(u32 n);
bool emul_one_in(u32 n);
