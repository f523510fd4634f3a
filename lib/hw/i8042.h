/*
 * The 8042 keyboard controller as PCs have it (IBM PS/2 Hardware Interface Technical Reference,
 * "Keyboard and Auxiliary Device Controller"), and port 0x92 (ICH9 data sheet, "Fast A20 and Init").
 */
#pragma once

#include "lib/types.h"

#define I8042_DATA_PORT   0x60
#define I8042_STATUS_PORT 0x64 /* written: commands */
#define I8042_KBD_IRQ     1

/* Status */
#define I8042_ST_OBF     BIT(0) /* output buffer full: a byte can be read */
#define I8042_ST_IBF     BIT(1) /* input buffer full: do not write */
#define I8042_ST_SYS     BIT(2) /* passed its self-test */
#define I8042_ST_CMD     BIT(3) /* the last write was a command */
#define I8042_ST_UNLOCK  BIT(4) /* keyboard lock open */
#define I8042_ST_AUX     BIT(5) /* the byte comes from the auxiliary device */
#define I8042_ST_TIMEOUT BIT(6) /* the device did not answer */

/* Configuration byte */
#define I8042_CFG_KBD_INT BIT(0)
#define I8042_CFG_AUX_INT BIT(1)
#define I8042_CFG_SYS     BIT(2)
#define I8042_CFG_KBD_DIS BIT(4)
#define I8042_CFG_AUX_DIS BIT(5)
#define I8042_CFG_XLATE   BIT(6)

/* Output port */
#define I8042_OUT_NRESET BIT(0) /* 0 resets the CPU */
#define I8042_OUT_A20    BIT(1)
#define I8042_OUT_OBF    BIT(4) /* the keyboard's interrupt */

enum i8042_command {
	I8042_CMD_READ_CFG = 0x20,
	I8042_CMD_WRITE_CFG = 0x60,
	I8042_CMD_AUX_DISABLE = 0xa7,
	I8042_CMD_AUX_ENABLE = 0xa8,
	I8042_CMD_AUX_TEST = 0xa9,
	I8042_CMD_SELF_TEST = 0xaa,
	I8042_CMD_KBD_TEST = 0xab,
	I8042_CMD_KBD_DISABLE = 0xad,
	I8042_CMD_KBD_ENABLE = 0xae,
	I8042_CMD_READ_INPUT = 0xc0,
	I8042_CMD_READ_OUTPUT = 0xd0,
	I8042_CMD_WRITE_OUTPUT = 0xd1,
	I8042_CMD_KBD_LOOP = 0xd2, /* the next byte comes back as if from the keyboard */
	I8042_CMD_AUX_LOOP = 0xd3,
	I8042_CMD_AUX_SEND = 0xd4,
	I8042_CMD_PULSE = 0xf0, /* to 0xff: a 0 in bits 3..0 pulses that output line low */
};

#define I8042_SELF_TEST_OK 0x55
#define I8042_TEST_OK      0x00
#define I8042_TEST_CLOCK   0x01 /* clock line stuck low */
#define I8042_RESEND       0xfe

#define PORT92       0x92
#define PORT92_RESET BIT(0) /* 0 to 1 resets the CPU */
#define PORT92_A20   BIT(1)
