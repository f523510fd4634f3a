/*
 * Loading of multiboot kernels with their modules: by the addresses in the header or as an ELF file,
 * entered in 32-bit protected mode ("Multiboot Specification version 0.6.96", chapter 3).
 */
#include "core/bootfs.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/hw/linux_boot.h"
#include "lib/hw/multiboot.h"
#include "lib/string.h"
#include "vm/gmem.h"
#include "vm/loader.h"
#include "vm/loader_elf.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

/* What this loader gives: page-aligned modules and the memory's size always. */
#define FLAGS_KNOWN (MULTIBOOT_PAGE_ALIGN | MULTIBOOT_WANT_MEM)

/* In the BIOS data area. */
#define BDA_EBDA_SEGMENT 0x40eULL
#define BDA_BASE_KIB     0x413ULL

struct image {
	const struct bootfs_file *file;
	struct multiboot_header header; /* a copy; without addresses only its first fields count */
	u64 offset;                     /* of the header in the file */
	u64 entry;
	u64 end; /* one past the last byte in guest memory */
};

/* Finds the header and copies it. */
static bool header_find(const struct bootfs_file *f, struct image *img)
{
	size_t limit = MIN(f->size, (size_t)MULTIBOOT_SEARCH);
	struct multiboot_header *h = &img->header;

	*img = (struct image){ .file = f };
	for (size_t at = 0; at + MULTIBOOT_HEADER_SHORT <= limit; at += 4) {
		memcpy(h, f->data + at, MULTIBOOT_HEADER_SHORT);
		if (h->magic != MULTIBOOT_HEADER_MAGIC || h->magic + h->flags + h->checksum)
			continue;
		if (at + sizeof(*h) <= f->size)
			memcpy(h, f->data + at, sizeof(*h));
		else if (h->flags & MULTIBOOT_ADDRESSES)
			return false;
		img->offset = at;
		return true;
	}
	return false;
}

bool loader_is_multiboot(const struct bootfs_file *f)
{
	struct image img;

	return header_find(f, &img);
}

/* By the header's addresses: one stretch of the file, then zeroes. */
static int place_flat(struct vm *vm, struct image *img)
{
	const struct multiboot_header *h = &img->header;
	const struct bootfs_file *f = img->file;
	u64 before = (u64)h->header_addr - h->load_addr, low = vm_low_ram(vm);
	u64 size, end;

	if (h->load_addr > h->header_addr || before > img->offset)
		return loader_fail(vm, -EINVAL, "kernel '%s' begins before its file does", f->path);
	size = f->size - (img->offset - before);
	if (h->load_end_addr) {
		if (h->load_end_addr < h->load_addr || h->load_end_addr - h->load_addr > size)
			return loader_fail(vm, -EINVAL, "kernel '%s' is truncated or damaged",
					   f->path);
		size = h->load_end_addr - h->load_addr;
	}
	end = MAX(h->load_addr + size, (u64)h->bss_end_addr);
	if (h->load_addr < GUEST_KERNEL_MIN || end > low)
		return loader_fail(vm, -ENOSPC,
				   "kernel '%s' needs %llu KiB at %#x, where there is no memory",
				   f->path, (unsigned long long)((end - h->load_addr) / KIB),
				   h->load_addr);
	if (h->entry_addr < h->load_addr || h->entry_addr >= end)
		return loader_fail(vm, -EINVAL, "kernel '%s' has its entry outside of itself: %#x",
				   f->path, h->entry_addr);
	if (loader_write(vm, h->load_addr, f->data + (img->offset - before), size) ||
	    loader_zero(vm, h->load_addr + size, end - h->load_addr - size))
		return loader_fail(vm, -EFAULT, "kernel '%s' cannot be copied", f->path);
	img->entry = h->entry_addr;
	img->end = end;
	return 0;
}

static int place_elf(struct vm *vm, struct image *img)
{
	const struct bootfs_file *f = img->file;
	struct elf_kernel k;
	const char *why;
	int err;

	if (!elf_is(f->data, f->size))
		return loader_fail(
			vm, -EINVAL,
			"kernel '%s' has a multiboot header without addresses and is no ELF file",
			f->path);
	why = elf_kernel_open(&k, f);
	if (why)
		return loader_fail(vm, -EINVAL, "kernel '%s' cannot be loaded: %s", f->path, why);
	err = elf_kernel_place(vm, &k);
	if (err)
		return err;
	if (!elf_kernel_covers(&k, k.entry_pa))
		return loader_fail(vm, -EINVAL,
				   "kernel '%s' has its entry outside of itself: %#llx", f->path,
				   (unsigned long long)k.elf.entry);
	img->entry = k.entry_pa;
	img->end = k.end;
	return 0;
}

static u64 put_mmap(struct boot_area *a, u32 *length)
{
	struct multiboot_mmap out[LOADER_E820_MAX];
	struct linux_e820 map[LOADER_E820_MAX];
	u32 count = loader_memory_map(a->vm, map);

	for (u32 i = 0; i < count; i++)
		out[i] = (struct multiboot_mmap){
			.size = sizeof(out[0]) - sizeof(out[0].size),
			.base = map[i].base,
			.length = map[i].size,
			.type = map[i].type,
		};
	*length = count * (u32)sizeof(out[0]);
	return boot_area_put(a, out, *length);
}

static u64 put_modules(struct boot_area *a, const struct loader_module *modules, u32 count)
{
	struct multiboot_module out[LOADER_MODULES_MAX];

	for (u32 i = 0; i < count; i++)
		out[i] = (struct multiboot_module){
			.start = (u32)modules[i].start,
			.end = (u32)modules[i].end,
			.string = (u32)modules[i].words,
		};
	return boot_area_put(a, out, count * sizeof(out[0]));
}

/*
 * The BIOS data area's two words on how much low memory there is: kernels that GRUB starts on a PC look
 * there, too (Xen does).
 */
static void put_bios_data(struct boot_area *a)
{
	if (!a->err)
		a->err = gmem_store(a->vm, GPA(BDA_EBDA_SEGMENT), GUEST_EBDA >> 4, 2);
	/* Not aligned. */
	if (!a->err)
		a->err = gmem_write(a->vm, GPA(BDA_BASE_KIB), &(u16){ GUEST_EBDA / KIB }, 2);
}

/* The command line's first word is the kernel's name, as GRUB and QEMU do it. */
static u64 put_cmdline(struct boot_area *a)
{
	char text[DOMAIN_PATH_MAX + 1 + DOMAIN_CMDLINE_MAX];

	snprintf(text, sizeof(text), "%s%s%s", a->vm->cfg.kernel, a->vm->cfg.cmdline[0] ? " " : "",
		 a->vm->cfg.cmdline);
	return boot_area_put_text(a, text);
}

static int put_info(struct boot_area *a, u64 kernel_end, u64 *info)
{
	struct multiboot_info m = { 0 };
	struct loader_module modules[LOADER_MODULES_MAX];
	u64 low = vm_low_ram(a->vm);
	int err = loader_modules(a, kernel_end, modules, &m.mods_count);

	if (err)
		return err;
	m.flags = MULTIBOOT_INFO_MEM | MULTIBOOT_INFO_CMDLINE | MULTIBOOT_INFO_MODS |
		  MULTIBOOT_INFO_MMAP | MULTIBOOT_INFO_LOADER;
	m.mem_lower = (u32)(GUEST_EBDA / KIB);
	m.mem_upper = (u32)((low - MIB) / KIB);
	m.cmdline = (u32)put_cmdline(a);
	m.mods_addr = (u32)put_modules(a, modules, m.mods_count);
	m.mmap_addr = (u32)put_mmap(a, &m.mmap_length);
	m.boot_loader_name = (u32)boot_area_put_text(a, "Plinth");
	*info = boot_area_put(a, &m, sizeof(m));
	put_bios_data(a);
	return a->err ? loader_fail(a->vm, a->err, "not enough memory for boot tables") : 0;
}

int loader_multiboot(struct vm *vm, struct vcpu *v, const struct bootfs_file *f)
{
	struct boot_area area = { .vm = vm, .next = GUEST_BOOT_AREA };
	struct image img;
	u64 info;
	int err;

	if (!header_find(f, &img))
		return loader_fail(vm, -EINVAL, "kernel '%s' is no multiboot kernel", f->path);
	if (img.header.flags & MULTIBOOT_REQUIRED & ~FLAGS_KNOWN)
		return loader_fail(vm, -EINVAL,
				   "kernel '%s' asks its loader for what there is not: flags %#x",
				   f->path, img.header.flags & (u32)MULTIBOOT_REQUIRED);
	err = img.header.flags & MULTIBOOT_ADDRESSES ? place_flat(vm, &img) : place_elf(vm, &img);
	if (!err)
		err = put_info(&area, img.end, &info);
	if (err)
		return err;
	v->regs.gpr[GPR_RAX] = MULTIBOOT_ENTRY_MAGIC;
	v->regs.gpr[GPR_RBX] = info;
	return loader_enter32(vm, v, (u32)img.entry);
}
