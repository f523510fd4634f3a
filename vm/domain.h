/*
 * What a domain is configured to be: libvirt's domain XML after parsing, as plain data.
 */
#pragma once

#include "lib/types.h"

#define DOMAIN_NAME_MAX    64
#define DOMAIN_CMDLINE_MAX 2048

enum domain_action { ACTION_DESTROY, ACTION_RESTART, ACTION_PRESERVE };
enum domain_clock { CLOCK_UTC, CLOCK_LOCALTIME };
enum domain_loader {
	LOADER_LINUX, /* bzImage by <kernel> */
	LOADER_FLAT, /* for tests: <os><loader type='flat'>: raw image at 1 MiB, 64-bit entry at its start */
};

struct domain {
	char name[DOMAIN_NAME_MAX];
	u8 uuid[16];
	u64 memory; /* bytes */
	u32 vcpus;
	enum domain_loader loader;
	char kernel[128], initrd[128]; /* boot-set paths; "" none */
	char cmdline[DOMAIN_CMDLINE_MAX];
	bool acpi, apic;
	enum domain_clock clock;
	enum domain_action on_poweroff, on_reboot, on_crash;
	u32 serials; /* 0 to 4 */
};
