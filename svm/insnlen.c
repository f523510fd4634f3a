/*
 * Decoding an instruction's length on CPUs without next-RIP save, and remembering it.
 */
#include "svm/insnlen.h"

#include "lib/errno.h"
#include "mm/layout.h"
#include "vm/emul.h"
#include "vm/gmem.h"
#include "vm/vcpu.h"
#include "vm/walk.h"

#define SEEN_BYTES 8 /* how much is compared; longer instructions are not remembered */

/* Where the instruction at RIP is in guest memory, with SEEN_BYTES of the same page behind. */
static int locate(struct vcpu *v, struct walk *w)
{
	u64 va = v->regs.rip;
	u32 error;

	vcpu_need(v, RG_CS);
	if (vcpu_mode(v) != 64)
		va = (u32)(va + v->regs.seg[SEG_CS].base);
	if ((va & PAGE_MASK) > PAGE_SIZE - SEEN_BYTES || walk_guest(v, va, w, &error) ||
	    !gmem_is_ram(v->vm, w->gpa, SEEN_BYTES))
		return -EFAULT;
	return 0;
}

u8 svm_insn_decode(struct vcpu *v)
{
	const struct vmcb_save *b = &v->hvm->vmcb->save;
	u8 bytes[SEEN_BYTES];
	u64 entry = 0, entry_at;
	struct insn_seen *i;
	struct walk w;
	u32 len;

	if (locate(v, &w) || gmem_read(v->vm, w.gpa, bytes, sizeof(bytes)))
		return (u8)insn_length(v);
	len = insn_length_bytes(bytes, sizeof(bytes), vcpu_mode(v));
	if (!len || len > SEEN_BYTES)
		return (u8)insn_length(v);
	entry_at = w.entry_at & ~7ULL;
	if (w.entry_at && gmem_read(v->vm, GPA(entry_at), &entry, sizeof(entry)))
		return (u8)len;
	i = &v->hvm->seen[v->regs.rip % INSN_SEEN];
	*i = (struct insn_seen){
		.rip = b->rip,
		.cr3 = b->cr3,
		.cs_base = b->cs.base,
		.where = (const void *)(WINDOW_BASE + w.gpa.v),
		.mask = BITS(len * 8 - 1, 0),
		/* Without paging there is none that could change. */
		.entry_at = w.entry_at ? (const void *)(WINDOW_BASE + entry_at) : &i->entry,
		.entry = entry,
		.len = (u8)len,
	};
	for (u32 k = 0; k < len; k++)
		i->bytes |= (u64)bytes[k] << (8 * k);
	return (u8)len;
}
