/*
 * Configuration space as devices have it: an input is the space of some functions on two buses, with which bits can be
 * written. The scan ends; what it finds can be relied on: base addresses that may be used lie apart, aligned, outside memory;
 * capabilities lie within; nobody is bus master; message tables lie in what was mapped.
 *
 * sources: tests/host/fake_pci.c drivers/pci/bar.c drivers/pci/caps.c drivers/pci/device.c drivers/pci/msi.c
 * sources: drivers/pci/reset.c drivers/pci/group.c drivers/pci/nodedev.c core/hostdev.c lib/fmt.c lib/string.c
 * flags: -include tests/host/fake_irq.h
 * runs: 2000
 * max_len: 2048
 */
#include <stdlib.h>

#include "lib/string.h"
#include "tests/host/fake_pci.h"
#include "tests/host/fuzzing.h"

#define RAM_END 0x80000000ull

/* Pairs of place and value, on top of a function that could be. */
static void change(struct fake_function *f, struct fuzz_in *in)
{
	u32 n = fuzz_below(in, 24);

	while (n--) {
		u32 at = (u32)fuzz_bytes(in, 2);
		u8 v = (u8)fuzz_bytes(in, 1);

		if (at & 0x8000)
			f->writable[at % 0x100] = v;
		else
			f->space[at % PCI_EXT_CONFIG_SIZE] = v;
	}
}

static void make(struct fuzz_in *in)
{
	u8 kind = (u8)fuzz_bytes(in, 1);
	struct fake_function *f;

	if (kind & 1) {
		f = fake_bridge(kind >> 1 & 1, kind >> 2 & 3, 0, kind >> 4 & 3, kind >> 6);
	} else {
		f = fake_function(kind >> 1 & 1, kind >> 2 & 3, kind >> 6, 0x1af4, 0x010802);
		fake_bar(f, 0, 0xfe000000 + (kind >> 4) * 0x1000u, 0x1000, kind & 8 ? 4 : 0);
		fake_cap(f, 0x40, PCI_CAP_MSIX);
		fake_cap(f, 0x60, PCI_CAP_EXPRESS);
		fake_cap(f, 0x80, PCI_CAP_MSI);
		fake_cap(f, 0x100, PCI_EXT_CAP_ACS);
		fake_put32(f, 0x48, 0x800);
		fake_put32(f, 0x64, PCI_EXPRESS_FLR);
		memset(f->writable + 0x42, 0xff, 2);
		memset(f->writable + 0x82, 0xff, 20);
	}
	change(f, in);
}

static void check_bars(const struct pci_device *d)
{
	for (u32 i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *b = &d->bars[i];

		if (!b->present || b->wrong)
			continue;
		CHECK(b->range.len && !(b->range.len & (b->range.len - 1)));
		CHECK(!(b->range.base & (b->range.len - 1)));
		CHECK(b->range.base + b->range.len > b->range.base);
		CHECK(b->range.base + b->range.len <= (b->range.io ? 0x10000 : 1ull << 46));
		CHECK(b->range.io || b->range.base >= RAM_END);
	}
}

static void check_caps(const struct pci_device *d)
{
	const u16 *at = &d->caps.pm;

	for (u32 i = 0; i < sizeof(d->caps) / sizeof(*at); i++)
		CHECK(!at[i] || (at[i] >= PCI_CAP_FIRST && at[i] + 8u <= PCI_EXT_CONFIG_SIZE));
}

static int check(struct pci_device *d, void *arg)
{
	u32 depth = 0;

	(*(u32 *)arg)++;
	check_bars(d);
	check_caps(d);
	for (struct pci_device *up = d->parent; up; up = up->parent) {
		CHECK(up->secondary > up->at.bus && up->secondary <= up->subordinate);
		CHECK(++depth < 256);
	}
	CHECK(d->group < PCI_DEVICES_MAX);
	if (!pci_msix_alloc(d, 1))
		pci_irqs_free(d);
	if (!pci_msi_alloc(d))
		pci_irqs_free(d);
	(void)!pci_function_reset(d);
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };
	u32 n = 0;

	fake_pci_start();
	for (u32 i = 0; i < 8 && in.left; i++)
		make(&in);
	fake_pci_scan();
	CHECK_EQ(pci_each(check, &n), 0);
	CHECK(n <= FAKE_FUNCTIONS * 4);
	CHECK_EQ(fake_maps, 0);
	return 0;
}

void fuzz_seeds(void)
{
	u8 seed[200];

	for (u32 i = 0; i < 12; i++) {
		for (u32 k = 0; k < sizeof(seed); k++)
			seed[k] = (u8)fuzz_random(k % 7 ? 256 : 8);
		fuzz_seed(seed, sizeof(seed));
	}
	fuzz_seed("\x11\x00\x02\x00", 4);
}
