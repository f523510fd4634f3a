/*
 * Graphics output (UEFI 2.10: "Graphics Output Protocol"). A screen is no reason not to start: whatever is wrong
 * costs a line, and Plinth has no screen then.
 */
#include "boot/app/screen.h"

#include "boot/app/app.h"
#include "boot/app/mode.h"

#define WIDTH     1024
#define HEIGHT    768
#define MODES_MAX 1024 /* looked at */

static void mode_read(const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info, struct mode *out)
{
	*out = (struct mode){
		.width = info->HorizontalResolution,
		.height = info->VerticalResolution,
		.format = (u32)info->PixelFormat,
		.red = info->PixelInformation.RedMask,
		.green = info->PixelInformation.GreenMask,
		.blue = info->PixelInformation.BlueMask,
		.reserved = info->PixelInformation.ReservedMask,
		.row = info->PixelsPerScanLine,
	};
}

static bool query(EFI_GRAPHICS_OUTPUT_PROTOCOL *gop, u32 number, struct mode *out)
{
	EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info = NULL;
	UINTN size = 0;
	bool whole;

	if (EFI_ERROR(gop->QueryMode(gop, number, &size, &info)) || !info)
		return false;
	whole = size >= sizeof(*info);
	if (whole)
		mode_read(info, out);
	app.boot->FreePool(info);
	return whole;
}

/* The first of the usual size with a framebuffer. */
static void set_size(EFI_GRAPHICS_OUTPUT_PROTOCOL *gop)
{
	for (u32 i = 0; i < gop->Mode->MaxMode && i < MODES_MAX; i++) {
		EFI_STATUS status;
		struct mode mode;

		if (!query(gop, i, &mode) || mode.width != WIDTH || mode.height != HEIGHT ||
		    mode.format >= MODE_BLT_ONLY)
			continue;
		status = i == gop->Mode->Mode ? EFI_SUCCESS : gop->SetMode(gop, i);
		if (!EFI_ERROR(status))
			return;
		say("the screen: mode %u cannot be set", i);
	}
}

/* NULL, or in one line why there is no framebuffer. */
static const char *take(EFI_GRAPHICS_OUTPUT_PROTOCOL *gop, bool wanted,
			struct boot_framebuffer *out)
{
	EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE *mode = gop->Mode;
	struct mode copy;

	if (!mode || !mode->Info || mode->SizeOfInfo < sizeof(*mode->Info))
		return "it has no mode";
	if (wanted)
		set_size(gop);
	mode = gop->Mode;
	mode_read(mode->Info, &copy);
	return mode_framebuffer(&copy, mode->FrameBufferBase, mode->FrameBufferSize, out);
}

/* The one of a handle; whether it has a framebuffer. A screen without one is nothing odd. */
static bool take_of(EFI_HANDLE handle, bool wanted, struct boot_framebuffer *out)
{
	EFI_GUID guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
	EFI_GRAPHICS_OUTPUT_PROTOCOL *gop = NULL;
	const char *wrong;

	if (!handle || EFI_ERROR(app.boot->HandleProtocol(handle, &guid, (void **)&gop)) || !gop)
		return false;
	wrong = take(gop, wanted, out);
	if (wrong && wanted)
		say("the screen: %s", wrong);
	return !wrong;
}

void screen_find(const char *cmdline, struct boot_framebuffer *out)
{
	EFI_GUID guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
	bool wanted = mode_wanted(cmdline), found;
	EFI_HANDLE *handles = NULL;
	UINTN count = 0;

	found = take_of(app.table->ConsoleOutHandle, wanted, out);
	if (!found &&
	    !EFI_ERROR(app.boot->LocateHandleBuffer(ByProtocol, &guid, NULL, &count, &handles))) {
		for (UINTN i = 0; i < count && !found; i++)
			found = take_of(handles[i], wanted, out);
		app.boot->FreePool(handles);
	}
	if (!found)
		*out = (struct boot_framebuffer){ .type = BOOT_FB_NONE };
}
