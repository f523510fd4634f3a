/*
 * Second-stage translation: a VM's guest physical address space, as EPT (Intel) or NPT (AMD)
 * tables over the ptab engine. The backend names the format; everyone else uses s2_* alone.
 */
#pragma once

#include "arch/lock.h"
#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/types.h"
#include "mm/ptab.h"

struct s2 {
	struct ptab_format fmt; /* const: the backend's, with the largest leaf that is allowed */
	struct ptab pt;         /* lock */
	struct spinlock lock;   /* RANK_ASPACE */
	/*
	 * Raised by every change that takes a translation away; a vCPU whose last entry saw an older
	 * value flushes before it enters. Written under lock with release; read with acquire at entry.
	 */
	u64 generation;
	/* Makes every vCPU of the VM leave guest mode and waits until none is in with an older generation. */
	void (*kick_all)(void *ctx);
	void *ctx;
};

/* EPT (SDM vol. 3, "EPT Translation Mechanism") and NPT (APM vol. 2, "Nested Paging") entries. */
extern const struct ptab_format ptab_ept;
extern const struct ptab_format ptab_npt;

/* Uses 1 GiB leaves where allowed (by the CPU, and by no erratum). -ENOMEM. */
int s2_init(struct s2 *s2, const struct ptab_format *fmt, void (*kick_all)(void *ctx), void *ctx)
	__must_check;
void s2_destroy(struct s2 *s2);

/* Maps RAM, write-back: read, write, execute as prot says. -EEXIST, -ENOMEM. */
int s2_map(struct s2 *s2, gpa_t gpa, paddr_t pa, u64 len, u32 prot) __must_check;

/* Removes the range and returns when no vCPU can use it any more. -ENOMEM. */
int s2_unmap(struct s2 *s2, gpa_t gpa, u64 len) __must_check;

/* The physical address of the root table, for nCR3 or the EPT pointer. */
paddr_t s2_root(const struct s2 *s2);

/* Bytes of tables. */
u64 s2_table_bytes(const struct s2 *s2);

/* Decides the largest leaf once, from CPU facts. Boot CPU. */
void s2_limit_leaf(u8 max_level);
