/*
 * What the host is made of, as libvirt's capabilities document says it ("Driver capabilities XML format").
 */
#include "core/host.h"
#include "core/place.h"
#include "lib/cpuset.h"
#include "mgmt/cmd.h"

#define CPULIST_MAX 256u /* bytes of a set's text */

static const char *list_of(u64 cpus, char text[CPULIST_MAX])
{
	struct cpuset set = { { cpus } };

	if (cpuset_format(&set, text, CPULIST_MAX) < 0)
		text[0] = '\0';
	return text;
}

/* KiB that the SRAT gives a node. */
static u64 node_kib(u32 node)
{
	u64 bytes = 0;

	for (u32 i = 0; i < host.range_count; i++)
		bytes += host.ranges[i].node == node ? host.ranges[i].len : 0;
	return bytes / KIB;
}

static void say_cpu(const struct session *s, u32 cpu)
{
	const struct place *p = place_of(cpu);
	char text[CPULIST_MAX];

	say(s, "            <cpu id='%u' socket_id='%u' die_id='0' core_id='%u' siblings='%s'/>\n",
	    cpu, p->package, p->core, list_of(place_core(cpu), text));
}

static void say_cell(const struct session *s, u32 node, u32 cells)
{
	u32 cpus = 0;

	say(s, "        <cell id='%u'>\n", node);
	if (host.range_count)
		say(s, "          <memory unit='KiB'>%llu</memory>\n",
		    (unsigned long long)node_kib(node));
	say(s, "          <distances>\n");
	for (u32 i = 0; i < cells; i++)
		say(s, "            <sibling id='%u' value='%u'/>\n", i,
		    host_distance(&host, node, i));
	for (u32 i = 0; i < cpu_count(); i++)
		cpus += place_of(i)->node == node;
	say(s, "          </distances>\n          <cpus num='%u'>\n", cpus);
	for (u32 i = 0; i < cpu_count(); i++)
		if (place_of(i)->node == node)
			say_cpu(s, i);
	say(s, "          </cpus>\n        </cell>\n");
}

/* The caches that are furthest from the cores. */
static void say_caches(const struct session *s)
{
	char text[CPULIST_MAX];
	u32 id = 0;

	say(s, "    <cache>\n");
	for (u32 i = 0; i < cpu_count(); i++) {
		const struct place *p = place_of(i);
		u64 cpus = place_llc(i);

		/* Each once, by its first CPU. */
		if (!p->llc_level || cpus & (BIT(i) - 1))
			continue;
		say(s,
		    "      <bank id='%u' level='%u' type='both' size='%llu' unit='KiB' cpus='%s'/>\n",
		    id++, p->llc_level, (unsigned long long)(p->llc_size / KIB),
		    list_of(cpus, text));
	}
	say(s, "    </cache>\n");
}

int cmd_capabilities(struct call *c)
{
	const struct session *s = c->session;
	u32 cells = MAX(host.node_count, 1u);
	struct place_shape shape;

	(void)place_shape(&shape);
	say(s,
	    "<capabilities>\n  <host>\n    <cpu>\n      <arch>x86_64</arch>\n"
	    "      <topology sockets='%u' dies='1' cores='%u' threads='%u'/>\n    </cpu>\n"
	    "    <topology>\n      <cells num='%u'>\n",
	    shape.packages, shape.cores, shape.threads, cells);
	for (u32 i = 0; i < cells; i++)
		say_cell(s, i, cells);
	say(s, "      </cells>\n    </topology>\n");
	say_caches(s);
	say(s, "  </host>\n</capabilities>\n\n");
	return 0;
}
