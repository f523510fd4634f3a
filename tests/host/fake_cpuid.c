#include "tests/host/fake_cpuid.h"

#include "tests/host/fake_vcpu.h"
#include "tests/host/harness.h"

#include <stdlib.h>
#include <string.h>

struct vcpu *v;
u32 machine_fill, machine_last, machine_last_extended;
enum cpu_vendor machine_vendor;
u64 machine_capabilities, machine_khz;
bool told_reliable, apicv_ipis;

void vcpu_need(struct vcpu *c, u32 groups) {}

void *kalloc(size_t size)
{
	return calloc(1, size);
}

void kfree(void *p)
{
	free(p);
}

u32 cpu_id(void)
{
	return 0;
}

enum cpu_vendor cpu_vendor(void)
{
	return machine_vendor;
}

u8 cpu_phys_bits(void)
{
	return 40;
}

u64 clock_tsc_khz(void)
{
	return machine_khz;
}

bool cmdline_is(const char *key, const char *value)
{
	return told_reliable && !strcmp(key, "tsc") && !strcmp(value, "reliable");
}

struct cpuid fake_cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid all = { machine_fill, machine_fill, machine_fill, machine_fill };

	if (leaf == 0)
		return (struct cpuid){ machine_last, 0x756e6547, 0x6c65746e, 0x49656e69 };
	if (leaf == 0x80000000)
		return (struct cpuid){ machine_last_extended, 0x756e6547, 0x6c65746e, 0x49656e69 };
	if (leaf == 4 && subleaf == 3)
		all.eax = 0;
	if (leaf == 0xd && subleaf == 2) /* AVX: 256 bytes at 576 */
		return (struct cpuid){ 256, 576, 0, 0 };
	if (leaf == 0xd && subleaf > 2)
		return (struct cpuid){ 64, 2048 + 64 * subleaf, 0, 0 };
	return all;
}

int rdmsr_safe(u32 msr, u64 *value)
{
	CHECK_EQ(msr, 0x10a);
	CHECK(machine_fill & BIT(29)); /* the bit that says that it is there */
	*value = machine_capabilities;
	return 0;
}

void start(u32 fill, enum cpu_vendor vendor)
{
	machine_capabilities = 0;
	fake_vcpu_new();
	v = fake_vcpu;
	machine_fill = fill;
	machine_last = 0x24;
	machine_last_extended = 0x80000021;
	machine_vendor = vendor;
	machine_khz = 2400000;
	fake_vm->cpuid = NULL;
}

void create(void)
{
	CHECK_EQ(cpuid_table_create(fake_vm), 0);
}

struct cpuid ask(u32 leaf, u32 subleaf)
{
	u64 *g = v->regs.gpr;

	g[GPR_RAX] = 0xdeadbeef00000000 | leaf;
	g[GPR_RCX] = 0xdeadbeef00000000 | subleaf;
	g[GPR_RBX] = g[GPR_RDX] = 0xdeadbeefdeadbeef;
	cpuid_exit(v);
	/* The upper halves are cleared in 64-bit mode. */
	CHECK_EQ((g[GPR_RAX] | g[GPR_RBX] | g[GPR_RCX] | g[GPR_RDX]) >> 32, 0);
	return (struct cpuid){ (u32)g[GPR_RAX], (u32)g[GPR_RBX], (u32)g[GPR_RCX], (u32)g[GPR_RDX] };
}

u32 number(const char *name)
{
	int f = cpu_feature_find(name);

	CHECK(f >= 0);
	return (u32)f;
}

void start_without(enum cpu_vendor vendor, const char *const *names)
{
	start(~0u, vendor);
	CHECK_EQ(cpuid_offered(&fake_vm->cpu.features), 0);
	fake_vm->cpu.chosen = true;
	for (; *names; names++)
		cpu_set_drop(&fake_vm->cpu.features, number(*names));
	create();
}

u64 capabilities(void)
{
	return fake_vm->cpuid->arch_caps[0] | (u64)fake_vm->cpuid->arch_caps[1] << 32;
}
