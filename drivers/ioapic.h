/*
 * The host's I/O APICs (lib/hw/ioapic.h): interrupt lines to messages.
 */
#pragma once

#include "lib/types.h"

/*
 * Maps the I/O APICs that the MADT names, masks all their lines and registers them with core/irq.h.
 * Boot CPU, once, after acpi_init(). Returns how many there are.
 */
u32 ioapic_init(void);
