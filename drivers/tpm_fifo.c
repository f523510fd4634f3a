/*
 * The FIFO interface: bytes through one register, as many at a time as the chip has room for (TCG PC Client
 * Platform TPM Profile 1.05, 6.5.2).
 */
#include "drivers/tpm_link.h"
#include "lib/errno.h"
#include "lib/hw/tpm.h"

/* How many bytes may be moved now, at least one. -ETIMEDOUT */
static int burst(const struct tpm_bus *bus)
{
	u32 count = tpm_wait_any(bus, TPM_STS, 4, TPM_STS_BURST_MASK << TPM_STS_BURST_SHIFT);

	return count ? (int)(count >> TPM_STS_BURST_SHIFT) : -ETIMEDOUT;
}

/* The chip expects more until the last byte, and nothing behind it. */
static int send(const struct tpm_bus *bus, const u8 *command, u32 n)
{
	u32 expect = TPM_STS_VALID | TPM_STS_EXPECT;
	int room = 0, err;

	for (u32 i = 0; i < n; i++, room--) {
		if (!room)
			room = burst(bus);
		if (room < 0)
			return room;
		if (i == n - 1) {
			err = tpm_wait(bus, TPM_STS, 4, expect, expect);
			if (err)
				return err;
		}
		bus->write(bus->ctx, TPM_DATA_FIFO, 1, command[i]);
	}
	return tpm_wait(bus, TPM_STS, 4, expect, TPM_STS_VALID);
}

static int receive(const struct tpm_bus *bus, u8 *answer, u32 from, u32 to)
{
	u32 ready = TPM_STS_VALID | TPM_STS_DATA_AVAILABLE;
	int there = 0;

	for (u32 i = from; i < to; i++, there--) {
		if (!there) {
			int err = tpm_wait(bus, TPM_STS, 4, ready, ready);

			if (err)
				return err;
			there = burst(bus);
		}
		if (there < 0)
			return there;
		answer[i] = (u8)bus->read(bus->ctx, TPM_DATA_FIFO, 1);
	}
	return 0;
}

static int exchange(const struct tpm_bus *bus, const u8 *command, u32 n, u8 *answer)
{
	u32 size;
	int err;

	bus->write(bus->ctx, TPM_STS, 4, TPM_STS_COMMAND_READY);
	err = tpm_wait(bus, TPM_STS, 4, TPM_STS_COMMAND_READY, TPM_STS_COMMAND_READY);
	if (!err)
		err = send(bus, command, n);
	if (err)
		return err;
	bus->write(bus->ctx, TPM_STS, 4, TPM_STS_GO);
	err = receive(bus, answer, 0, TPM_HEADER_SIZE);
	if (err)
		return err;
	size = tpm_answer_size(answer);
	if (!size)
		return -EIO;
	err = receive(bus, answer, TPM_HEADER_SIZE, size);
	return err ? err : (int)size;
}

int tpm_fifo(const struct tpm_bus *bus, const u8 *command, u32 n, u8 *answer)
{
	u32 active = TPM_ACCESS_VALID | TPM_ACCESS_ACTIVE;
	int result;

	bus->write(bus->ctx, TPM_ACCESS, 1, TPM_ACCESS_REQUEST);
	result = tpm_wait(bus, TPM_ACCESS, 1, active, active);
	if (!result)
		result = exchange(bus, command, n, answer);
	bus->write(bus->ctx, TPM_STS, 4, TPM_STS_COMMAND_READY); /* ends whatever it does */
	bus->write(bus->ctx, TPM_ACCESS, 1, TPM_ACCESS_ACTIVE);
	return result;
}
