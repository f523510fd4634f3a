/*
 * The AMD backend without a CPU: the VMCB that is built, by the manual's offsets; the permission
 * maps; exits decoded from raw VMCBs; events, windows, ASIDs, and what moves on entries and exits. An
 * emulator does not check all that (a missing VMRUN intercept, ASID 0).
 *
 * sources: svm/build.c svm/maps.c svm/exits.c svm/crinsn.c svm/event.c svm/asid.c svm/regs.c
 * sources: svm/run.c svm/caps.c
 */
#include "arch/cpu.h"
#include "arch/msr.h"
#include "arch/feature.h"
#include "ept/s2.h"
#include "lib/errno.h"
#include "svm/backend.h"
#include "svm/insnlen.h"
#include "svm/run.h"
#include "tests/host/harness.h"
#include "vm/cpuid.h"
#include "vm/emul.h"
#include "vm/hvm.h"
#include "vm/lapic.h"
#include "vm/msr.h"
#include "vm/vm.h"

#include <string.h>

/* --- what the backend calls ---------------------------------------------------------------------- */

static struct vm vm;
static struct cpuid_table cpuid_table;
static struct vcpu v;
static struct hvm_vcpu hv;
static struct vmcb vmcb __attribute__((aligned(4096)));
static struct vlapic lapic;
static u8 lapic_page[4096] __attribute__((aligned(4096)));
static u8 code[64]; /* at this linear address, and nothing around it */
static u64 code_va;
static unsigned host_interrupts, machine_checks, ipis, skips;
static int raised; /* vector, or -1 */

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
	skips++;
	c->regs.rip += len;
}

void vcpu_raise_error(struct vcpu *c, u8 vector, u32 error)
{
	(void)c;
	CHECK_EQ(error, 0);
	raised = vector;
}

static unsigned decodes;
static u8 decoded_len; /* what the decoder says */

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

void lapic_ipi(u32 cpu, u8 vector)
{
	CHECK_EQ(cpu, 0);
	CHECK(vector >= 0x30);
	ipis++;
}

void vlapic_set_cr8(struct vlapic *l, u8 cr8)
{
	l->page[0x80] = (u8)(cr8 << 4);
}

void svm_host_interrupt(void)
{
	host_interrupts++;
}

void svm_host_machine_check(void)
{
	machine_checks++;
}

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
static void (*guest)(void);
static unsigned entries;

void svm_enter(u64 *gpr, u64 vmcb_pa, u64 host_pa)
{
	CHECK_EQ(gpr, v.regs.gpr);
	CHECK_EQ(vmcb_pa, 0x5000);
	CHECK_EQ(host_pa, 0x6000);
	entries++;
	vmcb.control.exit_int_info = 0;
	vmcb.control.exit_code = 0x72;
	if (guest)
		guest();
	vmcb.control.event_inj &= ~BIT(31);
}

/* --- by the manual's offsets --------------------------------------------------------------------- */

static u64 raw(unsigned offset, unsigned size)
{
	u64 out = 0;

	memcpy(&out, (u8 *)&vmcb + offset, size);
	return out;
}

static void poke(unsigned offset, u64 value, unsigned size)
{
	memcpy((u8 *)&vmcb + offset, &value, size);
}

#define SAVE 0x400

static void setup(void)
{
	svm_caps = (struct svm_caps){ .asids = 8 };
	memset(&v, 0, sizeof(v));
	memset(&hv, 0, sizeof(hv));
	memset(lapic_page, 0, sizeof(lapic_page));
	memset(&cpuid_table, 0, sizeof(cpuid_table));
	vm.cpuid = &cpuid_table;
	lapic.page = lapic_page;
	v.vm = &vm;
	v.hvm = &hv;
	v.lapic = &lapic;
	hv.vmcb = &vmcb;
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
	host_interrupts = machine_checks = ipis = skips = entries = 0;
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

static struct vm_exit run(void)
{
	struct vm_exit e;

	memset(&e, 0xaa, sizeof(e));
	svm_run(&v, &e);
	return e;
}

/* --- building ------------------------------------------------------------------------------------ */

TEST(intercepts)
{
	setup();
	u64 misc1 = raw(0x00c, 4), misc2 = raw(0x010, 4);
	/* INTR NMI SMI INIT CR0-selective RDPMC CPUID INVD HLT INVLPGA IOIO MSR task-switch shutdown */
	const u8 want1[] = { 0, 1, 2, 3, 5, 15, 18, 22, 24, 26, 27, 28, 29, 31 };
	/* VMRUN VMMCALL VMLOAD VMSAVE STGI CLGI SKINIT RDTSCP WBINVD MONITOR MWAIT MWAIT XSETBV RDPRU */
	const u8 want2[] = { 0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14 };
	u64 mask1 = 0, mask2 = 0;

	for (unsigned i = 0; i < ARRAY_LEN(want1); i++)
		mask1 |= 1ULL << want1[i];
	for (unsigned i = 0; i < ARRAY_LEN(want2); i++)
		mask2 |= 1ULL << want2[i];
	CHECK_EQ(misc1, mask1);
	CHECK_EQ(misc2, mask2);
	CHECK_EQ(raw(0x008, 4), 1u << 1 | 1u << 17 | 1u << 18); /* #DB #AC #MC */
	CHECK_EQ(raw(0x014, 4), 0x1f);           /* INVLPGB twice, INVPCID, MCOMMIT, TLBSYNC */
	CHECK_EQ(raw(0x000, 4), 1u << (16 + 4)); /* writes of CR4 */
	CHECK_EQ(raw(0x004, 4), 0);              /* debug registers are the guest's */
}

TEST(vmcb_fields)
{
	setup();
	CHECK_EQ(raw(0x040, 8), 0x12000);    /* IOPM_BASE_PA */
	CHECK_EQ(raw(0x048, 8), 0x11000);    /* MSRPM_BASE_PA */
	CHECK_EQ(raw(0x060, 8), 1u << 24);   /* V_INTR_MASKING alone */
	CHECK_EQ(raw(0x090, 8), 1);          /* NP_ENABLE, no SEV */
	CHECK_EQ(raw(0x0b0, 8), 0x77777000); /* N_CR3 */
	CHECK_EQ(raw(0x0b8, 8), 0);          /* no LBR virtualization */
	CHECK_EQ(raw(0x0c0, 4), 0);          /* nothing clean */
	run();
	CHECK(raw(0x058, 4) != 0); /* ASID */
	CHECK(raw(0x058, 4) < 8);
	CHECK_EQ(raw(SAVE + 0x0d0, 8), 0x1500); /* EFER: LME LMA SVME */
	CHECK_EQ(raw(SAVE + 0x158, 8), 0x80000011);
	CHECK_EQ(raw(SAVE + 0x178, 8), 0x1000);
	CHECK_STR(vmcb_check(&vmcb) ? vmcb_check(&vmcb) : "good", "good");
}

static void offer(u32 leaf, unsigned reg, unsigned bit)
{
	struct cpuid_entry *e = &cpuid_table.entries[cpuid_table.count++];

	e->leaf = leaf;
	*(&e->eax + reg) = 1u << bit;
}

TEST(offered_instructions_do_not_exit)
{
	setup();
	offer(7, 1, 10);          /* INVPCID */
	offer(0x80000001, 3, 27); /* RDTSCP */
	offer(0x80000008, 1, 4);  /* RDPRU */
	vmcb_init(&vmcb, &vm, 0, 0);
	CHECK_EQ(raw(0x014, 4) >> 2 & 1, 0);
	CHECK_EQ(raw(0x014, 4) >> 3 & 1, 1);
	CHECK_EQ(raw(0x010, 4) >> 7 & 1, 0);
	CHECK_EQ(raw(0x010, 4) >> 14 & 1, 0);
}

TEST(pause_filter_only_where_present)
{
	setup();
	CHECK_EQ(raw(0x00c, 4) >> 23 & 1, 0);
	svm_caps.pause_filter = true;
	vmcb_init(&vmcb, &vm, 0, 0);
	CHECK_EQ(raw(0x00c, 4) >> 23 & 1, 1);
	CHECK(raw(0x03e, 2) > 0);
	CHECK_EQ(raw(0x03c, 2), 0);
	svm_caps.pause_threshold = true;
	vmcb_init(&vmcb, &vm, 0, 0);
	CHECK(raw(0x03c, 2) > 0);
}

TEST(check_names_what_is_wrong)
{
	static const struct {
		unsigned offset, size;
		u64 value;
		const char *word;
	} cases[] = {
		{ SAVE + 0x0d0, 8, 0x500, "SVME" },
		{ SAVE + 0x158, 8, 0xa0000011, "NW" },
		{ SAVE + 0x158, 8, 0x180000011, "CR0" },
		{ SAVE + 0x168, 8, 1ULL << 40, "DR6" },
		{ SAVE + 0x160, 8, 1ULL << 32, "DR7" },
		{ SAVE + 0x148, 8, 0, "PAE" },
		{ SAVE + 0x158, 8, 0x80000010, "PE" },
		{ SAVE + 0x012, 2, 0x69b, "CS.L" }, /* attributes of CS: L and D */
		{ 0x010, 4, 0x7ffe, "VMRUN" },
		{ 0x058, 4, 0, "ASID" },
		{ 0x0a8, 8, 0x80000320, "vector" },
		{ 0x048, 8, 0x11800, "aligned" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		setup();
		run();
		CHECK(!vmcb_check(&vmcb));
		poke(cases[i].offset, cases[i].value, cases[i].size);
		const char *text = vmcb_check(&vmcb);
		CHECK(text && strstr(text, cases[i].word));
	}
}

/* --- permission maps ----------------------------------------------------------------------------- */

/* By the manual: bit number of an MSR's read intercept; the write intercept is the next. */
static long msr_bit(u32 msr)
{
	if (msr < 0x2000)
		return (long)msr * 2;
	if (msr >= 0xc0000000 && msr < 0xc0002000)
		return 0x800 * 8 + (long)(msr - 0xc0000000) * 2;
	if (msr >= 0xc0010000 && msr < 0xc0012000)
		return 0x1000 * 8 + (long)(msr - 0xc0010000) * 2;
	return -1;
}

TEST(msr_map)
{
	static u8 map[8192], want[8192];

	memset(want, 0xff, sizeof(want));
	for (unsigned i = 0; i < msr_pass_count; i++) {
		long bit = msr_bit(msr_pass_list[i].index);

		if (bit < 0)
			continue;
		if (msr_pass_list[i].read)
			want[bit / 8] &= (u8) ~(1u << bit % 8);
		if (msr_pass_list[i].write)
			want[(bit + 1) / 8] &= (u8) ~(1u << (bit + 1) % 8);
	}
	msrpm_init(map);
	CHECK_EQ(memcmp(map, want, sizeof(map)), 0);
	/* and some by hand */
	CHECK_EQ(map[0x10 / 4], 0xfe);          /* TSC: reads pass */
	CHECK_EQ(map[0x174 / 4], 0xfc);         /* SYSENTER_CS: both */
	CHECK_EQ(map[0x800 + 0x80 / 4], 0xf3);  /* EFER exits, STAR passes */
	CHECK_EQ(map[0x800 + 0x100 / 4], 0xdf); /* KERNEL_GS_BASE: writes pass */
	CHECK_EQ(map[0x1000 + 0x14 / 4], 0xfb); /* HWCR: reads pass */
	CHECK_EQ(map[0x1800], 0xff);
}

TEST(io_map)
{
	static u8 map[3 * 4096];

	iopm_init(map);
	/* Every port exits, and accesses that run over the last port too. */
	for (unsigned i = 0; i < 0x10000 / 8 + 1; i++)
		CHECK_EQ(map[i], 0xff);
}

/* --- exits --------------------------------------------------------------------------------------- */

static u64 exit_code, exit_info1, exit_info2, exit_next_rip;

static void guest_exits(void)
{
	vmcb.control.exit_code = exit_code;
	vmcb.control.exit_info1 = exit_info1;
	vmcb.control.exit_info2 = exit_info2;
	vmcb.control.next_rip = exit_next_rip;
}

static struct vm_exit exits(u64 exit, u64 info1, u64 info2)
{
	exit_code = exit;
	exit_info1 = info1;
	exit_info2 = info2;
	exit_next_rip = v.regs.rip + 3;
	guest = guest_exits;
	return run();
}

TEST(simple_exits)
{
	static const struct {
		u16 code;
		u8 kind;
	} cases[] = {
		{ 0x72, EXIT_CPUID },     { 0x76, EXIT_CACHE }, { 0x77, EXIT_PAUSE },
		{ 0x78, EXIT_HLT },       { 0x7a, EXIT_INSN },  { 0x80, EXIT_INSN },
		{ 0x81, EXIT_HYPERCALL }, { 0x82, EXIT_INSN },  { 0x83, EXIT_INSN },
		{ 0x84, EXIT_INSN },      { 0x85, EXIT_INSN },  { 0x86, EXIT_INSN },
		{ 0x87, EXIT_INSN },      { 0x89, EXIT_CACHE }, { 0x8a, EXIT_INSN },
		{ 0x8b, EXIT_INSN },      { 0x8c, EXIT_INSN },  { 0x8d, EXIT_XSETBV },
		{ 0x8e, EXIT_INSN },      { 0xa0, EXIT_INSN },  { 0xa1, EXIT_INSN },
		{ 0xa2, EXIT_INSN },      { 0xa3, EXIT_INSN },  { 0xa4, EXIT_INSN },
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		setup();
		struct vm_exit e = exits(cases[i].code, 0, 0);

		CHECK_EQ(e.kind, cases[i].kind);
		CHECK_EQ(e.insn_len, 2); /* no next-RIP: decoded */
		CHECK_EQ(decodes, 1);
		svm_caps.next_rip = true;
		e = exits(cases[i].code, 0, 0);
		CHECK_EQ(e.kind, cases[i].kind);
		CHECK_EQ(e.insn_len, 3);
		CHECK_EQ(decodes, 1);
	}
}

TEST(exits_without_an_instruction)
{
	setup();
	struct vm_exit e = exits(0x7f, 0, 0);

	CHECK_EQ(e.kind, EXIT_SHUTDOWN);
	e = exits(0x7d, 0, 0);
	CHECK_EQ(e.kind, EXIT_TASK_SWITCH);
	CHECK_EQ(e.insn_len, 0);
	CHECK_EQ(decodes, 0);
}

TEST(seen_instructions)
{
	static u8 memory[8] = { 0x0f, 0xa2, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90 };

	setup();
	run();
	CHECK_EQ(decodes, 1);
	hv.seen[0] = (struct insn_seen){
		.rip = 0x1000, .cr3 = 0, .where = memory, .bytes = 0xa20f, .mask = 0xffff, .len = 2
	};
	decoded_len = 9;
	CHECK_EQ(run().insn_len, 2);
	CHECK_EQ(decodes, 1);
	memory[2] = 0xcc; /* behind it: of no interest */
	CHECK_EQ(run().insn_len, 2);
	memory[0] = 0x66; /* other code in its place */
	CHECK_EQ(run().insn_len, 9);
	memory[0] = 0x0f;
	CHECK_EQ(run().insn_len, 2);
	poke(SAVE + 0x150, 0x3000, 8); /* CR3: another address space */
	CHECK_EQ(run().insn_len, 9);
	poke(SAVE + 0x150, 0, 8);
	poke(SAVE + 0x018, 0x10000, 8); /* the base of CS */
	CHECK_EQ(run().insn_len, 9);
	poke(SAVE + 0x018, 0, 8);
	CHECK_EQ(run().insn_len, 2);
	v.regs.rip = 0x1008; /* the same slot */
	CHECK_EQ(run().insn_len, 9);
	svm_caps.next_rip = true; /* a CPU that says it */
	vmcb.control.next_rip = 0x100c;
	CHECK_EQ(run().insn_len, 4);
	CHECK_EQ(decodes, 5);
}

TEST(every_intercept_is_understood)
{
	/* A code that is neither asked for nor known ends the VM with a reason, never the host. */
	for (u64 c = 0; c < 0x410; c++) {
		bool known = c == 0 || c == 4 || c == 0x10 || c == 0x14 || c == 0x18 || c == 0x41 ||
			     c == 0x51 || c == 0x52 || (c >= 0x60 && c <= 0x65) || c == 0x6f ||
			     c == 0x72 || c == 0x74 || (c >= 0x76 && c <= 0x78) ||
			     (c >= 0x7a && c <= 0x7d) || (c >= 0x7f && c <= 0x87) ||
			     (c >= 0x89 && c <= 0x8e) || (c >= 0xa0 && c <= 0xa4) || c == 0x400;

		setup();
		svm_caps.decode_assists = true;
		struct vm_exit e = exits(c, BIT(63), 0);

		CHECK(e.kind < EXIT_KINDS);
		CHECK_EQ(e.kind == EXIT_ERROR, !known);
		if (e.kind == EXIT_ERROR)
			CHECK_EQ(e.error.code, c);
	}
}

TEST(failed_entry)
{
	static const u64 codes[] = { 0xffffffff, ~0ULL };

	for (unsigned i = 0; i < ARRAY_LEN(codes); i++) {
		setup();
		struct vm_exit e = exits(codes[i], 0, 0);

		CHECK_EQ(e.kind, EXIT_BAD_STATE);
		CHECK_EQ(e.error.code, codes[i]);
		CHECK(!e.error.text);
		v.regs.dr7 = 1ULL << 33;
		vcpu_dirty(&v, RG_DR7);
		e = exits(codes[i], 0, 0);
		CHECK(e.error.text && strstr(e.error.text, "DR7"));
	}
}

TEST(port_exits)
{
	setup();
	/* OUT DX, AL: port 0x3f8, one byte, 16-bit address size bits as hardware sets some */
	struct vm_exit e = exits(0x7b, 0x3f8u << 16 | 1u << 4 | 1u << 9, 0x1001);

	CHECK_EQ(e.kind, EXIT_PORT);
	CHECK_EQ(e.port.port, 0x3f8);
	CHECK_EQ(e.port.size, 1);
	CHECK(e.port.write && !e.port.string && !e.port.rep);
	CHECK_EQ(e.insn_len, 1); /* EXITINFO2 is the next RIP, next-RIP save or not */
	e = exits(0x7b, 0xcfcu << 16 | 1u << 6 | 1, 0x1002);
	CHECK_EQ(e.port.port, 0xcfc);
	CHECK_EQ(e.port.size, 4);
	CHECK(!e.port.write);
	CHECK_EQ(e.insn_len, 2);
	e = exits(0x7b, 0xffffu << 16 | 1u << 5, 0x1003);
	CHECK_EQ(e.port.port, 0xffff);
	CHECK_EQ(e.port.size, 2);
	CHECK_EQ(e.insn_len, 3);
	e = exits(0x7b, 0x60u << 16 | 1u << 4, 0x2000); /* nonsense: decode */
	CHECK_EQ(e.insn_len, 0);
	e = exits(0x7b, 0x60u << 16 | 1u << 4, 0xfff);
	CHECK_EQ(e.insn_len, 0);
}

TEST(string_port_exits)
{
	static const u8 segs[] = { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS };

	for (unsigned seg = 0; seg < 6; seg++) {
		for (unsigned size = 0; size < 3; size++) {
			setup();
			u64 info = 0x1f0u << 16 | 1u << 2 | 1u << 3 | 1u << 5 | seg << 10 |
				   1u << (7 + size);
			struct vm_exit e = exits(0x7b, info, 0x1002);

			CHECK(e.port.string && e.port.rep && e.port.write);
			CHECK_EQ(e.port.addr_size,
				 0); /* without decode assists the segment is unknown */
			svm_caps.decode_assists = true;
			e = exits(0x7b, info, 0x1002);
			CHECK_EQ(e.port.addr_size, 2u << size);
			CHECK_EQ(e.port.seg, segs[seg]);
			CHECK_EQ(e.port.size, 2);
		}
	}
}

TEST(memory_and_msr_exits)
{
	setup();
	struct vm_exit e = exits(0x400, 0x100000006, 0xfee00080);

	CHECK_EQ(e.kind, EXIT_S2);
	CHECK_EQ(e.s2.gpa.v, 0xfee00080);
	CHECK(e.s2.write && !e.s2.fetch && !e.s2.table_walk);
	CHECK_EQ(e.insn_len, 0);
	svm_caps.next_rip = true;
	e = exits(0x400, 0x100000014, 0xd0000000);
	CHECK_EQ(e.insn_len, 0); /* next-RIP means nothing there */
	CHECK(e.s2.fetch && !e.s2.write && !e.s2.table_walk);
	e = exits(0x400, 0x200000006, 0xd0000000);
	CHECK(e.s2.table_walk);
	e = exits(0x7c, 1, 0);
	CHECK_EQ(e.kind, EXIT_MSR);
	CHECK(e.msr.write);
	CHECK_EQ(e.insn_len, 3);
	svm_caps.next_rip = false;
	CHECK_EQ(exits(0x7c, 1, 0).insn_len, 2);
	e = exits(0x7c, 0, 0);
	CHECK(!e.msr.write);
}

TEST(exception_exits)
{
	setup();
	v.regs.dr6 = 0xffff0ff0;
	run();
	poke(SAVE + 0x168, 0xffff4ff2, 8);
	struct vm_exit e = exits(0x41, 0, 0);

	CHECK_EQ(e.kind, EXIT_EXCEPTION);
	CHECK_EQ(e.exception.vector, 1);
	CHECK(!e.exception.has_error);
	CHECK_EQ(e.exception.dr6, 0x4002);
	e = exits(0x51, 0, 0);
	CHECK_EQ(e.exception.vector, 17);
	CHECK(e.exception.has_error);
	CHECK_EQ(e.exception.error, 0);
	e = exits(0x52, 0, 0);
	CHECK_EQ(e.kind, EXIT_NONE); /* a machine check is the host's */
	CHECK_EQ(machine_checks, 1);
	e = exits(0x6f, 0, 0);
	CHECK_EQ(e.kind, EXIT_NONE);
	CHECK_EQ(raised, 13);
}

TEST(host_interrupts_are_taken)
{
	for (u64 c = 0x60; c <= 0x63; c++) {
		setup();
		CHECK_EQ(exits(c, 0, 0).kind, EXIT_NONE);
		CHECK_EQ(host_interrupts, 1);
	}
}

/* --- control registers --------------------------------------------------------------------------- */

static void set_code(const char *bytes, size_t n)
{
	memset(code, 0xcc, sizeof(code));
	memcpy(code, bytes, n);
}
#define CODE(s) set_code((s), sizeof(s) - 1)

TEST(cr_exits_with_decode_assists)
{
	setup();
	svm_caps.decode_assists = true;
	svm_caps.next_rip = true;
	struct vm_exit e = exits(0x14, BIT(63) | 11, 0);

	CHECK_EQ(e.kind, EXIT_CR);
	CHECK(e.cr.write && !e.cr.have_value);
	CHECK_EQ(e.cr.cr, 4);
	CHECK_EQ(e.cr.gpr, GPR_R11);
	CHECK_EQ(e.insn_len, 3);
	e = exits(0x65, BIT(63) | 2, 0);
	CHECK(e.cr.write);
	CHECK_EQ(e.cr.cr, 0);
	CHECK_EQ(e.cr.gpr, GPR_RDX);
	e = exits(0x04, BIT(63) | 0, 0);
	CHECK(!e.cr.write);
	CHECK_EQ(e.cr.cr, 4);
	e = exits(0x18, BIT(63) | 9, 0);
	CHECK_EQ(e.cr.cr, 8);
	CHECK_EQ(e.cr.gpr, GPR_R9);
}

TEST(cr_exits_without)
{
	setup();
	CODE("\x0f\x22\xe0"); /* mov cr4, rax */
	struct vm_exit e = exits(0x14, 0, 0);

	CHECK_EQ(e.kind, EXIT_CR);
	CHECK(e.cr.write && !e.cr.have_value);
	CHECK_EQ(e.cr.cr, 4);
	CHECK_EQ(e.cr.gpr, GPR_RAX);
	CHECK_EQ(e.insn_len, 3);
	CODE("\x66\x41\x0f\x22\xc7"); /* mov cr0, r15 with a prefix */
	e = exits(0x65, 0, 0);
	CHECK_EQ(e.cr.cr, 0);
	CHECK_EQ(e.cr.gpr, GPR_R15);
	CHECK_EQ(e.insn_len, 5);
	CODE("\x44\x0f\x22\xc3"); /* mov cr8, rbx */
	e = exits(0x18, 0, 0);
	CHECK_EQ(e.cr.cr, 8);
	CHECK_EQ(e.cr.gpr, GPR_RBX);
	CODE("\x0f\x20\xe4"); /* mov rsp, cr4 */
	e = exits(0x04, 0, 0);
	CHECK(!e.cr.write);
	CHECK_EQ(e.cr.gpr, GPR_RSP);
	CODE("\x0f\x06"); /* clts */
	v.regs.cr0 |= CR0_TS;
	vcpu_dirty(&v, RG_CR);
	e = exits(0x10, 0, 0);
	CHECK(e.cr.write && e.cr.have_value);
	CHECK_EQ(e.cr.value, 0x80000011);
	CHECK_EQ(e.insn_len, 2);
	CODE("\x0f\x01\xf1"); /* lmsw cx: sets EM and TS, cannot clear PE */
	v.regs.gpr[GPR_RCX] = 0xffc;
	e = exits(0x10, 0, 0);
	CHECK(e.cr.have_value);
	CHECK_EQ(e.cr.value, 0x8000001d);
	CODE("\x90\x90\x90"); /* replaced by another vCPU meanwhile */
	e = exits(0x14, 0, 0);
	CHECK_EQ(e.kind, EXIT_ERROR);
}

TEST(cr_insn_at_the_end_of_a_page)
{
	setup();
	CODE("");
	memcpy(code + sizeof(code) - 3, "\x0f\x22\xe1", 3);
	code_va = 0x2000 - sizeof(code); /* the next page is not there */
	v.regs.rip = 0x1ffd;
	struct vm_exit e = exits(0x14, 0, 0);

	CHECK_EQ(e.kind, EXIT_CR);
	CHECK_EQ(e.cr.gpr, GPR_RCX);
	CHECK_EQ(e.insn_len, 3);
	v.regs.rip = 0x1ffe; /* a part of it: 22 e1 */
	CHECK_EQ(exits(0x14, 0, 0).kind, EXIT_ERROR);
	v.regs.rip = 0x9000; /* not there at all */
	CHECK_EQ(exits(0x14, 0, 0).kind, EXIT_ERROR);
}

TEST(hidden_bits)
{
	setup();
	svm_caps.host_mce = CR4_MCE;
	v.regs.cr0 |= CR0_CD | CR0_NW;
	run();
	CHECK_EQ(raw(SAVE + 0x158, 8), 0x80000011); /* caches stay on */
	CHECK_EQ(raw(SAVE + 0x148, 8), 0x60);       /* PAE MCE */
	CHECK_EQ(raw(0x000, 2), 1u << 0 | 1u << 4); /* and reads exit */
	vcpu_need(&v, RG_CR);
	CHECK_EQ(v.regs.cr0, 0xe0000011);
	CHECK_EQ(v.regs.cr4, 0x20);
	CHECK_EQ(v.regs.efer, 0x500);
	v.regs.cr0 &= ~(CR0_CD | CR0_NW);
	v.regs.cr4 |= CR4_MCE;
	vcpu_dirty(&v, RG_CR);
	run();
	CHECK_EQ(raw(0x000, 2), 0);
	vcpu_need(&v, RG_CR);
	CHECK_EQ(v.regs.cr4, 0x60);
}

TEST(smsw_shows_what_the_guest_wrote)
{
	setup();
	v.regs.cr0 |= CR0_CD;
	v.regs.gpr[GPR_RCX] = 0x1122334455667788;
	run();
	CODE("\x0f\x01\xe1"); /* smsw ecx */
	CHECK_EQ(exits(0x00, 0, 0).kind, EXIT_NONE);
	CHECK_EQ(v.regs.gpr[GPR_RCX], 0xc0000011);
	CHECK_EQ(v.regs.rip, 0x1003);
	CHECK_EQ(skips, 1);
	v.regs.rip = 0x1000;
	v.regs.gpr[GPR_RCX] = 0x1122334455667788;
	CODE("\x66\x0f\x01\xe1"); /* smsw cx */
	CHECK_EQ(exits(0x00, 0, 0).kind, EXIT_NONE);
	CHECK_EQ(v.regs.gpr[GPR_RCX], 0x1122334455660011);
	v.regs.rip = 0x1000;
	CODE("\x0f\x01\x20"); /* smsw [rax]: runs by itself, with reads let through */
	CHECK_EQ(exits(0x00, 0, 0).kind, EXIT_NONE);
	CHECK_EQ(v.regs.rip, 0x1000);
	CHECK_EQ(raw(0x000, 2), 0);
}

/* --- registers ----------------------------------------------------------------------------------- */

TEST(groups_travel_both_ways)
{
	static struct vcpu_regs want;

	setup();
	run();
	for (unsigned i = 0; i < sizeof(want); i++)
		((u8 *)&want)[i] = (u8)(i * 37 + 11);
	want.cr0 = 0x80050033;
	want.cr4 = 0x6a0;
	want.efer = 0xd01;
	want.shadow = 0;
	want.rflags = 0x246;
	for (unsigned i = 0; i < SEG_COUNT; i++)
		want.seg[i].limit = 0xffff, want.seg[i].attr = 0x9b;
	want.seg[SEG_SS].attr = 0xf3; /* DPL 3 */
	v.regs = want;
	vcpu_dirty(&v, RG_ALL);
	run();
	CHECK_EQ(raw(SAVE + 0x0cb, 1), 3); /* CPL is SS.DPL */
	v.regs.dr7 = v.regs.cr3 = v.regs.star = v.regs.pat = v.regs.sysenter_eip = v.regs.gdt.base =
		0;
	memset(v.regs.seg, 0, sizeof(v.regs.seg));
	vcpu_need(&v, RG_ALL);
	CHECK_EQ(v.valid, RG_ALL);
	CHECK_EQ(memcmp(v.regs.seg, want.seg, sizeof(want.seg)), 0);
	CHECK_EQ(v.regs.cr2, want.cr2);
	CHECK_EQ(v.regs.cr3, want.cr3);
	CHECK_EQ(v.regs.gdt.base, want.gdt.base);
	CHECK_EQ(v.regs.idt.limit, want.idt.limit);
	CHECK_EQ(v.regs.dr6, want.dr6);
	CHECK_EQ(v.regs.dr7, want.dr7);
	CHECK_EQ(v.regs.star, want.star);
	CHECK_EQ(v.regs.kernel_gs, want.kernel_gs);
	CHECK_EQ(v.regs.sysenter_eip, want.sysenter_eip);
	CHECK_EQ(v.regs.pat, want.pat);
	CHECK_EQ(v.regs.gpr[GPR_RSP], want.gpr[GPR_RSP]);
	CHECK_EQ(v.regs.gpr[GPR_RAX], want.gpr[GPR_RAX]);
	/* and by the manual's offsets */
	CHECK_EQ(raw(SAVE + 0x1f8, 8), want.gpr[GPR_RAX]);
	CHECK_EQ(raw(SAVE + 0x1d8, 8), want.gpr[GPR_RSP]);
	CHECK_EQ(raw(SAVE + 0x200, 8), want.star);
	CHECK_EQ(raw(SAVE + 0x220, 8), want.kernel_gs);
	CHECK_EQ(raw(SAVE + 0x228, 8), want.sysenter_cs);
	CHECK_EQ(raw(SAVE + 0x268, 8), want.pat);
	CHECK_EQ(raw(SAVE + 0x010, 2), want.seg[SEG_CS].selector);
	CHECK_EQ(raw(SAVE + 0x098, 8), want.seg[SEG_TR].base);
	CHECK_EQ(raw(SAVE + 0x088, 8), want.idt.base);
}

TEST(segment_repairs)
{
	setup();
	run();
	poke(SAVE + 0x012, 0x29b, 2); /* CS without G but with a large limit */
	poke(SAVE + 0x014, 0xffffffff, 4);
	poke(SAVE + 0x022, 0xf3, 2); /* SS.DPL 3, CPL 0 */
	poke(SAVE + 0x0cb, 0, 1);
	poke(SAVE + 0x092, 0x89, 2); /* TR: available */
	vcpu_need(&v, RG_CS | RG_SEG);
	CHECK_EQ(v.regs.seg[SEG_CS].attr, 0xa9b);
	CHECK_EQ(v.regs.seg[SEG_SS].attr, 0x93);
	CHECK_EQ(v.regs.seg[SEG_TR].attr, 0x8b);
}

TEST(lazy_groups_are_not_written_again)
{
	setup();
	run();
	poke(SAVE + 0x150, 0xabc000, 8); /* the guest changed CR3 */
	run();
	CHECK_EQ(raw(SAVE + 0x150, 8), 0xabc000);
	poke(SAVE + 0x1d8, 0x7000, 8); /* and RSP, RFLAGS */
	poke(SAVE + 0x170, 0x10202, 8);
	run();
	CHECK_EQ(raw(SAVE + 0x1d8, 8), 0x7000);
	CHECK_EQ(v.regs.rflags, 0x10202);
	CHECK_EQ(raw(SAVE + 0x170, 8), 0x10202);
}

TEST(clean_bits)
{
	static const struct {
		u32 group, bit;
	} cases[] = {
		{ RG_CR, 5 }, { RG_CR2, 9 }, { RG_CS, 8 },  { RG_SEG, 8 },
		{ RG_DT, 7 }, { RG_DR7, 6 }, { RG_PAT, 4 },
	};
	static u64 seen;

	/* What the CPU sees at the entry. */
	setup();
	svm_caps.clean = CLEAN_ALL;
	run();
	CHECK_EQ(raw(0x0c0, 4), CLEAN_ALL);
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		vcpu_need(&v, cases[i].group);
		vcpu_dirty(&v, cases[i].group);
		svm_write_regs(&v);
		seen = raw(0x0c0, 4);
		CHECK_EQ(seen >> cases[i].bit & 1, 0);
		CHECK_EQ(seen >> 2 & 1, 1); /* the ASID has not changed */
		run();
	}
	svm_caps.clean = 0; /* a CPU without the feature */
	run();
	CHECK_EQ(raw(0x0c0, 4), 0);
}

/* --- events -------------------------------------------------------------------------------------- */

static u64 seen_event, seen_int_ctl, seen_rflags, seen_rip, cut_short;
static u32 seen_misc1, seen_asid, seen_cr;
static u8 seen_tlb;

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

static struct vm_exit records(u64 exit, u64 info)
{
	exit_code = exit;
	cut_short = info;
	guest = guest_records;
	return run();
}

TEST(injection)
{
	static const struct {
		struct vm_event ev;
		u64 want;
	} cases[] = {
		{ { .kind = EVENT_INTR, .vector = 0xec }, 0x800000ec },
		{ { .kind = EVENT_NMI, .vector = 2 }, 0x80000202 },
		{ { .kind = EVENT_EXCEPTION, .vector = 6 }, 0x80000306 },
		{ { .kind = EVENT_EXCEPTION, .vector = 14, .has_error = true, .error = 7 },
		  0x780000b0e },
		{ { .kind = EVENT_SOFT_INT, .vector = 0x80, .insn_len = 2 }, 0x80000480 },
		{ { .kind = EVENT_SOFT_EXC, .vector = 3, .insn_len = 1 }, 0x80000303 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		for (int next_rip = 0; next_rip < 2; next_rip++) {
			setup();
			svm_caps.next_rip = next_rip;
			svm_inject(&v, &cases[i].ev);
			records(0x72, 0);
			CHECK_EQ(seen_event, cases[i].want);
			/* The return address of INT n is behind it. */
			CHECK_EQ(seen_rip, 0x1000 + (next_rip ? 0u : cases[i].ev.insn_len));
			if (next_rip && cases[i].ev.insn_len)
				CHECK_EQ(raw(0x0c8, 8), 0x1000 + cases[i].ev.insn_len);
			records(0x72, 0);
			CHECK_EQ(seen_event >> 31 & 1, 0); /* once */
		}
	}
}

TEST(cut_short_delivery)
{
	setup();
	records(0x400, 0x800000ec);
	CHECK_EQ(v.event.kind, EVENT_INTR);
	CHECK_EQ(v.event.vector, 0xec);
	setup();
	records(0x400, 0x1000000080000b0eULL);
	CHECK_EQ(v.event.kind, EVENT_EXCEPTION);
	CHECK_EQ(v.event.vector, 14);
	CHECK(v.event.has_error);
	CHECK_EQ(v.event.error, 0x10000000);
	/* Software events execute again: nothing to deliver. */
	setup();
	records(0x400, 0x80000480);
	CHECK_EQ(v.event.kind, EVENT_NONE);
	setup();
	records(0x400, 0x80000303);
	CHECK_EQ(v.event.kind, EVENT_NONE);
	/* Where RIP had been moved for the injection, it goes back. */
	setup();
	svm_inject(&v, &(struct vm_event){ .kind = EVENT_SOFT_INT, .vector = 0x80, .insn_len = 2 });
	CHECK_EQ(v.regs.rip, 0x1002);
	records(0x400, 0x80000480);
	CHECK_EQ(v.regs.rip, 0x1000);
	records(0x400, 0x80000480); /* one of the guest's own */
	CHECK_EQ(v.regs.rip, 0x1000);
	/* An NMI that was not delivered does not block. */
	setup();
	svm_inject(&v, &(struct vm_event){ .kind = EVENT_NMI, .vector = 2 });
	records(0x400, 0x80000202);
	CHECK_EQ(v.event.kind, EVENT_NMI);
	CHECK_EQ(v.regs.shadow, 0);
	/* Nothing cut short: nothing there. */
	setup();
	records(0x400, 0x000000ec);
	CHECK_EQ(v.event.kind, EVENT_NONE);
}

TEST(interrupt_window)
{
	setup();
	svm_window(&v, WINDOW_INTR, true);
	records(0x72, 0);
	CHECK_EQ(seen_misc1 >> 4 & 1, 1);
	CHECK_EQ(seen_int_ctl & 0x1ffff00,
		 1u << 8 | 1u << 20 | 1u << 24); /* V_IRQ V_IGN_TPR V_INTR_MASKING */
	CHECK_EQ(records(0x64, 0).kind, EXIT_WINDOW);
	records(0x72, 0);
	CHECK_EQ(seen_misc1 >> 4 & 1, 0);
	CHECK_EQ(seen_int_ctl & 0x1ffff00, 1u << 24);
	svm_window(&v, WINDOW_INTR, true);
	svm_window(&v, WINDOW_INTR, false);
	records(0x72, 0);
	CHECK_EQ(seen_int_ctl & 0x1ffff00, 1u << 24);
}

TEST(interrupt_shadow)
{
	setup();
	poke(0x068, 1, 8);
	run();
	/* The first entry wrote the guest's: none. */
	CHECK_EQ(v.regs.shadow, 0);
	poke(0x068, 1, 8);
	run();
	CHECK_EQ(v.regs.shadow, SHADOW_STI);
	v.regs.shadow = 0;
	vcpu_dirty(&v, RG_SHADOW);
	run();
	CHECK_EQ(raw(0x068, 8), 0);
	v.regs.shadow = SHADOW_MOVSS;
	vcpu_dirty(&v, RG_SHADOW);
	run();
	CHECK_EQ(raw(0x068, 8), 1);
}

/* An NMI handler, a second NMI waiting, its IRET, the step over it. */
TEST(nmi_window_behind_iret)
{
	setup();
	svm_inject(&v, &(struct vm_event){ .kind = EVENT_NMI, .vector = 2 });
	records(0x72, 0);
	CHECK_EQ(v.regs.shadow, SHADOW_NMI);
	CHECK_EQ(seen_misc1 >> 20 & 1, 1);
	svm_window(&v, WINDOW_NMI, true);
	CHECK_EQ(records(0x72, 0).kind, EXIT_CPUID);
	CHECK_EQ(seen_rflags & RFLAGS_TF, 0);       /* not yet */
	CHECK_EQ(records(0x74, 0).kind, EXIT_NONE); /* before IRET */
	CHECK_EQ(v.regs.shadow, SHADOW_NMI);
	/* A page fault of the second stage in the IRET: nothing has happened yet. */
	CHECK_EQ(records(0x400, 0).kind, EXIT_S2);
	CHECK_EQ(seen_rflags & RFLAGS_TF, RFLAGS_TF);
	CHECK_EQ(v.regs.rflags & RFLAGS_TF, 0);
	CHECK_EQ(v.regs.shadow, SHADOW_NMI);
	/* The step: IRET loaded TF as the guest had it before the NMI. */
	poke(SAVE + 0x168, 0xffff4ff0, 8);
	CHECK_EQ(records(0x41, 0).kind, EXIT_WINDOW);
	CHECK_EQ(seen_misc1 >> 20 & 1, 0);
	CHECK_EQ(v.regs.shadow, 0);
	vcpu_need(&v, RG_DR7);
	CHECK_EQ(v.regs.dr6, 0xffff0ff0);
	records(0x72, 0);
	CHECK_EQ(raw(SAVE + 0x168, 8), 0xffff0ff0);
}

TEST(iret_ends_blocking_also_when_nothing_waits)
{
	setup();
	svm_inject(&v, &(struct vm_event){ .kind = EVENT_NMI, .vector = 2 });
	records(0x72, 0);
	records(0x74, 0);
	poke(SAVE + 0x168, 0xffff4ff0, 8);
	CHECK_EQ(records(0x41, 0).kind, EXIT_NONE);
	CHECK_EQ(v.regs.shadow, 0);
	records(0x72, 0);
	CHECK_EQ(seen_misc1 >> 20 & 1, 0);
	CHECK_EQ(seen_rflags & RFLAGS_TF, 0x100 & v.regs.rflags);
}

TEST(nmi_window_behind_a_shadow_or_an_event)
{
	setup();
	run();
	svm_window(&v, WINDOW_NMI, true);
	records(0x72, 0);
	CHECK_EQ(seen_rflags & RFLAGS_TF, RFLAGS_TF); /* one instruction */
	CHECK_EQ(v.regs.rflags & RFLAGS_TF, 0);
	poke(SAVE + 0x168, 0xffff4ff0, 8);
	CHECK_EQ(records(0x41, 0).kind, EXIT_WINDOW);
	CHECK_EQ(v.regs.rflags & RFLAGS_TF, 0);
	records(0x72, 0);
	CHECK_EQ(seen_rflags & RFLAGS_TF, 0);
	/* With an event to inject TF would go onto the guest's stack: an interrupt to ourselves instead. */
	svm_window(&v, WINDOW_NMI, true);
	svm_inject(&v, &(struct vm_event){ .kind = EVENT_INTR, .vector = 0x30 });
	CHECK_EQ(records(0x60, 0).kind, EXIT_WINDOW);
	CHECK_EQ(seen_rflags & RFLAGS_TF, 0);
	CHECK_EQ(ipis, 1);
	CHECK_EQ(host_interrupts, 1);
}

TEST(own_step_does_not_swallow_the_guests)
{
	setup();
	v.regs.rflags |= RFLAGS_TF;
	svm_window(&v, WINDOW_NMI, true);
	poke(SAVE + 0x168, 0xffff4ff0, 8);
	v.valid &= ~(u32)RG_DR7;
	v.dirty &= ~(u32)RG_DR7;
	struct vm_exit e = records(0x41, 0);

	CHECK_EQ(e.kind, EXIT_EXCEPTION);
	CHECK_EQ(e.exception.vector, 1);
	CHECK_EQ(e.exception.dr6, 0x4000);
	CHECK_EQ(v.regs.rflags & RFLAGS_TF, RFLAGS_TF);
}

/* --- task priority ------------------------------------------------------------------------------- */

static void guest_sets_cr8(void)
{
	vmcb.control.v_tpr = 5;
	vmcb.control.exit_code = 0x72;
}

static void pend(u8 vector)
{
	u32 *irr = (u32 *)(lapic_page + 0x200 + vector / 32 * 16);

	*irr |= 1u << vector % 32;
}

TEST(task_priority)
{
	setup();
	lapic_page[0x80] = 0x3c;
	run();
	CHECK_EQ(raw(0x060, 1), 3);
	CHECK_EQ(lapic_page[0x80], 0x3c); /* the low bits stay */
	guest = guest_sets_cr8;
	v.recheck = false;
	run();
	CHECK_EQ(lapic_page[0x80], 0x50);
	CHECK(v.recheck);
}

TEST(cr8_exits_only_while_an_interrupt_is_held_back)
{
	static const struct {
		u8 tpr, vector;
		bool exits;
	} cases[] = {
		{ 0x00, 0x1f, false }, { 0x10, 0x1f, true },  { 0x10, 0x20, false },
		{ 0x20, 0x2f, true },  { 0x20, 0x30, false }, { 0x30, 0x3f, true },
		{ 0x30, 0x40, false }, { 0xf0, 0xff, true },  { 0xe0, 0xf0, false },
		{ 0xe0, 0xef, true },  { 0x50, 0x31, true },
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		setup();
		lapic_page[0x80] = cases[i].tpr;
		records(0x72, 0);
		CHECK_EQ(seen_cr >> 24 & 1, 0);
		pend(cases[i].vector);
		records(0x72, 0);
		CHECK_EQ(seen_cr >> 24 & 1, cases[i].exits);
		memset(lapic_page + 0x200, 0, 0x80);
		records(0x72, 0);
		CHECK_EQ(seen_cr >> 24 & 1, 0);
	}
}

/* --- ASIDs --------------------------------------------------------------------------------------- */

TEST(flush_takes_a_fresh_asid)
{
	bool used[8] = { false };

	setup();
	for (unsigned i = 1; i < 8; i++) {
		asid_flush(&hv);
		records(0x72, 0);
		CHECK(seen_asid >= 1 && seen_asid < 8);
		CHECK(!used[seen_asid]);
		used[seen_asid] = true;
		CHECK_EQ(seen_tlb, 0);
	}
	asid_flush(&hv);
	records(0x72, 0);
	CHECK_EQ(seen_tlb, 1); /* all used up: everything goes */
	CHECK(seen_asid >= 1 && seen_asid < 8);
	records(0x72, 0);
	CHECK_EQ(seen_tlb, 0); /* once */
}

TEST(flush_by_asid)
{
	setup();
	svm_caps.flush_by_asid = true;
	records(0x72, 0);
	u32 asid = seen_asid;

	asid_flush(&hv);
	records(0x72, 0);
	CHECK_EQ(seen_asid, asid);
	CHECK_EQ(seen_tlb, 3);
	records(0x72, 0);
	CHECK_EQ(seen_tlb, 0);
}

TEST(another_cpu_means_a_fresh_asid)
{
	setup();
	svm_caps.flush_by_asid = true;
	svm_caps.clean = CLEAN_ALL;
	records(0x72, 0);
	u32 first = seen_asid;

	asid_load(&hv, 0); /* back on the same CPU */
	records(0x72, 0);
	CHECK_EQ(seen_asid, first);
	asid_load(&hv, 1);
	CHECK_EQ(raw(0x0c0, 4), 0); /* and nothing is cached there */
	records(0x72, 0);
	asid_load(&hv, 0);
	records(0x72, 0);
	CHECK(seen_asid != first); /* what is tagged with the old one is stale */
}

TEST(generation_reaches_vcpus_that_were_away)
{
	setup();
	records(0x72, 0);
	u32 first = hv.asid;

	asid_cpu_init(8); /* as when another vCPU used up all ASIDs */
	asid_load(&hv, 0);
	CHECK(hv.work & WORK_ASID);
	records(0x72, 0);
	CHECK_EQ(seen_asid, 1);
	(void)first;
}

/* --- what the CPU offers ------------------------------------------------------------------------- */

TEST(caps)
{
	const char *why = NULL;

	CHECK_EQ(svm_caps_decide(16, 0x1, 0, 0, &why), 0);
	CHECK_EQ(svm_caps.asids, 16);
	CHECK(!svm_caps.next_rip && !svm_caps.clean && !svm_caps.flush_by_asid);
	CHECK(!svm_caps.decode_assists && !svm_caps.pause_filter);
	CHECK_EQ(svm_caps_decide(16, 1 | 1u << 3, 0, 0, &why), 0);
	CHECK(svm_caps.next_rip && !svm_caps.clean);
	CHECK_EQ(svm_caps_decide(16, 1 | 1u << 5 | 1u << 6, 0, CR4_MCE | CR4_PAE, &why), 0);
	CHECK(svm_caps.clean && svm_caps.flush_by_asid && !svm_caps.next_rip);
	CHECK_EQ(svm_caps.host_mce, 0x40);
	CHECK_EQ(svm_caps_decide(16, 1 | 1u << 7 | 1u << 10 | 1u << 12, 0, 0, &why), 0);
	CHECK(svm_caps.decode_assists && svm_caps.pause_filter && svm_caps.pause_threshold);
	CHECK_EQ(svm_caps_decide(16, 0, 0, 0, &why), -ENODEV);
	CHECK(strstr(why, "nested paging"));
	CHECK_EQ(svm_caps_decide(1, 1, 0, 0, &why), -ENODEV);
	CHECK(strstr(why, "ASID"));
	CHECK_EQ(svm_caps_decide(16, 1, 0x18, 0, &why), -ENODEV);
	CHECK(strstr(why, "firmware"));
	CHECK_EQ(svm_caps_decide(16, 1, 0x10, 0, &why), 0); /* disabled, but not locked */
}
