/*
 * page_alloc() and the arithmetic beside it, for host tests (fake_mm.h).
 */
#include "tests/host/fake_mm.h"

#include "lib/string.h"
#include "mm/page.h"

void *aligned_alloc(size_t align, size_t size);
void free(void *p);

u64 host_phys_base;
u64 fake_pages;
s64 fake_pages_left = -1;

void *page_alloc(u32 order)
{
	u64 size = PAGE_SIZE << order;
	void *p;

	if (!fake_pages_left)
		return NULL;
	p = aligned_alloc(size, size);
	if (!p)
		return NULL;
	if (fake_pages_left > 0)
		fake_pages_left--;
	fake_pages += 1u << order;
	return memset(p, 0, size);
}

void page_free(void *p, u32 order)
{
	fake_pages -= 1u << order;
	free(p);
}

paddr_t virt_to_phys(const void *va)
{
	return PADDR((u64)va - host_phys_base);
}
