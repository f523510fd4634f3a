/*
 * The application's few words. The firmware's console may already be on COM1 (variable ConOut: UEFI 2.10,
 * "Globally Defined Variables"), and then nothing is written there a second time.
 */
#include "boot/app/app.h"

#include "arch/io.h"
#include "boot/app/devpath.h"
#include "lib/fmt.h"

#define LINE_MAX      256
#define COM1          0x3f8
#define UART_LCR_8N1  0x03
#define UART_LCR_DLAB 0x80
#define UART_LSR_THRE 0x20
#define UART_WAIT     100000 /* polls: there may be no UART */

static bool console_on_com1(void)
{
	static u8 paths[1024];
	EFI_GUID global = EFI_GLOBAL_VARIABLE;
	UINTN size = sizeof(paths);

	return !EFI_ERROR(app.table->RuntimeServices->GetVariable(L"ConOut", &global, NULL, &size,
								  paths)) &&
	       devpath_com1_in(paths, size);
}

static void put_com1(const char *s)
{
	outb(COM1 + 1, 0); /* no interrupts */
	outb(COM1 + 3, UART_LCR_DLAB);
	outb(COM1 + 0, 1); /* 115200 baud */
	outb(COM1 + 1, 0);
	outb(COM1 + 3, UART_LCR_8N1);
	for (; *s; s++) {
		for (int i = 0; i < UART_WAIT && !(inb(COM1 + 5) & UART_LSR_THRE); i++)
			;
		outb(COM1 + 0, (u8)*s);
	}
}

static void vsay(const char *format, va_list ap)
{
	static const char head[] = "plinth: UEFI: ";
	char line[LINE_MAX];
	CHAR16 wide[LINE_MAX];
	int n = snprintf(line, sizeof(line) - 2, "%s", head), i = 0;

	vsnprintf(line + n, sizeof(line) - 2 - (size_t)n, format, ap);
	while (line[n])
		n++;
	line[n++] = '\r';
	line[n++] = '\n';
	line[n] = '\0';
	for (i = 0; i <= n; i++)
		wide[i] = (u8)line[i];
	if (app.table->ConOut)
		app.table->ConOut->OutputString(app.table->ConOut, wide);
	if (!app.table->ConOut || !console_on_com1())
		put_com1(line);
}

void say(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsay(format, ap);
	va_end(ap);
}

EFI_STATUS fail(EFI_STATUS status, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsay(format, ap);
	va_end(ap);
	return status;
}
