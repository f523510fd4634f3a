/*
 * A guest's machine for fuzz targets: a vCPU's local APIC, the interrupt router, and one virtual device
 * or all of them, with what guest, host and time may do to them taken from an input. Wants
 * `flags: -include tests/host/fake_cpu.h`.
 */
#pragma once

#include "tests/host/fuzzing.h"

struct state;

#define MACHINE_DEVICES                                                                            \
	10 /* each alone: the local APIC, then those of vdev_table that have state */

#define MACHINE_STREAM_MAX 32768

/* What a step's first byte says, modulo the last. */
enum machine_step {
	STEP_ACCESS,
	STEP_APIC = 16,
	STEP_APIC_MSR = 19,
	STEP_APIC_OTHER,
	STEP_ACKNOWLEDGE,
	STEP_LINE = 23,
	STEP_HOST = 25,
	STEP_BUTTON,
	STEP_SAVE,
	STEP_LOAD_CHANGED,
	STEP_TIME,
	STEPS = 32,
};

/* A new machine with one device (below MACHINE_DEVICES), or all of them (from there on). */
void machine_new(u32 which);

/* Does one thing that the input says, then looks whether what must always hold does. */
void machine_step(struct fuzz_in *in);

/*
 * Steps as bytes, for seeds: each puts one behind those at p, for the machine that there is, and returns the
 * end. An access to a port or to memory, the local APIC's included; or another step with one byte behind it.
 */
u8 *machine_put_access(u8 *p, u64 address, u32 size, bool write, u32 value);
u8 *machine_put_step(u8 *p, enum machine_step kind, u8 argument);
/*
 * Many of them at buf; their size. What drivers do; accesses to registers behind an index; an access of that
 * size, a write and a read, to each place of each range.
 */
size_t machine_put_drivers(u8 *buf);
size_t machine_put_indexed(u8 *buf, u32 first, u32 count);
size_t machine_put_sweep(u8 *buf, u32 size);

/* Saves all into buf, of MACHINE_STREAM_MAX bytes; the size. Loads it; state_result()'s error. */
size_t machine_save(u8 *buf);
int machine_load(const u8 *buf, size_t size);

/*
 * Loads a saved stream with a few bytes changed as the input says. If it is accepted, what is saved then
 * must be the same; with all devices: what is saved then must stay the same.
 */
void machine_load_changed(struct fuzz_in *in);

/* The processor's part of the stream; a target may have another. The weak one: the local APIC. */
void machine_cpu_state(struct state *s);
