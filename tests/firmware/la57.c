/*
 * A UEFI application that turns 5-level paging on, as the firmware of some servers does, and starts \plinth.efi of
 * its volume.
 */
#include <efi.h>

#define LOW_END 0xffffffffu

void la57_on(void *pml5);

static EFI_BOOT_SERVICES *bs;

/* The path of a file on that device: its device's, then a node with the name. */
static EFI_DEVICE_PATH *path_of(EFI_HANDLE device, const CHAR16 *name, UINTN chars)
{
	EFI_GUID path_guid = EFI_DEVICE_PATH_PROTOCOL_GUID;
	UINTN head = 0, node = sizeof(EFI_DEVICE_PATH) + chars * sizeof(CHAR16);
	EFI_DEVICE_PATH *from;
	UINT8 *to;

	if (bs->HandleProtocol(device, &path_guid, (void **)&from))
		return NULL;
	for (UINT8 *p = (UINT8 *)from; p[0] != END_DEVICE_PATH_TYPE; p += p[2] | p[3] << 8)
		head += (UINTN)(p[2] | p[3] << 8);
	if (bs->AllocatePool(EfiLoaderData, head + node + END_DEVICE_PATH_LENGTH, (void **)&to))
		return NULL;
	bs->CopyMem(to, from, head);
	to[head] = MEDIA_DEVICE_PATH;
	to[head + 1] = MEDIA_FILEPATH_DP;
	to[head + 2] = (UINT8)node;
	to[head + 3] = 0;
	bs->CopyMem(to + head + 4, (void *)name, node - 4);
	to[head + node] = END_DEVICE_PATH_TYPE;
	to[head + node + 1] = END_ENTIRE_DEVICE_PATH_SUBTYPE;
	to[head + node + 2] = END_DEVICE_PATH_LENGTH;
	to[head + node + 3] = 0;
	return (EFI_DEVICE_PATH *)to;
}

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *st)
{
	static const CHAR16 name[] = L"\\plinth.efi";
	EFI_GUID image_guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
	EFI_PHYSICAL_ADDRESS pml5 = LOW_END;
	EFI_LOADED_IMAGE *image;
	EFI_DEVICE_PATH *path;
	EFI_HANDLE child;
	UINT64 cr3, cr4;
	EFI_STATUS err;

	bs = st->BootServices;
	err = bs->HandleProtocol(self, &image_guid, (void **)&image);
	if (!err)
		err = bs->AllocatePages(AllocateMaxAddress, EfiLoaderData, 1, &pml5);
	if (err)
		return err;
	path = path_of(image->DeviceHandle, name, sizeof(name) / sizeof(*name));
	if (!path)
		return EFI_OUT_OF_RESOURCES;
	__asm__("mov %%cr3, %0" : "=r"(cr3));
	bs->SetMem((void *)pml5, 4096, 0);
	*(UINT64 *)pml5 = cr3 | 3;
	la57_on((void *)pml5);
	__asm__("mov %%cr4, %0" : "=r"(cr4));
	st->ConOut->OutputString(st->ConOut, cr4 & 1 << 12 ? L"la57: on\r\n" : L"la57: off\r\n");
	err = bs->LoadImage(FALSE, self, path, NULL, 0, &child);
	return err ? err : bs->StartImage(child, NULL, NULL);
}
