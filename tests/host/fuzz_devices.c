/*
 * The virtual devices, each alone and all together, and the local APIC: accesses of any size and value at
 * any register, time in short and long steps, interrupts taken, lines, typing, state saved and loaded,
 * whole and changed, in any order. An input's first byte chooses the device.
 *
 * sources: tests/host/fake_trace.c
 * sources: tests/host/machine.c tests/host/machine_seeds.c tests/host/fake_vm.c tests/host/fake_vcpu.c
 * sources: vm/lapic.c vm/lapic_ipi.c vm/lapic_lint.c vm/lapic_mode.c vm/tscscale.c vm/lapic_timer.c vm/lapic_state.c vm/irq.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c lib/date.c
 * sources: vdev/pic.c vdev/ioapic.c vdev/pit.c vdev/rtc.c vdev/tick.c vdev/hpet.c vdev/i8042.c vdev/uart.c vdev/acpi_pm.c vdev/pci_host.c
 * flags: -include tests/host/fake_cpu.h
 * runs: 10000
 * max_len: 1024
 */
#include "tests/host/machine.h"

#define STEPS_MAX 512

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const u8 save[] = { STEP_SAVE };
	struct fuzz_in in = { data, size }, end = { save, sizeof(save) };

	machine_new(fuzz_below(&in, MACHINE_DEVICES + 1));
	for (u32 i = 0; i < STEPS_MAX && in.left; i++)
		machine_step(&in);
	machine_step(&end);
	return 0;
}

/* What drivers do, every register behind an index, each range's places with every size, and anything. */
void fuzz_seeds(void)
{
	static u8 input[8192];
	u8 *steps = input + 1;

	for (u32 which = 0; which <= MACHINE_DEVICES; which++) {
		machine_new(which);
		input[0] = (u8)which;
		fuzz_seed(input, 1 + machine_put_drivers(steps));
		for (u32 r = 0; r < 256; r += 32)
			fuzz_seed(input, 1 + machine_put_indexed(steps, r, 32));
		for (u32 size = 1; size <= 8; size *= 2)
			fuzz_seed(input, 1 + machine_put_sweep(steps, size));
		for (u32 i = 0; i < 256; i++)
			steps[i] = (u8)fuzz_random(256);
		fuzz_seed(input, 257);
	}
}
