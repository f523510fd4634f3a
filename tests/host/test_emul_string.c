/*
 * String instructions and port I/O under emulation: REP and how it stops, memory and devices on either side,
 * what faults halfway.
 *
 * sources: tests/host/fake_vm.c tests/host/fake_vcpu.c vm/emul.c vm/moveseen.c vm/decode.c vm/walk.c vm/vcpu.c vm/iobus.c
 * sources: vm/emul_operand.c vm/emul_alu.c vm/emul_rmw.c vm/emul_move.c vm/emul_string.c
 * sources: vm/state.c vm/vdev.c core/chardev.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "tests/host/emul_guest.h"

/* --- string instructions ------------------------------------------------------------------------ */

TEST(strings_between_ram_and_device)
{
	start64();
	memcpy(fake_memory + RAM_AT, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	v->regs.gpr[GPR_RSI] = RAM_AT;
	v->regs.gpr[GPR_RDI] = MMIO;
	v->regs.gpr[GPR_RCX] = 2;
	CODE_IS(0xf3, 0xa5); /* rep movsd */
	mmio(MMIO);
	done();
	expect_access(0, 0, 4, true, 0x04030201);
	expect_access(1, 4, 4, true, 0x08070605);
	CHECK_EQ(v->regs.gpr[GPR_RCX], 0);
	CHECK_EQ(v->regs.gpr[GPR_RSI], RAM_AT + 8);
	CHECK_EQ(v->regs.gpr[GPR_RDI], MMIO + 8);
	/* The other way, once. */
	v->regs.rip = CODE;
	v->regs.gpr[GPR_RSI] = MMIO;
	v->regs.gpr[GPR_RDI] = RAM_AT + 0x10;
	CODE_IS(0x48, 0xa5);
	mmio(MMIO);
	done();
	CHECK(!memcmp(fake_memory + RAM_AT + 0x10, &answer, 8));
	/* Both have the same offset in their page: each is its own. */
	v->regs.rip = CODE;
	v->regs.gpr[GPR_RSI] = RAM_AT + 0x20;
	v->regs.gpr[GPR_RDI] = MMIO + 0x20;
	fake_memory[RAM_AT + 0x20] = 0x99;
	CODE_IS(0xa4);
	seen_count = 0;
	exit_writes = true;
	mmio(MMIO + 0x20);
	done();
	CHECK_EQ(seen_count, 1);
	expect_access(0, 0x20, 1, true, 0x99);
}

/* After a bounded number of iterations the guest has its turn; RF keeps its breakpoint quiet. */
TEST(long_stores)
{
	u32 exits = 0;

	start64();
	v->regs.gpr[GPR_RDI] = MMIO;
	v->regs.gpr[GPR_RCX] = 1000;
	v->regs.shadow = SHADOW_STI;
	CODE_IS(0xf3, 0xaa); /* rep stosb */
	while (v->regs.rip == CODE && exits < 1000) {
		u64 left = v->regs.gpr[GPR_RCX];

		mmio(v->regs.gpr[GPR_RDI]);
		exits++;
		CHECK(v->regs.gpr[GPR_RCX] < left && left - v->regs.gpr[GPR_RCX] <= 64);
		CHECK_EQ(v->regs.gpr[GPR_RDI], MMIO + 1000 - v->regs.gpr[GPR_RCX]);
		CHECK_EQ(!!(v->regs.rflags & RFLAGS_RF), v->regs.rip == CODE);
		CHECK_EQ(v->regs.shadow, 0);
	}
	done();
	CHECK_EQ(seen_count, 1000);
	/* From the device into RAM: the CPU goes on alone. */
	v->regs.rip = CODE;
	v->regs.gpr[GPR_RDI] = MMIO;
	v->regs.rflags |= RFLAGS_DF;
	v->regs.gpr[GPR_RDI] = sizeof(fake_memory) + 1;
	v->regs.gpr[GPR_RCX] = 10;
	mmio(sizeof(fake_memory) + 1);
	CHECK_EQ(v->regs.rip, CODE);
	CHECK_EQ(v->regs.gpr[GPR_RCX], 8);
	CHECK_EQ(v->regs.gpr[GPR_RDI], sizeof(fake_memory) - 1);
}

/* TF traps behind each iteration. */
TEST(single_steps_of_a_string)
{
	start64();
	v->regs.gpr[GPR_RDI] = MMIO;
	v->regs.gpr[GPR_RCX] = 2;
	v->regs.rflags |= RFLAGS_TF;
	CODE_IS(0xf3, 0xaa);
	for (u32 k = 0; k < 2; k++) {
		mmio(MMIO + k);
		CHECK_EQ(v->exception.vector, TRAP_DB);
		CHECK(fake_dr6 & DR6_BS);
		CHECK_EQ(v->regs.rip, k ? CODE + 2 : CODE);
		CHECK_EQ(v->regs.gpr[GPR_RCX], 1 - k);
		v->exception.kind = EVENT_NONE;
		fake_dr6 = 0;
	}
	CHECK_EQ(seen_count, 2);
}

TEST(scans)
{
	start64();
	v->regs.gpr[GPR_RDI] = MMIO;
	v->regs.gpr[GPR_RCX] = 10;
	v->regs.gpr[GPR_RAX] = 0x11;
	CODE_IS(0xf2, 0xae); /* repne scasb: the first is equal */
	mmio(MMIO);
	done();
	CHECK_EQ(v->regs.gpr[GPR_RCX], 9);
	CHECK(v->regs.rflags & RFLAGS_ZF);
	v->regs.rip = CODE;
	CODE_IS(0xf3, 0xae); /* repe: all are */
	mmio(MMIO + 1);
	done();
	CHECK_EQ(v->regs.gpr[GPR_RCX], 0);
	CHECK_EQ(v->regs.gpr[GPR_RDI], MMIO + 10);
}

/* --- ports ------------------------------------------------------------------------------------------ */

static void port(u16 number, u8 size, bool write)
{
	struct vm_exit e = {
		.kind = EXIT_PORT,
		.insn_len = 1,
		.port = { .port = number, .size = size, .write = write },
	};

	v->regs.rip = CODE;
	emul_port(v, &e);
	CHECK_EQ(v->regs.rip, CODE + 1);
}

TEST(in_and_out)
{
	u64 *rax;

	start64();
	rax = &v->regs.gpr[GPR_RAX];
	*rax = ALL_A;
	port(PORT, 1, false);
	CHECK_EQ(*rax, 0xaaaaaaaaaaaaaa11);
	port(PORT, 2, false);
	CHECK_EQ(*rax, 0xaaaaaaaaaaaa2211);
	port(PORT, 4, false);
	CHECK_EQ(*rax, 0x44332211); /* 32 bits clear the upper half */
	*rax = 0x8877665544332211;
	port(PORT + 1, 1, true);
	expect_access(3, 1, 1, true, 0x11);
	port(PORT + 2, 2, true);
	expect_access(4, 2, 2, true, 0x2211);
	port(PORT + 4, 4, true);
	expect_access(5, 4, 4, true, 0x44332211);
	*rax = 0;
	port(0x500, 2, false);
	CHECK_EQ(*rax, 0xffff); /* nobody there */
	port(PORT + 6, 4, false);
	CHECK_EQ(*rax, 0xffffffff); /* beyond the device's range */
	CHECK_EQ(seen_count, 6);
}

static void string(u8 size, bool write, bool rep)
{
	struct vm_exit e = {
		.kind = EXIT_PORT,
		.port = { .port = PORT, .size = size, .write = write, .string = true, .rep = rep },
	};

	emul_port(v, &e);
}

TEST(string_io)
{
	start64();
	memcpy(fake_memory + RAM_AT, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	v->regs.gpr[GPR_RSI] = RAM_AT;
	v->regs.gpr[GPR_RCX] = 4;
	CODE_IS(0xf3, 0x66, 0x6f); /* rep outsw */
	string(2, true, true);
	done();
	CHECK_EQ(seen_count, 4);
	expect_access(0, 0, 2, true, 0x0201);
	expect_access(3, 0, 2, true, 0x0807);
	CHECK_EQ(v->regs.gpr[GPR_RSI], RAM_AT + 8);
	CHECK_EQ(v->regs.gpr[GPR_RCX], 0);
	/* Downwards. */
	v->regs.rip = CODE;
	v->regs.rflags |= RFLAGS_DF;
	v->regs.gpr[GPR_RDI] = RAM_AT + 0x101;
	v->regs.gpr[GPR_RCX] = 2;
	memset(fake_memory + RAM_AT + 0x100, 0, 8);
	CODE_IS(0xf3, 0x6c); /* rep insb */
	string(1, false, true);
	done();
	CHECK_EQ(v->regs.gpr[GPR_RDI], RAM_AT + 0xff);
	CHECK_EQ(fake_memory[RAM_AT + 0x100], 0x11);
	CHECK_EQ(fake_memory[RAM_AT + 0x101], 0x11);
	CHECK_EQ(fake_memory[RAM_AT + 0x102], 0);
	/* Without REP, RCX does not count; with it and 0, nothing happens. */
	v->regs.rip = CODE;
	CODE_IS(0x6e);
	v->regs.gpr[GPR_RSI] = RAM_AT;
	seen_count = 0;
	string(1, true, false);
	done();
	CHECK_EQ(seen_count, 1);
	CHECK_EQ(v->regs.gpr[GPR_RCX], 0);
	v->regs.rip = CODE;
	CODE_IS(0xf3, 0x6e);
	string(1, true, true);
	done();
	CHECK_EQ(seen_count, 1);
}

/* A long REP gives way: the instruction is executed again for the rest. */
TEST(long_string)
{
	u32 exits = 0;

	start64();
	v->regs.gpr[GPR_RSI] = RAM_AT;
	v->regs.gpr[GPR_RCX] = 1000;
	CODE_IS(0xf3, 0x6e);
	while (v->regs.rip == CODE && exits < 1000) {
		u64 left = v->regs.gpr[GPR_RCX];

		string(1, true, true);
		exits++;
		CHECK(v->regs.gpr[GPR_RCX] < left && left - v->regs.gpr[GPR_RCX] <= 64);
		CHECK_EQ(v->regs.gpr[GPR_RSI], RAM_AT + 1000 - v->regs.gpr[GPR_RCX]);
	}
	done();
	CHECK_EQ(seen_count, 1000);
}

/* 16-bit addresses: SI and CX alone count, and wrap. */
TEST(string_16)
{
	start();
	v->regs.cr0 = CR0_ET;
	v->regs.seg[SEG_CS].attr = 0x9b;
	v->regs.seg[SEG_DS].base = RAM_AT;
	v->regs.gpr[GPR_RSI] = 0x1234ffff;
	v->regs.gpr[GPR_RCX] = 0x55550002;
	fake_memory[RAM_AT + 0xffff] = 0x77;
	fake_memory[RAM_AT] = 0x88;
	CODE_IS(0xf3, 0x6e);
	string(1, true, true);
	done();
	expect_access(0, 0, 1, true, 0x77);
	expect_access(1, 0, 1, true, 0x88);
	CHECK_EQ(v->regs.gpr[GPR_RSI], 0x12340001);
	CHECK_EQ(v->regs.gpr[GPR_RCX], 0x55550000);
}

/* A page fault in the middle: what was done counts, the rest is done again afterwards. */
TEST(string_faults)
{
	start64();
	/* 4 KiB pages for the GiB with memory: RAM_AT is there, the next page not. */
	memcpy(fake_memory + 0x11000, &(u64){ 0x12000 | 7 }, 8);
	memcpy(fake_memory + 0x12000, &(u64){ 0x13000 | 7 }, 8);
	for (u64 i = 0; i < 512; i++) {
		u64 e = i == RAM_AT / 4096 + 1 ? 0 : i * 4096 | 7;

		memcpy(fake_memory + 0x13000 + i * 8, &e, 8);
	}
	v->regs.gpr[GPR_RSI] = RAM_AT + 0xffe;
	v->regs.gpr[GPR_RCX] = 5;
	CODE_IS(0xf3, 0x6e);
	string(1, true, true);
	CHECK_EQ(v->exception.vector, TRAP_PF);
	CHECK_EQ(v->regs.cr2, RAM_AT + 0x1000);
	CHECK_EQ(v->regs.rip, CODE);
	CHECK_EQ(v->regs.gpr[GPR_RCX], 3);
	CHECK_EQ(seen_count, 2);
	/* Input that cannot be stored is not taken from the device. */
	v->exception.kind = EVENT_NONE;
	v->regs.gpr[GPR_RDI] = RAM_AT + 0x1000;
	seen_count = 0;
	CODE_IS(0x6c);
	string(1, false, false);
	CHECK_EQ(v->exception.vector, TRAP_PF);
	CHECK_EQ(v->exception.error, PF_WRITE);
	CHECK_EQ(seen_count, 0);
	/* The same where its second page is not there. */
	v->exception.kind = EVENT_NONE;
	v->regs.gpr[GPR_RDI] = RAM_AT + 0xffe;
	seen_count = 0;
	CODE_IS(0x6d);
	string(4, false, false);
	CHECK_EQ(v->exception.vector, TRAP_PF);
	CHECK_EQ(v->regs.cr2, RAM_AT + 0x1000);
	CHECK_EQ(seen_count, 0);
	CHECK_EQ(v->regs.gpr[GPR_RDI], RAM_AT + 0xffe);
}

/* A port's string instructions stop before their memory was looked at: limits are checked here. */
TEST(string_limits)
{
	start();
	v->regs.seg[SEG_ES].limit = 0xfff;
	v->regs.gpr[GPR_RDI] = 0xffe;
	CODE_IS(0x6d);
	string(4, false, false);
	fault(TRAP_GP, true);
	v->regs.seg[SEG_SS].attr &= ~SEG_ATTR_P;
	v->regs.gpr[GPR_RSI] = RAM_AT;
	CODE_IS(0x36, 0x6e);
	string(1, true, false);
	fault(TRAP_SS, true);
}

TEST(string_that_is_none)
{
	start64();
	CODE_IS(0x90, 0x90);
	string(1, true, true);
	CHECK_EQ(fake_stops, 1);
	CHECK_EQ(seen_count, 0);
}

/* Any bytes as an instruction, any registers: it ends, the VM at worst. */
TEST(random)
{
	u64 seed = 3;

	for (u32 round = 0; round < 60000; round++) {
		if (round % 64 == 0) {
			if (round & 64)
				start64();
			else
				start();
		}
		for (u32 k = 0; k < 16; k++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			fake_memory[CODE + k] = (u8)(seed >> 56);
			v->regs.gpr[k] = seed >> (seed >> 58);
		}
		if (seed & 1)
			fake_memory[CODE] = 0x89 + (seed >> 20 & 2);
		v->regs.rip = CODE;
		v->regs.rflags = seed >> 30 & RFLAGS_DF;
		v->exception.kind = EVENT_NONE;
		if (seed & 2)
			mmio(MMIO);
		else
			string(1u << (seed >> 40) % 3, seed & 4, seed & 8);
		CHECK_EQ(fake_locks_held, 0);
		CHECK(v->regs.rip - CODE <= 15);
	}
}
