/*
 * Finds a PCI serial port's registers: the first base address of a function of that class. Where firmware
 * gave it none, there is none: assigning addresses is the firmware's.
 */
#include "drivers/pci_uart.h"

#include "arch/io.h"
#include "lib/hw/pci.h"
#include "lib/hw/uart16550.h"

#define PORT_END 0x10000u
#define PHYS_END (1ULL << 52)

struct function {
	u32 select; /* PCI_CONFIG_ADDRESS of its register 0 */
};

static u32 config_read(const struct function *f, enum pci_reg reg)
{
	outl(PCI_CONFIG_ADDRESS, f->select | reg);
	return inl(PCI_CONFIG_DATA);
}

static void config_write(const struct function *f, enum pci_reg reg, u32 v)
{
	outl(PCI_CONFIG_ADDRESS, f->select | reg);
	outl(PCI_CONFIG_DATA, v);
}

static struct function function_of(u8 bus, u8 dev, u8 fn)
{
	return (struct function){ (u32)(PCI_CONFIG_ENABLE | (u32)bus << PCI_CONFIG_BUS |
					(u32)dev << PCI_CONFIG_DEVICE |
					(u32)fn << PCI_CONFIG_FUNCTION) };
}

/* A device with a single function may answer for all eight. */
static bool exists(const struct function *f, const struct function *first)
{
	if ((config_read(first, PCI_ID) & PCI_ID_NONE) == PCI_ID_NONE)
		return false;
	if (f->select != first->select && !(config_read(first, PCI_HEADER) & PCI_HEADER_MULTI_FUNC))
		return false;
	return (config_read(f, PCI_ID) & PCI_ID_NONE) != PCI_ID_NONE;
}

static bool is_serial(const struct function *f)
{
	u32 v = config_read(f, PCI_CLASS), class = v >> 16, interface = v >> 8 & 0xff;

	if (config_read(f, PCI_HEADER) & PCI_HEADER_TYPE)
		return false;
	return (class == PCI_CLASS_SERIAL && interface <= PCI_SERIAL_PROG_MAX) ||
	       class == PCI_CLASS_MULTIPORT;
}

/*
 * How many addresses the register decodes: the bits that cannot be set. Nothing is decoded meanwhile.
 */
static u32 bar_size(const struct function *f, u32 mask)
{
	u32 command = config_read(f, PCI_COMMAND) & PCI_COMMAND_MASK,
	    bar = config_read(f, PCI_BAR0), v;

	config_write(f, PCI_COMMAND, command & (u32) ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
	config_write(f, PCI_BAR0, ~0u);
	v = config_read(f, PCI_BAR0) & mask;
	config_write(f, PCI_BAR0, bar);
	config_write(f, PCI_COMMAND, command);
	return v & -v;
}

static const char *take_bar(const struct function *f, struct pci_uart *out)
{
	u32 bar = config_read(f, PCI_BAR0), type = bar & (u32)PCI_BAR_TYPE;
	u32 mask = (u32)(bar & PCI_BAR_IO ? PCI_BAR_IO_MASK : PCI_BAR_MEMORY_MASK);

	out->io = bar & PCI_BAR_IO;
	out->address = bar & mask;
	if (!out->io && type != PCI_BAR_TYPE_32 && type != PCI_BAR_TYPE_64)
		return "its base address is of an unknown kind";
	if (!out->io && type == PCI_BAR_TYPE_64)
		out->address |= (u64)config_read(f, PCI_BAR1) << 32;
	if (!out->address)
		return "the firmware gave it no address";
	if (out->address > (out->io ? PORT_END : PHYS_END) - UART_PORTS)
		return "its address is out of range";
	if (bar_size(f, mask) < UART_PORTS)
		return "it has fewer registers than a UART";
	return NULL;
}

const char *pci_uart_find(u8 bus, u8 dev, u8 fn, struct pci_uart *out)
{
	struct function f = function_of(bus, dev, fn), first = function_of(bus, dev, 0);
	const char *wrong;
	u32 command;

	if (!exists(&f, &first))
		return "there is no such function";
	if (!is_serial(&f))
		return "it is no serial port of the 16550's kind";
	wrong = take_bar(&f, out);
	if (wrong)
		return wrong;
	command = config_read(&f, PCI_COMMAND) & PCI_COMMAND_MASK;
	config_write(&f, PCI_COMMAND,
		     command | (u32)(out->io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY));
	return NULL;
}
