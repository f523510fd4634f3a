/*
 * What a VM is offered of KVM's paravirtual interface, by its configuration.
 */
#include "vm/apicv.h"
#include "vm/domain.h"
#include "vm/pv.h"
#include "vm/pv_abi.h"

/* With what it takes to be on; the last three can be switched off. */
static const struct {
	u32 bit; /* DOMAIN_KVM_*; 0: always there */
	u64 features;
} parts[] = {
	{ 0, KVM_FEATURE_NO_IO_DELAY | KVM_FEATURE_STEAL_TIME | KVM_FEATURE_TLB_FLUSH |
		     KVM_FEATURE_SCHED_YIELD },
	{ DOMAIN_KVM_CLOCK, KVM_FEATURE_CLOCK_OLD | KVM_FEATURE_CLOCK | KVM_FEATURE_CLOCK_STABLE },
	{ DOMAIN_KVM_PVSPINLOCK, KVM_FEATURE_PV_UNHALT },
	{ DOMAIN_KVM_PV_IPI, KVM_FEATURE_SEND_IPI },
	{ DOMAIN_KVM_POLL_CONTROL, KVM_FEATURE_POLL_CONTROL },
};

static bool hidden(const struct domain *cfg)
{
	return cfg->kvm_on & DOMAIN_KVM_HIDDEN;
}

u32 pv_features(const struct domain *cfg)
{
	u64 features = 0;

	if (hidden(cfg))
		return 0;
	for (u32 i = 0; i < ARRAY_LEN(parts); i++) {
		if (!(cfg->kvm_off & parts[i].bit))
			features |= parts[i].features;
	}
	if (apicv_ipis && !(cfg->kvm_on & DOMAIN_KVM_PV_IPI))
		features &= ~KVM_FEATURE_SEND_IPI;
	return (u32)features;
}

u32 pv_hints(const struct domain *cfg)
{
	return !hidden(cfg) && cfg->kvm_on & DOMAIN_KVM_DEDICATED ? (u32)KVM_HINT_DEDICATED : 0;
}
