/*
 * The table of exits and the decoders that work on plain values, for vmx/exit.c and its tests.
 */
#pragma once

#include "lib/types.h"
#include "vmx/vmcs.h"

struct vcpu;
struct vm_exit;

enum exit_row_flags {
	ROW_INSN = BIT(0),      /* caused by an instruction; its length is known */
	ROW_VECTORING = BIT(1), /* may come in the middle of an event's delivery */
	ROW_KNOWN = BIT(2),     /* expected, though nothing needs doing */
};

struct exit_row {
	u8 kind;  /* enum exit_kind, unless decode says otherwise */
	u8 flags; /* enum exit_row_flags */
	void (*decode)(struct vcpu *v, struct vm_exit *e);
};

extern const struct exit_row exit_rows[REASON_COUNT];

/* Fills e for an exit that is not an instruction's, or has no row. */
void vmx_exit_other(struct vcpu *v, struct vm_exit *e, const struct exit_row *row);

/* False for a reason without a row. */
bool exit_row_known(const struct exit_row *row);

/* Exit qualification for I/O instructions; instruction information for INS and OUTS. */
void vmx_io_decode(struct vm_exit *e, u64 qualification, u32 info);
/* Exit qualification for APIC accesses, as one of a device. */
void vmx_apic_access_decode(struct vm_exit *e, u64 qualification);
/* Exit qualification for EPT violations. */
void vmx_s2_decode(struct vm_exit *e, u64 qualification);
