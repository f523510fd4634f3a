/*
 * Domains: read from the boot set, started, and what becomes of them when their guests end.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct vm;

#define DOMAINS_MAX 64

/* Makes a VM of every *.xml of the boot set, in name order. Says what is wrong with the others. */
void domains_load(void);

/* Starts them all. With poweroff=last-guest and none running, powers the host off. */
void domains_start_all(void);

/* The domains that there are, in the order of their making. Const after domains_load(). */
struct vm *domains_get(u32 i);
struct vm *domains_find(const char *name);

/* True while the guest is starting, running or paused. */
bool domain_active(const struct vm *vm);

/* Starts one; says why it could not. 0 or an error. Any thread. */
int domain_start(struct vm *vm) __must_check;

/* Ends one at once and for good, also one that is about to start again. -ENOENT: it does not run. */
int domain_destroy(struct vm *vm) __must_check;

/* On the keeper's thread, when a VM has ended. */
void domains_stopped(struct vm *vm);
