/*
 * The machine's PCI host bridge (Intel 3 Series, the q35's) with bus 0, its LPC bridge (ICH9), and the reset register, which
 * lies among the ports of configuration space. Configuration space by memory (PCI Firmware 3.3, 4.1) is on from the start, as
 * firmware would have left it. What is not there reads all ones.
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vdev/machine.h"
#include "vdev/pci.h"
#include "vdev/vdevs.h"
#include "vm/iobus.h"
#include "vm/state.h"
#include "vm/vm.h"

#define PORTS       8u
#define PORT_RESET  (RESET_PORT - PCI_CONFIG_ADDRESS)
#define PORT_DATA   (PCI_CONFIG_DATA - PCI_CONFIG_ADDRESS)
#define ADDRESS_RW  0x80fffffcu
#define FNS         2u
#define LPC_DEVFN   0xf8 /* 1f.0 */
#define CLASS_HOST  0x060000
#define CLASS_ISA   0x060100
#define LPC_PMBASE  0x40 /* ICH9 data sheet, 13.1: where the ACPI block is, */
#define LPC_ACPI_EN 0x44 /* and that it is on */

enum pci_bank { BANK_PORTS, BANK_ECAM };

struct pci_host {
	struct vdev dev;
	u32 address; /* the port's latch */
	u8 reset_control;
	struct pci_fn fns[FNS];
	struct pci_fn power_on[FNS];    /* const after creation */
	struct pci_fn *bus[PCI_DEVFNS]; /* const after creation; bus 0 */
};

/* --- functions --------------------------------------------------------------------------------------- */

void pci_fn_set(struct pci_fn *f, u32 reg, u32 size, u32 value)
{
	memcpy(f->config + reg, &value, size);
}

void pci_fn_set_writable(struct pci_fn *f, u32 reg, u32 size, u32 bits)
{
	memcpy(f->writable + reg, &bits, size);
}

void pci_fn_init(struct pci_fn *f, u8 devfn, u16 vendor, u16 device, u32 class, u8 revision)
{
	*f = (struct pci_fn){ .devfn = devfn };
	pci_fn_set(f, PCI_VENDOR, 2, vendor);
	pci_fn_set(f, PCI_DEVICE, 2, device);
	pci_fn_set(f, PCI_REVISION, 4, class << 8 | revision);
}

/* --- configuration space; reg and size do not cross four bytes ------------------------------------------- */

static struct pci_fn *fn_of(const struct pci_host *h, u32 bus, u32 devfn)
{
	return bus ? NULL : h->bus[devfn];
}

static void config_read(const struct pci_fn *f, u32 reg, struct io_access *a)
{
	a->value = 0;
	if (!f)
		a->value = BITS(8 * a->size - 1, 0);
	else if (reg < PCI_CONFIG_SIZE) /* beyond it there are no capabilities: 0 */
		memcpy(&a->value, f->config + reg, a->size);
}

static void config_write(struct pci_fn *f, u32 reg, const struct io_access *a)
{
	if (!f || reg >= PCI_CONFIG_SIZE)
		return;
	for (u32 i = 0; i < a->size; i++) {
		u8 may = f->writable[reg + i], v = (u8)(a->value >> 8 * i);

		f->config[reg + i] = (u8)((f->config[reg + i] & ~may) | (v & may));
	}
}

static int config(struct pci_fn *f, u32 reg, struct io_access *a)
{
	if (a->size > 4 || (reg & 3) + a->size > 4)
		return -ENOTSUP;
	if (a->write)
		config_write(f, reg, a);
	else
		config_read(f, reg, a);
	return 0;
}

static int config_by_port(struct pci_host *h, struct io_access *a)
{
	u32 bus = h->address >> PCI_CONFIG_BUS & 0xff,
	    devfn = h->address >> PCI_CONFIG_DEVFN & 0xff;

	if (!(h->address & PCI_CONFIG_ENABLE))
		return -ENOTSUP;
	return config(fn_of(h, bus, devfn), (h->address & 0xfc) + (a->offset - PORT_DATA), a);
}

/* --- ports and memory -------------------------------------------------------------------------------------- */

static int address_io(struct pci_host *h, struct io_access *a)
{
	if (a->write)
		h->address = (u32)a->value & ADDRESS_RW;
	else
		a->value = h->address;
	return 0;
}

static int reset_io(struct pci_host *h, struct io_access *a)
{
	u8 old = h->reset_control;

	if (!a->write) {
		a->value = old;
		return 0;
	}
	h->reset_control = a->value & (RESET_SYS | RESET_CPU);
	if (h->reset_control & ~old & RESET_CPU)
		vm_stop(h->dev.vm, STOP_RESET, "reset by the reset register");
	return 0;
}

static int pci_host_io(struct vdev *dev, u32 bank, struct io_access *a)
{
	struct pci_host *h = container_of(dev, struct pci_host, dev);

	if (bank == BANK_ECAM)
		return config(fn_of(h, (u32)(a->offset >> 20), a->offset >> 12 & 0xff),
			      a->offset & (PCI_EXT_CONFIG_SIZE - 1), a);
	if (a->offset >= PORT_DATA)
		return config_by_port(h, a);
	if (a->offset == 0 && a->size == 4)
		return address_io(h, a);
	return a->offset == PORT_RESET && a->size == 1 ? reset_io(h, a) : -ENOTSUP;
}

/* --- the device ---------------------------------------------------------------------------------------------- */

static void pci_host_reset(struct vdev *dev)
{
	struct pci_host *h = container_of(dev, struct pci_host, dev);

	h->address = 0;
	h->reset_control = 0;
	memcpy(h->fns, h->power_on, sizeof(h->fns));
}

/* What the guest cannot write must be as it is here. */
static void fn_state(struct pci_fn *f, struct state *s)
{
	u8 config[PCI_CONFIG_SIZE], other = 0;

	memcpy(config, f->config, sizeof(config));
	state_bytes(s, "config", config, sizeof(config));
	for (u32 i = 0; i < sizeof(config); i++)
		other |= (u8)((config[i] ^ f->config[i]) & ~f->writable[i]);
	if (other)
		state_reject(s, "config");
	if (s->loading && !state_result(s))
		memcpy(f->config, config, sizeof(config));
}

static void pci_host_state(struct vdev *dev, struct state *s)
{
	struct pci_host *h = container_of(dev, struct pci_host, dev);

	state_u32(s, "address", &h->address);
	state_u8(s, "reset_control", &h->reset_control);
	for (u32 i = 0; i < FNS; i++)
		fn_state(&h->fns[i], s);
	if (h->address & ~ADDRESS_RW)
		state_reject(s, "address");
	if (h->reset_control & ~(RESET_SYS | RESET_CPU))
		state_reject(s, "reset_control");
}

static const struct vdev_ops pci_host_ops = {
	.name = "pci_host",
	.version = 1,
	.reset = pci_host_reset,
	.state = pci_host_state,
};

static void make_host_bridge(struct pci_fn *f)
{
	pci_fn_init(f, 0, 0x8086, 0x29c0, CLASS_HOST, 0);
	pci_fn_set(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	pci_fn_set(f, MACHINE_PCIEXBAR, 4, MACHINE_ECAM | MACHINE_PCIEXBAR_ON);
}

static void make_lpc(struct pci_fn *f, bool acpi)
{
	pci_fn_init(f, LPC_DEVFN, 0x8086, 0x2918, CLASS_ISA, 2);
	pci_fn_set(f, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	pci_fn_set(f, PCI_HEADER, 1, PCI_HEADER_MULTI_FUNC);
	if (!acpi)
		return;
	pci_fn_set(f, LPC_PMBASE, 4, PM_PORT | 1);
	pci_fn_set(f, LPC_ACPI_EN, 1, BIT(7));
}

int pci_host_create(struct vm *vm, const struct domain *cfg)
{
	struct pci_host *h = heap_alloc(vm->heap, sizeof(*h), 0);
	int err;

	if (!h)
		return -ENOMEM;
	vdev_add(vm, &h->dev, &pci_host_ops, 0, RANK_VDEV);
	make_host_bridge(&h->fns[0]);
	make_lpc(&h->fns[1], cfg->acpi);
	for (u32 i = 0; i < FNS; i++) {
		pci_fn_set_writable(&h->fns[i], PCI_INTERRUPT_LINE, 1, 0xff);
		h->bus[h->fns[i].devfn] = &h->fns[i];
	}
	memcpy(h->power_on, h->fns, sizeof(h->fns));
	err = iobus_claim(vm->bus, IO_PORT, PCI_CONFIG_ADDRESS, PORTS, &h->dev, pci_host_io,
			  BANK_PORTS);
	if (!err)
		err = iobus_claim(vm->bus, IO_MEM, MACHINE_ECAM, MACHINE_ECAM_SIZE, &h->dev,
				  pci_host_io, BANK_ECAM);
	return err;
}
