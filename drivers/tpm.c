/*
 * TPM 2.0 commands: built as bytes, big-endian, and the answers checked.
 */
#include "drivers/tpm.h"

#include "core/clock.h"
#include "core/host.h"
#include "drivers/tpm_link.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/hw/tpm.h"
#include "lib/string.h"
#include "mm/kmap.h"

#define PATIENCE_NS  5000000000ULL /* for any step: the profile's longest is 2 s */
#define NO_AUTH_SIZE 9u            /* of a session by an empty password */

struct message {
	u8 bytes[TPM_MESSAGE_MAX];
	u32 size;
};

static struct tpm_bus bus;
static int (*send)(const struct tpm_bus *bus, const u8 *command, u32 n, u8 *answer);

static u32 mmio_read(void *ctx, u32 offset, u32 width)
{
	volatile u8 *at = (u8 *)ctx + offset;

	return width == 1 ? *at : *(volatile u32 *)at;
}

static void mmio_write(void *ctx, u32 offset, u32 width, u32 value)
{
	volatile u8 *at = (u8 *)ctx + offset;

	if (width == 1)
		*at = (u8)value;
	else
		*(volatile u32 *)at = value;
}

int tpm_wait(const struct tpm_bus *b, u32 offset, u32 width, u32 mask, u32 value)
{
	u64 end = clock_ns() + PATIENCE_NS;

	while ((b->read(b->ctx, offset, width) & mask) != value) {
		if (clock_ns() > end)
			return -ETIMEDOUT;
		cpu_relax();
	}
	return 0;
}

u32 tpm_wait_any(const struct tpm_bus *b, u32 offset, u32 width, u32 mask)
{
	u64 end = clock_ns() + PATIENCE_NS;
	u32 value;

	while (!(value = b->read(b->ctx, offset, width) & mask)) {
		if (clock_ns() > end)
			break;
		cpu_relax();
	}
	return value;
}

int tpm_init(const struct tpm_bus *other)
{
	if (host.tpm == HOST_TPM_NONE)
		return -ENODEV;
	send = host.tpm == HOST_TPM_FIFO ? tpm_fifo : tpm_crb;
	bus = (struct tpm_bus){ .read = mmio_read, .write = mmio_write };
	if (other)
		bus = *other;
	else
		bus.ctx = kmap_mmio(PADDR(TPM_BASE), TPM_SIZE);
	/* Where there is no chip all bits read as ones. */
	if ((other || bus.ctx) && bus.read(bus.ctx, TPM_ACCESS, 1) != 0xff)
		return 0;
	send = NULL;
	return -ENODEV;
}

static void put(struct message *m, u32 value, u32 width)
{
	while (width--)
		m->bytes[m->size++] = (u8)(value >> (8 * width));
}

static void begin(struct message *m, u32 tag, u32 code)
{
	m->size = 0;
	put(m, tag, 2);
	put(m, 0, 4); /* the size, by call() */
	put(m, code, 4);
}

/* Sends it and takes the answer, whose code must be success. */
static int call(struct message *m, struct message *answer)
{
	u32 size = m->size;
	int n;

	if (!send)
		return -ENODEV;
	m->size = 2;
	put(m, size, 4);
	n = send(&bus, m->bytes, size, answer->bytes);
	if (n < 0)
		return n;
	answer->size = (u32)n;
	return tpm_get32(answer->bytes + 6) ? -EIO : 0;
}

int tpm_extend(u32 pcr, const u8 digest[SHA256_SIZE])
{
	struct message m, answer;

	begin(&m, TPM_ST_SESSIONS, TPM_CC_PCR_EXTEND);
	put(&m, pcr, 4);
	put(&m, NO_AUTH_SIZE, 4);
	put(&m, TPM_RS_PW, 4);
	put(&m, 0, 2); /* nonce */
	put(&m, 0, 1); /* attributes */
	put(&m, 0, 2); /* password */
	put(&m, 1, 4); /* digests */
	put(&m, TPM_ALG_SHA256, 2);
	memcpy(m.bytes + m.size, digest, SHA256_SIZE);
	m.size += SHA256_SIZE;
	return call(&m, &answer);
}

int tpm_random(u8 *out, size_t n)
{
	struct message m, answer;
	size_t got;
	int err;

	begin(&m, TPM_ST_NO_SESSIONS, TPM_CC_GET_RANDOM);
	put(&m, (u32)MIN(n, (size_t)TPM_RANDOM_MAX), 2);
	err = call(&m, &answer);
	if (err)
		return err;
	if (answer.size < TPM_HEADER_SIZE + 2)
		return -EIO;
	got = (size_t)answer.bytes[TPM_HEADER_SIZE] << 8 | answer.bytes[TPM_HEADER_SIZE + 1];
	if (got > n || got > answer.size - TPM_HEADER_SIZE - 2)
		return -EIO;
	memcpy(out, answer.bytes + TPM_HEADER_SIZE + 2, got);
	return (int)got;
}
