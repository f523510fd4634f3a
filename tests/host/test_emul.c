/*
 * Emulation of one instruction on device memory or ports: operands, widths and what becomes of the rest of a
 * register (SDM vol. 1, "General-Purpose Registers in 64-Bit Mode"), page faults, REP, and that what is
 * outside the scope stops the VM and touches nothing.
 *
 * sources: tests/host/fake_vm.c tests/host/fake_vcpu.c vm/emul.c vm/moveseen.c vm/decode.c vm/walk.c vm/vcpu.c vm/iobus.c
 * sources: vm/emul_operand.c vm/emul_alu.c vm/emul_rmw.c vm/emul_move.c vm/emul_string.c
 * sources: vm/state.c vm/vdev.c core/chardev.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "tests/host/emul_guest.h"

/* Loads of each width into RBX from [RDI]. */
static void load(u64 expected_rbx, u8 size)
{
	v->regs.gpr[GPR_RDI] = MMIO + 8;
	v->regs.gpr[GPR_RBX] = ALL_A;
	seen_count = 0;
	v->regs.rip = CODE;
	mmio(MMIO + 8);
	done();
	CHECK_EQ(seen_count, 1);
	expect_access(0, 8, size, false, 0);
	CHECK_EQ(v->regs.gpr[GPR_RBX], expected_rbx);
}

TEST(loads)
{
	start64();
	CODE_IS(0x8b, 0x1f); /* mov ebx, [rdi]: clears the upper half */
	load(0x44332211, 4);
	CODE_IS(0x48, 0x8b, 0x1f); /* mov rbx, [rdi] */
	load(0x8877665544332211, 8);
	CODE_IS(0x66, 0x8b, 0x1f); /* mov bx, [rdi] */
	load(0xaaaaaaaaaaaa2211, 2);
	CODE_IS(0x8a, 0x1f); /* mov bl, [rdi] */
	load(0xaaaaaaaaaaaaaa11, 1);
	CODE_IS(0x8a, 0x3f); /* mov bh, [rdi] */
	load(0xaaaaaaaaaaaa11aa, 1);
	CODE_IS(0x0f, 0xb6, 0x1f); /* movzx ebx, byte [rdi] */
	load(0x11, 1);
	CODE_IS(0x0f, 0xb7, 0x1f); /* movzx ebx, word [rdi] */
	load(0x2211, 2);
	CODE_IS(0x66, 0x0f, 0xb6, 0x1f); /* movzx bx, byte [rdi] */
	load(0xaaaaaaaaaaaa0011, 1);
	answer = 0x9988776685f6e791;
	CODE_IS(0x0f, 0xbe, 0x1f); /* movsx ebx, byte [rdi] */
	load(0xffffff91, 1);
	CODE_IS(0x48, 0x0f, 0xbf, 0x1f); /* movsx rbx, word [rdi] */
	load(0xffffffffffffe791, 2);
	CODE_IS(0x48, 0x63, 0x1f); /* movsxd rbx, dword [rdi] */
	load(0xffffffff85f6e791, 4);
}

/* With REX, 4 to 7 are SPL to DIL. */
TEST(byte_registers)
{
	start64();
	v->regs.gpr[GPR_RAX] = MMIO;
	v->regs.gpr[GPR_RSI] = ALL_A;
	CODE_IS(0x40, 0x8a, 0x30); /* mov sil, [rax] */
	mmio(MMIO);
	done();
	CHECK_EQ(v->regs.gpr[GPR_RSI], 0xaaaaaaaaaaaaaa11);
	v->regs.rip = CODE;
	v->regs.gpr[GPR_RDX] = 0x1234567890abcdef;
	CODE_IS(0x88, 0x30); /* mov [rax], dh */
	mmio(MMIO);
	done();
	expect_access(1, 0, 1, true, 0xcd);
	v->regs.rip = CODE;
	CODE_IS(0x40, 0x88, 0x30); /* mov [rax], sil */
	mmio(MMIO);
	expect_access(2, 0, 1, true, 0x11);
}

/* As the CPU tells of the access, and as if the code had been replaced meanwhile. */
static void stores(bool told)
{
	start64();
	exit_writes = told;
	v->regs.gpr[GPR_RDI] = MMIO;
	v->regs.gpr[GPR_RBX] = 0x1122334455667788;
	CODE_IS(0x89, 0x5f, 0x10); /* mov [rdi+16], ebx */
	mmio(MMIO + 16);
	done();
	expect_access(0, 16, 4, true, 0x55667788);
	v->regs.rip = CODE;
	CODE_IS(0x48, 0x89, 0x1f);
	mmio(MMIO);
	done();
	expect_access(1, 0, 8, true, 0x1122334455667788);
	v->regs.rip = CODE;
	CODE_IS(0x66, 0xc7, 0x07, 0x34, 0x92); /* mov word [rdi], 0x9234 */
	mmio(MMIO);
	done();
	expect_access(2, 0, 2, true, 0x9234);
	v->regs.rip = CODE;
	CODE_IS(0x48, 0xc7, 0x07, 0xfe, 0xff, 0xff, 0xff); /* mov qword [rdi], -2 */
	mmio(MMIO);
	done();
	expect_access(3, 0, 8, true, 0xfffffffffffffffe);
	v->regs.rip = CODE;
	CODE_IS(0xc6, 0x07, 0x80); /* mov byte [rdi], 0x80 */
	mmio(MMIO);
	done();
	expect_access(4, 0, 1, true, 0x80);
	CHECK_EQ(seen_count, 5);
	CHECK_EQ(fake_locks_held, 0);
}

TEST(stores)
{
	stores(true);
	stores(false);
}

/* Absolute offsets, RIP-relative and scaled addresses; FS and GS have bases in 64-bit mode, others none. */
TEST(addresses)
{
	start64();
	CODE_IS(0xa3, 0x10, 0x00, 0xd1, 0xfe, 0, 0, 0, 0); /* mov [0xfed10010], eax */
	mmio(MMIO + 0x10);
	done();
	expect_access(0, 0x10, 4, true, 0);
	v->regs.rip = CODE;
	v->regs.gpr[GPR_RSP] = MMIO;
	v->regs.gpr[GPR_RBP] = 4;
	v->regs.seg[SEG_SS].base = v->regs.seg[SEG_DS].base = 0x777000;
	CODE_IS(0x8b, 0x44, 0xac, 0x08); /* mov eax, [rsp+rbp*4+8] */
	mmio(MMIO + 0x18);
	done();
	expect_access(1, 0x18, 4, false, 0);
	CHECK_EQ(v->regs.gpr[GPR_RAX], 0x44332211);
	v->regs.rip = CODE;
	v->regs.seg[SEG_GS].base = MMIO - 0x100;
	CODE_IS(0x65, 0x8b, 0x04, 0x25, 0x40, 0x01, 0, 0); /* mov eax, gs:[0x140] */
	mmio(MMIO + 0x40);
	done();
	expect_access(2, 0x40, 4, false, 0);
	/* From the instruction's end. */
	v->regs.rip = CODE;
	CODE_IS(0xc7, 0x05, 0x06, 0x80, 0x01, 0x00, 0x78, 0x56, 0x34,
		0x12); /* mov dword [rip+d], n */
	mmio(MMIO);
	done();
	CHECK_EQ(*(u32 *)(fake_memory + CODE + 10 + 0x18006), 0x12345678);
}

TEST(addresses_32)
{
	start();
	v->regs.gpr[GPR_RBX] = 0xffffffff00001000; /* only EBX counts */
	v->regs.seg[SEG_DS].base = MMIO - 0x1000;
	CODE_IS(0x8b, 0x03); /* mov eax, [ebx] */
	mmio(MMIO);
	done();
	expect_access(0, 0, 4, false, 0);
	/* EBP and ESP: the stack segment */
	v->regs.rip = CODE;
	v->regs.gpr[GPR_RBP] = 0x20;
	v->regs.seg[SEG_SS].base = MMIO;
	CODE_IS(0x89, 0x45, 0x04); /* mov [ebp+4], eax */
	mmio(MMIO + 0x24);
	done();
	expect_access(1, 0x24, 4, true, 0x44332211);
	/* An override; the sum wraps at 4 GiB. */
	v->regs.rip = CODE;
	v->regs.seg[SEG_ES].base = 0xffff0000;
	v->regs.gpr[GPR_RBX] = MMIO + 0x10000;
	CODE_IS(0x26, 0x8b, 0x03); /* mov eax, es:[ebx] */
	mmio(MMIO);
	done();
	expect_access(2, 0, 4, false, 0);
	/* 16-bit addresses wrap at 64 KiB. */
	v->regs.rip = CODE;
	v->regs.seg[SEG_DS].base = MMIO;
	v->regs.gpr[GPR_RBX] = 0xfff0;
	v->regs.gpr[GPR_RSI] = 0x20;
	CODE_IS(0x67, 0x8a, 0x00); /* mov al, [bx+si] */
	mmio(MMIO + 0x10);
	done();
	expect_access(3, 0x10, 1, false, 0);
}

/* An access over a page's end is made of aligned ones, each where its page is. */
TEST(over_a_page)
{
	start64();
	v->regs.gpr[GPR_RDI] = MMIO + 0xffe;
	v->regs.gpr[GPR_RBX] = 0x44332211;
	CODE_IS(0x89, 0x1f);
	mmio(MMIO + 0xffe);
	done();
	CHECK_EQ(seen_count, 2);
	expect_access(0, 0xffe, 2, true, 0x2211);
	expect_access(1, 0x1000, 2, true, 0x4433);
	v->regs.rip = CODE;
	v->regs.gpr[GPR_RDI] = MMIO + 0xffd;
	CODE_IS(0x8b, 0x1f);
	answer = 0xa5a5;
	mmio(MMIO + 0xffd);
	done();
	CHECK_EQ(seen_count, 5);
	expect_access(2, 0xffd, 1, false, 0);
	expect_access(3, 0xffe, 2, false, 0);
	expect_access(4, 0x1000, 1, false, 0);
	CHECK_EQ(v->regs.gpr[GPR_RBX], 0xa5a5a5a5);
}

/* Where the device ends, what is beyond is nobody's; the part before is still its own. */
TEST(over_a_device)
{
	start64();
	v->regs.gpr[GPR_RDI] = MMIO + MMIO_SIZE - 4;
	CODE_IS(0x48, 0x8b, 0x1f); /* mov rbx, [rdi] */
	mmio(MMIO + MMIO_SIZE - 4);
	done();
	CHECK_EQ(seen_count, 1);
	expect_access(0, MMIO_SIZE - 4, 4, false, 0);
	CHECK_EQ(v->regs.gpr[GPR_RBX], 0xffffffff44332211);
}

/* The last bytes of RAM and the first ones of what is behind it. */
TEST(over_the_end_of_ram)
{
	start64();
	v->regs.gpr[GPR_RDI] = sizeof(fake_memory) - 2;
	v->regs.gpr[GPR_RBX] = 0x44332211;
	CODE_IS(0x89, 0x1f);
	mmio(sizeof(fake_memory));
	done();
	CHECK(!memcmp(fake_memory + sizeof(fake_memory) - 2, "\x11\x22", 2));
	v->regs.rip = CODE;
	CODE_IS(0x8b, 0x1f);
	mmio(sizeof(fake_memory));
	done();
	CHECK_EQ(v->regs.gpr[GPR_RBX], 0xffff2211);
}

/* Nobody there: all ones, and writes vanish. */
TEST(no_device)
{
	start64();
	v->regs.gpr[GPR_RDI] = 0xfd000000;
	CODE_IS(0x8b, 0x1f);
	mmio(0xfd000000);
	done();
	CHECK_EQ(v->regs.gpr[GPR_RBX], 0xffffffff);
	v->regs.rip = CODE;
	CODE_IS(0x66, 0x8b, 0x1f);
	v->regs.gpr[GPR_RBX] = 0;
	mmio(0xfd000000);
	CHECK_EQ(v->regs.gpr[GPR_RBX], 0xffff);
	CHECK_EQ(seen_count, 0);
}

TEST(local_apic)
{
	start64();
	v->regs.gpr[GPR_RDI] = 0xfee00020;
	CODE_IS(0x8b, 0x1f);
	mmio(0xfee00020);
	done();
	CHECK_EQ(lapic_calls, 1);
	CHECK_EQ(lapic_offset, 0x20);
	CHECK_EQ(v->regs.gpr[GPR_RBX], 0x12345678);
	/* Off, or in x2APIC mode, there is nothing at that page. */
	v->regs.rip = CODE;
	v->apic_base |= APIC_BASE_X2APIC;
	mmio(0xfee00020);
	CHECK_EQ(v->regs.gpr[GPR_RBX], 0xffffffff);
	v->regs.rip = CODE;
	v->apic_base = 0xfee00000;
	mmio(0xfee00020);
	CHECK_EQ(v->regs.gpr[GPR_RBX], 0xffffffff);
	CHECK_EQ(lapic_calls, 1);
}

/* Outside the scope: the VM stops, nothing was accessed, RIP stays. */
static void refused(void)
{
	v->regs.gpr[GPR_RDI] = MMIO;
	mmio(MMIO);
	CHECK_EQ(fake_stops, 1);
	CHECK_EQ(fake_stop_reason, STOP_EMULATION);
	CHECK_EQ(seen_count, 0);
	CHECK_EQ(v->regs.rip, CODE);
}

#define REFUSED(...)                                                                               \
	do {                                                                                       \
		start64();                                                                         \
		CODE_IS(__VA_ARGS__);                                                              \
		refused();                                                                         \
	} while (0)

TEST(outside_the_scope)
{
	REFUSED(0xc1, 0x27, 1);                /* shl dword [rdi], 1 */
	REFUSED(0xf7, 0x27);                   /* mul dword [rdi] */
	REFUSED(0xff, 0x1f);                   /* call far [rdi] */
	REFUSED(0xc7, 0x4f, 0x00, 1, 0, 0, 0); /* C7 /1 */
	REFUSED(0x0f, 0xba, 0x1f, 1);          /* 0F BA /3 */
	REFUSED(0x0f, 0x6f, 0x07);             /* movq mm0, [rdi] */
	REFUSED(0x66, 0x0f, 0xc3, 0x07);       /* movnti has no 16-bit form */
	REFUSED(0x6c);                         /* insb: stops at its port first */
	REFUSED(0x0f, 0xa2);                   /* has no memory operand: not what exited */
	REFUSED(0x89, 0xd8);                   /* mov eax, ebx */
	REFUSED(0xcc);
	REFUSED(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
		0x8b, 0x1f);
}

/* SDM vol. 2, "LOCK": with anything else, or where memory is not written, it is #UD. */
TEST(lock)
{
	static const u8 allowed[][4] = { { 0x01, 0x1f },       { 0x80, 0x0f, 1 },
					 { 0xf7, 0x17 },       { 0xff, 0x0f },
					 { 0x87, 0x1f },       { 0x0f, 0xb1, 0x1f },
					 { 0x0f, 0xc1, 0x1f }, { 0x0f, 0xc7, 0x0f },
					 { 0x0f, 0xab, 0x1f }, { 0x0f, 0xba, 0x2f, 1 } };
	static const u8 refused[][4] = {
		{ 0x03, 0x1f }, { 0x39, 0x1f }, { 0x80, 0x3f, 1 },    { 0xf7, 0x07 },
		{ 0x89, 0x1f }, { 0x8b, 0x1f }, { 0x0f, 0xa3, 0x1f }, { 0x0f, 0xba, 0x27, 1 },
		{ 0xa4 },       { 0xff, 0x37 }
	};

	for (u32 k = 0; k < ARRAY_LEN(allowed) + ARRAY_LEN(refused); k++) {
		bool ok = k < ARRAY_LEN(allowed);

		start64();
		memset(fake_memory + CODE, 0, 16);
		fake_memory[CODE] = 0xf0;
		memcpy(fake_memory + CODE + 1, ok ? allowed[k] : refused[k - ARRAY_LEN(allowed)],
		       4);
		v->regs.gpr[GPR_RDI] = MMIO;
		v->regs.gpr[GPR_RBX] = 3;
		mmio(MMIO);
		if (!ok) {
			fault(TRAP_UD, false);
			continue;
		}
		CHECK_EQ(v->exception.kind, EVENT_NONE);
		CHECK_EQ(fake_stops, 0);
		CHECK(v->regs.rip > CODE);
		CHECK_EQ(seen_count, 2);
		expect_access(1, 0, seen[0].size, true, seen[1].value);
	}
}

/* A read, then a write of what comes out; flags and registers last. */
TEST(read_and_write)
{
	start64();
	v->regs.gpr[GPR_RDI] = MMIO + 0x10;
	v->regs.gpr[GPR_RBX] = 0x0123456789abcdef;
	v->regs.rflags = BIT(1) | RFLAGS_CF;
	CODE_IS(0xf0, 0x11, 0x1f); /* lock adc [rdi], ebx */
	mmio(MMIO + 0x10);
	done();
	CHECK_EQ(seen_count, 2);
	expect_access(0, 0x10, 4, false, 0);
	expect_access(1, 0x10, 4, true, 0x44332211 + 0x89abcdef + 1);
	CHECK_EQ(v->regs.rflags, BIT(1) | RFLAGS_SF | RFLAGS_AF);
	CHECK(v->dirty & RG_RFLAGS);
	v->regs.rip = CODE;
	CODE_IS(0x0f, 0xc1, 0x1f); /* xadd [rdi], ebx */
	mmio(MMIO + 0x10);
	done();
	CHECK_EQ(v->regs.gpr[GPR_RBX], 0x44332211);
	/* BTS at bit -1: the doubleword before. */
	v->regs.rip = CODE;
	v->regs.gpr[GPR_RBX] = 0xffffffff;
	CODE_IS(0x0f, 0xab, 0x1f); /* bts [rdi], ebx */
	mmio(MMIO + 0xc);
	done();
	expect_access(4, 0xc, 4, false, 0);
	expect_access(5, 0xc, 4, true, 0xc4332211);
	CHECK(!(v->regs.rflags & RFLAGS_CF));
}

/* What is read and modified has to be writable before a device is read. */
TEST(modify_what_can_only_be_read)
{
	start64();
	memcpy(fake_memory + 0x11000 + 3 * 8, &(u64){ 3ull << 30 | 0x85 }, 8);
	v->regs.gpr[GPR_RDI] = MMIO;
	CODE_IS(0x01, 0x1f); /* add [rdi], ebx: the CPU saw a read */
	mmio(MMIO);
	CHECK_EQ(v->exception.vector, TRAP_PF);
	CHECK_EQ(v->exception.error, PF_PRESENT | PF_WRITE);
	CHECK_EQ(seen_count, 0);
}

/* RAM alone: not what exited. The guest does that itself, and no old translation brings it back. */
TEST(modify_ram)
{
	start64();
	v->regs.gpr[GPR_RDI] = RAM_AT;
	CODE_IS(0x01, 0x1f);
	mmio(MMIO + 0x123);
	CHECK_EQ(v->regs.rip, CODE);
	CHECK_EQ(v->exception.kind, EVENT_NONE);
	CHECK_EQ(fake_stops, 0);
	CHECK_EQ(fake_backend.flushes, 1);
	CHECK_EQ(*(u32 *)(fake_memory + RAM_AT), 0);
}

/* SDM vol. 3, "Limit Checking" and "Type Checking": 32-bit code. */
TEST(segments)
{
	struct segment *ds, *ss;

	start();
	ds = &v->regs.seg[SEG_DS];
	ss = &v->regs.seg[SEG_SS];
	ds->base = MMIO;
	ds->limit = 0x13;
	v->regs.gpr[GPR_RDI] = 0x10;
	CODE_IS(0x8b, 0x1f); /* mov ebx, [edi] */
	mmio(MMIO + 0x11);   /* (that it was another access makes it look) */
	done();
	v->regs.rip = CODE;
	seen_count = 0;
	v->regs.gpr[GPR_RDI] = 0x11;
	mmio(MMIO + 0x10);
	fault(TRAP_GP, true);
	/* The stack has an exception of its own. */
	ss->base = MMIO;
	ss->limit = 2;
	v->regs.gpr[GPR_RBP] = 0;
	CODE_IS(0x8b, 0x5d, 0x00); /* mov ebx, [ebp] */
	mmio(MMIO + 0x10);
	fault(TRAP_SS, true);
	/* Expand down: above the limit, up to 4 GiB or 64 KiB. */
	ds->attr |= 4;
	ds->limit = 0xfff;
	v->regs.gpr[GPR_RDI] = 0xfff;
	CODE_IS(0x8b, 0x1f);
	mmio(MMIO + 0x10);
	fault(TRAP_GP, true);
	v->regs.gpr[GPR_RDI] = 0x1000;
	mmio(MMIO + 0x10);
	done();
	v->regs.rip = CODE;
	seen_count = 0;
	ds->attr &= ~SEG_ATTR_DB;
	v->regs.gpr[GPR_RDI] = 0xfffd;
	mmio(MMIO + 0x10);
	fault(TRAP_GP, true);
	/* Read-only, execute-only, null. */
	ds->attr = SEG_ATTR_P | SEG_ATTR_S | 1;
	ds->limit = 0xffff;
	v->regs.gpr[GPR_RDI] = 0;
	CODE_IS(0x89, 0x1f);
	mmio(MMIO + 0x10);
	fault(TRAP_GP, true);
	ds->attr = SEG_ATTR_P | SEG_ATTR_S | 9;
	CODE_IS(0x8b, 0x1f);
	mmio(MMIO + 0x10);
	fault(TRAP_GP, true);
	ds->attr = SEG_ATTR_S | 3;
	mmio(MMIO + 0x10);
	fault(TRAP_GP, true);
	/* Real mode knows limits alone. */
	v->regs.cr0 = CR0_ET;
	ds->attr = 0;
	CODE_IS(0x67, 0x66, 0x8b, 0x1f);
	mmio(MMIO + 0x10);
	done();
	v->regs.rip = CODE;
	seen_count = 0;
	v->regs.gpr[GPR_RDI] = 0xfffd;
	mmio(MMIO + 0x10);
	fault(TRAP_GP, true);
}

/* 64-bit code: no limits, but canonical addresses, with FS' and GS' bases added. */
TEST(canonical_addresses)
{
	start64();
	v->regs.gpr[GPR_RDI] = 0x0000800000000000;
	CODE_IS(0x8b, 0x1f);
	mmio(MMIO + 4);
	fault(TRAP_GP, true);
	v->regs.gpr[GPR_RDI] = 0x00007ffffffffffe; /* the last bytes are not */
	mmio(MMIO + 4);
	fault(TRAP_GP, true);
	v->regs.gpr[GPR_RBP] = 0x8000000000000000;
	CODE_IS(0x8b, 0x5d, 0x00);
	mmio(MMIO + 4);
	fault(TRAP_SS, true);
	v->regs.seg[SEG_FS].base = 0x00007fffffffff00;
	v->regs.gpr[GPR_RBP] = 0x100;
	CODE_IS(0x64, 0x8b, 0x5d, 0x00);
	mmio(MMIO + 4);
	fault(TRAP_GP, true);
}

/* SDM vol. 3, "Interrupt 17": user code with CR0.AM and AC. */
TEST(alignment)
{
	start64();
	fake_vcpu_set_cpl(3);
	v->regs.cr0 |= CR0_AM;
	v->regs.rflags |= RFLAGS_AC;
	v->regs.gpr[GPR_RDI] = MMIO + 2;
	CODE_IS(0x8b, 0x1f);
	mmio(MMIO + 8);
	fault(TRAP_AC, true);
	v->regs.rflags &= ~(u64)RFLAGS_AC;
	mmio(MMIO + 8);
	done();
}

/* CALL and JMP through a device's register; the return address goes onto the stack in RAM. */
TEST(branches)
{
	start64();
	v->regs.gpr[GPR_RDI] = MMIO;
	v->regs.gpr[GPR_RSP] = RAM_AT;
	answer = 0xffff800000123456;
	CODE_IS(0xff, 0x17); /* call [rdi] */
	mmio(MMIO);
	CHECK_EQ(fake_stops, 0);
	CHECK_EQ(v->regs.rip, answer);
	CHECK_EQ(v->regs.gpr[GPR_RSP], RAM_AT - 8);
	CHECK_EQ(*(u64 *)(fake_memory + RAM_AT - 8), CODE + 2);
	v->regs.rip = CODE;
	answer = 0x800000123456; /* not canonical */
	seen_count = 0;
	mmio(MMIO);
	CHECK_EQ(v->exception.vector, TRAP_GP);
	CHECK_EQ(v->regs.rip, CODE);
	CHECK_EQ(v->regs.gpr[GPR_RSP], RAM_AT - 8);
	start();
	v->regs.gpr[GPR_RDI] = MMIO;
	answer = 0x89abcdef;
	CODE_IS(0xff, 0x27); /* jmp [edi] */
	mmio(MMIO);
	CHECK_EQ(v->regs.rip, 0x89abcdef);
}

/* A decoded instruction is remembered, but what counts are the bytes that are there now. */
TEST(replaced_code)
{
	start64();
	v->regs.gpr[GPR_RDI] = MMIO;
	CODE_IS(0x8b, 0x1f);
	mmio(MMIO);
	done();
	v->regs.rip = CODE;
	CODE_IS(0x8b, 0x0f); /* mov ecx, [rdi] */
	mmio(MMIO);
	done();
	CHECK_EQ(v->regs.gpr[GPR_RCX], 0x44332211);
	/* The same bytes in another mode are another instruction. */
	v->regs.rip = CODE;
	CODE_IS(0x67, 0x8b, 0x07);
	mmio(MMIO);
	CHECK_EQ(v->regs.gpr[GPR_RAX], 0x44332211);
	v->regs.seg[SEG_CS].attr = SEG_ATTR_DB | SEG_ATTR_P | SEG_ATTR_S | 0xb;
	v->regs.rip = CODE;
	v->regs.gpr[GPR_RBX] = 0x10; /* [bx] */
	v->regs.seg[SEG_DS].base = MMIO;
	seen_count = 0;
	mmio(MMIO + 0x10);
	expect_access(0, 0x10, 4, false, 0);
}

/* Code that cannot be read, or not to its end. */
TEST(code_that_is_not_there)
{
	start();
	v->regs.rip = 0xf0000000;
	mmio(MMIO);
	CHECK_EQ(fake_stops, 1);
	start();
	fake_memory[sizeof(fake_memory) - 1] = 0x8b;
	v->regs.rip = sizeof(fake_memory) - 1;
	mmio(MMIO);
	CHECK_EQ(fake_stops, 1);
	start();
	fake_memory[sizeof(fake_memory) - 2] = 0x89; /* the last two bytes of memory: whole */
	fake_memory[sizeof(fake_memory) - 1] = 0x1f;
	v->regs.rip = sizeof(fake_memory) - 2;
	v->regs.gpr[GPR_RDI] = MMIO;
	mmio(MMIO);
	CHECK_EQ(fake_stops, 0);
	CHECK_EQ(seen_count, 1);
}

/* The page tables say no: #PF with CR2, as the instruction would. */
TEST(page_faults)
{
	start64();
	fake_vcpu_set_cpl(3);
	memcpy(fake_memory + 0x11000 + 3 * 8, &(u64){ 3ull << 30 | 0x83 }, 8); /* supervisor's */
	v->regs.gpr[GPR_RDI] = MMIO + 4;
	CODE_IS(0x89, 0x1f);
	mmio(MMIO + 4);
	CHECK_EQ(v->exception.vector, TRAP_PF);
	CHECK_EQ(v->exception.error, PF_PRESENT | PF_WRITE | PF_USER);
	CHECK_EQ(v->regs.cr2, MMIO + 4);
	CHECK(v->dirty & RG_CR2);
	CHECK_EQ(v->regs.rip, CODE);
	CHECK_EQ(seen_count, 0);
	CHECK_EQ(fake_stops, 0);
	start64();
	v->regs.gpr[GPR_RDI] = MMIO + 4;
	memset(fake_memory + 0x11000 + 3 * 8, 0, 8);
	CODE_IS(0x8b, 0x1f);
	mmio(MMIO + 8); /* not the access that the CPU stopped at: it is translated anew */
	CHECK_EQ(v->exception.vector, TRAP_PF);
	CHECK_EQ(v->exception.error, 0);
	CHECK_EQ(v->regs.gpr[GPR_RBX], 0x3333333333333333);
}

/* What the CPU stopped at needs no translation; a replaced instruction gets no further by that. */
TEST(the_access_that_exited)
{
	start64();
	memset(fake_memory + 0x11000 + 3 * 8, 0, 8); /* its tables have changed since */
	v->regs.gpr[GPR_RDI] = MMIO + 4;
	CODE_IS(0x8b, 0x1f);
	mmio(MMIO + 4);
	done();
	expect_access(0, 4, 4, false, 0);
	v->regs.rip = CODE;
	CODE_IS(0x89, 0x1f); /* a store, where a load had exited */
	mmio(MMIO + 4);
	CHECK_EQ(v->exception.vector, TRAP_PF);
	CHECK_EQ(seen_count, 1);
	v->exception.kind = EVENT_NONE;
	CODE_IS(0x48, 0x8b, 0x1f); /* over the page's end */
	v->regs.gpr[GPR_RDI] = MMIO + 0xffc;
	mmio(MMIO + 0xffc);
	CHECK_EQ(v->exception.vector, TRAP_PF);
	CHECK_EQ(seen_count, 1);
}

/* Lengths, where the CPU does not tell. */
TEST(length)
{
	start64();
	CODE_IS(0x0f, 0xa2);
	CHECK_EQ(insn_length(v), 2);
	CODE_IS(0x0f, 0x01, 0xd9);
	CHECK_EQ(insn_length(v), 3);
	CODE_IS(0xcc);
	CHECK_EQ(insn_length(v), 0);
	v->regs.rip = 0xffff800000000000;
	CHECK_EQ(insn_length(v), 0);
}
