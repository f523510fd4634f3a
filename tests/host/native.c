/*
 * One instruction on the real CPU (see native.h): a trampoline loads all registers and jumps, far for
 * 32- and 16-bit code; behind the instruction a jump leads back. Segments with bases and limits
 * are in the process's local descriptor table. Wants
 * `flags: -D_GNU_SOURCE`.
 */
#include "tests/host/native.h"

#include <asm/ldt.h>
#include <asm/prctl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define USER_CS64   0x33
#define USER_CS32   0x23
#define USER_DS     0x2b
#define GS_BASE     0x12340ULL
#define FSGSBASE    2 /* bit of AT_HWCAP2: user code may write FS and GS bases */
#define STUB        (NATIVE_CODE + 0x1f00)
#define DATA_ATTR   (0x93 | 0x60)
#define CODE_ATTR   (0x9b | 0x60)
#define SELECTOR(n) ((u16)((n) << 3 | 7))

struct native_segment native_segments[NATIVE_CONFIGS][6];

/* What the trampoline loads and saves; its offsets are used below. */
struct native_frame {
	u64 gpr[16];        /* 0 */
	u64 flags;          /* 128 */
	u64 target;         /* 136: where 64-bit code begins */
	u64 host_rsp;       /* 144 */
	u64 gs_base;        /* 152 */
	u32 far_offset;     /* 160: where other code begins */
	u16 far_selector;   /* 164 */
	u16 ds, es, ss, gs; /* 166, 168, 170, 172 */
	u16 host_ss;        /* 174 */
	u8 is64;            /* 176 */
	u8 wrgsbase;        /* 177 */
};

struct native_frame native_frame; /* global: the assembly names it */
#define frame native_frame

void native_enter(void);
extern u8 native_back[], native_leave[];

/* clang-format off */
__asm__(
	".text\n"
	".globl native_enter, native_back, native_leave\n"
	"native_enter:\n"
	"	push	%rbx\n"
	"	push	%rbp\n"
	"	push	%r12\n"
	"	push	%r13\n"
	"	push	%r14\n"
	"	push	%r15\n"
	"	pushfq\n"
	"	mov	%rsp, native_frame+144(%rip)\n"
	"	mov	%ss, native_frame+174(%rip)\n"
	"	mov	native_frame+166(%rip), %ds\n"
	"	mov	native_frame+168(%rip), %es\n"
	"	cmpb	$0, native_frame+176(%rip)\n"
	"	jne	1f\n"
	"	mov	native_frame+172(%rip), %gs\n"
	"	jmp	2f\n"
	"1:	cmpb	$0, native_frame+177(%rip)\n"
	"	je	2f\n"
	"	mov	native_frame+152(%rip), %rax\n"
	"	wrgsbase %rax\n"
	"2:	mov	native_frame+0(%rip), %rax\n"
	"	mov	native_frame+8(%rip), %rcx\n"
	"	mov	native_frame+16(%rip), %rdx\n"
	"	mov	native_frame+24(%rip), %rbx\n"
	"	mov	native_frame+40(%rip), %rbp\n"
	"	mov	native_frame+48(%rip), %rsi\n"
	"	mov	native_frame+56(%rip), %rdi\n"
	"	mov	native_frame+64(%rip), %r8\n"
	"	mov	native_frame+72(%rip), %r9\n"
	"	mov	native_frame+80(%rip), %r10\n"
	"	mov	native_frame+88(%rip), %r11\n"
	"	mov	native_frame+96(%rip), %r12\n"
	"	mov	native_frame+104(%rip), %r13\n"
	"	mov	native_frame+112(%rip), %r14\n"
	"	mov	native_frame+120(%rip), %r15\n"
	"	cmpb	$0, native_frame+176(%rip)\n"
	"	push	native_frame+128(%rip)\n"
	"	je	3f\n"
	"	popfq\n"
	"	mov	native_frame+32(%rip), %rsp\n"
	"	jmp	*native_frame+136(%rip)\n"
	"3:	popfq\n"
	"	mov	native_frame+170(%rip), %ss\n"
	"	mov	native_frame+32(%rip), %rsp\n"
	"	ljmp	*native_frame+160(%rip)\n"
	/* Back from the instruction. */
	"native_back:\n"
	"	mov	%rsp, native_frame+32(%rip)\n"
	"	mov	native_frame+174(%rip), %ss\n"
	"	mov	native_frame+144(%rip), %rsp\n"
	"	pushfq\n"
	"	pop	native_frame+128(%rip)\n"
	"	mov	%rax, native_frame+0(%rip)\n"
	"	mov	%rcx, native_frame+8(%rip)\n"
	"	mov	%rdx, native_frame+16(%rip)\n"
	"	mov	%rbx, native_frame+24(%rip)\n"
	"	mov	%rbp, native_frame+40(%rip)\n"
	"	mov	%rsi, native_frame+48(%rip)\n"
	"	mov	%rdi, native_frame+56(%rip)\n"
	"	mov	%r8, native_frame+64(%rip)\n"
	"	mov	%r9, native_frame+72(%rip)\n"
	"	mov	%r10, native_frame+80(%rip)\n"
	"	mov	%r11, native_frame+88(%rip)\n"
	"	mov	%r12, native_frame+96(%rip)\n"
	"	mov	%r13, native_frame+104(%rip)\n"
	"	mov	%r14, native_frame+112(%rip)\n"
	"	mov	%r15, native_frame+120(%rip)\n"
	/* Back from a signal's handler, which has saved them. */
	"native_leave:\n"
	"	popfq\n"
	"	pop	%r15\n"
	"	pop	%r14\n"
	"	pop	%r13\n"
	"	pop	%r12\n"
	"	pop	%rbp\n"
	"	pop	%rbx\n"
	"	ret\n");
/* clang-format on */

static struct native *current;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	static const u8 order[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
				      REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
				      REG_R12, REG_R13, REG_R14, REG_R15 };
	ucontext_t *u = context;
	greg_t *g = u->uc_mcontext.gregs;

	if (!current) {
		signal(sig, SIG_DFL); /* a fault of the test itself */
		return;
	}
	for (u32 k = 0; k < 16; k++)
		frame.gpr[k] = (u64)g[order[k]];
	frame.flags = (u64)g[REG_EFL];
	current->fault = (u32)g[REG_TRAPNO];
	current->error = (u32)g[REG_ERR];
	current->cr2 = (u64)g[REG_CR2];
	current->rip = (u64)g[REG_RIP];
	g[REG_RIP] = (greg_t)native_leave;
	g[REG_RSP] = (greg_t)frame.host_rsp;
	g[REG_EFL] = 0x202;
	g[REG_CSGSFS] = USER_CS64 | (greg_t)USER_DS << 48;
}

static int ldt_set(u32 n, u64 base, u32 limit, bool code, bool wide, bool readonly, bool down)
{
	struct user_desc d = {
		.entry_number = n,
		.base_addr = (u32)base,
		.limit = limit,
		.seg_32bit = wide,
		.contents = code ? 2 :
			    down ? 1 :
				   0,
		.read_exec_only = readonly,
		.useable = 1,
	};

	return (int)syscall(SYS_modify_ldt, 0x11, &d, sizeof(d));
}

/* One set of segments; the data segments end before the data does. */
static int ldt_config(enum native_config config, u32 first, bool wide)
{
	static const struct {
		u16 attr;
		u32 limit, base;
	} rows[6] = {
		{ DATA_ATTR, 0x4fff, 0x123 },     /* ES */
		{ CODE_ATTR, 0x1fff, 0 },         /* CS */
		{ DATA_ATTR, 0x3ffd, 0 },         /* SS */
		{ DATA_ATTR, 0x5fff, 0 },         /* DS */
		{ 0, 0, 0 },                      /* FS: the C library's */
		{ DATA_ATTR & ~2, 0x2fff, 0x10 }, /* GS: can only be read */
	};

	for (u32 k = 0; k < 6; k++) {
		bool code = k == 1;
		u64 base = (code ? NATIVE_CODE : NATIVE_DATA) + rows[k].base;

		if (!rows[k].attr)
			continue;
		if (ldt_set(first + k, base, rows[k].limit, code, wide, !(rows[k].attr & 2), false))
			return -1;
		native_segments[config][k] = (struct native_segment){
			.selector = SELECTOR(first + k),
			.attr = (u16)(rows[k].attr | (wide ? 0x400 : 0)),
			.limit = rows[k].limit,
			.base = base,
		};
	}
	/* Expands down: what is above the limit is in it. */
	if (config == NATIVE_32) {
		if (ldt_set(first, NATIVE_DATA, 0xfff, false, wide, false, true))
			return -1;
		native_segments[config][0].base = NATIVE_DATA;
		native_segments[config][0].limit = 0xfff;
		native_segments[config][0].attr |= 4;
	}
	return 0;
}

static void flat_config(void)
{
	struct native_segment *s = native_segments[NATIVE_32_FLAT];

	for (u32 k = 0; k < 4; k++)
		s[k] = (struct native_segment){ USER_DS, DATA_ATTR | 0xc00, 0xffffffff, 0 };
	s[1].selector = USER_CS32;
	s[1].attr = CODE_ATTR | 0xc00;
	s = native_segments[NATIVE_64];
	for (u32 k = 0; k < 4; k++)
		s[k] = (struct native_segment){ USER_DS, DATA_ATTR, 0xffffffff, 0 };
	s[1].selector = USER_CS64;
	s[1].attr = CODE_ATTR | 0x200;
}

/* Runs a NOP: does the far jump work here? */
static bool works(enum native_config config)
{
	struct native n = { .gpr = { 1, 2, 3 }, .flags = 2, .rip = NATIVE_CODE };
	static const u8 inc_cx[] = { 0x66, 0xff, 0xc1 };

	native_run(config, inc_cx, 3, &n);
	return n.fault == ~0u && (u16)n.gpr[1] == 3;
}

int native_init(u32 *configs)
{
	static u8 stack[65536];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction act = { .sa_sigaction = on_signal,
				 .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	u8 *code = (u8 *)NATIVE_CODE, *data = (u8 *)NATIVE_DATA, *back = native_back;
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;

	if (mmap(data, NATIVE_DATA_PAGES * 4096, PROT_READ | PROT_WRITE, flags, -1, 0) != data ||
	    mmap(code, 2 * 4096, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0) != code)
		return -1;
	if (sigaltstack(&alternate, NULL) || sigaction(SIGSEGV, &act, NULL) ||
	    sigaction(SIGBUS, &act, NULL) || sigaction(SIGILL, &act, NULL) ||
	    sigaction(SIGTRAP, &act, NULL))
		return -1;
	memset(code, 0xcc, 2 * 4096);
	memcpy((u8 *)STUB, "\xff\x25\0\0\0\0", 6); /* jmp [rip] */
	memcpy((u8 *)STUB + 6, &back, 8);
	flat_config();
	if (getauxval(AT_HWCAP2) & FSGSBASE) {
		frame.wrgsbase = 1;
		native_segments[NATIVE_64][5].base = frame.gs_base = GS_BASE;
	} else {
		native_segments[NATIVE_64][5].base = ~0ULL; /* not to be used */
	}
	syscall(SYS_arch_prctl, ARCH_GET_FS, &native_segments[NATIVE_64][4].base);
	*configs = 1u << NATIVE_64;
	if (works(NATIVE_32_FLAT))
		*configs |= 1u << NATIVE_32_FLAT;
	if (!ldt_config(NATIVE_32, 0, true) && works(NATIVE_32))
		*configs |= 1u << NATIVE_32;
	if (!ldt_config(NATIVE_16, 8, false) && works(NATIVE_16))
		*configs |= 1u << NATIVE_16;
	return works(NATIVE_64) ? 0 : -1;
}

void native_protect(void)
{
	u8 *data = (u8 *)NATIVE_DATA;

	if (mprotect(data + (NATIVE_DATA_PAGES - 2) * 4096, 4096, PROT_READ) ||
	    munmap(data + (NATIVE_DATA_PAGES - 1) * 4096, 4096))
		abort();
}

void native_run(enum native_config config, const u8 *code, u32 len, struct native *n)
{
	const struct native_segment *s = native_segments[config];
	u32 stub = STUB;
	u16 cs64 = USER_CS64;
	u8 *at = (u8 *)n->rip;

	memcpy(at, code, len);
	at += len;
	if (config == NATIVE_64) {
		memcpy(at, (u8 *)STUB, 14);
	} else {
		if (config == NATIVE_16)
			*at++ = 0x66;
		*at++ = 0xea; /* far jump */
		memcpy(at, &stub, 4);
		memcpy(at + 4, &cs64, 2);
	}
	memcpy(frame.gpr, n->gpr, sizeof(n->gpr));
	frame.flags = n->flags;
	frame.is64 = config == NATIVE_64;
	frame.target = n->rip;
	frame.far_offset = (u32)(n->rip - s[1].base);
	frame.far_selector = s[1].selector;
	frame.es = s[0].selector;
	frame.ss = s[2].selector;
	frame.ds = s[3].selector;
	frame.gs = s[5].selector;
	n->fault = ~0u;
	current = n;
	native_enter();
	current = NULL;
	memcpy(n->gpr, frame.gpr, sizeof(n->gpr));
	n->flags = frame.flags;
	if (n->fault != ~0u)
		n->rip += s[1].base;
}
