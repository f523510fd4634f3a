/*
 * The lock of the hypervisor's own tables below KMAP_BASE; for mm alone.
 */
#pragma once

#include "arch/lock.h"

extern struct spinlock kmap_lock; /* RANK_KMAP */
