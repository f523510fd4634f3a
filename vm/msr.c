/*
 * The MSR policy: one row for each register or run of registers; what has no row raises #GP.
 */
#include "vm/msr.h"

#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/msr.h"
#include "arch/trap.h"
#include "lib/errno.h"
#include "vm/cpuid.h"
#include "vm/hvm.h"
#include "vm/lapic.h"
#include "vm/lapic_timer.h"
#include "vm/pv.h"
#include "vm/pv_abi.h"
#include "vm/skip.h"
#include "vm/spec.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define MTRR_VARIABLE_COUNT 8
#define MTRRCAP_VALUE       (MTRR_VARIABLE_COUNT | BIT(8) /* fixed ranges */ | BIT(10) /* WC */)

/* Memory types that PAT and MTRRs may name (SDM vol. 3, "Memory Cache Control"). */
static bool memory_type_valid(u8 type, bool pat)
{
	return type == 0 || type == 1 || type == 4 || type == 5 || type == 6 || (pat && type == 7);
}

static bool memory_types_valid(u64 value, bool pat)
{
	for (u32 i = 0; i < 8; i++) {
		if (!memory_type_valid((u8)(value >> (8 * i)), pat))
			return false;
	}
	return true;
}

static bool canonical(u64 va)
{
	return (u64)((s64)(va << 16) >> 16) == va;
}

struct row {
	int (*read)(struct vcpu *v, u32 index, u64 *value); /* NULL: #GP */
	int (*write)(struct vcpu *v, u32 index, u64 value); /* NULL: #GP */
};

static int read_zero(struct vcpu *v, u32 index, u64 *value)
{
	(void)v;
	(void)index;
	*value = 0;
	return 0;
}

static int write_ignore(struct vcpu *v, u32 index, u64 value)
{
	(void)v;
	(void)index;
	(void)value;
	return 0;
}

/* Zero may be written, nothing else. */
static int write_zero(struct vcpu *v, u32 index, u64 value)
{
	(void)v;
	(void)index;
	return value ? -EINVAL : 0;
}

static int read_tsc(struct vcpu *v, u32 index, u64 *value)
{
	(void)index;
	*value = vcpu_tsc_at(v, rdtsc());
	return 0;
}

/* SDM vol. 3, "IA32_TSC_ADJUST MSR Support": both change together. */
static void move_tsc(struct vcpu *v, u64 delta)
{
	v->tsc_offset += delta;
	v->tsc_adjust += delta;
	hvm->tsc_changed(v);
	vlapic_timer_tsc_changed(v->lapic);
	if (unlikely(v->vm->clocks_shown))
		pv_clock_update_all(v);
}

static int write_tsc(struct vcpu *v, u32 index, u64 value)
{
	(void)index;
	move_tsc(v, value - vcpu_tsc_at(v, rdtsc()));
	return 0;
}

static int read_tsc_adjust(struct vcpu *v, u32 index, u64 *value)
{
	(void)index;
	*value = v->tsc_adjust;
	return 0;
}

static int write_tsc_adjust(struct vcpu *v, u32 index, u64 value)
{
	(void)index;
	move_tsc(v, value - v->tsc_adjust);
	return 0;
}

static int read_apic_base(struct vcpu *v, u32 index, u64 *value)
{
	(void)index;
	*value = v->apic_base;
	return 0;
}

static int write_apic_base(struct vcpu *v, u32 index, u64 value)
{
	(void)index;
	return vlapic_set_base(v->lapic, value);
}

/* TSC_DEADLINE, too: it is a register of the APIC's timer. */
static int read_x2apic(struct vcpu *v, u32 index, u64 *value)
{
	return vlapic_rdmsr(v->lapic, index, value);
}

static int write_x2apic(struct vcpu *v, u32 index, u64 value)
{
	return vlapic_wrmsr(v->lapic, index, value);
}

static int read_mtrrcap(struct vcpu *v, u32 index, u64 *value)
{
	(void)v;
	(void)index;
	*value = MTRRCAP_VALUE;
	return 0;
}

static int read_mtrr_def(struct vcpu *v, u32 index, u64 *value)
{
	(void)index;
	*value = v->mtrr_def_type;
	return 0;
}

static int write_mtrr_def(struct vcpu *v, u32 index, u64 value)
{
	(void)index;
	if ((value & ~(BITS(7, 0) | BIT(10) | BIT(11))) || !memory_type_valid((u8)value, false))
		return -EINVAL;
	v->mtrr_def_type = value;
	return 0;
}

static int read_mtrr_var(struct vcpu *v, u32 index, u64 *value)
{
	*value = v->mtrr_var[index - MSR_MTRR_PHYSBASE0];
	return 0;
}

static int write_mtrr_var(struct vcpu *v, u32 index, u64 value)
{
	u64 reserved = ~BITS(v->vm->cpuid->phys_bits - 1, 0);

	reserved |= index & 1 ? BITS(10, 0) /* mask: valid bit 11 */ : BITS(11, 8);
	if ((value & reserved) || (!(index & 1) && !memory_type_valid((u8)value, false)))
		return -EINVAL;
	v->mtrr_var[index - MSR_MTRR_PHYSBASE0] = value;
	return 0;
}

/* The fixed MTRRs' places in vcpu.mtrr_fixed: one for 64K, two for 16K, eight for 4K. */
static u64 *mtrr_fixed(struct vcpu *v, u32 index)
{
	if (index == MSR_MTRR_FIX64K_00000)
		return &v->mtrr_fixed[0];
	if (index <= MSR_MTRR_FIX16K_A0000)
		return &v->mtrr_fixed[1 + index - MSR_MTRR_FIX16K_80000];
	return &v->mtrr_fixed[3 + index - MSR_MTRR_FIX4K_C0000];
}

static int read_mtrr_fixed(struct vcpu *v, u32 index, u64 *value)
{
	*value = *mtrr_fixed(v, index);
	return 0;
}

static int write_mtrr_fixed(struct vcpu *v, u32 index, u64 value)
{
	if (!memory_types_valid(value, false))
		return -EINVAL;
	*mtrr_fixed(v, index) = value;
	return 0;
}

static int read_pat(struct vcpu *v, u32 index, u64 *value)
{
	(void)index;
	vcpu_need(v, RG_PAT);
	*value = v->regs.pat;
	return 0;
}

static int write_pat(struct vcpu *v, u32 index, u64 value)
{
	(void)index;
	if (!memory_types_valid(value, true))
		return -EINVAL;
	v->regs.pat = value;
	vcpu_dirty(v, RG_PAT);
	return 0;
}

static int read_misc_enable(struct vcpu *v, u32 index, u64 *value)
{
	(void)index;
	*value = v->misc_enable;
	return 0;
}

static int read_efer(struct vcpu *v, u32 index, u64 *value)
{
	(void)index;
	vcpu_need(v, RG_CR);
	*value = v->regs.efer;
	return 0;
}

static int write_efer(struct vcpu *v, u32 index, u64 value)
{
	(void)index;
	return efer_write(v, value);
}

static u64 *sysenter_reg(struct vcpu *v, u32 index)
{
	struct vcpu_regs *r = &v->regs;

	return index == MSR_SYSENTER_CS  ? &r->sysenter_cs :
	       index == MSR_SYSENTER_ESP ? &r->sysenter_esp :
					   &r->sysenter_eip;
}

static int read_sysenter(struct vcpu *v, u32 index, u64 *value)
{
	vcpu_need(v, RG_SYSENTER);
	*value = *sysenter_reg(v, index);
	return 0;
}

static int write_sysenter(struct vcpu *v, u32 index, u64 value)
{
	if (!canonical(value))
		return -EINVAL;
	vcpu_need(v, RG_SYSENTER);
	*sysenter_reg(v, index) = value;
	vcpu_dirty(v, RG_SYSENTER);
	return 0;
}

static int read_tsc_aux(struct vcpu *v, u32 index, u64 *value)
{
	if (!v->vm->cpuid->tsc_aux)
		return -EINVAL;
	*value = rdmsr(index); /* it lives in the CPU: vm/lazy.c */
	return 0;
}

static int write_tsc_aux(struct vcpu *v, u32 index, u64 value)
{
	if (value >> 32 || !v->vm->cpuid->tsc_aux)
		return -EINVAL;
	v->regs.tsc_aux = value;
	wrmsr(index, value);
	return 0;
}

/* clang-format off */
#define ROWS(LOW, HIGH, KVM, AMD)                                                                            \
	LOW(MSR_TSC, MSR_TSC, read_tsc, write_tsc)                                                 \
	LOW(MSR_KVM_WALL_CLOCK_OLD, MSR_KVM_SYSTEM_TIME_OLD, pv_rdmsr, pv_wrmsr)                   \
	LOW(MSR_PLATFORM_ID, MSR_PLATFORM_ID, read_zero, NULL)                                     \
	LOW(MSR_APIC_BASE, MSR_APIC_BASE, read_apic_base, write_apic_base)                         \
	LOW(MSR_TSC_ADJUST, MSR_TSC_ADJUST, read_tsc_adjust, write_tsc_adjust)                     \
	LOW(MSR_SPEC_CTRL, MSR_SPEC_CTRL, spec_rdmsr, spec_wrmsr)                                  \
	LOW(MSR_PRED_CMD, MSR_PRED_CMD, NULL, spec_command)                                        \
	LOW(MSR_BIOS_SIGN_ID, MSR_BIOS_SIGN_ID, read_zero, write_ignore)                           \
	LOW(MSR_MTRRCAP, MSR_MTRRCAP, read_mtrrcap, NULL)                                          \
	LOW(MSR_ARCH_CAPABILITIES, MSR_ARCH_CAPABILITIES, spec_capabilities, NULL)                 \
	LOW(MSR_FLUSH_CMD, MSR_FLUSH_CMD, NULL, spec_command)                                      \
	LOW(MSR_SYSENTER_CS, MSR_SYSENTER_EIP, read_sysenter, write_sysenter)                      \
	LOW(MSR_MCG_CAP, MSR_MCG_CAP, read_zero, NULL)                                             \
	LOW(MSR_MCG_STATUS, MSR_MCG_STATUS, read_zero, write_zero)                                 \
	LOW(MSR_MISC_ENABLE, MSR_MISC_ENABLE, read_misc_enable, write_ignore)                      \
	LOW(MSR_DEBUGCTL, MSR_DEBUGCTL, read_zero, write_zero)                                     \
	LOW(MSR_MTRR_PHYSBASE0, MSR_MTRR_PHYSBASE0 + 2 * MTRR_VARIABLE_COUNT - 1,                  \
	    read_mtrr_var, write_mtrr_var)                                                         \
	LOW(MSR_MTRR_FIX64K_00000, MSR_MTRR_FIX64K_00000, read_mtrr_fixed, write_mtrr_fixed)       \
	LOW(MSR_MTRR_FIX16K_80000, MSR_MTRR_FIX16K_A0000, read_mtrr_fixed, write_mtrr_fixed)       \
	LOW(MSR_MTRR_FIX4K_C0000, MSR_MTRR_FIX4K_C0000 + 7, read_mtrr_fixed, write_mtrr_fixed)     \
	LOW(MSR_PAT, MSR_PAT, read_pat, write_pat)                                                 \
	LOW(MSR_MTRR_DEF_TYPE, MSR_MTRR_DEF_TYPE, read_mtrr_def, write_mtrr_def)                   \
	LOW(MSR_TSC_DEADLINE, MSR_TSC_DEADLINE, read_x2apic, write_x2apic)                         \
	LOW(MSR_X2APIC_BASE, MSR_X2APIC_LAST, read_x2apic, write_x2apic)                           \
	HIGH(MSR_EFER, MSR_EFER, read_efer, write_efer)                                            \
	HIGH(MSR_TSC_AUX, MSR_TSC_AUX, read_tsc_aux, write_tsc_aux)                                \
	KVM(MSR_KVM_WALL_CLOCK, MSR_KVM_POLL_CONTROL, pv_rdmsr, pv_wrmsr)                          \
	AMD(MSR_VIRT_SPEC_CTRL, MSR_VIRT_SPEC_CTRL, spec_rdmsr, spec_wrmsr)
/* clang-format on */

#define HIGH_BASE         0xc0000000u /* the second of the two stretches that MSRs come in */
#define AMD_BASE          0xc001011fu /* of AMD's own there is one */
#define ROW_NUMBER(first) row_of_##first
#define ROW_NONE(...)
#define ROW_ENUM(f, l, r, w) ROW_NUMBER(f),
#define ROW_FILL(f, l, r, w) [ROW_NUMBER(f)] = { r, w },
#define ROW_LOW(f, l, r, w)  [(f)...(l)] = ROW_NUMBER(f),
#define ROW_HIGH(f, l, r, w) [(f)-HIGH_BASE...(l) - HIGH_BASE] = ROW_NUMBER(f),
#define ROW_KVM(f, l, r, w)  [(f)-MSR_KVM_WALL_CLOCK...(l) - MSR_KVM_WALL_CLOCK] = ROW_NUMBER(f),
#define ROW_AMD(f, l, r, w)  [(f)-AMD_BASE...(l) - AMD_BASE] = ROW_NUMBER(f),

enum row_number { ROW_UNKNOWN, ROWS(ROW_ENUM, ROW_ENUM, ROW_ENUM, ROW_ENUM) };
static const struct row rows[] = { ROWS(ROW_FILL, ROW_FILL, ROW_FILL, ROW_FILL) };
/* By index: the row. */
static const u8 low_rows[] = { ROWS(ROW_LOW, ROW_NONE, ROW_NONE, ROW_NONE) };
static const u8 high_rows[] = { ROWS(ROW_NONE, ROW_HIGH, ROW_NONE, ROW_NONE) };
static const u8 kvm_rows[] = { ROWS(ROW_NONE, ROW_NONE, ROW_KVM, ROW_NONE) };
static const u8 amd_rows[] = { ROWS(ROW_NONE, ROW_NONE, ROW_NONE, ROW_AMD) };

/*
 * Accesses without an exit: registers that the hardware switches with the guest or that stay in
 * the CPU (vm/lazy.c), where the CPU itself checks what is written.
 */
const struct msr_pass msr_pass_list[] = {
	{ MSR_TSC, true, false },           { MSR_SYSENTER_CS, true, true },
	{ MSR_SYSENTER_ESP, true, true },   { MSR_SYSENTER_EIP, true, true },
	{ MSR_STAR, true, true },           { MSR_LSTAR, true, true },
	{ MSR_CSTAR, true, true },          { MSR_SFMASK, true, true },
	{ MSR_FS_BASE, true, true },        { MSR_GS_BASE, true, true },
	{ MSR_KERNEL_GS_BASE, true, true },
};
const size_t msr_pass_count = ARRAY_LEN(msr_pass_list);

static const struct row *find(u32 index)
{
	if (index < ARRAY_LEN(low_rows))
		return &rows[low_rows[index]];
	if (index - HIGH_BASE < ARRAY_LEN(high_rows))
		return &rows[high_rows[index - HIGH_BASE]];
	if (index - MSR_KVM_WALL_CLOCK < ARRAY_LEN(kvm_rows))
		return &rows[kvm_rows[index - MSR_KVM_WALL_CLOCK]];
	index -= AMD_BASE;
	return &rows[index < ARRAY_LEN(amd_rows) ? amd_rows[index] : ROW_UNKNOWN];
}

int msr_read(struct vcpu *v, u32 index, u64 *value)
{
	const struct row *r = find(index);

	return r->read ? r->read(v, index, value) : -EINVAL;
}

int msr_write(struct vcpu *v, u32 index, u64 value)
{
	const struct row *r = find(index);

	return r->write ? r->write(v, index, value) : -EINVAL;
}

static __noinline int rdmsr_exit(struct vcpu *v)
{
	u64 *g = v->regs.gpr, value = 0;
	int err = msr_read(v, (u32)g[GPR_RCX], &value);

	if (likely(!err)) {
		g[GPR_RAX] = (u32)value;
		g[GPR_RDX] = value >> 32;
	}
	return err;
}

static __always_inline int wrmsr_exit(struct vcpu *v)
{
	const u64 *g = v->regs.gpr;

	return msr_write(v, (u32)g[GPR_RCX], g[GPR_RDX] << 32 | (u32)g[GPR_RAX]);
}

void msr_exit(struct vcpu *v, const struct vm_exit *e)
{
	int err = e->msr.write ? wrmsr_exit(v) : rdmsr_exit(v);

	if (unlikely(err))
		vcpu_raise_error(v, TRAP_GP, 0);
	else
		vcpu_skip(v, e);
}
