/*
 * The mark at the end of each thread's stack, checked at every switch in debug builds: the page
 * below is unmapped, this finds the frame that stepped over it.
 */
#pragma once

#include "core/panic.h"
#include "core/thread.h"

#define STACK_CANARY 0x57ac4ca4a7f10003ULL

/* In the thread's address space, before it runs. */
static inline void stack_mark(struct thread *t)
{
	*(u64 *)t->stack = STACK_CANARY;
}

#ifdef PLINTH_DEBUG
/* In the thread's address space. Idle threads have none: their stacks are the start-up ones. */
static inline void stack_check(const struct thread *t)
{
	if (t->stack && *(const u64 *)t->stack != STACK_CANARY)
		panic("thread %s used up its stack", t->name);
}
#else
static inline void stack_check(const struct thread *t)
{
	(void)t;
}
#endif
