/*
 * What goes along with multiboot and PVH kernels: modules, named as QEMU's -initrd does, and the area
 * of low memory that holds the tables and texts.
 */
#include "core/bootfs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "vm/archive.h"
#include "vm/gmem.h"
#include "vm/loader.h"
#include "vm/vm.h"

u64 boot_area_put(struct boot_area *a, const void *data, size_t n)
{
	u64 at = ALIGN_UP(a->next, 8ULL);

	if (!a->err && (at > GUEST_BOOT_END || n > GUEST_BOOT_END - at))
		a->err = -ENOSPC;
	if (!a->err)
		a->err = gmem_write(a->vm, GPA(at), data, n);
	if (a->err)
		return 0;
	a->next = at + n;
	return at;
}

u64 boot_area_put_text(struct boot_area *a, const char *text)
{
	return boot_area_put(a, text, strlen(text) + 1);
}

/*
 * Copies the next module's words from *list to words, which holds all of the list, and moves *list on;
 * false at the end. A comma ends a module, two stand for one.
 */
static bool next_words(const char **list, char *words)
{
	const char *p = *list;
	bool ended = false;

	if (!*p)
		return false;
	while (*p == ' ')
		p++;
	for (; *p && !ended; p++) {
		if (*p == ',' && p[1] != ',') {
			ended = true;
			continue;
		}
		if (*p == ',')
			p++;
		*words++ = *p;
	}
	*words = '\0';
	*list = p;
	return true;
}

static int load_module(struct boot_area *a, char *words, u64 at, struct loader_module *m)
{
	const struct bootfs_file *f;
	char *blank;

	m->words = boot_area_put_text(a, words);
	blank = strchr(words, ' ');
	if (blank)
		*blank = '\0';
	f = loader_file(a->vm, "module", words);
	if (!f)
		return -ENOENT;
	if (archive_check(f->data, f->size))
		return loader_fail(a->vm, -EINVAL, "module '%s' is truncated or corrupted",
				   f->path);
	m->start = ALIGN_UP(at, PAGE_SIZE);
	if (m->start > vm_low_ram(a->vm) || f->size > vm_low_ram(a->vm) - m->start)
		return loader_fail(a->vm, -ENOSPC, "module '%s' does not fit into memory: %zu KiB",
				   f->path, f->size / 1024);
	m->end = m->start + f->size;
	if (loader_write(a->vm, m->start, f->data, f->size))
		return loader_fail(a->vm, -EFAULT, "module '%s' cannot be copied", f->path);
	return 0;
}

int loader_modules(struct boot_area *a, u64 at, struct loader_module *modules, u32 *count)
{
	const char *list = a->vm->cfg.initrd;
	char words[DOMAIN_INITRD_MAX];

	for (*count = 0; next_words(&list, words); ++*count) {
		int err;

		if (*count == LOADER_MODULES_MAX)
			return loader_fail(a->vm, -EINVAL, "more than %d modules",
					   LOADER_MODULES_MAX);
		err = load_module(a, words, at, &modules[*count]);
		if (err)
			return err;
		at = modules[*count].end;
	}
	return 0;
}
