/*
 * The manager's thread: moves guests' serial output on and serves the shell. It owns all that they are
 * made of; other threads and interrupt handlers only wake it.
 */
#include "mgmt/mgmt.h"

#include "core/panic.h"
#include "core/thread.h"
#include "mgmt/domains.h"
#include "mgmt/manager.h"
#include "mgmt/serial.h"
#include "mgmt/shell.h"

static struct thread *thread; /* const once the manager runs */

void manager_wake(void)
{
	if (thread)
		thread_wake(thread);
}

static void manager_main(void *arg)
{
	(void)arg;
	shell_start();
	for (;;) {
		bool busy = serial_poll();

		busy |= shell_poll();
		if (busy)
			continue;
		/* Only now, so that it does not flicker between other lines. */
		shell_show();
		thread_block_until(MIN(serial_deadline(), shell_deadline()));
	}
}

void mgmt_init(void)
{
	static const struct thread_spec spec = {
		.name = "manager", .fn = manager_main, .cpu = -1, .preemptible = true
	};

	domains_load();
	thread = thread_create(&spec);
	if (!thread)
		panic("no memory for the manager");
	thread_start(thread);
	domains_start_all();
}

void mgmt_vm_stopped(struct vm *vm)
{
	domains_stopped(vm);
}
