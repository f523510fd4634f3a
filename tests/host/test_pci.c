/*
 * drivers/pci on buses of fake_pci.c: what is found, base addresses and capabilities that cannot be (PCI 3.0, chapter 6;
 * PCIe 6.0, chapter 7), bus mastering, messages, resets, groups, drivers, names.
 *
 * sources: tests/host/fake_pci.c drivers/pci/bar.c drivers/pci/caps.c drivers/pci/device.c drivers/pci/msi.c
 * sources: drivers/pci/reset.c drivers/pci/group.c drivers/pci/nodedev.c core/hostdev.c lib/fmt.c lib/string.c
 * flags: -include tests/host/fake_irq.h
 */
#include "core/host.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "tests/host/fake_pci.h"
#include "tests/host/harness.h"

#define NET 0x020000u

static u32 count;

static int count_one(struct pci_device *d, void *arg)
{
	(void)d;
	(void)arg;
	count++;
	return 0;
}

static u32 found(void)
{
	count = 0;
	CHECK_EQ(pci_each(count_one, NULL), 0);
	return count;
}

/* --- buses --------------------------------------------------------------------------------------- */

TEST(devices_are_found)
{
	struct fake_function *a, *port, *behind, *second_root, *fn1;

	fake_pci_start();
	fake_function(0, 0, 0, 0x8086, 0x060000);
	a = fake_function(0, 3, 0, 0x1af4, NET);
	fn1 = fake_function(0, 3, 1, 0x1af4, NET); /* not there: function 0 has no others */
	port = fake_bridge(0, 4, 0, 1, 2);
	behind = fake_function(1, 0, 0, 0x1b36, 0x010802);
	second_root = fake_function(0x80, 1, 0, 0x1b36, NET);
	fake_pci_scan();
	CHECK_EQ(found(), 5);
	CHECK(!fake_found(fn1));
	CHECK_STR(fake_found(a)->name, "0000:00:03.0");
	CHECK_EQ(fake_found(a)->class, NET);
	CHECK_EQ(fake_found(behind)->dma.rid, 0x100);
	CHECK(fake_found(behind)->parent == fake_found(port) && !fake_found(second_root)->parent);
	CHECK(fake_found(port)->secondary == 1 && fake_found(port)->subordinate == 2);
	fake_put8(&fake_functions[1], PCI_HEADER, PCI_HEADER_MULTI_FUNC);
}

TEST(several_functions)
{
	struct fake_function *zero, *seven;

	fake_pci_start();
	zero = fake_function(0, 3, 0, 0x1af4, NET);
	seven = fake_function(0, 3, 7, 0x1af4, NET);
	fake_put8(zero, PCI_HEADER, PCI_HEADER_MULTI_FUNC);
	fake_function(0, 5, 2, 0x1af4, NET); /* without function 0 there is nothing */
	fake_pci_scan();
	CHECK_EQ(found(), 2);
	CHECK(fake_found(seven) && fake_found(zero)->multifunction);
}

/* Bus numbers that lead in circles, upwards, or out of what the bridge above has. */
TEST(bridges_that_lie)
{
	static const struct {
		u8 secondary, subordinate;
	} wrong[] = { { 0, 0 }, { 1, 1 }, { 2, 1 }, { 9, 9 }, { 2, 9 }, { 3, 3 } };

	for (u32 i = 0; i < ARRAY_LEN(wrong); i++) {
		struct fake_function *inner, *lost;

		fake_pci_start();
		fake_bridge(0, 1, 0, 1, 4);
		fake_bridge(1, 0, 0, 3, 3);
		inner = fake_bridge(1, 1, 0, wrong[i].secondary, wrong[i].subordinate);
		lost = fake_function(wrong[i].secondary, 4, 0, 0x1af4, NET);
		fake_pci_scan();
		CHECK_EQ(fake_found(inner)->secondary, 0);
		CHECK(found() <= 5);
		/* What is there is seen as a root's, or not at all, but never behind that bridge. */
		CHECK(!fake_found(lost) || fake_found(lost)->parent != fake_found(inner));
	}
}

/* A port answers for every slot of the bus behind it. */
TEST(a_port_has_one_device)
{
	struct fake_function *port;

	fake_pci_start();
	port = fake_bridge(0, 1, 0, 1, 1);
	fake_cap(port, 0x40, PCI_CAP_EXPRESS);
	fake_put16(port, 0x42, PCI_EXPRESS_ROOT_PORT << 4);
	fake_function(1, 0, 0, 0x1af4, NET);
	fake_function(1, 1, 0, 0x1af4, NET);
	fake_pci_scan();
	CHECK_EQ(found(), 2);
}

TEST(a_function_that_asks_for_patience)
{
	struct fake_function *f;

	fake_pci_start();
	f = fake_function(0, 1, 0, PCI_VENDOR_RETRY, NET);
	fake_put16(f, PCI_DEVICE, 0xffff);
	fake_pci_scan();
	CHECK_EQ(found(), 0);
	CHECK(fake_now >= 1000000000); /* for a second */
}

/* --- quiet --------------------------------------------------------------------------------------- */

TEST(nobody_is_master_after_the_scan)
{
	struct fake_function *f, *b, *host_bridge;

	fake_pci_start();
	host_bridge = fake_function(0, 0, 0, 0x8086, 0x060000);
	f = fake_function(1, 0, 0, 0x1af4, NET);
	fake_cap(f, 0x50, PCI_CAP_MSI);
	fake_cap(f, 0x70, PCI_CAP_MSIX);
	fake_put16(f, 0x52, PCI_MSI_CONTROL_ENABLE);
	fake_put16(f, 0x72, PCI_MSIX_CONTROL_ENABLE | 3);
	f->writable[0x52] = 0xff;
	f->writable[0x73] = 0xff;
	b = fake_bridge(0, 1, 0, 1, 1);
	fake_pci_scan();
	CHECK_EQ(fake_get16(f, PCI_COMMAND), 0x403); /* decoded as before, no line */
	CHECK_EQ(fake_get16(b, PCI_COMMAND) & 4, 0);
	CHECK_EQ(fake_get16(host_bridge, PCI_COMMAND), 7);
	CHECK_EQ(fake_get16(f, 0x52), 0);
	CHECK_EQ(fake_get16(f, 0x72), 3);
	/* On, with the bridges that hand on what it sends; off again, which leaves those. */
	CHECK_EQ(pci_bus_master(fake_found(f), true), 0);
	CHECK_EQ(fake_get16(f, PCI_COMMAND) & 4, 4);
	CHECK_EQ(fake_get16(b, PCI_COMMAND) & 4, 4);
	CHECK_EQ(pci_bus_master(fake_found(f), false), 0);
	CHECK_EQ(fake_get16(f, PCI_COMMAND) & 4, 0);
	f->writable[PCI_COMMAND] = 3;
	CHECK_EQ(pci_bus_master(fake_found(f), true), -EIO);
	f->gone = true;
	CHECK_EQ(pci_bus_master(fake_found(f), true), -ENODEV);
	CHECK(pci_is_gone(fake_found(f)));
	f->gone = false;
	CHECK(pci_is_gone(fake_found(f))); /* another one, perhaps */
}

/* --- base addresses -------------------------------------------------------------------------------- */

TEST(base_addresses)
{
	struct fake_function *f;
	struct pci_device *d;

	fake_pci_start();
	f = fake_function(0, 1, 0, 0x1af4, NET);
	fake_bar(f, 0, 0xc040, 0x20, 1);
	fake_bar(f, 1, 0xfeb00000, 0x1000, 0);
	fake_bar(f, 2, 0x3800000000ull, 0x400000, 0xc);
	fake_pci_scan();
	d = fake_found(f);
	CHECK(d->bars[0].range.io && d->bars[0].range.base == 0xc040);
	CHECK_EQ(d->bars[0].range.len, 0x20);
	CHECK(!d->bars[1].wide && !d->bars[1].prefetch && !d->bars[1].wrong);
	CHECK_EQ(d->bars[1].range.len, 0x1000);
	CHECK(d->bars[2].wide && d->bars[2].prefetch && !d->bars[2].wrong);
	CHECK_EQ(d->bars[2].range.base, 0x3800000000ull);
	CHECK_EQ(d->bars[2].range.len, 0x400000);
	CHECK(!d->bars[3].present && !d->bars[4].present && !d->bars[5].present);
	CHECK(!f->sized_while_on);
	CHECK_EQ(pci_config_read(f->at, PCI_BAR0, 4), 0xc041); /* as they were */
	CHECK_EQ(pci_config_read(f->at, PCI_BAR0 + 12, 4), 0x38);
	CHECK_EQ(fake_get16(f, PCI_COMMAND) & 3, 3);
}

TEST(base_addresses_that_cannot_be)
{
	static const struct {
		u64 base, size;
		u32 flags, bar;
	} cases[] = {
		{ 0, 0x1000, 0, 0 },              /* not given */
		{ 0x10000, 0x20, 1, 0 },          /* beyond the last port */
		{ 0x1000, 0x1000, 0, 0 },         /* memory */
		{ 0x7ffff000, 0x2000, 0, 0 },     /* not aligned */
		{ 0xfee00000, 0x1000, 0, 0 },     /* the local APIC's */
		{ 0xfec00000, 0x1000, 0, 0 },     /* the I/O APIC's */
		{ 0xe0100000, 0x1000, 0, 0 },     /* configuration space */
		{ 0xfeb00000, 0x1000, 2, 0 },     /* below 1 MiB, once */
		{ 1ull << 46, 0x1000, 4, 0 },     /* out of range */
		{ 0xfeb00000, 0x1000, 4, 5 },     /* no other half */
		{ 0xfffff000, 1ull << 47, 4, 0 }, /* too large */
	};

	for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
		struct fake_function *f;

		fake_pci_start();
		host.ioapic_count = host.mcfg_count = 1;
		host.ioapics[0].base = PADDR(0xfec00000);
		host.mcfg[0] = (struct host_mcfg){ PADDR(0xe0000000), 0, 0, 255 };
		f = fake_function(0, 1, 0, 0x1af4, NET);
		fake_bar(f, cases[i].bar, cases[i].base, cases[i].size, cases[i].flags);
		fake_pci_scan();
		CHECK(fake_found(f)->bars[cases[i].bar].wrong != NULL);
		CHECK(!pci_bar_map(fake_found(f), cases[i].bar, 0, 0));
		CHECK_EQ(fake_maps, 0);
	}
}

TEST(a_size_that_is_no_power_of_two)
{
	struct fake_function *f;

	fake_pci_start();
	f = fake_function(0, 1, 0, 0x1af4, NET);
	fake_bar(f, 0, 0xfeb00000, 0x1000, 0);
	f->writable[PCI_BAR0 + 2] = 0xbf; /* a hole */
	fake_pci_scan();
	CHECK(fake_found(f)->bars[0].wrong != NULL);
}

TEST(base_addresses_that_collide)
{
	struct fake_function *a, *b, *behind, *outside;

	fake_pci_start();
	a = fake_function(0, 1, 0, 0x1af4, NET);
	b = fake_function(0, 2, 0, 0x1af4, NET);
	fake_bar(a, 0, 0xfeb00000, 0x4000, 0);
	fake_bar(b, 1, 0xfeb02000, 0x1000, 0);
	fake_bar(b, 2, 0xfeb04000, 0x1000, 0);
	fake_bridge(0, 3, 0, 1, 1);
	behind = fake_function(1, 0, 0, 0x1af4, NET);
	fake_bar(behind, 0, 0xfe100000, 0x1000, 0);
	outside = fake_function(1, 1, 0, 0x1af4, NET);
	fake_bar(outside, 0, 0xfe200000, 0x1000, 0);
	fake_bar(outside, 1, 0xe000, 0x20, 1);
	fake_bar(outside, 2, 0xc000, 0x20, 1);
	fake_pci_scan();
	CHECK(fake_found(a)->bars[0].wrong && fake_found(b)->bars[1].wrong);
	CHECK(!fake_found(b)->bars[2].wrong);
	CHECK(!fake_found(behind)->bars[0].wrong);
	CHECK(fake_found(outside)->bars[0].wrong && fake_found(outside)->bars[1].wrong);
	CHECK(!fake_found(outside)->bars[2].wrong);
}

TEST(windows)
{
	struct fake_function *b;
	struct pci_device *d;

	fake_pci_start();
	b = fake_bridge(0, 3, 0, 1, 1);
	fake_put16(b, PCI_BRIDGE_IO, 0x11c1);
	fake_put32(b, PCI_BRIDGE_IO_UPPER, 0x00010001);
	fake_put32(b, PCI_BRIDGE_PREFETCH, 0x80118001);
	fake_put32(b, PCI_BRIDGE_PREFETCH_BASE, 0x38);
	fake_put32(b, PCI_BRIDGE_PREFETCH_LIMIT, 0x39);
	fake_pci_scan();
	d = fake_found(b);
	CHECK_EQ(d->windows[0].len, 0); /* it ends before it begins */
	CHECK(d->windows[1].base == 0xfe000000 && d->windows[1].len == 0x200000);
	CHECK(d->windows[2].base == 0x3880000000ull && d->windows[2].len == 0x100200000ull);
}

TEST(mapping_a_part)
{
	struct fake_function *f;
	struct pci_device *d;

	fake_pci_start();
	f = fake_function(0, 1, 0, 0x1af4, NET);
	fake_bar(f, 0, 0xfeb00000, 0x1000, 0);
	fake_pci_scan();
	d = fake_found(f);
	CHECK(pci_bar_map(d, 0, 0, 0) == f->memory);
	CHECK(pci_bar_map(d, 0, 0x800, 0x800) == f->memory + 0x800);
	CHECK(!pci_bar_map(d, 0, 0x800, 0x801));
	CHECK(!pci_bar_map(d, 0, 0x1000, 0));
	CHECK(!pci_bar_map(d, 0, ~0ull, 2));
	CHECK(!pci_bar_map(d, 1, 0, 0));
	CHECK(!pci_bar_map(d, 6, 0, 0));
}

/* --- capabilities ----------------------------------------------------------------------------------- */

TEST(capabilities)
{
	struct fake_function *f;
	struct pci_device *d;

	fake_pci_start();
	f = fake_function(0, 1, 0, 0x1af4, NET);
	fake_cap(f, 0x40, PCI_CAP_MSIX);
	fake_cap(f, 0xa0, 0x09); /* a vendor's own */
	fake_cap(f, 0x60, PCI_CAP_EXPRESS);
	fake_cap(f, 0x50, PCI_CAP_PM);
	fake_cap(f, 0xb0, PCI_CAP_MSIX); /* a second one does not count */
	fake_cap(f, 0x100, 0x0001);
	fake_cap(f, 0x240, PCI_EXT_CAP_SRIOV);
	fake_cap(f, 0x200, PCI_EXT_CAP_ACS);
	fake_pci_scan();
	d = fake_found(f);
	CHECK(d->caps.msix == 0x40 && d->caps.express == 0x60 && d->caps.pm == 0x50);
	CHECK(!d->caps.msi && !d->caps.af && !d->caps.ari);
	CHECK(d->caps.sriov == 0x240 && d->caps.acs == 0x200);
	fake_pci_start();
	f = fake_function(0, 1, 0, 0x1af4, NET);
	fake_cap(f, 0x60, PCI_CAP_EXPRESS);
	fake_cap(f, 0x100, PCI_EXT_CAP_ACS);
	fake_no_memory_space = true;
	fake_pci_scan();
	CHECK(!fake_found(f)->caps.acs && fake_found(f)->caps.express);
}

static struct fake_function *one_with_cap(u32 at, u32 id)
{
	struct fake_function *f;

	fake_pci_start();
	f = fake_function(0, 1, 0, 0x1af4, NET);
	fake_cap(f, at, id);
	return f;
}

TEST(lists_that_are_broken)
{
	struct fake_function *f = one_with_cap(0x40, PCI_CAP_PM);

	fake_put8(f, 0x41, 0x40); /* it follows itself */
	fake_pci_scan();
	CHECK_EQ(fake_found(f)->caps.pm, 0x40);

	f = one_with_cap(0x40, PCI_CAP_PM);
	fake_cap(f, 0x50, PCI_CAP_MSI);
	fake_put8(f, 0x51, 0x40); /* a circle */
	fake_pci_scan();
	CHECK(fake_found(f)->caps.pm == 0x40 && fake_found(f)->caps.msi == 0x50);

	f = one_with_cap(0x40, PCI_CAP_PM);
	fake_put8(f, 0x41, 0x10); /* into the header, where a base address looks like MSI */
	fake_put32(f, PCI_BAR0, PCI_CAP_MSI);
	fake_pci_scan();
	CHECK(fake_found(f)->caps.pm == 0x40 && !fake_found(f)->caps.msi);

	f = one_with_cap(0xf8, PCI_CAP_MSIX); /* ends behind the end */
	fake_pci_scan();
	CHECK(!fake_found(f)->caps.msix);

	f = one_with_cap(0xf4, PCI_CAP_MSI); /* with wide addresses it does, too */
	fake_put16(f, 0xf6, PCI_MSI_CONTROL_64);
	fake_pci_scan();
	CHECK(!fake_found(f)->caps.msi);
	f = one_with_cap(0xf4, PCI_CAP_MSI);
	fake_pci_scan();
	CHECK(fake_found(f)->caps.msi == 0xf4);

	f = one_with_cap(0x40, PCI_CAP_EXPRESS);
	fake_cap(f, 0x100, 0x0001);
	fake_put16(f, 0x102, 0x1001); /* an extended one that follows itself */
	fake_pci_scan();
	f = one_with_cap(0x40, PCI_CAP_EXPRESS);
	fake_cap(f, 0x100, 0x0001);
	fake_put16(f, 0x102, 0x0441); /* one in the first 256 bytes */
	fake_put16(f, 0x44, PCI_EXT_CAP_ACS);
	fake_pci_scan();
	CHECK(!fake_found(f)->caps.acs);
	f = one_with_cap(0x40, PCI_CAP_EXPRESS);
	fake_cap(f, 0x100, 0x0001);
	fake_cap(f, 0xffc, PCI_EXT_CAP_ACS);
	fake_pci_scan();
	CHECK(!fake_found(f)->caps.acs);
}

/* --- messages ------------------------------------------------------------------------------------------ */

static struct fake_function *msix_function(u32 entries, u32 table)
{
	struct fake_function *f = one_with_cap(0x40, PCI_CAP_MSIX);

	fake_bar(f, 0, 0xfeb00000, 0x1000, 0);
	fake_put16(f, 0x42, entries - 1);
	f->writable[0x43] = 0xc0;
	fake_put32(f, 0x44, table);
	fake_put32(f, 0x48, 0xf80);
	fake_pci_scan();
	return f;
}

static struct pci_msix_entry *entries_of(struct fake_function *f)
{
	return (struct pci_msix_entry *)f->memory;
}

TEST(msix)
{
	struct fake_function *f = msix_function(4, 0);
	struct pci_device *d = fake_found(f);
	struct irq irq = { .vector = 0x41, .cpu = 2 }, none = { .vector = 0 };

	CHECK_EQ(pci_msix_count(d), 4);
	CHECK_EQ(pci_msix_alloc(d, 0), -EINVAL);
	CHECK_EQ(pci_msix_alloc(d, 5), -EINVAL);
	CHECK_EQ(pci_msix_alloc(d, 3), 0);
	CHECK_EQ(pci_msix_alloc(d, 3), -EBUSY);
	CHECK_EQ(pci_function_reset(d), -ENOTSUP);
	for (u32 i = 0; i < 4; i++) /* those that nobody asked for, too */
		CHECK_EQ(entries_of(f)[i].control, 1);
	CHECK_EQ(fake_get16(f, 0x42), 0x8003);
	CHECK_EQ(pci_irq_connect(d, 1, &none), -ENOSPC);
	CHECK_EQ(pci_irq_connect(d, 1, &irq), 0);
	CHECK(irq.rid == 8 && entries_of(f)[1].address == 0xfee02000);
	CHECK(entries_of(f)[1].address_high == 1 && entries_of(f)[1].data == 0x41);
	CHECK_EQ(entries_of(f)[1].control, 1);
	pci_irq_mask(d, 1, false);
	CHECK_EQ(entries_of(f)[1].control, 0);
	CHECK_EQ(pci_irq_move(d, 1, 3), 0);
	CHECK(entries_of(f)[1].address == 0xfee03000 && !entries_of(f)[1].control);
	CHECK_EQ(fake_irq_moves, 1);
	pci_irqs_free(d);
	CHECK_EQ(entries_of(f)[1].control, 1);
	CHECK_EQ(fake_get16(f, 0x42), 3);
	CHECK_EQ(fake_maps, 0);
	CHECK_PANIC(pci_irq_mask(d, 1, true));
}

TEST(msix_tables_that_cannot_be)
{
	static const struct {
		u32 entries, table;
	} cases[] = {
		{ 4, 0xff0 }, { 4, 1 }, { 4, 7 }, { 257, 0 }, { 2048, 0 }, { 1, 0xfffffff8 },
	};

	for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
		struct fake_function *f = msix_function(cases[i].entries, cases[i].table);

		CHECK_EQ(pci_msix_alloc(fake_found(f), 1), -ENOTSUP);
		CHECK_EQ(fake_maps, 0);
		CHECK_EQ(fake_get16(f, 0x42) & 0x8000, 0);
	}
}

/* Pulled out with vectors in use: giving them back ends. */
TEST(msix_of_one_that_is_gone)
{
	struct fake_function *f = msix_function(4, 0);
	struct pci_device *d = fake_found(f);

	CHECK_EQ(pci_msix_alloc(d, 2), 0);
	f->gone = true;
	pci_irqs_free(d);
	CHECK_EQ(fake_maps, 0);
	CHECK_EQ(pci_msix_alloc(d, 2), -ENODEV);
}

static void check_msi(u32 control, u32 data_at, u32 mask_at)
{
	struct fake_function *f = one_with_cap(0x50, PCI_CAP_MSI);
	struct irq irq = { .vector = 0x41, .cpu = 2 };
	struct pci_device *d;

	memset(f->writable + 0x54, 0xff, 20);
	f->writable[0x52] = 0x71;
	fake_put16(f, 0x52, control | 0x20);
	fake_pci_scan();
	d = fake_found(f);
	CHECK_EQ(pci_msi_alloc(d), 0);
	CHECK_EQ(pci_irq_connect(d, 0, &irq), 0);
	CHECK_EQ(fake_get16(f, 0x52) & 1, 0);
	CHECK_EQ(pci_config_read(f->at, 0x54, 4), 0xfee02000);
	CHECK_EQ(fake_get16(f, data_at), 0x41);
	pci_irq_mask(d, 0, false);
	CHECK_EQ(fake_get16(f, 0x52), control | 1); /* one message */
	if (mask_at)
		CHECK_EQ(pci_config_read(f->at, mask_at, 4), ~1u);
	pci_irq_mask(d, 0, true);
	if (mask_at)
		CHECK_EQ(pci_config_read(f->at, mask_at, 4), ~0u);
	else
		CHECK_EQ(fake_get16(f, 0x52) & 1, 0);
	pci_irqs_free(d);
	CHECK_EQ(fake_get16(f, 0x52) & 1, 0);
}

TEST(msi)
{
	check_msi(0, 0x58, 0);
	check_msi(PCI_MSI_CONTROL_64, 0x5c, 0);
	check_msi(PCI_MSI_CONTROL_MASKS, 0x58, 0x5c);
	check_msi(PCI_MSI_CONTROL_64 | PCI_MSI_CONTROL_MASKS, 0x5c, 0x60);
	CHECK_EQ(pci_msi_alloc(fake_found(one_with_cap(0x40, PCI_CAP_PM)) ?
				       NULL :
				       &(struct pci_device){ 0 }),
		 -ENOTSUP);
}

/* --- reset ------------------------------------------------------------------------------------------- */

static struct fake_function *resettable(void)
{
	struct fake_function *f = one_with_cap(0x40, PCI_CAP_EXPRESS);

	fake_put32(f, 0x44, PCI_EXPRESS_FLR);
	fake_put16(f, 0x48, 0x2810);
	f->writable[0x48] = f->writable[0x49] = 0xff;
	fake_bar(f, 0, 0xfeb00000, 0x1000, 0);
	fake_pci_scan();
	return f;
}

TEST(function_reset)
{
	struct fake_function *f = resettable();
	struct pci_device *d = fake_found(f);
	u64 before = fake_now;

	CHECK(pci_can_reset(d));
	CHECK_EQ(pci_bus_master(d, true), 0);
	CHECK_EQ(pci_function_reset(d), 0);
	CHECK_EQ(f->resets, 1);
	CHECK(fake_now - before >= 100000000); /* PCIe 6.0, 6.6.2 */
	CHECK_EQ(pci_config_read(f->at, PCI_BAR0, 4), 0xfeb00000);
	CHECK_EQ(fake_get16(f, 0x48), 0x2810);
	CHECK_EQ(fake_get16(f, PCI_COMMAND), 0x400);

	f = resettable();
	f->never_back = true;
	CHECK_EQ(pci_function_reset(fake_found(f)), -ENODEV);
	CHECK(fake_now < 5000000000);

	f = resettable();
	fake_put16(f, 0x4a,
		   PCI_EXPRESS_PENDING); /* for ever: it is not waited for longer than 100 ms */
	CHECK_EQ(pci_function_reset(fake_found(f)), 0);

	f = one_with_cap(0x40, PCI_CAP_AF);
	fake_put8(f, 0x43, 3);
	fake_pci_scan();
	CHECK_EQ(pci_function_reset(fake_found(f)), 0);
	CHECK_EQ(f->resets, 1);

	f = one_with_cap(0x40, PCI_CAP_AF);
	fake_pci_scan();
	CHECK_EQ(pci_function_reset(fake_found(f)), -ENOTSUP);
}

/* --- groups ------------------------------------------------------------------------------------------- */

static void acs(struct fake_function *f, u32 can)
{
	fake_cap(f, 0x100, PCI_EXT_CAP_ACS);
	fake_put16(f, 0x104, can);
	f->writable[0x106] = 0xff;
}

static struct fake_function *express(struct fake_function *f, u32 type)
{
	fake_cap(f, 0x40, PCI_CAP_EXPRESS);
	fake_put16(f, 0x42, type << 4);
	return f;
}

TEST(groups)
{
	struct fake_function *port, *closed, *open, *behind_closed, *behind_open, *multi, *other,
		*bridge, *old1, *old2;

	fake_pci_start();
	port = express(fake_bridge(0, 1, 0, 1, 1), PCI_EXPRESS_ROOT_PORT);
	acs(port, 0x1f);
	behind_closed = express(fake_function(1, 0, 0, 0x1af4, NET), PCI_EXPRESS_ENDPOINT);
	closed = port;
	open = express(fake_bridge(0, 2, 0, 2, 2), PCI_EXPRESS_ROOT_PORT);
	behind_open = express(fake_function(2, 0, 0, 0x1af4, NET), PCI_EXPRESS_ENDPOINT);
	multi = fake_function(0, 3, 0, 0x8086, NET);
	fake_put8(multi, PCI_HEADER, PCI_HEADER_MULTI_FUNC);
	other = fake_function(0, 3, 5, 0x8086, NET);
	bridge = fake_bridge(0, 4, 0, 3, 3);
	old1 = fake_function(3, 1, 0, 0x1af4, NET);
	old2 = fake_function(3, 2, 0, 0x1af4, NET);
	fake_pci_scan();
	CHECK(fake_found(closed)->group != fake_found(behind_closed)->group);
	CHECK_EQ(fake_get16(closed, 0x106), 0x1d); /* switched on */
	CHECK_EQ(fake_found(open)->group, fake_found(behind_open)->group);
	CHECK(fake_found(open)->group != fake_found(closed)->group);
	CHECK_EQ(fake_found(multi)->group, fake_found(other)->group);
	CHECK_EQ(fake_found(bridge)->group, fake_found(old1)->group);
	CHECK_EQ(fake_found(bridge)->group, fake_found(old2)->group);
	CHECK(fake_found(bridge)->group != fake_found(multi)->group);
	CHECK_EQ(fake_found(closed)->group, 0); /* numbered without gaps */
	for (u32 i = 0; i < FAKE_FUNCTIONS; i++)
		CHECK(!fake_functions[i].present || fake_found(&fake_functions[i])->group < 5);
}

/* Ports of a switch without ACS hand requests to each other. */
TEST(groups_of_a_switch)
{
	struct fake_function *root, *up, *down1, *down2, *down3, *a, *b, *c;

	fake_pci_start();
	root = express(fake_bridge(0, 1, 0, 1, 5), PCI_EXPRESS_ROOT_PORT);
	acs(root, 0x1d);
	up = express(fake_bridge(1, 0, 0, 2, 5), PCI_EXPRESS_UPSTREAM);
	down1 = express(fake_bridge(2, 0, 0, 3, 3), PCI_EXPRESS_DOWNSTREAM);
	down2 = express(fake_bridge(2, 1, 0, 4, 4), PCI_EXPRESS_DOWNSTREAM);
	down3 = express(fake_bridge(2, 2, 0, 5, 5), PCI_EXPRESS_DOWNSTREAM);
	acs(down3, 0x1d);
	a = express(fake_function(3, 0, 0, 0x1af4, NET), PCI_EXPRESS_ENDPOINT);
	b = express(fake_function(4, 0, 0, 0x1af4, NET), PCI_EXPRESS_ENDPOINT);
	c = express(fake_function(5, 0, 0, 0x1af4, NET), PCI_EXPRESS_ENDPOINT);
	fake_pci_scan();
	CHECK_EQ(fake_found(a)->group, fake_found(b)->group);
	CHECK_EQ(fake_found(a)->group, fake_found(down1)->group);
	CHECK_EQ(fake_found(down2)->group, fake_found(up)->group);
	CHECK(fake_found(c)->group != fake_found(a)->group);
	CHECK(fake_found(c)->group != fake_found(root)->group);
}

/* --- drivers ----------------------------------------------------------------------------------------- */

static u32 probes, shutdowns;
static int probe_result;

static int probe(struct pci_device *d)
{
	probes++;
	CHECK_EQ(pci_read16(d, PCI_COMMAND) & PCI_COMMAND_MASTER, 0);
	return probe_result ? probe_result : pci_bus_master(d, true);
}

static void shut_down(struct pci_device *d)
{
	(void)d;
	shutdowns++;
}

TEST(drivers)
{
	static const struct pci_match by_class[] = { { PCI_ANY, PCI_ANY, 0x010800, 0xffff00 }, {} };
	static const struct pci_match by_id[] = { { 0x1af4, 0x1002, 0, 0 }, {} };
	static const struct pci_driver first = { "first", by_class, probe, shut_down, NULL },
				       second = { "second", by_id, probe, shut_down, NULL };
	static const struct pci_driver *const table[] = { &first, &second, NULL };
	struct fake_function *nvme, *net, *other;

	fake_pci_start();
	nvme = fake_function(0, 1, 0, 0x1af4, 0x010802);
	net = fake_function(0, 2, 0, 0x1af4, NET);
	other = fake_function(0, 3, 0, 0x1af4, NET);
	fake_cap(net, 0x40, PCI_CAP_PM);
	fake_put16(net, 0x44, 3);
	net->writable[0x44] = 3;
	fake_pci_scan();
	probes = shutdowns = 0;
	probe_result = -EIO;
	pci_start_drivers(table);
	CHECK_EQ(probes, 2);
	CHECK(!fake_found(nvme)->driver && !fake_found(net)->hostdev.driver);
	probe_result = 0;
	pci_start_drivers(table);
	CHECK_EQ(probes, 4);
	CHECK_STR(fake_found(nvme)->hostdev.driver, "first");
	CHECK(fake_found(net)->driver == &second && !fake_found(other)->driver);
	CHECK_EQ(fake_get16(net, 0x44), 0); /* D0 */
	pci_shutdown();
	CHECK_EQ(shutdowns, 2);
	CHECK_EQ((fake_get16(nvme, PCI_COMMAND) | fake_get16(net, PCI_COMMAND)) & 4, 0);
}

/* --- names ------------------------------------------------------------------------------------------- */

static char names[256];

static int add_name(struct hostdev *h, void *arg)
{
	(void)arg;
	snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s ", h->name + 9);
	return 0;
}

TEST(names_and_their_order)
{
	struct fake_function *behind;

	fake_pci_start();
	fake_bridge(0, 1, 0, 1, 1);
	fake_function(0, 0x1f, 2, 0x8086, NET);
	fake_put8(fake_function(0, 0x1f, 0, 0x8086, 0x060100), PCI_HEADER, PCI_HEADER_MULTI_FUNC);
	behind = fake_function(1, 0x0a, 0, 0x1af4, NET);
	fake_pci_scan();
	names[0] = '\0';
	CHECK_EQ(hostdev_each(add_name, NULL), 0);
	/* What is behind a bridge comes right after it. */
	CHECK_STR(names, "00_01_0 01_0a_0 00_1f_0 00_1f_2 ");
	CHECK_STR(fake_found(behind)->hostdev.path,
		  "/sys/devices/pci0000:00/0000:00:01.0/0000:01:0a.0");
}
