/*
 * ACPI fixed hardware (ACPI 6.5, 4.8): PM1 events and control, PM timer.
 * ACPI mode is always on: there is no SMI command port.
 */
#include "lib/errno.h"
#include "lib/hw/acpi.h"
#include "mm/heap.h"
#include "vdev/irqline.h"
#include "vdev/machine.h"
#include "vdev/ticks.h"
#include "vdev/vdevs.h"
#include "vm/iobus.h"
#include "vm/vm.h"

#define PM1_EVENTS                                                                                 \
	(ACPI_PM1_TMR_STS | ACPI_PM1_GBL_STS | ACPI_PM1_PWRBTN_STS | ACPI_PM1_SLPBTN_STS |         \
	 ACPI_PM1_RTC_STS)
#define PM_TMR_CARRY_SHIFT 31 /* of a 32-bit timer this bit's change sets TMR_STS */

struct acpi_pm {
	struct vdev dev;
	u16 status, enable, control;
	u64 start_ns;  /* when the PM timer was 0 */
	u64 synced_ns; /* TMR_STS holds the timer's carries up to here */
	struct vtimer timer;
	struct irqline sci;
};

static u64 timer_ticks(const struct acpi_pm *p, u64 moment)
{
	return ns_to_ticks(moment - p->start_ns, ACPI_PM_TIMER_HZ);
}

static void carry_sync(struct acpi_pm *p)
{
	u64 now = vm_time_ns(p->dev.vm);

	if (timer_ticks(p, now) >> PM_TMR_CARRY_SHIFT !=
	    timer_ticks(p, p->synced_ns) >> PM_TMR_CARRY_SHIFT)
		p->status |= ACPI_PM1_TMR_STS;
	p->synced_ns = now;
}

/* Sets the SCI, and the timer where a carry would raise it. */
static void sci_update(struct acpi_pm *p)
{
	vtimer_cancel(&p->timer);
	if (p->enable & ~p->status & ACPI_PM1_TMR_STS) {
		u64 carry = (timer_ticks(p, p->synced_ns) >> PM_TMR_CARRY_SHIFT) + 1;

		vtimer_arm(&p->timer, p->start_ns + ticks_to_ns(carry << PM_TMR_CARRY_SHIFT,
								ACPI_PM_TIMER_HZ));
	}
	irqline_set(p->dev.vm, &p->sci, p->status & p->enable & PM1_EVENTS);
}

static void timer_fired(struct vtimer *t)
{
	struct acpi_pm *p = container_of(t, struct acpi_pm, timer);

	carry_sync(p);
	sci_update(p);
}

static void control_write(struct acpi_pm *p, u16 v)
{
	/* GBL_RLS and SLP_EN read as 0; SCI_EN stands for ACPI mode and cannot be cleared. */
	p->control = (v & (ACPI_PM1_BM_RLD | ACPI_PM1_SLP_TYP)) | ACPI_PM1_SCI_EN;
	if ((v & ACPI_PM1_SLP_EN) &&
	    (v & ACPI_PM1_SLP_TYP) >> ACPI_PM1_SLP_TYP_SHIFT == PM_SLP_TYP_S5)
		vm_stop(p->dev.vm, STOP_POWEROFF, "powered off");
}

/* The block as it reads: one 16-bit register in each two bytes. */
static u64 block_read(const struct acpi_pm *p, u32 offset)
{
	u64 low = p->status | (u64)p->enable << 16 | (u64)p->control << 32;
	u64 high = (u32)timer_ticks(p, vm_time_ns(p->dev.vm));

	if (offset >= PM_TMR)
		return high >> 8 * (offset - PM_TMR);
	return offset ? low >> 8 * offset | high << (64 - 8 * offset) : low;
}

/* Writes the bytes of the first 8 that mask covers; the timer is read-only. */
static void block_write(struct acpi_pm *p, u64 value, u64 mask)
{
	u16 events = (u16)(mask >> 16);

	p->status &= ~(u16)(value & mask);
	p->enable = (u16)((p->enable & ~events) | ((value & mask) >> 16 & PM1_EVENTS));
	if (mask & BITS(47, 32)) {
		u16 lanes = (u16)(mask >> 32);

		control_write(p, (u16)((p->control & ~lanes) | ((value & mask) >> 32)));
	}
}

static int acpi_pm_io(struct vdev *dev, u32 bank, struct io_access *a)
{
	struct acpi_pm *p = container_of(dev, struct acpi_pm, dev);
	u32 shift = 8 * (u32)a->offset;

	(void)bank;
	if (a->size > 4)
		return -ENOTSUP;
	if (a->offset >= PM_TMR) { /* often read, and nothing follows from it */
		if (!a->write)
			a->value = block_read(p, (u32)a->offset);
		return 0;
	}
	carry_sync(p);
	if (!a->write)
		a->value = block_read(p, (u32)a->offset);
	else
		block_write(p, a->value << shift, BITS(8 * a->size - 1, 0) << shift);
	sci_update(p);
	return 0;
}

static void acpi_pm_power_button(struct vdev *dev)
{
	struct acpi_pm *p = container_of(dev, struct acpi_pm, dev);

	p->status |= ACPI_PM1_PWRBTN_STS;
	carry_sync(p);
	sci_update(p);
}

static void acpi_pm_reset(struct vdev *dev)
{
	struct acpi_pm *p = container_of(dev, struct acpi_pm, dev);

	p->status = 0;
	p->enable = 0;
	p->control = ACPI_PM1_SCI_EN;
	p->start_ns = vm_time_ns(dev->vm);
	p->synced_ns = p->start_ns;
	irqline_renew(&p->sci);
	sci_update(p);
}

static void acpi_pm_state(struct vdev *dev, struct state *s)
{
	struct acpi_pm *p = container_of(dev, struct acpi_pm, dev);
	u8 reset_control;

	carry_sync(p);
	state_u16(s, "status", &p->status);
	state_u16(s, "enable", &p->enable);
	state_u16(s, "control", &p->control);
	if (s->version < 2)
		state_u8(s, "reset_control", &reset_control); /* is vdev/pci_host.c's now */
	state_moment(s, dev, "timer_start", &p->start_ns);
	if (p->status & ~PM1_EVENTS)
		state_reject(s, "status");
	if (p->enable & ~PM1_EVENTS)
		state_reject(s, "enable");
	if ((p->control & ~(ACPI_PM1_BM_RLD | ACPI_PM1_SLP_TYP)) != ACPI_PM1_SCI_EN)
		state_reject(s, "control");
	if (!s->loading || state_result(s))
		return;
	p->synced_ns = vm_time_ns(dev->vm);
	irqline_renew(&p->sci);
	sci_update(p);
}

static const struct vdev_ops acpi_pm_ops = {
	.name = "acpi_pm",
	.version = 2,
	.reset = acpi_pm_reset,
	.state = acpi_pm_state,
	.power_button = acpi_pm_power_button,
};

int acpi_pm_create(struct vm *vm, const struct domain *cfg)
{
	struct acpi_pm *p;

	if (!cfg->acpi)
		return 0;
	p = heap_alloc(vm->heap, sizeof(*p), 0);
	if (!p)
		return -ENOMEM;
	vdev_add(vm, &p->dev, &acpi_pm_ops, 0, RANK_VDEV);
	p->sci.gsi = PM_SCI;
	vtimer_init_dev(&p->timer, &p->dev, timer_fired);
	return iobus_claim(vm->bus, IO_PORT, PM_PORT, PM_LEN, &p->dev, acpi_pm_io, 0);
}
