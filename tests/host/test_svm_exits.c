/*
 * The AMD backend's exits, decoded from raw VMCBs (AMD APM vol. 2, appendix C).
 *
 * sources: tests/host/fake_trace.c
 * sources: svm/build.c svm/maps.c svm/exits.c svm/crinsn.c svm/event.c svm/asid.c svm/regs.c
 * sources: svm/run.c svm/caps.c svm/tscratio.c svm/avic.c vm/topology.c tests/host/fake_svm.c
 * flags: -include tests/host/fake_irq.h
 */
#include "tests/host/fake_svm.h"

#include <string.h>

/* --- exits --- */

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
	static u64 entry = 0x1063;

	setup();
	run();
	CHECK_EQ(decodes, 1);
	hv.seen[0] = (struct insn_seen){
		.rip = 0x1000,
		.cr3 = 0,
		.where = memory,
		.bytes = 0xa20f,
		.mask = 0xffff,
		.len = 2,
		.entry_at = &entry,
		.entry = 0x1063,
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
	entry = 0x5063; /* another page at that address */
	CHECK_EQ(run().insn_len, 9);
	entry = 0x1063;
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
	CHECK_EQ(decodes, 6);
}

TEST(every_intercept_is_understood)
{
	/* A code that is neither asked for nor known ends the VM with a reason, never the host. */
	for (u64 c = 0; c < 0x410; c++) {
		bool known = c == 0 || c == 4 || c == 0x10 || c == 0x14 || c == 0x18 || c == 0x41 ||
			     c == 0x51 || c == 0x52 || (c >= 0x60 && c <= 0x65) || c == 0x6f ||
			     c == 0x72 || c == 0x74 || (c >= 0x76 && c <= 0x78) ||
			     (c >= 0x7a && c <= 0x7d) || (c >= 0x7f && c <= 0x87) ||
			     (c >= 0x89 && c <= 0x8e) || (c >= 0xa0 && c <= 0xa4) ||
			     (c >= 0x400 && c <= 0x402);

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
	for (unsigned size = 1; size <= 4; size *= 2) {
		for (unsigned in = 0; in < 2; in++) {
			e = exits(0x7b, 0x1234u << 16 | 1u << 8 | size << 4 | in, 0x1001 + in);
			CHECK_EQ(e.kind, EXIT_PORT);
			CHECK_EQ(e.port.port, 0x1234);
			CHECK_EQ(e.port.size, size);
			CHECK_EQ(e.port.write, !in);
			CHECK(!e.port.string && !e.port.rep);
			CHECK_EQ(e.insn_len, v.regs.rip == 0x1000 ? 1 + in : 0);
		}
	}
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
	CHECK_EQ(e.s2.cr3_64, ~0ULL);
	poke(SAVE + 0x0d0, 0x1500, 8); /* EFER: long mode, active */
	poke(SAVE + 0x012, 0x29b, 2);  /* CS: 64-bit code */
	poke(SAVE + 0x150, 0x7000, 8);
	CHECK_EQ(exits(0x400, 4, 0xfec00000).s2.cr3_64, 0x7000);
	poke(SAVE + 0x0d0, 0x1100, 8);
	CHECK_EQ(exits(0x400, 4, 0xfec00000).s2.cr3_64, ~0ULL);
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
	machine_check_hits = true;
	CHECK_EQ(exits(0x52, 0, 0).kind, EXIT_MACHINE_CHECK);
	machine_check_hits = false;
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

/* --- control registers --- */

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
