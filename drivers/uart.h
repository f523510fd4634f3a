/*
 * The host's serial ports: console sinks on 16550s (lib/hw/uart16550.h), 8 bits, no parity, one stop
 * bit. Which of them are consoles is drivers/consoles.c's to say.
 */
#pragma once

#include "drivers/uart_regs.h"
#include "lib/compiler.h"

#define UARTS_MAX     4
#define UART_NAME_MAX 24

struct uart_config {
	char name[UART_NAME_MAX]; /* for the log */
	struct uart_regs regs;
	u32 max_baud; /* the speed at divisor 1 */
	u32 baud;     /* 0: as the firmware left it */
	int isa_irq;  /* -1: none; input is polled */
	bool flow;    /* heed CTS: wait for it, but not for ever */
	bool poll;    /* do without the interrupt */
};

/*
 * Looks for the port, sets it up and adds it to the console, polled. -ENODEV: no UART answers there;
 * -EEXIST: it was added before; -ENOSPC: more than UARTS_MAX; -EINVAL: it cannot have that speed. Boot
 * CPU, not preemptible; needs only what the registers need.
 */
int uart_add(const struct uart_config *config) __must_check;

/*
 * Gives a port that was added another speed and flow control, and prints the log again. -ENODEV: it was
 * not; -EINVAL: it cannot have that speed. Before uart_start().
 */
int uart_change(const struct uart_config *config) __must_check;

/* The divisor for config's speed (PC16550D, "Programmable baud generator"); 0: there is none. */
u32 uart_divisor(const struct uart_config *config);

/*
 * Connects the ports' interrupts, or lets the console poll where that fails or was asked for. Boot CPU,
 * once, after ioapic_init(), not preemptible.
 */
void uart_start(void);
