/*
 * Brings up virtualization on all CPUs, then runs the self-tests that were asked for or the boot set.
 */
#include "boot/guests.h"

#include "arch/cpu.h"
#include "block/partitions.h"
#include "block/ramdisk.h"
#include "boot/info.h"
#include "boot/measure.h"
#include "core/blkdev.h"
#include "core/log.h"
#include "core/mce.h"
#include "core/panic.h"
#include "core/power.h"
#include "core/selftest.h"
#include "core/slot.h"
#include "core/thread.h"
#include "drivers/nvme/driver.h"
#include "drivers/pci/pci.h"
#include "mgmt/mgmt.h"
#include "svm/svm.h"
#include "vdev/vdevs.h"
#include "vm/hvm.h"
#include "vm/memory.h"
#include "vm/vdev.h"
#include "vm/vm.h"
#include "vmx/vmx.h"

static const struct pci_driver *const pci_drivers[] = { &nvme_driver, NULL };
static const struct hvm_ops *const backends[] = { &vmx_ops, &svm_ops };

static void guests_main(void *arg)
{
	bool usable;

	(void)arg;
	measure_boot(boot_info.cmdline);
	mce_set_page_hook(memory_failed);
	blkdev_init();
	partitions_start();
	ramdisks_start();
	pci_start_drivers(pci_drivers);
	power_set_hook(pci_shutdown);
	vdev_set_table(vdev_table, vdev_table_count);
	usable = !hvm_enable_all(backends, ARRAY_LEN(backends));
	if (!usable)
		log_error("no guest will run on this machine");
	if (vm_init())
		panic("no memory for the VM keeper");
	if (selftest_start())
		return;
	mgmt_init();
	log_debug("boot: all is started, the TSC is at %llu", (unsigned long long)rdtsc());
	if (usable)
		slot_confirm();
	mgmt_start_domains();
}

void guests_start(void)
{
	const struct thread_spec spec = {
		.name = "init", .fn = guests_main, .preemptible = true, .detached = true
	};
	struct thread *t = thread_create(&spec);

	if (!t)
		panic("no memory for the init thread");
	thread_start(t);
}
