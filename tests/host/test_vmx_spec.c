/*
 * A guest's own SPEC_CTRL on VT-x: nothing until it needs one, then the VMCS's lists of MSRs (SDM vol. 3, appendix
 * "Field Encoding in VMCS": 2006H, 2008H, 200AH their addresses, 400EH, 4010H, 4014H their lengths).
 *
 * sources: vmx/spec.c vm/spec.c
 * flags: -include tests/host/fake_vmcs.h
 */
#include "mm/heap.h"
#include "tests/host/harness.h"
#include "vm/cpuid.h"
#include "vm/spec.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vmx/apicv.h"
#include "vmx/guest.h"

#include <string.h>

u64 fake_vmcs[FAKE_VMCS_FIELDS];
static struct vm vm;
static struct vcpu v;
static struct hvm_vcpu h;
static struct cpuid_table table;
static u64 host;
static u32 bitmaps;

u64 mitigation_spec_ctrl(void)
{
	return host;
}

paddr_t heap_phys(const struct heap *heap, const void *p)
{
	return PADDR((u64)p);
}

void vmx_apicv_msr_bitmap(struct vcpu *c)
{
	CHECK(c->hvm->spec.own);
	bitmaps++;
}

void vcpu_need(struct vcpu *c, u32 groups)
{
	CHECK_EQ(groups, RG_SPEC);
	vmx_spec_read(c);
}

static void start(u64 host_value)
{
	memset(fake_vmcs, 0, sizeof(fake_vmcs));
	memset(&v, 0, sizeof(v));
	memset(&h, 0, sizeof(h));
	table = (struct cpuid_table){ .spec = { .ctrl = 7, .ctrl_direct = true } };
	vm.cpuid = &table;
	v.vm = &vm;
	v.hvm = &h;
	host = host_value;
	bitmaps = 0;
}

static void guest_writes(u64 value)
{
	CHECK_EQ(spec_wrmsr(&v, 0x48, value), 0);
	CHECK_EQ(v.dirty, RG_SPEC);
	vmx_spec_write(&v);
	v.dirty = 0;
}

/* By the lists, as the CPU goes through them: index in the low half of the first quadword. */
static u64 *entry_of(u32 address, u32 count)
{
	u64 *e = (u64 *)fake_vmcs[address];

	CHECK_EQ(fake_vmcs[count], 1);
	CHECK_EQ((u64)e & 15, 0);
	CHECK_EQ(e[0], 0x48);
	return &e[1];
}

TEST(nobody_pays_before)
{
	start(1);
	vmx_spec_write(&v); /* a vCPU begins with all groups written */
	guest_writes(0);
	guest_writes(1); /* the host's own, which it runs with all along */
	CHECK(!fake_vmcs[0x400e] && !fake_vmcs[0x4010] && !fake_vmcs[0x4014]);
	CHECK_EQ(bitmaps, 0);
	vcpu_need(&v, RG_SPEC);
	CHECK_EQ(v.spec_ctrl, 1);
}

TEST(its_own)
{
	u64 value;

	start(1);
	guest_writes(6);
	CHECK_EQ(bitmaps, 1);
	CHECK_EQ(*entry_of(0x2008, 0x4010), 1); /* exits load the host's, */
	CHECK_EQ(*entry_of(0x200a, 0x4014), 6); /* entries the guest's, */
	CHECK_EQ(fake_vmcs[0x2006], fake_vmcs[0x200a]);
	*entry_of(0x2006, 0x400e) = 4; /* which exits have stored */
	CHECK_EQ(spec_rdmsr(&v, 0x48, &value), 0);
	CHECK_EQ(value, 4);
	guest_writes(0); /* by an exit, or INIT */
	CHECK_EQ(*entry_of(0x200a, 0x4014), 0);
	CHECK_EQ(bitmaps, 1);
	guest_writes(1);
	CHECK_EQ(*entry_of(0x200a, 0x4014), 1); /* once begun it stays so */
	CHECK_EQ(*entry_of(0x2008, 0x4010), 1);
}

/* One that goes to and fro between the host's value and 0 would have an exit each time. */
TEST(to_and_fro)
{
	start(1);
	guest_writes(1);
	guest_writes(0);
	CHECK_EQ(*entry_of(0x200a, 0x4014), 0);
	start(0);
	guest_writes(1); /* a host without: the first that is not 0 */
	CHECK_EQ(*entry_of(0x200a, 0x4014), 1);
	CHECK_EQ(*entry_of(0x2008, 0x4010), 0);
}

/* A guest whose writes exit cannot have changed what is in the CPU. */
TEST(not_direct)
{
	u64 value;

	start(0);
	table.spec.ctrl_direct = false;
	guest_writes(2);
	*entry_of(0x2006, 0x400e) = 6;
	CHECK_EQ(spec_rdmsr(&v, 0x48, &value), 0);
	CHECK_EQ(value, 2);
}
