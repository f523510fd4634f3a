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
#include "vm/vm.h"

/* Takes one piece for gpa, of at most len bytes. */
static int take_piece(struct vm *vm, u64 gpa, u64 len)
{
	struct vm_extent *e = &vm->extents[vm->extent_count];
	int err = -ENOMEM;

	if (vm->extent_count == VM_MAX_EXTENTS)
		return -ENOSPC;
	for (u64 size = GIB; size >= GRANULE_SIZE; size /= 2) {
		if (size > len || gpa % size)
			continue;
		err = granule_alloc(vm->owner, size / GRANULE_SIZE, size / GRANULE_SIZE, &e->pa);
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

static int map_extent(struct vm *vm, const struct vm_extent *e)
{
	int err = s2_map(&vm->s2, e->gpa, e->pa, e->len, PTAB_R | PTAB_W | PTAB_X);

	return err ? err : aspace_map_ram(vm->aspace, e->gpa, e->pa, e->len);
}

static int take_range(struct vm *vm, u64 gpa, u64 len)
{
	if (!len)
		return 0;
	while (len) {
		int err = take_piece(vm, gpa, len);

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

int memory_take(struct vm *vm)
{
	struct page_stats s;
	int err;

	page_stats(&s);
	if (vm->cfg.memory > s.free) {
		snprintf(vm->stop_text, sizeof(vm->stop_text),
			 "memory: %llu MiB asked for, %llu MiB free",
			 (unsigned long long)(vm->cfg.memory / MIB),
			 (unsigned long long)(s.free / MIB));
		return -ENOMEM;
	}
	vm->extent_count = 0;
	err = take_range(vm, 0, vm_low_ram(vm));
	if (!err && vm_high_ram(vm))
		err = take_range(vm, GUEST_HIGH_RAM, vm_high_ram(vm));
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
