/*
 * core/irq.h: vectors, MSI messages (SDM vol. 3, "Message Signalled Interrupts"), dispatch, lines.
 *
 * sources: core/irq.c arch/lock.c
 */
#include "arch/cpu.h"
#include "arch/lapic.h"
#include "arch/smp.h"
#include "arch/trap.h"
#include "core/host.h"
#include "core/irq.h"
#include "core/mce.h"
#include "core/panic.h"
#include "core/sched.h"
#include "lib/errno.h"
#include "tests/host/harness.h"

struct host host;
static u32 apic_id, eois;
static const struct trap_hooks *hooks;

u32 cpu_id(void)
{
	return 0;
}

u32 cpu_count(void)
{
	return 3;
}

/* The third is one that a message without remapping cannot name. */
u32 cpu_apic_id(u32 cpu)
{
	return cpu == 2 ? 300 : 8 + cpu;
}

static u32 ipi_cpu, ipis;
static u8 ipi_vector;

void lapic_ipi(u32 cpu, u8 vector)
{
	ipi_cpu = cpu;
	ipi_vector = vector;
	ipis++;
}

u32 lapic_id(void)
{
	return apic_id;
}

void lapic_eoi(void)
{
	eois++;
}

void trap_set_hooks(const struct trap_hooks *h)
{
	hooks = h;
}

void sched_irq_return(void) {}

void mce_trap(struct trap_frame *f)
{
	(void)f;
}

void panic_nmi(struct trap_frame *f)
{
	(void)f;
}

void panic_trap(struct trap_frame *f)
{
	(void)f;
	panic("trap");
}

static u32 calls, eois_in_handler;
static bool active_in_handler;

static void handler(void *arg)
{
	calls += *(u32 *)arg;
	eois_in_handler = eois;
	active_in_handler = irq_active();
}

static void fixed(void)
{
	calls += 100;
}

static void setup(void)
{
	apic_id = 5;
	eois = 0;
	calls = 0;
}

TEST(dispatch_and_acknowledge)
{
	static u32 one = 1, ten = 10;
	struct irq a, b;

	setup();
	CHECK_EQ(irq_alloc(&a, handler, &one), 0);
	CHECK_EQ(irq_alloc(&b, handler, &ten), 0);
	CHECK(a.vector != b.vector);
	CHECK(a.vector >= IRQ_VECTOR_FIRST && b.vector <= IRQ_VECTOR_LAST);
	CHECK(!irq_active());
	irq_dispatch(b.vector);
	CHECK_EQ(calls, 10);
	/* A level-triggered line is acknowledged when the device has been served. */
	CHECK_EQ(eois_in_handler, 0);
	CHECK_EQ(eois, 1);
	CHECK(active_in_handler && !irq_active());
	irq_dispatch(a.vector);
	CHECK_EQ(calls, 11);
	irq_free(&b);
	irq_dispatch(b.vector);
	CHECK_EQ(calls, 11);
	CHECK_EQ(eois, 3);
	irq_free(&a);
	CHECK_PANIC(irq_free(&a));
}

TEST(fixed_vectors)
{
	setup();
	irq_set_fixed(IRQ_VECTOR_CALL, fixed);
	irq_dispatch(IRQ_VECTOR_CALL);
	CHECK_EQ(calls, 100);
	CHECK_EQ(eois, 1);
	CHECK_PANIC(irq_set_fixed(IRQ_VECTOR_CALL, fixed));
	CHECK_PANIC(irq_set_fixed(IRQ_VECTOR_LAST, fixed));
}

TEST(spurious_interrupts_are_not_acknowledged)
{
	setup();
	irq_dispatch(IRQ_VECTOR_SPURIOUS);
	irq_dispatch(0x27); /* the PIC's own spurious one */
	CHECK_EQ(eois, 0);
	/* A real one that nobody wants blocks all others until it is. */
	irq_dispatch(IRQ_VECTOR_POSTED);
	irq_dispatch(IRQ_VECTOR_LAST);
	CHECK_EQ(eois, 2);
}

TEST(messages)
{
	static u32 one = 1;
	struct irq irq;
	struct irq_msi msi;

	setup();
	CHECK_EQ(irq_alloc(&irq, handler, &one), 0);
	CHECK_EQ(irq_compose_msi(&irq, 0, 0x100, &msi), 0);
	/* Destination in bits 19:12, no redirection hint, physical mode. */
	CHECK_EQ(msi.address, 0xfee05000);
	CHECK_EQ(msi.data, irq.vector);
	irq_free(&irq);
	apic_id = 255;
	CHECK_EQ(irq_alloc(&irq, handler, &one), 0);
	CHECK_EQ(irq_compose_msi(&irq, 0, 0x100, &msi), 0);
	CHECK_EQ(msi.address, 0xfeeff000);
	irq_free(&irq);
	apic_id = 256;
	CHECK_EQ(irq_alloc(&irq, handler, &one), -ENOTSUP);
}

TEST(vectors_run_out_and_come_back)
{
	static struct irq irqs[IRQ_VECTOR_LAST - IRQ_VECTOR_FIRST + 1], more;
	static u32 one = 1;

	setup();
	for (u32 i = 0; i < ARRAY_LEN(irqs); i++)
		CHECK_EQ(irq_alloc(&irqs[i], handler, &one), 0);
	CHECK_EQ(irq_alloc(&more, handler, &one), -ENOSPC);
	irq_free(&irqs[7]);
	CHECK_EQ(irq_alloc(&more, handler, &one), 0);
	CHECK_EQ(more.vector, irqs[7].vector);
	irq_free(&more);
	for (u32 i = 0; i < ARRAY_LEN(irqs); i++)
		if (i != 7)
			irq_free(&irqs[i]);
}

static u32 routed_gsi, unmasked;
static struct irq_msi routed_msi;
static bool routed_level, routed_low;

static int route(u32 gsi, struct irq_msi msi, bool level, bool active_low)
{
	if (gsi >= 24)
		return -ENODEV;
	routed_gsi = gsi;
	routed_msi = msi;
	routed_level = level;
	routed_low = active_low;
	return 0;
}

static int find(u32 gsi, u8 *ioapic_id, u8 *pin)
{
	*ioapic_id = 7;
	*pin = (u8)(gsi - 1);
	return gsi < 24 ? 0 : -ENODEV;
}

static void mask(u32 gsi, bool masked)
{
	CHECK(!masked && gsi == routed_gsi);
	unmasked++;
}

TEST(lines)
{
	static const struct irq_line_ops ops = { .route = route, .mask = mask, .find = find };
	static u32 one = 1;
	struct irq irq;

	setup();
	CHECK_EQ(irq_alloc(&irq, handler, &one), 0);
	CHECK_EQ(irq_connect_line(&irq, 4, false, false), -ENODEV);
	irq_set_line_ops(&ops);
	CHECK_EQ(irq_connect_line(&irq, 24, false, false), -ENODEV);
	CHECK_EQ(unmasked, 0);
	CHECK_EQ(irq_connect_line(&irq, 16, true, true), 0);
	CHECK(routed_gsi == 16 && routed_level && routed_low && unmasked == 1);
	CHECK_EQ(routed_msi.data, irq.vector);
	CHECK_EQ(irq_connect_isa(&irq, 4), 0);
	CHECK(routed_gsi == 4 && !routed_level && !routed_low);
	host.override_count = 1;
	host.overrides[0] = (struct host_override){ .isa_irq = 9, .gsi = 20, .level = true };
	CHECK_EQ(irq_connect_isa(&irq, 9), 0);
	CHECK(routed_gsi == 20 && routed_level && !routed_low);
	irq_free(&irq);
}

TEST(any_cpu)
{
	static u32 one = 1;
	struct irq a, b;
	struct irq_msi msi;

	setup();
	CHECK_EQ(irq_alloc_on(&a, 3, handler, &one), -ENODEV);
	CHECK_EQ(irq_alloc_on(&a, 2, handler, &one), -ENOTSUP);
	CHECK_EQ(irq_alloc_on(&a, 1, handler, &one), 0);
	CHECK_EQ(irq_alloc_on(&b, 0, handler, &one), 0);
	CHECK(a.cpu == 1 && b.cpu == 0);
	CHECK_EQ(irq_compose_msi(&a, 0, 0, &msi), 0);
	CHECK_EQ(msi.address, 0xfee09000);
	for (u32 i = 0; i < 7; i++) /* each in turn, but not the one that cannot be named */
		CHECK(irq_next_cpu() != 2);
	CHECK(irq_next_cpu() != irq_next_cpu() || irq_next_cpu() != irq_next_cpu());
	irq_free(&a);
	irq_free(&b);
}

static u32 reroutes;
static int reroute_result;

static int reroute(struct irq *irq, void *ctx)
{
	struct irq_msi *msi = ctx;

	reroutes++;
	return reroute_result ? reroute_result : irq_compose_msi(irq, 0, 0x18, msi);
}

TEST(an_interrupt_that_moves)
{
	static u32 one = 1;
	struct irq_msi msi;
	struct irq irq;
	u8 old;

	setup();
	ipis = reroutes = 0;
	CHECK_EQ(irq_alloc_on(&irq, 0, handler, &one), 0);
	old = irq.vector;
	CHECK_EQ(irq_move(&irq, 0, reroute, &msi), 0); /* it is there */
	CHECK_EQ(irq_move(&irq, 3, reroute, &msi), -ENODEV);
	CHECK_EQ(irq_move(&irq, 2, reroute, &msi), -ENOTSUP);
	CHECK_EQ(reroutes + ipis, 0);
	reroute_result = -EIO;
	CHECK_EQ(irq_move(&irq, 1, reroute, &msi), -EIO);
	CHECK(irq.cpu == 0 && irq.apic_id == 8 && irq.vector == old && !ipis);
	irq_dispatch(old);
	CHECK_EQ(calls, 1);
	reroute_result = 0;
	CHECK_EQ(irq_move(&irq, 1, reroute, &msi), 0);
	CHECK_EQ(msi.address, 0xfee09000);
	CHECK(irq.cpu == 1 && msi.data == irq.vector);
	/* One that was on its way is not lost: the handler is called on the new CPU. */
	CHECK(ipis == 1 && ipi_cpu == 1 && ipi_vector == irq.vector);
	irq_free(&irq);
}

static u32 remaps, unremaps, remapped_rid, remapped_pin;

static int remap(u16 segment, u16 rid, const struct irq *irq, s32 *index, struct irq_msi *out)
{
	remaps += segment == 1;
	remapped_rid = rid;
	if (*index < 0)
		*index = 40;
	*out = (struct irq_msi){ .address = 0xfee00010 | irq->apic_id << 8, .data = 0 };
	return 0;
}

static void unremap(u16 segment, u16 rid, s32 index)
{
	unremaps += segment == 1 && rid == remapped_rid && index == 40;
}

static int remap_ioapic(u8 ioapic_id, u8 pin, const struct irq *irq, bool level, s32 *index,
			struct irq_msi *out)
{
	(void)level;
	remapped_pin = (u32)ioapic_id << 8 | pin;
	*index = 50;
	*out = (struct irq_msi){ .address = 0xfee00650, .data = irq->vector };
	return pin == 9 ? -EIO : 0;
}

TEST(remapping)
{
	static const struct irq_remap_ops ops = { remap, unremap, remap_ioapic };
	static const struct irq_line_ops lines = { .route = route, .mask = mask, .find = find };
	static u32 one = 1;
	struct irq irq;
	struct irq_msi msi;

	setup();
	irq_set_remap_ops(&ops);
	irq_set_line_ops(&lines);
	/* Now any CPU can be named. */
	CHECK_EQ(irq_alloc_on(&irq, 2, handler, &one), 0);
	CHECK_EQ(irq_compose_msi(&irq, 1, 0x123, &msi), 0);
	CHECK(irq.entry == 40 && remaps == 1 && remapped_rid == 0x123);
	CHECK_EQ(msi.address, 0xfee00010 | 300 << 8);
	CHECK_EQ(irq_compose_msi(&irq, 1, 0x123, &msi), 0);
	CHECK_EQ(irq.entry, 40);
	irq_free(&irq);
	CHECK(unremaps == 1 && irq.entry == -1);
	CHECK_EQ(irq_alloc(&irq, handler, &one), 0);
	CHECK_EQ(irq_connect_line(&irq, 5, true, true), 0);
	CHECK_EQ(remapped_pin, 0x704);
	CHECK_EQ(routed_msi.address, 0xfee00650);
	CHECK_EQ(irq_connect_line(&irq, 24, true, true), -ENODEV);
	CHECK_EQ(irq_connect_line(&irq, 10, true, true), -EIO);
	irq_free(&irq); /* the pin keeps its entry */
	CHECK_EQ(unremaps, 1);
	irq_set_remap_ops(NULL);
}

TEST(core_takes_the_hooks)
{
	irq_init();
	CHECK(hooks && hooks->external == irq_dispatch && hooks->irq_return == sched_irq_return);
	CHECK(hooks->nmi == panic_nmi && hooks->fatal == panic_trap &&
	      hooks->machine_check == mce_trap);
}
