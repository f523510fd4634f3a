/*
 * The 8254 as its data sheet says, on the VM's time.
 *
 * sources: tests/host/fake_vm.c vdev/pit.c vdev/tick.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 */
#include "lib/hw/pit.h"
#include "tests/host/fake_vm.h"
#include "tests/host/harness.h"
#include "vdev/vdevs.h"

#define CONTROL (PIT_PORT + PIT_CONTROL)

/* The time of n ticks, rounded up: 1193182 of them are a second. */
static u64 ticks(u64 n)
{
	return (n * 1000000000 + PIT_HZ - 1) / PIT_HZ;
}

/* To the moment of tick n after `from`. */
static void go_to(u64 from, u64 n)
{
	fake_advance(from + ticks(n) - fake_now);
}

static void start(void)
{
	fake_vm_with(pit_create, NULL);
}

static void program(u32 counter, u32 mode, u16 count)
{
	fake_out(CONTROL, 1, counter << 6 | PIT_RW_BOTH << 4 | mode << 1);
	fake_out(PIT_PORT + counter, 1, count & 0xff);
	fake_out(PIT_PORT + counter, 1, count >> 8);
}

static u32 read16(u32 counter)
{
	u32 low = (u32)fake_in(PIT_PORT + counter, 1);

	return low | (u32)fake_in(PIT_PORT + counter, 1) << 8;
}

static u32 latched(u32 counter)
{
	fake_out(CONTROL, 1, counter << 6);
	return read16(counter);
}

/* The status byte by the read-back command. */
static u8 status(u32 counter)
{
	fake_out(CONTROL, 1, 0xe0 | 2u << counter);
	return (u8)fake_in(PIT_PORT + counter, 1);
}

static bool out2(void)
{
	return fake_in(0x61, 1) & 0x20;
}

TEST(mode0_counts_down_once)
{
	u64 t;

	start();
	fake_out(0x61, 1, 1); /* gate 2 */
	program(2, 0, 1000);
	t = fake_now;
	CHECK_EQ(latched(2), 1000);
	CHECK(!out2());
	go_to(t, 1);
	CHECK_EQ(latched(2), 999);
	go_to(t, 999);
	CHECK_EQ(latched(2), 1);
	CHECK(!out2());
	go_to(t, 1000);
	CHECK_EQ(latched(2), 0);
	CHECK(out2());
	go_to(t, 1001);
	CHECK_EQ(latched(2), 0xffff); /* goes on from there */
	CHECK(out2());
	go_to(t, 1000 + 65536 + 10);
	CHECK_EQ(latched(2), 0xfff6);
	CHECK(out2());
	fake_out(CONTROL, 1, 0xb0); /* a new control word: the output falls at once */
	CHECK(!out2());
}

TEST(mode0_interrupts_once)
{
	u32 rises;

	start();
	program(0, 0, 5000);
	rises = fake_lines[0].rises;
	CHECK(!fake_lines[0].level);
	fake_advance(ticks(4999));
	CHECK(!fake_lines[0].level);
	fake_advance(ticks(2));
	CHECK(fake_lines[0].level);
	CHECK_EQ(fake_lines[0].rises, rises + 1);
	fake_advance(1000000000);
	CHECK_EQ(fake_lines[0].rises, rises + 1);
	fake_out(CONTROL, 1, 0x30);
	CHECK(!fake_lines[0].level);
}

TEST(mode0_first_byte_stops_counting)
{
	start();
	program(0, 0, 5000);
	fake_out(PIT_PORT, 1, 0x10);
	fake_advance(ticks(100000));
	CHECK(!fake_lines[0].level);
	fake_out(PIT_PORT, 1, 0x10); /* 0x1010 */
	fake_advance(ticks(0x1010) - 1);
	CHECK(!fake_lines[0].level);
	fake_advance(1);
	CHECK(fake_lines[0].level);
}

TEST(mode0_gate_suspends)
{
	start();
	fake_out(0x61, 1, 1);
	program(2, 0, 1000);
	fake_advance(ticks(300));
	fake_out(0x61, 1, 0);
	fake_advance(ticks(5000));
	CHECK_EQ(latched(2), 700);
	CHECK(!out2());
	fake_out(0x61, 1, 1);
	fake_advance(ticks(699));
	CHECK(!out2());
	fake_advance(ticks(2));
	CHECK(out2());
}

TEST(mode1_is_triggered_by_the_gate)
{
	u64 t;

	start();
	fake_out(CONTROL, 1, 0xb2);
	CHECK(out2());        /* high after the control word */
	fake_out(0x61, 1, 1); /* a trigger without a count does nothing */
	CHECK(out2());
	fake_out(0x61, 1, 0);
	program(2, 1, 100);
	fake_advance(ticks(1000));
	CHECK(out2());
	CHECK(status(2) & PIT_ST_NULL);
	fake_out(0x61, 1, 1);
	t = fake_now;
	CHECK(!out2());
	CHECK(!(status(2) & PIT_ST_NULL));
	fake_out(0x61, 1, 0); /* its fall does not matter */
	go_to(t, 99);
	CHECK(!out2());
	fake_out(0x61, 1, 1); /* retriggered */
	t = fake_now;
	go_to(t, 99);
	CHECK(!out2());
	go_to(t, 100);
	CHECK(out2());
}

TEST(mode1_new_count_waits_for_a_trigger)
{
	u64 t;

	start();
	program(2, 1, 100);
	fake_out(0x61, 1, 1);
	t = fake_now;
	fake_out(PIT_PORT + 2, 1, 0xe8); /* 1000 */
	fake_out(PIT_PORT + 2, 1, 0x03);
	CHECK(status(2) & PIT_ST_NULL);
	go_to(t, 99);
	CHECK(!out2());
	go_to(t, 100);
	CHECK(out2());
	fake_out(0x61, 1, 0);
	fake_out(0x61, 1, 1);
	t = fake_now;
	go_to(t, 999);
	CHECK(!out2());
	go_to(t, 1000);
	CHECK(out2());
}

TEST(mode2_rate)
{
	u64 t;

	start();
	fake_out(0x61, 1, 1);
	program(2, 2, 10);
	t = fake_now;
	for (u32 n = 0; n < 50; n++) {
		go_to(t, n);
		CHECK_EQ(latched(2), 10 - n % 10);
		CHECK_EQ(out2(), n % 10 != 9); /* low while the count is 1 */
	}
	fake_out(0x61, 1, 0);
	CHECK(out2());
	fake_advance(ticks(7));
	fake_out(0x61, 1, 1); /* starts a period anew */
	CHECK_EQ(latched(2), 10);
}

TEST(mode2_interrupts)
{
	u32 rises;

	start();
	program(0, 2, 11932); /* 100 Hz */
	rises = fake_lines[0].rises;
	fake_advance(1000000000);
	CHECK_EQ(fake_lines[0].rises - rises, 99); /* 1193182 / 11932 = 99.998 */
	fake_advance(9000000000ULL);
	CHECK_EQ(fake_lines[0].rises - rises, 999); /* no drift: 999.98 */
	CHECK(fake_lines[0].level);
	fake_out(CONTROL, 1, 0x34); /* no count yet: silent */
	rises = fake_lines[0].rises;
	fake_advance(1000000000);
	CHECK_EQ(fake_lines[0].rises, rises);
}

/* A vCPU that had no CPU for a while: the guest still counts every tick, but not all at once. */
TEST(late_edges_are_made_up_for)
{
	u32 rises;

	start();
	program(0, 2, 11932); /* 100 Hz */
	rises = fake_lines[0].rises;
	fake_late(105000000);
	CHECK_EQ(fake_lines[0].rises - rises, 1);
	fake_advance(10000000);
	CHECK(fake_lines[0].rises - rises >= 10 && fake_lines[0].rises - rises <= 12);
	fake_advance(86000000);
	CHECK_EQ(fake_lines[0].rises - rises, 20); /* 201 ms are over */
	fake_advance(100000000);
	CHECK_EQ(fake_lines[0].rises - rises, 30);
	fake_late(100000000000ULL);
	rises = fake_lines[0].rises;
	fake_advance(5000000000ULL); /* 500 of its own, and a bounded number that is owed */
	CHECK(fake_lines[0].rises - rises <= 500 + 250);
	program(0, 2, 11932); /* a new start owes nothing */
	rises = fake_lines[0].rises;
	fake_advance(100500000);
	CHECK_EQ(fake_lines[0].rises - rises, 10);
}

/* 100 Hz, looked at 105 ms after a tick: how many come in the next 200 ms, and whether they keep the old phase. */
static u32 after_a_gap(enum tick_policy policy, u32 *at_once)
{
	struct domain cfg = { .acpi = true, .apic = true, .serials = 1 };
	u32 rises;

	cfg.ticks[TIMER_PIT] = policy;
	fake_vm_with(pit_create, &cfg);
	program(0, 2, 11932);
	fake_advance(100500000);
	rises = fake_lines[0].rises;
	fake_late(104500000); /* at 205 ms: ten of them are due, of which nine are late */
	*at_once = fake_lines[0].rises - rises;
	fake_advance(200000000);
	return fake_lines[0].rises - rises;
}

TEST(tick_policies)
{
	u32 at_once;

	CHECK_EQ(after_a_gap(TICK_CATCHUP, &at_once), 30);
	CHECK_EQ(at_once, 1);
	CHECK_EQ(after_a_gap(TICK_UNSAID, &at_once), 30);
	CHECK_EQ(after_a_gap(TICK_MERGE, &at_once), 1 + 20); /* at 210, ... 400 ms */
	CHECK_EQ(at_once, 1);
	CHECK_EQ(after_a_gap(TICK_DISCARD, &at_once), 20);
	CHECK_EQ(at_once, 0);
	CHECK_EQ(after_a_gap(TICK_DELAY, &at_once),
		 1 + 19); /* at 215, ... 395 ms, and 1 us later each */
	CHECK_EQ(at_once, 1);
}

/* Two machines go on alike, one of them by way of the stream. */
TEST(state_of_ticks)
{
	static const enum tick_policy policies[] = { TICK_CATCHUP, TICK_MERGE, TICK_DISCARD,
						     TICK_DELAY };
	u8 stream[2048];

	for (u32 i = 0; i < ARRAY_LEN(policies); i++) {
		struct domain cfg = { .acpi = true, .apic = true, .serials = 1 };
		u32 rises, all, at_once;
		long len;

		cfg.ticks[TIMER_PIT] = policies[i];
		all = after_a_gap(policies[i], &at_once);
		fake_vm_with(pit_create, &cfg);
		program(0, 2, 11932);
		fake_advance(100500000);
		fake_late(104500000);
		len = fake_save(stream, sizeof(stream));
		CHECK(len > 0);
		fake_vm_with(pit_create, &cfg);
		fake_advance(5000000000ULL);
		CHECK_EQ(fake_load(stream, (size_t)len), 0);
		rises = fake_lines[0].rises;
		fake_advance(200000000);
		CHECK_EQ(fake_lines[0].rises - rises, all - at_once);
		fake_state_torture();
	}
}

TEST(mode3_square)
{
	static const u8 even[] = { 6, 4, 2, 6, 4, 2 }, odd[] = { 6, 4, 2, 0, 6, 4, 2 };
	u64 t;

	start();
	fake_out(0x61, 1, 1);
	program(2, 3, 6);
	t = fake_now;
	for (u32 n = 0; n < 24; n++) {
		go_to(t, n);
		CHECK_EQ(latched(2), even[n % 6]);
		CHECK_EQ(out2(), n % 6 < 3);
	}
	program(2, 3, 7); /* high for (7 + 1) / 2, low for (7 - 1) / 2 */
	t = fake_now;
	for (u32 n = 0; n < 28; n++) {
		go_to(t, n);
		CHECK_EQ(latched(2), odd[n % 7]);
		CHECK_EQ(out2(), n % 7 < 4);
	}
}

TEST(mode3_interrupts_at_18_hz)
{
	u32 rises;

	start();
	program(0, 3, 0); /* 65536: the PC's 18.2 Hz */
	rises = fake_lines[0].rises;
	fake_advance(10000000000ULL);
	CHECK_EQ(fake_lines[0].rises - rises, 182);
}

TEST(mode4_strobe)
{
	u64 t;
	u32 rises;

	start();
	fake_out(0x61, 1, 1);
	program(2, 4, 100);
	t = fake_now;
	CHECK(out2());
	go_to(t, 99);
	CHECK(out2());
	go_to(t, 100);
	CHECK(!out2()); /* low for one tick */
	go_to(t, 101);
	CHECK(out2());

	/* Linux's one-shot mode: control word 0x38, low byte, high byte. */
	fake_out(CONTROL, 1, 0x38);
	rises = fake_lines[0].rises;
	for (u32 n = 1; n <= 5; n++) {
		fake_out(PIT_PORT, 1, 0x00);
		fake_out(PIT_PORT, 1, 0x10);
		fake_advance(ticks(0x1000));
		CHECK_EQ(fake_lines[0].rises - rises, n - 1);
		fake_advance(ticks(5000));
		CHECK_EQ(fake_lines[0].rises - rises, n);
	}
}

TEST(mode5_strobe_by_gate)
{
	u64 t;

	start();
	program(2, 5, 100);
	fake_advance(ticks(100));
	CHECK(out2());
	fake_out(0x61, 1, 1);
	t = fake_now;
	go_to(t, 99);
	CHECK(out2());
	go_to(t, 100);
	CHECK(!out2());
	go_to(t, 101);
	CHECK(out2());
}

TEST(latch_holds_until_read)
{
	u64 t;

	start();
	program(0, 2, 0xabcd);
	t = fake_now;
	go_to(t, 5);
	fake_out(CONTROL, 1, 0x00);
	go_to(t, 500);
	fake_out(CONTROL, 1, 0x00); /* ignored while one is held */
	CHECK_EQ(fake_in(PIT_PORT, 1), 0xc8);
	go_to(t, 600);
	CHECK_EQ(fake_in(PIT_PORT, 1), 0xab);
	CHECK_EQ(read16(0), 0xabcd - 600);
}

TEST(unlatched_reads_alternate)
{
	start();
	fake_out(0x61, 1, 1);
	program(2, 0, 0xffff); /* how Linux calibrates: low, high, low, high */
	CHECK_EQ(fake_in(0x42, 1), 0xff);
	CHECK_EQ(fake_in(0x42, 1), 0xff);
	fake_advance(ticks(256));
	CHECK_EQ(fake_in(0x42, 1), 0xff);
	CHECK_EQ(fake_in(0x42, 1), 0xfe);
	CHECK_EQ(read16(2), 0xfeff);
}

TEST(single_byte_modes)
{
	start();
	fake_out(CONTROL, 1, 0x14); /* low byte only, mode 2 */
	fake_out(PIT_PORT, 1, 0x20);
	CHECK_EQ(fake_in(PIT_PORT, 1), 0x20);
	CHECK_EQ(fake_in(PIT_PORT, 1), 0x20);
	fake_advance(ticks(2));
	CHECK_EQ(fake_in(PIT_PORT, 1), 0x1e);

	fake_out(CONTROL, 1, 0x24); /* high byte only */
	fake_out(PIT_PORT, 1, 0x20);
	CHECK_EQ(fake_in(PIT_PORT, 1), 0x20);
	fake_advance(ticks(1));
	CHECK_EQ(fake_in(PIT_PORT, 1), 0x1f);
	fake_out(CONTROL, 1, 0x00);
	CHECK_EQ(fake_in(PIT_PORT, 1), 0x1f); /* one byte, then no longer latched */
	fake_advance(ticks(256));
	CHECK_EQ(fake_in(PIT_PORT, 1), 0x1e);
}

TEST(read_back)
{
	start();
	fake_out(0x61, 1, 1);
	program(0, 2, 0x1000);
	program(1, 3, 0x2000);
	fake_out(CONTROL, 1, 0xba); /* counter 2: both bytes, mode 5, no count yet */
	fake_advance(ticks(16));

	fake_out(CONTROL, 1, 0xc6); /* status and count of counters 0 and 1 */
	fake_advance(ticks(100));
	CHECK_EQ(fake_in(0x40, 1), 0x80 | 0x34); /* the status comes first */
	CHECK_EQ(read16(0), 0xff0);
	CHECK_EQ(fake_in(0x41, 1), 0x80 | 0x36);
	CHECK_EQ(read16(1), 0x1fe0);

	CHECK_EQ(status(2), 0x80 | 0x40 | 0x3a); /* output high, null count */
	fake_out(CONTROL, 1, 0xd2);              /* the count only, of counter 0 */
	fake_advance(ticks(100));
	CHECK_EQ(read16(0), 0xff0 - 100);
	fake_out(CONTROL, 1, 0xe2);
	fake_advance(ticks(0x1000 - 217)); /* the count is 1 now: the output is low */
	fake_out(CONTROL, 1, 0xe2);        /* an earlier status is kept */
	CHECK_EQ(fake_in(0x40, 1), 0x80 | 0x34);
	CHECK_EQ(status(0), 0x34);
}

TEST(bcd)
{
	u64 t;

	start();
	fake_out(0x61, 1, 1);
	fake_out(CONTROL, 1, 0xb1); /* mode 0, BCD */
	fake_out(0x42, 1, 0x00);
	fake_out(0x42, 1, 0x10); /* 1000 */
	t = fake_now;
	CHECK_EQ(status(2) & 0x3f, 0x31);
	go_to(t, 1);
	CHECK_EQ(latched(2), 0x0999);
	go_to(t, 1000);
	CHECK(out2());
	go_to(t, 1001);
	CHECK_EQ(latched(2), 0x9999);
	fake_out(CONTROL, 1, 0xb1);
	fake_out(0x42, 1, 0);
	fake_out(0x42, 1, 0); /* 10000 */
	t = fake_now;
	go_to(t, 9999);
	CHECK_EQ(latched(2), 1);
	CHECK(!out2());
	go_to(t, 10000);
	CHECK(out2());
}

TEST(modes_6_and_7_are_2_and_3)
{
	start();
	fake_out(0x61, 1, 1);
	program(2, 6, 10);
	CHECK_EQ(status(2) & 0x0e, 2 << 1);
	program(2, 7, 10);
	CHECK_EQ(status(2) & 0x0e, 3 << 1);
}

TEST(port61)
{
	u32 toggles = 0;
	bool last;

	start();
	CHECK_EQ(fake_in(0x61, 1) & 0xcf, 0);
	fake_out(0x61, 1, 0xff);
	CHECK_EQ(fake_in(0x61, 1) & 0xcf, 0x0f); /* no parity or channel-check error */
	last = fake_in(0x61, 1) & 0x10;
	for (u32 n = 0; n < 1000; n++) {
		bool now;

		fake_advance(1000);
		now = fake_in(0x61, 1) & 0x10;
		toggles += now != last;
		last = now;
	}
	CHECK(toggles >= 65 && toggles <= 67); /* a millisecond of 15.085 us */
}

TEST(odd_accesses_are_harmless)
{
	start();
	program(0, 2, 1000);
	CHECK_EQ(fake_in(0x43, 1), 0xff); /* the control word cannot be read */
	CHECK_EQ(fake_in(0x40, 2), 0xffff);
	CHECK_EQ(fake_in(0x40, 4), 0xffffffff);
	CHECK_EQ(fake_in(0x60, 4), 0xffffffff);
	fake_out(0x40, 2, 0x1234);
	fake_out(0x61, 2, 0xffff);
	CHECK_EQ(latched(0), 1000);
}

TEST(fast_rates_are_bounded)
{
	start();
	program(0, 2, 2);
	CHECK(fake_advance(1000000000) <= 20000);
	program(0, 2, 1); /* not legal in modes 2 and 3 */
	CHECK(fake_advance(1000000000) <= 20000);
	CHECK(fake_in(0x40, 1) <= 2);
	program(0, 3, 1);
	CHECK(fake_advance(1000000000) <= 20000);
	program(0, 0, 1);
	CHECK(fake_advance(1000000000) <= 1);
}

/* Counter 2 in mode 0, counted and stopped for longer than any stream can say: count and output stay. */
TEST(state_after_ages)
{
	u8 stream[2048];
	long len;
	u32 count;

	start();
	fake_out(0x61, 1, 1);
	program(2, 0, 1000);
	fake_advance(BIT(61));
	fake_out(0x61, 1, 0);
	count = latched(2);
	fake_out(0x61, 1, 1);
	fake_out(0x61, 1, 0);
	CHECK_EQ(latched(2), count);
	fake_advance(BIT(61));
	len = fake_save(stream, sizeof(stream));
	CHECK(len > 0);
	start();
	CHECK_EQ(fake_load(stream, (size_t)len), 0);
	CHECK_EQ(latched(2), count);
	CHECK(out2());
	fake_out(0x61, 1, 1);
	fake_advance(ticks(10));
	CHECK_EQ(latched(2), (count - 10) & 0xffff);
	CHECK(out2());
}

TEST(state)
{
	u8 stream[2048];
	long len;

	start();
	fake_out(0x61, 1, 3);
	program(0, 2, 11932);
	program(1, 3, 18);
	program(2, 0, 60000);
	fake_advance(ticks(1234));
	fake_out(CONTROL, 1, 0x80); /* latch, and half of it read */
	CHECK_EQ(fake_in(0x42, 1), (60000 - 1234) & 0xff);
	len = fake_save(stream, sizeof(stream));
	CHECK(len > 0);

	/* Another VM, whose time began much later. */
	start();
	fake_advance(5000000000ULL);
	CHECK_EQ(fake_load(stream, (size_t)len), 0);
	CHECK_EQ(fake_in(0x42, 1), (60000 - 1234) >> 8);
	CHECK_EQ(read16(2), 60000 - 1234);
	CHECK_EQ(fake_in(0x61, 1) & 0x0f, 3);
	CHECK_EQ(fake_lines[0].level, true);

	u32 rises = fake_lines[0].rises;

	fake_advance(ticks(11932 - 1234) - 1000);
	CHECK_EQ(fake_lines[0].rises, rises);
	fake_advance(2000);
	CHECK_EQ(fake_lines[0].rises, rises + 1);
	fake_state_torture();
}
