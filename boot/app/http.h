/*
 * Files from the HTTP server that the application was loaded from by HTTP boot, by the firmware's own client.
 */
#pragma once

#include "boot/app/net.h"

/* Whether that is so; http_read() may then be called. */
bool http_found(void);

/* struct net_server's. */
EFI_STATUS http_read(const char *path, void *out, u64 *size) __must_check;
