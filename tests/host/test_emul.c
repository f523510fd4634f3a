/*
 * Emulation of one instruction on device memory or ports: operands, widths and what becomes of the rest of a
 * register (SDM vol. 1, "General-Purpose Registers in 64-Bit Mode"), page faults, REP, and that what is
 * outside the scope stops the VM and touches nothing.
 *
 * sources: tests/host/fake_vm.c tests/host/fake_vcpu.c vm/emul.c vm/decode.c vm/walk.c vm/vcpu.c vm/iobus.c
 * sources: vm/state.c vm/vdev.c core/chardev.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "arch/msr.h"
#include "arch/trap.h"
#include "lib/errno.h"
#include "tests/host/fake_vcpu.h"
#include "tests/host/harness.h"
#include "vm/emul.h"
#include "vm/gmem.h"
#include "vm/lazy.h"
#include "vm/vdev.h"
#include "vm/walk.h"

#include <string.h>

#define MMIO      0xfed10000u /* a device's page, and the first byte of the next */
#define MMIO_SIZE 0x1010u
#define PORT      0x300u
#define CODE      0x8000u
#define RAM_AT    0x20000u

static struct vcpu *v;
static struct vdev dev;
static struct io_access seen[256];
static u32 seen_count;
static u64 answer;
static u32 lapic_calls, lapic_offset;
static bool exit_writes; /* what the CPU said of the access */

void lazy_reset(struct vcpu *c) {}

int vlapic_mmio(struct vlapic *l, u32 offset, u64 *value, u32 size, bool write)
{
	lapic_calls++;
	lapic_offset = offset;
	if (!write)
		*value = 0x12345678;
	return 0;
}

int gmem_store(struct vm *vm, gpa_t gpa, u64 value, size_t size)
{
	return gmem_write(vm, gpa, &value, size);
}

static int handler(struct vdev *d, u32 bank, struct io_access *a)
{
	if (seen_count < ARRAY_LEN(seen))
		seen[seen_count] = *a;
	seen_count++;
	if (!a->write)
		a->value = answer;
	return 0;
}

static void nothing(struct vdev *d) {}

/* 32-bit code with flat segments, no paging: linear addresses are physical ones. */
static void start(void)
{
	static const struct vdev_ops ops = { .name = "test", .reset = nothing };

	fake_vcpu_new();
	v = fake_vcpu;
	vdev_add(fake_vm, &dev, &ops, 0, RANK_VDEV);
	CHECK_EQ(iobus_claim(fake_vm->bus, IO_MEM, MMIO, MMIO_SIZE, &dev, handler, 0), 0);
	CHECK_EQ(iobus_claim(fake_vm->bus, IO_PORT, PORT, 8, &dev, handler, 1), 0);
	v->regs.cr0 = CR0_PE | CR0_ET;
	v->regs.seg[SEG_CS].attr = SEG_ATTR_DB | SEG_ATTR_P | SEG_ATTR_S | 0xb;
	v->regs.seg[SEG_SS].attr = SEG_ATTR_DB | SEG_ATTR_P | SEG_ATTR_S | 3;
	v->regs.rip = CODE;
	for (u32 i = 0; i < 16; i++)
		v->regs.gpr[i] = 0x1111111111111111ull * i;
	seen_count = 0;
	answer = 0x8877665544332211;
	lapic_calls = 0;
	exit_writes = false;
}

/* The same in 64-bit mode, memory and devices mapped one to one by pages of 1 GiB. */
static void start64(void)
{
	const u64 pml4 = 0x10000, pdpt = 0x11000;

	start();
	fake_vcpu_long_mode(pml4);
	for (u64 i = 0; i < 4; i++) {
		u64 e = i << 30 | 0x87;

		memcpy(fake_memory + pdpt + i * 8, &e, 8);
	}
	memcpy(fake_memory + pml4, &(u64){ pdpt | 7 }, 8);
}

#define CODE_IS(...)                                                                               \
	do {                                                                                       \
		static const u8 code_bytes[] = { __VA_ARGS__ };                                    \
		memset(fake_memory + CODE, 0xcc, 32);                                              \
		memcpy(fake_memory + CODE, code_bytes, sizeof(code_bytes));                        \
		code_size = sizeof(code_bytes);                                                    \
	} while (0)
static size_t code_size;

static void mmio(u64 gpa)
{
	struct vm_exit e = { .kind = EXIT_S2, .s2 = { .gpa = GPA(gpa), .write = exit_writes } };

	emul_mmio(v, &e);
}

/* It went on to the next instruction. */
static void done(void)
{
	CHECK_EQ(fake_stops, 0);
	CHECK_EQ(v->exception.kind, EVENT_NONE);
	CHECK_EQ(v->regs.rip, CODE + code_size);
}

static void expect_access(u32 n, u64 offset, u8 size, bool write, u64 value)
{
	CHECK(seen_count > n);
	CHECK_EQ(seen[n].offset, offset);
	CHECK_EQ(seen[n].size, size);
	CHECK_EQ(seen[n].write, write);
	if (write)
		CHECK_EQ(seen[n].value, value);
	CHECK_EQ(seen[n].vcpu, v);
}

#define ALL_A 0xaaaaaaaaaaaaaaaa

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

/* An access over a page's end is made of bytes, each where its page is. */
TEST(over_a_page)
{
	start64();
	v->regs.gpr[GPR_RDI] = MMIO + 0xffe;
	v->regs.gpr[GPR_RBX] = 0x44332211;
	CODE_IS(0x89, 0x1f);
	mmio(MMIO + 0xffe);
	done();
	CHECK_EQ(seen_count, 4);
	for (u32 i = 0; i < 4; i++)
		expect_access(i, 0xffe + i, 1, true, 0x11 * (i + 1));
	v->regs.rip = CODE;
	CODE_IS(0x8b, 0x1f);
	answer = 0x5a;
	mmio(MMIO + 0xffe);
	done();
	CHECK_EQ(v->regs.gpr[GPR_RBX], 0x5a5a5a5a);
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
	REFUSED(0x01, 0x1f);                   /* add [rdi], ebx */
	REFUSED(0xf0, 0x89, 0x1f);             /* lock mov */
	REFUSED(0x87, 0x1f);                   /* xchg */
	REFUSED(0xc7, 0x4f, 0x00, 1, 0, 0, 0); /* C7 /1 */
	REFUSED(0x0f, 0x6f, 0x07);             /* movq mm0, [rdi] */
	REFUSED(0xf3, 0xa5);                   /* rep movsd */
	REFUSED(0x0f, 0xa2);                   /* has no memory operand: not what exited */
	REFUSED(0x89, 0xd8);                   /* mov eax, ebx */
	REFUSED(0xcc);
	REFUSED(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
		0x8b, 0x1f);
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
}

TEST(string_that_is_none)
{
	start64();
	CODE_IS(0x90, 0x90);
	string(1, true, true);
	CHECK_EQ(fake_stops, 1);
	CHECK_EQ(seen_count, 0);
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
