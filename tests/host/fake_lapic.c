/*
 * A virtual local APIC without a guest: see the header.
 */
#include "tests/host/fake_lapic.h"

#include "lib/hw/lapic.h"
#include "tests/host/fake_vcpu.h"
#include "tests/host/harness.h"
#include "vm/irq.h"

struct vlapic *l;
u8 eois[64];
u32 eoi_count;

static void chip_line(struct vdev *dev, u32 gsi, bool level) {}

static void chip_eoi(struct vdev *dev, u8 vector)
{
	if (eoi_count < sizeof(eois))
		eois[eoi_count] = vector;
	eoi_count++;
}

void start(void)
{
	const struct irqchip chip = { .line = chip_line, .eoi = chip_eoi };

	fake_vcpu_new();
	CHECK_EQ(vm_irqs_create(fake_vm), 0);
	CHECK_EQ(vm_irqchip_add(fake_vm, &chip), 0);
	CHECK_EQ(vlapic_create(fake_vcpu), 0);
	l = fake_vcpu->lapic;
	eoi_count = 0;
}

u32 rd(u32 offset)
{
	u64 value = 0x5a5a5a5a;

	CHECK_EQ(vlapic_mmio(l, offset, &value, 4, false), 0);
	return (u32)value;
}

void wr(u32 offset, u32 value)
{
	u64 v = value;

	CHECK_EQ(vlapic_mmio(l, offset, &v, 4, true), 0);
}

/* Enabled, all interrupts welcome. */
void start_on(void)
{
	start();
	wr(LAPIC_SVR, 0x1ff);
}

void post(u8 vector, bool level)
{
	struct irq_msg msg = { .delivery = DELIVER_FIXED, .vector = vector, .level = level };

	vlapic_accept(l, &msg);
}

/* What the CPU would take, and takes. */
int take(void)
{
	int vector = vlapic_pending_vector(l);

	if (vector >= 0)
		vlapic_ack_vector(l, (u8)vector);
	return vector;
}
