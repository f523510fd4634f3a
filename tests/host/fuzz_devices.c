/*
 * The virtual devices, each alone and all together, and the local APIC: accesses of any size and value at
 * any register, time in short and long steps, interrupts taken, lines, typing, state saved and loaded,
 * whole and changed, in any order. An input's first byte chooses the device.
 *
 * sources: tests/host/machine.c tests/host/fake_vm.c tests/host/fake_vcpu.c
 * sources: vm/lapic.c vm/lapic_timer.c vm/lapic_state.c vm/irq.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c lib/date.c
 * sources: vdev/pic.c vdev/ioapic.c vdev/pit.c vdev/rtc.c vdev/i8042.c vdev/uart.c vdev/acpi_pm.c
 * flags: -include tests/host/fake_cpu.h
 * runs: 6000
 * max_len: 1024
 */
#include "tests/host/machine.h"

#define STEPS_MAX 512

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };

	machine_new(fuzz_below(&in, MACHINE_DEVICES + 1));
	for (u32 i = 0; i < STEPS_MAX && in.left; i++)
		machine_step(&in);
	return 0;
}

/* Steps at random on each machine. */
void fuzz_seeds(void)
{
	u8 input[256];

	for (u32 which = 0; which <= MACHINE_DEVICES; which++) {
		for (u32 n = 0; n < 4; n++) {
			for (u32 i = 0; i < sizeof(input); i++)
				input[i] = (u8)fuzz_random(256);
			input[0] = (u8)which;
			fuzz_seed(input, sizeof(input));
		}
	}
}
