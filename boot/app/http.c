/*
 * A connection for each file: a server may close it after any answer, and an answer that is not read to its end would
 * be in the next one's way.
 */
#include "boot/app/http.h"

#include "boot/app/app.h"
#include "boot/app/devpath.h"
#include "boot/app/httpdef.h"
#include "boot/app/url.h"
#include "lib/bootinfo.h"
#include "lib/string.h"

#define URL_MAX    (DEVPATH_URL + 3 * (8 + BOOT_PATH_MAX))
#define TIMEOUT_MS 20000u /* of the firmware's, for a server that says nothing */
#define STEP_MS                                                                                    \
	30000u /* until an answer or a part of it must be there, whoever does not bring it */
#define UNITS_IN_MS 10000u /* of 100 ns */

static struct devpath_net origin; /* its URL is that of the directory */
static EFI_SERVICE_BINDING *binding;

bool http_found(void)
{
	EFI_GUID path_guid = EFI_DEVICE_PATH_PROTOCOL_GUID, guid = HTTP_SERVICE_BINDING_GUID;
	EFI_DEVICE_PATH *path = NULL;
	EFI_HANDLE handle;

	/* The last node is the URL: before it, of the whole path, the network card's handle is found. */
	return app.loaded->DeviceHandle &&
	       !EFI_ERROR(app.boot->HandleProtocol(app.loaded->DeviceHandle, &path_guid,
						   (void **)&path)) &&
	       path && devpath_net(path, DEVPATH_BYTES, &origin) && url_directory(origin.url) &&
	       !EFI_ERROR(app.boot->LocateDevicePath(&guid, &path, &handle)) &&
	       !EFI_ERROR(app.boot->HandleProtocol(handle, &guid, (void **)&binding));
}

static EFI_STATUS configure(struct http_protocol *http)
{
	struct http_point4 point4 = { 0 };
	struct http_point6 point6 = { 0 };
	struct http_config config = { HTTP_1_1, TIMEOUT_MS, origin.ipv6, &point4 };
	static const u8 none[4];

	memcpy(point4.address, origin.local, sizeof(point4.address));
	memcpy(point4.mask, origin.mask, sizeof(point4.mask));
	memcpy(point6.address, origin.local, sizeof(point6.address));
	/* Firmware before UEFI 2.5 has no mask there. */
	point4.use_default = !memcmp(origin.mask, none, sizeof(none));
	if (origin.ipv6)
		config.point = &point6;
	return http->configure(http, &config);
}

/* Waits until the token is done, with the firmware's help, or until it takes too long. */
static EFI_STATUS wait(struct http_protocol *http, struct http_token *token, EFI_EVENT timer)
{
	EFI_STATUS status = app.boot->SetTimer(timer, TimerRelative, (UINT64)STEP_MS * UNITS_IN_MS);

	while (!EFI_ERROR(status) && EFI_ERROR(app.boot->CheckEvent(token->event))) {
		(void)http->poll(http);
		if (!EFI_ERROR(app.boot->CheckEvent(timer))) {
			(void)http->cancel(http, token);
			return EFI_TIMEOUT;
		}
	}
	return EFI_ERROR(status) ? status : token->status;
}

/* One call of the firmware's with all that it needs, to its end. */
static EFI_STATUS step(struct http_protocol *http,
		       EFI_STATUS(EFIAPI *call)(struct http_protocol *, struct http_token *),
		       struct http_message *message)
{
	struct http_token token = { NULL, EFI_NOT_READY, message };
	EFI_EVENT timer = NULL;
	EFI_STATUS status = app.boot->CreateEvent(0, 0, NULL, NULL, &token.event);

	if (EFI_ERROR(status))
		return status;
	status = app.boot->CreateEvent(EVT_TIMER, 0, NULL, NULL, &timer);
	if (!EFI_ERROR(status))
		status = call(http, &token);
	if (!EFI_ERROR(status))
		status = wait(http, &token, timer);
	if (timer)
		app.boot->CloseEvent(timer);
	app.boot->CloseEvent(token.event);
	return status;
}

static EFI_STATUS send_request(struct http_protocol *http, const char *url)
{
	static char host_name[] = "Host", accept[] = "Accept", any[] = "*/*",
		    agent[] = "User-Agent", plinth[] = "Plinth";
	char host[DEVPATH_URL];
	CHAR16 wide[URL_MAX];
	struct http_header headers[] = {
		{ (CHAR8 *)host_name, (CHAR8 *)host },
		{ (CHAR8 *)accept, (CHAR8 *)any },
		{ (CHAR8 *)agent, (CHAR8 *)plinth },
	};
	struct http_request request = { HTTP_GET, wide };
	struct http_message message = { .request = &request,
					.header_count = ARRAY_LEN(headers),
					.headers = headers };

	if (!url_host(url, host, sizeof(host)))
		return EFI_INVALID_PARAMETER;
	for (size_t i = 0; i <= strlen(url); i++)
		wide[i] = (u8)url[i];
	return step(http, http->request, &message);
}

static bool same_name(const char *a, const char *b)
{
	while (*a && (*a | 0x20) == (*b | 0x20)) {
		a++;
		b++;
	}
	return !*a && !*b;
}

/* The header's length of the body, and all headers given back. False: it has none. */
static bool take_length(struct http_message *m, u64 *length)
{
	bool found = false;

	for (UINTN i = 0; i < m->header_count; i++) {
		const struct http_header *h = &m->headers[i];

		if (same_name((const char *)h->name, "content-length"))
			found = !str_to_u64((const char *)h->value, length);
		app.boot->FreePool(h->name);
		app.boot->FreePool(h->value);
	}
	if (m->headers)
		app.boot->FreePool(m->headers);
	return found;
}

static EFI_STATUS receive(struct http_protocol *http, u8 *out, u64 *size)
{
	struct http_response response = { 0 };
	struct http_message message = { .response = &response };
	EFI_STATUS status = step(http, http->response, &message);
	u64 length = 0, room = *size;
	bool have_length = take_length(&message, &length);

	/* An error of the server's is one of this call's, too. */
	if (response.status == HTTP_NOT_FOUND)
		return EFI_NOT_FOUND;
	if (EFI_ERROR(status))
		return status;
	if (response.status != HTTP_OK || !have_length)
		return EFI_PROTOCOL_ERROR;
	if (length > room)
		return EFI_BUFFER_TOO_SMALL;
	for (u64 at = 0; at < length;) {
		message = (struct http_message){ .body_length = length - at, .body = out + at };
		status = step(http, http->response, &message);
		if (EFI_ERROR(status))
			return status;
		if (!message.body_length || message.body_length > length - at)
			return EFI_PROTOCOL_ERROR;
		at += message.body_length;
	}
	*size = length;
	return EFI_SUCCESS;
}

EFI_STATUS http_read(const char *path, void *out, u64 *size)
{
	EFI_GUID guid = HTTP_PROTOCOL_GUID;
	struct http_protocol *http;
	EFI_HANDLE child = NULL;
	char url[URL_MAX];
	EFI_STATUS status;

	if (!url_join(origin.url, path, url, sizeof(url)))
		return EFI_INVALID_PARAMETER;
	status = binding->CreateChild(binding, &child);
	if (EFI_ERROR(status))
		return status;
	status = app.boot->HandleProtocol(child, &guid, (void **)&http);
	if (!EFI_ERROR(status))
		status = configure(http);
	if (!EFI_ERROR(status))
		status = send_request(http, url);
	if (!EFI_ERROR(status))
		status = receive(http, out, size);
	/* Which ends the connection. */
	(void)binding->DestroyChild(binding, child);
	return status;
}
