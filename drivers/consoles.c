/*
 * Sets up the consoles that were asked for. What was logged before is printed to each when it comes.
 */
#include "drivers/consoles.h"

#include "core/cmdline.h"
#include "core/host.h"
#include "core/log.h"
#include "drivers/console_word.h"
#include "drivers/fb.h"
#include "drivers/pci_uart.h"
#include "drivers/uart.h"
#include "lib/bootinfo.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/kmap.h"

static const struct {
	u16 port;
	u8 irq;
} coms[] = {
	{ UART_COM1_PORT, UART_COM1_IRQ },
	{ UART_COM2_PORT, UART_COM2_IRQ },
	{ UART_COM3_PORT, UART_COM1_IRQ },
	{ UART_COM4_PORT, UART_COM2_IRQ },
};

#define PHYS_END       (1ULL << 52)
#define CLOCKS_PER_BIT 16

static struct console_choices choices; /* const after consoles_init() */

static void complain(const char *name, int err)
{
	if (err == -ENODEV)
		log_warn("console: %s: no UART answers there", name);
	else if (err == -EEXIST)
		log_warn("console: %s is a console already", name);
	else if (err)
		log_warn("console: %s cannot be used (error %d)", name, -err);
}

static void add_com(const struct console_choice *c)
{
	struct uart_config config = {
		.regs.port = coms[c->com - 1].port,
		.max_baud = UART_MAX_BAUD,
		.baud = c->baud ? c->baud : UART_MAX_BAUD,
		.isa_irq = coms[c->com - 1].irq,
		.flow = c->flow,
		.poll = c->poll,
	};

	snprintf(config.name, sizeof(config.name), "com%u", c->com);
	complain(config.name, uart_add(&config));
}

/*
 * Maps registers in memory and adds the UART. Whatever the firmware's memory map calls memory is none: what
 * is written there would be somebody's data.
 */
static void add_memory(const struct boot_info *bi, u64 pa, struct uart_config *config)
{
	u64 size = (u64)UART_PORTS * config->regs.stride;
	void *base;
	int err;

	if (pa % config->regs.width || pa >= PHYS_END - size || bootinfo_memory(bi, pa, size)) {
		log_warn("console: %s: no registers can be there", config->name);
		return;
	}
	base = kmap_mmio(PADDR(pa), size);
	config->regs.base = base;
	err = base ? uart_add(config) : -ENOMEM;
	complain(config->name, err);
	if (err && base)
		kunmap(base, size);
}

static void add_mmio(const struct boot_info *bi, const struct console_choice *c)
{
	u8 stride = c->stride ? c->stride : 1;
	struct uart_config config = {
		.regs = { .stride = stride, .width = MIN(stride, (u8)sizeof(u32)) },
		.max_baud = UART_MAX_BAUD,
		.baud = c->baud,
		.isa_irq = -1,
		.flow = c->flow,
	};

	snprintf(config.name, sizeof(config.name), "mmio 0x%llx", (unsigned long long)c->address);
	add_memory(bi, c->address, &config);
}

/* Its speed can only be meant for the usual clock. */
static void add_pci(const struct boot_info *bi, const struct console_choice *c)
{
	struct uart_config config = {
		.regs = { .stride = 1, .width = 1 },
		.max_baud = UART_MAX_BAUD,
		.baud = c->baud ? c->baud : UART_MAX_BAUD,
		.isa_irq = -1,
		.flow = c->flow,
	};
	struct pci_uart u;
	const char *wrong = pci_uart_find(c->bus, c->dev, c->fn, &u);

	snprintf(config.name, sizeof(config.name), "pci %02x:%02x.%x", c->bus, c->dev, c->fn);
	if (wrong) {
		log_warn("console: %s: %s", config.name, wrong);
	} else if (u.io) {
		config.regs.port = (u16)u.address;
		complain(config.name, uart_add(&config));
	} else {
		add_memory(bi, u.address, &config);
	}
}

/* 1 to 4; 0: the port is none of those. */
static u32 com_of_port(u64 port)
{
	for (u32 i = 0; i < ARRAY_LEN(coms); i++) {
		if (coms[i].port == port)
			return i + 1;
	}
	return 0;
}

/* Its speed is set only where the clock is known; else it is as the firmware left it. */
static struct uart_config firmware_config(const struct host_console *c, u32 com)
{
	struct uart_config config = {
		.regs = { .stride = c->stride, .width = c->width },
		.max_baud = c->clock ? c->clock / CLOCKS_PER_BIT : UART_MAX_BAUD,
		.baud = c->clock || com ? c->baud : 0,
		.isa_irq = c->isa_irq ? c->isa_irq : -1,
		.flow = c->flow,
	};

	if (com && config.isa_irq < 0)
		config.isa_irq = coms[com - 1].irq;
	if (config.baud && !uart_divisor(&config))
		config.baud = 0;
	if (com && !config.baud)
		config.baud = config.max_baud;
	if (com)
		snprintf(config.name, sizeof(config.name), "com%u", com);
	else
		snprintf(config.name, sizeof(config.name), "SPCR 0x%llx",
			 (unsigned long long)c->address);
	return config;
}

/* The console that the firmware has, beside COM1 or in its place. */
static void add_firmware(const struct boot_info *bi, const struct host_console *c)
{
	struct uart_config config = firmware_config(c, c->io ? com_of_port(c->address) : 0);
	int err;

	log_info("console: %s is the firmware's", config.name);
	if (!c->io) {
		add_memory(bi, c->address, &config);
		return;
	}
	config.regs.port = (u16)c->address;
	err = uart_change(&config);
	complain(config.name, err == -ENODEV ? uart_add(&config) : err);
}

static void add_screen(const struct boot_info *bi, fb_map *map)
{
	const char *wrong = fb_add(bi, map);

	if (wrong)
		log_warn("console: fb: %s", wrong);
}

/* The word's consoles, else what there is. */
static void choose(void)
{
	char word[CONSOLE_WORD_MAX];
	const char *wrong;

	choices.automatic = true;
	if (!cmdline_get("console", word, sizeof(word)))
		return;
	wrong = strlen(word) == sizeof(word) - 1 ? "it is too long" :
						   console_word_parse(word, &choices);
	if (wrong) {
		log_warn("console=: %s: as if it were auto", wrong);
		choices = (struct console_choices){ .automatic = true };
	}
}

void consoles_init(void)
{
	static const struct console_choice com1 = { .kind = CONSOLE_COM, .com = 1 };

	choose();
	if (choices.automatic)
		add_com(&com1);
	for (u32 i = 0; i < choices.count; i++) {
		if (choices.list[i].kind == CONSOLE_COM)
			add_com(&choices.list[i]);
	}
}

/* The screen, where it is asked for or, if nothing is, there. */
static void screen_as_chosen(const struct boot_info *bi, fb_map *map)
{
	bool wanted = choices.automatic && bi->framebuffer.type == BOOT_FB_RGB;

	for (u32 i = 0; i < choices.count; i++)
		wanted |= choices.list[i].kind == CONSOLE_FB;
	if (wanted)
		add_screen(bi, map);
}

/* The page tables of the start map the first 4 GiB where they are (boot/entry.asm). */
static void *map_identity(paddr_t pa, u64 size)
{
	return pa.v + size <= 4 * GIB ? (void *)pa.v : NULL;
}

void consoles_refusal(const struct boot_info *bi)
{
	screen_as_chosen(bi, map_identity);
}

void consoles_late(const struct boot_info *bi)
{
	if (choices.automatic && host.console.present)
		add_firmware(bi, &host.console);
	screen_as_chosen(bi, kmap_mmio);
	for (u32 i = 0; i < choices.count; i++) {
		if (choices.list[i].kind == CONSOLE_MMIO)
			add_mmio(bi, &choices.list[i]);
		else if (choices.list[i].kind == CONSOLE_PCI)
			add_pci(bi, &choices.list[i]);
	}
}
