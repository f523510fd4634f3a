/*
 * A device's end of an interrupt line: remembers the level, so that only changes reach the
 * interrupt controllers.
 */
#pragma once

#include "lib/atomic.h"
#include "lib/types.h"
#include "vm/irq.h"
#include "vm/vm.h"

struct irqline {
	u32 gsi;     /* const */
	bool driven; /* the controllers have heard of level */
	bool level;
};

static inline void irqline_set(struct vm *vm, struct irqline *l, bool level)
{
	if (l->driven && l->level == level)
		return;
	l->driven = true;
	l->level = level;
	vm_irq_line(vm, l->gsi, level);
}

/*
 * Lines 0 and 8 by PIT and RTC: as long as the HPET replaces them their levels are only noted. Full order here and
 * below: of a change and a switch at the same time the later one sees the other.
 */
static inline void irqline_set_legacy(struct vm *vm, struct irqline *l, bool level)
{
	if (l->driven && l->level == level)
		return;
	l->driven = true;
	l->level = level;
	atomic_xchg(&vm->legacy_levels[l->gsi != 0], level);
	if (!atomic_load_acquire(&vm->legacy_replaced))
		vm_irq_line(vm, l->gsi, level);
}

/* By the HPET, which drives the lines itself from then on; or they are as PIT and RTC want them again. */
static inline void vm_replace_legacy(struct vm *vm, bool replaced)
{
	atomic_xchg(&vm->legacy_replaced, replaced);
	if (replaced)
		return;
	vm_irq_line(vm, 0, atomic_load_acquire(&vm->legacy_levels[0]));
	vm_irq_line(vm, 8, atomic_load_acquire(&vm->legacy_levels[1]));
}

/* After a reset or load: the next irqline_set() reaches the controllers, whatever it says. */
static inline void irqline_renew(struct irqline *l)
{
	l->driven = false;
}
