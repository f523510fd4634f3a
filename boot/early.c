/*
 * The last words of a boot that fails before the console exists.
 */
#include "arch/cpu.h"
#include "arch/io.h"
#include "boot/early.h"

#define COM1          0x3f8
#define UART_THR      (COM1 + 0)
#define UART_DLL      (COM1 + 0)
#define UART_IER      (COM1 + 1)
#define UART_DLM      (COM1 + 1)
#define UART_LCR      (COM1 + 3)
#define UART_LCR_8N1  0x03
#define UART_LCR_DLAB 0x80
#define UART_LSR      (COM1 + 5)
#define UART_LSR_THRE 0x20
#define UART_WAIT     100000 /* polls: there may be no UART */

static void put(char c)
{
	for (int i = 0; i < UART_WAIT && !(inb(UART_LSR) & UART_LSR_THRE); i++)
		;
	outb(UART_THR, (u8)c);
}

static void puts(const char *s)
{
	for (; *s; s++)
		put(*s);
}

__noreturn void early_halt(const char *why)
{
	outb(UART_IER, 0);
	outb(UART_LCR, UART_LCR_DLAB);
	outb(UART_DLL, 1);
	outb(UART_DLM, 0);
	outb(UART_LCR, UART_LCR_8N1);
	puts("plinth: ");
	puts(why);
	puts("\r\n");
	for (;;) {
		irq_disable();
		cpu_halt();
	}
}
