/*
 * The backend's part of a VM and of a vCPU, and the functions that its files share. All of it lies
 * in the VM's heap; owner: the vCPU's thread, with its VMCS current on this CPU.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/types.h"
#include "vmx/caps.h"
#include "vmx/spec.h"

struct cpuid_spec;
struct vcpu;
struct vm;
struct vm_event;
struct vm_exit;
enum hvm_window;

struct hvm_vm {
	u8 *msr_bitmap; /* const: two pages, the second for vCPUs with a SPEC_CTRL of their own */
	/* NULL where vmx_caps.apicv has no use for them: */
	u8 *x2apic_bitmap;      /* const: the same for those whose x2APIC is virtualized */
	u8 *access_page;        /* const: where guests see their APIC: vmx/apicpage.h */
	u32 elsewhere;          /* vCPUs that are not in xAPIC mode; atomic */
	struct pi_desc *posted; /* const: a page of the hypervisor's, a descriptor for each vCPU */
	struct ipiv *ipiv;      /* const: vmx/ipiv.h; NULL: software alone posts */
	u64 eptp;               /* const */
};

/* What run() has to see to before the next entry, beside dirty registers. */
enum vmx_pending {
	VMX_FLUSH = BIT(0), /* INVEPT and INVVPID */
	VMX_FLUSH_VPID =
		BIT(1),      /* INVVPID: the guest changed what its linear translations depend on */
	VMX_TSC = BIT(2),    /* TSC offset */
	VMX_FAILED = BIT(3), /* a VMCS access failed: failed_field */
	VMX_APIC = BIT(4),   /* vmx_apicv_follow() */
	VMX_DEADLINE = BIT(5), /* deadline_ns has changed */
	VMX_TIMER = BIT(
		6), /* at each entry: the preemption timer is to count from there to deadline_tsc */
};

/* Those of them after which translations are dropped. */
#define VMX_TRANSLATIONS (VMX_FLUSH | VMX_FLUSH_VPID | VMX_APIC)

#define EOI_EXIT_WORDS 4 /* a bit for each vector */

struct hvm_vcpu {
	u64 launched;                  /* offset 0, entry.asm: VMRESUME from now on */
	u64 host_rsp;                  /* offset 8, entry.asm: what HOST_RSP holds */
	u64 host_ssp;                  /* offset 16, entry.asm: what HOST_SSP holds */
	u32 pending;                   /* enum vmx_pending */
	u32 failed_field;              /* with VMX_FAILED */
	u8 *vmcs;                      /* const: a page */
	u16 vpid;                      /* const; 0: none */
	bool constructed;              /* the fields that never change are written */
	u64 deadline_ns, deadline_tsc; /* of hvm_ops.deadline, and the host's TSC then */
	u32 last_cpu;                  /* where it ran last; ~0: nowhere yet */
	struct vmx_controls controls;  /* as the VMCS has them */
	u64 tsc_mult;                  /* the same; 0: its TSC is not scaled */
	u8 *tpr;                       /* the virtual TPR, where the TPR shadow is all there is */
	u8 tpr_threshold;              /* as the VMCS has it */
	u64 cr0_mask, cr4_mask;        /* bits that the hypervisor owns */
	bool elsewhere;                /* it counts in hvm_vm.elsewhere */
	bool posted;                   /* posts reach the guest while it runs */
	bool asleep;                   /* hardware that posts wakes its thread; with hvm_vm.ipiv */
	u64 eoi_exits[EOI_EXIT_WORDS]; /* as the VMCS has them; atomic: posters look */
	u64 level[EOI_EXIT_WORDS];     /* posted, and not in eoi_exits; atomic */
	u64 level_waits;               /* there is something in level; atomic */
	struct vmx_spec spec;
};

/* What struct vcpu_regs.shadow has of the interruptibility state. */
#define SHADOW_ALL (SHADOW_STI | SHADOW_MOVSS | SHADOW_NMI)

/* Guest state that run() writes back, and that vcpu_need() reads (regs.c, cr.c). */
void vmx_read_regs(struct vcpu *v, u32 groups);
void vmx_write_regs(struct vcpu *v);
void vmx_read_cr(struct vcpu *v);
void vmx_write_cr(struct vcpu *v);
/* EXIT_CR from the qualification. */
void vmx_cr_exit(struct vcpu *v, struct vm_exit *e);

/* Events (event.c). */
void vmx_inject(struct vcpu *v, const struct vm_event *ev);
void vmx_window(struct vcpu *v, enum hvm_window w, bool on);
/* The event whose delivery the exit cut short, from the IDT-vectoring information, to v->event. */
void vmx_requeue_event(struct vcpu *v, u32 info);
/* The guest's NMI handler goes on: its IRET faulted after it had unblocked NMIs. */
void vmx_block_nmi(void);

/* The multiplier of v's TSC, and the control that goes with it (tsc.c). */
void vmx_tsc_scale(struct vcpu *v);
/* What tscscale_hw is to say of secondary controls that may be set. */
void vmx_tsc_probe(u32 proc2_may);

/* hvm_ops.deadline, and what it leaves to the next entry; pending: what there is to do (deadline.c). */
bool vmx_deadline(struct vcpu *v, u64 ns);
void vmx_deadline_serve(struct hvm_vcpu *h, u32 pending);

/* Changes primary controls of the current VMCS. */
void vmx_set_proc(struct hvm_vcpu *h, u32 set, u32 clear);

/* Enters the guest and returns at its next exit (run.c). */
void vmx_run(struct vcpu *v, struct vm_exit *e);

/* Writes the fields that never change (construct.c), and those that follow the CPU. */
void vmx_construct(struct vcpu *v);
void vmx_write_host_state(void);

/*
 * MSRs whose accesses need no exit, from vm/msr.h's list and spec_passes() (msrmap.c): a VM's two bitmaps, one
 * behind the other; vCPUs with a SPEC_CTRL of their own have the second. NULL: no memory.
 */
u8 *vmx_msr_bitmaps(struct vm *vm) __must_check;
void vmx_msr_bitmap_fill(u8 *bitmap, const struct cpuid_spec *spec, bool own);
void vmx_msr_bitmap_pass(u8 *bitmap, u32 msr, bool read, bool write);

/* A VPID that no other vCPU has, or 0 (none is left, or the CPU has none); gives it back. */
u16 vpid_alloc(void);
void vpid_free(u16 vpid);
/* Drops translations on this CPU: of a VPID; of an EPT pointer. */
void vpid_flush(u16 vpid);
void eptp_flush(u64 eptp);

/* vCPU lifecycle (vcpu.c). */
int vmx_vm_create(struct vm *vm);
void vmx_vm_destroy(struct vm *vm);
int vmx_vcpu_create(struct vcpu *v);
void vmx_vcpu_destroy(struct vcpu *v);
void vmx_load(struct vcpu *v);
void vmx_put(struct vcpu *v);

/*
 * entry.asm: runs the guest once, and ends with vmx_exited() of run.c, which fills *e. reason is the exit reason,
 * or VMX_ENTER_FAILED: the guest did not run; the VMCS has an error number.
 */
#define VMX_ENTER_FAILED 0xffffffffu
void vmx_enter(struct vcpu *v, struct hvm_vcpu *h, struct vm_exit *e);
void vmx_exited(struct vcpu *v, struct vm_exit *e, u64 reason);
extern char vmx_exit_label[];
