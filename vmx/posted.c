/*
 * Posting, and taking what was posted (Intel SDM vol. 3, "Posted-Interrupt Processing").
 */
#include "vmx/posted.h"

#include "core/irq.h"
#include "lib/atomic.h"
#include "lib/compiler.h"
#include "lib/hw/pid.h"

#define KEPT (PID_ON) /* when the rest is written */

/* In one of these the control word differs where posters are to ask the thread: away, or listening to the wake-up. */
#define ASKS (PID_SN | (u64)(IRQ_VECTOR_WAKE_UP & ~IRQ_VECTOR_POSTED) << PID_NV_SHIFT)
static_assert(IRQ_VECTOR_WAKE_UP & ~IRQ_VECTOR_POSTED, "ASKS tells the vectors apart");

enum posted_next posted_post(struct pi_desc *d, u8 vector, u32 *ndst)
{
	u64 old;

	/* The request before ON: whoever takes ON away looks at the requests afterwards. Full order, both. */
	atomic_fetch_or(&d->pir[vector / 64], BIT(vector % 64));
	/* In one step with ON it is seen where the vCPU is: pairs with listen, suppress and take. */
	old = atomic_fetch_or(&d->control, PID_ON);
	if (old & PID_ON)
		return POSTED_NOTHING;
	*ndst = (u32)(old >> PID_NDST_SHIFT);
	return old & ASKS ? POSTED_WAKE : POSTED_NOTIFY;
}

bool posted_listen(struct pi_desc *d, u8 notification, u32 ndst)
{
	u64 control = (u64)ndst << PID_NDST_SHIFT | (u64)notification << PID_NV_SHIFT;
	u64 old = atomic_load_relaxed(&d->control);

	/* Full order: pairs with posted_post(), and with hardware that posts. */
	while (!atomic_cas(&d->control, &old, control | (old & KEPT)))
		;
	/* Who set ON has notified where the vCPU was. */
	return old & PID_ON;
}

bool posted_quietly(struct pi_desc *d)
{
	for (u32 i = 0; i < ARRAY_LEN(d->pir); i++) {
		if (atomic_load_relaxed(&d->pir[i])) {
			atomic_fetch_or(&d->control, PID_ON);
			return true;
		}
	}
	return false;
}

void posted_resume(struct pi_desc *d)
{
	/* Full order: as in posted_listen(). */
	atomic_fetch_and(&d->control, ~PID_SN);
}

void posted_suppress(struct pi_desc *d)
{
	/* Full order: pairs with posted_post(). A notification from before may find another thread on the CPU. */
	atomic_fetch_or(&d->control, PID_SN);
}

bool posted_take(struct pi_desc *d, u64 requests[4])
{
	if (!(atomic_load_relaxed(&d->control) & PID_ON))
		return false;
	/* ON first: what is posted from here on notifies again. Pairs with posted_post(). */
	atomic_fetch_and(&d->control, ~PID_ON);
	for (u32 i = 0; i < ARRAY_LEN(d->pir); i++)
		requests[i] = atomic_xchg(&d->pir[i], 0);
	return true;
}
