/*
 * Memory for the image, the boot set and the boot information (UEFI 2.10: "Memory Allocation Services").
 */
#include "boot/app/app.h"

#include "lib/bootinfo.h"
#include "lib/string.h"

#define NOTES (BOOT_MAX_MODULES + 16)

static struct {
	EFI_PHYSICAL_ADDRESS pa;
	UINTN pages;
} notes[NOTES];
static u32 note_count;

void *pages_alloc(u64 bytes, u64 align, EFI_MEMORY_TYPE type)
{
	EFI_PHYSICAL_ADDRESS pa = 4 * GIB - 1; /* the highest that will do */
	u64 pages;
	void *p;

	if (bytes > 4 * GIB || note_count == NOTES)
		return NULL;
	/* What lies before the boundary and behind the end is not missed: it is free memory soon. */
	pages = ALIGN_UP(bytes + align - PAGE_SIZE, PAGE_SIZE) >> PAGE_SHIFT;
	pages = MAX(pages, 1);
	if (EFI_ERROR(app.boot->AllocatePages(AllocateMaxAddress, type, pages, &pa)))
		return NULL;
	notes[note_count].pa = pa;
	notes[note_count++].pages = pages;
	p = (void *)ALIGN_UP(pa, align);
	memset(p, 0, ALIGN_UP(bytes, PAGE_SIZE));
	return p;
}

void pages_release(void)
{
	while (note_count) {
		note_count--;
		app.boot->FreePages(notes[note_count].pa, notes[note_count].pages);
	}
}
