/*
 * SPCR: which serial port firmware has its console on (Microsoft, "Serial Port Console Redirection
 * Table"). Only what is compatible with a 16550 is taken.
 */
#include "core/host.h"
#include "drivers/acpi/parse.h"
#include "lib/hw/acpi.h"
#include "lib/hw/uart16550.h"
#include "lib/string.h"

#define PHYS_END    (1ULL << 52)
#define PORT_END    0x10000u
#define ISA_IRQ_RTC 8
#define STRIDE_MAX  8
#define WIDTH_CODES 4 /* undefined, 1, 2 and 4 bytes */

static u32 baud_of_code(u8 code)
{
	switch (code) {
	case ACPI_SPCR_BAUD_9600:
		return 9600;
	case ACPI_SPCR_BAUD_19200:
		return 19200;
	case ACPI_SPCR_BAUD_57600:
		return 57600;
	case ACPI_SPCR_BAUD_115200:
		return 115200;
	default:
		return 0;
	}
}

/* Fields that older revisions lack read 0; what lies behind the table is not looked at. */
static void take_speed(const struct acpi_spcr *t, struct host_console *c)
{
	if (t->header.revision >= ACPI_SPCR_CLOCK_REV)
		c->clock = t->clock;
	if (t->header.revision >= ACPI_SPCR_PRECISE_REV)
		c->baud = t->precise_baud;
	if (!c->baud)
		c->baud = baud_of_code(t->baud_code);
}

/* How registers in memory are reached: by the widest of the register's and the access's width. */
static const char *take_memory(const struct acpi_gas *gas, struct host_console *c)
{
	static const u8 widths[WIDTH_CODES] = { 1, 1, 2, 4 };
	u32 bytes = gas->bit_width / 8;

	if (gas->access_size >= WIDTH_CODES || gas->bit_width % 8 || (bytes & (bytes - 1)) ||
	    bytes > STRIDE_MAX || gas->bit_offset)
		return "its registers have a width that cannot be";
	c->width = widths[gas->access_size];
	c->stride = (u8)MAX(bytes, c->width);
	if (gas->address % c->width)
		return "its registers are not aligned";
	if (gas->address >= PHYS_END - (u64)UART_PORTS * c->stride)
		return "its address is out of range";
	return NULL;
}

static const char *take_address(const struct acpi_gas *gas, struct host_console *c)
{
	c->address = gas->address;
	c->io = gas->space == ACPI_SPACE_IO;
	if (c->io)
		return gas->address > PORT_END - UART_PORTS ? "its port is out of range" : NULL;
	if (gas->space != ACPI_SPACE_MEMORY)
		return "its registers are neither ports nor in memory";
	return take_memory(gas, c);
}

const char *acpi_parse_spcr(const void *table, size_t len, struct host *h)
{
	const struct acpi_header *header = table;
	const char *reason = acpi_check(table, len, ACPI_SIG_SPCR);
	struct host_console c = { .present = true };
	struct acpi_spcr t = { 0 };

	if (reason)
		return reason;
	if (header->length < ACPI_SPCR_V2_SIZE)
		return "too short";
	memcpy(&t, table, MIN(header->length, sizeof(t)));
	if (!t.address.address)
		return NULL; /* there is none, it says */
	if (t.interface != ACPI_SPCR_16550 && t.interface != ACPI_SPCR_16550_SUBSET &&
	    t.interface != ACPI_SPCR_16550_GAS)
		return "not a 16550";
	reason = take_address(&t.address, &c);
	if (reason)
		return reason;
	take_speed(&t, &c);
	if ((t.interrupts & ACPI_SPCR_IRQ_8259) && t.irq > 2 && t.irq < 16 && t.irq != ISA_IRQ_RTC)
		c.isa_irq = t.irq;
	c.flow = t.flow & ACPI_SPCR_FLOW_RTS_CTS;
	h->console = c;
	return NULL;
}
