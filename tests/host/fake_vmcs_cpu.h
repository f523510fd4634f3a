/*
 * For `flags: -include tests/host/fake_vmcs_cpu.h`: the instructions that make a VMCS current and write it
 * back become calls of the test's functions.
 */
#pragma once

#include "vmx/access.h"

bool fake_vmclear(paddr_t vmcs);
bool fake_vmptrld(paddr_t vmcs);

#define vmcs_clear(pa) fake_vmclear(pa)
#define vmcs_load(pa)  fake_vmptrld(pa)
