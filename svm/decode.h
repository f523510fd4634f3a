/*
 * The exits that come often, decoded where they arrive: by a table of those whose kind says it all, plain IN
 * and OUT, and accesses to memory that is not there. svm/exits.c has the others.
 */
#pragma once

#include "arch/msr.h"
#include "svm/insnlen.h"

/* What is the same for all IOIO exits: the port; EXITINFO2 is where the next instruction is. */
static __always_inline void svm_port(const struct vmcb_control *c, u64 rip, struct vm_exit *e)
{
	u64 len = c->exit_info2 - rip;

	e->kind = EXIT_PORT;
	e->insn_len = len <= INSN_LEN_MAX ? (u8)len : 0;
	e->port.port = (u16)(c->exit_info1 >> IOIO_PORT_SHIFT);
}

/* Plain IN and OUT, by the low bits of EXITINFO1; others have size 0. */
#define IOIO_KIND (IOIO_IN | IOIO_STRING | IOIO_REP | IOIO_SIZE)
extern const struct exit_port svm_port_kinds[IOIO_SIZE + BIT(IOIO_SIZE_SHIFT)];

/* False: INS, OUTS or a prefix for them. */
static __always_inline bool svm_plain_port(const struct vmcb_control *c, u64 rip, struct vm_exit *e)
{
	const struct exit_port *k = &svm_port_kinds[c->exit_info1 & IOIO_KIND];

	if (unlikely(!k->size))
		return false;
	e->port = *k;
	svm_port(c, rip, e);
	return true;
}

static __always_inline void svm_npf(const struct vmcb *b, struct vm_exit *e)
{
	const struct vmcb_control *c = &b->control;

	e->insn_len = 0;
	e->s2.gpa = GPA(c->exit_info2);
	e->s2.write = c->exit_info1 & NPF_WRITE;
	e->s2.fetch = c->exit_info1 & NPF_FETCH;
	e->s2.table_walk = c->exit_info1 & NPF_TABLE_WALK;
	e->s2.delivery = c->exit_int_info & EVENT_VALID;
	e->s2.cr3_64 =
		(b->save.efer & EFER_LMA) && (b->save.cs.attr & SEG_ATTR_L) ? b->save.cr3 : ~0ULL;
}

/*
 * False: the exit is another one, with e->kind EXIT_NONE; or it is none of these, but the instruction's
 * length is not known.
 */
static __always_inline bool svm_decode_short(const struct hvm_vcpu *s, const struct vmcb *b,
					     struct vm_exit *e)
{
	const struct vmcb_control *c = &b->control;
	u64 code = c->exit_code;

	if (code == VMEXIT_IOIO) {
		e->kind = EXIT_NONE;
		return svm_plain_port(c, b->save.rip, e);
	}
	if (code >= SVM_SHORT_EXITS) {
		e->kind = code == VMEXIT_NPF ? EXIT_S2 : EXIT_NONE;
		if (unlikely(e->kind == EXIT_NONE))
			return false;
		svm_npf(b, e);
		return true;
	}
	e->kind = svm_short_exits[code];
	if (unlikely(e->kind == EXIT_NONE))
		return false;
	e->msr.write = c->exit_info1; /* EXIT_MSR; to others it says nothing */
	e->insn_len = svm_insn_len(s, b);
	return likely(e->insn_len);
}
