/*
 * The command response buffer interface: command and answer lie in the chip's own memory, behind its registers (TCG
 * PC Client Platform TPM Profile 1.05, 6.5.3). Addresses that it gives are checked to be there.
 */
#include "drivers/tpm_link.h"
#include "lib/errno.h"
#include "lib/hw/tpm.h"

/* Where in the registers' page a buffer of that address and size begins; 0: it is not in there. */
static u32 place(u64 address, u32 size, u32 wanted)
{
	u64 offset = address - TPM_BASE;

	if (address < TPM_BASE || offset <= TPM_CTRL_RSP_ADDR + sizeof(u32) || offset >= TPM_SIZE ||
	    size > TPM_SIZE - offset || size < wanted)
		return 0;
	return (u32)offset;
}

static u64 read64(const struct tpm_bus *bus, u32 low, u32 high)
{
	return bus->read(bus->ctx, low, 4) | (u64)bus->read(bus->ctx, high, 4) << 32;
}

static int exchange(const struct tpm_bus *bus, const u8 *command, u32 n, u8 *answer)
{
	u32 to = place(read64(bus, TPM_CTRL_CMD_LADDR, TPM_CTRL_CMD_HADDR),
		       bus->read(bus->ctx, TPM_CTRL_CMD_SIZE, 4), n);
	u32 size, room = bus->read(bus->ctx, TPM_CTRL_RSP_SIZE, 4);
	u32 from =
		place(read64(bus, TPM_CTRL_RSP_ADDR, TPM_CTRL_RSP_ADDR + 4), room, TPM_HEADER_SIZE);

	if (!to || !from)
		return -EIO;
	for (u32 i = 0; i < n; i++)
		bus->write(bus->ctx, to + i, 1, command[i]);
	bus->write(bus->ctx, TPM_CTRL_START, 4, 1);
	if (tpm_wait(bus, TPM_CTRL_START, 4, 1, 0))
		return -ETIMEDOUT;
	if (bus->read(bus->ctx, TPM_CTRL_STS, 4) & TPM_CTRL_STS_ERROR)
		return -EIO;
	for (u32 i = 0; i < TPM_HEADER_SIZE; i++)
		answer[i] = (u8)bus->read(bus->ctx, from + i, 1);
	size = tpm_answer_size(answer);
	if (!size || size > room)
		return -EIO;
	for (u32 i = TPM_HEADER_SIZE; i < size; i++)
		answer[i] = (u8)bus->read(bus->ctx, from + i, 1);
	return (int)size;
}

int tpm_crb(const struct tpm_bus *bus, const u8 *command, u32 n, u8 *answer)
{
	u32 assigned = TPM_LOC_STATE_VALID | TPM_LOC_STATE_ASSIGNED;
	int result;

	bus->write(bus->ctx, TPM_LOC_CTRL, 4, TPM_LOC_CTRL_REQUEST);
	result = tpm_wait(bus, TPM_LOC_STATE, 4, assigned, assigned);
	if (!result) {
		bus->write(bus->ctx, TPM_CTRL_REQ, 4, TPM_CTRL_REQ_READY);
		result = tpm_wait(bus, TPM_CTRL_REQ, 4, TPM_CTRL_REQ_READY, 0);
	}
	if (!result)
		result = exchange(bus, command, n, answer);
	bus->write(bus->ctx, TPM_CTRL_REQ, 4, TPM_CTRL_REQ_IDLE);
	bus->write(bus->ctx, TPM_LOC_CTRL, 4, TPM_LOC_CTRL_RELINQUISH);
	return result;
}
