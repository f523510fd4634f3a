/*
 * ELF kernels into a guest's memory: the file is read by lib/elf.h.
 */
#include "vm/loader_elf.h"

#include "core/bootfs.h"
#include "lib/errno.h"
#include "lib/hw/elf.h"
#include "vm/gmem.h"
#include "vm/loader.h"
#include "vm/vm.h"

const char *elf_kernel_open(struct elf_kernel *k, const struct bootfs_file *f)
{
	*k = (struct elf_kernel){ .path = f->path };
	return elf_open(&k->elf, f->data, f->size);
}

int elf_kernel_pvh_entry(const struct elf_kernel *k, u64 *entry)
{
	struct elf_description d;
	u32 narrow;

	if (!elf_find_note(&k->elf, ELF_NOTE_XEN_NAME, ELF_NOTE_XEN_PHYS32, &d))
		return -ENOENT;
	if (d.size == sizeof(*entry))
		return elf_peek(&k->elf, d.offset, entry, sizeof(*entry)) ? 0 : -ENOENT;
	if (d.size != sizeof(narrow) || !elf_peek(&k->elf, d.offset, &narrow, sizeof(narrow)))
		return -ENOENT;
	*entry = narrow;
	return 0;
}

/* left is what is left of the guest's memory when each byte is given to one segment only. */
static int place(struct vm *vm, struct elf_kernel *k, u32 i, u64 *left)
{
	struct elf_segment s = elf_segment_at(&k->elf, i);
	u64 low = vm_low_ram(vm);
	const char *wrong;

	if (s.type != ELF_LOAD || !s.memsz)
		return 0;
	wrong = elf_segment_error(&k->elf, &s);
	if (wrong)
		return loader_fail(vm, -EINVAL, "kernel '%s' cannot be loaded: %s", k->path, wrong);
	if (s.paddr < GUEST_KERNEL_MIN || s.paddr > low || s.memsz > low - s.paddr ||
	    s.memsz > *left)
		return loader_fail(vm, -ENOSPC,
				   "kernel '%s' needs %llu KiB at %#llx, where there is no memory",
				   k->path, (unsigned long long)(s.memsz / KIB),
				   (unsigned long long)s.paddr);
	*left -= s.memsz;
	if (loader_write(vm, s.paddr, k->elf.data + s.offset, s.filesz) ||
	    loader_zero(vm, s.paddr + s.filesz, s.memsz - s.filesz))
		return loader_fail(vm, -EFAULT, "kernel '%s' cannot be copied", k->path);
	k->end = MAX(k->end, s.paddr + s.memsz);
	if (k->elf.entry >= s.vaddr && k->elf.entry - s.vaddr < s.memsz)
		k->entry_pa = s.paddr + (k->elf.entry - s.vaddr);
	return 0;
}

int elf_kernel_place(struct vm *vm, struct elf_kernel *k)
{
	u64 left = vm_low_ram(vm);

	k->end = 0;
	k->entry_pa = k->elf.entry;
	for (u32 i = 0; i < k->elf.phnum; i++) {
		int err = place(vm, k, i, &left);

		if (err)
			return err;
	}
	if (!k->end)
		return loader_fail(vm, -EINVAL, "kernel '%s' has nothing to load", k->path);
	return 0;
}

bool elf_kernel_covers(const struct elf_kernel *k, u64 pa)
{
	for (u32 i = 0; i < k->elf.phnum; i++) {
		struct elf_segment s = elf_segment_at(&k->elf, i);

		if (s.type == ELF_LOAD && pa >= s.paddr && pa - s.paddr < s.memsz)
			return true;
	}
	return false;
}
