/*
 * The Intel backend with a VMCS in memory: what is written when a vCPU is made, events as they are encoded
 * for an entry, and those that an exit cut short. Encodings and bits are the SDM's, as numbers (vol. 3,
 * appendix "Field Encoding in VMCS"; "Event Injection"; "VM-Execution Control Fields").
 *
 * sources: vmx/construct.c vmx/tsc.c vmx/event.c vmx/apicmode.c vmx/msrmap.c
 * flags: -include tests/host/fake_vmcs.h
 */
#include "arch/desc.h"
#include "arch/trap.h"
#include "mm/heap.h"
#include "tests/host/harness.h"
#include "vm/apicv.h"
#include "vm/cpuid.h"
#include "vm/hvm.h"
#include "vm/lapic.h"
#include "vm/msr.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vmx/guest.h"

#include <string.h>

#define F_EXCEPTIONS       0x4004
#define F_ENTRY_INFO       0x4016
#define F_ENTRY_ERROR      0x4018
#define F_ENTRY_LENGTH     0x401a
#define F_VECTORING_ERROR  0x440a
#define F_EXIT_LENGTH      0x440c
#define F_INTERRUPTIBILITY 0x4824
#define F_PROC             0x4002
#define F_DR7              0x681a
#define F_PROC2            0x401e
#define F_TSC_MULTIPLIER   0x2032

void *heap_alloc(struct heap *h, size_t size, size_t align)
{
	return NULL;
}

u64 fake_vmcs[FAKE_VMCS_FIELDS];
struct vmx_caps vmx_caps;
struct tscscale_hw tscscale_hw;
char vmx_exit_label[1];

static struct vm vm;
static struct vcpu v;
static struct hvm_vcpu hv;
static struct hvm_vm hvm_vm;
static struct cpuid_table cpuid_table;
static struct vlapic lapic;
static u8 page[4096];

paddr_t heap_phys(const struct heap *h, const void *p)
{
	return PADDR(0x1000000 + ((u64)p & 0xfff));
}

u64 desc_gdt_base(void)
{
	return 0xffffe00000001000;
}

u64 desc_tss_base(void)
{
	return 0xffffe00000002000;
}

u64 desc_idt_base(void)
{
	return 0xffffe00000003000;
}

void vcpu_need(struct vcpu *c, u32 groups) {}

static u32 apicv_constructs;
void vmx_apicv_construct(struct vcpu *c)
{
	apicv_constructs++;
}

const struct msr_pass msr_pass_list[1];
const size_t msr_pass_count;

static void start(void)
{
	memset(fake_vmcs, 0x5a, sizeof(fake_vmcs));
	memset(&v, 0, sizeof(v));
	memset(&hv, 0, sizeof(hv));
	vmx_caps = (struct vmx_caps){
		.base = { .pin = 0x3f,
			  .proc = 0xb5186dfa,
			  .proc2 = 0xaa,
			  .exit = 0x36fff,
			  .entry = 0x93ff },
		.apicv = APICV_TPR,
		.proc2_may = 0x00101408,
		.msrs = { .cr4_fixed0 = 0x2000, .cr4_fixed1 = 0x3767ff },
	};
	cpuid_table = (struct cpuid_table){ .cr4_allowed = 0x3706ff };
	hvm_vm = (struct hvm_vm){ .msr_bitmap = page, .eptp = 0x123405e };
	vm.cpuid = &cpuid_table;
	vm.vcpu_count = 1;
	vm.hvm = &hvm_vm;
	v.vm = &vm;
	v.hvm = &hv;
	v.lapic = &lapic;
	v.regs.cr0 = CR0_PE;
	lapic.page = page;
	hv.vpid = 7;
}

/* --- construct ------------------------------------------------------------------------------------- */

TEST(construct)
{
	start();
	vmx_construct(&v);
	/* #AC, #DB, #MC exit; no page fault does, whatever its error code */
	CHECK_EQ(fake_vmcs[F_EXCEPTIONS], 1u << 17 | 1u << 1 | 1u << 18);
	CHECK_EQ(fake_vmcs[0x4006], 0);
	CHECK_EQ(fake_vmcs[0x4008], 0);
	CHECK_EQ(fake_vmcs[0x400a], 0); /* CR3 targets */
	CHECK_EQ(fake_vmcs[0x400e], 0); /* no MSR lists */
	CHECK_EQ(fake_vmcs[0x4010], 0);
	CHECK_EQ(fake_vmcs[0x4014], 0);
	CHECK_EQ(fake_vmcs[F_ENTRY_INFO], 0);
	CHECK_EQ(fake_vmcs[0x2800], ~0ull);                            /* link pointer */
	CHECK_EQ(fake_vmcs[0x201a], 0x123405e);                        /* EPT pointer */
	CHECK_EQ(fake_vmcs[F_PROC] & (3u << 19 | 1u << 21), 1u << 21); /* CR8 by the TPR shadow */
	CHECK_EQ(fake_vmcs[0x0000], 7);                                /* VPID */
	/* The host's. */
	CHECK_EQ(fake_vmcs[0x6c00], read_cr0());
	CHECK_EQ(fake_vmcs[0x6c16], (u64)vmx_exit_label);
	CHECK_EQ(fake_vmcs[0x6c0e], desc_idt_base());
	vmx_write_host_state();
	CHECK_EQ(fake_vmcs[0x6c02], 0x12345000); /* CR3 without the hint in bit 63 */
	CHECK_EQ(fake_vmcs[0x6c04], read_cr4());
	CHECK_EQ(fake_vmcs[0x6c0c], desc_gdt_base());
	CHECK_EQ(fake_vmcs[0x6c0a], desc_tss_base());
}

/* What the guest may change without an exit: nothing that the hypervisor depends on. */
TEST(owned_bits)
{
	start();
	vmx_construct(&v);
	CHECK_EQ(~fake_vmcs[0x6000], CR0_MP | CR0_EM | CR0_TS | CR0_WP | CR0_AM);
	CHECK_EQ(~fake_vmcs[0x6002] & ~cpuid_table.cr4_allowed, 0);
	CHECK_EQ(~fake_vmcs[0x6002] & (CR4_PAE | CR4_MCE | CR4_VMXE | CR4_SMXE | CR4_LA57 |
				       CR4_PCIDE | CR4_OSXSAVE | CR4_PKE | CR4_CET),
		 0);
	cpuid_table.cr4_allowed = 0;
	vmx_construct(&v);
	CHECK_EQ(fake_vmcs[0x6002], ~0ull);
}

/* A TSC at another frequency has its multiplier and the control for it, a TSC at the host's neither. */
TEST(tsc_scaling)
{
	vmx_tsc_probe(0);
	CHECK_EQ(tscscale_hw.bits, 0);
	vmx_tsc_probe(1u << 25);
	CHECK_EQ(tscscale_hw.bits, 48);
	start();
	vmx_construct(&v);
	CHECK(!(fake_vmcs[F_PROC2] & 1u << 25));
	vm.tsc = (struct tscscale){ .khz = 1500000, .mult = 3ull << 47, .bits = 48 };
	vmx_tsc_scale(&v);
	CHECK_EQ(fake_vmcs[F_TSC_MULTIPLIER], 3ull << 47);
	CHECK(fake_vmcs[F_PROC2] & hv.controls.proc2 & 1u << 25);
	fake_vmcs[F_TSC_MULTIPLIER] = 0;
	vmx_construct(&v);
	CHECK_EQ(fake_vmcs[F_TSC_MULTIPLIER], 3ull << 47);
	CHECK(hv.controls.proc2 & 1u << 25);
	vm.tsc = (struct tscscale){ 0 };
	vmx_tsc_scale(&v);
	CHECK(!(fake_vmcs[F_PROC2] & 1u << 25));
}

/* Without the TPR shadow CR8 exits; secondary controls follow what CPUID shows. */
TEST(optional_controls)
{
	start();
	vmx_caps.apicv = 0;
	vmx_construct(&v);
	CHECK_EQ(fake_vmcs[F_PROC] & (3u << 19 | 1u << 21), 3u << 19);
	CHECK_EQ(hv.controls.proc2 & 0x101408, 0x8 & 0xaa);
	cpuid_table.entries[0] = (struct cpuid_entry){ .leaf = 0x80000001, .edx = 1u << 27 };
	cpuid_table.entries[1] =
		(struct cpuid_entry){ .leaf = 7, .ebx = 1u << 10, .indexed = true };
	cpuid_table.count = 2;
	vmx_construct(&v);
	CHECK(hv.controls.proc2 & 1u << 3);     /* RDTSCP */
	CHECK(hv.controls.proc2 & 1u << 12);    /* INVPCID */
	CHECK(!(hv.controls.proc2 & 1u << 20)); /* XSAVES */
	hv.vpid = 0;
	vmx_construct(&v);
	CHECK(!(hv.controls.proc2 & 1u << 5));
	/* Tertiary ones where there is a use for them. */
	CHECK(!(fake_vmcs[F_PROC] & 1u << 17));
	vmx_caps.apicv = APICV_ALL & ~(u32)APICV_IPI;
	vmx_construct(&v);
	CHECK(!(fake_vmcs[F_PROC] & 1u << 17));
	vmx_caps.apicv = APICV_ALL;
	vmx_construct(&v);
	CHECK(fake_vmcs[F_PROC] & 1u << 17);
}

/* The host's state comes back at exits, its SSP by entry.asm; the guest's is empty. */
TEST(cet_state)
{
	static const u32 guest[] = { 0x6828, 0x682a, 0x682c };

	start();
	vmx_construct(&v);
	vmx_write_host_state();
	CHECK_EQ(fake_vmcs[0x6c18], 0x5a5a5a5a5a5a5a5a); /* these fields may not exist */
	CHECK_EQ(fake_vmcs[0x6c1c], 0x5a5a5a5a5a5a5a5a);
	CHECK_EQ(fake_vmcs[0x6828], 0x5a5a5a5a5a5a5a5a);
	vmx_caps.base.exit |= 1u << 28;
	vmx_construct(&v);
	CHECK_EQ(fake_vmcs[0x6c18], rdmsr(0x6a2));
	CHECK_EQ(fake_vmcs[0x6c1a], 0);
	vmx_write_host_state();
	CHECK_EQ(fake_vmcs[0x6c1c], rdmsr(0x6a8)); /* it follows the CPU */
	CHECK_EQ(fake_vmcs[0x6828], 0x5a5a5a5a5a5a5a5a);
	vmx_caps.base.entry |= 1u << 20;
	vmx_construct(&v);
	for (u32 i = 0; i < ARRAY_LEN(guest); i++)
		CHECK_EQ(fake_vmcs[guest[i]], 0);
}

/* --- events ------------------------------------------------------------------------------------------ */

static u64 inject(struct vm_event ev)
{
	fake_vmcs[F_ENTRY_INFO] = 0;
	vmx_inject(&v, &ev);
	return fake_vmcs[F_ENTRY_INFO];
}

TEST(injection)
{
	start();
	CHECK_EQ(inject((struct vm_event){ .kind = EVENT_INTR, .vector = 0x41 }), 0x80000041);
	CHECK_EQ(inject((struct vm_event){ .kind = EVENT_EXCEPTION, .vector = 6 }), 0x80000306);
	CHECK_EQ(inject((struct vm_event){
			 .kind = EVENT_EXCEPTION, .vector = 14, .has_error = true, .error = 7 }),
		 0x80000b0e);
	CHECK_EQ(fake_vmcs[F_ENTRY_ERROR], 7);
	CHECK_EQ(inject((struct vm_event){ .kind = EVENT_SOFT_INT, .vector = 0x80, .insn_len = 2 }),
		 0x80000480);
	CHECK_EQ(fake_vmcs[F_ENTRY_LENGTH], 2);
	CHECK_EQ(inject((struct vm_event){ .kind = EVENT_SOFT_EXC, .vector = 3, .insn_len = 1 }),
		 0x80000603);
	CHECK_EQ(inject((struct vm_event){ .kind = EVENT_SOFT_EXC, .vector = 1, .insn_len = 1 }),
		 0x80000501);
	CHECK_EQ(inject((struct vm_event){ .kind = EVENT_NONE }), 0);
	/* Real mode has no error codes: VM entry would fail. */
	v.regs.cr0 = CR0_ET;
	CHECK_EQ(inject((struct vm_event){
			 .kind = EVENT_EXCEPTION, .vector = 13, .has_error = true }),
		 0x8000030d);
}

/* An NMI can be injected only with blocking by NMI off (SDM, "Checks on Guest Non-Register State"). */
TEST(nmi_again)
{
	start();
	fake_vmcs[F_INTERRUPTIBILITY] = 8;
	v.regs.shadow = SHADOW_NMI;
	CHECK_EQ(inject((struct vm_event){ .kind = EVENT_NMI, .vector = 2 }), 0x80000202);
	CHECK_EQ(fake_vmcs[F_INTERRUPTIBILITY] & 8, 0);
	CHECK_EQ(v.regs.shadow & SHADOW_NMI, 0);
	vmx_block_nmi();
	CHECK_EQ(fake_vmcs[F_INTERRUPTIBILITY] & 8, 8);
}

/* #DB clears DR7.GD, as its delivery does on bare hardware. */
TEST(debug_exception)
{
	start();
	fake_vmcs[F_DR7] = 0x2400;
	v.regs.dr7 = 0x2400;
	inject((struct vm_event){ .kind = EVENT_EXCEPTION, .vector = 1 });
	CHECK_EQ(fake_vmcs[F_DR7], 0x400);
	CHECK_EQ(v.regs.dr7, 0x400);
}

/* What was being delivered comes back as it was. */
TEST(cut_short)
{
	static const struct {
		u32 info;
		struct vm_event ev;
	} rows[] = {
		{ 0x80000055, { .kind = EVENT_INTR, .vector = 0x55 } },
		{ 0x80000202, { .kind = EVENT_NMI, .vector = 2 } },
		{ 0x80000b0e,
		  { .kind = EVENT_EXCEPTION, .vector = 14, .has_error = true, .error = 0x1234 } },
		{ 0x80000306, { .kind = EVENT_EXCEPTION, .vector = 6 } },
		{ 0x80000480, { .kind = EVENT_SOFT_INT, .vector = 0x80, .insn_len = 2 } },
		{ 0x80000603, { .kind = EVENT_SOFT_EXC, .vector = 3, .insn_len = 2 } },
		{ 0x80000501, { .kind = EVENT_SOFT_EXC, .vector = 1, .insn_len = 2 } },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		start();
		fake_vmcs[F_VECTORING_ERROR] = 0x1234;
		fake_vmcs[F_EXIT_LENGTH] = 2;
		vmx_requeue_event(&v, rows[i].info);
		CHECK(!memcmp(&v.event, &rows[i].ev, sizeof(v.event)));
		/* And encodes to the same again. */
		CHECK_EQ(inject(v.event), rows[i].info);
	}
}

TEST(windows)
{
	start();
	hv.controls.proc = 0x1000;
	vmx_window(&v, WINDOW_INTR, true);
	CHECK_EQ(fake_vmcs[F_PROC], 0x1004);
	vmx_window(&v, WINDOW_NMI, true);
	CHECK_EQ(fake_vmcs[F_PROC], 0x401004);
	vmx_window(&v, WINDOW_INTR, false);
	CHECK_EQ(fake_vmcs[F_PROC], 0x401000);
	vmx_window(&v, WINDOW_NMI, false);
	CHECK_EQ(fake_vmcs[F_PROC], 0x1000);
}
