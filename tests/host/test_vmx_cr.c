/*
 * Control registers in the VMCS: the page-directory-pointer entries that PAE paging keeps in the CPU are loaded
 * by the writes that the SDM names (vol. 3, "PDPTE Registers") and by no others. Encodings are the SDM's, as
 * numbers.
 *
 * sources: vmx/cr.c
 * flags: -include tests/host/fake_vmcs.h
 */
#include "arch/cpu.h"
#include "arch/msr.h"
#include "lib/errno.h"
#include "tests/host/harness.h"
#include "vm/gmem.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vmx/guest.h"

#include <string.h>

#define F_PDPTE0 0x280a
#define TABLE    0x1020

u64 fake_vmcs[FAKE_VMCS_FIELDS];
struct vmx_caps vmx_caps;

static struct vm vm;
static struct hvm_vcpu hv;
static struct vcpu v = { .vm = &vm, .hvm = &hv };
static u64 table[4]; /* in the guest's memory, at TABLE */

int gmem_read(struct vm *m, gpa_t gpa, void *dst, size_t n)
{
	if (gpa.v != TABLE || n != sizeof(table))
		return -EFAULT;
	memcpy(dst, table, n);
	return 0;
}

void vcpu_need(struct vcpu *c, u32 groups) {}

/* Sets the guest's registers as a write of one does; true when the entries were loaded. */
static bool loads(u64 cr0, u64 cr4, u64 cr3, u64 efer)
{
	table[0] += 0x1000;
	v.regs.cr0 = cr0;
	v.regs.cr4 = cr4;
	v.regs.cr3 = cr3;
	v.regs.efer = efer;
	vmx_write_cr(&v);
	for (u32 i = 0; i < 4; i++) {
		if (fake_vmcs[F_PDPTE0 + 2 * i] != table[i])
			return false;
	}
	return true;
}

#define BASE (CR0_PE | CR0_ET | CR0_NE)

TEST(pdptes)
{
	memset(fake_vmcs, 0, sizeof(fake_vmcs));
	memcpy(table, (u64[]){ 0x2001, 0x3001, 0, 0x5001 }, sizeof(table));
	hv.cr0_mask = hv.cr4_mask = ~0ull;
	CHECK(!loads(BASE, CR4_PAE, TABLE, 0)); /* without paging */
	CHECK(loads(BASE | CR0_PG, CR4_PAE, TABLE, 0));
	CHECK(!loads(BASE | CR0_PG, CR4_PAE, TABLE, 0));
	CHECK(!loads(BASE | CR0_PG | CR0_TS, CR4_PAE, TABLE, 0));
	CHECK(!loads(BASE | CR0_PG | CR0_WP, CR4_PAE, TABLE, EFER_NXE));
	CHECK(!loads(BASE | CR0_PG | CR0_WP, CR4_PAE | CR4_OSXSAVE, TABLE, 0));
	CHECK(loads(BASE | CR0_PG | CR0_CD, CR4_PAE, TABLE, 0));
	CHECK(loads(BASE | CR0_PG | CR0_CD | CR0_NW, CR4_PAE, TABLE, 0));
	CHECK(loads(BASE | CR0_PG, CR4_PAE, TABLE, 0));
	CHECK(loads(BASE | CR0_PG, CR4_PAE | CR4_PGE, TABLE, 0));
	CHECK(loads(BASE | CR0_PG, CR4_PAE | CR4_PGE | CR4_PSE, TABLE, 0));
	CHECK(loads(BASE | CR0_PG, CR4_PAE | CR4_SMEP, TABLE, 0));
	CHECK(loads(BASE | CR0_PG, CR4_PAE | CR4_SMEP, TABLE + 8, 0)); /* the address's low bits */
	/* Long mode and 32-bit paging have none. */
	CHECK(!loads(BASE | CR0_PG, CR4_PAE, TABLE, EFER_LME | EFER_LMA));
	CHECK(!loads(BASE | CR0_PG, 0, TABLE, 0));
}

TEST(pdptes_outside_of_ram)
{
	memset(fake_vmcs, 0xff, sizeof(fake_vmcs));
	v.regs.cr0 = BASE | CR0_PG;
	v.regs.cr4 = CR4_PAE;
	v.regs.cr3 = 0xfee00000;
	v.regs.efer = 0;
	vmx_write_cr(&v);
	for (u32 i = 0; i < 4; i++)
		CHECK_EQ(fake_vmcs[F_PDPTE0 + 2 * i], 0);
}
