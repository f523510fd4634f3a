/*
 * What drivers do with the devices of a machine that is fuzzed, as steps: where its seeds begin.
 */
#include "tests/host/machine.h"

#define APIC   0xfee00000u
#define IOAPIC 0xfec00000u

struct action {
	u64 address; /* or a step without an address */
	u8 size;     /* 0: such a step */
	bool read;
	u32 value;
};

#define OUT(port, v)                                                                               \
	{                                                                                          \
		.address = (port), .size = 1, .value = (v)                                         \
	}
#define IN(port)                                                                                   \
	{                                                                                          \
		.address = (port), .size = 1, .read = true                                         \
	}
#define W16(port, v)                                                                               \
	{                                                                                          \
		.address = (port), .size = 2, .value = (v)                                         \
	}
#define W32(at, v)                                                                                 \
	{                                                                                          \
		.address = (at), .size = 4, .value = (v)                                           \
	}
#define R32(at)                                                                                    \
	{                                                                                          \
		.address = (at), .size = 4, .read = true                                           \
	}
#define ENTRY(r, v)  W32(IOAPIC, (r)), W32(IOAPIC + 0x10, (v))
#define CMOS(r, v)   OUT(0x70, (r)), OUT(0x71, (v))
#define CMOS_READ(r) OUT(0x70, (r)), IN(0x71)
#define STEP(kind, v)                                                                              \
	{                                                                                          \
		.address = (kind), .value = (v)                                                    \
	}
#define LINE(n, level) STEP(STEP_LINE, (n) | (level) << 7)
#define TIME(n)        STEP(STEP_TIME, 2 * (n)) /* 2^n nanoseconds */
#define LATE(n)        STEP(STEP_TIME, 2 * (n) + 1)
#define TAKE(extint)   STEP(STEP_ACKNOWLEDGE, extint)

/* clang-format off */
static const struct action actions[] = {
	/* The local APIC: on, a periodic timer, an interrupt to itself, a deadline, x2APIC. */
	W32(APIC + 0xf0, 0x1ff), W32(APIC + 0x3e0, 0xb), W32(APIC + 0x320, 0x20050),
	W32(APIC + 0x380, 100000), TIME(23), R32(APIC + 0x390), TAKE(0), W32(APIC + 0xb0, 0), LATE(40),
	W32(APIC + 0x300, 0x44060), W32(APIC + 0x80, 0x50), TAKE(0), W32(APIC + 0x280, 0),
	R32(APIC + 0x280), W32(APIC + 0x320, 0x40051), STEP(STEP_APIC_OTHER, 2),
	/* The PICs: vectors, masks; level-triggered; taken, specific and rotating ends. */
	OUT(0x20, 0x11), OUT(0x21, 0x20), OUT(0x21, 4), OUT(0x21, 1), OUT(0xa0, 0x11), OUT(0xa1, 0x28),
	OUT(0xa1, 2), OUT(0xa1, 1), OUT(0x21, 0), OUT(0xa1, 0), OUT(0x4d1, 0x0c), LINE(3, 1), LINE(1, 1),
	TAKE(1), TAKE(1), OUT(0xa0, 0x20), OUT(0x20, 0x62), LINE(3, 0), OUT(0x20, 0xa0), OUT(0x20, 0x0b),
	IN(0x20), OUT(0x20, 0x0c), IN(0x20), OUT(0x20, 0x68), OUT(0x20, 0x80), OUT(0x20, 0xc3),
	/* The I/O APIC: an edge and a level, both delivered, one not masked again. */
	ENTRY(0, 0x01000000), ENTRY(0x1a, 0x41), ENTRY(0x24, 0x8042), ENTRY(0x3f, 0xff000000),
	ENTRY(0x3e, 0x8143), LINE(1, 1), LINE(3, 1), TAKE(0), W32(APIC + 0xb0, 0), LINE(3, 0),
	W32(IOAPIC + 0x40, 0x42), R32(IOAPIC + 0x10), ENTRY(0x24, 0x10000),
	/* The PIT: every mode on some counter, latched and read back; the speaker's gate. */
	OUT(0x43, 0x34), OUT(0x40, 0x9c), OUT(0x40, 0x2e), TIME(24), OUT(0x43, 0), IN(0x40), IN(0x40),
	OUT(0x61, 1), OUT(0x43, 0xb0), OUT(0x42, 0xff), OUT(0x42, 0xff), TIME(20), OUT(0x61, 0), IN(0x61),
	OUT(0x43, 0xe8), IN(0x42), IN(0x42), OUT(0x43, 0x16), OUT(0x40, 2), TIME(22), OUT(0x43, 0x1a),
	OUT(0x40, 9), OUT(0x43, 0x52), OUT(0x41, 7), OUT(0x43, 0xbb), OUT(0x42, 0x99), OUT(0x42, 0x10),
	/* The RTC: all its interrupts, flags read, the time set, binary, an alarm. */
	CMOS(0xa, 0x26), CMOS(0xb, 0x72), TIME(25), CMOS_READ(0xc), LATE(33), CMOS_READ(0xc), CMOS(0xb, 0x82),
	CMOS(0, 0x58), CMOS(4, 0x23), CMOS(0x32, 0x20), CMOS(0xb, 0x26), CMOS(1, 0xff), CMOS(3, 0xc0),
	CMOS_READ(0xa), CMOS(0x40, 0x55), CMOS_READ(9), LATE(36),
	/* The i8042: its configuration, a test, a byte for nobody, the output port. */
	OUT(0x64, 0x60), OUT(0x60, 0x21), OUT(0x64, 0xaa), IN(0x64), IN(0x60), OUT(0x60, 0xf4), IN(0x60),
	OUT(0x64, 0xd2), OUT(0x60, 0x1c), OUT(0x64, 0xd1), OUT(0x60, 0xdf), OUT(0x92, 2), OUT(0x64, 0x20),
	/* UARTs: line, FIFOs, interrupts; bytes both ways; loop-back. */
	OUT(0x3fb, 0x83), OUT(0x3f8, 1), OUT(0x3fb, 3), OUT(0x3fa, 0xc7), OUT(0x3fc, 0xb), OUT(0x3f9, 0xf),
	OUT(0x3f8, 'a'), IN(0x3fa), STEP(STEP_HOST, 8 * 4), IN(0x3fd), IN(0x3f8), IN(0x3fa), OUT(0x3fc, 0x1b),
	OUT(0x3f8, 'b'), IN(0x3fe), STEP(STEP_HOST, 0x80), OUT(0x2fc, 8), OUT(0x2f9, 1), STEP(STEP_HOST, 1),
	IN(0x2f8), OUT(0x3e9, 2), OUT(0x3ec, 8), TIME(21),
	/* ACPI: the power button and the timer's carry, a sleep state, the reset register. */
	W16(0x602, 0x101), STEP(STEP_BUTTON, STEP_SAVE), R32(0x608), LATE(41), W16(0x600, 0x101), W16(0x604, 0x2000),
	R32(0x600), OUT(0xcf9, 2), OUT(0xcf9, 6),
	/* PCI: ids, the interrupt's line, what is not there; by memory the same. */
	W32(0xcf8, 0x80000000), R32(0xcfc), W32(0xcf8, 0x8000f83c), W32(0xcfc, 5), R32(0xcfc), W32(0xcf8, 0x80000800),
	R32(0xcfc), R32(0xe00f8000), W32(0xe00f803c, 7), R32(0xe00f803c), R32(0xe0008000),
	W32(APIC + 0x320, 0x20050), W32(APIC + 0x380, 1000000),
	STEP(STEP_SAVE, STEP_SAVE),
};
/* clang-format on */

size_t machine_put_drivers(u8 *buf)
{
	u8 *p = buf;

	for (u32 i = 0; i < ARRAY_LEN(actions); i++) {
		const struct action *a = &actions[i];

		if (a->size)
			p = machine_put_access(p, a->address, a->size, !a->read, a->value);
		else
			p = machine_put_step(p, (enum machine_step)a->address, (u8)a->value);
	}
	return (size_t)(p - buf);
}

size_t machine_put_indexed(u8 *buf, u32 first, u32 count)
{
	u8 *p = buf;

	for (u32 r = first; r < first + count; r++) {
		p = machine_put_access(p, IOAPIC, 4, true, r);
		p = machine_put_access(p, IOAPIC + 0x10, 4, true, ~0u);
		p = machine_put_access(p, 0x70, 1, true, r);
		p = machine_put_access(p, 0x71, 1, true, 0xff);
		p = machine_put_access(p, 0x71, 1, false, 0);
	}
	return (size_t)(p - buf);
}
