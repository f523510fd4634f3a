/*
 * The one description of this machine, and what is made of it once all tables were read.
 */
#include "core/host.h"

struct host host;

void host_set_boot_cpu(struct host *h, u32 apic_id)
{
	u32 i = 0;

	while (i < h->cpu_count && h->apic_ids[i] != apic_id)
		i++;
	if (i == h->cpu_count && i < HOST_MAX_CPUS)
		h->cpu_count++;
	if (i == HOST_MAX_CPUS) /* it is one of those left out: it takes another's place */
		i--;
	for (; i; i--)
		h->apic_ids[i] = h->apic_ids[i - 1];
	h->apic_ids[0] = apic_id;
}
