/*
 * Self-tests of CPU models: bare guests look at the CPU that their domain's <cpu> asks for, and a CPU that
 * this machine cannot be is refused by name.
 */
#include "arch/cpu.h"
#include "arch/msr.h"
#include "core/clock.h"
#include "core/mitigation.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "vm/cputune.h"
#include "vm/selftest_flat.h"
#include "vm/vm.h"

/* The VM is not started yet: nobody else reads its document. */
static int set_model(struct vm *vm, const char *name)
{
	int model = cpu_model_find(name);

	if (model < 0)
		return selftest_fail("no model %s", name);
	vm->cfg.cpu = CPU_CUSTOM;
	vm->cfg.cpu_model = (u16)model;
	return 0;
}

static int set_feature(struct vm *vm, const char *name, enum cpu_policy policy)
{
	int feature = cpu_feature_find(name);

	if (feature < 0)
		return selftest_fail("no feature %s", name);
	vm->cfg.cpu_features[vm->cfg.cpu_feature_count++] =
		(struct domain_cpu_feature){ (u16)feature, (u8)policy };
	return 0;
}

static int passes(struct vm *vm)
{
	int err = vm_start(vm);

	if (err)
		return selftest_fail("error %d: %s", err, vm->stop_text);
	if (flat_said(vm, "ok\n"))
		return -1;
	SELFTEST_CHECK(!flat_end(vm));
	return 0;
}

static int test_named(void)
{
	struct vm *vm = flat_vm("westmere", "model_westmere.bin");

	SELFTEST_CHECK(vm && !set_model(vm, "Westmere"));
	SELFTEST_CHECK(!set_feature(vm, "vme", CPU_OPTIONAL));
	return passes(vm);
}
SELFTEST(model_named, "model-named", test_named);

static int test_without(void)
{
	struct vm *vm = flat_vm("plain", "model_plain.bin");

	SELFTEST_CHECK(vm);
	vm->cfg.cpu = CPU_HOST_PASSTHROUGH;
	SELFTEST_CHECK(!set_feature(vm, "x2apic", CPU_DISABLE));
	SELFTEST_CHECK(!set_feature(vm, "avx", CPU_DISABLE));
	return passes(vm);
}
SELFTEST(model_without, "model-without", test_without);

/* No machine here offers virtualization to guests, or AMX. */
static int test_refused(void)
{
	struct vm *vm = flat_vm("rapids", "model_plain.bin");

	SELFTEST_CHECK(vm && !set_model(vm, "SapphireRapids"));
	SELFTEST_CHECK(vm_start(vm) == -EINVAL);
	if (!str_prefix(vm->stop_text, "CPU model SapphireRapids: this host does not offer "))
		return selftest_fail("'%s'", vm->stop_text);
	vm->cfg.cpu = CPU_HOST_PASSTHROUGH;
	SELFTEST_CHECK(!set_feature(vm, "amx-tile", CPU_REQUIRE));
	SELFTEST_CHECK(vm_start(vm) == -EINVAL);
	if (strcmp(vm->stop_text, "CPU: this host does not offer amx-tile"))
		return selftest_fail("'%s'", vm->stop_text);
	vm->cfg.cpu_features[0].policy = CPU_OPTIONAL;
	SELFTEST_CHECK(!set_feature(vm, "x2apic", CPU_DISABLE));
	SELFTEST_CHECK(!set_feature(vm, "avx", CPU_DISABLE));
	return passes(vm);
}
SELFTEST(model_refused, "model-refused", test_refused);

#define L7_EDX_IBRS_IBPB BIT(26)
#define LOOK_NS          1000000ull
#define LOOKS            10

/* The guests have this CPU by turns. Whenever they do not, SPEC_CTRL is the host's. */
static int look_at_host(struct vm *const *vms)
{
	u64 until = clock_ns() + SELFTEST_PATIENCE_NS;
	u32 looks = 0;

	for (; vms[0]->state == VM_RUNNING || vms[1]->state == VM_RUNNING; looks++) {
		u64 value = rdmsr(MSR_SPEC_CTRL);

		if (value != mitigation_spec_ctrl())
			return selftest_fail("the host runs with SPEC_CTRL %#llx",
					     (unsigned long long)value);
		SELFTEST_CHECK(clock_ns() < until);
		thread_block_until(clock_ns() + LOOK_NS);
	}
	return looks >= LOOKS ? 0 : selftest_fail("%u looks at the host", looks);
}

static int take_turns(struct vm *const *vms)
{
	struct cpuset here = { { BIT(cpu_id()) } };
	int err;

	SELFTEST_CHECK(!thread_set_cpus(thread_current(), &here));
	for (u32 i = 0; i < 2; i++)
		SELFTEST_CHECK(!vm_pin(vms[i], 0, &here) && !vm_start(vms[i]));
	for (u32 i = 0; i < 2; i++)
		SELFTEST_CHECK(!flat_running(vms[i]));
	err = look_at_host(vms);
	for (u32 i = 0; i < 2 && !err; i++)
		err = flat_said(vms[i], "ok\n") ? -1 : flat_end(vms[i]);
	return err;
}

/* A model with speculation controls, where the machine has them; else it is refused for that. */
static int test_speculation(void)
{
	static const char *const images[] = { "spec_a.bin", "spec_b.bin" };
	struct vm *vms[2];

	for (u32 i = 0; i < 2; i++) {
		vms[i] = flat_vm(images[i], images[i]);
		SELFTEST_CHECK(vms[i] && !set_model(vms[i], "Westmere-IBRS"));
		SELFTEST_CHECK(!set_feature(vms[i], "vme", CPU_OPTIONAL));
		SELFTEST_CHECK(!set_feature(vms[i], "stibp", CPU_REQUIRE));
		SELFTEST_CHECK(!set_feature(vms[i], "ssbd", CPU_REQUIRE));
		SELFTEST_CHECK(!set_feature(vms[i], "flush-l1d", CPU_REQUIRE));
		SELFTEST_CHECK(!set_feature(vms[i], "arch-capabilities", CPU_REQUIRE));
	}
	if (cpuid(7, 0).edx & L7_EDX_IBRS_IBPB)
		return take_turns(vms);
	for (u32 i = 0; i < 2; i++) {
		SELFTEST_CHECK(vm_start(vms[i]) == -EINVAL);
		if (strcmp(vms[i]->stop_text,
			   "CPU model Westmere-IBRS: this host does not offer "
			   "spec-ctrl, stibp, flush-l1d, arch-capabilities, ssbd"))
			return selftest_fail("'%s'", vms[i]->stop_text);
		SELFTEST_CHECK(!flat_end(vms[i]));
	}
	return 0;
}
SELFTEST(model_speculation, "model-speculation", test_speculation);
