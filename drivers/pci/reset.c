/*
 * Function-level reset (PCIe 6.0, 6.6.2; the ECN "Advanced Capabilities for Conventional PCI" for what is not PCIe).
 */
#include "core/clock.h"
#include "core/log.h"
#include "core/thread.h"
#include "drivers/pci/pci.h"
#include "lib/errno.h"

#define MS          1000000ull
#define PENDING_NS  (100 * MS) /* for transactions that are under way */
#define QUIET_NS    (100 * MS) /* nobody looks at it */
#define BACK_NS     (2000 * MS)
#define STEP_NS     (10 * MS)
#define SAVED_FIRST 0x0cu /* cache line, timer, BARs, ROM, interrupt line */
#define SAVED_LAST  0x3cu

static void pause(u64 ns)
{
	u64 end = clock_ns() + ns;

	while (clock_ns() < end)
		thread_block_until(end);
}

static bool has_express_reset(const struct pci_device *d)
{
	return d->caps.express &&
	       pci_read32(d, d->caps.express + PCI_EXPRESS_DEVICE_CAP) & PCI_EXPRESS_FLR;
}

static bool has_af_reset(const struct pci_device *d)
{
	return d->caps.af &&
	       (pci_read8(d, d->caps.af + PCI_AF_CAP) & PCI_AF_CAP_FLR) == PCI_AF_CAP_FLR;
}

bool pci_can_reset(const struct pci_device *d)
{
	return d->header == PCI_HEADER_DEVICE && (has_express_reset(d) || has_af_reset(d));
}

static bool is_pending(const struct pci_device *d)
{
	if (has_express_reset(d))
		return pci_read16(d, d->caps.express + PCI_EXPRESS_DEVICE_STATUS) &
		       PCI_EXPRESS_PENDING;
	return pci_read8(d, d->caps.af + PCI_AF_STATUS) & PCI_AF_PENDING;
}

static void wait_for_pending(struct pci_device *d)
{
	u64 end = clock_ns() + PENDING_NS;

	while (is_pending(d) && clock_ns() < end)
		pause(STEP_NS);
	if (is_pending(d) && !pci_is_gone(d))
		log_warn("pci: %s: reset while transactions are under way", d->name);
}

static void reset(struct pci_device *d)
{
	u32 reg = d->caps.express + PCI_EXPRESS_DEVICE_CONTROL;

	if (has_express_reset(d))
		pci_write16(d, reg, pci_read16(d, reg) | (u16)PCI_EXPRESS_DO_FLR);
	else
		pci_write8(d, d->caps.af + PCI_AF_CONTROL, (u8)PCI_AF_DO_FLR);
}

/* It reads as all ones, or as one that asks for patience, until it is there again. */
static bool is_back(struct pci_device *d)
{
	return pci_read16(d, PCI_VENDOR) == d->vendor && pci_read16(d, PCI_DEVICE) == d->device;
}

static int wait_until_back(struct pci_device *d)
{
	u64 end = clock_ns() + BACK_NS;

	pause(QUIET_NS);
	while (!is_back(d)) {
		if (clock_ns() >= end)
			return pci_is_gone(d) ? -ENODEV : -ETIMEDOUT;
		pause(STEP_NS);
	}
	return 0;
}

int pci_function_reset(struct pci_device *d)
{
	u32 saved[SAVED_LAST / 4 + 1], control = 0;
	int ret;

	if (pci_is_gone(d))
		return -ENODEV;
	if (!pci_can_reset(d))
		return -ENOTSUP;
	if (d->vectors)
		return -EBUSY;
	for (u32 reg = SAVED_FIRST; reg <= SAVED_LAST; reg += 4)
		saved[reg / 4] = pci_read32(d, reg);
	if (d->caps.express)
		control = pci_read16(d, d->caps.express + PCI_EXPRESS_DEVICE_CONTROL);
	pci_write16(d, PCI_COMMAND, (u16)PCI_COMMAND_NO_INTX);
	wait_for_pending(d);
	reset(d);
	ret = wait_until_back(d);
	if (ret)
		return ret;
	for (u32 reg = SAVED_FIRST; reg <= SAVED_LAST; reg += 4)
		pci_write32(d, reg, saved[reg / 4]);
	if (d->caps.express)
		pci_write16(d, d->caps.express + PCI_EXPRESS_DEVICE_CONTROL, (u16)control);
	pci_write16(d, PCI_COMMAND, (u16)PCI_COMMAND_NO_INTX);
	return 0;
}
