/*
 * A VM's memory for tests of loaders: RAM in an array, and all that loaders call but for the boot set.
 */
#pragma once

#include "lib/types.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define RAM (64 * MIB) /* how much there really is; vm.cfg.memory may say more */

extern struct vm vm;
extern struct vcpu v;
extern u8 *ram;
extern u32 fake_yields;    /* since fake_loader_start(): looks at who else wants the CPU */
extern int archive_result; /* what archive_check() returns */

/* A VM with RAM bytes of memory and a vCPU with nothing set; RAM keeps what is in it. */
void fake_loader_start(void);
/* loader_load(); whatever comes of it: errors have a reason, others have none, and nothing is leaked. */
int fake_load(void);
