/*
 * Control-flow enforcement (CET): indirect branch tracking of the host itself. With CR4.CET and
 * IA32_S_CET.ENDBR_EN an indirect JMP or CALL, an interrupt and an exception must come to an ENDBR64,
 * else there is #CP (Intel SDM vol. 1, "Control-flow Enforcement Technology"). The compiler begins each
 * function with one that may be called by pointer; in assembly it is written where code is reached so.
 * cpu_control_init() switches it on, where CPUID has it.
 */
#pragma once

#include "lib/types.h"

/* Error codes of #CP (SDM vol. 3, "Control Protection Exception"). */
enum cp_error {
	CP_NEAR_RET = 1,
	CP_FAR_RET = 2,
	CP_ENDBRANCH = 3,
	CP_RSTORSSP = 4,
	CP_SETSSBSY = 5,
};

/* The bytes of an ENDBR64, as a number. */
#define ENDBR64      0xfa1e0ff3u
#define ENDBR64_SIZE 4

/* Whether this CPU tracks indirect branches now. */
bool cet_ibt_on(void);

/*
 * Jumps by a register to where no ENDBR64 is: -EFAULT where that ended in #CP, 0 where it went through.
 * Interrupts off: the CPU forgets that it waits for an ENDBR64 when one comes just then, since IRET to
 * the same ring has nowhere to keep that.
 */
int cet_probe(void);

/* What may follow a #CP at rip: the address where cet_probe() goes on, 0 everywhere else. */
u64 cet_fixup(u64 rip);
