/*
 * Files from the TFTP server that the application was loaded from by PXE, over IPv4 or IPv6 (UEFI 2.10: "PXE Base
 * Code Protocol").
 */
#pragma once

#include "boot/app/net.h"

/* Whether that is so; tftp_read() may then be called. */
bool tftp_found(void);

/* struct net_server's. */
EFI_STATUS tftp_read(const char *path, void *out, u64 *size) __must_check;
