/*
 * The host's serial port: a console sink on a 16550 (lib/hw/uart16550.h).
 */
#pragma once

#include "lib/compiler.h"

/*
 * Sets up the port that the `console=` word names (com1, com2 or none; default com1), 115200 8N1,
 * and adds it to the console, polled. Needs the command line, nothing else. 0, -ENODEV.
 */
int uart_init(void);

/*
 * Connects the port's interrupt, or lets the console poll where that fails or `,poll` stands behind
 * the port's name. Boot CPU, once, after ioapic_init(), not preemptible.
 */
void uart_start(void);
