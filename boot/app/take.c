#include "boot/app/take.h"

#include "boot/app/app.h"
#include "boot/app/text.h"

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

EFI_STATUS cmdline_take(const char *text, u64 bytes, char *out, size_t size)
{
	if (text_line(text, bytes, out, size))
		return fail(EFI_UNSUPPORTED, "cmdline: it is longer than %zu bytes or no text",
			    size - 1);
	return EFI_SUCCESS;
}
