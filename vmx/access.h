/*
 * The VMX instructions (Intel SDM vol. 3, "VMX Instruction Reference"). The VMCS functions work on
 * the VMCS that is current on this CPU. A field access that fails is a bug of ours; it is noted
 * once, by name of the field, and ends the VM at its next entry.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/types.h"
#include "vmx/vmcs.h"

/* Saves every register it uses, so that the accesses cost their callers none. */
#ifdef PLINTH_HOST_TEST
#define VMCS_FAILURE_PATH
#else
#define VMCS_FAILURE_PATH __attribute__((cold, no_caller_saved_registers))
#endif

/* Notes that an access to field failed; vmx/run.c reports it. */
VMCS_FAILURE_PATH void vmcs_access_failed(u32 field);

/* The way there from an access that failed, with field's operand; then that is done, and the access over. */
#define VMCS_IF_FAILED(field, done)                                                                \
	"\n\tjbe 1f\n2:\n\t"                                                                       \
	".pushsection .text.vmcs_failed, \"ax\", @progbits\n"                                      \
	"1:\tpushq %%rdi\n\tmovl " field ", %%edi\n\t"                                             \
	"call vmcs_access_failed\n\t"                                                              \
	"popq %%rdi\n\t" done "\n\tjmp 2b\n\t"                                                     \
	".popsection"

/*
 * Both call by hand: a function that C lets call something needs a stack frame, even where it never does. Where
 * VMREAD fails it leaves the register that it was to fill, which may be field's.
 */
static inline u64 vmcs_read(enum vmcs_field field)
{
	u64 value;

	__asm__ volatile("vmread %q1, %q0" VMCS_IF_FAILED("%k1", "xorl %k0, %k0")
			 : "=r"(value)
			 : "r"((u64)field)
			 : "cc", "memory");
	return value;
}

static inline void vmcs_write(enum vmcs_field field, u64 value)
{
	__asm__ volatile("vmwrite %0, %q1" VMCS_IF_FAILED("%k1", "")
			 :
			 : "rm"(value), "r"((u64)field)
			 : "cc", "memory");
}

/* These return false where the instruction failed. */
static inline bool vmx_on(paddr_t region)
{
	bool ok;

	__asm__ volatile("vmxon %1" : "=@cca"(ok) : "m"(region.v) : "memory");
	return ok;
}

static inline void vmx_off(void)
{
	__asm__ volatile("vmxoff" ::: "cc", "memory");
}

static inline bool vmcs_clear(paddr_t vmcs)
{
	bool ok;

	__asm__ volatile("vmclear %1" : "=@cca"(ok) : "m"(vmcs.v) : "memory");
	return ok;
}

static inline bool vmcs_load(paddr_t vmcs)
{
	bool ok;

	__asm__ volatile("vmptrld %1" : "=@cca"(ok) : "m"(vmcs.v) : "memory");
	return ok;
}

/* Types of INVEPT and INVVPID; their bits in IA32_VMX_EPT_VPID_CAP are in vmx/caps.h. */
enum inv_type { INV_ADDRESS = 0, INV_CONTEXT = 1, INV_ALL = 2 };

struct inv_desc {
	u64 context; /* EPT pointer, or VPID in bits 15:0 */
	u64 address;
};

static inline bool inv_ept(enum inv_type type, u64 eptp)
{
	const struct inv_desc desc = { eptp, 0 };
	bool ok;

	__asm__ volatile("invept %1, %q2" : "=@cca"(ok) : "m"(desc), "r"((u64)type) : "memory");
	return ok;
}

static inline bool inv_vpid(enum inv_type type, u16 vpid)
{
	const struct inv_desc desc = { vpid, 0 };
	bool ok;

	__asm__ volatile("invvpid %1, %q2" : "=@cca"(ok) : "m"(desc), "r"((u64)type) : "memory");
	return ok;
}
