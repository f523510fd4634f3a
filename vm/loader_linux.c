/*
 * Loading a Linux bzImage at its 64-bit entry, with command line, initrd and memory map. The image is
 * outside input: its header is copied once and every field checked before use.
 */
#include "core/bootfs.h"
#include "core/thread.h"
#include "lib/crc32.h"
#include "lib/errno.h"
#include "lib/hw/linux_boot.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vm/archive.h"
#include "vm/gmem.h"
#include "vm/loader.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

/*
 * A compressed kernel's file ends in the CRC of what is before it, so that the CRC over all, without the final inversion,
 * is 0. A signature put into the PE header later changed two fields, which count as zeroes.
 */
#define CRC_RESIDUE 0u
#define PE_OFFSET   0x3c /* in the DOS header: where the PE header is */
#define PE_CHECKSUM 0x58 /* from the PE header (PE32+) */
#define PE_SECURITY 0xa8 /* the certificate table's entry */
#define CRC_PIECE   (16 * KIB)

struct image {
	const struct bootfs_file *file;
	struct linux_setup setup; /* a copy */
	size_t payload_offset;    /* of the protected-mode kernel in the file */
	u64 base;                 /* where it goes */
};

/* Others get their turn meanwhile. */
static u32 crc_over(u32 crc, const u8 *data, size_t n)
{
	for (size_t done = 0, piece; done < n; done += piece) {
		piece = MIN(n - done, (size_t)CRC_PIECE);
		crc = crc32_update(crc, data + done, piece);
		thread_give_way();
	}
	return crc;
}

/* Continues crc over the file up to end, with the n bytes from hole on counted as zeroes. */
static u32 crc_with_hole(u32 crc, const u8 *data, size_t *pos, size_t hole, size_t n)
{
	static const u8 zeroes[8];

	crc = crc_over(crc, data + *pos, hole - *pos);
	*pos = hole + n;
	return crc32_update(crc, zeroes, n);
}

static bool crc_good(const u8 *data, size_t size)
{
	size_t pos = 0;
	u32 crc = ~0u, pe;

	memcpy(&pe, data + PE_OFFSET, sizeof(pe));
	if (data[0] == 'M' && data[1] == 'Z' && pe < LINUX_SETUP_OFFSET &&
	    pe + PE_SECURITY + 8 <= size) {
		crc = crc_with_hole(crc, data, &pos, pe + PE_CHECKSUM, 4);
		crc = crc_with_hole(crc, data, &pos, pe + PE_SECURITY, 8);
	}
	return crc_over(crc, data + pos, size - pos) == CRC_RESIDUE;
}

bool loader_is_linux(const struct bootfs_file *f)
{
	u16 flag;
	u32 magic;

	if (f->size < LINUX_SETUP_OFFSET + offsetof(struct linux_setup, version))
		return false;
	memcpy(&flag, f->data + LINUX_SETUP_OFFSET + offsetof(struct linux_setup, boot_flag),
	       sizeof(flag));
	memcpy(&magic, f->data + LINUX_SETUP_OFFSET + offsetof(struct linux_setup, header),
	       sizeof(magic));
	return flag == LINUX_BOOT_FLAG && magic == LINUX_MAGIC;
}

/* Finds the setup header and checks what does not depend on memory. */
static int image_parse(struct vm *vm, struct image *img)
{
	const struct bootfs_file *f = img->file;
	struct linux_setup *s = &img->setup;
	size_t need;

	if (f->size < LINUX_SETUP_OFFSET + sizeof(*s))
		return loader_fail(vm, -EINVAL, "kernel '%s' is too short for a bzImage", f->path);
	memcpy(s, f->data + LINUX_SETUP_OFFSET, sizeof(*s));
	if (s->version < LINUX_VERSION_MIN || !(s->xloadflags & LINUX_XLF_KERNEL_64) ||
	    !(s->loadflags & LINUX_LOADED_HIGH))
		return loader_fail(vm, -EINVAL, "kernel '%s' has no 64-bit entry", f->path);
	img->payload_offset = ((s->setup_sects ? s->setup_sects : 4u) + 1u) * LINUX_SECTOR;
	need = img->payload_offset + (size_t)s->syssize * LINUX_PARAGRAPH;
	/* What is not compressed may end within its last paragraph. */
	if (!s->payload_length && f->size < need && need - f->size < LINUX_PARAGRAPH)
		need = f->size;
	if (img->payload_offset >= f->size || f->size < need)
		return loader_fail(vm, -EINVAL, "kernel '%s' is truncated: %zu of %zu bytes",
				   f->path, f->size, need);
	if (s->payload_length && !crc_good(f->data, need))
		return loader_fail(vm, -EINVAL, "kernel '%s' is corrupted: its checksum is wrong",
				   f->path);
	return 0;
}

/* Places and copies the kernel. */
static int image_place(struct vm *vm, struct image *img)
{
	const struct linux_setup *s = &img->setup;
	size_t size = img->file->size - img->payload_offset;
	u64 span = MAX((u64)s->init_size, (u64)size), low = vm_low_ram(vm);

	img->base = s->pref_address;
	if (s->relocatable_kernel && (img->base > low || span > low - img->base))
		img->base = ALIGN_UP(GUEST_KERNEL_MIN, MAX((u64)s->kernel_alignment, PAGE_SIZE));
	if (img->base < GUEST_KERNEL_MIN || img->base > low || span > low - img->base)
		return loader_fail(vm, -ENOSPC,
				   "kernel '%s' needs %llu MiB at %#llx, more than there is",
				   img->file->path, (unsigned long long)(span / MIB),
				   (unsigned long long)img->base);
	if (loader_write(vm, img->base, img->file->data + img->payload_offset, size))
		return loader_fail(vm, -EFAULT, "kernel '%s' cannot be copied", img->file->path);
	return 0;
}

/* At the top of what the kernel can reach, above the kernel itself. */
static int initrd_place(struct vm *vm, const struct image *img, struct linux_params *p)
{
	const struct bootfs_file *f;
	u64 top = MIN(vm_low_ram(vm), (u64)img->setup.initrd_addr_max + 1);
	u64 kernel_end = img->base + MAX((u64)img->setup.init_size,
					 (u64)(img->file->size - img->payload_offset));
	u64 at;

	if (!vm->cfg.initrd[0])
		return 0;
	f = loader_file(vm, "initrd", vm->cfg.initrd);
	if (!f)
		return -ENOENT;
	if (archive_check(f->data, f->size))
		return loader_fail(vm, -EINVAL, "initrd '%s' is truncated or corrupted", f->path);
	if (f->size > top || ALIGN_DOWN(top - f->size, PAGE_SIZE) < kernel_end)
		return loader_fail(vm, -ENOSPC, "initrd '%s' does not fit into memory: %zu KiB",
				   f->path, f->size / 1024);
	at = ALIGN_DOWN(top - f->size, PAGE_SIZE);
	if (loader_write(vm, at, f->data, f->size))
		return loader_fail(vm, -EFAULT, "initrd '%s' cannot be copied", f->path);
	p->setup.ramdisk_image = (u32)at;
	p->setup.ramdisk_size = (u32)f->size;
	return 0;
}

static int cmdline_place(struct vm *vm, const struct image *img, struct linux_params *p)
{
	size_t len = strlen(vm->cfg.cmdline);

	if (len > img->setup.cmdline_size)
		return loader_fail(vm, -EINVAL, "command line: %zu bytes, the kernel takes %u", len,
				   img->setup.cmdline_size);
	p->setup.cmd_line_ptr = GUEST_BOOT_AREA;
	return gmem_write(vm, GPA(GUEST_BOOT_AREA), vm->cfg.cmdline, len + 1);
}

int loader_linux(struct vm *vm, struct vcpu *v, const struct bootfs_file *f)
{
	struct image img = { .file = f };
	struct linux_params *p;
	int err = image_parse(vm, &img);

	if (!err)
		err = image_place(vm, &img);
	if (err)
		return err;
	p = heap_alloc(vm->heap, sizeof(*p), 0);
	if (!p)
		return loader_fail(vm, -ENOMEM, "no memory for boot parameters");
	p->setup = img.setup;
	p->setup.type_of_loader = LINUX_LOADER_UNDEFINED;
	p->setup.code32_start = (u32)img.base;
	p->setup.ramdisk_image = p->setup.ramdisk_size = 0;
	p->setup.setup_data = 0;
	if (vm->cfg.acpi)
		p->acpi_rsdp_addr = GUEST_RSDP;
	p->e820_entries = (u8)loader_memory_map(vm, p->e820);
	err = initrd_place(vm, &img, p);
	if (!err)
		err = cmdline_place(vm, &img, p);
	if (!err)
		err = gmem_write(vm, GPA(GUEST_BOOT_PARAMS), p, sizeof(*p));
	heap_free(vm->heap, p);
	if (err)
		return err;
	v->regs.gpr[GPR_RSI] = GUEST_BOOT_PARAMS;
	return loader_enter64(vm, v, img.base + LINUX_ENTRY64);
}
