/*
 * What the server says of itself in DHCP is in up to three packets; the latest that has an answer counts.
 */
#include "boot/app/net.h"

#include <efipxebc.h>

#include "boot/app/app.h"
#include "boot/app/take.h"
#include "boot/app/text.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define TEXT_BYTES (64u << 10) /* of an index or a command line: more is none */
#define BLOCK_SIZE 1428u       /* of TFTP, asked for: fits into an Ethernet frame */
#define NAME_MAX   (128 + 8 + BOOT_PATH_MAX)

static EFI_PXE_BASE_CODE_PROTOCOL *pxe;
static EFI_IP_ADDRESS server;
static char directory[129]; /* on the server, with a slash at its end, or "" */

static void read_packet(bool received, const EFI_PXE_BASE_CODE_PACKET *packet)
{
	const EFI_PXE_BASE_CODE_DHCPV4_PACKET *p = &packet->Dhcpv4;
	static const u8 none[4];
	size_t n = strnlen((const char *)p->BootpBootFile, sizeof(p->BootpBootFile));

	if (!received)
		return;
	if (memcmp(p->BootpSiAddr, none, sizeof(none)))
		memcpy(&server, p->BootpSiAddr, sizeof(none));
	if (!n)
		return;
	while (n && p->BootpBootFile[n - 1] != '/')
		n--;
	memcpy(directory, p->BootpBootFile, n);
	directory[n] = '\0';
}

/* Whether the application was loaded from a server by PXE over IPv4; finds that once. */
static bool find_server(void)
{
	EFI_GUID guid = EFI_PXE_BASE_CODE_PROTOCOL_GUID;
	static const EFI_IP_ADDRESS none;
	const EFI_PXE_BASE_CODE_MODE *mode;

	if (!pxe &&
	    (!app.loaded->DeviceHandle ||
	     EFI_ERROR(app.boot->HandleProtocol(app.loaded->DeviceHandle, &guid, (void **)&pxe))))
		return false;
	mode = pxe->Mode;
	if (!mode->Started || mode->UsingIpv6)
		return false;
	read_packet(mode->DhcpAckReceived, &mode->DhcpAck);
	read_packet(mode->ProxyOfferReceived, &mode->ProxyOffer);
	read_packet(mode->PxeReplyReceived, &mode->PxeReply);
	return memcmp(&server, &none, sizeof(none)) != 0;
}

/* Reads a file beside the application; *size, at first the buffer's, becomes the file's. */
static EFI_STATUS read_file(const char *head, const char *path, void *out, u64 *size)
{
	char name[NAME_MAX];
	UINTN block = BLOCK_SIZE;

	snprintf(name, sizeof(name), "%s%s%s", directory, head, path);
	return pxe->Mtftp(pxe, EFI_PXE_BASE_CODE_TFTP_READ_FILE, out, FALSE, size, &block, &server,
			  (UINT8 *)name, NULL, FALSE);
}

/* A text of at most TEXT_BYTES; EFI_NOT_FOUND when the server has none. */
static EFI_STATUS read_text(const char *name, char **text, u64 *size)
{
	EFI_STATUS status;

	if (!find_server())
		return EFI_NOT_FOUND;
	*size = TEXT_BYTES;
	*text = pages_alloc(TEXT_BYTES, PAGE_SIZE, EfiLoaderData);
	if (!*text)
		return fail(EFI_OUT_OF_RESOURCES, "%s: no memory below 4 GiB", name);
	status = read_file("", name, *text, size);
	if (status == EFI_TFTP_ERROR)
		return EFI_NOT_FOUND;
	if (EFI_ERROR(status) || *size > TEXT_BYTES)
		return fail(EFI_DEVICE_ERROR, "%s: cannot be read over the network", name);
	return EFI_SUCCESS;
}

static EFI_STATUS take_file(struct bootset *set, const struct text_file *f)
{
	char path[BOOT_PATH_MAX];
	u64 size = f->size;
	void *data;
	EFI_STATUS status = file_take(set, "bootset/", f->path, f->length, size, &data);

	if (EFI_ERROR(status) || !size)
		return status;
	memcpy(path, f->path, f->length); /* file_take() refuses longer ones */
	path[f->length] = '\0';
	if (EFI_ERROR(read_file("bootset/", path, data, &size)))
		return fail(EFI_DEVICE_ERROR, "bootset/%s: cannot be read over the network", path);
	if (size != f->size)
		return fail(EFI_DEVICE_ERROR, "bootset/%s: it is shorter than bootset/index says",
			    path);
	return EFI_SUCCESS;
}

EFI_STATUS net_bootset(struct bootset *set)
{
	EFI_STATUS status;
	size_t at = 0;
	char *text;
	u64 size;

	status = read_text("bootset/index", &text, &size);
	while (!EFI_ERROR(status) && at < size) {
		struct text_file f;

		if (!text_index(text, size, &at, &f))
			return fail(EFI_LOAD_ERROR,
				    "bootset/index: it has other lines than SIZE PATH");
		status = take_file(set, &f);
	}
	return status;
}

EFI_STATUS net_cmdline(char *out, size_t size)
{
	char *text;
	u64 bytes;
	EFI_STATUS status = read_text("cmdline", &text, &bytes);

	if (!EFI_ERROR(status) && text_line(text, bytes, out, size))
		status = fail(EFI_UNSUPPORTED, "cmdline: it is longer than %zu bytes or no text",
			      size - 1);
	return status;
}
