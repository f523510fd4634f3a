/*
 * Length of the instruction that exits: next-RIP minus RIP where the CPU says so. Elsewhere it must be
 * decoded, and a few are remembered by where they are. What is remembered counts only while the page's
 * entry is the same and the same bytes are still there: the same bytes that exit are the same instruction.
 */
#pragma once

#include "arch/window.h"
#include "svm/backend.h"

/* The slow way: decodes, and remembers. 0: could not be decoded. insnlen.c */
u8 svm_insn_decode(struct vcpu *v);

/* What CPUs without next-RIP do first. 0: not seen before, or no longer the same. */
static __always_inline u8 svm_insn_seen(const struct hvm_vcpu *s, const struct vmcb_save *b)
{
	const struct insn_seen *i = &s->seen[b->rip % INSN_SEEN];
	u64 bytes, entry;

	if (unlikely(i->rip != b->rip) || unlikely(i->cr3 != b->cr3) ||
	    unlikely(i->cs_base != b->cs.base))
		return 0;
	window_open();
	if (unlikely(!window_load64(i->where, &bytes)) ||
	    unlikely(!window_load64(i->entry_at, &entry))) {
		window_close();
		return 0;
	}
	window_close();
	if (unlikely(((bytes & i->mask) ^ i->bytes) | (entry ^ i->entry)))
		return 0;
	return (u8)i->len;
}

/* Without decoding anything; 0: that is needed. */
static __always_inline u8 svm_insn_len(const struct hvm_vcpu *s, const struct vmcb *b)
{
	if (svm_caps.next_rip)
		return (b->control.next_rip - b->save.rip) & INSN_LEN_MAX;
	return svm_insn_seen(s, &b->save);
}
