/*
 * The border between `vm/` and the CPU backends: two const instances of struct hvm_ops, `vmx_ops`
 * and `svm_ops`. A backend turns each hardware exit into a neutral struct vm_exit.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/types.h"

struct vm;
struct vcpu;
struct vm_event;
struct ptab_format;

enum exit_kind {
	EXIT_NONE,   /* served by the backend or a host interrupt; enter again */
	EXIT_WINDOW, /* the guest can take what was waited for (interrupt or NMI) */
	EXIT_HLT,
	EXIT_PAUSE,
	EXIT_CPUID,
	EXIT_MSR,
	EXIT_PORT,
	EXIT_S2, /* guest physical address without translation */
	EXIT_CR,
	EXIT_XSETBV,
	EXIT_HYPERCALL,
	EXIT_EXCEPTION, /* #AC, #DB, #MC or #UD that is intercepted */
	EXIT_INSN,      /* an instruction that is not offered: #UD */
	EXIT_CACHE,     /* INVD, WBINVD: nothing to do but skip */
	EXIT_TASK_SWITCH,
	EXIT_SHUTDOWN,      /* triple fault */
	EXIT_BAD_STATE,     /* the CPU refused the guest's state at entry */
	EXIT_MACHINE_CHECK, /* the guest used memory that has failed: core/mce.h */
	EXIT_EOI,           /* the hardware has done an EOI of a vector that vm/ asked to hear of */
	EXIT_APIC_WRITE, /* the hardware has written a register of the APIC; what follows is left */
	EXIT_TIMER,      /* hvm_ops.deadline has come */
	EXIT_ERROR,      /* the backend could not go on with this VM; text says why */
	EXIT_KINDS,
};

/* An access to ports. Eight bytes, so that one move fills in all of it. */
struct exit_port {
	u16 port;
	u8 size;
	bool write;
	bool string; /* INS or OUTS */
	bool rep;
	u8 addr_size; /* 2, 4, 8: of string forms; 0: decode */
	u8 seg;       /* enum seg of OUTS' source */
};

struct vm_exit {
	u8 kind;     /* enum exit_kind */
	u8 insn_len; /* 0: unknown, decode it; else RG_RIP, RG_RFLAGS and RG_SHADOW have been read */
	union {
		struct {
			bool write;
		} msr; /* index, value in the registers */
		struct exit_port port;
		struct {
			gpa_t gpa; /* RG_RIP, RG_RFLAGS and RG_SHADOW have been read */
			bool write, fetch;
			bool table_walk; /* while reading the guest's page tables */
			bool delivery;   /* of v->event.vector: not the instruction touched it */
			u64 cr3_64;      /* CR3 where 64-bit code runs; ~0: other code */
		} s2;
		struct {
			u8 cr; /* 0, 3, 4 or 8 */
			bool write;
			u8 gpr; /* enum gpr; for CLTS and LMSW: the backend gives the resulting value */
			bool have_value;
			u64 value;
		} cr;
		struct {
			u8 vector;
			bool has_error;
			u32 error;
			u64 dr6; /* #DB: the bits to merge */
		} exception;
		struct {
			u8 vector;
		} eoi;
		struct {
			u16 offset; /* of the register in its page */
		} apic_write;
		struct {
			const char *text;
			u64 code;
		} error;
	};
};

#define HVM_NO_DEADLINE (~0ULL)

enum hvm_window { WINDOW_INTR, WINDOW_NMI };

struct hvm_ops {
	const char *name; /* "VT-x" or "AMD-V" */

	bool syscall_msrs_live; /* STAR.. and KERNEL_GS_BASE stay in the CPU: vm/lazy.c swaps them */
	bool dr6_switched;      /* DR6 is switched with every entry and exit */

	/* Whether this CPU can run guests; else *why says what is missing. Boot CPU, once. */
	int (*probe)(const char **why);
	/* Switches virtualization on and off on this CPU. Interrupts off. */
	int (*cpu_enable)(void);
	void (*cpu_disable)(void);

	/* The format of second-stage tables. */
	const struct ptab_format *s2_format;

	/* The backend's part of a VM and of a vCPU, in the VM's heap. In the VM's address space. */
	int (*vm_create)(struct vm *vm);
	void (*vm_destroy)(struct vm *vm);
	int (*vcpu_create)(struct vcpu *v);
	void (*vcpu_destroy)(struct vcpu *v);

	/*
	 * The vCPU's thread comes onto this CPU, or leaves it. Interrupts off. load makes the CPU ready
	 * (VMPTRLD, host fields); put makes the vCPU loadable elsewhere.
	 */
	void (*load)(struct vcpu *v);
	void (*put)(struct vcpu *v);

	/*
	 * Writes dirty groups, enters the guest and returns at its next exit, interrupts off before and
	 * after. A host interrupt that ended the guest's run has been handled on return (EXIT_NONE).
	 * Events whose delivery was cut short by the exit are left in v->event.
	 */
	void (*run)(struct vcpu *v, struct vm_exit *e);

	/* Reads register groups that are not valid. */
	void (*read_regs)(struct vcpu *v, u32 groups);

	/* Encodes ev for the next entry. */
	void (*inject)(struct vcpu *v, const struct vm_event *ev);
	/* Asks for an exit as soon as the guest can take it, or no longer. */
	void (*window)(struct vcpu *v, enum hvm_window w, bool on);

	/* Drops cached translations of this vCPU (guest physical and combined) before the next entry. */
	void (*flush)(struct vcpu *v);

	/* Called when v->tsc_offset changed. How fast it runs (v->vm->tsc) is looked at by load. */
	void (*tsc_changed)(struct vcpu *v);

	/*
	 * Asks for an EXIT_TIMER when clock_ns() is ns, not before, if the vCPU is in guest mode then;
	 * HVM_NO_DEADLINE: for none. One that comes too early does no harm. False: the hardware cannot. NULL: never.
	 */
	bool (*deadline)(struct vcpu *v, u64 ns);
};

/* The backend in use; set once by the composition root. */
extern const struct hvm_ops *hvm;

/*
 * Chooses the backend that the machine has and turns it on, on every CPU. -ENODEV, and no guests, where it has
 * none or one CPU refuses. Never panics.
 */
int hvm_enable_all(const struct hvm_ops *const *candidates, size_t count);
