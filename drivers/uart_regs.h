/*
 * How a 16550's registers (lib/hw/uart16550.h) are reached: by ports or in memory, where they may lie
 * apart and take accesses of more than a byte.
 */
#pragma once

#include "arch/io.h"
#include "lib/hw/uart16550.h"
#include "lib/types.h"

struct uart_regs {
	volatile u8 *base; /* the first register, mapped; NULL: ports */
	u16 port;          /* of the first register */
	u8 stride;         /* bytes from one register to the next, in memory; 1, 2, 4 or 8 */
	u8 width;          /* bytes of an access, in memory; 1, 2 or 4 */
};

static inline u8 uart_reg_read(const struct uart_regs *r, enum uart_reg reg)
{
	const volatile u8 *p;

	if (!r->base)
		return inb((u16)(r->port + reg));
	p = r->base + (size_t)reg * r->stride;
	if (r->width == sizeof(u32))
		return (u8)mmio_read32(p);
	return r->width == sizeof(u16) ? (u8)mmio_read16(p) : mmio_read8(p);
}

static inline void uart_reg_write(const struct uart_regs *r, enum uart_reg reg, u8 v)
{
	volatile u8 *p;

	if (!r->base) {
		outb((u16)(r->port + reg), v);
		return;
	}
	p = r->base + (size_t)reg * r->stride;
	if (r->width == sizeof(u32))
		mmio_write32(p, v);
	else if (r->width == sizeof(u16))
		mmio_write16(p, v);
	else
		mmio_write8(p, v);
}
