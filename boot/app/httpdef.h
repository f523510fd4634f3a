/*
 * The firmware's HTTP client (UEFI 2.10: "EFI HTTP Protocol", "EFI HTTP Service Binding Protocol"), which gnu-efi's
 * headers do not have.
 */
#pragma once

#include <efi.h>

#include "lib/types.h"

#define HTTP_SERVICE_BINDING_GUID                                                                  \
	{                                                                                          \
		0xbdc8e6af, 0xd9bc, 0x4379,                                                        \
		{                                                                                  \
			0xa7, 0x2a, 0xe0, 0xc4, 0xe7, 0x5d, 0xae, 0x1c                             \
		}                                                                                  \
	}
#define HTTP_PROTOCOL_GUID                                                                         \
	{                                                                                          \
		0x7a59b29b, 0x910b, 0x4171,                                                        \
		{                                                                                  \
			0x82, 0x42, 0xa8, 0x5a, 0x0d, 0xf2, 0x5b, 0x5b                             \
		}                                                                                  \
	}

enum http_version { HTTP_1_0 = 0, HTTP_1_1 = 1 };
enum http_method { HTTP_GET = 0 };
/* Not the numbers of the protocol on the wire. */
enum http_status { HTTP_OK = 3, HTTP_NOT_FOUND = 21 };

struct http_point4 {
	BOOLEAN use_default;
	UINT8 address[4], mask[4];
	UINT16 port;
};
struct http_point6 {
	UINT8 address[16]; /* zeroes: the firmware chooses */
	UINT16 port;
};
static_assert(sizeof(struct http_point4) == 12 && sizeof(struct http_point6) == 18,
	      "UEFI: access points");

struct http_config {
	UINT32 version; /* enum http_version */
	UINT32 timeout; /* ms */
	BOOLEAN ipv6;
	void *point; /* struct http_point4 or 6 */
};
static_assert(offsetof(struct http_config, point) == 16, "UEFI: EFI_HTTP_CONFIG_DATA");

struct http_header {
	CHAR8 *name, *value;
};

struct http_request {
	UINT32 method; /* enum http_method */
	CHAR16 *url;
};

struct http_response {
	UINT32 status; /* enum http_status */
};

struct http_message {
	union {
		struct http_request *request;
		struct http_response *response;
	};
	UINTN header_count;
	struct http_header *headers;
	UINTN body_length;
	void *body;
};
static_assert(sizeof(struct http_message) == 40, "UEFI: EFI_HTTP_MESSAGE");

struct http_token {
	EFI_EVENT event;
	EFI_STATUS status;
	struct http_message *message;
};
static_assert(sizeof(struct http_token) == 24, "UEFI: EFI_HTTP_TOKEN");

struct http_protocol {
	void *mode_data;
	EFI_STATUS(EFIAPI *configure)(struct http_protocol *, struct http_config *);
	EFI_STATUS(EFIAPI *request)(struct http_protocol *, struct http_token *);
	EFI_STATUS(EFIAPI *cancel)(struct http_protocol *, struct http_token *);
	EFI_STATUS(EFIAPI *response)(struct http_protocol *, struct http_token *);
	EFI_STATUS(EFIAPI *poll)(struct http_protocol *);
};
static_assert(sizeof(struct http_protocol) == 48, "UEFI: EFI_HTTP_PROTOCOL");
