/*
 * An NVMe controller as a PCI device: registers in BAR 0, MSI-X (else MSI) for the queues, DMA through core/dma.h. Each
 * I/O queue pair's interrupt comes to the CPU whose pair it is.
 */
#include "arch/cpu.h"
#include "core/log.h"
#include "drivers/nvme/driver.h"
#include "drivers/nvme/nvme.h"
#include "drivers/pci/pci.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/hw/nvme.h"
#include "mm/heap.h"
#include "mm/kmap.h"

#define NVME_CLASS 0x010802u
#define KELVIN     273u

struct vector {
	struct glue *glue;
	u32 index;
	struct irq irq;
	bool allocated;
};

struct glue {
	struct nvme c;
	struct pci_device *pci;
	u32 vector_count;
	struct vector vectors[NVME_QUEUES_MAX + 1];
};

static u32 next_number; /* probe()'s thread */

static void interrupt(void *arg)
{
	struct vector *v = arg;

	nvme_interrupt(&v->glue->c, v->index);
}

static void cut_off(struct nvme *c)
{
	struct glue *g = c->glue;
	int err = pci_bus_master(g->pci, false);

	if (err && err != -ENODEV)
		log_error("%s: its bus mastering cannot be switched off", c->name);
}

static const struct nvme_bus bus = { .cut_off = cut_off };

/* The admin queue's goes to any CPU, an I/O queue's to the CPU whose it is. */
static int connect(struct glue *g, u32 index)
{
	struct vector *v = &g->vectors[index];
	u32 cpu = index ? (index - 1) % g->c.wanted_queues : irq_next_cpu();
	int err;

	v->glue = g;
	v->index = index;
	err = irq_alloc_on(&v->irq, cpu, interrupt, v);
	if (err)
		return err;
	v->allocated = true;
	return pci_irq_connect(g->pci, index, &v->irq);
}

static void free_vectors(struct glue *g)
{
	pci_irqs_free(g->pci);
	for (u32 i = 0; i < g->vector_count; i++) {
		if (g->vectors[i].allocated)
			irq_free(&g->vectors[i].irq);
	}
}

/* One for each CPU and one for the admin queue, where there are as many; else one for all. */
static int alloc_vectors(struct glue *g)
{
	u32 wanted = g->c.wanted_queues + 1;
	int err = -ENOTSUP;

	g->vector_count = pci_msix_count(g->pci) >= wanted ? wanted : 1;
	if (pci_msix_count(g->pci))
		err = pci_msix_alloc(g->pci, g->vector_count);
	if (err) {
		g->vector_count = 1;
		err = pci_msi_alloc(g->pci);
	}
	if (err)
		return err;
	g->c.vectors = g->vector_count;
	for (u32 i = 0; i < g->vector_count && !err; i++)
		err = connect(g, i);
	if (err)
		free_vectors(g);
	return err;
}

static int map_registers(struct glue *g)
{
	g->c.regs_len = g->pci->bars[0].range.len;
	g->c.regs = pci_bar_map(g->pci, 0, 0, 0);
	if (g->c.regs)
		return 0;
	log_error("%s: no registers: %s", g->c.name,
		  g->pci->bars[0].wrong ? g->pci->bars[0].wrong : "BAR 0 is not there");
	return -ENODEV;
}

/* The controller's threads bring it up; its namespaces become block devices as they are found. */
static int start_controller(struct glue *g)
{
	int err = dma_device_start(&g->pci->dma);

	if (err)
		return err;
	err = nvme_memory_create(&g->c);
	if (!err) {
		err = pci_bus_master(g->pci, true);
		if (!err)
			err = nvme_threads_start(&g->c);
		if (!err)
			return 0;
		cut_off(&g->c);
		nvme_memory_destroy(&g->c);
	}
	dma_device_stop(&g->pci->dma);
	return err;
}

static int start(struct glue *g)
{
	int err = pci_decode(g->pci, true);

	if (!err)
		err = alloc_vectors(g);
	if (err)
		return err;
	err = start_controller(g);
	if (err)
		free_vectors(g);
	return err;
}

static void blocked(struct dma_device *d)
{
	nvme_blocked(d->driver);
}

static struct glue *make(struct pci_device *d)
{
	struct glue *g = kalloc(sizeof(*g));

	if (!g)
		return NULL;
	g->pci = d;
	g->c.number = next_number++;
	g->c.bus = &bus;
	g->c.dma = &d->dma;
	g->c.hostdev = &d->hostdev;
	g->c.glue = g;
	g->c.wanted_queues = MIN(cpu_count(), NVME_QUEUES_MAX);
	snprintf(g->c.name, sizeof(g->c.name), "nvme%u", g->c.number);
	d->dma.mask = ~0ULL;
	d->dma.blocked = blocked;
	d->dma.driver = &g->c;
	d->dma.align = sizeof(u32); /* NVMe 2.0, 4.1.1: a PRP entry's offset is a multiple of it */
	return g;
}

static int probe(struct pci_device *d)
{
	struct glue *g = make(d);
	int err = g ? map_registers(g) : -ENOMEM;

	if (!err)
		err = start(g);
	if (!err) {
		d->priv = g;
		for (u32 i = 0; i < g->vector_count; i++)
			pci_irq_mask(d, i, false);
		return 0;
	}
	if (g && g->c.regs)
		kunmap(g->c.regs, g->c.regs_len);
	kfree(g);
	return err;
}

static void shutdown(struct pci_device *d)
{
	struct glue *g = d->priv;

	for (u32 i = 0; i < g->c.queue_count; i++)
		nvme_queue_stop(&g->c.io[i]);
	nvme_shutdown_begin(&g->c);
	if (!nvme_shutdown_wait(&g->c))
		log_error("%s: does not say that it has kept everything", g->c.name);
}

static void number(struct hostdev_sink *s, const char *name, u64 n)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	s->open(s, name);
	s->text(s, text);
	s->close(s);
}

/* What the health log said when it was last read; 128-bit figures by their lower half. */
static void describe(struct pci_device *d, struct hostdev_sink *s)
{
	const struct glue *g = d->priv;
	struct nvme_smart h = g->c.smart;

	if (!g->c.smart_valid)
		return;
	s->open(s, "smart");
	number(s, "critical_warning", h.critical_warning);
	number(s, "temperature_celsius", h.temperature > KELVIN ? h.temperature - KELVIN : 0);
	number(s, "available_spare", h.spare);
	number(s, "available_spare_threshold", h.spare_threshold);
	number(s, "percentage_used", h.percentage_used);
	number(s, "data_units_read", h.data_read[0]);
	number(s, "data_units_written", h.data_written[0]);
	number(s, "power_cycles", h.power_cycles[0]);
	number(s, "power_on_hours", h.power_on_hours[0]);
	number(s, "unsafe_shutdowns", h.unsafe_shutdowns[0]);
	number(s, "media_errors", h.media_errors[0]);
	s->close(s);
}

static const struct pci_match matches[] = { { PCI_ANY, PCI_ANY, NVME_CLASS, 0xffffff }, {} };

const struct pci_driver nvme_driver = {
	.name = "nvme",
	.matches = matches,
	.probe = probe,
	.shutdown = shutdown,
	.describe = describe,
};
