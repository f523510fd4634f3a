/*
 * The 8042 keyboard controller with no keyboard attached, for what else hangs on it: the CPU's
 * reset line and the A20 gate, which is a stored bit here (A20 is never masked). With port 0x92.
 */
#include "lib/errno.h"
#include "lib/hw/i8042.h"
#include "mm/heap.h"
#include "vdev/irqline.h"
#include "vdev/vdevs.h"
#include "vm/iobus.h"
#include "vm/state.h"
#include "vm/vm.h"

enum i8042_bank { BANK_DATA, BANK_STATUS, BANK_PORT92 };

struct i8042 {
	struct vdev dev;
	u8 status;
	u8 config;
	u8 output; /* the byte that I8042_ST_OBF announces */
	u8 output_port;
	u8 command; /* waits for its data byte; 0: none */
	u8 port92;
	struct irqline line;
};

static void irq_update(struct i8042 *k)
{
	irqline_set(k->dev.vm, &k->line,
		    (k->status & I8042_ST_OBF) && (k->config & I8042_CFG_KBD_INT));
}

static void answer(struct i8042 *k, u8 byte, u8 flags)
{
	k->output = byte;
	k->status &= ~(I8042_ST_TIMEOUT | I8042_ST_AUX);
	k->status |= I8042_ST_OBF | flags;
	irq_update(k);
}

static void reset_cpu(struct i8042 *k, const char *by)
{
	vm_stop(k->dev.vm, STOP_RESET, "reset by the %s", by);
}

static void output_port_write(struct i8042 *k, u8 v)
{
	k->output_port = v;
	if (!(v & I8042_OUT_NRESET))
		reset_cpu(k, "keyboard controller's output port");
}

static void command_write(struct i8042 *k, u8 v)
{
	k->status |= I8042_ST_CMD;
	k->command = 0;
	switch (v) {
	case I8042_CMD_READ_CFG:
		answer(k, k->config, 0);
		break;
	case I8042_CMD_SELF_TEST:
		k->status |= I8042_ST_SYS;
		answer(k, I8042_SELF_TEST_OK, 0);
		break;
	case I8042_CMD_KBD_TEST:
		answer(k, I8042_TEST_OK, 0);
		break;
	case I8042_CMD_AUX_TEST:
		answer(k, I8042_TEST_CLOCK, 0); /* there is no auxiliary port */
		break;
	case I8042_CMD_KBD_DISABLE:
		k->config |= I8042_CFG_KBD_DIS;
		break;
	case I8042_CMD_KBD_ENABLE:
		k->config &= ~I8042_CFG_KBD_DIS;
		break;
	case I8042_CMD_READ_INPUT:
		answer(k, 0, 0);
		break;
	case I8042_CMD_READ_OUTPUT:
		answer(k, k->output_port, 0);
		break;
	case I8042_CMD_WRITE_CFG:
	case I8042_CMD_WRITE_OUTPUT:
	case I8042_CMD_KBD_LOOP:
	case I8042_CMD_AUX_LOOP:
	case I8042_CMD_AUX_SEND:
		k->command = v;
		break;
	default:
		if (v >= I8042_CMD_PULSE && !(v & I8042_OUT_NRESET))
			reset_cpu(k, "keyboard controller");
	}
}

static void data_write(struct i8042 *k, u8 v)
{
	u8 command = k->command;

	k->status &= ~I8042_ST_CMD;
	k->command = 0;
	switch (command) {
	case I8042_CMD_WRITE_CFG:
		/* Without an auxiliary port its clock stays disabled. */
		k->config = v | I8042_CFG_AUX_DIS;
		irq_update(k);
		break;
	case I8042_CMD_WRITE_OUTPUT:
		output_port_write(k, v);
		break;
	case I8042_CMD_KBD_LOOP:
	case I8042_CMD_AUX_LOOP:
		answer(k, v, 0);
		break;
	default:
		/* For the keyboard or the auxiliary device: nobody takes it. */
		answer(k, I8042_RESEND, I8042_ST_TIMEOUT);
	}
}

static u8 data_read(struct i8042 *k)
{
	k->status &= ~(I8042_ST_OBF | I8042_ST_TIMEOUT | I8042_ST_AUX);
	irq_update(k);
	return k->output;
}

static void port92_write(struct i8042 *k, u8 v)
{
	u8 old = k->port92;

	k->port92 = v & (PORT92_RESET | PORT92_A20);
	if (k->port92 & ~old & PORT92_RESET)
		reset_cpu(k, "fast reset port");
}

static int i8042_io(struct vdev *dev, u32 bank, struct io_access *a)
{
	struct i8042 *k = container_of(dev, struct i8042, dev);
	u8 v = (u8)a->value;

	if (a->size != 1)
		return -ENOTSUP;
	switch (bank) {
	case BANK_DATA:
		if (a->write)
			data_write(k, v);
		else
			a->value = data_read(k);
		break;
	case BANK_STATUS:
		if (a->write)
			command_write(k, v);
		else
			a->value = k->status;
		break;
	default:
		if (a->write)
			port92_write(k, v);
		else
			a->value = k->port92;
	}
	return 0;
}

static void i8042_reset(struct vdev *dev)
{
	struct i8042 *k = container_of(dev, struct i8042, dev);

	k->status = I8042_ST_SYS | I8042_ST_UNLOCK;
	k->config = I8042_CFG_SYS | I8042_CFG_AUX_DIS | I8042_CFG_XLATE;
	k->output = 0;
	k->output_port = I8042_OUT_NRESET | I8042_OUT_A20;
	k->command = 0;
	k->port92 = PORT92_A20;
	irqline_renew(&k->line);
	irq_update(k);
}

static void i8042_state(struct vdev *dev, struct state *s)
{
	struct i8042 *k = container_of(dev, struct i8042, dev);

	state_u8(s, "status", &k->status);
	state_u8(s, "config", &k->config);
	state_u8(s, "output", &k->output);
	state_u8(s, "output_port", &k->output_port);
	state_u8(s, "command", &k->command);
	state_u8(s, "port92", &k->port92);
	if (k->status & I8042_ST_IBF)
		state_reject(s, "status"); /* what is written is taken at once */
	if (k->port92 & ~(PORT92_RESET | PORT92_A20))
		state_reject(s, "port92");
	if (s->loading && !state_result(s)) {
		irqline_renew(&k->line);
		irq_update(k);
	}
}

static const struct vdev_ops i8042_ops = {
	.name = "i8042",
	.version = 1,
	.reset = i8042_reset,
	.state = i8042_state,
};

int i8042_create(struct vm *vm, const struct domain *cfg)
{
	static const u16 ports[] = {
		[BANK_DATA] = I8042_DATA_PORT,
		[BANK_STATUS] = I8042_STATUS_PORT,
		[BANK_PORT92] = PORT92,
	};
	struct i8042 *k = heap_alloc(vm->heap, sizeof(*k), 0);

	(void)cfg;
	if (!k)
		return -ENOMEM;
	k->line.gsi = I8042_KBD_IRQ;
	vdev_add(vm, &k->dev, &i8042_ops, 0, RANK_VDEV);
	for (u32 bank = 0; bank < ARRAY_LEN(ports); bank++) {
		int err = iobus_claim(vm->bus, IO_PORT, ports[bank], 1, &k->dev, i8042_io, bank);

		if (err)
			return err;
	}
	return 0;
}
