/*
 * Guest memory through the window: a guest physical address is an offset into it, so that the
 * check is one comparison and the page tables find what is not there.
 */
#include "vm/gmem.h"

#include "arch/uaccess.h"
#include "lib/errno.h"
#include "mm/layout.h"
#include "vm/vm.h"

static inline bool in_window(const struct vm *vm, gpa_t gpa, u64 n)
{
	return gpa.v < vm->window_end && n <= vm->window_end - gpa.v;
}

static inline void *window(gpa_t gpa)
{
	return (void *)(WINDOW_BASE + gpa.v);
}

int gmem_read(struct vm *vm, gpa_t gpa, void *dst, size_t n)
{
	if (!in_window(vm, gpa, n))
		return -EFAULT;
	return ucopy_in(dst, window(gpa), n);
}

int gmem_write(struct vm *vm, gpa_t gpa, const void *src, size_t n)
{
	if (!in_window(vm, gpa, n))
		return -EFAULT;
	return ucopy_out(window(gpa), src, n);
}

int gmem_zero(struct vm *vm, gpa_t gpa, size_t n)
{
	if (!in_window(vm, gpa, n))
		return -EFAULT;
	return uzero(window(gpa), n);
}

int gmem_load(struct vm *vm, gpa_t gpa, u64 *value, size_t size)
{
	if (!in_window(vm, gpa, size))
		return -EFAULT;
	return uload(value, window(gpa), size);
}

int gmem_store(struct vm *vm, gpa_t gpa, u64 value, size_t size)
{
	if (!in_window(vm, gpa, size))
		return -EFAULT;
	return ustore(window(gpa), value, size);
}

int gmem_cas(struct vm *vm, gpa_t gpa, u64 *expected, u64 value, size_t size)
{
	if (!in_window(vm, gpa, size))
		return -EFAULT;
	return ucas(window(gpa), expected, value, size);
}

bool gmem_is_ram(const struct vm *vm, gpa_t gpa, u64 n)
{
	u64 low, high;

	if (!in_window(vm, gpa, n)) /* all that is above RAM */
		return false;
	low = vm_low_ram(vm);
	high = GUEST_HIGH_RAM + vm_high_ram(vm);
	if (n > high || gpa.v > high - n)
		return false;
	return gpa.v + n <= low || gpa.v >= GUEST_HIGH_RAM;
}
