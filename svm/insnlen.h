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

/* What CPUs without next-RIP do. */
static __always_inline u8 svm_insn_seen(struct vcpu *v, const struct hvm_vcpu *s,
					const struct vmcb_save *b)
{
	const struct insn_seen *i = &s->seen[b->rip % INSN_SEEN];
	u64 bytes, entry;

	if (unlikely(i->rip != b->rip) || unlikely(i->cr3 != b->cr3) ||
	    unlikely(i->cs_base != b->cs.base))
		return svm_insn_decode(v);
	window_open();
	if (unlikely(!window_load64(i->where, &bytes)) ||
	    unlikely(!window_load64(i->entry_at, &entry))) {
		window_close();
		return svm_insn_decode(v);
	}
	window_close();
	if (unlikely(((bytes & i->mask) ^ i->bytes) | (entry ^ i->entry)))
		return svm_insn_decode(v);
	return i->len;
}

static __always_inline u8 svm_insn_len(struct vcpu *v, const struct hvm_vcpu *s,
				       const struct vmcb *b)
{
	if (svm_caps.next_rip)
		return (b->control.next_rip - b->save.rip) & INSN_LEN_MAX;
	return svm_insn_seen(v, s, &b->save);
}

/* An exit whose kind says it all; false: another one. */
static __always_inline bool svm_decode_short(struct vcpu *v, const struct hvm_vcpu *s,
					     const struct vmcb *b, struct vm_exit *e)
{
	u64 code = b->control.exit_code;

	if (code >= SVM_SHORT_EXITS || !svm_short_exits[code])
		return false;
	e->kind = svm_short_exits[code];
	e->msr.write = b->control.exit_info1; /* EXIT_MSR; to others it says nothing */
	e->insn_len = svm_insn_len(v, s, b);
	return true;
}
