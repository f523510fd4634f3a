/*
 * What the server says of itself in DHCP is in up to three packets; the latest that has an answer counts.
 */
#include "boot/app/tftp.h"

#include <efipxebc.h>

#include "boot/app/app.h"
#include "boot/app/devpath.h"
#include "boot/app/url.h"
#include "lib/bootinfo.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define BLOCK_SIZE 1428u /* asked for: fits into an Ethernet frame */
#define DIRECTORY  256
#define NAME_MAX   (DIRECTORY + 8 + BOOT_PATH_MAX)

static EFI_PXE_BASE_CODE_PROTOCOL *pxe;
static EFI_IP_ADDRESS server;
static char directory[DIRECTORY]; /* on the server, with a slash at its end, or "" */

static void read_packet4(const EFI_PXE_BASE_CODE_DHCPV4_PACKET *p)
{
	static const u8 none[4];
	size_t n = strnlen((const char *)p->BootpBootFile, sizeof(p->BootpBootFile));

	static_assert(sizeof(p->BootpBootFile) < DIRECTORY, "directory");
	if (memcmp(p->BootpSiAddr, none, sizeof(none)))
		memcpy(&server, p->BootpSiAddr, sizeof(none));
	if (!n)
		return;
	while (n && p->BootpBootFile[n - 1] != '/')
		n--;
	memcpy(directory, p->BootpBootFile, n);
	directory[n] = '\0';
}

static void read_packet6(const EFI_PXE_BASE_CODE_DHCPV6_PACKET *p)
{
	char url[DEVPATH_URL], found[DIRECTORY];
	u8 address[16];

	if (!url_in_dhcp6(p->DhcpOptions, sizeof(p->DhcpOptions), url, sizeof(url)) ||
	    !url_tftp6(url, address, found, sizeof(found)))
		return;
	memcpy(&server, address, sizeof(address));
	memcpy(directory, found, sizeof(directory));
}

static void read_packet(bool received, bool ipv6, const EFI_PXE_BASE_CODE_PACKET *packet)
{
	if (received && ipv6)
		read_packet6(&packet->Dhcpv6);
	else if (received)
		read_packet4(&packet->Dhcpv4);
}

bool tftp_found(void)
{
	EFI_GUID guid = EFI_PXE_BASE_CODE_PROTOCOL_GUID;
	static const EFI_IP_ADDRESS none;
	const EFI_PXE_BASE_CODE_MODE *mode;
	bool ipv6;

	if (!app.loaded->DeviceHandle ||
	    EFI_ERROR(app.boot->HandleProtocol(app.loaded->DeviceHandle, &guid, (void **)&pxe)))
		return false;
	mode = pxe->Mode;
	if (!mode->Started)
		return false;
	ipv6 = mode->UsingIpv6;
	read_packet(mode->DhcpAckReceived, ipv6, &mode->DhcpAck);
	read_packet(mode->ProxyOfferReceived, ipv6, &mode->ProxyOffer);
	read_packet(mode->PxeReplyReceived, ipv6, &mode->PxeReply);
	return memcmp(&server, &none, sizeof(none)) != 0;
}

EFI_STATUS tftp_read(const char *path, void *out, u64 *size)
{
	char name[NAME_MAX];
	UINTN block = BLOCK_SIZE;
	EFI_STATUS status;

	snprintf(name, sizeof(name), "%s%s", directory, path);
	status = pxe->Mtftp(pxe, EFI_PXE_BASE_CODE_TFTP_READ_FILE, out, FALSE, size, &block,
			    &server, (UINT8 *)name, NULL, FALSE);
	return status == EFI_TFTP_ERROR ? EFI_NOT_FOUND : status;
}
