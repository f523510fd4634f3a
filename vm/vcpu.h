/*
 * A virtual CPU. This struct lies in the VM's heap: it is reachable only in that VM's address
 * space. What others need to reach it (requests, thread) is struct vcpu_port in vm.h, which lies in
 * the hypervisor's heap.
 *
 * Registers: the general-purpose ones are saved on every exit; the other groups are read from the
 * hardware when first asked for after an exit (valid) and written back before the next entry when
 * changed (dirty).
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/list.h"
#include "lib/types.h"
#include "vm/decode.h"
#include "vm/iobus.h"
#include "vm/pv.h"

struct vm;
struct vcpu_port;
struct vlapic;
struct hvm_vcpu; /* the backend's part */
struct xsave_area;
struct vm_exit;

enum gpr {
	GPR_RAX,
	GPR_RCX,
	GPR_RDX,
	GPR_RBX,
	GPR_RSP,
	GPR_RBP,
	GPR_RSI,
	GPR_RDI,
	GPR_R8,
	GPR_R9,
	GPR_R10,
	GPR_R11,
	GPR_R12,
	GPR_R13,
	GPR_R14,
	GPR_R15,
};

/* Segment registers in the instruction encoding's order, then the system ones. */
enum seg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR, SEG_COUNT };

struct segment {
	u64 base;
	u32 limit; /* in bytes, granularity applied */
	u16 selector;
	u16 attr; /* bits 0-7: type, S, DPL, P; 8-11: AVL, L, D/B, G (the descriptor's order) */
};

#define SEG_ATTR_S   BIT(4)
#define SEG_ATTR_P   BIT(7)
#define SEG_ATTR_AVL BIT(8)
#define SEG_ATTR_L   BIT(9)
#define SEG_ATTR_DB  BIT(10)
#define SEG_ATTR_G   BIT(11)

struct dtable {
	u64 base;
	u32 limit;
};

/* Register groups of valid and dirty. */
enum reg_group {
	RG_RIP = BIT(0),
	RG_RSP = BIT(1),
	RG_RFLAGS = BIT(2),
	RG_CR = BIT(3), /* cr0 cr3 cr4 efer */
	RG_CR2 = BIT(4),
	RG_CS = BIT(5),     /* CS and SS: mode and privilege */
	RG_SEG = BIT(6),    /* the other segments, LDTR and TR */
	RG_DT = BIT(7),     /* GDTR and IDTR */
	RG_DR7 = BIT(8),    /* and DR6 where hvm_ops.dr6_switched */
	RG_SHADOW = BIT(9), /* interrupt shadow and NMI blocking */
	RG_SYSENTER = BIT(10),
	RG_PAT = BIT(11),
	RG_SYSCALL = BIT(12), /* star lstar cstar sfmask kernel_gs */
	RG_DEBUGCTL = BIT(13),
	RG_SPEC = BIT(14), /* vcpu.spec_ctrl; virt_spec_ctrl with it */
	RG_ALL = BITS(14, 0),
	RG_STEPPED = BIT(
		15), /* dirty alone: an instruction took away RF, or the shadow of STI and MOV SS */
};

#define SHADOW_STI   BIT(0)
#define SHADOW_MOVSS BIT(1)
#define SHADOW_NMI   BIT(3) /* an NMI handler runs; the bits are those of the VMCS */

struct vcpu_regs {
	u64 gpr[16]; /* at offset 0: the entry code knows; [GPR_RSP] is group RG_RSP */
	u64 rip, rflags;
	u64 cr0, cr2, cr3, cr4, efer; /* as the guest sees them */
	struct segment seg[SEG_COUNT];
	struct dtable gdt, idt;
	u64 dr[4], dr6, dr7;
	u32 shadow;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 pat;
	u64 star, lstar, cstar, sfmask, kernel_gs;
	u64 debugctl;
	u64 xcr0;
	u64 tsc_aux;
};

enum event_kind {
	EVENT_NONE,
	EVENT_INTR,
	EVENT_NMI,
	EVENT_EXCEPTION,
	EVENT_SOFT_INT,
	EVENT_SOFT_EXC
};

/* Something to deliver to the guest at the next entry. */
struct vm_event {
	u8 kind; /* enum event_kind */
	u8 vector;
	bool has_error;
	u8 insn_len; /* software interrupts */
	u32 error;
};

/* Requests, raised by anyone in vcpu_port.requests, served by the vCPU before it enters. */
enum vcpu_request {
	REQ_EVENT = BIT(0),   /* interrupt state changed: look again at what to inject */
	REQ_TIMER = BIT(1),   /* the host timer for vtimers fired */
	REQ_CHARDEV = BIT(2), /* input for a serial port */
	REQ_STOP = BIT(3),    /* leave the run loop: see vm->stop_reason */
	REQ_NMI = BIT(4),
	REQ_PAUSE = BIT(5),     /* vm->pause has changed */
	REQ_FLUSH = BIT(6),     /* second-stage translations were removed */
	REQ_CALL = BIT(7),      /* vm/call.h */
	REQ_INIT = BIT(8),      /* an INIT came: vm/startup.h */
	REQ_DEV_TIMER = BIT(9), /* vCPU 0: the host timer for devices' vtimers fired */
	REQ_PV_CLOCK = BIT(10), /* its clock is to be shown anew: vm/pv.h */
	REQ_UNHALT = BIT(11),   /* it was kicked: vm/pv.h */
};

/* What a vCPU does between entries; anything but running is looked at before an entry. */
enum vcpu_activity {
	ACTIVITY_RUNS,
	ACTIVITY_HALTED,     /* until an event that ends HLT */
	ACTIVITY_WAITS_SIPI, /* until a start-up IPI */
};

#define INSNS_KNOWN 16

/* An instruction that was decoded, by what it was decoded from. */
struct insn_known {
	u64 words[2]; /* the bytes */
	u32 mode;     /* 0: none */
	bool plain;   /* see vm/emul.c */
	struct insn insn;
};

#define MOVES_SEEN  8
#define PATH_LEVELS 4

/* vm/moveseen.h: a MOV between a register and [base + displacement] that was emulated, in 64-bit code. */
struct move_seen {
	u64 rip, cr3;                      /* when it was */
	const void *where;                 /* its bytes, in the window */
	u64 bytes, mask;                   /* little endian, as many as it has */
	const void *entry_at[PATH_LEVELS]; /* the entries on the way to it, in the window */
	u64 entry[PATH_LEVELS];
	u64 disp;
	u8 len; /* 0: nothing here */
	u8 base, reg, size;
	bool write;
} __aligned(128); /* a shift instead of a multiplication */

struct vcpu {
	struct vcpu_regs regs; /* first: at offset 0 */
	u32 exit_tsc; /* next: the entry code knows. The host's TSC at the last exit: vm/exitstat.h */
	u32 valid, dirty; /* enum reg_group masks; owner: the vCPU's thread, as all below */
	struct vm *vm;
	struct vcpu_port *port;    /* const */
	u32 index, apic_id;        /* const */
	struct hvm_vcpu *hvm;      /* const: the backend's state */
	struct vlapic *lapic;      /* const */
	struct xsave_area *xsave;  /* const: vector state while another vCPU has the CPU */
	struct vm_event event;     /* to be (re)delivered first; who sets it sets recheck */
	struct vm_event exception; /* raised while handling an exit; the same */
	struct vm_event intr;      /* the interrupt that is injected now */
	bool recheck;              /* there may be something to inject: decide anew what */
	bool nmi_pending;
	u8 activity;       /* enum vcpu_activity */
	bool blocked_intr; /* an interrupt window was asked for */
	bool timer_slept;  /* it did not run when the last of vtimers expired */
	bool timer_hw;     /* the hardware has the first of vtimers: hvm_ops.deadline */
	bool state_live;   /* vector, debug and syscall state are in the CPU, not in memory */
	u64 halt_tsc;      /* the host's TSC at the last HLT */
	u64 tsc_offset;
	u64 paused_tsc;      /* as much of the VM's as tsc_offset has in it */
	u64 s2_generation;   /* the second stage's at the last entry */
	struct list vtimers; /* armed, by deadline */
	u64 apic_base;       /* IA32_APIC_BASE */
	u64 misc_enable, mtrr_def_type, mtrr_fixed[11], mtrr_var[16];
	u64 tsc_adjust;
	u64 spec_ctrl, virt_spec_ctrl;             /* vm/spec.h */
	struct io_access io;                       /* the one under way */
	const struct io_range *io_last[IO_SPACES]; /* that the last one went to; vm/iobus.c */
	struct insn_known insns[INSNS_KNOWN];      /* by RIP's low bits; vm/emul.c */
	struct move_seen moves[MOVES_SEEN];        /* the same; vm/moveseen.c */
	struct vcpu_pv pv;
};

/* Makes sure that groups are valid, reading them from the hardware as needed. */
void vcpu_need(struct vcpu *v, u32 groups);

/* Marks groups as valid and changed. */
static inline void vcpu_dirty(struct vcpu *v, u32 groups)
{
	v->valid |= groups;
	v->dirty |= groups;
}

static inline u64 vcpu_rip(struct vcpu *v)
{
	if (!(v->valid & RG_RIP))
		vcpu_need(v, RG_RIP);
	return v->regs.rip;
}

/*
 * Steps over an instruction of len bytes (0: to be decoded), with all that follows: interrupt shadows,
 * single steps, wrap-around. vm/skip.h has the short way.
 */
void vcpu_skip_slow(struct vcpu *v, u32 len);

/* Raises an exception; combines with one already pending as hardware does (#DF, shutdown). */
void vcpu_raise(struct vcpu *v, u8 vector);
void vcpu_raise_error(struct vcpu *v, u8 vector, u32 error);

/* Sets bits of DR6 for a #DB, replacing which breakpoint was hit (SDM vol. 3, "Debug Status Register"). */
#define DR6_BS BIT(14)
void vcpu_merge_dr6(struct vcpu *v, u64 bits);

/* Width of the code that runs: 16, 32 or 64, from CS, CR0 and EFER. */
u32 vcpu_mode(struct vcpu *v);
/* Current privilege level. */
u32 vcpu_cpl(struct vcpu *v);

/*
 * Reads n bytes at a guest virtual address through the guest's page tables, as an instruction fetch
 * (translation only; for decoding). 0 or -EFAULT. Never writes accessed bits.
 */
int vcpu_fetch(struct vcpu *v, u64 va, u8 *buf, size_t n) __must_check;

/*
 * Guest virtual to guest physical, with the rights of a data access of the current privilege.
 * -EFAULT: not mapped or not allowed; *error is then the page-fault error code.
 */
int vcpu_translate(struct vcpu *v, u64 va, bool write, bool user, gpa_t *out, u32 *error)
	__must_check;

/* True when an event waits that ends HLT. */
bool vcpu_has_work(struct vcpu *v);

/* Decides what the guest gets at this entry and has the backend encode it. Interrupts off. */
void vcpu_inject(struct vcpu *v);

/* Power-on state (SDM vol. 3, "Processor State After Reset"). */
void vcpu_reset(struct vcpu *v);
/*
 * What INIT does to the registers (the same table): vector state and XCR0, MTRRs, PAT, TSC, APIC base and the MSRs
 * of system calls stay. The local APIC is vm/startup.c's matter.
 */
void vcpu_init(struct vcpu *v);

struct state;
/* Saves or loads all architectural state. */
void vcpu_state(struct vcpu *v, struct state *s);
