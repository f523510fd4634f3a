/*
 * Which loader a domain uses, and what all share: finding files, the memory map, and the modes that
 * guests are entered in: 64-bit with the first 4 GiB mapped one to one, and 32-bit without paging.
 */
#include "vm/loader.h"

#include "arch/cpu.h"
#include "arch/msr.h"
#include "core/bootfs.h"
#include "core/thread.h"
#include "lib/elf.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/gzip.h"
#include "lib/hw/linux_boot.h"
#include "vm/gmem.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define GDT_CODE32 0x00cf9b000000ffffULL
#define GDT_CODE64 0x00af9b000000ffffULL
#define GDT_DATA   0x00cf93000000ffffULL

/* Where those are in the GDT. */
#define SELECTOR_CODE 0x10
#define SELECTOR_DATA 0x18

#define SEG_ATTR_CODE (SEG_ATTR_G | SEG_ATTR_P | SEG_ATTR_S | 0xb)
#define SEG_ATTR_DATA (SEG_ATTR_G | SEG_ATTR_DB | SEG_ATTR_P | SEG_ATTR_S | 3)
#define SEG_ATTR_TSS  (SEG_ATTR_P | 0xb) /* 32 bits, busy */
#define TSS_LIMIT     0x67

#define VGA_START  0xa0000ULL
#define HIGH_START 0x100000ULL

#define PTE_PRESENT_WRITE 3ULL
#define PDE_LARGE         BIT(7)
#define IDENTITY_GIB      4u

int loader_fail(struct vm *vm, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(vm->stop_text, sizeof(vm->stop_text), fmt, ap);
	va_end(ap);
	return err;
}

const struct bootfs_file *loader_file(struct vm *vm, const char *what, const char *path)
{
	const struct bootfs_file *f = bootfs_find(path);

	if (!f)
		loader_fail(vm, -ENOENT, "%s '%s' is not in the boot set", what, path);
	return f;
}

/* Page tables at GUEST_BOOT_TABLES: PML4, PDPT, then one page directory per GiB. */
static int identity_map(struct vm *vm)
{
	u64 pml4 = GUEST_BOOT_TABLES, pdpt = pml4 + PAGE_SIZE, pd = pdpt + PAGE_SIZE;
	int err = gmem_zero(vm, GPA(pml4), (2 + IDENTITY_GIB) * PAGE_SIZE);

	if (!err)
		err = gmem_store(vm, GPA(pml4), pdpt | PTE_PRESENT_WRITE, 8);
	for (u64 i = 0; i < IDENTITY_GIB && !err; i++)
		err = gmem_store(vm, GPA(pdpt + i * 8), (pd + i * PAGE_SIZE) | PTE_PRESENT_WRITE,
				 8);
	for (u64 i = 0; i < IDENTITY_GIB * 512 && !err; i++)
		err = gmem_store(vm, GPA(pd + i * 8), i << 21 | PDE_LARGE | PTE_PRESENT_WRITE, 8);
	return err;
}

static void set_segment(struct vcpu *v, enum seg seg, u16 selector, u16 attr)
{
	v->regs.seg[seg] =
		(struct segment){ .limit = 0xffffffff, .selector = selector, .attr = attr };
}

/* A GDT with that code segment, and all segments flat. */
static int set_segments(struct vm *vm, struct vcpu *v, u64 code, u16 code_attr)
{
	const u64 gdt[4] = { 0, 0, code, GDT_DATA };
	struct vcpu_regs *r = &v->regs;
	int err = gmem_write(vm, GPA(GUEST_BOOT_GDT), gdt, sizeof(gdt));

	if (err)
		return err;
	for (enum seg s = SEG_ES; s <= SEG_GS; s++)
		set_segment(v, s, SELECTOR_DATA, SEG_ATTR_DATA);
	set_segment(v, SEG_CS, SELECTOR_CODE, code_attr);
	r->gdt = (struct dtable){ GUEST_BOOT_GDT, sizeof(gdt) - 1 };
	r->idt = (struct dtable){ 0, 0 };
	return 0;
}

int loader_enter64(struct vm *vm, struct vcpu *v, u64 rip)
{
	struct vcpu_regs *r = &v->regs;
	int err = identity_map(vm);

	if (!err)
		err = set_segments(vm, v, GDT_CODE64, SEG_ATTR_CODE | SEG_ATTR_L);
	if (err)
		return loader_fail(vm, err, "not enough memory for boot tables");
	r->cr0 = CR0_PG | CR0_PE | CR0_ET | CR0_NE;
	r->cr3 = GUEST_BOOT_TABLES;
	r->cr4 = CR4_PAE;
	r->efer = EFER_LME | EFER_LMA;
	r->rip = rip;
	vcpu_dirty(v, RG_ALL);
	return 0;
}

int loader_enter32(struct vm *vm, struct vcpu *v, u32 eip)
{
	struct vcpu_regs *r = &v->regs;
	int err = set_segments(vm, v, GDT_CODE32, SEG_ATTR_CODE | SEG_ATTR_DB);

	if (err)
		return loader_fail(vm, err, "not enough memory for boot tables");
	r->seg[SEG_TR] = (struct segment){ .limit = TSS_LIMIT, .attr = SEG_ATTR_TSS };
	r->cr0 = CR0_PE | CR0_ET;
	r->cr3 = r->cr4 = r->efer = 0;
	r->rip = eip;
	vcpu_dirty(v, RG_ALL);
	return 0;
}

static u32 e820_add(struct linux_e820 *map, u32 n, u64 base, u64 end, u32 type)
{
	if (end <= base)
		return n;
	map[n] = (struct linux_e820){ base, end - base, type };
	return n + 1;
}

u32 loader_memory_map(const struct vm *vm, struct linux_e820 *map)
{
	u64 low = vm_low_ram(vm), high = vm_high_ram(vm);
	u32 n = 0;

	n = e820_add(map, n, 0, MIN(low, GUEST_EBDA), E820_RAM);
	n = e820_add(map, n, GUEST_EBDA, VGA_START, E820_RESERVED);
	n = e820_add(map, n, GUEST_RSDP, GUEST_RSDP_END, E820_RESERVED);
	n = e820_add(map, n, HIGH_START, low, E820_RAM);
	return e820_add(map, n, GUEST_HIGH_RAM, GUEST_HIGH_RAM + high, E820_RAM);
}

/* What a file is that is no kernel, for people. */
static const char *what_else(const struct bootfs_file *f)
{
	if (gzip_is(f->data, f->size))
		return "is compressed with gzip: unpack it first";
	if (elf_is(f->data, f->size))
		return "is an ELF file with neither a multiboot header nor a PVH entry";
	return "is neither a bzImage nor a multiboot kernel nor an ELF file with a PVH entry";
}

static int load_kernel(struct vm *vm, struct vcpu *v)
{
	static const struct {
		bool (*is)(const struct bootfs_file *f);
		int (*load)(struct vm *vm, struct vcpu *v, const struct bootfs_file *f);
	} kinds[] = {
		{ loader_is_linux, loader_linux },
		{ loader_is_multiboot, loader_multiboot },
		{ loader_is_pvh, loader_pvh },
	};
	const struct bootfs_file *f = loader_file(vm, "kernel", vm->cfg.kernel);

	if (!f)
		return -ENOENT;
	for (u32 i = 0; i < ARRAY_LEN(kinds); i++) {
		if (kinds[i].is(f))
			return kinds[i].load(vm, v, f);
	}
	return loader_fail(vm, -EINVAL, "kernel '%s' %s", f->path, what_else(f));
}

/* What is done without a look at who else wants the CPU: well below a millisecond. */
#define PIECE (32 * KIB)

int loader_write(struct vm *vm, u64 gpa, const void *src, size_t n)
{
	int err = 0;

	for (size_t done = 0, piece; done < n && !err; done += piece) {
		piece = MIN(n - done, (size_t)PIECE);
		err = gmem_write(vm, GPA(gpa + done), (const u8 *)src + done, piece);
		thread_give_way();
	}
	return err;
}

int loader_zero(struct vm *vm, u64 gpa, size_t n)
{
	int err = 0;

	for (size_t done = 0, piece; done < n && !err; done += piece) {
		piece = MIN(n - done, (size_t)PIECE);
		err = gmem_zero(vm, GPA(gpa + done), piece);
		thread_give_way();
	}
	return err;
}

int loader_load(struct vm *vm, struct vcpu *v)
{
	switch (vm->cfg.loader) {
	case LOADER_KERNEL:
		return load_kernel(vm, v);
	case LOADER_FLAT:
		return loader_flat(vm, v);
	}
	return -EINVAL;
}

int loader_flat(struct vm *vm, struct vcpu *v)
{
	const struct bootfs_file *f = loader_file(vm, "image", vm->cfg.kernel);

	if (!f)
		return -ENOENT;
	if (loader_write(vm, GUEST_FLAT_BASE, f->data, f->size))
		return loader_fail(vm, -ENOSPC, "image '%s' does not fit into memory", f->path);
	v->regs.gpr[GPR_RSP] = GUEST_FLAT_BASE;
	return loader_enter64(vm, v, GUEST_FLAT_BASE);
}
