/*
 * The manager's thread: moves guests' serial output on. It owns all that serial ports are made of
 * on the host's side; other threads and interrupt handlers only wake it, or have it run something
 * of theirs.
 */
#include "mgmt/mgmt.h"

#include "core/panic.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "mgmt/domains.h"
#include "mgmt/manager.h"
#include "mgmt/serial.h"
#include "mgmt/shell.h"

struct job {
	void (*fn)(void *arg);
	void *arg;
	struct thread *waiter;
	u32 done; /* atomic */
};

static struct thread *thread; /* const once the manager runs */
static struct job *job;       /* atomic: what manager_run() waits for */

void manager_wake(void)
{
	if (thread)
		thread_wake(thread);
}

bool manager_is_me(void)
{
	return !thread || thread_current() == thread;
}

void manager_run(void (*fn)(void *arg), void *arg)
{
	struct job j = { .fn = fn, .arg = arg, .waiter = thread_current() };

	atomic_store_release(&job, &j); /* pairs with run_job() */
	manager_wake();
	while (!atomic_load_acquire(&j.done)) /* pairs with run_job() */
		thread_block();
}

static void run_job(void)
{
	struct job *j = atomic_load_acquire(&job); /* pairs with manager_run() */
	struct thread *waiter;

	if (!j)
		return;
	atomic_store_relaxed(&job, NULL);
	waiter = j->waiter;
	j->fn(j->arg);
	/*
	 * Release: the waiter sees what fn did. It and the job may be gone then. Pairs with
	 * manager_run().
	 */
	atomic_store_release(&j->done, 1);
	thread_wake(waiter);
}

static void manager_main(void *arg)
{
	(void)arg;
	for (;;) {
		bool busy = serial_poll();

		run_job();
		if (!busy)
			thread_block_until(serial_deadline());
	}
}

void manager_start(void)
{
	static const struct thread_spec spec = {
		.name = "manager", .fn = manager_main, .cpu = -1, .preemptible = true
	};

	thread = thread_create(&spec);
	if (!thread)
		panic("no memory for the manager");
	thread_start(thread);
}

void mgmt_init(void)
{
	domains_load();
	manager_start();
	shell_start();
}

void mgmt_start_domains(void)
{
	domains_start_all();
}
