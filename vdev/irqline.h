/*
 * A device's end of an interrupt line: remembers the level, so that only changes reach the
 * interrupt controllers.
 */
#pragma once

#include "lib/types.h"
#include "vm/irq.h"

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

/* After a reset or load: the next irqline_set() reaches the controllers, whatever it says. */
static inline void irqline_renew(struct irqline *l)
{
	l->driven = false;
}
