/*
 * The choice of the CPU backend, and switching it on on every CPU.
 */
#include "vm/hvm.h"

#include "arch/cpu.h"
#include "core/log.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "vm/cpuid.h"

const struct hvm_ops *hvm;

static u32 enabled_cpus, failed_cpus; /* atomic */

static void enable_here(void *arg)
{
	const struct hvm_ops *ops = arg;
	u64 flags = irq_save();
	int err = ops->cpu_enable();

	cpuid_host_add();
	irq_restore(flags);
	if (err)
		log_error("%s: cannot be switched on on CPU %u: error %d", ops->name, cpu_id(),
			  err);
	atomic_fetch_add(err ? &failed_cpus : &enabled_cpus, 1);
}

static int enable_on(const struct hvm_ops *ops, u32 cpu)
{
	struct thread_spec spec = {
		.name = "hvm-enable",
		.fn = enable_here,
		.arg = (void *)ops,
		.cpu = (s32)cpu,
	};
	struct thread *t = thread_create(&spec);

	if (!t)
		return -ENOMEM;
	thread_start(t);
	thread_join(t);
	return 0;
}

/* Appends one backend's reason to the text. */
static void note(char *text, size_t size, const char *name, const char *why)
{
	size_t len = strlen(text);

	snprintf(text + len, size - len, "%s%s: %s", len ? "; " : "", name, why);
}

int hvm_enable_all(const struct hvm_ops *const *candidates, size_t count)
{
	char missing[256] = "";

	for (size_t i = 0; i < count; i++) {
		const struct hvm_ops *ops = candidates[i];
		const char *why = "no reason given";

		if (ops->probe(&why)) {
			log_info("%s: not available: %s", ops->name, why);
			note(missing, sizeof(missing), ops->name, why);
			continue;
		}
		enabled_cpus = failed_cpus = 0;
		for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
			if (enable_on(ops, cpu))
				return -ENOMEM;
		}
		if (failed_cpus) {
			log_error("%s: only %u of %u CPUs can run guests", ops->name, enabled_cpus,
				  cpu_count());
			return -ENODEV;
		}
		hvm = ops;
		log_info("%s: guests can run on %u CPUs", ops->name, enabled_cpus);
		return 0;
	}
	log_error("this machine cannot run guests: %s", missing);
	return -ENODEV;
}
