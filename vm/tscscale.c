/*
 * The numbers of TSC scaling.
 */
#include "vm/tscscale.h"

#include "core/clock.h"
#include "lib/errno.h"
#include "lib/fmt.h"

#define PPM 1000000u

struct tscscale_hw tscscale_hw;

/* The nearest multiplier; 0: it does not fit. */
static u64 multiplier(u64 khz, u64 host_khz, u32 bits)
{
	struct ratio r = ratio_make(khz, host_khz);
	u32 drop;

	if (r.shift <= bits || r.shift - bits > 63)
		return 0;
	drop = r.shift - bits;
	return (r.mult >> drop) + (r.mult >> (drop - 1) & 1);
}

/* Rounded as other hypervisors do, which compare whole kHz of the host's. */
static bool tolerable(u64 khz, u64 host_khz)
{
	u64 apart = khz > host_khz ? khz - host_khz : host_khz - khz;

	return apart * PPM <= host_khz * TSCSCALE_TOLERANCE_PPM;
}

int tscscale_make(struct tscscale *s, u64 khz)
{
	const struct tscscale_hw *hw = &tscscale_hw;
	u64 host = clock_tsc_khz(), mult;

	*s = (struct tscscale){ 0 };
	if (!khz || khz == host)
		return 0;
	if (khz < TSCSCALE_KHZ_MIN || khz > TSCSCALE_KHZ_MAX)
		return -EINVAL;
	mult = hw->bits ? multiplier(khz, host, hw->bits) : 0;
	if (!mult || mult > hw->max)
		return tolerable(khz, host) ? 0 : -ENOTSUP;
	*s = (struct tscscale){
		.khz = khz,
		.mult = mult,
		.bits = hw->bits,
		.to_host = ratio_make(1ULL << hw->bits, mult),
	};
	return 0;
}

void tscscale_refusal(u64 khz, char *text, size_t size)
{
	const struct tscscale_hw *hw = &tscscale_hw;

	snprintf(text, size,
		 "a TSC of %llu kHz: this machine's has %llu kHz, and TSC scaling (%s) %s",
		 (unsigned long long)khz, (unsigned long long)clock_tsc_khz(),
		 hw->feature ? hw->feature : "of VT-x or AMD-V",
		 hw->bits ? "does not reach that far" : "is missing");
}

u64 tscscale_khz(const struct tscscale *s)
{
	return s->khz ? s->khz : clock_tsc_khz();
}

u64 tscscale_wait_slow(const struct tscscale *s, u64 host, u64 ticks)
{
	unsigned __int128 have, need;
	u64 part, wait;

	if (!ticks)
		return 0;
	/* Of the tick that is under way, this part has passed. */
	part = (u64)((unsigned __int128)host * s->mult) & ((1ULL << s->bits) - 1);
	need = ((unsigned __int128)ticks << s->bits) - part;
	/* Rounded down, of a tick less: not too long. What is left then is a tick or two, and a short division. */
	wait = ratio_apply(s->to_host, ticks - 1);
	have = (unsigned __int128)wait * s->mult;
	if (wait == ~0ULL || have >= need)
		return wait;
	need = (need - have + s->mult - 1);
	part = (u64)need / s->mult;
	return wait + part < wait ? ~0ULL : wait + part;
}
