/*
 * Puts images into the guest's memory: flat ones, and Linux by its 64-bit boot protocol, at the same places as
 * Plinth's loaders do (vm/loader.c, vm/loader_linux.c).
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/hw/linux_boot.h"
#include "tests/peer/machine.h"
#include "vm/loader.h"

/* Reads all of the file to that address; its size. */
static size_t load_file(struct guest_memory *m, uint64_t at, const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	size_t done = 0;

	if (fd < 0 || fstat(fd, &st))
		die(path);
	if (at > m->size || (size_t)st.st_size > m->size - at)
		die("a file does not fit into the guest's memory");
	while (done < (size_t)st.st_size) {
		ssize_t n = read(fd, m->base + at + done, (size_t)st.st_size - done);

		if (n <= 0)
			die(path);
		done += (size_t)n;
	}
	close(fd);
	return done;
}

struct entry_point load_flat(struct guest_memory *m, const char *image)
{
	load_file(m, GUEST_FLAT_BASE, image);
	return (struct entry_point){ .rip = GUEST_FLAT_BASE, .rsp = GUEST_FLAT_BASE };
}

static uint8_t memory_map(struct linux_params *p, uint64_t end)
{
	p->e820[0] = (struct linux_e820){ 0, GUEST_EBDA, E820_RAM };
	p->e820[1] = (struct linux_e820){ GUEST_EBDA, 0xa0000 - GUEST_EBDA, E820_RESERVED };
	p->e820[2] = (struct linux_e820){ GUEST_RSDP, GUEST_RSDP_END - GUEST_RSDP, E820_RESERVED };
	p->e820[3] = (struct linux_e820){ GUEST_KERNEL_MIN, end - GUEST_KERNEL_MIN, E820_RAM };
	return 4;
}

/* The kernel's protected-mode part at its preferred address. */
static void place_kernel(struct guest_memory *m, const char *kernel, struct linux_params *p)
{
	struct linux_setup *s = &p->setup;
	size_t size, skip;

	/* Whole, then without what is for real mode. */
	size = load_file(m, GUEST_KERNEL_MIN, kernel);
	memcpy(s, m->base + GUEST_KERNEL_MIN + LINUX_SETUP_OFFSET, sizeof(*s));
	if (s->header != LINUX_MAGIC || !(s->xloadflags & LINUX_XLF_KERNEL_64))
		die("not a bzImage with a 64-bit entry");
	skip = ((s->setup_sects ? s->setup_sects : 4u) + 1u) * LINUX_SECTOR;
	if (s->pref_address > m->size || s->init_size > m->size - s->pref_address)
		die("the kernel does not fit into the guest's memory");
	memmove(m->base + s->pref_address, m->base + GUEST_KERNEL_MIN + skip, size - skip);
}

/* At the top of memory. */
static void place_initrd(struct guest_memory *m, const char *initrd, struct linux_setup *s)
{
	struct stat st;

	if (stat(initrd, &st))
		die(initrd);
	if ((size_t)st.st_size > m->size)
		die("the initrd does not fit into the guest's memory");
	s->ramdisk_image = (uint32_t)(m->size - (size_t)st.st_size) & ~0xfffu;
	s->ramdisk_size = (uint32_t)load_file(m, s->ramdisk_image, initrd);
}

struct entry_point load_linux(struct guest_memory *m, const char *kernel, const char *initrd,
			      const char *cmdline, const char *tables)
{
	struct linux_params params = { 0 }, *p = &params;

	place_kernel(m, kernel, p);
	p->setup.type_of_loader = LINUX_LOADER_UNDEFINED;
	p->setup.code32_start = (uint32_t)p->setup.pref_address;
	p->setup.cmd_line_ptr = GUEST_BOOT_AREA;
	p->e820_entries = memory_map(p, m->size);
	if (initrd)
		place_initrd(m, initrd, &p->setup);
	if (tables) {
		load_file(m, GUEST_RSDP, tables);
		p->acpi_rsdp_addr = GUEST_RSDP;
	}
	snprintf((char *)m->base + GUEST_BOOT_AREA, p->setup.cmdline_size + 1, "%s", cmdline);
	memcpy(m->base + GUEST_BOOT_PARAMS, p, sizeof(*p));
	return (struct entry_point){ .rip = p->setup.pref_address + LINUX_ENTRY64,
				     .rsi = GUEST_BOOT_PARAMS };
}
