/*
 * What the AMD backend calls, and a CPU for it (see fake_svm.h).
 */
#include "tests/host/fake_svm.h"

#include "arch/feature.h"
#include "arch/lapic.h"
#include "ept/s2.h"
#include "lib/errno.h"
#include "svm/insnlen.h"
#include "svm/run.h"
#include "vm/apicv.h"
#include "vm/msr.h"

#include <stdlib.h>
#include <string.h>

struct vm vm;
struct tscscale_hw tscscale_hw;
struct cpuid_table cpuid_table;
struct vcpu v;
struct hvm_vcpu hv;
struct vmcb vmcb __attribute__((aligned(4096)));
static struct vlapic lapic;
u8 lapic_page[4096] __attribute__((aligned(4096)));
u8 code[64]; /* at this linear address, and nothing around it */
u64 code_va;
unsigned host_interrupts, machine_checks, rechecks, ipis;
int raised; /* vector, or -1 */

const struct msr_pass msr_pass_list[] = {
	{ 0x10, true, false },       { 0x174, true, true },       { 0xc0000081, true, true },
	{ 0xc0000102, false, true }, { 0xc0010015, true, false }, { 0x80000000, true, true },
};
const size_t msr_pass_count = ARRAY_LEN(msr_pass_list);

paddr_t s2_root(const struct s2 *s2)
{
	CHECK_EQ(s2, &vm.s2);
	return PADDR(0x77777000);
}

void s2_limit_leaf(u8 max_level)
{
	(void)max_level;
}

void vcpu_need(struct vcpu *c, u32 groups)
{
	svm_read_regs(c, groups);
}

u32 vcpu_mode(struct vcpu *c)
{
	return c->regs.efer & EFER_LMA ? 64 : c->regs.cr0 & CR0_PE ? 32 : 16;
}

int vcpu_fetch(struct vcpu *c, u64 va, u8 *buf, size_t n)
{
	(void)c;
	if (va < code_va || va + n > code_va + sizeof(code))
		return -EFAULT;
	memcpy(buf, code + va - code_va, n);
	return 0;
}

void vcpu_skip_slow(struct vcpu *c, u32 len)
{
	c->regs.rip += len;
}

void vcpu_raise_error(struct vcpu *c, u8 vector, u32 error)
{
	(void)c;
	CHECK_EQ(error, 0);
	raised = vector;
}

unsigned decodes;
u8 decoded_len; /* what the decoder says */

u8 svm_insn_decode(struct vcpu *c)
{
	(void)c;
	decodes++;
	return decoded_len;
}

u32 cpu_id(void)
{
	return 0;
}

void lapic_ipi_self(u8 vector)
{
	CHECK(vector >= 0x30);
	ipis++;
}

void vlapic_set_cr8(struct vlapic *l, u8 cr8)
{
	l->page[0x80] = (u8)(cr8 << 4);
}

/* --- for AVIC ---------------------------------------------------------------------------------- */

struct hvm_vm hvm_vm;
const struct apicv_ops *apicv;
u32 fake_apicv_allowed, fake_lapic_id, fake_doorbells, fake_doorbell_id;
bool fake_extint;
s32 fake_mapped, fake_barriers;
u32 fake_requests[VM_MAX_VCPUS];
void (*fake_on_unmap)(void);

u32 apicv_allowed(void)
{
	return fake_apicv_allowed;
}

u32 lapic_id(void)
{
	return fake_lapic_id;
}

__weak void avic_doorbell(u32 apic_id)
{
	fake_doorbells++;
	fake_doorbell_id = apic_id;
}

bool vlapic_accepts_extint(const struct vlapic *l)
{
	(void)l;
	return fake_extint;
}

void vlapic_isr_changed(struct vlapic *l)
{
	(void)l;
}

void vcpu_request(struct vm *m, u32 index, u32 requests)
{
	(void)m;
	fake_requests[index] |= requests;
}

int s2_map(struct s2 *s2, gpa_t gpa, paddr_t pa, u64 len, u32 prot)
{
	(void)s2;
	(void)pa;
	CHECK_EQ(gpa.v, 0xfee00000);
	CHECK_EQ(len, 4096);
	CHECK_EQ(prot, PTAB_R | PTAB_W);
	fake_mapped++;
	return 0;
}

int s2_unmap(struct s2 *s2, gpa_t gpa, u64 len)
{
	(void)s2;
	CHECK_EQ(gpa.v, 0xfee00000);
	CHECK_EQ(len, 4096);
	fake_mapped = 0;
	fake_barriers++;
	if (fake_on_unmap)
		fake_on_unmap();
	return 0;
}

void *heap_alloc(struct heap *h, size_t n, size_t align)
{
	(void)h;
	void *p = aligned_alloc(align ? align : 64, (n + 4095) & ~4095ULL);

	return memset(p, 0, (n + 4095) & ~4095ULL);
}

void heap_free(struct heap *h, void *p)
{
	(void)h;
	free(p);
}

paddr_t heap_phys(const struct heap *h, const void *p)
{
	(void)h;
	return PADDR((u64)p & BITS(51, 0));
}

void svm_host_interrupt(void)
{
	host_interrupts++;
}

void svm_host_recheck(void)
{
	rechecks++;
}

bool machine_check_hits;
bool svm_host_machine_check(void)
{
	machine_checks++;
	return machine_check_hits;
}

/* svm/spec.c, for tests that are not about it */
__weak void svm_spec_read(struct vcpu *c) {}
__weak void svm_spec_write(struct vcpu *c) {}
__weak void svm_spec_enter(struct vcpu *c) {}
__weak void svm_spec_leave(struct vcpu *c) {}

bool cpu_has(enum cpu_feature f)
{
	(void)f;
	return false;
}

int rdmsr_safe(u32 msr, u64 *value)
{
	(void)msr;
	*value = 0;
	return -EFAULT;
}

/* The CPU: one entry and exit. */
void (*guest)(void);
static unsigned entries;

void svm_enter(struct vcpu *c, struct vm_exit *e, u64 vmcb_pa, u64 host_pa)
{
	CHECK_EQ(c, &v);
	CHECK_EQ(vmcb_pa, 0x5000);
	CHECK_EQ(host_pa, 0x6000);
	entries++;
	vmcb.control.exit_int_info = 0;
	vmcb.control.exit_code = 0x72;
	if (guest)
		guest();
	vmcb.control.event_inj &= ~BIT(31);
	svm_exited(c, e);
}

u64 raw(unsigned offset, unsigned size)
{
	u64 out = 0;

	memcpy(&out, (u8 *)&vmcb + offset, size);
	return out;
}

void poke(unsigned offset, u64 value, unsigned size)
{
	memcpy((u8 *)&vmcb + offset, &value, size);
}

void setup(void)
{
	svm_caps = (struct svm_caps){ .asids = 8 };
	memset(&v, 0, sizeof(v));
	memset(&hv, 0, sizeof(hv));
	memset(lapic_page, 0, sizeof(lapic_page));
	memset(&cpuid_table, 0, sizeof(cpuid_table));
	vm.cpuid = &cpuid_table;
	lapic.page = lapic_page;
	memset(&hvm_vm, 0, sizeof(hvm_vm));
	vm.hvm = &hvm_vm;
	v.vm = &vm;
	v.hvm = &hv;
	v.lapic = &lapic;
	hv.vmcb = &vmcb;
	hv.apic_tpr = &lapic_page[0x80];
	hv.vmcb_pa = 0x5000;
	hv.host_pa = 0x6000;
	hv.cpu = -1;
	for (unsigned i = 0; i < INSN_SEEN; i++)
		hv.seen[i].rip = ~0ULL;
	guest = NULL;
	raised = -1;
	decodes = 0;
	decoded_len = 2;
	code_va = 0x1000;
	host_interrupts = machine_checks = rechecks = ipis = entries = 0;
	vmcb_init(&vmcb, &vm, 0x11000, 0x12000);
	v.regs.cr0 = CR0_PE | CR0_PG | CR0_ET;
	v.regs.cr4 = CR4_PAE;
	v.regs.efer = EFER_LME | EFER_LMA;
	v.regs.rip = 0x1000;
	v.regs.rflags = 2;
	vcpu_dirty(&v, RG_ALL);
	asid_cpu_init(svm_caps.asids);
	asid_load(&hv, 0);
}

struct vm_exit run(void)
{
	struct vm_exit e;

	memset(&e, 0xaa, sizeof(e));
	svm_run(&v, &e);
	return e;
}

static u64 exit_code, exit_info1, exit_info2, exit_next_rip;

static void guest_exits(void)
{
	vmcb.control.exit_code = exit_code;
	vmcb.control.exit_info1 = exit_info1;
	vmcb.control.exit_info2 = exit_info2;
	vmcb.control.next_rip = exit_next_rip;
}

struct vm_exit exits(u64 exit, u64 info1, u64 info2)
{
	exit_code = exit;
	exit_info1 = info1;
	exit_info2 = info2;
	exit_next_rip = v.regs.rip + 3;
	guest = guest_exits;
	return run();
}

u64 seen_event, seen_int_ctl, seen_rflags, seen_rip;
static u64 cut_short;
u32 seen_misc1, seen_asid, seen_cr;
u8 seen_tlb;

static void guest_records(void)
{
	seen_event = vmcb.control.event_inj;
	seen_int_ctl = vmcb.control.int_ctl;
	seen_misc1 = vmcb.control.misc1;
	seen_rflags = vmcb.save.rflags;
	seen_rip = vmcb.save.rip;
	seen_asid = vmcb.control.asid;
	seen_tlb = vmcb.control.tlb_control;
	seen_cr = vmcb.control.cr;
	vmcb.control.exit_int_info = cut_short;
	vmcb.control.exit_code = exit_code;
}

struct vm_exit records(u64 exit, u64 info)
{
	exit_code = exit;
	cut_short = info;
	guest = guest_records;
	return run();
}
