/*
 * Where the registers of a PCI function are that is a serial port.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct pci_uart {
	bool io;     /* address is a port's, else physical memory's */
	u64 address; /* of the first register; eight of them are there */
};

/*
 * Looks at the function by the configuration ports, and switches its decoding on. NULL, or why it is no
 * serial port that can be used, as text for the log; *out then has no meaning. Boot CPU, at start.
 */
const char *pci_uart_find(u8 bus, u8 dev, u8 fn, struct pci_uart *out) __must_check;
