/*
 * Plain MOVs that were emulated, remembered by where they are: drivers access their device's registers by the same
 * few instructions. What is remembered counts only where the same address space has the same entry on each
 * level of its tables, and the same bytes are there: then a walk and the decoder would find the same again.
 */
#pragma once

#include "arch/window.h"
#include "lib/compiler.h"
#include "vm/hvm.h"
#include "vm/vcpu.h"

struct insn;

/* Remembers i, which is at RIP and consists of bytes (little endian), the exit being e. moveseen.c */
void move_remember(struct vcpu *v, const struct vm_exit *e, const struct insn *i, u64 bytes);

/* False: something has changed. */
static __always_inline bool move_is_there(const struct move_seen *m)
{
	u64 entry[PATH_LEVELS], bytes, differ;

	window_open();
	if (unlikely(!window_load64(m->where, &bytes)) ||
	    unlikely(!window_load64(m->entry_at[0], &entry[0])) ||
	    unlikely(!window_load64(m->entry_at[1], &entry[1])) ||
	    unlikely(!window_load64(m->entry_at[2], &entry[2])) ||
	    unlikely(!window_load64(m->entry_at[3], &entry[3]))) {
		window_close();
		return false;
	}
	window_close();
	differ = (bytes & m->mask) ^ m->bytes;
#pragma GCC unroll 4
	for (u32 k = 0; k < PATH_LEVELS; k++)
		differ |= entry[k] ^ m->entry[k];
	return likely(!differ);
}

/* The MOV at RIP that stopped the guest with e, or NULL: none that is known. */
static __always_inline const struct move_seen *move_at_rip(const struct vcpu *v,
							   const struct vm_exit *e)
{
	const struct move_seen *m = &v->moves[v->regs.rip % MOVES_SEEN];

	if (unlikely(m->rip != v->regs.rip) || unlikely(m->cr3 != e->s2.cr3_64) ||
	    unlikely(!m->len) || unlikely(!move_is_there(m)))
		return NULL;
	return m;
}
