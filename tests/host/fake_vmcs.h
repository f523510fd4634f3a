/*
 * For `flags: -include tests/host/fake_vmcs.h`: the VMCS becomes an array of the test's, and the CPU's
 * registers and MSRs are constants.
 */
#pragma once

#include "arch/cpu.h"
#include "vmx/access.h"

#define FAKE_VMCS_FIELDS 0x8000

extern u64 fake_vmcs[FAKE_VMCS_FIELDS]; /* by encoding */

#define vmcs_read(field)         (fake_vmcs[field])
#define vmcs_write(field, value) ((void)(fake_vmcs[field] = (value)))
#define read_cr0()               0x80050033ull
#define read_cr3()               0x8000000012345000ull
#define read_cr4()               0x3406e0ull
#ifndef rdmsr /* fake_cpu.h's */
#define rdmsr(msr) (0xaa00000000ull | (msr))
#endif
