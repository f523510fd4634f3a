/*
 * What the files of the AMD backend share: the backend's part of a VM and of a vCPU, what the CPU
 * offers, and the functions that one file has for another.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/types.h"
#include "svm/vmcb.h"
#include "vm/hvm.h"
#include "vm/vcpu.h"

struct cpuid_spec;

#define INSN_LEN_MAX 15

/* CPUID Fn8000_000A "SVM Revision and Feature Identification". Const after probe. */
struct svm_caps {
	u32 asids;    /* how many address space identifiers, the host's 0 included */
	u32 clean;    /* CLEAN_* bits that the CPU looks at; 0 without that feature */
	u64 host_mce; /* CR4_MCE where the host has machine checks on */
	bool next_rip;
	bool flush_by_asid;
	bool decode_assists;
	bool pause_filter;
	bool pause_threshold;
	bool virt_spec_ctrl; /* VMRUN and #VMEXIT switch SPEC_CTRL */
	bool tsc_ratio;      /* there is TSC_RATIO */
	u32 avic;            /* enum avic_use */
	bool tcg; /* QEMU's emulation has faults: see svm_host_recheck() and svm_inject() */
};
extern struct svm_caps svm_caps;

/* Work for svm_prepare() before the next entry ... */
enum svm_work {
	WORK_ASID = BIT(0), /* the vCPU needs an ASID of this CPU that holds no translations */
	WORK_NMI_WINDOW = BIT(1), /* an NMI waits for the guest to be able to take it */
	WORK_CR8 = BIT(2),  /* writes of CR8 are intercepted: look whether they still must be */
	WORK_TLB = BIT(3),  /* TLB_CONTROL is to be taken back */
	WORK_IRET = BIT(4), /* the guest is at the IRET that ends its NMI handler */
	WORK_SPEC = BIT(5), /* svm_spec_enter(), at every entry */
};

/* ... and for svm_long_exit() after it. */
enum svm_after {
	AFTER_STEPPING = BIT(0), /* RFLAGS.TF is ours, for one instruction */
	AFTER_SOFT = BIT(1),     /* RIP was moved over a software event: soft_len */
	AFTER_RECHECK = BIT(2),  /* svm_host_recheck() */
	AFTER_SPEC = BIT(3),     /* svm_spec_leave(), at every exit */
};

/* insnlen.h: an instruction that exited before. */
struct insn_seen {
	u64 rip, cr3, cs_base; /* when it did; RIP is all ones: nothing here */
	const void *where;     /* in the window */
	u64 bytes, mask;       /* little endian, as many as it has */
	const void *entry_at;  /* the page's entry in the guest's tables, in the window */
	u64 entry;
	u64 len;
} __aligned(128); /* a shift instead of a multiplication */
#define INSN_SEEN 8

/* svm/avic.c; tables in the VM's heap, for the CPU; NULL without AVIC. */
struct avic_vm {
	u64 *physical;    /* by APIC id; atomic */
	u32 *logical;     /* by logical id; atomic */
	void *page;       /* what the second stage has in place of the APIC; nobody reads it */
	u32 on;           /* atomic; written by vCPU 0's thread */
	u32 logical_mode; /* atomic: DFR's upper bits and 1; 0: nobody has an id yet */
	u32 logical_off;  /* atomic: the logical table stays empty */
};

struct hvm_vm {
	u8 *msrpm; /* two: the second for vCPUs with a SPEC_CTRL of their own */
	u8 *iopm;
	struct avic_vm avic;
};

/* In the VM's heap; owner: the vCPU's thread. */
struct hvm_vcpu {
	struct vmcb *vmcb;  /* const */
	u64 vmcb_pa;        /* const */
	u64 host_pa;        /* where this CPU's FS, GS, TR, LDTR and SYSCALL state are */
	u32 work;           /* enum svm_work */
	u32 after;          /* enum svm_after */
	const u8 *apic_tpr; /* const: in the APIC's page */
	u8 tpr;             /* the task priority that the VMCB was given */
	u32 nmi_shadow;     /* SHADOW_NMI while the guest is in an NMI handler, else 0 */
	s32 cpu;            /* where asid is from; -1: nowhere yet */
	u32 asid;
	u64 asid_generation;
	u64 step_tf;   /* TF as the guest has it */
	u64 iret_rip;  /* WORK_IRET: where it is */
	u64 spec_ctrl; /* the guest's, where the CPU does not keep it in the VMCB */
	u8 soft_len;   /* bytes */
	bool spec_own; /* svm/spec.c switches it */
	bool avic;     /* the VMCB has AVIC on */
	bool loaded;   /* it is on a CPU */
	bool asleep;   /* posts wake the thread, wherever it is */
	u32 where;     /* atomic: the APIC id of the CPU it may run on, and 1; 0: posts wake it */
	u32 logical_slot; /* of the logical table; as many as there are: none */
	struct insn_seen seen[INSN_SEEN];
};

/* These CR4 and CR0 bits differ between what the guest sees and what it runs with. */
#define CR0_HIDDEN (CR0_CD | CR0_NW)

static inline void vmcb_changed(struct hvm_vcpu *s, u32 clean_bits)
{
	s->vmcb->control.clean &= ~clean_bits;
}

/* caps.c */
int svm_probe(const char **why) __must_check;
/* The decision by facts: CPUID Fn8000_000A's EBX and EDX, the register VM_CR, the host's CR4. Fills svm_caps. */
int svm_caps_decide(u32 ebx, u32 edx, u64 vm_cr, u64 cr4, const char **why) __must_check;

/* maps.c: all accesses exit but those of the pass list, and of spec_passes() */
void msrpm_init(u8 *map, const struct cpuid_spec *spec, bool own);
void iopm_init(u8 *map);

/* build.c: a VMCB as every vCPU starts with */
void vmcb_init(struct vmcb *b, const struct vm *vm, u64 msrpm_pa, u64 iopm_pa);
/* NULL, or which of the APM's "Canonicalization and Consistency Checks" b fails. */
const char *vmcb_check(const struct vmcb *b);

/* asid.c: on this CPU, interrupts off */
void asid_cpu_init(u32 asids);
void asid_load(struct hvm_vcpu *s, u32 cpu);
void asid_assign(struct hvm_vcpu *s);
void asid_flush(struct hvm_vcpu *s);
/* An entry failed, and with it perhaps the flush that it was to do: the next ASID taken flushes all. */
void asid_flush_failed(void);

/* regs.c */
void svm_read_regs(struct vcpu *v, u32 groups);
void svm_write_regs(struct vcpu *v);

/* spec.c: RG_SPEC; around the guest's run, for WORK_SPEC and AFTER_SPEC */
void svm_spec_read(struct vcpu *v);
void svm_spec_write(struct vcpu *v);
void svm_spec_enter(struct vcpu *v);
void svm_spec_leave(struct vcpu *v);

/* event.c */
void svm_inject(struct vcpu *v, const struct vm_event *ev);
void svm_window(struct vcpu *v, enum hvm_window w, bool on);
/* EXITINTINFO: what the exit cut short goes into v->event. */
void svm_event_cut_short(struct vcpu *v, u64 info);
/* The guest is in (SHADOW_NMI) or out (0) of an NMI handler. */
void svm_set_nmi_shadow(struct hvm_vcpu *s, u32 shadow);
/* Makes the guest leave soon; what follows on the exit. */
void svm_step_begin(struct vcpu *v);
bool svm_step_end(struct vcpu *v, struct vm_exit *e);
void svm_iret_exit(struct vcpu *v, struct vm_exit *e);
void svm_interrupt_exit(struct vcpu *v, struct vm_exit *e);
void svm_window_exit(struct vcpu *v, struct vm_exit *e);

/* exits.c: turns the exit in the VMCB into *e */
void svm_decode_exit(struct vcpu *v, struct vm_exit *e);
#define SVM_SHORT_EXITS (VMEXIT_TLBSYNC + 1)
/* Kinds by code, for exits whose kind says it all; EXIT_NONE: another. */
extern const u8 svm_short_exits[SVM_SHORT_EXITS];

/*
 * svm.c: a host interrupt or machine check ended the guest's run; takes it. After a machine check true: the
 * guest cannot go on.
 */
void svm_host_interrupt(void);
bool svm_host_machine_check(void) __must_check;
/*
 * QEMU's TCG, as of 10.0: VMRUN with V_IRQ notes that in the CPU's request word without its lock, and an
 * interrupt that another thread notes there at that moment is lost: pending in the local APIC, it is not
 * delivered until something makes the APIC look again. A write of the task priority does.
 */
void svm_host_recheck(void);

/* crinsn.c: the instructions that access control registers, on CPUs that do not tell their operands */
struct cr_insn {
	u8 len;
	u8 cr;
	bool write;
	bool clts, lmsw, smsw;
	bool memory; /* LMSW or SMSW with a memory operand */
	u8 gpr;      /* enum gpr */
	u8 size;     /* operand bytes of SMSW to a register */
};
/* False: something else or too short. mode is 16, 32 or 64. */
bool cr_insn_decode(const u8 *bytes, size_t n, u32 mode, struct cr_insn *out) __must_check;
/* An exit for a control register. */
void svm_cr_exit(struct vcpu *v, struct vm_exit *e);

/*
 * entry.asm: runs the guest once, and ends with svm_exited(). v's general-purpose registers are the guest's (but
 * RAX and RSP, which lie in the VMCB), vmcb_pa is its VMCB, host_pa a page that VMSAVE filled on this CPU.
 * Interrupts off before and after; host interrupts end the guest's run and stay pending.
 */
void svm_enter(struct vcpu *v, struct vm_exit *e, u64 vmcb_pa, u64 host_pa);
/* run.c: what follows the exit: fills *e. */
void svm_exited(struct vcpu *v, struct vm_exit *e);
