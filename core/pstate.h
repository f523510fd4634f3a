/*
 * How fast CPUs run: where CPUID offers HWP (Intel SDM vol. 3, "Hardware-Controlled Performance States"), each CPU
 * chooses for itself between its lowest and its highest speed, with speed and power in balance, unless pstate=off
 * says to leave that as the firmware set it. P-states of the older kind, and AMD's, always stay as they are.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

/* Reads the word and CPUID; boot CPU, once. */
void pstate_init(void);

/* Switches HWP on on this CPU, behind pstate_init(). Nothing, where it is not used. */
void pstate_init_cpu(void);

/* Says what came of it; boot CPU, all CPUs being there. */
void pstate_report(void);

/*
 * IA32_HWP_REQUEST for a CPU with those IA32_HWP_CAPABILITIES; epp: the register has the preference of speed over
 * power. False: the capabilities make no sense.
 */
bool pstate_request(u64 caps, bool epp, u64 *request) __must_check;
