/*
 * ACPI fixed hardware: PM1 events and control, the PM timer.
 *
 * sources: tests/host/fake_vm.c vdev/acpi_pm.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 */
#include "lib/hw/acpi.h"
#include "tests/host/fake_vm.h"
#include "tests/host/harness.h"
#include "vdev/vdevs.h"

#define STATUS  0x600
#define ENABLE  0x602
#define CONTROL 0x604
#define TIMER   0x608
#define SCI     9

#define SECOND 1000000000ULL

static struct vm *vm;

static void start(void)
{
	vm = fake_vm_with(acpi_pm_create, NULL);
}

TEST(not_there_without_acpi)
{
	struct domain cfg = { .vcpus = 1 };

	fake_vm_with(acpi_pm_create, &cfg);
	CHECK_EQ(fake_in(STATUS, 2), 0xffff);
	CHECK_EQ(fake_in(TIMER, 4), 0xffffffff);
	fake_out(CONTROL, 2, ACPI_PM1_SLP_EN);
	CHECK_EQ(fake_stops, 0);
}

TEST(pm_timer)
{
	u64 first;

	start();
	first = fake_in(TIMER, 4);
	fake_advance(SECOND);
	CHECK_EQ(fake_in(TIMER, 4) - first, 3579545);
	fake_advance(999 * SECOND);
	CHECK_EQ(fake_in(TIMER, 4) - first, 3579545000ULL);
	fake_advance(1000 * SECOND); /* wraps at 32 bits */
	CHECK_EQ(fake_in(TIMER, 4), (u32)(first + 7159090000ULL));
	CHECK_EQ(fake_in(TIMER, 2), (u16)(first + 7159090000ULL));
	CHECK_EQ(fake_in(TIMER + 3, 1), (u8)((first + 7159090000ULL) >> 24));
	fake_out(TIMER, 4, 0);
	CHECK_EQ(fake_in(TIMER, 4), (u32)(first + 7159090000ULL));
	CHECK_EQ(fake_deadline(), ~0ULL);
}

TEST(timer_carry)
{
	u64 half = (BIT(31) * SECOND + 3579544) / 3579545; /* the highest bit changes then */

	start();
	fake_advance(half - 1000);
	CHECK_EQ(fake_in(STATUS, 2), 0);
	fake_advance(1000);
	CHECK_EQ(fake_in(STATUS, 2), ACPI_PM1_TMR_STS);
	CHECK(!fake_lines[SCI].level);
	fake_out(STATUS, 2, ACPI_PM1_TMR_STS);
	CHECK_EQ(fake_in(STATUS, 2), 0);

	fake_out(ENABLE, 2, ACPI_PM1_TMR_STS);
	CHECK_EQ(fake_advance(half - 1000), 0);
	CHECK(!fake_lines[SCI].level);
	CHECK_EQ(fake_advance(2000), 1);
	CHECK(fake_lines[SCI].level);
	fake_out(STATUS, 2, ACPI_PM1_TMR_STS);
	CHECK(!fake_lines[SCI].level);
	CHECK_EQ(fake_advance(10 * half), 1); /* unserved, it fires once */
}

TEST(power_button)
{
	start();
	CHECK_EQ(fake_in(CONTROL, 2), ACPI_PM1_SCI_EN);
	vdev_power_button(vm);
	CHECK_EQ(fake_in(STATUS, 2), ACPI_PM1_PWRBTN_STS);
	CHECK(!fake_lines[SCI].level);
	fake_out(ENABLE, 2, 0xffff);
	CHECK_EQ(fake_in(ENABLE, 2), 0x0721); /* TMR GBL PWRBTN SLPBTN RTC */
	CHECK(fake_lines[SCI].level);
	fake_out(STATUS, 2, ACPI_PM1_SLPBTN_STS); /* another bit */
	CHECK(fake_lines[SCI].level);
	fake_out(STATUS, 2, ACPI_PM1_PWRBTN_STS);
	CHECK(!fake_lines[SCI].level);
	CHECK_EQ(fake_in(STATUS, 2), 0);
	vdev_power_button(vm);
	CHECK(fake_lines[SCI].level);
	fake_out(ENABLE, 2, 0);
	CHECK(!fake_lines[SCI].level);
}

TEST(byte_and_dword_accesses)
{
	start();
	vdev_power_button(vm);
	fake_out(ENABLE + 1, 1, 0x01);
	CHECK_EQ(fake_in(ENABLE, 2), 0x100);
	CHECK_EQ(fake_in(STATUS, 4), 0x01000100);
	CHECK_EQ(fake_in(STATUS + 1, 1), 0x01);
	CHECK_EQ(fake_in(STATUS + 1, 2), 0x0001);
	CHECK(fake_lines[SCI].level);
	fake_out(STATUS, 1, 0xff); /* not the byte with the bit */
	CHECK_EQ(fake_in(STATUS, 2), 0x100);
	fake_out(STATUS, 4, 0x00010100); /* clears the status, sets the enable register */
	CHECK_EQ(fake_in(STATUS, 4), 0x00010000);
	CHECK_EQ(fake_in(CONTROL, 4), ACPI_PM1_SCI_EN);
	CHECK_EQ(fake_in(STATUS, 8), ~0ULL);
	fake_out(STATUS, 8, ~0ULL);
	CHECK_EQ(fake_in(ENABLE, 2), 1);
	CHECK_EQ(fake_stops, 0);
}

TEST(control_and_power_off)
{
	start();
	fake_out(CONTROL, 2, 0);
	CHECK_EQ(fake_in(CONTROL, 2), ACPI_PM1_SCI_EN); /* ACPI mode cannot be left */
	fake_out(CONTROL, 2, 5 << 10 | ACPI_PM1_BM_RLD | ACPI_PM1_GBL_RLS);
	CHECK_EQ(fake_in(CONTROL, 2), 5 << 10 | ACPI_PM1_BM_RLD | ACPI_PM1_SCI_EN);
	CHECK_EQ(fake_stops, 0);
	fake_out(CONTROL, 2, 5 << 10 | ACPI_PM1_SLP_EN); /* a sleep state that is not offered */
	CHECK_EQ(fake_stops, 0);
	CHECK(!(fake_in(CONTROL, 2) & ACPI_PM1_SLP_EN));
	fake_out(CONTROL, 2, ACPI_PM1_SLP_EN); /* S5's type is 0 */
	CHECK_EQ(fake_stops, 1);
	CHECK_EQ(fake_stop_reason, STOP_POWEROFF);

	start();
	fake_out(CONTROL + 1, 1, ACPI_PM1_SLP_EN >> 8); /* by the high byte alone */
	CHECK_EQ(fake_stop_reason, STOP_POWEROFF);
}

TEST(state)
{
	u8 stream[512];
	long len;
	u64 ticks;

	start();
	fake_out(ENABLE, 2, ACPI_PM1_PWRBTN_STS);
	vdev_power_button(vm);
	fake_advance(700 * SECOND); /* a carry has come: TMR_STS */
	ticks = fake_in(TIMER, 4);
	len = fake_save(stream, sizeof(stream));
	CHECK(len > 0);

	start();
	fake_advance(12345 * SECOND);
	CHECK_EQ(fake_load(stream, (size_t)len), 0);
	CHECK_EQ(fake_in(TIMER, 4), ticks);
	CHECK_EQ(fake_in(STATUS, 2), ACPI_PM1_PWRBTN_STS | ACPI_PM1_TMR_STS);
	CHECK_EQ(fake_in(ENABLE, 2), ACPI_PM1_PWRBTN_STS);
	CHECK(fake_lines[SCI].level);
	fake_state_torture();
}
