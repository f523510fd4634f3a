/*
 * HLT and MWAIT. The flag is looked at between MONITOR and MWAIT, which returns at once if a store came since
 * MONITOR; interrupts come on with STI, behind whose one instruction of delay the CPU waits already.
 */
#include "core/idle.h"

#include "arch/cpu.h"
#include "arch/feature.h"
#include "core/cmdline.h"
#include "core/log.h"
#include "lib/string.h"

#define CPUID_MWAIT 5
#define CPUID_POWER 6
#define POWER_ARAT  BIT(2) /* EAX: the local APIC's timer goes on in all states */
#define STATES      8      /* four bits of sub-states for each, from C0 */
#define STATE_BITS  4

static bool watches; /* const after idle_init() */
static u32 hint;     /* const after idle_init() */

bool idle_watches(void)
{
	return watches;
}

u32 idle_hint(u32 states, u32 power)
{
	u32 deepest = 1;

	if (!(power & POWER_ARAT))
		return 0;
	for (u32 c = 2; c < STATES; c++)
		if (states >> (c * STATE_BITS) & 0xf)
			deepest = c;
	return (deepest - 1) << STATE_BITS;
}

void idle_wait(const bool *flag)
{
	if (!watches) {
		__asm__ volatile("sti; hlt" ::: "memory");
		return;
	}
	__asm__ volatile("monitor" : : "a"(flag), "c"(0), "d"(0) : "memory");
	if (READ_ONCE(*flag)) {
		irq_enable();
		return;
	}
	__asm__ volatile("sti; mwait" : : "a"(hint), "c"(0) : "memory");
}

void idle_init(void)
{
	char word[16];

	if (!cmdline_get("idle", word, sizeof(word)) || !strcmp(word, "hlt"))
		return;
	if (strcmp(word, "mwait")) {
		log_warn("idle=%s: neither hlt nor mwait: hlt", word);
		return;
	}
	if (!cpu_has(CPU_MONITOR)) {
		log_warn("idle=mwait: this CPU has no MONITOR and MWAIT: hlt");
		return;
	}
	hint = idle_hint(cpuid(CPUID_MWAIT, 0).edx, cpuid(CPUID_POWER, 0).eax);
	watches = true;
	log_info("idle: MWAIT, hint %#x", hint);
}
