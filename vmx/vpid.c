/*
 * Virtual-processor identifiers: tags of translations in the TLB, one for each vCPU, and the
 * instructions that drop what is cached under a tag or under an EPT pointer.
 */
#include "lib/atomic.h"
#include "lib/types.h"
#include "vmx/access.h"
#include "vmx/guest.h"

/* VPID 0 is the hypervisor's own. 4095 vCPUs at once are plenty; what comes later goes without. */
#define VPID_COUNT 4096
#define VPID_WORDS (VPID_COUNT / 64)

static u64 vpid_used[VPID_WORDS] = { 1 };

u16 vpid_alloc(void)
{
	if (!vmx_caps.vpid)
		return 0;
	for (u32 i = 0; i < VPID_WORDS; i++) {
		u64 word = atomic_load_relaxed(&vpid_used[i]);

		while (~word) {
			u32 bit = (u32)__builtin_ctzll(~word);

			/* Only the bit's owner counts; nothing else is published by it. */
			if (atomic_cas(&vpid_used[i], &word, word | BIT(bit)))
				return (u16)(i * 64 + bit);
		}
	}
	return 0;
}

void vpid_free(u16 vpid)
{
	if (vpid)
		atomic_fetch_and(&vpid_used[vpid / 64], ~BIT(vpid % 64));
}

void vpid_flush(u16 vpid)
{
	u64 cap = vmx_caps.msrs.ept_vpid;

	if (!vpid)
		return; /* every entry and exit flushes */
	if (!(cap & EPT_CAP_INVVPID_CONTEXT) || !inv_vpid(INV_CONTEXT, vpid))
		inv_vpid(INV_ALL, 0);
}

void eptp_flush(u64 eptp)
{
	u64 cap = vmx_caps.msrs.ept_vpid;

	if (!(cap & EPT_CAP_INVEPT_CONTEXT) || !inv_ept(INV_CONTEXT, eptp))
		inv_ept(INV_ALL, 0);
}
