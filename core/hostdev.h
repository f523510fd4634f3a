/*
 * The machine's devices as management sees them (nodedev-list, nodedev-dumpxml): a name as libvirt spells it,
 * what it hangs below, and a function that writes what its driver knows about it.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/list.h"
#include "lib/types.h"

#define HOSTDEV_NAME_MAX 40u
#define HOSTDEV_PATH_MAX 160u

struct hostdev;

/* What a driver adds to nodedev-dumpxml: called with the XML writer of mgmt/, of which core/ knows these two. */
struct hostdev_sink {
	void (*open)(struct hostdev_sink *s, const char *element);
	void (*attr)(struct hostdev_sink *s, const char *name,
		     const char *value); /* of what was opened last */
	void (*text)(struct hostdev_sink *s, const char *value);
	void (*close)(struct hostdev_sink *s);
};

struct hostdev {
	char name[HOSTDEV_NAME_MAX]; /* "pci_0000_00_1f_2", "nvme_0000_01_00_0", "block_nvme0n1" */
	/* As Linux's sysfs would, "/sys/devices/pci0000:00/0000:00:1f.2": for tools that want one. */
	char path[HOSTDEV_PATH_MAX];
	struct hostdev *parent; /* NULL: "computer" */
	const char *capability; /* "system", "pci", "storage", "nvme" ... */
	const char *driver;     /* NULL: none has it */
	/* Writes the capability's elements. A thread; the device does not go meanwhile. */
	void (*describe)(struct hostdev *h, struct hostdev_sink *s);
	void *data;
	struct list node; /* core/hostdev.c's */
};

/* The hostdev stays the caller's, and must stay until hostdev_remove(), as its parent does. A thread. */
void hostdev_add(struct hostdev *h);
void hostdev_remove(struct hostdev *h);

/*
 * Calls fn for each, followed by those below it, under a lock that keeps them there; a non-zero return ends it and is
 * returned. A thread; fn does not block.
 */
int hostdev_each(int (*fn)(struct hostdev *h, void *arg), void *arg);
