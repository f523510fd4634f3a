/*
 * Writes the ACPI tables that Plinth's guests find, from GUEST_RSDP on, to the file that TABLES names in the environment,
 * for kvmrun: those of one vCPU and one serial port. Built as host tests are (tools/measure/peer.py).
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/host/fake_vm.h"
#include "tests/host/harness.h"
#include "vdev/vdevs.h"
#include "vm/loader.h"

TEST(tables)
{
	struct domain cfg = { .acpi = true, .apic = true, .serials = 1, .vcpus = 1 };
	struct vm *vm = fake_vm_new(&cfg);
	FILE *file = fopen(getenv("TABLES"), "wb");

	vm->vcpu_count = cfg.vcpus;
	vm->topology = topology_of(&cfg);
	CHECK_EQ(acpi_tables_create(vm, &vm->cfg), 0);
	vdev_reset_all(vm);
	CHECK(file != NULL);
	CHECK_EQ(fwrite(fake_memory + GUEST_RSDP, GUEST_RSDP_END - GUEST_RSDP, 1, file), 1);
	CHECK_EQ(fclose(file), 0);
}
