/*
 * Plain MOVs that are remembered by where they are: done again as they are, and not when anything on the way to
 * them has changed.
 *
 * flags: -include tests/host/fake_cpu.h
 * sources: tests/host/fake_vm.c tests/host/fake_vcpu.c vm/emul.c vm/moveseen.c vm/decode.c vm/walk.c
 * sources: vm/vcpu.c vm/iobus.c vm/emul_operand.c vm/emul_alu.c vm/emul_rmw.c vm/emul_move.c
 * sources: vm/emul_string.c vm/state.c vm/vdev.c core/chardev.c
 */
#include "tests/host/emul_guest.h"

/* The tables on the way to the code, and the same once more, which lead to a copy of it. */
#define TABLES 0x10000u
#define OTHER  0x14000u
#define COPY   0x9000u

static void put(u64 at, u64 value)
{
	memcpy(fake_memory + at, &value, 8);
}

static const u64 *get(u64 at)
{
	return (const u64 *)(fake_memory + at);
}

static void make_tables(u64 at, u64 code)
{
	put(at, (at + 0x1000) | 7);
	put(at + 0x1000, (at + 0x2000) | 7);
	put(at + 0x1000 + 3 * 8, 3ull << 30 | 0x87); /* the devices */
	put(at + 0x2000, (at + 0x3000) | 7);
	put(at + 0x3000 + CODE / 4096 * 8, code | 7);
}

/* mov ebx, [rdi + 8] has been executed once. */
static void begin(void)
{
	start64();
	make_tables(TABLES, CODE);
	make_tables(OTHER, COPY);
	memset(fake_memory + COPY, 0xcc, 32);
	memcpy(fake_memory + COPY, (u8[]){ 0x8b, 0x4f, 0x08 }, 3); /* mov ecx, [rdi + 8] */
	v->regs.gpr[GPR_RDI] = MMIO;
	CODE_IS(0x8b, 0x5f, 0x08);
	mmio(MMIO + 8);
	done();
	CHECK_EQ(v->moves[CODE % MOVES_SEEN].len, 3);
}

/* The instruction that is there now loads reg. */
static void loads(u32 reg)
{
	v->regs.rip = CODE;
	v->regs.gpr[GPR_RBX] = v->regs.gpr[GPR_RCX] = 0;
	answer = 0x55667788;
	seen_count = 0;
	mmio(MMIO + 8);
	done();
	expect_access(0, 8, 4, false, 0);
	CHECK_EQ(seen_count, 1);
	CHECK_EQ(v->regs.gpr[GPR_RBX], reg == GPR_RBX ? 0x55667788 : 0);
	CHECK_EQ(v->regs.gpr[GPR_RCX], reg == GPR_RCX ? 0x55667788 : 0);
}

TEST(again)
{
	begin();
	loads(GPR_RBX);
	/* Another register of the device, and the upper half of the destination. */
	v->regs.gpr[GPR_RDI] = MMIO + 0x20;
	v->regs.gpr[GPR_RBX] = ~0ull;
	v->regs.rip = CODE;
	mmio(MMIO + 0x28);
	done();
	expect_access(1, 0x28, 4, false, 0);
	CHECK_EQ(v->regs.gpr[GPR_RBX], 0x55667788);
}

TEST(stores)
{
	begin();
	exit_writes = true;
	for (u32 k = 0; k < 2; k++) {
		v->regs.gpr[GPR_RSI] = 0x1122334455667788 + k;
		v->regs.rip = CODE;
		CODE_IS(0x48, 0x89, 0x77, 0x10); /* mov [rdi + 16], rsi */
		seen_count = 0;
		mmio(MMIO + 0x10);
		done();
		expect_access(0, 0x10, 8, true, 0x1122334455667788 + k);
	}
}

TEST(other_bytes)
{
	begin();
	fake_memory[CODE + 1] = 0x4f;
	loads(GPR_RCX);
	fake_memory[CODE + 1] = 0x5f;
	loads(GPR_RBX);
	fake_memory[CODE + 3] = 0x90; /* behind it: of no interest */
	loads(GPR_RBX);
}

/* Each level may come to lead elsewhere while all below and the bytes there stay. */
TEST(other_tables)
{
	static const u64 entries[] = { 0, 0x1000, 0x2000, 0x3000 + CODE / 4096 * 8 };

	for (u32 k = 0; k < ARRAY_LEN(entries); k++) {
		begin();
		put(TABLES + entries[k], *get(OTHER + entries[k]));
		loads(GPR_RCX);
	}
}

TEST(large_page)
{
	begin();
	put(TABLES + 0x2000, 0x87);
	loads(GPR_RBX);
	loads(GPR_RBX);
	put(TABLES + 0x2000, (OTHER + 0x3000) | 7);
	loads(GPR_RCX);
}

TEST(other_space)
{
	begin();
	v->regs.cr3 = OTHER;
	loads(GPR_RCX);
	v->regs.cr3 = TABLES;
	loads(GPR_RBX);
	/* The same bytes as 32-bit code, without paging, in a segment of their own. */
	begin();
	v->regs.cr0 = CR0_PE | CR0_ET;
	v->regs.efer = 0;
	v->regs.seg[SEG_CS].attr = SEG_ATTR_DB | SEG_ATTR_P | SEG_ATTR_S | 0xb;
	v->regs.seg[SEG_CS].base = COPY - CODE;
	loads(GPR_RCX);
}

/* The general way: it is not the access that the CPU stopped at. */
TEST(another_access)
{
	begin();
	put(TABLES + 0x1000 + 3 * 8, 0); /* what is not translated by the CPU has no translation */
	v->regs.rip = CODE;
	v->regs.gpr[GPR_RDI] = MMIO + 4;
	seen_count = 0;
	mmio(MMIO + 8);
	fault(TRAP_PF, true);
	v->regs.gpr[GPR_RDI] = MMIO;
	exit_writes = true; /* a load, where a store had exited */
	mmio(MMIO + 8);
	fault(TRAP_PF, true);
	exit_writes = false;
	v->regs.gpr[GPR_RDI] = MMIO + 0xffe - 8; /* over the page's end */
	mmio(MMIO + 0xffe);
	fault(TRAP_PF, true);
}

/* What else an instruction does. */
TEST(flags_and_shadow)
{
	begin();
	v->dirty = 0;
	v->regs.rflags |= RFLAGS_RF;
	loads(GPR_RBX);
	CHECK(!(v->regs.rflags & RFLAGS_RF) && (v->dirty & RG_STEPPED));
	v->regs.shadow = SHADOW_STI;
	loads(GPR_RBX);
	CHECK_EQ(v->regs.shadow, 0);
	v->regs.rflags |= RFLAGS_TF;
	v->regs.rip = CODE;
	mmio(MMIO + 8);
	CHECK_EQ(v->exception.vector, TRAP_DB);
}

/* Not what reaches out of its page or is too long to be compared, nor what is no plain MOV. */
TEST(not_remembered)
{
	begin();
	v->regs.rip = CODE + 0xffa;
	put(TABLES + 0x3000 + (CODE / 4096 + 1) * 8, COPY | 7);
	memcpy(fake_memory + CODE + 0xffa, (u8[]){ 0x8b, 0x5f, 0x08 }, 3);
	mmio(MMIO + 8);
	CHECK_EQ(v->regs.rip, CODE + 0xffd);
	CHECK_EQ(v->moves[(CODE + 0xffa) % MOVES_SEEN].len, 0);
	v->regs.rip = CODE;
	CODE_IS(0x2e, 0x2e, 0x8b, 0x9f, 8, 0, 0, 0, 0x90); /* nine bytes with what follows */
	code_size = 8;
	mmio(MMIO + 8);
	done();
	v->regs.rip = CODE;
	CODE_IS(0x0f, 0xb6, 0x5f, 0x08); /* movzx */
	v->moves[CODE % MOVES_SEEN].len = 0;
	mmio(MMIO + 8);
	done();
	CHECK_EQ(v->moves[CODE % MOVES_SEEN].len, 0);
}
