/*
 * Interrupts without exits: the border between `vm/` and what a CPU has for it, VT-x's APIC virtualization
 * with posted interrupts or AMD's AVIC. Where it is on for a vCPU (vlapic.hw), the hardware owns the
 * requests, the interrupts in service and the priorities in the APIC's page, and vm/ does not inject the
 * APIC's interrupts: it requests them. ExtINT, NMIs and exceptions go by vm/inject.c in any case.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct vcpu;

/* What there may be, each with a name for the command line. */
enum apicv_feature {
	APICV_TPR = BIT(0),       /* "tpr": CR8 and the task priority without exits */
	APICV_REGISTERS = BIT(1), /* "registers": reads of the APIC's registers */
	APICV_XAPIC = BIT(2),     /* "xapic": accesses to its page in memory */
	APICV_X2APIC = BIT(3),    /* "x2apic": accesses by MSR */
	APICV_DELIVERY = BIT(4), /* "delivery": the hardware picks and delivers what is requested */
	APICV_POSTED = BIT(5),   /* "posted": requests reach a guest that runs */
	APICV_IPI = BIT(6),      /* "ipi": IPIs to other vCPUs */
	APICV_ALL = BITS(6, 0),
};

/*
 * What the words behind apicv= leave: "off" nothing, "-NAME,-NAME" all but those. Names that are not known are
 * logged.
 */
u32 apicv_parse(const char *words);
/* The same for the command line. */
u32 apicv_allowed(void);
/* Logs which are in use, by those names; who says it. */
void apicv_report(const char *who, u32 features);

struct apicv_ops {
	/*
	 * Software has set the APIC's mode (v->apic_base) or registers in its page that the hardware owns. Sets
	 * v->lapic->hw, and has the next entry follow. On v's thread, or before v has one.
	 */
	void (*refresh)(struct vcpu *v);

	/*
	 * Requests vector of a vCPU that is not the caller's, and makes it notice; level: by its trigger mode,
	 * which the TMR has already. In the VM's address space, whatever v does meanwhile, also where v->lapic->hw
	 * is false. The caller's own vCPU sets IRR itself (vm/lapic.c).
	 */
	void (*post)(struct vcpu *v, u8 vector, bool level);

	/*
	 * Brings into the page what was posted, and has the hardware look at IRR anew at the next entry. On v's
	 * thread, with v loaded; before IRR is looked at, and whenever it was written.
	 */
	void (*sync)(struct vcpu *v);

	/*
	 * on: from now on who posts wakes v's thread; then look for work, and sleep. off: it goes on. On v's thread.
	 */
	void (*sleep)(struct vcpu *v, bool on);
};

/* What this machine has; NULL: nothing, or apicv=off, and all goes by software. Set once by the backend. */
extern const struct apicv_ops *apicv;
/* IPIs to other vCPUs leave without exits in x2APIC mode: guests are not offered a hypercall for them. The same. */
extern bool apicv_ipis;
