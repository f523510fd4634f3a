/*
 * The thermal registers are each CPU's own: a thread goes and reads them.
 */
#include "core/thermal.h"

#include "arch/cpu.h"
#include "core/thread.h"

static void read_here(void *arg)
{
	*(struct thermal_raw *)arg = thermal_read();
}

void thermal_all(struct thermal *t)
{
	*t = (struct thermal){ 0 };
	for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
		struct thermal_raw raw = { 0 };
		const struct thread_spec spec = {
			.name = "thermal", .fn = read_here, .arg = &raw, .cpu = (s32)cpu
		};
		struct thread *reader = thread_create(&spec);

		if (!reader)
			continue;
		thread_start(reader);
		thread_join(reader);
		thermal_add(t, cpu, &raw);
	}
}
