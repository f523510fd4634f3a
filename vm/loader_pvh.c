/*
 * Loading of PVH kernels: ELF files that name a 32-bit entry in a note, told by a start info where
 * memory, modules and command line are (Xen documentation, "x86/HVM direct boot ABI").
 */
#include "core/bootfs.h"
#include "lib/errno.h"
#include "lib/hw/linux_boot.h"
#include "lib/hw/pvh.h"
#include "vm/loader.h"
#include "vm/loader_elf.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

bool loader_is_pvh(const struct bootfs_file *f)
{
	struct elf_kernel k;
	u64 entry;

	return !elf_kernel_open(&k, f) && !elf_kernel_pvh_entry(&k, &entry);
}

static u64 put_memmap(struct boot_area *a, u32 *count)
{
	struct pvh_memmap out[LOADER_E820_MAX];
	struct linux_e820 map[LOADER_E820_MAX];

	*count = loader_memory_map(a->vm, map);
	for (u32 i = 0; i < *count; i++)
		out[i] = (struct pvh_memmap){ map[i].base, map[i].size, map[i].type, 0 };
	return boot_area_put(a, out, *count * sizeof(out[0]));
}

static u64 put_modules(struct boot_area *a, const struct loader_module *modules, u32 count)
{
	struct pvh_module out[LOADER_MODULES_MAX];

	for (u32 i = 0; i < count; i++)
		out[i] = (struct pvh_module){
			.paddr = modules[i].start,
			.size = modules[i].end - modules[i].start,
			.cmdline_paddr = modules[i].words,
		};
	return boot_area_put(a, out, count * sizeof(out[0]));
}

static int put_info(struct boot_area *a, u64 kernel_end, u64 *info)
{
	struct pvh_start_info s = { .magic = PVH_START_MAGIC, .version = PVH_START_VERSION };
	struct loader_module modules[LOADER_MODULES_MAX];
	int err = loader_modules(a, kernel_end, modules, &s.nr_modules);

	if (err)
		return err;
	if (s.nr_modules)
		s.modlist_paddr = put_modules(a, modules, s.nr_modules);
	if (a->vm->cfg.acpi)
		s.rsdp_paddr = GUEST_RSDP;
	s.cmdline_paddr = boot_area_put_text(a, a->vm->cfg.cmdline);
	s.memmap_paddr = put_memmap(a, &s.memmap_entries);
	*info = boot_area_put(a, &s, sizeof(s));
	return a->err ? loader_fail(a->vm, a->err, "not enough memory for boot tables") : 0;
}

int loader_pvh(struct vm *vm, struct vcpu *v, const struct bootfs_file *f)
{
	struct boot_area area = { .vm = vm, .next = GUEST_BOOT_AREA };
	struct elf_kernel k;
	u64 entry, info;
	int err;

	if (elf_kernel_open(&k, f) || elf_kernel_pvh_entry(&k, &entry))
		return loader_fail(vm, -EINVAL, "kernel '%s' is no PVH kernel", f->path);
	err = elf_kernel_place(vm, &k);
	if (err)
		return err;
	if (!elf_kernel_covers(&k, entry))
		return loader_fail(vm, -EINVAL,
				   "kernel '%s' has its entry outside of itself: %#llx", f->path,
				   (unsigned long long)entry);
	err = put_info(&area, k.end, &info);
	if (err)
		return err;
	v->regs.gpr[GPR_RBX] = info;
	return loader_enter32(vm, v, (u32)entry);
}
