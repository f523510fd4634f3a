/*
 * The guest's own page tables, read by software. Only vcpu_translate() (vm/vcpu.h) sets accessed and
 * dirty bits, as the access that it stands for would.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/types.h"
#include "vm/vcpu.h"

#define PF_PRESENT  BIT(0)
#define PF_WRITE    BIT(1)
#define PF_USER     BIT(2)
#define PF_RESERVED BIT(3)
#define PF_FETCH    BIT(4)

struct walk {
	gpa_t gpa;
	u64 entry_at, entry; /* the leaf: where it lies, and what it is; 0 without paging */
	u64 page_size;       /* of the leaf */
	bool writable, user, executable; /* all levels together */
	bool accessed;                   /* A is set on all levels */
	bool dirty;                      /* D is set in the leaf */
};

/* A translation with four levels: the entry on each, from the leaf up; below a large page it is repeated. */
struct walk_path {
	gpa_t gpa;
	u64 at[PATH_LEVELS], entry[PATH_LEVELS];
};

/* Translates va by the tables at cr3. -EFAULT: it is not mapped, or the tables are not in RAM. Rights do not count. */
int walk_path(struct vcpu *v, u64 cr3, u64 va, struct walk_path *p) __must_check;

/*
 * Translates va. 0, or -EFAULT with the page-fault error code (P and RSVD alone) in *error. Rights are
 * left to the caller.
 */
int walk_guest(struct vcpu *v, u64 va, struct walk *w, u32 *error) __must_check;
