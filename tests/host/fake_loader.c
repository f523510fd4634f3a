/*
 * See fake_loader.h.
 */
#include "tests/host/fake_loader.h"

#include <stdlib.h>
#include <string.h>

#include "core/thread.h"
#include "lib/errno.h"
#include "lib/gzip.h"
#include "mm/heap.h"
#include "tests/host/harness.h"
#include "vm/archive.h"
#include "vm/gmem.h"
#include "vm/loader.h"

struct vm vm;
struct vcpu v;
u8 *ram;
int archive_result;

static u32 allocations;

void *heap_alloc(struct heap *h, size_t size, size_t align)
{
	allocations++;
	return calloc(1, size);
}

void heap_free(struct heap *h, void *p)
{
	allocations--;
	free(p);
}

u64 vm_low_ram(const struct vm *m)
{
	return MIN(m->cfg.memory, GUEST_LOW_RAM_MAX);
}

u64 vm_high_ram(const struct vm *m)
{
	return m->cfg.memory - vm_low_ram(m);
}

int archive_check(const u8 *data, size_t size)
{
	return archive_result;
}

bool gzip_is(const u8 *data, size_t size)
{
	return size >= 2 && data[0] == 0x1f && data[1] == 0x8b;
}

/* RAM as far as there is some: a loader that writes above it fails. */
static bool bad(gpa_t gpa, size_t n)
{
	u64 end = MIN(vm_low_ram(&vm), RAM);

	return gpa.v > end || n > end - gpa.v;
}

/* Long work has pieces, between which others get their turn; those that were not asked about count together. */
#define PIECE_MAX (64 * KIB)
static size_t unasked;
u32 fake_yields;

bool thread_need_resched(void)
{
	return true;
}

void thread_yield(void)
{
	unasked = 0;
	fake_yields++;
}

int gmem_write(struct vm *m, gpa_t gpa, const void *src, size_t n)
{
	if (bad(gpa, n))
		return -EFAULT;
	unasked += n;
	CHECK(unasked <= PIECE_MAX);
	memcpy(ram + gpa.v, src, n);
	return 0;
}

int gmem_store(struct vm *m, gpa_t gpa, u64 value, size_t size)
{
	return gmem_write(m, gpa, &value, size);
}

int gmem_zero(struct vm *m, gpa_t gpa, size_t n)
{
	if (bad(gpa, n))
		return -EFAULT;
	unasked += n;
	CHECK(unasked <= PIECE_MAX);
	memset(ram + gpa.v, 0, n);
	return 0;
}

void fake_loader_start(void)
{
	if (!ram)
		ram = malloc(RAM);
	memset(&vm, 0, sizeof(vm));
	memset(&v, 0, sizeof(v));
	unasked = 0;
	fake_yields = 0;
	vm.cfg.memory = RAM;
	vm.cfg.loader = LOADER_KERNEL;
	archive_result = 0;
}

int fake_load(void)
{
	int err = loader_load(&vm, &v);

	CHECK_EQ(err != 0, vm.stop_text[0] != 0);
	CHECK_EQ(allocations, 0);
	return err;
}
