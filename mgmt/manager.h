/*
 * How other threads and interrupt handlers get the manager to look at what they left for it.
 */
#pragma once

#include "lib/types.h"

/* Starts its thread. Once; for mgmt_init() and self-tests. */
void manager_start(void);

/* Any context in which a thread may be woken. */
void manager_wake(void);

/* True on the manager's thread, and before there is one: what is the manager's may be touched. */
bool manager_is_me(void);

/* Has the manager's thread call fn, and waits until it has. For the shell's thread alone. */
void manager_run(void (*fn)(void *arg), void *arg);
