/*
 * Segment attributes in the VMCS's form and in the neutral one (Intel SDM vol. 3, "Guest Register
 * State", format of access rights). Neutral: bits 0-7 and 8-11 without a gap; not present says what
 * the VMCS calls unusable.
 */
#pragma once

#include "vm/vcpu.h"
#include "vmx/vmcs.h"

#define RIGHTS_LOW  BITS(7, 0)   /* type, S, DPL, P */
#define RIGHTS_HIGH BITS(15, 12) /* AVL, L, D/B, G */
#define RIGHTS_L    BIT(13)
#define RIGHTS_GAP  4 /* between the two forms of the high part */

static inline u16 rights_to_attr(u32 rights)
{
	u16 attr = (u16)((rights & RIGHTS_LOW) | (rights & RIGHTS_HIGH) >> RIGHTS_GAP);

	return rights & RIGHTS_UNUSABLE ? attr & (u16)~SEG_ATTR_P : attr;
}

static inline u32 attr_to_rights(u16 attr)
{
	u32 rights = (attr & RIGHTS_LOW) | ((u32)attr << RIGHTS_GAP & RIGHTS_HIGH);

	return attr & SEG_ATTR_P ? rights : rights | (u32)RIGHTS_UNUSABLE;
}
