/*
 * Remembering a plain MOV; see vm/moveseen.h.
 */
#include "vm/moveseen.h"

#include "mm/layout.h"
#include "vm/decode.h"
#include "vm/gmem.h"
#include "vm/vm.h"
#include "vm/walk.h"

#define SEEN_BYTES 8 /* how much is compared; longer instructions are not remembered */

void move_remember(struct vcpu *v, const struct vm_exit *e, const struct insn *i, u64 bytes)
{
	struct move_seen *m = &v->moves[v->regs.rip % MOVES_SEEN];
	u64 mask = i->len < SEEN_BYTES ? BITS(8 * i->len - 1, 0) : ~0ULL, there;
	struct walk_path path;

	m->len = 0;
	if (e->s2.cr3_64 == ~0ULL || i->len > SEEN_BYTES ||
	    (v->regs.rip & PAGE_MASK) > PAGE_SIZE - SEEN_BYTES ||
	    walk_path(v, e->s2.cr3_64, v->regs.rip, &path) ||
	    gmem_read(v->vm, path.gpa, &there, sizeof(there)))
		return;
	/* What was emulated came by another walk. */
	if ((there ^ bytes) & mask)
		return;
	*m = (struct move_seen){
		.rip = v->regs.rip,
		.cr3 = e->s2.cr3_64,
		.where = (const void *)(WINDOW_BASE + path.gpa.v),
		.bytes = bytes & mask,
		.mask = mask,
		.disp = i->disp,
		.len = i->len,
		.base = i->base,
		.reg = i->reg,
		.size = i->size,
		.write = i->opcode == 0x89,
	};
	for (u32 k = 0; k < PATH_LEVELS; k++) {
		m->entry_at[k] = (const void *)(WINDOW_BASE + path.at[k]);
		m->entry[k] = path.entry[k];
	}
}
