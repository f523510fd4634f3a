/*
 * The keyboard controller without a keyboard.
 *
 * sources: tests/host/fake_vm.c vdev/i8042.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 */
#include "lib/hw/i8042.h"
#include "tests/host/fake_vm.h"
#include "tests/host/harness.h"
#include "vdev/vdevs.h"

static struct vm *vm;

static void start(void)
{
	vm = fake_vm_with(i8042_create, NULL);
}

static u8 status(void)
{
	return (u8)fake_in(0x64, 1);
}

static void command(u8 v)
{
	fake_out(0x64, 1, v);
}

static void data(u8 v)
{
	fake_out(0x60, 1, v);
}

/* The answer that must wait; 0x100: none does. */
static u32 reply(void)
{
	return status() & I8042_ST_OBF ? (u32)fake_in(0x60, 1) : 0x100;
}

TEST(idle)
{
	start();
	CHECK_EQ(status(), I8042_ST_SYS | I8042_ST_UNLOCK);
	CHECK_EQ(reply(), 0x100);
	fake_in(0x60, 1); /* what Linux does to flush: ends at once */
	CHECK_EQ(status(), I8042_ST_SYS | I8042_ST_UNLOCK);
}

TEST(tests_and_configuration)
{
	start();
	command(I8042_CMD_SELF_TEST);
	CHECK(status() & I8042_ST_CMD);
	CHECK_EQ(reply(), 0x55);
	CHECK_EQ(reply(), 0x100);
	command(I8042_CMD_KBD_TEST);
	CHECK_EQ(reply(), 0x00);
	command(I8042_CMD_WRITE_CFG);
	data(0x47);
	CHECK(!(status() & I8042_ST_CMD));
	command(I8042_CMD_READ_CFG);
	CHECK_EQ(reply(), 0x47 | I8042_CFG_AUX_DIS); /* there is no auxiliary port to enable */
	command(I8042_CMD_KBD_DISABLE);
	command(I8042_CMD_READ_CFG);
	CHECK_EQ(reply(), 0x47 | I8042_CFG_AUX_DIS | I8042_CFG_KBD_DIS);
	command(I8042_CMD_KBD_ENABLE);
	command(I8042_CMD_READ_CFG);
	CHECK_EQ(reply(), 0x47 | I8042_CFG_AUX_DIS);
}

/* Linux's search for a mouse: the loop answers, but not from the auxiliary port; its test fails. */
TEST(no_auxiliary_port)
{
	start();
	command(I8042_CMD_AUX_LOOP);
	data(0x5a);
	CHECK(status() & I8042_ST_OBF);
	CHECK(!(status() & I8042_ST_AUX));
	CHECK_EQ(reply(), 0x5a);
	command(I8042_CMD_AUX_TEST);
	CHECK_EQ(reply(), 0x01);
	command(I8042_CMD_AUX_ENABLE);
	command(I8042_CMD_READ_CFG);
	CHECK(reply() & I8042_CFG_AUX_DIS);
	command(I8042_CMD_AUX_SEND);
	data(0xff);
	CHECK(status() & I8042_ST_TIMEOUT);
	CHECK_EQ(reply(), 0xfe);
}

TEST(no_keyboard)
{
	start();
	data(0xf2); /* identify */
	CHECK(status() & I8042_ST_TIMEOUT);
	CHECK_EQ(reply(), 0xfe);
	CHECK(!(status() & I8042_ST_TIMEOUT));
	CHECK_EQ(fake_lines[1].rises, 0);

	command(I8042_CMD_WRITE_CFG);
	data(I8042_CFG_KBD_INT);
	data(0xf2);
	CHECK(fake_lines[1].level);
	CHECK_EQ(reply(), 0xfe);
	CHECK(!fake_lines[1].level);
	command(I8042_CMD_KBD_LOOP);
	data(0x1c);
	CHECK(fake_lines[1].level);
	CHECK_EQ(reply(), 0x1c);
	CHECK_EQ(fake_lines[1].rises, 2);
}

TEST(reset_lines)
{
	start();
	command(0xfe);
	CHECK_EQ(fake_stops, 1);
	CHECK_EQ(fake_stop_reason, STOP_RESET);

	start();
	command(0xf0); /* pulses all lines */
	CHECK_EQ(fake_stops, 1);

	start();
	command(0xff); /* pulses none */
	command(0xfd); /* A20 only */
	command(0xe0);
	CHECK_EQ(fake_stops, 0);

	command(I8042_CMD_WRITE_OUTPUT);
	data(0xdf); /* A20 on, as HIMEM does */
	CHECK_EQ(fake_stops, 0);
	command(I8042_CMD_READ_OUTPUT);
	CHECK_EQ(reply(), 0xdf);
	command(I8042_CMD_WRITE_OUTPUT);
	data(0xfe);
	CHECK_EQ(fake_stops, 1);
	CHECK_EQ(fake_stop_reason, STOP_RESET);
}

TEST(a_command_drops_the_one_that_waits)
{
	start();
	command(I8042_CMD_WRITE_OUTPUT);
	command(I8042_CMD_READ_CFG);
	reply();
	data(0x00); /* for the keyboard, no longer for the output port */
	CHECK_EQ(fake_stops, 0);
	CHECK_EQ(reply(), 0xfe);
}

TEST(port92)
{
	start();
	CHECK_EQ(fake_in(0x92, 1), 0x02);
	fake_out(0x92, 1, 0x00);
	CHECK_EQ(fake_in(0x92, 1), 0x00);
	fake_out(0x92, 1, 0xfe);
	CHECK_EQ(fake_in(0x92, 1), 0x02);
	CHECK_EQ(fake_stops, 0);
	fake_out(0x92, 1, 0x03);
	CHECK_EQ(fake_stops, 1);
	CHECK_EQ(fake_stop_reason, STOP_RESET);
}

TEST(odd_accesses_are_harmless)
{
	start();
	CHECK_EQ(fake_in(0x60, 2), 0xffff);
	CHECK_EQ(fake_in(0x64, 4), 0xffffffff);
	fake_out(0x64, 2, 0xfefe);
	fake_out(0x92, 2, 0xffff);
	CHECK_EQ(fake_stops, 0);
	for (u32 v = 0; v < 0xf0; v++) {
		start();
		command((u8)v);
		CHECK_EQ(fake_stops, 0);
		CHECK(!(status() & I8042_ST_IBF)); /* never keeps anyone waiting */
	}
}

TEST(state)
{
	u8 stream[512];
	long len;

	start();
	command(I8042_CMD_WRITE_CFG);
	data(0x45);
	data(0xf2);
	command(I8042_CMD_WRITE_CFG);
	len = fake_save(stream, sizeof(stream));
	CHECK(len > 0);
	start();
	CHECK_EQ(fake_load(stream, (size_t)len), 0);
	CHECK(fake_lines[1].level);
	CHECK_EQ(reply(), 0xfe);
	data(0x44); /* still belongs to the command */
	command(I8042_CMD_READ_CFG);
	CHECK_EQ(reply(), 0x44 | I8042_CFG_AUX_DIS);
	fake_state_torture();
}
