/*
 * The I/O bus: claims, look-up, accesses.
 *
 * sources: tests/host/fake_vm.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 */
#include "lib/errno.h"
#include "tests/host/fake_vm.h"
#include "tests/host/harness.h"
#include "vm/ioaccess.h"
#include "vm/vdev.h"

static struct io_access seen;
static u32 calls, seen_bank, locks_in_handler;
static u64 to_read;
static int to_return;

static int handler(struct vdev *dev, u32 bank, struct io_access *a)
{
	calls++;
	seen = *a;
	seen_bank = bank;
	locks_in_handler = fake_locks_held;
	if (!a->write)
		a->value = to_read;
	return to_return;
}

static struct iobus *bus;
static struct vdev dev;
static const struct vdev_ops ops = { .name = "test" };

static void start(void)
{
	struct vm *vm = fake_vm_new(NULL);

	bus = vm->bus;
	vdev_add(vm, &dev, &ops, 0, RANK_VDEV);
	calls = 0;
	to_return = 0;
	to_read = 0x1122334455667788ULL;
}

static int claim(enum io_space space, u64 base, u64 len, u32 bank)
{
	return iobus_claim(bus, space, base, len, &dev, handler, bank);
}

static int access(enum io_space space, u64 addr, u8 size, bool write, u64 *value)
{
	struct io_access a = { .size = size, .write = write, .value = *value };
	int err = iobus_access(bus, space, addr, &a);

	*value = a.value;
	return err;
}

TEST(overlap_is_refused)
{
	start();
	CHECK_EQ(claim(IO_PORT, 0x100, 0x10, 0), 0);
	CHECK_EQ(claim(IO_PORT, 0x100, 0x10, 0), -EEXIST);
	CHECK_EQ(claim(IO_PORT, 0x10f, 1, 0), -EEXIST);
	CHECK_EQ(claim(IO_PORT, 0x108, 1, 0), -EEXIST);
	CHECK_EQ(claim(IO_PORT, 0xff, 2, 0), -EEXIST);
	CHECK_EQ(claim(IO_PORT, 0xf0, 0x100, 0), -EEXIST);
	CHECK_EQ(claim(IO_PORT, 0, 0x10000, 0), -EEXIST);
	CHECK_EQ(claim(IO_PORT, 0xff, 1, 0), 0);
	CHECK_EQ(claim(IO_PORT, 0x110, 1, 0), 0);
	CHECK_EQ(claim(IO_MEM, 0x100, 0x10, 0), 0); /* another space */
	CHECK_EQ(bus->count[IO_PORT], 3);
	CHECK_EQ(bus->count[IO_MEM], 1);
}

TEST(impossible_ranges_are_refused)
{
	start();
	CHECK_EQ(claim(IO_PORT, 0x100, 0, 0), -EINVAL);
	CHECK_EQ(claim(IO_PORT, 0x10000, 1, 0), -EINVAL);
	CHECK_EQ(claim(IO_PORT, 0xffff, 2, 0), -EINVAL);
	CHECK_EQ(claim(IO_PORT, 1, ~0ULL, 0), -EINVAL);
	CHECK_EQ(claim(IO_MEM, ~0ULL, 2, 0), -EINVAL);
	CHECK_EQ(claim(IO_MEM, BIT(52) - 1, 2, 0), -EINVAL);
	CHECK_EQ(claim(IO_MEM, ~0ULL - 10, 1, 0), -EINVAL);
	CHECK_EQ(bus->count[IO_PORT] + bus->count[IO_MEM], 0);
	CHECK_EQ(claim(IO_PORT, 0xffff, 1, 0), 0);
	CHECK_EQ(claim(IO_MEM, BIT(52) - 1, 1, 0), 0);
}

TEST(full_bus)
{
	start();
	for (u32 i = 0; i < IOBUS_MAX_RANGES; i++)
		CHECK_EQ(claim(IO_PORT, 2 * i, 1, i), 0);
	CHECK_EQ(claim(IO_PORT, 0x1000, 1, 0), -ENOSPC);
	CHECK_EQ(claim(IO_PORT, 0, 1, 0), -EEXIST); /* which tells more */
	CHECK_EQ(bus->count[IO_PORT], IOBUS_MAX_RANGES);
}

TEST(find_in_any_order_of_claims)
{
	start();
	/* 7 and 64 have no common divisor: all ranges come, scattered. */
	for (u32 n = 0; n < IOBUS_MAX_RANGES; n++) {
		u32 i = n * 7 % IOBUS_MAX_RANGES;

		CHECK_EQ(claim(IO_MEM, 0x1000 + 0x100 * i, 0x80, i), 0);
	}
	for (u64 addr = 0; addr < 0x1000 + 0x100 * IOBUS_MAX_RANGES + 0x100; addr++) {
		const struct io_range *r = iobus_find(bus, IO_MEM, addr);
		bool inside = addr >= 0x1000 && addr < 0x1000 + 0x100 * IOBUS_MAX_RANGES &&
			      (addr & 0xff) < 0x80;

		if ((r != NULL) != inside || (r && r->bank != (addr - 0x1000) / 0x100)) {
			CHECK_EQ(addr, ~0ULL); /* names the address */
			break;
		}
	}
	CHECK(!iobus_find(bus, IO_MEM, ~0ULL));
	CHECK(!iobus_find(bus, IO_PORT, 0x1000));
}

TEST(access_reaches_the_handler)
{
	u64 value = 0;

	start();
	CHECK_EQ(claim(IO_PORT, 0x3f8, 8, 5), 0);
	CHECK_EQ(access(IO_PORT, 0x3fa, 1, false, &value), 0);
	CHECK_EQ(value, 0x88); /* no more than was asked for */
	CHECK_EQ(seen.offset, 2);
	CHECK_EQ(seen.size, 1);
	CHECK(!seen.write);
	CHECK_EQ(seen_bank, 5);
	CHECK_EQ(locks_in_handler, 1);
	CHECK_EQ(fake_locks_held, 0);
	CHECK_EQ(access(IO_PORT, 0x3f8, 8, false, &value), 0);
	CHECK_EQ(value, 0x1122334455667788ULL);

	value = 0xdeadbeefcafef00dULL;
	CHECK_EQ(access(IO_PORT, 0x3fc, 4, true, &value), 0);
	CHECK_EQ(seen.value, 0xcafef00d);
	CHECK(seen.write);
	CHECK_EQ(calls, 3);
}

TEST(straddling_is_rejected)
{
	u64 value = 0;

	start();
	CHECK_EQ(claim(IO_PORT, 0x100, 4, 0), 0);
	CHECK_EQ(claim(IO_PORT, 0x104, 4, 0), 0);
	CHECK_EQ(claim(IO_MEM, 0xfec00000, 0x1000, 0), 0);
	CHECK_EQ(access(IO_PORT, 0x103, 2, false, &value), -ENODEV);
	CHECK_EQ(value, 0xffff);
	CHECK_EQ(access(IO_PORT, 0xff, 2, false, &value), -ENODEV);
	CHECK_EQ(access(IO_PORT, 0x106, 4, true, &value), -ENODEV);
	CHECK_EQ(access(IO_PORT, 0x100, 8, false, &value), -ENODEV);
	CHECK_EQ(value, ~0ULL);
	CHECK_EQ(access(IO_MEM, 0xfec00ffd, 4, false, &value), -ENODEV);
	CHECK_EQ(value, 0xffffffff);
	CHECK_EQ(calls, 0);
	CHECK_EQ(access(IO_MEM, 0xfec00ffc, 4, false, &value), 0);
	CHECK_EQ(access(IO_PORT, 0x102, 2, false, &value), 0);
	CHECK_EQ(calls, 2);
}

TEST(nobody_answers_all_ones)
{
	u64 value = 0;

	start();
	CHECK_EQ(access(IO_PORT, 0xcf8, 4, false, &value), -ENODEV);
	CHECK_EQ(value, 0xffffffff);
	CHECK_EQ(access(IO_PORT, 0xffff, 1, false, &value), -ENODEV);
	CHECK_EQ(value, 0xff);
	CHECK_EQ(access(IO_MEM, ~0ULL, 8, false, &value), -ENODEV);
	CHECK_EQ(value, ~0ULL);

	to_return = -ENOTSUP;
	CHECK_EQ(claim(IO_PORT, 0x70, 2, 0), 0);
	CHECK_EQ(access(IO_PORT, 0x70, 2, false, &value), -ENOTSUP);
	CHECK_EQ(value, 0xffff);
	CHECK_EQ(fake_locks_held, 0);
}

static int vcpu_access(struct vcpu *v, enum io_space space, u64 addr, u8 size, u32 bank)
{
	int err;

	v->io.size = size;
	v->io.write = false;
	v->io.value = 0;
	calls = 0;
	err = vcpu_io(v, space, addr);
	if (err)
		CHECK_EQ(calls, 0);
	else
		CHECK(calls == 1 && seen_bank == bank && seen.offset == (addr & 3));
	CHECK_EQ(v->io.value, err ? iobus_ones[size] : to_read & iobus_ones[size]);
	return err;
}

/* The range of the last access is tried first, and no more than that. */
TEST(accesses_by_a_vcpu)
{
	struct vcpu v = { 0 };

	start();
	v.vm = dev.vm;
	CHECK_EQ(claim(IO_PORT, 0x100, 4, 1), 0);
	CHECK_EQ(claim(IO_PORT, 0x104, 4, 2), 0);
	CHECK_EQ(claim(IO_PORT, 0x10c, 4, 3), 0);
	CHECK_EQ(claim(IO_MEM, 0x104, 4, 4), 0);
	for (u32 k = 0; k < 2; k++) {
		CHECK_EQ(vcpu_access(&v, IO_PORT, 0x104, 1, 2), 0);
		CHECK_EQ(vcpu_access(&v, IO_PORT, 0x105, 2, 2), 0);
		CHECK_EQ(vcpu_access(&v, IO_PORT, 0x107, 1, 2), 0);
		CHECK_EQ(vcpu_access(&v, IO_PORT, 0x107, 2, 2), -ENODEV);
		CHECK_EQ(vcpu_access(&v, IO_PORT, 0x103, 1, 1), 0);
		CHECK_EQ(vcpu_access(&v, IO_PORT, 0x103, 2, 1), -ENODEV);
		CHECK_EQ(vcpu_access(&v, IO_MEM, 0x104, 4, 4), 0);
		CHECK_EQ(vcpu_access(&v, IO_PORT, 0x108, 1, 0), -ENODEV);
		CHECK_EQ(vcpu_access(&v, IO_PORT, 0xff, 1, 0), -ENODEV);
		CHECK_EQ(vcpu_access(&v, IO_PORT, 0x10c, 4, 3), 0);
	}
	to_return = -ENOTSUP;
	v.io = (struct io_access){ .size = 1 };
	CHECK_EQ(vcpu_io(&v, IO_PORT, 0x10c), -ENOTSUP);
	CHECK_EQ(v.io.value, 0xff);
	v.io = (struct io_access){ .size = 1, .value = 0x1234, .write = true };
	CHECK_EQ(vcpu_io(&v, IO_PORT, 0x10c), -ENOTSUP);
	CHECK_EQ(seen.value, 0x34);
	CHECK_EQ(fake_locks_held, 0);
}
