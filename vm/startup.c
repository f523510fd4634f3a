/*
 * INIT and SIPI. What comes is noted in the port: an INIT says from then on that a SIPI is welcome, though the
 * vCPU has not seen it yet, and voids one that was not used. The vCPU takes no SIPI while there is an INIT that it
 * has not served. So an INIT and a SIPI behind it are not lost, whenever the vCPU gets to look.
 */
#include "vm/startup.h"

#include "lib/atomic.h"
#include "vm/hvm.h"
#include "vm/lapic.h"
#include "vm/state.h"
#include "vm/trace.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

/* Of port->startup: one of the first three, a SIPI with its vector; and perhaps an INIT that is to be served. */
#define STARTUP_RUNS  0u
#define STARTUP_WAITS 0x100u
#define STARTUP_SIPI  0x200u
#define STARTUP_INIT  0x400u

static bool is_bsp(const struct vcpu *v)
{
	return v->index == 0;
}

void startup_signal_init(struct vcpu *v)
{
	trace(v->port, TRACE_INIT, 0, 0, 0);
	/* Before the request. Pairs with startup_init() and startup_begin(). */
	atomic_xchg(&v->port->startup, STARTUP_INIT | (is_bsp(v) ? STARTUP_RUNS : STARTUP_WAITS));
	vcpu_request(v->vm, v->index, REQ_INIT);
}

void startup_signal_sipi(struct vcpu *v, u8 vector)
{
	u32 old = atomic_load_relaxed(&v->port->startup), init;

	do {
		init = old & STARTUP_INIT;
		if (old != (STARTUP_WAITS | init))
			return;
	} while (!atomic_cas(&v->port->startup, &old, STARTUP_SIPI | init | vector));
	trace(v->port, TRACE_SIPI, vector, 0, 0);
	vcpu_request(v->vm, v->index, REQ_EVENT);
}

void startup_reset(struct vcpu *v)
{
	vcpu_reset(v);
	/* Nobody sends anything yet. */
	atomic_store_relaxed(&v->port->startup, is_bsp(v) ? STARTUP_RUNS : STARTUP_WAITS);
	if (!is_bsp(v))
		v->activity = ACTIVITY_WAITS_SIPI;
}

void startup_init(struct vcpu *v)
{
	/* Where it is not there any more, the INIT was served with an earlier one, whose request came first. */
	if (!(atomic_fetch_and(&v->port->startup, ~STARTUP_INIT) & STARTUP_INIT))
		return;
	vcpu_init(v);
	vlapic_reset(v->lapic);
	v->activity = is_bsp(v) ? ACTIVITY_RUNS : ACTIVITY_WAITS_SIPI;
}

bool startup_begin(struct vcpu *v)
{
	u32 sipi = atomic_load_relaxed(&v->port->startup);
	struct segment *cs = &v->regs.seg[SEG_CS];

	if (!(sipi & STARTUP_SIPI) || (sipi & STARTUP_INIT))
		return false;
	/* An INIT that comes now voids it. */
	if (!atomic_cas(&v->port->startup, &sipi, STARTUP_RUNS))
		return false;
	cs->selector = (u16)((sipi & 0xff) << 8);
	cs->base = (u64)(sipi & 0xff) << 12;
	v->regs.rip = 0;
	vcpu_dirty(v, RG_CS | RG_RIP);
	v->activity = ACTIVITY_RUNS;
	v->recheck = true;
	return true;
}

void startup_state(struct vcpu *v, struct state *s)
{
	u32 sipi = atomic_load_relaxed(&v->port->startup);
	bool waits;

	state_u8(s, "activity", &v->activity);
	state_u32(s, "startup", &sipi);
	if (!s->loading || s->error)
		return;
	waits = sipi == STARTUP_WAITS || (sipi & ~0xffu) == STARTUP_SIPI;
	if (v->activity > ACTIVITY_WAITS_SIPI || (waits && is_bsp(v)) ||
	    waits != (v->activity == ACTIVITY_WAITS_SIPI) || (!waits && sipi != STARTUP_RUNS))
		state_reject(s, "activity");
	else
		atomic_store_relaxed(&v->port->startup, sipi);
}
