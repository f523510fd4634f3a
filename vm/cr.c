/*
 * New values of control registers, EFER and XCR0: checked as the CPU would, then set. What the guest
 * was not offered by CPUID it cannot switch on.
 */
#include "arch/cpu.h"
#include "arch/msr.h"
#include "lib/errno.h"
#include "vm/cpuid.h"
#include "vm/gmem.h"
#include "vm/msr.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define CR0_DEFINED                                                                                \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | \
	 CR0_PG)

/* Bits of XCR0 (SDM vol. 1, "XSAVE-Supported Features and State-Component Bitmaps"). */
#define XCR0_X87 BIT(0)
#define XCR0_SSE BIT(1)
#define XCR0_AVX BIT(2)

#define PDPTE_COUNT 4
#define PDPTE_P     BIT(0)
#define PDPTE_TABLE BITS(31, 5)               /* where CR3 has the table */
#define PDPTE_LOW   (BITS(2, 1) | BITS(8, 5)) /* reserved */

/* Changes after which PAE paging reads its four first entries anew (SDM vol. 3, "PDPTE Registers"). */
#define CR0_PDPTES (CR0_PG | CR0_CD | CR0_NW)
#define CR4_PDPTES (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)

/* Whether PAE paging could begin with these: no present entry has a reserved bit. */
static bool pdptes_valid(struct vcpu *v, u64 cr0, u64 cr4)
{
	u64 reserved = PDPTE_LOW | ~BITS(v->vm->cpuid->phys_bits - 1, 0);
	u64 pdpte[PDPTE_COUNT];

	if (!(cr0 & CR0_PG) || !(cr4 & CR4_PAE) || (v->regs.efer & EFER_LME))
		return true;
	if (gmem_read(v->vm, GPA(v->regs.cr3 & PDPTE_TABLE), pdpte, sizeof(pdpte)))
		return true; /* outside of RAM nothing is present */
	for (u32 i = 0; i < PDPTE_COUNT; i++) {
		if ((pdpte[i] & PDPTE_P) && (pdpte[i] & reserved))
			return false;
	}
	return true;
}

/* SDM vol. 3, "MOV--Move to/from Control Registers". */
int cr0_write(struct vcpu *v, u64 value)
{
	struct vcpu_regs *r = &v->regs;

	vcpu_need(v, RG_CR | RG_CS);
	if (value >> 32 || ((value & CR0_PG) && !(value & CR0_PE)) ||
	    ((value & CR0_NW) && !(value & CR0_CD)))
		return -EINVAL;
	value = (value & CR0_DEFINED) | CR0_ET;
	if ((value & CR0_PG) && !(r->cr0 & CR0_PG) && (r->efer & EFER_LME)) {
		if (!(r->cr4 & CR4_PAE) || (r->seg[SEG_CS].attr & SEG_ATTR_L))
			return -EINVAL;
		r->efer |= EFER_LMA;
	} else if (((value ^ r->cr0) & CR0_PDPTES) && !pdptes_valid(v, value, r->cr4)) {
		return -EINVAL;
	} else if (!(value & CR0_PG) && (r->cr0 & CR0_PG)) {
		if ((r->efer & EFER_LMA) && (r->seg[SEG_CS].attr & SEG_ATTR_L))
			return -EINVAL;
		if (r->cr4 & CR4_PCIDE)
			return -EINVAL;
		r->efer &= ~EFER_LMA;
	}
	r->cr0 = value;
	vcpu_dirty(v, RG_CR);
	return 0;
}

int cr3_write(struct vcpu *v, u64 value)
{
	vcpu_need(v, RG_CR);
	if (v->regs.efer & EFER_LMA) {
		if (v->regs.cr4 & CR4_PCIDE)
			value &= ~BIT(63); /* the no-flush hint */
		if (value & v->vm->cpuid->cr3_reserved)
			return -EINVAL;
	}
	v->regs.cr3 = value;
	vcpu_dirty(v, RG_CR);
	return 0;
}

int cr4_write(struct vcpu *v, u64 value)
{
	struct vcpu_regs *r = &v->regs;

	vcpu_need(v, RG_CR);
	if (value & ~v->vm->cpuid->cr4_allowed)
		return -EINVAL;
	if ((r->efer & EFER_LMA) && !(value & CR4_PAE))
		return -EINVAL;
	if ((value & CR4_PCIDE) && !(r->cr4 & CR4_PCIDE) &&
	    (!(r->efer & EFER_LMA) || (r->cr3 & BITS(11, 0))))
		return -EINVAL;
	if (((value ^ r->cr4) & CR4_PDPTES) && !pdptes_valid(v, r->cr0, value))
		return -EINVAL;
	r->cr4 = value;
	vcpu_dirty(v, RG_CR);
	return 0;
}

int efer_write(struct vcpu *v, u64 value)
{
	struct vcpu_regs *r = &v->regs;

	vcpu_need(v, RG_CR);
	if (value & ~(v->vm->cpuid->efer_allowed | EFER_LMA))
		return -EINVAL;
	if ((r->cr0 & CR0_PG) && ((value ^ r->efer) & EFER_LME))
		return -EINVAL;
	r->efer = (value & ~EFER_LMA) | (r->efer & EFER_LMA);
	vcpu_dirty(v, RG_CR);
	return 0;
}

int xcr0_write(struct vcpu *v, u32 index, u64 value)
{
	if (index != 0 || !(value & XCR0_X87) || (value & ~v->vm->cpuid->xcr0_allowed))
		return -EINVAL;
	if ((value & XCR0_AVX) && !(value & XCR0_SSE))
		return -EINVAL;
	v->regs.xcr0 = value;
	xsetbv(0, value); /* the guest's value lives in the CPU; the hypervisor has no use for it */
	return 0;
}
