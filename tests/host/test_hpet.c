/*
 * vdev/hpet.h: the HPET as IA-PC HPET 1.0a has it: its counter, timers once and periodic, of 32 and 64 bits, edges and
 * levels, legacy replacement, and what ticks do that come too late. A count is 10 ns.
 *
 * sources: tests/host/fake_vm.c vdev/hpet.c vdev/pit.c vdev/tick.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 */
#include "lib/hw/hpet.h"
#include "lib/hw/pit.h"
#include "tests/host/fake_vm.h"
#include "tests/host/harness.h"
#include "vdev/machine.h"
#include "vdev/vdevs.h"
#include "vm/iobus.h"

#define MS            100000u /* counts */
#define MS_NS         1000000u
#define CONFIG(n)     (HPET_TIMER + (n)*HPET_TIMER_SIZE)
#define COMPARATOR(n) (CONFIG(n) + HPET_TN_COMPARATOR)
#define ROUTE(gsi)    ((u64)(gsi) << HPET_TN_ROUTE_SH)

static struct vm *vm;

static u64 get(u32 reg, u8 size)
{
	struct io_access a = { .size = size };

	CHECK_EQ(iobus_access(vm->bus, IO_MEM, MACHINE_HPET + reg, &a), 0);
	return a.value;
}

static void set(u32 reg, u8 size, u64 value)
{
	struct io_access a = { .size = size, .write = true, .value = value };

	CHECK_EQ(iobus_access(vm->bus, IO_MEM, MACHINE_HPET + reg, &a), 0);
}

static void start_as(enum tick_policy policy)
{
	struct domain cfg = { .acpi = true, .apic = true, .timers = 1u << TIMER_HPET };

	cfg.ticks[TIMER_HPET] = policy;
	vm = fake_vm_new(&cfg);
	CHECK_EQ(pit_create(vm, &cfg), 0);
	CHECK_EQ(hpet_create(vm, &cfg), 0);
	vdev_reset_all(vm);
}

static void start(void)
{
	start_as(TICK_UNSAID);
}

static u32 rises(u32 gsi)
{
	return fake_lines[gsi].rises;
}

TEST(only_where_it_is_named)
{
	struct domain cfg = { .acpi = true, .apic = true };
	struct io_access a = { .size = 4 };

	vm = fake_vm_new(&cfg);
	CHECK_EQ(hpet_create(vm, &cfg), 0);
	CHECK(iobus_access(vm->bus, IO_MEM, MACHINE_HPET, &a) < 0);
}

TEST(capabilities)
{
	start();
	/* Intel's, 64 bits, legacy replacement, three timers, revision 1; 10^7 fs. */
	CHECK_EQ(get(0, 4), 0x8086a201);
	CHECK_EQ(get(4, 4), 10000000);
	CHECK_EQ(get(0, 8), 0x009896808086a201);
	for (u32 i = 0; i < 3; i++)
		CHECK_EQ(get(CONFIG(i), 8),
			 0x00f0000000000030); /* periodic, 64 bits, pins 20 to 23 */
	CHECK_EQ(get(CONFIG(3), 8), 0);
	set(0, 8, 0);
	CHECK_EQ(get(0, 4), 0x8086a201);
}

TEST(counter)
{
	struct io_access odd = { .offset = 0, .size = 2 };

	start();
	fake_advance(MS_NS);
	CHECK_EQ(get(HPET_COUNTER, 8), 0); /* stands still after a reset */
	set(HPET_COUNTER, 8, 0xfffffff0);
	set(HPET_CONFIG, 4, HPET_CONFIG_ENABLE);
	fake_advance(9);
	CHECK_EQ(get(HPET_COUNTER, 8), 0xfffffff0);
	fake_advance(1);
	CHECK_EQ(get(HPET_COUNTER, 8), 0xfffffff1);
	fake_advance(MS_NS);
	CHECK_EQ(get(HPET_COUNTER, 8), 0xfffffff1 + (u64)MS);
	CHECK_EQ(get(HPET_COUNTER + 4, 4), 1);
	set(HPET_COUNTER, 8, 0); /* not while it runs */
	CHECK_EQ(get(HPET_COUNTER + 4, 4), 1);
	set(HPET_CONFIG, 4, 0);
	set(HPET_COUNTER + 4, 4, 7);
	fake_advance(MS_NS);
	CHECK_EQ(get(HPET_COUNTER, 8), 7ull << 32 | (0xfffffff1 + (u64)MS - BIT(32)));
	CHECK(iobus_access(vm->bus, IO_MEM, MACHINE_HPET, &odd) < 0);
}

TEST(once)
{
	start();
	set(CONFIG(1), 8, HPET_TN_ENABLE | ROUTE(21));
	set(COMPARATOR(1), 8, 5 * MS);
	set(HPET_CONFIG, 8, HPET_CONFIG_ENABLE);
	fake_advance(5 * MS_NS - 10);
	CHECK_EQ(rises(21), 0);
	fake_advance(10);
	CHECK_EQ(rises(21), 1);
	CHECK_EQ(get(HPET_STATUS, 8), 0); /* of a level alone */
	fake_advance(100000ull * MS_NS);
	CHECK_EQ(rises(21), 1); /* 64 bits: not again */
	set(COMPARATOR(1), 8, get(HPET_COUNTER, 8) - 1);
	fake_advance(100000ull * MS_NS);
	CHECK_EQ(rises(21), 1); /* over */
	set(COMPARATOR(1), 8, get(HPET_COUNTER, 8) + 7 * MS);
	set(CONFIG(1), 8, ROUTE(21));
	fake_advance(8 * MS_NS);
	set(CONFIG(1), 8,
	    HPET_TN_ENABLE | ROUTE(21)); /* what was while nobody wanted it does not come */
	fake_advance(MS_NS);
	CHECK_EQ(rises(21), 1);
}

/* The low 32 bits are compared: each 42.9 s. */
TEST(once_in_32_bits)
{
	start();
	set(HPET_COUNTER, 8, 0x1fffff000);
	set(CONFIG(0), 8, HPET_TN_ENABLE | HPET_TN_32BIT | ROUTE(20));
	set(COMPARATOR(0), 4, 0x10000);
	CHECK_EQ(get(COMPARATOR(0), 8), 0x10000);
	set(HPET_CONFIG, 8, HPET_CONFIG_ENABLE);
	fake_advance((0x11000 - 1) * 10);
	CHECK_EQ(rises(20), 0);
	fake_advance(10);
	CHECK_EQ(rises(20), 1);
	fake_advance((BIT(32) - 1) * 10);
	CHECK_EQ(rises(20), 1);
	fake_advance(10);
	CHECK_EQ(rises(20), 2);
}

static void periodic(u32 n, u64 config, u64 first, u64 period)
{
	set(CONFIG(n), 8, HPET_TN_ENABLE | HPET_TN_PERIODIC | HPET_TN_SET_VALUE | config);
	set(COMPARATOR(n), 8, first);
	set(COMPARATOR(n), 8, period);
}

TEST(periodic_by_legacy_replacement)
{
	u32 pit;

	start();
	fake_out(PIT_PORT + PIT_CONTROL, 1, 0x34);
	fake_out(PIT_PORT, 1, 0x9c);
	fake_out(PIT_PORT, 1, 0x2e); /* 11932: 100 Hz */
	fake_advance(100 * MS_NS);
	CHECK(rises(0) >= 9);
	pit = rises(0);
	periodic(0, 0, 3 * MS, 10 * MS);
	CHECK(!(get(CONFIG(0), 4) & HPET_TN_SET_VALUE));
	set(HPET_CONFIG, 8, HPET_CONFIG_ENABLE | HPET_CONFIG_LEGACY);
	fake_advance(3 * MS_NS - 10);
	CHECK_EQ(rises(0), pit);
	fake_advance(10);
	CHECK_EQ(rises(0), pit + 1);
	CHECK_EQ(get(COMPARATOR(0), 8), 13 * MS);
	fake_advance(1000 * MS_NS);
	CHECK_EQ(rises(0), pit + 101); /* at 3, 13, ... 1003 ms, and none of the PIT's */
	set(HPET_CONFIG, 8, HPET_CONFIG_ENABLE);
	CHECK(fake_lines[0].level); /* as the PIT wants it */
	fake_advance(1000 * MS_NS);
	CHECK(rises(0) - pit >= 200 && rises(0) - pit <= 202); /* the PIT's again */
}

TEST(levels)
{
	start();
	periodic(2, HPET_TN_LEVEL | ROUTE(23), MS, MS);
	set(HPET_CONFIG, 8, HPET_CONFIG_ENABLE);
	fake_advance(MS_NS);
	CHECK(fake_lines[23].level);
	CHECK_EQ(get(HPET_STATUS, 4), 4);
	fake_advance(5 * MS_NS);
	CHECK_EQ(rises(23), 1);
	set(HPET_STATUS, 4, 3); /* others' */
	CHECK(fake_lines[23].level);
	set(HPET_STATUS, 4, 4);
	CHECK(!fake_lines[23].level);
	fake_advance(MS_NS);
	CHECK_EQ(rises(23), 2);
	set(CONFIG(2), 8, 0);
	CHECK(!fake_lines[23].level);
	CHECK_EQ(get(HPET_STATUS, 4), 0);
}

TEST(routes_that_there_are)
{
	start();
	set(CONFIG(0), 8, ROUTE(22));
	set(CONFIG(0), 8, ROUTE(19));
	CHECK_EQ(get(CONFIG(0), 4) & HPET_TN_ROUTE, ROUTE(22));
	set(CONFIG(0), 8, ROUTE(31) | HPET_TN_ENABLE);
	CHECK_EQ(get(CONFIG(0), 4) & HPET_TN_ROUTE, ROUTE(22));
	set(CONFIG(0), 8, 0); /* none: it is heard nowhere */
	set(CONFIG(0), 8, HPET_TN_ENABLE);
	set(COMPARATOR(0), 8, MS);
	set(HPET_CONFIG, 8, HPET_CONFIG_ENABLE);
	fake_advance(2 * MS_NS);
	CHECK_EQ(get(HPET_STATUS, 4), 0);
}

static u32 after_a_gap(enum tick_policy policy)
{
	start_as(policy);
	periodic(0, ROUTE(20), 10 * MS, 10 * MS);
	set(HPET_CONFIG, 8, HPET_CONFIG_ENABLE);
	fake_advance(10 * MS_NS);
	CHECK_EQ(rises(20), 1);
	fake_late(105 * MS_NS); /* at 115 ms: ten are due */
	fake_advance(200 * MS_NS);
	return rises(20) - 1;
}

TEST(tick_policies)
{
	CHECK_EQ(after_a_gap(TICK_CATCHUP), 30);
	CHECK_EQ(after_a_gap(TICK_MERGE), 21);
	CHECK_EQ(after_a_gap(TICK_UNSAID), 21);
	CHECK_EQ(after_a_gap(TICK_DISCARD), 20);
	CHECK_EQ(after_a_gap(TICK_DELAY), 21); /* at 115, 125, ... 315 ms */
}

TEST(fast_rates_are_bounded)
{
	start();
	periodic(0, ROUTE(20), 1, 1);
	set(HPET_CONFIG, 8, HPET_CONFIG_ENABLE);
	CHECK(fake_advance(1000 * MS_NS) <= 20000);
	periodic(0, ROUTE(20), ~0ull, ~0ull);
	CHECK(fake_advance(1000 * MS_NS) <= 1);
	periodic(0, ROUTE(20), get(HPET_COUNTER, 8), 0);
	CHECK(fake_advance(1000 * MS_NS) <= 1);
}

TEST(state)
{
	u8 stream[4096];
	long len;

	start_as(TICK_CATCHUP);
	periodic(0, ROUTE(20), 10 * MS, 10 * MS);
	set(CONFIG(1), 8, HPET_TN_ENABLE | HPET_TN_LEVEL | ROUTE(21));
	set(COMPARATOR(1), 8, 30 * MS);
	set(HPET_CONFIG, 8, HPET_CONFIG_ENABLE | HPET_CONFIG_LEGACY);
	fake_late(45 * MS_NS); /* of four ticks three are owed */
	CHECK_EQ(rises(0), 1);
	len = fake_save(stream, sizeof(stream));
	CHECK(len > 0);
	start_as(TICK_CATCHUP);
	fake_advance(7000000000ull);
	CHECK_EQ(fake_load(stream, (size_t)len), 0);
	CHECK_EQ(get(HPET_COUNTER, 8), 45 * MS);
	CHECK_EQ(get(HPET_STATUS, 8), 2);
	CHECK(fake_lines[8].level);
	fake_advance(4 * MS_NS);
	CHECK_EQ(get(COMPARATOR(0), 8), 50 * MS);
	fake_advance(MS_NS);
	CHECK_EQ(rises(0), 1 + 3 + 1); /* the line was high */
	fake_state_torture();
}
