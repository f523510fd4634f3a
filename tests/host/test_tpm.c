/*
 * TPM commands over both interfaces, with chips that do as they should, that give their bytes slowly, and that do not.
 *
 * sources: drivers/tpm.c drivers/tpm_fifo.c drivers/tpm_crb.c lib/string.c
 */
#include <string.h>

#include "core/clock.h"
#include "core/host.h"
#include "drivers/tpm.h"
#include "drivers/tpm_link.h"
#include "lib/errno.h"
#include "lib/hw/tpm.h"
#include "mm/kmap.h"
#include "tests/host/harness.h"

#define BUFFER 0x80u

struct host host;

static struct {
	u8 in[TPM_MESSAGE_MAX], out[1024];
	u32 in_len, out_len, out_at;
	u8 crb[TPM_SIZE];
	bool active, ready, going, mute, no_expect, no_burst;
	u32 burst;  /* bytes that it takes at a time */
	u32 pauses; /* so often it has room for none first, each time it had some */
	u32 paused;
	u32 bad_place; /* added to the answer buffer's address */
	u32 relinquished, ended;
	u64 now;
} chip;

u64 clock_ns(void)
{
	return chip.now += 1000000;
}

void *kmap_mmio(paddr_t pa, u64 len)
{
	CHECK(pa.v == TPM_BASE && len == TPM_SIZE);
	return NULL;
}

static void answer(u32 size, u32 code, const u8 *rest, u32 n)
{
	u8 head[TPM_HEADER_SIZE] = { 0x80,
				     1,
				     (u8)(size >> 24),
				     (u8)(size >> 16),
				     (u8)(size >> 8),
				     (u8)size,
				     (u8)(code >> 24),
				     (u8)(code >> 16),
				     (u8)(code >> 8),
				     (u8)code };

	memcpy(chip.out, head, sizeof(head));
	if (n)
		memcpy(chip.out + sizeof(head), rest, n);
	chip.out_len = TPM_HEADER_SIZE + n;
	chip.out_at = 0;
}

static u32 fifo_read(void *ctx, u32 offset, u32 width)
{
	u32 status = TPM_STS_VALID;
	bool whole = chip.in_len >= 6 && chip.in_len >= tpm_get32(chip.in + 2);

	(void)ctx;
	if (offset == TPM_ACCESS) {
		CHECK_EQ(width, 1);
		return TPM_ACCESS_VALID | (chip.active ? TPM_ACCESS_ACTIVE : 0);
	}
	if (offset == TPM_DATA_FIFO) {
		CHECK(chip.going && chip.out_at < chip.out_len);
		return chip.out[chip.out_at++];
	}
	CHECK_EQ(offset, TPM_STS);
	status |= chip.ready && !chip.in_len ? TPM_STS_COMMAND_READY : 0;
	status |= chip.ready && !whole && !chip.no_expect ? TPM_STS_EXPECT : 0;
	status |=
		chip.going && chip.out_at < chip.out_len && !chip.mute ? TPM_STS_DATA_AVAILABLE : 0;
	if (chip.paused++ < chip.pauses || chip.no_burst)
		return status;
	chip.paused = 0;
	return status | chip.burst << TPM_STS_BURST_SHIFT;
}

static void fifo_write(void *ctx, u32 offset, u32 width, u32 value)
{
	(void)ctx;
	if (offset == TPM_ACCESS) {
		CHECK_EQ(width, 1);
		chip.active = value & TPM_ACCESS_REQUEST && !chip.mute;
		chip.relinquished += value == TPM_ACCESS_ACTIVE;
	} else if (offset == TPM_DATA_FIFO) {
		CHECK(chip.active && chip.ready && chip.in_len < sizeof(chip.in));
		chip.in[chip.in_len++] = (u8)value;
	} else if (value == TPM_STS_GO) {
		chip.going = true;
		chip.out_at = 0;
	} else {
		CHECK_EQ(value, TPM_STS_COMMAND_READY);
		chip.ready = true;
		chip.ended += chip.going;
		chip.in_len = chip.going ? chip.in_len : 0;
		chip.going = false;
	}
}

static u32 crb_read(void *ctx, u32 offset, u32 width)
{
	u32 value;

	(void)ctx;
	CHECK(offset + width <= TPM_SIZE);
	switch (offset) {
	case TPM_ACCESS: /* the same offset as TPM_LOC_STATE */
		return TPM_LOC_STATE_VALID | (chip.active ? TPM_LOC_STATE_ASSIGNED : 0);
	case TPM_CTRL_CMD_SIZE:
	case TPM_CTRL_RSP_SIZE:
		return TPM_SIZE - BUFFER;
	case TPM_CTRL_CMD_LADDR:
		return TPM_BASE + BUFFER;
	case TPM_CTRL_RSP_ADDR:
		return TPM_BASE + BUFFER + chip.bad_place;
	case TPM_CTRL_START:
		return chip.mute;
	}
	if (offset < BUFFER) {
		CHECK_EQ(width, 4); /* a register, no byte of an answer */
		return 0;
	}
	memcpy(&value, chip.crb + offset, sizeof(value));
	return width == 1 ? chip.crb[offset] : value;
}

static void crb_write(void *ctx, u32 offset, u32 width, u32 value)
{
	(void)ctx;
	CHECK(offset + width <= TPM_SIZE);
	if (offset == TPM_LOC_CTRL) {
		chip.active = value == TPM_LOC_CTRL_REQUEST;
		chip.relinquished += value == TPM_LOC_CTRL_RELINQUISH;
	} else if (offset == TPM_CTRL_REQ) {
		chip.ended += value == TPM_CTRL_REQ_IDLE;
	} else if (offset == TPM_CTRL_START) {
		memcpy(chip.in, chip.crb + BUFFER, sizeof(chip.in));
		chip.in_len = tpm_get32(chip.in + 2);
		memcpy(chip.crb + BUFFER, chip.out, chip.out_len);
	} else {
		CHECK(chip.active && offset >= BUFFER && width == 1);
		chip.crb[offset] = (u8)value;
	}
}

static void open_chip(enum host_tpm kind)
{
	struct tpm_bus bus = { .read = kind == HOST_TPM_FIFO ? fifo_read : crb_read,
			       .write = kind == HOST_TPM_FIFO ? fifo_write : crb_write };

	memset(&chip, 0, sizeof(chip));
	chip.burst = 3;
	host.tpm = kind;
	answer(TPM_HEADER_SIZE, 0, NULL, 0);
	CHECK_EQ(tpm_init(&bus), 0);
}

static const u8 digest[SHA256_SIZE] = { 1, 2, 3, [31] = 32 };
static const enum host_tpm kinds[] = { HOST_TPM_FIFO, HOST_TPM_CRB };

TEST(extends)
{
	static const u8 wanted[] = { 0x80, 2,    0, 0, 0, 65, 0, 0, 1, 0x82, 0, 0, 0, 11, 0, 0,   0,
				     9,    0x40, 0, 0, 9, 0,  0, 0, 0, 0,    0, 0, 0, 1,  0, 0x0b };

	for (u32 i = 0; i < ARRAY_LEN(kinds); i++) {
		open_chip(kinds[i]);
		CHECK_EQ(tpm_extend(11, digest), 0);
		CHECK_EQ(chip.in_len, 65);
		CHECK(!memcmp(chip.in, wanted, sizeof(wanted)));
		CHECK(!memcmp(chip.in + sizeof(wanted), digest, sizeof(digest)));
		CHECK_EQ(chip.relinquished, 1);
		CHECK_EQ(chip.ended, 1);
		CHECK(!chip.active);
	}
}

TEST(gives_random_bytes)
{
	static const u8 bytes[] = { 0, 4, 0xde, 0xad, 0xbe, 0xef };
	u8 out[8] = { 0 };

	for (u32 i = 0; i < ARRAY_LEN(kinds); i++) {
		open_chip(kinds[i]);
		answer(16, 0, bytes, 6);
		CHECK_EQ(tpm_random(out, sizeof(out)), 4);
		CHECK(!memcmp(out, bytes + 2, 4) && !out[4]);
		CHECK_EQ(chip.in[11], 8);
		/* More than was asked for, or than the answer has. */
		CHECK_EQ(tpm_random(out, 3), -EIO);
		answer(15, 0, bytes, 5);
		CHECK_EQ(tpm_random(out, sizeof(out)), -EIO);
		answer(11, 0, bytes, 1);
		CHECK_EQ(tpm_random(out, sizeof(out)), -EIO);
	}
}

TEST(refusals_and_bad_lengths)
{
	static const u32 lengths[] = { 0, 9, TPM_MESSAGE_MAX + 1, 0xffffffff };

	for (u32 i = 0; i < ARRAY_LEN(kinds); i++) {
		open_chip(kinds[i]);
		answer(TPM_HEADER_SIZE, 0x101, NULL, 0);
		CHECK_EQ(tpm_extend(0, digest), -EIO);
		for (u32 k = 0; k < ARRAY_LEN(lengths); k++) {
			open_chip(kinds[i]);
			answer(lengths[k], 0, NULL, 0);
			CHECK_EQ(tpm_extend(0, digest), -EIO);
			CHECK_EQ(chip.relinquished, 1);
		}
	}
}

TEST(chips_that_do_not_go_on)
{
	for (u32 i = 0; i < ARRAY_LEN(kinds); i++) {
		open_chip(kinds[i]);
		chip.mute = true;
		CHECK_EQ(tpm_extend(0, digest), -ETIMEDOUT);
		CHECK_EQ(chip.relinquished, 1);
	}
	open_chip(HOST_TPM_FIFO);
	chip.no_expect = true;
	CHECK_EQ(tpm_extend(0, digest), -ETIMEDOUT);
	open_chip(HOST_TPM_FIFO);
	chip.no_burst = true;
	CHECK_EQ(tpm_extend(0, digest), -ETIMEDOUT);
}

TEST(a_chip_that_takes_its_time)
{
	open_chip(HOST_TPM_FIFO);
	chip.pauses = 20;
	CHECK_EQ(tpm_extend(0, digest), 0);
}

TEST(buffers_elsewhere)
{
	static const u32 places[] = { 0x10000000, TPM_SIZE, 0xffffff00, (u32)-0x80 };

	for (u32 i = 0; i < ARRAY_LEN(places); i++) {
		open_chip(HOST_TPM_CRB);
		chip.bad_place = places[i];
		CHECK_EQ(tpm_extend(0, digest), -EIO);
	}
}

TEST(none)
{
	host.tpm = HOST_TPM_NONE;
	CHECK_EQ(tpm_init(NULL), -ENODEV);
	host.tpm = HOST_TPM_FIFO;
	CHECK_EQ(tpm_init(NULL), -ENODEV); /* it cannot be mapped */
	CHECK_EQ(tpm_extend(0, digest), -ENODEV);
}
