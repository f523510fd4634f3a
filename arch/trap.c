/*
 * What happens at an exception or interrupt of the host: external vectors, NMIs and machine checks go to core's
 * hooks, faults at listed instructions resume at their fix-up, everything else ends the host.
 */
#include "arch/trap.h"
#include "arch/cet.h"
#include "arch/cpu.h"
#include "arch/entry.h"
#include "arch/extable.h"
#include "arch/feature.h"
#include "arch/shstk.h"
#include "core/panic.h"

static_assert(offsetof(struct trap_frame, rip) == 17 * 8, "trap.asm");
static_assert(CPU_SMAP == 4, "trap.asm names the feature by number");

#define FIXABLE        (BIT(TRAP_UD) | BIT(TRAP_SS) | BIT(TRAP_GP) | BIT(TRAP_PF) | BIT(TRAP_AC))
#define FIRST_EXTERNAL 32

static const struct trap_hooks *hooks;

void trap_set_hooks(const struct trap_hooks *h)
{
	hooks = h;
}

static void fatal(struct trap_frame *f)
{
	if (hooks && hooks->fatal)
		hooks->fatal(f);
	panic("exception %llu (error %#llx) at %#llx, address %#llx", (unsigned long long)f->vector,
	      (unsigned long long)f->error, (unsigned long long)f->rip,
	      (unsigned long long)read_cr2());
}

/* Where to go on after an exception that somebody counts on; 0: nobody does. */
static u64 fixup_of(const struct trap_frame *f)
{
	if (f->vector == TRAP_CP)
		return f->error == CP_ENDBRANCH ? cet_fixup(f->rip) : shstk_fixup(f->rip);
	return BIT(f->vector) & FIXABLE ? extable_find(f->rip) : 0;
}

static bool exception(struct trap_frame *f)
{
	u64 fixup;

	if (f->vector == TRAP_NMI && hooks && hooks->nmi) {
		hooks->nmi(f);
		return false;
	}
	if (f->vector == TRAP_MC && hooks && hooks->machine_check) {
		hooks->machine_check(f);
		return false;
	}
	fixup = fixup_of(f);
	if (!fixup)
		fatal(f);
	f->rip = fixup;
	return true;
}

bool trap_handle(struct trap_frame *f)
{
	if (f->vector < FIRST_EXTERNAL)
		return exception(f);
	if (!hooks) /* nothing was asked for yet: a stray interrupt of the firmware's time */
		return false;
	hooks->external((u8)f->vector);
	hooks->irq_return();
	return false;
}
