/*
 * A short visit to another address space.
 */
#pragma once

#include "lib/types.h"

/*
 * Calls fn(arg) with cr3 loaded, on this CPU's visiting stack (which is mapped in every space),
 * then loads back_cr3 and returns on the caller's stack. Interrupts off; fn must not block or nest.
 */
void space_call(u64 cr3, void (*fn)(void *arg), void *arg, u64 back_cr3);
