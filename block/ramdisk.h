/*
 * RAM disks: a file of the boot set, copied page by page when it is written to, or nothing but zeroes at first.
 */
#pragma once

#include "core/blkdev.h"
#include "lib/compiler.h"

struct ramdisk_spec {
	const char *name;
	const u8 *file; /* stays, and is never written to; NULL: zeroes */
	u64 file_size;  /* rounded up to a block by zeroes */
	u64 size;       /* of one without a file; at most RAMDISK_SIZE_MAX */
	u64 limit;      /* bytes of the hypervisor's memory that written pages may take */
	u32 block_size; /* 512 or 4096 */
	bool read_only;
};

#define RAMDISK_SIZE_MAX (64 * GIB)
#define RAMDISK_LIMIT    (64 * MIB) /* where none is stated */

/* Makes it and adds it. -EINVAL, -ENOMEM, or what blkdev_add() says. A thread. */
int ramdisk_create(const struct ramdisk_spec *spec, struct blkdev **out) __must_check;

/* Removes it; what was written is gone. A thread. */
void ramdisk_destroy(struct blkdev *b);

/* Bytes that its written pages take now. */
u64 ramdisk_used(struct blkdev *b);

/*
 * What a word ramdisk=NAME:SOURCE[:OPTION...][,...] asks for, one disk of it: *p moves behind it. SOURCE is a
 * file of the boot set or a size (64M); options: ro, 4k, max=SIZE. The texts are in buf, which *p points into and which is
 * changed. False: there are no more. err: -EINVAL, or -ENOENT: no such file; spec->name is set if there is one.
 */
bool ramdisk_parse(char **p, struct ramdisk_spec *spec, int *err);

/* Makes the disks of the host's command line; what cannot be made is logged. A thread. */
void ramdisks_start(void);
