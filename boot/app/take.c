#include "boot/app/take.h"

#include "boot/app/app.h"

EFI_STATUS file_take(struct bootset *set, const char *head, const char *path, size_t length,
		     u64 size, void **data)
{
	struct boot_module *m;
	const char *wrong = bootset_add(set, path, length, &m);

	if (wrong)
		return fail(EFI_UNSUPPORTED, "%s%.*s: %s", head, (int)length, path, wrong);
	*data = pages_alloc(size, PAGE_SIZE, EfiLoaderData);
	if (!*data)
		return fail(EFI_OUT_OF_RESOURCES, "%s%s: no memory below 4 GiB for its %llu bytes",
			    head, m->path, (unsigned long long)size);
	m->pa = (u64)*data;
	m->size = size;
	return EFI_SUCCESS;
}
