/*
 * Which loader a domain uses, and what all share: finding files, and 64-bit mode with the first 4 GiB
 * mapped one to one.
 */
#include "vm/loader.h"

#include "arch/cpu.h"
#include "arch/msr.h"
#include "core/bootfs.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "vm/gmem.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define GDT_CODE64 0x00af9b000000ffffULL
#define GDT_DATA   0x00cf93000000ffffULL

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

int loader_enter64(struct vm *vm, struct vcpu *v, u64 rip)
{
	const u64 gdt[4] = { 0, 0, GDT_CODE64, GDT_DATA };
	const u16 data = SEG_ATTR_G | SEG_ATTR_DB | SEG_ATTR_P | SEG_ATTR_S | 3;
	struct vcpu_regs *r = &v->regs;
	int err = identity_map(vm);

	if (!err)
		err = gmem_write(vm, GPA(GUEST_BOOT_GDT), gdt, sizeof(gdt));
	if (err)
		return loader_fail(vm, err, "not enough memory for boot tables");
	set_segment(v, SEG_CS, 0x10, SEG_ATTR_G | SEG_ATTR_L | SEG_ATTR_P | SEG_ATTR_S | 0xb);
	set_segment(v, SEG_SS, 0x18, data);
	set_segment(v, SEG_DS, 0x18, data);
	set_segment(v, SEG_ES, 0x18, data);
	set_segment(v, SEG_FS, 0x18, data);
	set_segment(v, SEG_GS, 0x18, data);
	r->gdt = (struct dtable){ GUEST_BOOT_GDT, sizeof(gdt) - 1 };
	r->idt = (struct dtable){ 0, 0 };
	r->cr0 = CR0_PG | CR0_PE | CR0_ET | CR0_NE;
	r->cr3 = GUEST_BOOT_TABLES;
	r->cr4 = CR4_PAE;
	r->efer = EFER_LME | EFER_LMA;
	r->rip = rip;
	vcpu_dirty(v, RG_ALL);
	return 0;
}

int loader_load(struct vm *vm, struct vcpu *v)
{
	switch (vm->cfg.loader) {
	case LOADER_LINUX:
		return loader_linux(vm, v);
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
	if (gmem_write(vm, GPA(GUEST_FLAT_BASE), f->data, f->size))
		return loader_fail(vm, -ENOSPC, "image '%s' does not fit into memory", f->path);
	v->regs.gpr[GPR_RSP] = GUEST_FLAT_BASE;
	return loader_enter64(vm, v, GUEST_FLAT_BASE);
}
