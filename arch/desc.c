/*
 * GDT, TSS and IDT. The host runs in ring 0 only, so the TSS serves for interrupt stacks alone.
 */
#include "arch/desc.h"
#include "arch/percpu.h"
#include "arch/trap.h"

#define IDT_ENTRIES 256
#define STUB_SIZE   16 /* trap.asm */

#define GDT_CODE64         0x00af9b000000ffffULL
#define GDT_DATA           0x00cf93000000ffffULL
#define GDT_TYPE_TSS       0x9ULL /* 64-bit TSS, available */
#define GDT_PRESENT        BIT(47)
#define IDT_TYPE_INTERRUPT 0xe
#define IDT_PRESENT        0x80

#define EARLY_STACK_SIZE 4096

struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7]; /* number n at [n - 1] */
	u64 reserved2;
	u16 reserved3, iomap_base;
} __packed;
static_assert(sizeof(struct tss) == 104, "SDM: 64-bit TSS");

struct idt_entry {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_mid;
	u32 offset_high, reserved;
};
static_assert(sizeof(struct idt_entry) == 16, "SDM: 64-bit IDT gate");

struct table_register {
	u16 limit;
	u64 base;
} __packed;

struct gdt {
	u64 entry[5]; /* null, code, data, TSS (two) */
};

static PERCPU struct gdt gdt __aligned(16);
static PERCPU struct tss tss __aligned(16);
static struct idt_entry idt[IDT_ENTRIES] __aligned(16);
static u8 early_stacks[TRAP_STACK_COUNT][EARLY_STACK_SIZE] __aligned(16);

extern const u8 trap_stubs[];

static void set_gate(u32 vector, u8 ist)
{
	u64 entry = (u64)&trap_stubs[vector * STUB_SIZE];

	idt[vector] = (struct idt_entry){
		.offset_low = (u16)entry,
		.selector = SEL_CODE64,
		.ist = ist,
		.type = IDT_PRESENT | IDT_TYPE_INTERRUPT,
		.offset_mid = (u16)(entry >> 16),
		.offset_high = (u32)(entry >> 32),
	};
}

/* Once, by the boot CPU. */
static void init_idt(void)
{
	for (u32 v = 0; v < IDT_ENTRIES; v++)
		set_gate(v, TRAP_STACK_NONE);
	set_gate(TRAP_NMI, TRAP_STACK_NMI);
	set_gate(TRAP_DF, TRAP_STACK_DF);
	set_gate(TRAP_MC, TRAP_STACK_MC);
	for (u32 n = TRAP_STACK_NMI; n < TRAP_STACK_COUNT; n++)
		trap_set_stack(0, n, early_stacks[n] + EARLY_STACK_SIZE);
}

void trap_set_stack(u32 cpu, enum trap_stack n, void *top)
{
	other_cpu(tss, cpu)->ist[n - 1] = (u64)top;
}

/* SDM vol. 3, "TSS Descriptor in 64-bit mode". */
static void init_gdt(struct gdt *g, u64 tss_base)
{
	u64 limit = sizeof(struct tss) - 1;

	g->entry[0] = 0;
	g->entry[SEL_CODE64 / 8] = GDT_CODE64;
	g->entry[SEL_DATA / 8] = GDT_DATA;
	g->entry[SEL_TSS / 8] = limit | (tss_base & 0xffffff) << 16 | GDT_TYPE_TSS << 40 |
				GDT_PRESENT | (tss_base >> 24 & 0xff) << 56;
	g->entry[SEL_TSS / 8 + 1] = tss_base >> 32;
}

void trap_init_cpu(void)
{
	struct gdt *g = this_cpu(gdt);
	struct tss *t = this_cpu(tss);
	struct table_register gdtr = { sizeof(*g) - 1, (u64)g };
	struct table_register idtr = { sizeof(idt) - 1, (u64)idt };

	if (!idt[0].type)
		init_idt();
	t->iomap_base = sizeof(*t); /* no I/O permission map */
	init_gdt(g, (u64)t);
	/* The selectors that are loaded already name the same segments here. */
	__asm__ volatile("lgdt %0\n\tlidt %1\n\tltr %w2"
			 :
			 : "m"(gdtr), "m"(idtr), "r"(SEL_TSS)
			 : "memory");
}

u64 desc_gdt_base(void)
{
	return (u64)this_cpu(gdt);
}

u64 desc_tss_base(void)
{
	return (u64)this_cpu(tss);
}

u64 desc_idt_base(void)
{
	return (u64)idt;
}
