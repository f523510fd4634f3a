/*
 * The 16550A UART's registers (PC16550D data sheet, "Registers"): offsets from its base port. The
 * driver of the host's UART and the guests' virtual one share them.
 */
#pragma once

#include "lib/types.h"

/* Base ports, interrupts and the clock as PCs have them. */
#define UART_COM1_PORT 0x3f8
#define UART_COM2_PORT 0x2f8
#define UART_COM3_PORT 0x3e8
#define UART_COM4_PORT 0x2e8
#define UART_COM1_IRQ  4 /* also COM3 */
#define UART_COM2_IRQ  3 /* also COM4 */
#define UART_PORTS     8
#define UART_MAX_BAUD  115200u /* at divisor 1: the 1.8432 MHz clock over 16 */
#define UART_FIFO_SIZE 16u

enum uart_reg {
	UART_RBR = 0, /* read, DLAB 0: receiver buffer */
	UART_THR = 0, /* write, DLAB 0: transmitter holding */
	UART_DLL = 0, /* DLAB 1: divisor, low byte */
	UART_IER = 1, /* DLAB 0: interrupt enable */
	UART_DLM = 1, /* DLAB 1: divisor, high byte */
	UART_IIR = 2, /* read: interrupt identification */
	UART_FCR = 2, /* write: FIFO control */
	UART_LCR = 3, /* line control */
	UART_MCR = 4, /* modem control */
	UART_LSR = 5, /* line status */
	UART_MSR = 6, /* modem status */
	UART_SCR = 7, /* scratch */
};

/* IER; the bits above read 0 */
#define UART_IER_RDA  BIT(0) /* received data available, and character time-out */
#define UART_IER_THRE BIT(1) /* transmitter holding register empty */
#define UART_IER_RLS  BIT(2) /* receiver line status */
#define UART_IER_MS   BIT(3) /* modem status */
#define UART_IER_MASK BITS(3, 0)

/* IIR: one cause, highest priority first: line status, received data, transmitter, modem */
#define UART_IIR_NONE    BIT(0) /* no interrupt is pending */
#define UART_IIR_ID      BITS(3, 0)
#define UART_IIR_RLS     0x06
#define UART_IIR_RDA     0x04
#define UART_IIR_TIMEOUT 0x0c
#define UART_IIR_THRE    0x02
#define UART_IIR_MS      0x00
#define UART_IIR_FIFO    BITS(7, 6) /* both set while FIFOs are on */

/* FCR */
#define UART_FCR_ENABLE   BIT(0)
#define UART_FCR_RX_RESET BIT(1) /* clears itself */
#define UART_FCR_TX_RESET BIT(2) /* clears itself */
#define UART_FCR_DMA      BIT(3)
#define UART_FCR_TRIGGER  BITS(7, 6)
#define UART_FCR_TRIG_1   0x00
#define UART_FCR_TRIG_4   0x40
#define UART_FCR_TRIG_8   0x80
#define UART_FCR_TRIG_14  0xc0

/* LCR */
#define UART_LCR_WLS   BITS(1, 0) /* word length minus 5 */
#define UART_LCR_8BITS 0x03
#define UART_LCR_STB   BIT(2) /* two stop bits */
#define UART_LCR_PEN   BIT(3) /* parity enable */
#define UART_LCR_EPS   BIT(4) /* even parity */
#define UART_LCR_STICK BIT(5)
#define UART_LCR_BREAK BIT(6)
#define UART_LCR_DLAB  BIT(7) /* divisor latch access */

/* MCR */
#define UART_MCR_DTR  BIT(0)
#define UART_MCR_RTS  BIT(1)
#define UART_MCR_OUT1 BIT(2)
#define UART_MCR_OUT2 BIT(3) /* on PCs: gates the interrupt line */
#define UART_MCR_LOOP BIT(4)
#define UART_MCR_MASK BITS(4, 0)

/* LSR */
#define UART_LSR_DR   BIT(0) /* data ready */
#define UART_LSR_OE   BIT(1) /* overrun; cleared by reading LSR, as PE, FE, BI */
#define UART_LSR_PE   BIT(2)
#define UART_LSR_FE   BIT(3)
#define UART_LSR_BI   BIT(4) /* break */
#define UART_LSR_THRE BIT(5) /* transmitter holding register (FIFO) empty */
#define UART_LSR_TEMT BIT(6) /* shift register empty too */
#define UART_LSR_FIFO BIT(7) /* an error somewhere in the FIFO */
#define UART_LSR_NONE 0xff   /* what an absent UART reads as */

/* MSR; in loop-back CTS, DSR, RI, DCD follow RTS, DTR, OUT1, OUT2 */
#define UART_MSR_DCTS  BIT(0) /* changed; cleared by reading MSR, as the next three */
#define UART_MSR_DDSR  BIT(1)
#define UART_MSR_TERI  BIT(2)
#define UART_MSR_DDCD  BIT(3)
#define UART_MSR_DELTA BITS(3, 0)
#define UART_MSR_CTS   BIT(4)
#define UART_MSR_DSR   BIT(5)
#define UART_MSR_RI    BIT(6)
#define UART_MSR_DCD   BIT(7)
