/*
 * Brings up virtualization on all CPUs, then runs the self-tests that were asked for or the boot set.
 */
#include "boot/guests.h"

#include "core/log.h"
#include "core/panic.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "svm/svm.h"
#include "vdev/vdevs.h"
#include "vm/hvm.h"
#include "vm/vdev.h"
#include "vm/vm.h"
#include "vmx/vmx.h"

static const struct hvm_ops *const backends[] = { &vmx_ops, &svm_ops };

static void on_stop(struct vm *vm)
{
	(void)vm;
}

static void guests_main(void *arg)
{
	(void)arg;
	vdev_set_table(vdev_table, vdev_table_count);
	if (hvm_enable_all(backends, ARRAY_LEN(backends)))
		log_error("no guest will run on this machine");
	if (vm_init(on_stop))
		panic("no memory for the VM keeper");
	if (selftest_start())
		return;
	log_info("plinth: nothing to do");
}

void guests_start(void)
{
	const struct thread_spec spec = {
		.name = "init", .fn = guests_main, .cpu = 0, .detached = true
	};
	struct thread *t = thread_create(&spec);

	if (!t)
		panic("no memory for the init thread");
	thread_start(t);
}
