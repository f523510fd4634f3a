/*
 * Plinth as a UEFI application: does what GRUB does otherwise. It places the image that it carries, collects
 * the boot set, and enters at boot_entry_efi with a multiboot2 boot information and boot services running.
 * Until then anything that is wrong is said in one line, and the firmware goes on with its next choice.
 */
#include "boot/app/app.h"
#include "boot/app/archive.h"
#include "boot/app/beside.h"
#include "boot/app/bootset.h"
#include "boot/app/embed.h"
#include "boot/app/image.h"
#include "boot/app/net.h"
#include "boot/app/screen.h"
#include "boot/app/take.h"
#include "boot/app/text.h"
#include "lib/errno.h"
#include "lib/hw/multiboot2.h"
#include "lib/string.h"

struct app app;

static struct bootset bootset;
static char cmdline[BOOT_CMDLINE_MAX];

static EFI_STATUS load_image(struct image *image, u8 **place)
{
	const char *wrong = image_check(embed_image, embed_image_size, image);

	if (wrong)
		return fail(EFI_LOAD_ERROR, "the embedded image: %s", wrong);
	*place = pages_alloc(image->size, IMAGE_ALIGN, EfiLoaderCode);
	if (!*place)
		return fail(EFI_OUT_OF_RESOURCES, "no memory below 4 GiB for the image");
	image_place(image, *place);
	return EFI_SUCCESS;
}

static EFI_STATUS take_archived(const struct archive_file *file)
{
	void *data;
	EFI_STATUS status = file_take(&bootset, "the embedded boot set: ", file->path,
				      strlen(file->path), file->size, &data);

	if (!EFI_ERROR(status))
		memcpy(data, file->data, file->size);
	return status;
}

static EFI_STATUS load_archive(void)
{
	struct archive archive = { embed_bootset, embed_bootset_size, 0 };
	EFI_STATUS status = EFI_SUCCESS;

	while (!EFI_ERROR(status)) {
		struct archive_file file;
		const char *wrong = archive_next(&archive, &file);

		if (wrong)
			return fail(EFI_LOAD_ERROR, "the embedded boot set: %s", wrong);
		if (!file.path)
			break;
		status = take_archived(&file);
	}
	return status;
}

/* Whether the firmware let this file run for its signature (UEFI 2.10: "Globally Defined Variables"). */
static bool secure_boot(void)
{
	EFI_GUID global = EFI_GLOBAL_VARIABLE;
	u8 on = 0;
	UINTN size = sizeof(on);

	return !EFI_ERROR(app.table->RuntimeServices->GetVariable(L"SecureBoot", &global, NULL,
								  &size, &on)) &&
	       on == 1;
}

static EFI_STATUS load_bootset(bool within)
{
	EFI_STATUS status;

	if (embed_bootset_size)
		return load_archive();
	status = within ? EFI_NOT_FOUND : beside_bootset(&bootset);
	if (status == EFI_NOT_FOUND && !within)
		status = net_bootset(&bootset);
	if (status != EFI_NOT_FOUND)
		return status;
	say("no boot set: none is embedded%s", within ? "" : ", and none is beside this file");
	return EFI_SUCCESS;
}

/* From the load options, else what is embedded, else beside the application. */
static EFI_STATUS load_cmdline(bool within)
{
	EFI_STATUS status;
	int err = -ENOENT;

	if (!within && app.loaded->LoadOptions)
		err = text_options(app.loaded->LoadOptions, app.loaded->LoadOptionsSize, cmdline,
				   sizeof(cmdline));

	if (err == -ENOENT && embed_cmdline_size)
		err = text_line(embed_cmdline, embed_cmdline_size, cmdline, sizeof(cmdline));
	if (err && err != -ENOENT)
		return fail(EFI_UNSUPPORTED, "the command line is longer than %zu bytes or no text",
			    sizeof(cmdline) - 1);
	if (!err)
		return EFI_SUCCESS;
	cmdline[0] = '\0';
	status = within ? EFI_NOT_FOUND : beside_cmdline(cmdline, sizeof(cmdline));
	if (status == EFI_NOT_FOUND && !within)
		status = net_cmdline(cmdline, sizeof(cmdline));
	return status == EFI_NOT_FOUND ? EFI_SUCCESS : status;
}

/* To boot/entry.asm, as a multiboot2 loader on UEFI would. */
static __noreturn void enter(const u8 *entry, const void *mbi)
{
	__asm__ volatile("jmp *%0" : : "r"(entry), "a"(MB2_BOOTED), "b"(mbi) : "memory");
	__builtin_unreachable();
}

static EFI_STATUS start(void)
{
	struct handover handover = { .cmdline = cmdline, .set = &bootset };
	bool within = secure_boot(); /* only what the signature covers */
	struct image image;
	EFI_STATUS status;
	void *mbi;
	u8 *place;

	if (within)
		say("Secure Boot is on: only the boot set and the command line within this file count");
	status = load_image(&image, &place);
	if (!EFI_ERROR(status))
		status = load_bootset(within);
	if (!EFI_ERROR(status))
		status = load_cmdline(within);
	if (EFI_ERROR(status))
		return status;
	mbi = pages_alloc(HANDOVER_SIZE, PAGE_SIZE, EfiLoaderData);
	if (!mbi)
		return fail(EFI_OUT_OF_RESOURCES, "no memory below 4 GiB for boot information");
	screen_find(cmdline, &handover.framebuffer);
	handover.load_base = (u64)place;
	handover.system_table = (u64)app.table;
	handover.image_handle = (u64)app.image;
	handover_write(&handover, mbi);
	enter(place + image.entry, mbi);
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	EFI_GUID loaded = EFI_LOADED_IMAGE_PROTOCOL_GUID;
	EFI_STATUS status;

	app.image = image;
	app.table = table;
	app.boot = table->BootServices;
	status = app.boot->HandleProtocol(image, &loaded, (void **)&app.loaded);
	if (EFI_ERROR(status))
		return fail(status, "the firmware does not say where this file came from");
	app.boot->SetWatchdogTimer(0, 0, 0, NULL); /* files may take long to load */
	status = start();
	pages_release();
	return status;
}
