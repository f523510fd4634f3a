/*
 * Self-tests of CPU models: bare guests look at the CPU that their domain's <cpu> asks for, and a CPU that
 * this machine cannot be is refused by name.
 */
#include "core/selftest.h"
#include "lib/errno.h"
#include "lib/string.h"
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
