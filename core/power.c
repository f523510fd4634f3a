/*
 * Power-off and reset, each a list of ways from the regular to the last resort. They end the host
 * from any state, panic included: nothing here locks or allocates.
 */
#include "core/power.h"

#include "arch/cpu.h"
#include "arch/io.h"
#include "arch/tsc.h"
#include "core/console.h"
#include "core/host.h"
#include "core/log.h"
#include "lib/atomic.h"
#include "lib/hw/acpi.h"
#include "lib/string.h"
#include "mm/kmap.h"

/* How long hardware gets for what was asked of it. */
#define ACPI_MODE_WAIT_MS 3000
#define POWER_WAIT_MS     1000
#define RESET_WAIT_MS     100
#define US_PER_MS         1000

/* Bochs' ports: the debug console reads as its own number, power-off wants a word byte by byte. */
#define BOCHS_DEBUG_PORT    0xe9
#define BOCHS_SHUTDOWN_PORT 0x8900

/* Chipset reset control register (ICH9 data sheet, "RST_CNT"). */
#define RST_CNT_PORT    0xcf9
#define RST_CNT_SYS_RST BIT(1) /* hard reset, when RST_CPU rises */
#define RST_CNT_RST_CPU BIT(2)

/* Keyboard controller (8042). */
#define I8042_COMMAND_PORT 0x64   /* read: status */
#define I8042_STATUS_IBF   BIT(1) /* it has not taken the last command yet */
#define I8042_PULSE_RESET  0xfe
#define I8042_POLLS        10000

/* PCI configuration mechanism 1 (PCI 3.0, 3.2.2.3.2). */
#define PCI_ADDRESS_PORT 0xcf8
#define PCI_DATA_PORT    0xcfc
#define PCI_ENABLE       BIT(31)

static volatile u8 *reset_register; /* where it lies in memory */

void power_init(void)
{
	if (host.reset_address && host.reset_space == ACPI_SPACE_MEMORY)
		reset_register = kmap_mmio(PADDR(host.reset_address), 1);
}

static void wait_ms(u32 ms)
{
	tsc_delay_us((u64)ms * US_PER_MS);
}

/*
 * Sleep states work in ACPI mode only (ACPI 6.5, 4.8.2.5); firmware may have left us in legacy
 * mode.
 */
static void acpi_enable_mode(void)
{
	if (!host.smi_cmd || !host.acpi_enable || (inw(host.pm1a_cnt) & ACPI_PM1_SCI_EN))
		return;
	outb(host.smi_cmd, host.acpi_enable);
	for (u32 ms = 0; ms < ACPI_MODE_WAIT_MS && !(inw(host.pm1a_cnt) & ACPI_PM1_SCI_EN); ms++)
		wait_ms(1);
}

static void pm1_sleep(u16 port, u8 typ, bool enable)
{
	u16 v;

	if (!port)
		return;
	v = inw(port) & (u16) ~(ACPI_PM1_SLP_TYP | ACPI_PM1_SLP_EN);
	v |= (u16)(typ << ACPI_PM1_SLP_TYP_SHIFT);
	outw(port, enable ? v | (u16)ACPI_PM1_SLP_EN : v);
}

/* ACPI 6.5, 7.4.2 "Transitioning from the Working to the Sleeping State", S5 */
static void acpi_power_off(void)
{
	if (!host.s5_found || !host.pm1a_cnt)
		return;
	acpi_enable_mode();
	for (int enable = 0; enable < 2; enable++) {
		pm1_sleep(host.pm1a_cnt, host.s5_typ_a, enable);
		pm1_sleep(host.pm1b_cnt, host.s5_typ_b, enable);
	}
	wait_ms(POWER_WAIT_MS);
}

static void bochs_power_off(void)
{
	if (inb(BOCHS_DEBUG_PORT) != BOCHS_DEBUG_PORT)
		return;
	for (const char *s = "Shutdown"; *s; s++)
		outb(BOCHS_SHUTDOWN_PORT, (u8)*s);
}

static void (*before_end)(void); /* NULL: none, or it has run; atomic */

static void say(const char *text)
{
	console_write_line(text, strlen(text));
	console_drain();
}

void power_set_hook(void (*fn)(void))
{
	before_end = fn;
}

/* Once: who comes second waits for the end. */
static void prepare(void)
{
	void (*fn)(void) = atomic_xchg(&before_end, NULL);

	if (fn)
		fn();
}

void power_off(void)
{
	prepare();
	say("plinth: powering off\n");
	irq_disable();
	acpi_power_off();
	bochs_power_off();
	say("plinth: this machine cannot be switched off by software: halted\n");
	for (;;)
		cpu_halt();
}

/* ACPI 6.5, 4.8.3.6 "Reset Register" */
static void acpi_reset(void)
{
	u64 a = host.reset_address;

	if (!a)
		return;
	if (host.reset_space == ACPI_SPACE_IO) {
		outb((u16)a, host.reset_value);
	} else if (host.reset_space == ACPI_SPACE_PCI_CONFIG) {
		u32 device = (a >> 32) & 0x1f, function = (a >> 16) & 7, offset = a & 0xff;

		outl(PCI_ADDRESS_PORT,
		     (u32)PCI_ENABLE | device << 11 | function << 8 | (offset & ~3u));
		outb((u16)(PCI_DATA_PORT + (offset & 3)), host.reset_value);
	} else if (reset_register) {
		*reset_register = host.reset_value;
	}
	wait_ms(RESET_WAIT_MS);
}

static void chipset_reset(void)
{
	outb(RST_CNT_PORT, RST_CNT_SYS_RST);
	outb(RST_CNT_PORT, RST_CNT_SYS_RST | RST_CNT_RST_CPU);
	wait_ms(RESET_WAIT_MS);
}

static void i8042_reset(void)
{
	for (u32 i = 0; i < I8042_POLLS && (inb(I8042_COMMAND_PORT) & I8042_STATUS_IBF); i++)
		cpu_relax();
	outb(I8042_COMMAND_PORT, I8042_PULSE_RESET);
	wait_ms(RESET_WAIT_MS);
}

/* An exception without any IDT shuts the CPU down, which chipsets answer with a reset. */
static void triple_fault(void)
{
	static const struct {
		u16 limit;
		u64 base;
	} __packed no_idt = { 0, 0 };

	__asm__ volatile("lidt %0\n\tud2" : : "m"(no_idt));
}

void power_restart(void)
{
	prepare();
	power_reset();
}

void power_reset(void)
{
	say("plinth: resetting\n");
	irq_disable();
	acpi_reset();
	chipset_reset();
	i8042_reset();
	triple_fault();
	for (;;)
		cpu_halt();
}
