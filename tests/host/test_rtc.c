/*
 * The MC146818 as its data sheet says, and the PC's CMOS memory.
 *
 * sources: tests/host/fake_vm.c vdev/rtc.c vdev/tick.c lib/date.c vm/iobus.c vm/state.c vm/vdev.c
 * sources: core/chardev.c
 */
#include <string.h>

#include "lib/hw/rtc.h"
#include "tests/host/fake_vm.h"
#include "tests/host/harness.h"
#include "vdev/vdevs.h"

#define SECOND      1000000000ULL
#define MILLISECOND 1000000ULL

/* Thursday 2026-01-01 23:59:58 */
#define NEW_YEAR_2026 1767311998ULL

static u8 get(u8 reg)
{
	fake_out(0x70, 1, reg);
	return (u8)fake_in(0x71, 1);
}

static void set(u8 reg, u8 value)
{
	fake_out(0x70, 1, reg);
	fake_out(0x71, 1, value);
}

/* A machine whose clock shows `wall` and began a new second just now. */
static void start(u64 wall)
{
	struct vm *vm = fake_vm_new(NULL);

	fake_wall = wall;
	fake_now = 12345; /* the VM's time need not begin at 0 */
	CHECK_EQ(rtc_create(vm, &vm->cfg), 0);
	vdev_reset_all(vm);
}

static void check_time(u8 hour, u8 minute, u8 second)
{
	CHECK_EQ(get(RTC_HOURS), hour);
	CHECK_EQ(get(RTC_MINUTES), minute);
	CHECK_EQ(get(RTC_SECONDS), second);
}

static void check_date(u8 century, u8 year, u8 month, u8 day, u8 weekday)
{
	CHECK_EQ(get(RTC_CENTURY), century);
	CHECK_EQ(get(RTC_YEAR), year);
	CHECK_EQ(get(RTC_MONTH), month);
	CHECK_EQ(get(RTC_DAY), day);
	CHECK_EQ(get(RTC_WEEKDAY), weekday);
}

TEST(shows_the_wall_clock)
{
	start(NEW_YEAR_2026);
	CHECK_EQ(get(RTC_REG_B), RTC_B_24H); /* BCD, 24 hours, no interrupts */
	CHECK_EQ(get(RTC_REG_D), 0x80);
	check_time(0x23, 0x59, 0x58);
	check_date(0x20, 0x26, 0x01, 0x01, 5);
	fake_advance(SECOND - 1);
	check_time(0x23, 0x59, 0x58);
	fake_advance(1);
	check_time(0x23, 0x59, 0x59);
	fake_advance(SECOND);
	check_time(0x00, 0x00, 0x00);
	check_date(0x20, 0x26, 0x01, 0x02, 6);
	fake_advance(365 * 86400 * SECOND);
	check_date(0x20, 0x27, 0x01, 0x02, 7);
	CHECK(fake_deadline() == ~0ULL); /* a clock that nobody waits for costs nothing */
}

/* libvirt's <clock>: another offset than the host's clock, or a moment at which each start begins. */
TEST(starts_as_configured)
{
	struct domain cfg = { .clock = CLOCK_VARIABLE, .clock_s = -3 };
	struct vm *vm = fake_vm_new(&cfg);

	fake_wall = NEW_YEAR_2026;
	CHECK_EQ(rtc_create(vm, &vm->cfg), 0);
	check_time(0x23, 0x59, 0x55);
	check_date(0x20, 0x26, 0x01, 0x01, 5);
	cfg = (struct domain){ .clock = CLOCK_ABSOLUTE,
			       .clock_s = 946684799 }; /* a second before 2000 */
	vm = fake_vm_new(&cfg);
	fake_wall = NEW_YEAR_2026;
	CHECK_EQ(rtc_create(vm, &vm->cfg), 0);
	check_time(0x23, 0x59, 0x59);
	check_date(0x19, 0x99, 0x12, 0x31, 6);
	fake_advance(SECOND);
	check_date(0x20, 0x00, 0x01, 0x01, 7);
	cfg = (struct domain){ .clock = CLOCK_LOCALTIME, .clock_s = 77 };
	vm = fake_vm_new(&cfg);
	fake_wall = NEW_YEAR_2026;
	CHECK_EQ(rtc_create(vm, &vm->cfg), 0);
	check_time(0x23, 0x59, 0x58);
}

TEST(formats)
{
	start(NEW_YEAR_2026);
	set(RTC_REG_B, RTC_B_24H | RTC_B_DM);
	check_time(23, 59, 58);
	check_date(20, 26, 1, 1, 5);
	set(RTC_REG_B, 0);            /* 12 hours, BCD */
	check_time(0x91, 0x59, 0x58); /* 11 PM */
	set(RTC_REG_B, RTC_B_DM);
	check_time(0x8b, 59, 58);
	fake_advance(2 * SECOND);
	check_time(12, 0, 0); /* 12 AM is midnight */
	fake_advance(3600 * SECOND);
	check_time(1, 0, 0);
	fake_advance(11 * 3600 * SECOND);
	check_time(0x8c, 0, 0); /* 12 PM is noon */
	fake_advance(3600 * SECOND);
	check_time(0x81, 0, 0);
}

/* As Linux does: SET, divider reset, the registers, and back. */
TEST(setting_the_time)
{
	u8 a;

	start(NEW_YEAR_2026);
	fake_advance(300 * MILLISECOND);
	set(RTC_REG_B, RTC_B_24H | RTC_B_SET);
	a = get(RTC_REG_A);
	set(RTC_REG_A, a | 0x70);
	set(RTC_SECONDS, 0x56);
	set(RTC_MINUTES, 0x34);
	set(RTC_HOURS, 0x12);
	set(RTC_DAY, 0x29);
	set(RTC_MONTH, 0x02);
	set(RTC_YEAR, 0x28);
	set(RTC_CENTURY, 0x20);
	fake_advance(10 * SECOND);
	check_time(0x12, 0x34, 0x56); /* stands still */
	CHECK_EQ(get(RTC_WEEKDAY), 5);
	set(RTC_REG_B, RTC_B_24H);
	fake_advance(10 * SECOND);
	check_time(0x12, 0x34, 0x56); /* the divider still stands */
	set(RTC_REG_A, a);
	fake_advance(SECOND / 2 - 1);
	check_time(0x12, 0x34, 0x56);
	fake_advance(1); /* the first update: half a second after the divider's start */
	check_time(0x12, 0x34, 0x57);
	check_date(0x20, 0x28, 0x02, 0x29, 3); /* a Tuesday */
	fake_advance(86400 * SECOND);
	check_date(0x20, 0x28, 0x03, 0x01, 4);
}

TEST(set_keeps_the_phase)
{
	start(NEW_YEAR_2026);
	fake_advance(300 * MILLISECOND);
	set(RTC_REG_B, RTC_B_24H | RTC_B_SET);
	set(RTC_SECONDS, 0x10);
	fake_advance(100 * MILLISECOND);
	set(RTC_REG_B, RTC_B_24H);
	fake_advance(600 * MILLISECOND - 1);
	CHECK_EQ(get(RTC_SECONDS), 0x10);
	fake_advance(1);
	CHECK_EQ(get(RTC_SECONDS), 0x11);
}

TEST(setting_one_register_of_a_running_clock)
{
	start(NEW_YEAR_2026);
	set(RTC_MINUTES, 0x10);
	check_time(0x23, 0x10, 0x58);
	fake_advance(2 * SECOND);
	check_time(0x23, 0x11, 0x00);
	set(RTC_YEAR, 0x99);
	set(RTC_CENTURY, 0x19);
	check_date(0x19, 0x99, 0x01, 0x01, 6);
}

TEST(impossible_dates)
{
	start(NEW_YEAR_2026);
	set(RTC_REG_B, RTC_B_24H | RTC_B_SET);
	for (u8 reg = RTC_SECONDS; reg <= RTC_YEAR; reg++)
		set(reg, 0xff);
	set(RTC_CENTURY, 0xff);
	CHECK_EQ(get(RTC_MONTH), 0xff); /* what was written, while updates are held */
	set(RTC_REG_B, RTC_B_24H);
	check_time(0x23, 0x59, 0x59);
	check_date(0x99, 0x99, 0x12, 0x31, 6);
	fake_advance(100 * SECOND); /* the end of all years */
	check_date(0x99, 0x99, 0x12, 0x31, 6);

	set(RTC_REG_B, RTC_B_24H | RTC_B_SET);
	for (u8 reg = RTC_SECONDS; reg <= RTC_YEAR; reg++)
		set(reg, 0);
	set(RTC_CENTURY, 0);
	set(RTC_REG_B, RTC_B_24H);
	check_time(0, 0, 0);
	check_date(0, 0, 0x01, 0x01, 7);
	set(RTC_DAY, 0x31);
	set(RTC_MONTH, 0x02);
	CHECK_EQ(get(RTC_DAY), 0x29);
}

TEST(update_in_progress)
{
	start(NEW_YEAR_2026);
	CHECK(!(get(RTC_REG_A) & RTC_A_UIP));
	fake_advance(SECOND - 245000);
	CHECK(!(get(RTC_REG_A) & RTC_A_UIP));
	fake_advance(2000); /* 244 us before the update */
	CHECK(get(RTC_REG_A) & RTC_A_UIP);
	fake_advance(242999);
	CHECK(get(RTC_REG_A) & RTC_A_UIP);
	fake_advance(1);
	CHECK(!(get(RTC_REG_A) & RTC_A_UIP));
	set(RTC_REG_A, 0xa6);
	CHECK_EQ(get(RTC_REG_A), 0x26); /* read-only */
	set(RTC_REG_B, RTC_B_24H | RTC_B_SET);
	fake_advance(SECOND - 100);
	CHECK(!(get(RTC_REG_A) & RTC_A_UIP));
}

TEST(flags_without_interrupts)
{
	start(NEW_YEAR_2026);
	CHECK_EQ(get(RTC_REG_C), 0);
	fake_advance(MILLISECOND);
	CHECK_EQ(get(RTC_REG_C), RTC_C_PF); /* at 1024 Hz */
	CHECK_EQ(get(RTC_REG_C), 0);
	fake_advance(SECOND - MILLISECOND);
	CHECK_EQ(get(RTC_REG_C), RTC_C_PF | RTC_C_UF);
	CHECK_EQ(get(RTC_REG_C), 0);
	CHECK_EQ(fake_lines[8].rises, 0);
}

TEST(update_interrupt)
{
	start(NEW_YEAR_2026);
	set(RTC_REG_A, 0x20);
	set(RTC_REG_B, RTC_B_24H | RTC_B_UIE);
	fake_advance(SECOND - 1);
	CHECK(!fake_lines[8].level);
	fake_advance(1);
	CHECK(fake_lines[8].level);
	fake_advance(5 * SECOND);
	CHECK_EQ(fake_lines[8].rises, 1);                            /* held until C is read */
	CHECK_EQ(get(RTC_REG_C) & ~RTC_C_AF, RTC_C_IRQF | RTC_C_UF); /* midnight is an alarm too */
	CHECK(!fake_lines[8].level);
	fake_advance(SECOND);
	CHECK(fake_lines[8].level);
	set(RTC_REG_B, RTC_B_24H); /* switched off */
	CHECK(!fake_lines[8].level);
	set(RTC_REG_B, RTC_B_24H | RTC_B_UIE); /* the flag is still there */
	CHECK(fake_lines[8].level);
	set(RTC_REG_B, RTC_B_24H | RTC_B_UIE | RTC_B_SET);
	CHECK_EQ(get(RTC_REG_B), RTC_B_24H | RTC_B_SET); /* SET clears UIE */
	CHECK(!fake_lines[8].level);
}

TEST(periodic_interrupt)
{
	static const struct {
		u8 rate;
		u32 hz;
	} rates[] = { { 1, 256 }, { 2, 128 }, { 3, 8192 }, { 6, 1024 }, { 8, 256 }, { 15, 2 } };

	for (u32 i = 0; i < ARRAY_LEN(rates); i++) {
		u32 seen = 0;

		start(NEW_YEAR_2026);
		set(RTC_REG_A, 0x20 | rates[i].rate);
		set(RTC_REG_B, RTC_B_24H | RTC_B_PIE);
		for (u32 n = 0; n < 100000; n++) {
			fake_advance(SECOND / 100000);
			if (fake_lines[8].level) {
				CHECK_EQ(get(RTC_REG_C) & ~RTC_C_UF, RTC_C_IRQF | RTC_C_PF);
				seen++;
			}
		}
		CHECK_EQ(seen, rates[i].hz);
	}
	set(RTC_REG_A, 0x20); /* rate 0: none */
	get(RTC_REG_C);
	CHECK_EQ(fake_advance(10 * SECOND), 0);
	set(RTC_REG_A, 0x6f); /* divider held */
	CHECK_EQ(fake_advance(10 * SECOND), 0);
}

TEST(unserved_periodic_interrupt_costs_one_timer)
{
	start(NEW_YEAR_2026);
	set(RTC_REG_A, 0x23);
	set(RTC_REG_B, RTC_B_24H | RTC_B_PIE);
	CHECK_EQ(fake_advance(100 * SECOND), 1);
}

static void alarm_at(u8 hour, u8 minute, u8 second)
{
	set(RTC_HOURS_ALARM, hour);
	set(RTC_MINUTES_ALARM, minute);
	set(RTC_SECONDS_ALARM, second);
}

/* Seconds until the alarm raises its line; 0: not within two days. */
static u64 until_alarm(void)
{
	u64 from = fake_now;

	get(RTC_REG_C);
	for (u32 n = 0; n < 1000 && !fake_lines[8].level && fake_deadline() != ~0ULL; n++)
		fake_advance(fake_deadline() - fake_now);
	if (!fake_lines[8].level)
		return 0;
	CHECK_EQ(get(RTC_REG_C) & (RTC_C_IRQF | RTC_C_AF), RTC_C_IRQF | RTC_C_AF);
	CHECK_EQ((fake_now - from) % SECOND, 0);
	return (fake_now - from) / SECOND;
}

/*
 * 64 Hz, each flag read at once, but for a gap of 10 periods and a half in which the vCPU has no CPU: how many come
 * in it and in the 20 periods behind it.
 */
static u32 after_a_gap(enum tick_policy policy)
{
	struct vm *vm = fake_vm_new(NULL);
	u32 seen = 0;

	vm->cfg.ticks[TIMER_RTC] = policy;
	fake_wall = NEW_YEAR_2026;
	CHECK_EQ(rtc_create(vm, &vm->cfg), 0);
	vdev_reset_all(vm);
	set(RTC_REG_A, 0x2a);
	set(RTC_REG_B, RTC_B_24H | RTC_B_PIE);
	fake_advance(SECOND / 64 + 1000);
	CHECK(fake_lines[8].level);
	get(RTC_REG_C);
	fake_late(SECOND / 128 * 21);
	for (u32 i = 0; i < 20 * 100; i++) {
		if (fake_lines[8].level) {
			seen++;
			get(RTC_REG_C);
		}
		fake_advance(SECOND / 6400);
	}
	return seen;
}

TEST(tick_policies)
{
	CHECK_EQ(after_a_gap(TICK_CATCHUP), 30);
	CHECK_EQ(after_a_gap(TICK_MERGE), 21);
	CHECK_EQ(after_a_gap(TICK_UNSAID), 21);
	CHECK_EQ(after_a_gap(TICK_DISCARD), 20);
	CHECK_EQ(after_a_gap(TICK_DELAY), 20); /* at once, and each period from there */
}

TEST(owed_ticks_state)
{
	struct vm *vm = fake_vm_new(NULL);
	u8 stream[2048];
	u32 seen = 0;
	long len;

	vm->cfg.ticks[TIMER_RTC] = TICK_CATCHUP;
	CHECK_EQ(rtc_create(vm, &vm->cfg), 0);
	vdev_reset_all(vm);
	set(RTC_REG_A, 0x2a);
	set(RTC_REG_B, RTC_B_24H | RTC_B_PIE);
	fake_late(SECOND / 128 * 21);
	len = fake_save(stream, sizeof(stream));
	CHECK(len > 0);
	fake_advance(3 * SECOND);
	CHECK_EQ(fake_load(stream, (size_t)len), 0);
	for (u32 i = 0; i < 100; i++) {
		if (fake_lines[8].level) {
			seen++;
			get(RTC_REG_C);
		}
		fake_advance(SECOND / 6400);
	}
	CHECK_EQ(seen, 11); /* ten of the gap, one of this period */
	fake_state_torture();
}

TEST(alarm)
{
	start(NEW_YEAR_2026); /* 23:59:58 */
	set(RTC_REG_B, RTC_B_24H | RTC_B_AIE);
	alarm_at(0x00, 0x00, 0x01);
	CHECK_EQ(until_alarm(), 3);
	CHECK_EQ(until_alarm(), 86400); /* again the next day */
	alarm_at(0x00, 0x00, 0xff);     /* any second of that minute */
	CHECK_EQ(until_alarm(), 1);
	CHECK_EQ(until_alarm(), 1);
	alarm_at(0xc0, 0xc0, 0x30); /* every minute */
	CHECK_EQ(until_alarm(), 27);
	CHECK_EQ(until_alarm(), 60);
	alarm_at(0xff, 0x59, 0x30); /* every hour */
	CHECK_EQ(until_alarm(), 58 * 60);
	CHECK_EQ(until_alarm(), 3600);
	alarm_at(0x25, 0x00, 0x00); /* never */
	CHECK_EQ(until_alarm(), 0);
	alarm_at(0x12, 0x77, 0x00);
	CHECK_EQ(until_alarm(), 0);
	set(RTC_REG_B, RTC_B_24H | RTC_B_AIE | RTC_B_DM);
	alarm_at(13, 0, 0);
	CHECK_EQ(until_alarm(), 12 * 3600 - 59 * 60 - 30);
	set(RTC_REG_B, RTC_B_AIE); /* 12 hours, BCD: 2 PM */
	alarm_at(0x82, 0x00, 0x00);
	CHECK_EQ(until_alarm(), 3600);
}

TEST(alarm_flag_without_interrupt)
{
	start(NEW_YEAR_2026);
	alarm_at(0x00, 0x00, 0x10);
	fake_advance(11 * SECOND);
	CHECK(!(get(RTC_REG_C) & RTC_C_AF));
	fake_advance(100 * SECOND); /* well past it */
	CHECK(get(RTC_REG_C) & RTC_C_AF);
	fake_advance(100 * SECOND);
	CHECK(!(get(RTC_REG_C) & RTC_C_AF));
}

TEST(memory)
{
	struct vm *vm = fake_vm_new(NULL);

	fake_low_ram = 3 * GIB;
	fake_high_ram = 5 * GIB;
	CHECK_EQ(rtc_create(vm, &vm->cfg), 0);
	vdev_reset_all(vm);
	CHECK_EQ(get(0x15) | get(0x16) << 8, 640);
	CHECK_EQ(get(0x17) | get(0x18) << 8, 0xffff); /* KiB above 1 MiB, as far as they fit */
	CHECK_EQ(get(0x30) | get(0x31) << 8, 0xffff);
	CHECK_EQ(get(0x34) | get(0x35) << 8, (3 * GIB - 16 * MIB) / (64 * KIB));
	CHECK_EQ(get(0x5b) | get(0x5c) << 8 | get(0x5d) << 16, 5 * GIB / (64 * KIB));

	vm = fake_vm_new(NULL);
	fake_low_ram = 8 * MIB;
	CHECK_EQ(rtc_create(vm, &vm->cfg), 0);
	CHECK_EQ(get(0x17) | get(0x18) << 8, 7 * 1024);
	CHECK_EQ(get(0x34) | get(0x35) << 8, 0);

	set(0x0f, 0x0a); /* the shutdown byte and the rest are memory */
	set(0x7f, 0x55);
	CHECK_EQ(get(0x0f), 0x0a);
	CHECK_EQ(get(0xff), 0x55); /* bit 7 of the index masks NMIs, nothing else */
	vdev_reset_all(vm);
	CHECK_EQ(get(0x7f), 0x55); /* the battery */
}

TEST(reset_switches_interrupts_off)
{
	struct vm *vm;

	start(NEW_YEAR_2026);
	vm = fake_vm_with(rtc_create, NULL);
	set(RTC_REG_B, RTC_B_24H | RTC_B_DM | RTC_B_PIE | RTC_B_AIE | RTC_B_UIE | RTC_B_SQWE);
	fake_advance(SECOND);
	CHECK(fake_lines[8].level);
	vdev_reset_all(vm);
	CHECK(!fake_lines[8].level);
	CHECK_EQ(get(RTC_REG_B), RTC_B_24H | RTC_B_DM);
	CHECK_EQ(get(RTC_SECONDS), 1); /* the time goes on */
	CHECK(fake_deadline() == ~0ULL);
}

TEST(odd_accesses_are_harmless)
{
	start(NEW_YEAR_2026);
	CHECK_EQ(fake_in(0x70, 1), 0xff);
	CHECK_EQ(fake_in(0x70, 2), 0xffff);
	CHECK_EQ(fake_in(0x71, 2), 0xffff);
	fake_out(0x70, 2, 0x110a);
	set(RTC_REG_C, 0xff);
	set(RTC_REG_D, 0x00);
	CHECK_EQ(get(RTC_REG_C), 0);
	CHECK_EQ(get(RTC_REG_D), 0x80);
}

/* A stream that is refused changes neither time nor memory: no reset would bring them back. */
TEST(state_refused)
{
	u8 stream[1024];
	long len;

	start(NEW_YEAR_2026);
	set(0x40, 0x77);
	len = fake_save(stream, sizeof(stream));
	CHECK(len > 0);
	start(NEW_YEAR_2026);
	set(0x40, 0x11);
	fake_advance(2 * SECOND);
	CHECK(fake_load(stream, (size_t)len - 1) < 0);
	CHECK_EQ(get(0x40), 0x11);
	check_time(0, 0, 0);
	check_date(0x20, 0x26, 0x01, 0x02, 6);
}

/* The same clock saves the same, whether its registers were looked at or not. */
TEST(state_depends_on_the_clock_alone)
{
	u8 one[1024], other[1024];
	long len;

	start(NEW_YEAR_2026);
	set(RTC_REG_B, RTC_B_24H | RTC_B_PIE);
	fake_late(3 * SECOND);
	len = fake_save(one, sizeof(one));
	CHECK_EQ(fake_load(one, (size_t)len), 0);
	CHECK(fake_lines[8].level);
	CHECK_EQ(fake_save(other, sizeof(other)), len);
	CHECK(!memcmp(one, other, (size_t)len));
	CHECK_EQ(get(RTC_REG_C), RTC_C_IRQF | RTC_C_PF | RTC_C_AF | RTC_C_UF); /* midnight */
}

TEST(state)
{
	u8 stream[1024];
	long len;

	start(NEW_YEAR_2026);
	set(0x40, 0x77);
	set(RTC_REG_B, RTC_B_24H | RTC_B_UIE);
	fake_advance(SECOND + 300 * MILLISECOND);
	get(RTC_REG_C);
	len = fake_save(stream, sizeof(stream));
	CHECK(len > 0);

	start(0);
	fake_advance(100 * SECOND);
	CHECK_EQ(fake_load(stream, (size_t)len), 0);
	check_time(0x23, 0x59, 0x59);
	check_date(0x20, 0x26, 0x01, 0x01, 5);
	CHECK_EQ(get(0x40), 0x77);
	CHECK(!fake_lines[8].level);
	fake_advance(700 * MILLISECOND - 1);
	CHECK(!fake_lines[8].level);
	fake_advance(1);
	CHECK(fake_lines[8].level);
	fake_state_torture();
}
