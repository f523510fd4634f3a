/*
 * Finds a PCI serial port's registers: the first base address of a function of that class. Where firmware
 * gave it none, there is none: assigning addresses is the firmware's.
 */
#include "drivers/pci_uart.h"

#include "drivers/pci/scan.h"
#include "lib/hw/uart16550.h"

/* A device with a single function may answer for all eight. */
static bool exists(struct pci_address at)
{
	struct pci_address first = { at.segment, at.bus, PCI_DEVFN(PCI_SLOT(at.devfn), 0) };

	if (pci_config_read(first, PCI_VENDOR, 2) == PCI_VENDOR_NONE)
		return false;
	if (at.devfn != first.devfn &&
	    !(pci_config_read(first, PCI_HEADER, 1) & PCI_HEADER_MULTI_FUNC))
		return false;
	return pci_config_read(at, PCI_VENDOR, 2) != PCI_VENDOR_NONE;
}

static bool is_serial(struct pci_address at)
{
	u32 v = pci_config_read(at, PCI_REVISION, 4), class = v >> 16, interface = v >> 8 & 0xff;

	if (pci_config_read(at, PCI_HEADER, 1) & PCI_HEADER_TYPE)
		return false;
	return (class == PCI_CLASS_SERIAL && interface <= PCI_SERIAL_PROG_MAX) ||
	       class == PCI_CLASS_MULTIPORT;
}

const char *pci_uart_find(u8 bus, u8 dev, u8 fn, struct pci_uart *out)
{
	struct pci_address at = { 0, bus, PCI_DEVFN(dev, fn) };
	struct pci_bar bar;
	u32 command;

	if (!exists(at))
		return "there is no such function";
	if (!is_serial(at))
		return "it is no serial port of the 16550's kind";
	pci_bar_read(at, 0, PCI_BARS, &bar);
	if (!bar.present)
		return "it has no registers";
	if (bar.wrong)
		return bar.wrong;
	if (bar.range.len < UART_PORTS)
		return "it has fewer registers than a UART";
	out->io = bar.range.io;
	out->address = bar.range.base;
	command = pci_config_read(at, PCI_COMMAND, 2);
	pci_config_write(at, PCI_COMMAND, 2,
			 command | (u32)(out->io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY));
	return NULL;
}
