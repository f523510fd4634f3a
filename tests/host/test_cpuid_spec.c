/*
 * Speculation controls by CPUID and ARCH_CAPABILITIES: which are shown, and what a guest may write then. Bits are
 * those of the SDM's vol. 4, and of the APM's vol. 3, appendix E.
 *
 * sources: tests/host/fake_cpuid.c tests/host/fake_vm.c tests/host/fake_vcpu.c vm/cpuid.c vm/tscscale.c vm/cpuid_apply.c vm/cpuid_host.c vm/cpuid_spec.c vm/cpu_models.c vm/pv_cpuid.c
 * sources: vm/cpuid_topology.c vm/topology.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "arch/msr.h"
#include "tests/host/fake_cpuid.h"
#include "tests/host/fake_vcpu.h"
#include "tests/host/harness.h"

#define SEEN_X8_EBX 0x750fd005u

/* Speculation controls: what may be written follows what is shown. SDM vol. 4, "IA32_SPEC_CTRL" and the next. */
TEST(speculation)
{
	static const char *const ssbd[] = { "ssbd", "amd-ssbd", NULL };
	static const char *const all[] = {
		"spec-ctrl",  "stibp",    "ssbd",       "flush-l1d",
		"ibpb",       "ibrs",     "sbpb",       "amd-stibp",
		"amd-ssbd",   "amd-psfd", "intel-psfd", "ipred-ctrl",
		"rrsba-ctrl", "ddpd-u",   "bhi-ctrl",   "arch-capabilities",
		"auto-ibrs",  NULL
	};
	const struct cpuid_spec *s;

	start(~0u, CPU_VENDOR_AMD);
	create();
	s = &fake_vm->cpuid->spec;
	CHECK_EQ(s->ctrl, 0x5ff);
	CHECK_EQ(s->pred, 0x81);
	CHECK_EQ(s->flush, 1);
	CHECK(s->virt == 0 && s->caps && s->ctrl_direct && s->pred_direct);
	start_without(CPU_VENDOR_AMD, ssbd);
	s = &fake_vm->cpuid->spec;
	CHECK_EQ(s->ctrl, 0x5fb);
	CHECK(!s->ctrl_direct && s->pred_direct); /* the CPU would take SSBD */
	CHECK_EQ(s->pred, 0x81);
	start_without(CPU_VENDOR_INTEL, ssbd + 2);
	CHECK_EQ(fake_vm->cpuid->spec.pred, 1); /* SBPB is AMD's */
	start_without(CPU_VENDOR_AMD, all);
	s = &fake_vm->cpuid->spec;
	CHECK_EQ(s->ctrl | s->pred | s->flush | s->virt, 0);
	CHECK(!s->caps && !s->ctrl_direct && !s->pred_direct);
	CHECK(!(fake_vm->cpuid->efer_allowed & BIT(21)));
	CHECK_EQ(ask(0x80000000, 0).eax, 0x80000021); /* other facts are left there */
	start(0, CPU_VENDOR_AMD);
	create();
	s = &fake_vm->cpuid->spec;
	CHECK_EQ(s->ctrl | s->pred | s->flush | s->virt, 0);
	CHECK(!s->caps && !s->ctrl_direct && !s->pred_direct);
}

/* Facts are shown; registers that a guest has not are not spoken of. */
TEST(arch_capabilities)
{
	static const char *const bit[] = { "arch-capabilities", NULL }, *const one[] = { "mds-no",
											 NULL };
	struct cpu_set set;

	start(~0u, CPU_VENDOR_INTEL);
	machine_capabilities = ~0ull;
	create();
	CHECK_EQ(capabilities(), 0x400000001d1ae17f);
	CHECK_EQ(cpuid_offered(&set), 0);
	CHECK(cpu_set_has(&set, number("mds-no")) && cpu_set_has(&set, number("ibrs-all")));
	CHECK(!cpu_set_has(&set, number("tsx-ctrl")));
	machine_capabilities = 0x21;
	CHECK_EQ(cpuid_offered(&fake_vm->cpu.features), 0);
	fake_vm->cpu.chosen = true;
	cpu_set_drop(&fake_vm->cpu.features, number(one[0]));
	create();
	CHECK_EQ(capabilities(), 1);
	start_without(CPU_VENDOR_INTEL, bit);
	CHECK(!fake_vm->cpuid->spec.caps);
}

/* VIRT_SSBD always exits: it is for who asks for it by name, where SPEC_CTRL has the bit. */
TEST(virt_ssbd)
{
	struct cpu_set set;

	start(~0u, CPU_VENDOR_AMD);
	CHECK_EQ(cpuid_offered(&set), 0);
	CHECK(cpu_set_has(&set, number("virt-ssbd")));
	fake_vm->cfg.cpu_features[0] =
		(struct domain_cpu_feature){ (u16)number("virt-ssbd"), CPU_REQUIRE };
	fake_vm->cfg.cpu_feature_count = 1;
	create();
	CHECK_EQ(ask(0x80000008, 0).ebx, SEEN_X8_EBX | BIT(25));
	CHECK_EQ(fake_vm->cpuid->spec.virt, 4);
	CHECK(!fake_vm->cpuid->spec.ctrl_direct); /* the register holds both of the guest's */
	start(~(u32)BIT(24), CPU_VENDOR_AMD);
	CHECK_EQ(cpuid_offered(&set), 0);
	CHECK(!cpu_set_has(&set, number("virt-ssbd")));
}
