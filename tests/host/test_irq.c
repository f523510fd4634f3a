/*
 * core/irq.h: vectors, MSI messages (SDM vol. 3, "Message Signalled Interrupts"), dispatch, lines.
 *
 * sources: core/irq.c arch/lock.c
 */
#include "arch/cpu.h"
#include "arch/lapic.h"
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
	msi = irq_compose_msi(&irq);
	/* Destination in bits 19:12, no redirection hint, physical mode. */
	CHECK_EQ(msi.address, 0xfee05000);
	CHECK_EQ(msi.data, irq.vector);
	irq_free(&irq);
	apic_id = 255;
	CHECK_EQ(irq_alloc(&irq, handler, &one), 0);
	CHECK_EQ(irq_compose_msi(&irq).address, 0xfeeff000);
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

static void mask(u32 gsi, bool masked)
{
	CHECK(!masked && gsi == routed_gsi);
	unmasked++;
}

TEST(lines)
{
	static const struct irq_line_ops ops = { route, mask };
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

TEST(core_takes_the_hooks)
{
	irq_init();
	CHECK(hooks && hooks->external == irq_dispatch && hooks->irq_return == sched_irq_return);
	CHECK(hooks->nmi == panic_nmi && hooks->fatal == panic_trap &&
	      hooks->machine_check == mce_trap);
}
