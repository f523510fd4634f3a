/*
 * A VM for tests of virtual devices: a real I/O bus and device list, a clock that only the test moves,
 * interrupt lines that record, guest memory of 1 MiB. One at a time.
 */
#pragma once

#include "lib/types.h"
#include "vm/domain.h"
#include "vm/vm.h"

struct fake_line {
	bool level;
	u32 rises; /* changes from low to high */
	u32 calls;
};

extern struct fake_line fake_lines[VM_GSI_COUNT];
extern u64 fake_now;  /* vm_time_ns() */
extern u64 fake_wall; /* clock_wall_s() */
extern u64 fake_low_ram, fake_high_ram;
extern u32 fake_stops, fake_stop_reason; /* vm_stop() calls, and the last one's reason */
extern u32 fake_locks_held;
extern u32 fake_log_lines;
extern u8 fake_memory[1 << 20];

/* A new VM with cfg, without devices; the one before is gone. cfg NULL: ACPI, APIC, 1 serial port. */
struct vm *fake_vm_new(const struct domain *cfg);
/* The same with the given device made and reset. */
struct vm *fake_vm_with(int (*create)(struct vm *vm, const struct domain *cfg),
			const struct domain *cfg);

/* Port accesses; fake_in() yields all ones where nothing answers. */
u64 fake_in(u32 port, u32 size);
void fake_out(u32 port, u32 size, u64 value);

/* Moves the clock, calling timers at their deadlines; how many were called. */
u32 fake_advance(u64 ns);
/* As when the vCPU did not run meanwhile: moves the clock first, then calls what has expired. */
u32 fake_late(u64 ns);
/* The earliest armed deadline; ~0: none. */
u64 fake_deadline(void);

/*
 * Saves all devices, then loads: every truncation (must be refused), mutations of every byte (may do
 * anything that does not crash; then ports are read and written and time goes by), and at last the
 * whole stream, which must then be saved again to the same bytes.
 */
void fake_state_torture(void);

/* Saves all devices into buf, or loads them from it; the size, or state_result()'s error. */
long fake_save(void *buf, size_t cap);
int fake_load(const void *buf, size_t len);
