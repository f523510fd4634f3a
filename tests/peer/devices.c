/*
 * The devices that Plinth's guests have and KVM has not: a serial port, ACPI's fixed hardware with its timer, the
 * real-time clock. Enough for Linux and for bare guests to start, print and switch off; COM1 has no input.
 */
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "lib/hw/acpi.h"
#include "tests/peer/machine.h"
#include "vdev/machine.h"

#define COM1      0x3f8
#define COM1_IRQ  4
#define COM_PORTS 8
#define RTC_INDEX 0x70
#define RTC_DATA  0x71
#define PS2_DATA  0x60
#define PS2_STATE 0x64

enum { THR, IER, IIR, LCR, MCR, LSR, MSR, SCR };
#define IER_THRI  0x02
#define IIR_NONE  0x01
#define IIR_THRI  0x02
#define IIR_FIFOS 0xc0
#define LCR_DLAB  0x80
#define MCR_OUT2  0x08
#define MCR_LOOP  0x10
#define LSR_EMPTY 0x60
#define MSR_READY 0xb0

static struct {
	uint8_t regs[COM_PORTS], divisor[2], fifos;
	bool thri;
} com;
static uint16_t pm_status, pm_enable, pm_control = ACPI_PM1_SCI_EN;
static uint8_t rtc_index;

static char text[1 << 16]; /* what the guest printed */
static size_t length, flushed, line;
static const char *last_line;

void device_end_at(const char *end)
{
	last_line = end;
}

void device_flush(void)
{
	while (flushed < length) {
		ssize_t n = write(STDOUT_FILENO, text + flushed, length - flushed);

		if (n <= 0)
			return;
		flushed += (size_t)n;
	}
}

/* Returns false when this was the end of the line after which the guest ends. */
static bool print(char c)
{
	if (length == sizeof(text) - 1)
		return true;
	text[length++] = c;
	text[length] = 0;
	if (c != '\n')
		return true;
	if (last_line && strstr(text + line, last_line))
		return false;
	line = length;
	return true;
}

/* An edge, when the transmitter is empty and the guest wants to hear of it. */
static void com_interrupt(int vm)
{
	struct kvm_irq_level irq = { .irq = COM1_IRQ, .level = 1 };

	com.thri = com.regs[IER] & IER_THRI;
	if (!com.thri || !(com.regs[MCR] & MCR_OUT2))
		return;
	ioctl(vm, KVM_IRQ_LINE, &irq);
	irq.level = 0;
	ioctl(vm, KVM_IRQ_LINE, &irq);
}

static bool com_write(int vm, unsigned reg, uint8_t value)
{
	bool divisor = com.regs[LCR] & LCR_DLAB, goes_on = true;

	if (divisor && reg <= IER) {
		com.divisor[reg] = value;
		return true;
	}
	if (reg == IIR) { /* the FIFOs' control */
		com.fifos = value & 1 ? IIR_FIFOS : 0;
		return true;
	}
	if (reg == LSR || reg == MSR)
		return true;
	com.regs[reg] = value;
	if (reg == THR && !(com.regs[MCR] & MCR_LOOP))
		goes_on = print((char)value);
	if (reg == THR || reg == IER)
		com_interrupt(vm);
	return goes_on;
}

static uint8_t com_read(unsigned reg)
{
	uint8_t mcr = com.regs[MCR], value;

	if (com.regs[LCR] & LCR_DLAB && reg <= IER)
		return com.divisor[reg];
	switch (reg) {
	case THR:
		return 0;
	case IIR:
		value = com.fifos | (com.thri ? IIR_THRI : IIR_NONE);
		com.thri = false;
		return value;
	case LSR:
		return LSR_EMPTY;
	case MSR: /* in a loop the outputs are the inputs */
		if (!(mcr & MCR_LOOP))
			return MSR_READY;
		return (uint8_t)((mcr & 2) << 3 | (mcr & 1) << 5 | (mcr & 4) << 4 | (mcr & 8) << 4);
	default:
		return com.regs[reg];
	}
}

/* 2026-01-01 00:00:00, in BCD, which never moves on; no update is under way. */
static uint8_t rtc_read(void)
{
	static const uint8_t cmos[64] = { [6] = 5,      [7] = 1,   [8] = 1,      [9] = 0x26,
					  [0xa] = 0x26, [0xb] = 2, [0xd] = 0x80, [0x32] = 0x20 };

	return cmos[rtc_index % sizeof(cmos)];
}

static uint32_t pm_timer(void)
{
	struct timespec t;
	unsigned __int128 ns;

	clock_gettime(CLOCK_MONOTONIC, &t);
	ns = (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
	return (uint32_t)(ns * ACPI_PM_TIMER_HZ / 1000000000u);
}

static bool pm_write(unsigned offset, uint16_t value)
{
	if (offset == PM_EVT)
		pm_status &= (uint16_t)~value;
	else if (offset == PM_EVT + 2)
		pm_enable = value;
	else if (offset == PM_CNT) {
		pm_control = (value & ACPI_PM1_SLP_TYP) | ACPI_PM1_SCI_EN;
		return !(value & ACPI_PM1_SLP_EN);
	}
	return true;
}

static uint32_t pm_read(unsigned offset)
{
	switch (offset) {
	case PM_EVT:
		return pm_status;
	case PM_EVT + 2:
		return pm_enable;
	case PM_CNT:
		return pm_control;
	case PM_TMR:
		return pm_timer();
	default:
		return 0;
	}
}

static uint32_t port_read(uint16_t port)
{
	if (port >= COM1 && port < COM1 + COM_PORTS)
		return com_read(port - COM1);
	if (port >= PM_PORT && port < PM_PORT + PM_LEN)
		return pm_read(port - PM_PORT);
	switch (port) {
	case RTC_DATA:
		return rtc_read();
	case PS2_DATA:
	case PS2_STATE:
		return 0;
	default:
		return ~0u;
	}
}

bool device_port(int vm, uint16_t port, bool write, unsigned size, void *data)
{
	uint32_t value = 0;

	if (!write) {
		value = port_read(port);
		memcpy(data, &value, size);
		return true;
	}
	memcpy(&value, data, size);
	if (port >= COM1 && port < COM1 + COM_PORTS)
		return com_write(vm, port - COM1, (uint8_t)value);
	if (port >= PM_PORT && port < PM_PORT + PM_LEN)
		return pm_write(port - PM_PORT, (uint16_t)value);
	if (port == RTC_INDEX)
		rtc_index = value & 0x7f;
	if (port == RESET_PORT && value & RESET_CPU)
		return false;
	return true;
}
