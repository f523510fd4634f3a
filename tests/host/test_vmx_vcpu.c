/*
 * vmx/vcpu.c vmx/tsc.c: a vCPU that comes onto CPUs and leaves them. The rules are the SDM's: a VMCS must not be active on
 * two CPUs, so that VMCLEAR has to come before VMPTRLD elsewhere (vol. 3, "Software Use of Virtual-Machine
 * Control Structures"); what a CPU cached of a guest before the guest changed its tables on another CPU
 * is still there when it comes back ("Operations that Invalidate Cached Mappings").
 *
 * sources: vmx/vcpu.c
 * flags: -include tests/host/fake_percpu.h -include tests/host/fake_vmcs_cpu.h
 */
#include "arch/cpu.h"
#include "ept/s2.h"
#include "mm/heap.h"
#include "tests/host/harness.h"
#include "vm/hvm.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vmx/apicv.h"
#include "vmx/guest.h"

#include <stdlib.h>
#include <string.h>

#define CPUS 3

struct vmx_caps vmx_caps;

static u32 here;
static void *currents[CPUS]; /* each CPU's copy of the one per-CPU variable */
static u64 current_pa[CPUS]; /* the current VMCS, by VMPTRLD; 0: none */
static u64 active_on[16];    /* of each VMCS, by its number: CPUs where it is active */
static bool cleared_once[16];
static u32 constructs, host_states;

u32 fake_cpu_id(void)
{
	return here;
}

u32 cpu_id(void)
{
	return here;
}

void *fake_percpu(u32 cpu)
{
	return &currents[cpu];
}

/* Pages are numbered by when they were first asked for. */
static u64 pages[16];

paddr_t heap_phys(const struct heap *h, const void *p)
{
	u64 i = 1;

	while (pages[i] && pages[i] != (u64)p)
		i++;
	pages[i] = (u64)p;
	return PADDR(i * 4096);
}

bool fake_vmclear(paddr_t vmcs)
{
	u64 i = vmcs.v / 4096;

	/* Elsewhere it may stay active: this CPU cannot write another one's caches back. */
	active_on[i] &= ~BIT(here);
	cleared_once[i] = true;
	if (current_pa[here] == vmcs.v)
		current_pa[here] = 0;
	return true;
}

bool fake_vmptrld(paddr_t vmcs)
{
	u64 i = vmcs.v / 4096;

	CHECK(cleared_once[i]);
	CHECK(!(active_on[i] & ~BIT(here)));
	active_on[i] |= BIT(here);
	current_pa[here] = vmcs.v;
	return true;
}

void *heap_alloc(struct heap *h, size_t size, size_t align)
{
	void *p = aligned_alloc(4096, (size + 4095) / 4096 * 4096);

	return memset(p, 0, size);
}

void heap_free(struct heap *h, void *p)
{
	free(p);
}

paddr_t s2_root(const struct s2 *s)
{
	return PADDR(0x5000);
}

u8 *vmx_msr_bitmaps(struct vm *vm)
{
	return heap_alloc(vm->heap, 8192, 4096);
}

static u32 scales;

void vmx_tsc_scale(struct vcpu *v)
{
	CHECK(current_pa[here] == heap_phys(NULL, v->hvm->vmcs).v);
	v->hvm->tsc_mult = v->vm->tsc.mult;
	scales++;
}

static u32 listens, suppresses; /* while the right VMCS is current */

void vmx_apicv_load(struct vcpu *v)
{
	CHECK(current_pa[here] == heap_phys(NULL, v->hvm->vmcs).v);
	listens++;
}

void vmx_apicv_put(struct vcpu *v)
{
	CHECK(current_pa[here] == heap_phys(NULL, v->hvm->vmcs).v);
	suppresses++;
}

int vmx_apicv_vm_create(struct vm *vm)
{
	return 0;
}

void vmx_apicv_vm_destroy(struct vm *vm) {}

void vmx_construct(struct vcpu *v)
{
	CHECK(current_pa[here] == heap_phys(NULL, v->hvm->vmcs).v);
	v->hvm->constructed = true;
	constructs++;
}

void vmx_write_host_state(void)
{
	CHECK(current_pa[here]);
	host_states++;
}

u16 vpid_alloc(void)
{
	return 7;
}

void vpid_free(u16 vpid)
{
	CHECK_EQ(vpid, 7);
}

static struct vm vm;
static struct vcpu v[2];

static void setup(void)
{
	memset(pages, 0, sizeof(pages));
	memset(currents, 0, sizeof(currents));
	memset(current_pa, 0, sizeof(current_pa));
	memset(active_on, 0, sizeof(active_on));
	memset(cleared_once, 0, sizeof(cleared_once));
	constructs = host_states = here = 0;
	for (u32 i = 0; i < 2; i++) {
		v[i] = (struct vcpu){ .vm = &vm };
		CHECK_EQ(vmx_vcpu_create(&v[i]), 0);
	}
}

/* Comes, runs, and leaves; whether translations were dropped before it ran. */
static bool visit(struct vcpu *c, u32 cpu)
{
	bool flushed;

	here = cpu;
	vmx_load(c);
	CHECK(current_pa[cpu] == heap_phys(NULL, c->hvm->vmcs).v);
	flushed = c->hvm->pending & VMX_FLUSH;
	c->hvm->pending = 0;
	c->hvm->launched = 1;
	vmx_put(c);
	CHECK_EQ(c->hvm->launched, 0);
	CHECK_EQ(active_on[heap_phys(NULL, c->hvm->vmcs).v / 4096], 0);
	return flushed;
}

static void finish(void)
{
	for (u32 i = 0; i < 2; i++)
		vmx_vcpu_destroy(&v[i]);
}

TEST(it_moves_only_when_written_back)
{
	setup();
	for (u32 i = 0; i < 12; i++)
		visit(&v[i % 2], i * 5 % CPUS);
	/* What follows the CPU is written each time; the rest once. */
	CHECK_EQ(constructs, 2);
	CHECK_EQ(host_states, 12);
	finish();
}

/* How fast its TSC runs may have changed since it was here. */
TEST(tsc_follows_the_vm)
{
	setup();
	scales = 0;
	visit(&v[0], 0);
	CHECK_EQ(scales, 0);
	v[0].vm->tsc.mult = 3ull << 47;
	visit(&v[0], 0);
	visit(&v[0], 1);
	CHECK_EQ(scales, 1);
	v[0].vm->tsc.mult = 0;
	visit(&v[0], 2);
	CHECK_EQ(scales, 2);
	finish();
}

TEST(old_translations_are_dropped_where_it_comes_back)
{
	setup();
	CHECK(visit(&v[0], 0)); /* its VPID may have been another one's */
	CHECK(!visit(&v[0], 0));
	CHECK(visit(&v[0], 1));
	CHECK(!visit(&v[0], 1));
	CHECK(visit(&v[0], 0)); /* it was here before */
	CHECK(visit(&v[0], 2));
	CHECK(visit(&v[0], 0));
	CHECK(!visit(&v[0], 0));
	finish();
}

TEST(a_vcpu_that_ends_is_nowhere_active)
{
	setup();
	visit(&v[0], 1);
	here = 0;
	vmx_load(&v[0]);
	vmx_vcpu_destroy(&v[0]);
	for (u32 i = 0; i < 16; i++)
		CHECK_EQ(active_on[i], 0);
	CHECK(!current_pa[0] && !currents[0]);
	vmx_vcpu_destroy(&v[1]);
}
