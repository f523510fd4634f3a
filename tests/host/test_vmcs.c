/*
 * The parts of the Intel backend that are decisions on plain values: controls from capability MSRs,
 * segment access rights, the MSR bitmap, exits. Expected values are the SDM's, as numbers.
 *
 * sources: vmx/caps.c vmx/exit.c vmx/msrmap.c
 * flags: -include tests/host/fake_vmcs.h
 */
#include "harness.h"

#include "core/irq.h"
#include "core/mce.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "tests/host/rand.h"
#include "vm/cpuid.h"
#include "vm/hvm.h"
#include "vm/msr.h"
#include "vm/vcpu.h"
#include "vmx/caps.h"
#include "vmx/exit.h"
#include "vmx/guest.h"
#include "vmx/rights.h"
#include "vmx/vmcs.h"

/* What a first-generation Xeon Scalable reports. */
static const struct vmx_msrs good = {
	.basic = 0x00da040000000004,
	.pin = 0x000000ff00000016,
	.proc = 0xfff9fffe04006172,
	.proc2 = 0x001ffcff00000000,
	.exit = 0x01ffffff00036dfb,
	.entry = 0x0003ffff000011fb,
	.ept_vpid = 0x00000f0106734141,
	.cr0_fixed0 = 0x80000021,
	.cr0_fixed1 = 0xffffffff,
	.cr4_fixed0 = 0x2000,
	.cr4_fixed1 = 0x3727ff,
};

/* Stand-ins for what the exit table calls in real life. */
void vmcs_access_failed(u32 field)
{
	(void)field;
}
void irq_dispatch(u8 vector)
{
	(void)vector;
}
void *heap_alloc(struct heap *h, size_t size, size_t align)
{
	return NULL;
}

u64 fake_vmcs[FAKE_VMCS_FIELDS];

static bool machine_check_hits;
static u32 machine_checks;
bool mce_guest_exit(void)
{
	machine_checks++;
	return machine_check_hits;
}
void vmx_window(struct vcpu *v, enum hvm_window w, bool on)
{
	(void)v;
	(void)w;
	(void)on;
}
void vmx_requeue_event(struct vcpu *v, u32 info)
{
	(void)v;
	(void)info;
}
void vmx_block_nmi(void) {}
static int raised = -1;
void vcpu_raise_error(struct vcpu *v, u8 vector, u32 error)
{
	(void)v;
	raised = error ? -1 : vector;
}
void vmx_cr_exit(struct vcpu *v, struct vm_exit *e)
{
	(void)v;
	(void)e;
}
void vcpu_need(struct vcpu *v, u32 groups)
{
	(void)v;
	(void)groups;
}

const struct msr_pass msr_pass_list[] = {
	{ 0x174, true, true },       { 0x10, true, false },      { 0xc0000100, true, true },
	{ 0xc0001fff, false, true }, { 0x40000000, true, true }, /* outside the bitmap */
};
const size_t msr_pass_count = ARRAY_LEN(msr_pass_list);

static const char *why_of(const struct vmx_msrs *msrs)
{
	struct vmx_caps caps;
	const char *why = NULL;
	int err = vmx_caps_decide(&caps, msrs, &why);

	CHECK_EQ(err, why ? -ENOTSUP : 0);
	return why;
}

/* Bit 0 locks, bit 1 is VMX inside SMX, bit 2 outside. */
TEST(firmware_switch)
{
	const char *why = NULL;
	u64 value = 0;

	CHECK_EQ(vmx_feature_control(&value, &why), 0);
	CHECK_EQ(value, 5);
	value = 0x20002;
	CHECK_EQ(vmx_feature_control(&value, &why), 0);
	CHECK_EQ(value, 0x20007);
	value = 5;
	CHECK_EQ(vmx_feature_control(&value, &why), 0);
	CHECK_EQ(value, 5);
	CHECK(!why);
	value = 3;
	CHECK_EQ(vmx_feature_control(&value, &why), -EPERM);
	CHECK_STR(why, "VT-x is switched off by the firmware");
}

TEST(control_takes_what_there_is)
{
	const struct control_spec spec = { .required = 0x1, .optional = 0x6, .forbidden = 0x80 };
	u32 out, fault;

	CHECK_EQ(vmx_control(0x0000001300000010, &spec, &out, &fault), 0);
	CHECK_EQ(out, 0x13); /* bit 4 must be 1, bit 2 cannot be had */
}

TEST(control_names_what_is_missing_or_forced)
{
	const struct control_spec spec = { .required = 0x3, .optional = 0, .forbidden = 0x80 };
	u32 out, fault;

	CHECK_EQ(vmx_control(0x0000000100000000, &spec, &out, &fault), -ENOTSUP);
	CHECK_EQ(fault, 0x2);
	CHECK_EQ(vmx_control(0x000000ff00000080, &spec, &out, &fault), -ENOTSUP);
	CHECK_EQ(fault, 0x80);
}

TEST(controls_of_a_good_machine)
{
	struct vmx_caps caps;
	const char *why = NULL;

	CHECK_EQ(vmx_caps_decide(&caps, &good, &why), 0);
	/* external interrupts 0, NMI 3, virtual NMIs 5, preemption timer 6; 1, 2, 4 forced; no posting */
	CHECK_EQ(caps.base.pin, 0x7f);
	/* 3 TSC offset, 7 HLT, 10 MWAIT, 11 RDPMC, 19 and 20 CR8, 24 I/O, 28 bitmaps, 29, 31 */
	CHECK_EQ(caps.base.proc, 0xb5186dfau);
	CHECK_EQ(caps.base.proc2, 0xe2); /* EPT 1, VPID 5, WBINVD 6, unrestricted 7 */
	/* 2 debug, 9 64-bit host, 15 acknowledge, 18 to 21 PAT and EFER */
	CHECK_EQ(caps.base.exit, 0x3fefff);
	CHECK_EQ(caps.base.entry, 0xd1ffu); /* 2 debug, 14 PAT, 15 EFER; never 9 to begin with */
	CHECK_EQ(caps.eptp_bits, 0x1e);     /* write-back 6, walk length 4 - 1 in 5:3 */
	CHECK(caps.vpid);
	CHECK(caps.ins_outs_info);
}

/* Without what it is built on, a machine is refused with the reason. */
TEST(machines_that_are_refused)
{
	struct vmx_msrs m = good;

	m.proc2 &= ~(0x2ull << 32);
	CHECK_STR(why_of(&m), "VT-x has no extended page tables (EPT)");
	m = good;
	m.proc2 &= ~(0x80ull << 32);
	CHECK_STR(why_of(&m), "VT-x has no unrestricted guest mode");
	m = good;
	m.proc &= ~(0x10000000ull << 32);
	CHECK(why_of(&m));
	m = good;
	m.proc |= 0x8000; /* CR3-load exiting is forced on */
	CHECK(why_of(&m));
	m = good;
	m.proc |= 0x20000; /* tertiary controls are */
	CHECK(why_of(&m));
	m = good;
	m.pin &= ~(0x20ull << 32);
	CHECK(why_of(&m));
	m = good;
	m.exit &= ~(0x8000ull << 32);
	CHECK(why_of(&m));
	m = good;
	m.entry &= ~(0x8000ull << 32);
	CHECK(why_of(&m));
	m = good;
	m.basic &= ~(1ull << 55);
	CHECK_STR(why_of(&m), "VT-x is too old (no TRUE control MSRs)");
	m = good;
	m.ept_vpid &= ~(1ull << 14);
	CHECK(why_of(&m));
	m = good;
	m.ept_vpid &= ~(1ull << 20);
	CHECK_STR(why_of(&m), "VT-x has no INVEPT");
	CHECK(!why_of(&good));
}

/* MISC 4:0 is the bit whose changes it counts. */
TEST(preemption_timer)
{
	struct vmx_msrs m = good;
	struct vmx_caps caps;
	const char *why = NULL;

	m.misc = 0x7004c1e7;
	m.signature = 0x50654;
	CHECK_EQ(vmx_caps_decide(&caps, &m, &why), 0);
	CHECK(caps.timer);
	CHECK_EQ(caps.timer_shift, 7);
	m.signature = 0xf00306a8 | 0xc000; /* an erratum's, and reserved bits */
	CHECK_EQ(vmx_caps_decide(&caps, &m, &why), 0);
	CHECK(!caps.timer);
	CHECK_EQ(caps.base.pin, 0x3f);
	m = good;
	m.pin &= ~(0x40ull << 32);
	CHECK_EQ(vmx_caps_decide(&caps, &m, &why), 0);
	CHECK(!caps.timer);
	CHECK_EQ(caps.base.pin, 0x3f);
}

/* Counting down at each change of that bit, it never ends before the deadline and less than a step behind it. */
TEST(preemption_timer_counts)
{
	CHECK_EQ(vmx_timer_count(100, 100, 0), 0);
	CHECK_EQ(vmx_timer_count(101, 100, 5), 0);
	CHECK_EQ(vmx_timer_count(100, 101, 0), 1);
	CHECK_EQ(vmx_timer_count(31, 32, 5), 1);
	CHECK_EQ(vmx_timer_count(32, 33, 5), 1);
	CHECK_EQ(vmx_timer_count(0, 1ull << 40, 5), 0xffffffff);
	CHECK_EQ(vmx_timer_count(0, ~0ull, 0), 0xffffffff);
	CHECK_EQ(vmx_timer_count(~0ull - 1, ~0ull, 31), 1);
	for (u32 i = 0; i < 100000; i++) {
		u32 shift = (u32)rand_below(32);
		u64 now = rand_u64() >> rand_below(63), wait = rand_u64() >> 34;
		u64 deadline = now + wait, end;

		if (deadline < now || deadline > ~0ull - (1ull << 32))
			continue;
		end = ((now >> shift) + vmx_timer_count(now, deadline, shift)) << shift;
		CHECK(wait ? end >= deadline && end - deadline < 1ull << shift : end <= now);
	}
}

TEST(vpid_is_optional)
{
	struct vmx_msrs m = good;
	struct vmx_caps caps;
	const char *why = NULL;

	m.proc2 &= ~(0x20ull << 32);
	CHECK_EQ(vmx_caps_decide(&caps, &m, &why), 0);
	CHECK(!caps.vpid);
	CHECK_EQ(caps.base.proc2 & 0x20, 0);
	/* A tag that no instruction can flush is not used either. */
	m = good;
	m.ept_vpid &= ~(1ull << 32);
	CHECK_EQ(vmx_caps_decide(&caps, &m, &why), 0);
	CHECK(!caps.vpid);
	CHECK_EQ(caps.base.proc2 & 0x20, 0);
}

/* Qualification of APIC accesses: offset in 11:0, type in 15:12 (SDM, table of the same name). */
TEST(apic_accesses)
{
	static const struct {
		u64 q;
		bool write, fetch, walk, delivery;
	} rows[] = {
		{ 0x0390, false, false, false, false }, { 0x10b0, true, false, false, false },
		{ 0x2000, false, true, false, false },  { 0x3300, false, false, false, true },
		{ 0xa300, false, false, false, true },  { 0xf080, false, false, true, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct vm_exit e;

		vmx_apic_access_decode(&e, rows[i].q);
		CHECK_EQ(e.s2.gpa.v, 0xfee00000 + (rows[i].q & 0xfff));
		CHECK_EQ(e.s2.write, rows[i].write);
		CHECK_EQ(e.s2.fetch, rows[i].fetch);
		CHECK_EQ(e.s2.table_walk, rows[i].walk);
		CHECK_EQ(e.s2.delivery, rows[i].delivery);
	}
	fake_vmcs[0x6400] = 0x51;
	struct vm_exit eoi = { .kind = EXIT_NONE };

	vmx_exit_other(NULL, &eoi, &exit_rows[45]);
	CHECK_EQ(eoi.kind, EXIT_EOI);
	CHECK_EQ(eoi.eoi.vector, 0x51);
	fake_vmcs[0x6400] = 0x320;
	vmx_exit_other(NULL, &eoi, &exit_rows[56]);
	CHECK_EQ(eoi.kind, EXIT_APIC_WRITE);
	CHECK_EQ(eoi.apic_write.offset, 0x320);
}

/* Bit 28 of the exits and 20 of the entries load CET state: both, the one of exits alone, or none. */
TEST(cet_state)
{
	struct vmx_msrs m = good;
	struct vmx_caps caps;
	const char *why = NULL;

	m.entry |= 1ull << (32 + 20);
	CHECK_EQ(vmx_caps_decide(&caps, &m, &why), 0);
	CHECK_EQ(caps.base.entry, 0xd1ffu);
	CHECK_EQ(caps.base.exit, 0x3fefffu);
	m.exit |= 1ull << (32 + 28);
	CHECK_EQ(vmx_caps_decide(&caps, &m, &why), 0);
	CHECK_EQ(caps.base.entry, 0x10d1ffu);
	CHECK_EQ(caps.base.exit, 0x103fefffu);
	m.entry = good.entry;
	CHECK_EQ(vmx_caps_decide(&caps, &m, &why), 0);
	CHECK_EQ(caps.base.entry, 0xd1ffu);
	CHECK_EQ(caps.base.exit, 0x103fefffu);
}

TEST(access_rights)
{
	/* 64-bit code: type B, S, P, L, G: 0xa09b in the VMCS, 0xa9b without the gap */
	CHECK_EQ(rights_to_attr(0xa09b), 0xa9b);
	CHECK_EQ(attr_to_rights(0xa9b), 0xa09b);
	/* busy 64-bit TSS */
	CHECK_EQ(attr_to_rights(0x08b), 0x8b);
	/* unusable: bit 16, and no other bit of 31:17 or 11:8 */
	CHECK_EQ(attr_to_rights(0), 0x10000);
	CHECK_EQ(attr_to_rights(0xc13) & 0x10000, 0x10000);
	CHECK_EQ(rights_to_attr(0x1c0f3) & SEG_ATTR_P, 0);
	CHECK_EQ(rights_to_attr(0x1c0f3) >> 5 & 3, 3); /* SS keeps the privilege level */
	for (u32 attr = 0; attr < 0x1000; attr++) {
		CHECK_EQ(rights_to_attr(attr_to_rights((u16)attr)), attr);
		CHECK_EQ(attr_to_rights((u16)attr) & 0xfffe0f00, 0);
	}
}

TEST(msr_bitmap)
{
	static u8 map[4096];
	u32 open = 0;

	vmx_msr_bitmap_fill(map, &(struct cpuid_spec){ .ctrl = 7, .pred = 1 }, true);
	/* reads of low MSRs at 0, of high ones at 1024; writes at 2048 and 3072 */
	CHECK_EQ(map[0x174 / 8], 0xff & ~(1 << 4));
	CHECK_EQ(map[2048 + 0x174 / 8], 0xff & ~(1 << 4));
	CHECK_EQ(map[0x10 / 8], 0xfe);
	CHECK_EQ(map[2048 + 0x10 / 8], 0xff);
	CHECK_EQ(map[1024 + 0x100 / 8], 0xfe);
	CHECK_EQ(map[3072 + 0x100 / 8], 0xfe);
	CHECK_EQ(map[1024 + 0x1fff / 8], 0xff);
	CHECK_EQ(map[4095], 0x7f);
	for (u32 i = 0; i < sizeof(map); i++)
		open += 8 - (u32)__builtin_popcount(map[i]);
	CHECK_EQ(open, 6); /* nothing else is open */
}

/* Speculation controls that the guest may write as the CPU takes them: SPEC_CTRL once it has one of its own. */
TEST(msr_bitmap_speculation)
{
	const struct cpuid_spec all = {
		.ctrl = 7, .pred = 1, .flush = 1, .ctrl_direct = true, .pred_direct = true
	};
	static u8 map[4096];

	vmx_msr_bitmap_fill(map, &all, false);
	CHECK_EQ(map[0x48 / 8], 0xff); /* neither SPEC_CTRL nor PRED_CMD is read */
	CHECK_EQ(map[2048 + 0x48 / 8], 0xfd);
	CHECK_EQ(map[0x108 / 8], 0xff);
	CHECK_EQ(map[2048 + 0x108 / 8], 0xf7);
	vmx_msr_bitmap_fill(map, &all, true);
	CHECK_EQ(map[0x48 / 8], 0xfe);
	CHECK_EQ(map[2048 + 0x48 / 8], 0xfc);
	vmx_msr_bitmap_fill(map, &(struct cpuid_spec){ .ctrl = 7, .pred = 1 }, true);
	CHECK_EQ(map[2048 + 0x48 / 8], 0xff); /* the CPU would take more than is shown */
	CHECK_EQ(map[2048 + 0x108 / 8], 0xff);
}

/* OUT DX, AL to 0x3f8; REP INSD from 0xcfc in 64-bit address size; OUTSB with an ES override. */
TEST(port_exits)
{
	struct vm_exit e = { 0 };

	vmx_io_decode(&e, 0x03f80000, 0);
	CHECK_EQ(e.port.port, 0x3f8);
	CHECK_EQ(e.port.size, 1);
	CHECK(e.port.write);
	CHECK(!e.port.string);
	CHECK(!e.port.rep);
	CHECK_EQ(e.port.addr_size, 0);
	vmx_io_decode(&e, 0x0cfc003b, 2 << 7);
	CHECK_EQ(e.port.port, 0xcfc);
	CHECK_EQ(e.port.size, 4);
	CHECK(!e.port.write);
	CHECK(e.port.string);
	CHECK(e.port.rep);
	CHECK_EQ(e.port.addr_size, 8);
	vmx_io_decode(&e, 0x00800010, 1 << 7);
	CHECK(e.port.string);
	CHECK_EQ(e.port.addr_size, 4);
	CHECK_EQ(e.port.seg, SEG_ES);
	vmx_io_decode(&e, 0x00800011, 5 << 15);
	CHECK_EQ(e.port.size, 2);
	CHECK_EQ(e.port.addr_size, 2);
	CHECK_EQ(e.port.seg, SEG_GS);
}

TEST(ept_violations)
{
	struct vm_exit e = { 0 };

	vmx_s2_decode(&e, 0x181); /* read of data */
	CHECK(!e.s2.write && !e.s2.fetch && !e.s2.table_walk);
	vmx_s2_decode(&e, 0x182);
	CHECK(e.s2.write && !e.s2.fetch);
	vmx_s2_decode(&e, 0x184);
	CHECK(e.s2.fetch && !e.s2.write);
	vmx_s2_decode(&e, 0x83); /* update of an accessed flag */
	CHECK(e.s2.table_walk && e.s2.write);
	vmx_s2_decode(&e, 0x1); /* loading PDPTEs: no linear address */
	CHECK(!e.s2.table_walk);
}

static void check_row(u32 reason, enum exit_kind kind, bool insn)
{
	CHECK(exit_row_known(&exit_rows[reason]));
	CHECK_EQ(exit_rows[reason].kind, kind);
	CHECK_EQ(!!(exit_rows[reason].flags & ROW_INSN), insn);
}

/* Intercepted whatever the guest thinks of them; the host decides whether the guest goes on. */
TEST(machine_checks)
{
	struct vcpu v = { 0 };
	struct vm_exit e = { .kind = EXIT_NONE };

	fake_vmcs[EXIT_INTR_INFO] = BIT(31) | 3 << 8 | 18;
	exit_rows[0].decode(&v, &e);
	CHECK_EQ(e.kind, EXIT_NONE);
	CHECK_EQ(machine_checks, 1);
	machine_check_hits = true;
	exit_rows[0].decode(&v, &e);
	CHECK_EQ(e.kind, EXIT_MACHINE_CHECK);
	CHECK_EQ(machine_checks, 2);
}

/* Basic exit reasons by number (SDM vol. 3, appendix C). */
TEST(exit_table)
{
	static const u8 not_offered[] = { 11, 17, 19, 20, 21, 22, 23, 24, 25, 26,
					  27, 36, 39, 50, 53, 58, 59, 60, 67, 68 };

	check_row(1, EXIT_NONE, false);
	check_row(2, EXIT_SHUTDOWN, false);
	check_row(7, EXIT_WINDOW, false);
	check_row(8, EXIT_WINDOW, false);
	check_row(9, EXIT_TASK_SWITCH, false);
	check_row(10, EXIT_CPUID, true);
	check_row(12, EXIT_HLT, true);
	check_row(13, EXIT_CACHE, true);
	check_row(15, EXIT_NONE, true);
	exit_rows[15].decode(NULL, NULL); /* RDPMC: no counter, as opposed to no instruction */
	CHECK_EQ(raised, 13);
	check_row(18, EXIT_HYPERCALL, true);
	check_row(28, EXIT_CR, true);
	check_row(30, EXIT_PORT, true);
	check_row(31, EXIT_MSR, true);
	check_row(32, EXIT_MSR, true);
	check_row(40, EXIT_PAUSE, true);
	check_row(43, EXIT_NONE, false);
	check_row(48, EXIT_S2, false);
	check_row(49, EXIT_ERROR, false);
	check_row(52, EXIT_TIMER, false);
	check_row(54, EXIT_CACHE, true);
	check_row(55, EXIT_XSETBV, true);
	for (size_t i = 0; i < ARRAY_LEN(not_offered); i++)
		check_row(not_offered[i], EXIT_INSN, true);
	/* Reasons that no control of ours asks for. */
	CHECK(!exit_row_known(&exit_rows[5]));
	CHECK(!exit_row_known(&exit_rows[29]));
	CHECK(!exit_row_known(&exit_rows[51]));
}
