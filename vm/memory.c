/*
 * A VM's RAM. Pieces are powers of two from 1 GiB down to a granule, aligned alike in guest and host
 * physical addresses, so that large pages fit both stages.
 */
#include "vm/memory.h"

#include "core/log.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "mm/aspace.h"
#include "mm/page.h"
#include "vm/gmem.h"
#include "vm/numa.h"
#include "vm/vm.h"

/* Pieces of this size at most take turns among nodes: enough of them for all memory that extents can name. */
static u64 stripe_of(const struct vm *vm)
{
	u64 size = GRANULE_SIZE;

	while (size < GIB && vm->cfg.memory / size > VM_MAX_EXTENTS / 2)
		size *= 2;
	return size;
}

/* Takes one piece for gpa, of at most len bytes, of as many as there are behind each other in one of the nodes. */
static int take_piece(struct vm *vm, const struct numa_plan *plan, u64 gpa, u64 len)
{
	struct vm_extent *e = &vm->extents[vm->extent_count];
	u64 most = plan->interleave ? stripe_of(vm) : GIB;
	int err = -ENOMEM;

	if (vm->extent_count == VM_MAX_EXTENTS)
		return -ENOSPC;
	for (u64 size = most; size >= GRANULE_SIZE; size /= 2) {
		if (size > len || gpa % size)
			continue;
		err = numa_alloc(plan, vm->extent_count, vm->owner, size / GRANULE_SIZE, &e->pa);
		if (!err) {
			e->gpa = GPA(gpa);
			e->len = size;
			vm->extent_count++;
			log_debug("domain %s: %llu MiB at %#llx are its %#llx", vm->cfg.name,
				  (unsigned long long)(size / MIB), (unsigned long long)e->pa.v,
				  (unsigned long long)gpa);
			return 0;
		}
	}
	return err;
}

/* As take_piece() where the nodes are asked one after the other: a small piece of a near one before a large one of a far one. */
static int take_near(struct vm *vm, const struct numa_plan *plan, u64 gpa, u64 len)
{
	struct numa_plan one = { .count = 1, .only = true };
	int err = -ENOMEM;

	if (plan->interleave || !plan->count)
		return take_piece(vm, plan, gpa, len);
	for (u32 i = 0; i < plan->count && err == -ENOMEM; i++) {
		one.nodes[0] = plan->nodes[i];
		err = take_piece(vm, &one, gpa, len);
	}
	return err == -ENOMEM && !plan->only ? take_piece(vm, plan, gpa, len) : err;
}

static int map_extent(struct vm *vm, const struct vm_extent *e)
{
	int err = s2_map(&vm->s2, e->gpa, e->pa, e->len, PTAB_R | PTAB_W | PTAB_X);

	return err ? err : aspace_map_ram(vm->aspace, e->gpa, e->pa, e->len);
}

static int take_range(struct vm *vm, const struct numa_plan *plan, u64 gpa, u64 len)
{
	if (!len)
		return 0;
	while (len) {
		int err = take_near(vm, plan, gpa, len);

		if (!err)
			err = map_extent(vm, &vm->extents[vm->extent_count - 1]);
		if (err)
			return err;

		u64 got = vm->extents[vm->extent_count - 1].len;

		gpa += got;
		len -= got;
	}
	vm->window_end = gpa;
	return 0;
}

/* Where its vCPUs run rather from now on, unless it says so itself: near its memory. */
static void settle_near(struct vm *vm, const struct numa_plan *plan)
{
	u64 nodes = 0;
	char text[64];

	for (u32 i = 0; i < vm->extent_count; i++) {
		u32 node = numa_node_of(vm->extents[i].pa);

		nodes |= node < HOST_MAX_NODES ? BIT(node) : 0;
	}
	vm->near = numa_cpus(nodes);
	if (plan->count && cpuset_format(&(struct cpuset){ { nodes } }, text, sizeof(text)) > 0)
		log_info("domain %s: memory of node %s", vm->cfg.name, text);
}

/* Whether there may be enough. */
static int check_free(struct vm *vm, const struct numa_plan *plan)
{
	struct page_stats s;
	u64 free;

	page_stats(&s);
	free = plan->only ? numa_plan_free(plan) : s.free;
	if (vm->cfg.memory <= free)
		return 0;
	snprintf(vm->stop_text, sizeof(vm->stop_text),
		 "memory: %llu MiB asked for, %llu MiB free%s",
		 (unsigned long long)(vm->cfg.memory / MIB), (unsigned long long)(free / MIB),
		 plan->only ? " in its NUMA nodes" : "");
	return -ENOMEM;
}

int memory_take(struct vm *vm)
{
	struct numa_plan plan;
	int err = numa_plan(&vm->cfg, &plan);

	if (err) {
		snprintf(vm->stop_text, sizeof(vm->stop_text),
			 "memory: this machine has not all the NUMA nodes of its nodeset");
		return err;
	}
	err = check_free(vm, &plan);
	if (err)
		return err;
	vm->extent_count = 0;
	err = take_range(vm, &plan, 0, vm_low_ram(vm));
	if (!err && vm_high_ram(vm))
		err = take_range(vm, &plan, GUEST_HIGH_RAM, vm_high_ram(vm));
	if (!err)
		settle_near(vm, &plan);
	return err;
}

void memory_release(struct vm *vm)
{
	for (u32 i = 0; i < vm->extent_count; i++)
		granule_free(vm->extents[i].pa, vm->extents[i].len / GRANULE_SIZE);
	vm->extent_count = 0;
	vm->window_end = 0;
}

/* Where the guest has that page; false: it is not of its RAM. */
static bool find_gpa(const struct vm *vm, paddr_t page, u64 *gpa)
{
	for (u32 i = 0; i < vm->extent_count; i++) {
		const struct vm_extent *e = &vm->extents[i];

		if (page.v >= e->pa.v && page.v - e->pa.v < e->len) {
			*gpa = e->gpa.v + (page.v - e->pa.v);
			return true;
		}
	}
	return false;
}

void memory_failed(owner_t owner, paddr_t page)
{
	u64 gpa;

	for (struct vm *vm = vm_next(NULL); vm; vm = vm_next(vm)) {
		if (vm->owner != owner || !vm_active(vm))
			continue;
		if (find_gpa(vm, page, &gpa))
			vm_stop(vm, STOP_MACHINE_CHECK, "its memory at %#llx has failed",
				(unsigned long long)gpa);
		else
			vm_stop(vm, STOP_MACHINE_CHECK, "memory for its vCPUs has failed");
	}
}

void memory_report(struct memory_report *r)
{
	struct page_stats s;

	page_stats(&s);
	*r = (struct memory_report){ s.total, s.free, s.hv, s.hv_used, s.vm };
}
