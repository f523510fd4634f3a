/*
 * The guest's PCI host bridge: configuration space by the ports and by memory, what can be written, what is not there, the
 * reset register among its ports, its state.
 *
 * sources: tests/host/fake_vm.c vdev/pci_host.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 */
#include <string.h>

#include "tests/host/fake_vm.h"
#include "tests/host/harness.h"
#include "vdev/vdevs.h"
#include "vm/iobus.h"

#define ADDRESS 0xcf8
#define RESET   0xcf9
#define DATA    0xcfc
#define ECAM    0xe0000000ull

static struct vm *vm;

static void start(void)
{
	vm = fake_vm_with(pci_host_create, NULL);
}

static void select(u32 bus, u32 device, u32 function, u32 reg)
{
	fake_out(ADDRESS, 4, 0x80000000 | bus << 16 | device << 11 | function << 8 | reg);
}

static u64 port_read(u32 device, u32 function, u32 reg, u32 size)
{
	select(0, device, function, reg & ~3u);
	return fake_in(DATA + (reg & 3), size);
}

static u64 ecam(u32 bus, u32 device, u32 function, u32 reg, u8 size)
{
	struct io_access a = { .size = size };

	iobus_access(vm->bus, IO_MEM, ECAM + (bus << 20 | device << 15 | function << 12 | reg), &a);
	return a.value;
}

static void ecam_write(u32 device, u32 function, u32 reg, u8 size, u64 value)
{
	struct io_access a = { .size = size, .write = true, .value = value };

	iobus_access(vm->bus, IO_MEM, ECAM + (device << 15 | function << 12 | reg), &a);
}

TEST(functions)
{
	start();
	CHECK_EQ(ecam(0, 0, 0, 0, 4), 0x29c08086);
	CHECK_EQ(ecam(0, 0, 0, 8, 4), 0x06000000);
	CHECK_EQ(ecam(0, 0, 0, 0x60, 4), 0xe0000001); /* here it is itself */
	CHECK_EQ(ecam(0, 0x1f, 0, 0, 4), 0x29188086);
	CHECK_EQ(ecam(0, 0x1f, 0, 8, 4), 0x06010002);
	CHECK_EQ(ecam(0, 0x1f, 0, 0xe, 1), 0x80);
	CHECK_EQ(ecam(0, 0x1f, 0, 0x40, 4), 0x601);
	CHECK_EQ(ecam(0, 0x1f, 0, 0x44, 1), 0x80);
	CHECK_EQ(ecam(0, 0, 0, 0x100, 4), 0); /* no extended capabilities */
	/* By the ports the same, each byte and word of it. */
	for (u32 reg = 0; reg < 256; reg++) {
		for (u8 size = 1; size <= 4; size *= 2)
			if ((reg & 3) + size <= 4)
				CHECK_EQ(port_read(0x1f, 0, reg, size),
					 ecam(0, 0x1f, 0, reg, size));
	}
	/* What is not there. */
	for (u32 devfn = 1; devfn < 256; devfn++)
		if (devfn != 0xf8)
			CHECK_EQ(ecam(0, devfn >> 3, devfn & 7, 0, 4), 0xffffffff);
	for (u32 bus = 1; bus < 256; bus++)
		CHECK_EQ(ecam(bus, 0, 0, 0, 4), 0xffffffff);
	CHECK_EQ(ecam(0, 1, 0, 0, 1), 0xff);
	select(1, 0, 0, 0);
	CHECK_EQ(fake_in(DATA, 4), 0xffffffff);
	CHECK_EQ(fake_in(DATA + 2, 2), 0xffff);
}

TEST(accesses_that_cannot_be)
{
	start();
	CHECK_EQ(ecam(0, 0, 0, 0, 8), ~0ull);
	CHECK_EQ(ecam(0, 0, 0, 3, 2), 0xffff);
	CHECK_EQ(ecam(0, 0, 0, 0xfe, 4), 0xffffffff);
	ecam_write(0, 0, 0xfe, 4, 0);
	CHECK_EQ(ecam(255, 31, 7, 0xffd, 4), 0xffffffff);
	fake_out(ADDRESS, 4, 0x7fffffff); /* not on */
	CHECK_EQ(fake_in(ADDRESS, 4), 0x00fffffc);
	CHECK_EQ(fake_in(DATA, 4), 0xffffffff);
	select(0, 0, 0, 0);
	CHECK_EQ(fake_in(DATA + 1, 4), 0xffffffff);
	CHECK_EQ(fake_in(DATA + 3, 2), 0xffff);
	CHECK_EQ(fake_in(ADDRESS, 1), 0xff);
	CHECK_EQ(fake_in(ADDRESS + 2, 2), 0xffff);
	fake_out(ADDRESS, 2, 0); /* no part of the latch is written */
	CHECK_EQ(fake_in(ADDRESS, 4), 0x80000000);
}

TEST(what_can_be_written)
{
	static u8 before[256];

	start();
	for (u32 i = 0; i < 256; i++)
		before[i] = (u8)ecam(0, 0x1f, 0, i, 1);
	for (u32 i = 0; i < 4096; i += 4)
		ecam_write(0x1f, 0, i, 4, ~0ull);
	for (u32 i = 0; i < 256; i++)
		CHECK_EQ(ecam(0, 0x1f, 0, i, 1), i == 0x3c ? 0xff : before[i]);
	ecam_write(0x1f, 0, 0x3c, 4, 0x12345605);
	CHECK_EQ(ecam(0, 0x1f, 0, 0x3c, 4), 5);
	ecam_write(1, 0, 0x3c, 4, 5); /* nobody's */
	vdev_reset_all(vm);
	CHECK_EQ(ecam(0, 0x1f, 0, 0x3c, 1), 0);
}

TEST(reset_register)
{
	start();
	CHECK_EQ(fake_in(RESET, 1), 0);
	fake_out(RESET, 1, 0x02);
	CHECK_EQ(fake_stops, 0);
	CHECK_EQ(fake_in(RESET, 1), 0x02);
	fake_out(RESET, 1, 0x06);
	CHECK_EQ(fake_stops, 1);
	CHECK_EQ(fake_stop_reason, STOP_RESET);

	start();
	fake_out(RESET, 1, 0x06); /* in one write, as the FADT says */
	CHECK_EQ(fake_stop_reason, STOP_RESET);

	start();
	fake_out(ADDRESS, 4, 0x80000600); /* the address lies around it */
	CHECK_EQ(fake_stops, 0);
	CHECK_EQ(fake_in(RESET, 1), 0);
}

TEST(state)
{
	static u8 stream[2048];
	long len;

	start();
	ecam_write(0x1f, 0, 0x3c, 1, 11);
	fake_out(RESET, 1, 2);
	select(0, 0x1f, 0, 0);
	len = fake_save(stream, sizeof(stream));
	CHECK(len > 0);
	start();
	CHECK_EQ(fake_load(stream, (size_t)len), 0);
	CHECK_EQ(fake_in(DATA, 4), 0x29188086);
	CHECK_EQ(fake_in(RESET, 1), 2);
	CHECK_EQ(ecam(0, 0x1f, 0, 0x3c, 1), 11);
	fake_state_torture();
}

/* A stream that says what a guest could not have written. */
TEST(hostile_state)
{
	static u8 stream[2048];
	long len;

	start();
	len = fake_save(stream, sizeof(stream));
	for (long i = 0; i < len - 1; i++)
		if (stream[i] == 0x86 && stream[i + 1] == 0x80)
			memset(stream + i, 0x55, 64);
	CHECK(fake_load(stream, (size_t)len) < 0);
	CHECK_EQ(ecam(0, 0, 0, 0, 4), 0x29c08086);
	CHECK_EQ(ecam(0, 0x1f, 0, 0, 4), 0x29188086);
}
