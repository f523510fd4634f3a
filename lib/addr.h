/*
 * Address types that do not mix: host physical, guest physical and host virtual addresses are
 * distinct one-field structs, so that handing one for another does not compile.
 */
#pragma once

#include "lib/types.h"

/* Host physical address. */
typedef struct {
	u64 v;
} paddr_t;

/* Guest physical address. */
typedef struct {
	u64 v;
} gpa_t;

/* Host virtual address as a number (a pointer is used where the memory may be touched). */
typedef struct {
	u64 v;
} vaddr_t;

#define PADDR(x) ((paddr_t){ (x) })
#define GPA(x)   ((gpa_t){ (x) })
#define VADDR(x) ((vaddr_t){ (x) })

static inline vaddr_t vaddr_of(const volatile void *p)
{
	return VADDR((u64)p);
}

static inline void *vaddr_ptr(vaddr_t va)
{
	return (void *)va.v;
}
