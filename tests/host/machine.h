/*
 * A guest's machine for fuzz targets: a vCPU's local APIC, the interrupt router, and one virtual device
 * or all of them, with what guest, host and time may do to them taken from an input. Wants
 * `flags: -include tests/host/fake_cpu.h`.
 */
#pragma once

#include "tests/host/fuzzing.h"

struct state;

#define MACHINE_DEVICES 8 /* each alone: the local APIC, then those of vdev_table that have state */

#define MACHINE_STREAM_MAX 32768

/* A new machine with one device (below MACHINE_DEVICES), or all of them (from there on). */
void machine_new(u32 which);

/* Does one thing that the input says, then looks whether what must always hold does. */
void machine_step(struct fuzz_in *in);

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
