/*
 * INIT and start-up IPIs (SDM vol. 3, "Multiple-Processor (MP) Initialization"): application processors, all
 * but vCPU 0, begin in wait-for-SIPI; INIT brings them back there, and vCPU 0 to its reset vector.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct state;
struct vcpu;

/* From a local APIC, on any thread of the VM's: an INIT, or a SIPI, for v. A SIPI is lost unless v waits for it. */
void startup_signal_init(struct vcpu *v);
void startup_signal_sipi(struct vcpu *v, u8 vector);

/* The rest is on v's thread. As after power-on: vcpu_reset(), and an application processor waits. */
void startup_reset(struct vcpu *v);
/* REQ_INIT: an INIT was signalled. */
void startup_init(struct vcpu *v);
/* v waits for a SIPI: starts it if one has come, else false. */
bool startup_begin(struct vcpu *v);
/* Saves or loads what v does, and a SIPI that has come. Outside of guest mode, with no request left to serve. */
void startup_state(struct vcpu *v, struct state *s);
