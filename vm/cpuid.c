/*
 * The CPUID policy. Each leaf's registers are the machine's, masked by what Plinth handles; a feature
 * that is not in a mask is not shown, nor one that the domain's CPU does without (vm/cpu_choice.h); CR4, EFER
 * and XCR0 follow what is shown.
 */
#include "vm/cpuid_table.h"

#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/msr.h"
#include "core/clock.h"
#include "core/cmdline.h"
#include "core/panic.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "vm/lapic_timer.h"
#include "vm/pv.h"
#include "vm/pv_abi.h"
#include "vm/topology.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

/* Leaf 1 (SDM vol. 2, "CPUID"; AMD APM vol. 3, appendix E). */
#define L1_ECX                                                                                     \
	(BIT(0) /* SSE3 */ | BIT(1) /* PCLMULQDQ */ | BIT(9) /* SSSE3 */ | BIT(12) /* FMA */ |     \
	 BIT(13) /* CX16 */ | BIT(17) /* PCID */ | BIT(19) /* SSE4.1 */ | BIT(20) /* SSE4.2 */ |   \
	 BIT(22) /* MOVBE */ | BIT(23) /* POPCNT */ | BIT(25) /* AES */ | BIT(26) /* XSAVE */ |    \
	 BIT(28) /* AVX */ | BIT(29) /* F16C */ | BIT(30) /* RDRAND */)
#define L1_ECX_ALWAYS  (BIT(21) /* x2APIC */ | BIT(24) /* TSC deadline */ | BIT(31) /* hypervisor */)
#define L1_ECX_OSXSAVE BIT(27)
#define L1_EDX                                                                                     \
	(BIT(0) /* FPU */ | BIT(1) /* VME */ | BIT(2) /* DE */ | BIT(3) /* PSE */ |                \
	 BIT(4) /* TSC */ | BIT(5) /* MSR */ | BIT(6) /* PAE */ | BIT(7) /* MCE */ |               \
	 BIT(8) /* CX8 */ | BIT(9) /* APIC */ | BIT(11) /* SEP */ | BIT(12) /* MTRR */ |           \
	 BIT(13) /* PGE */ | BIT(14) /* MCA: no banks */ | BIT(15) /* CMOV */ |                    \
	 BIT(16) /* PAT */ | BIT(17) /* PSE36 */ | BIT(19) /* CLFLUSH */ | BIT(23) /* MMX */ |     \
	 BIT(24) /* FXSR */ | BIT(25) /* SSE */ | BIT(26) /* SSE2 */)

#define L6_ARAT BIT(2) /* the APIC timer never stops: ours does not */

#define L7_EBX                                                                                     \
	(BIT(0) /* FSGSBASE */ | BIT(3) /* BMI1 */ | BIT(5) /* AVX2 */ | BIT(7) /* SMEP */ |       \
	 BIT(8) /* BMI2 */ | BIT(9) /* ERMS */ | BIT(10) /* INVPCID */ | BIT(18) /* RDSEED */ |    \
	 BIT(19) /* ADX */ | BIT(20) /* SMAP */ | BIT(23) /* CLFLUSHOPT */ | BIT(24) /* CLWB */ |  \
	 BIT(29) /* SHA */)
#define L7_EBX_TSC_ADJUST BIT(1)
#define L7_ECX                                                                                     \
	(BIT(2) /* UMIP */ | BIT(8) /* GFNI */ | BIT(9) /* VAES */ | BIT(10) /* VPCLMULQDQ */ |    \
	 BIT(22) /* RDPID */)
#define L7_EDX                                                                                     \
	(BIT(4) /* fast short REP MOV */ | BIT(10) /* MD_CLEAR */ | BIT(26) /* IBRS, IBPB */ |     \
	 BIT(27) /* STIBP */ | BIT(28) /* FLUSH_CMD */ | BIT(29) /* ARCH_CAPABILITIES */ |         \
	 BIT(31) /* SSBD */)
#define L7_2_EDX                                                                                   \
	(BIT(0) /* PSFD */ | BIT(1) /* IPRED_DIS */ | BIT(2) /* RRSBA_DIS */ |                     \
	 BIT(3) /* DDPD_U */ | BIT(4) /* BHI_DIS_S */ | BIT(5) /* MCDT_NO */)

#define X1_ECX                                                                                     \
	(BIT(0) /* LAHF64 */ | BIT(5) /* LZCNT */ | BIT(6) /* SSE4A */ |                           \
	 BIT(7) /* misalign SSE */ | BIT(8) /* PREFETCHW */)
#define X1_ECX_CMP_LEGACY BIT(1)
#define X1_ECX_TOPOEXT    BIT(22)
#define X1_EDX                                                                                     \
	(BIT(11) /* SYSCALL */ | BIT(20) /* NX */ | BIT(22) /* MMXEXT */ | BIT(25) /* FFXSR */ |   \
	 BIT(26) /* 1 GiB pages */ | BIT(27) /* RDTSCP */ | BIT(29) /* long mode */)

#define X7_EDX_INVARIANT_TSC BIT(8)
#define X8_EBX                                                                                     \
	(BIT(0) /* CLZERO */ | BIT(2) /* XSAVEERPTR */ | BIT(12) /* IBPB */ | BIT(14) /* IBRS */ | \
	 BIT(15) /* STIBP */ | BITS(18, 16) /* how they are best used */ |                         \
	 BIT(19) /* IBRS protects its own mode */ | BIT(24) /* SSBD */ | BIT(26) /* SSB_NO */ |    \
	 BIT(28) /* PSFD */ | BIT(29) /* BTC_NO */ | BIT(30) /* IBPB_RET */)
#define X8_EBX_SSBD      BIT(24)
#define X8_EBX_VIRT_SSBD BIT(25) /* hypervisors' own */
#define X21_EAX                                                                                    \
	(BIT(0) /* no nested breakpoints */ | BIT(2) /* LFENCE serializes */ |                     \
	 BIT(5) /* VERW clears buffers */ | BIT(6) /* null selectors clear bases */ |              \
	 BIT(8) /* automatic IBRS */ | BIT(27) /* SBPB */ | BIT(28) /* IBPB_BRTYPE */ |            \
	 BIT(29) /* SRSO_NO */ | BIT(30) /* SRSO_USER_KERNEL_NO */)
#define X21_EAX_AUTO_IBRS BIT(8)
#define X21_ECX           (BIT(1) /* TSA_SQ_NO */ | BIT(2) /* TSA_L1_NO */)

#define XCR0_OFFERED BITS(2, 0) /* x87, SSE, AVX */
#define XSAVE1_OFFERED                                                                             \
	(BIT(0) /* XSAVEOPT */ | BIT(1) /* XSAVEC */ | BIT(2) /* XGETBV with ECX=1 */)

#define XSAVE_HEAD    (512 + 64) /* legacy area and header */
#define XSAVE_ALIGNED BIT(1)     /* leaf 0xd, ECX: this one begins at a multiple of 64 */

#define LEAF_TSC        0x15u /* the last basic leaf that is offered, but for the next */
#define LEAF_DIES       0x1fu /* where sockets have several dies */
#define LEAF_HYPERVISOR 0x40000000u

struct cpuid_entry *cpuid_add(struct cpuid_table *t, u32 leaf, u32 subleaf, bool indexed)
{
	struct cpuid_entry *e = &t->entries[t->count++];
	struct cpuid c = cpuid_common(leaf, subleaf);

	ASSERT(t->count <= CPUID_MAX_ENTRIES); /* the rows below are fixed in number */
	*e = (struct cpuid_entry){ leaf, subleaf, c.eax, c.ebx, c.ecx, c.edx, indexed, false };
	e->patched = leaf == 1 || leaf == 0xb || leaf == LEAF_DIES || leaf == LEAF_AMD_IDS ||
		     (leaf == 0xd && subleaf <= 1);
	return e;
}

static void mask(struct cpuid_entry *e, u64 eax, u64 ebx, u64 ecx, u64 edx)
{
	e->eax &= (u32)eax;
	e->ebx &= (u32)ebx;
	e->ecx &= (u32)ecx;
	e->edx &= (u32)edx;
}

u32 cpuid_xsave_size(u64 xcr0)
{
	u32 size = XSAVE_HEAD;

	for (u32 i = 2; i < 63; i++) {
		if (xcr0 & BIT(i)) {
			struct cpuid c = cpuid(0xd, i);

			size = MAX(size, c.ebx + c.eax);
		}
	}
	return size;
}

/* Of the compacted format (SDM vol. 1, "Extended Region of an XSAVE Area"). */
static u32 xsavec_size(u64 xcr0)
{
	u32 size = XSAVE_HEAD;

	for (u32 i = 2; i < 63; i++) {
		if (xcr0 & BIT(i)) {
			struct cpuid c = cpuid(0xd, i);

			if (c.ecx & XSAVE_ALIGNED)
				size = ALIGN_UP(size, 64);
			size += c.eax;
		}
	}
	return size;
}

static void leaf_features(struct cpuid_table *t, const struct topology *topo)
{
	struct cpuid_entry *e = cpuid_add(t, 1, 0, false);

	mask(e, ~0u, BITS(15, 8), L1_ECX, L1_EDX);
	e->ecx |= L1_ECX_ALWAYS;
	if (!cpu_has(CPU_XSAVE)) /* then no AVX, and what comes with it, either */
		e->ecx &= ~(u32)(BIT(26) | BIT(28) | BIT(12) | BIT(29));
	if (!cpu_has(CPU_PCID))
		e->ecx &= ~(u32)BIT(17);
	cpuid_package(e, topo);
}

static void leaf_features7(struct cpuid_table *t)
{
	struct cpuid_entry *e = cpuid_add(t, 7, 0, true), *two;
	bool have_two = e->eax >= 2;

	mask(e, 0, L7_EBX, L7_ECX, L7_EDX);
	e->ebx |= (u32)L7_EBX_TSC_ADJUST;
	if (!cpu_has(CPU_XSAVE)) {
		e->ebx &= ~(u32)BIT(5);             /* AVX2 */
		e->ecx &= ~(u32)(BIT(9) | BIT(10)); /* VAES, VPCLMULQDQ */
	}
	if (!cpu_has(CPU_RDTSCP))        /* TSC_AUX is not switched then */
		e->ecx &= ~(u32)BIT(22); /* RDPID */
	if (!have_two)
		return;
	e->eax = 2;
	two = cpuid_add(t, 7, 2, true);
	mask(two, 0, 0, 0, L7_2_EDX);
}

static void leaf_xsave(struct cpuid_table *t)
{
	struct cpuid_entry *e;

	if (!cpu_has(CPU_XSAVE))
		return;
	e = cpuid_add(t, 0xd, 0, true);
	t->xcr0_allowed = e->eax & XCR0_OFFERED;
	e->eax = (u32)t->xcr0_allowed;
	e->ecx = cpuid_xsave_size(t->xcr0_allowed);
	e->edx = 0; /* EBX, the size for the current XCR0, is patched in */
	e = cpuid_add(t, 0xd, 1, true);
	mask(e, XSAVE1_OFFERED, 0, 0, 0); /* EBX as above */
	if (t->xcr0_allowed & BIT(2))
		mask(cpuid_add(t, 0xd, 2, true), ~0u, ~0u, 0, 0);
}

/*
 * The TSC's frequency as the host measured it, in terms of a crystal that is the virtual local APIC
 * timer's input clock, since guests take it for that. Guests multiply the numerator by the crystal's
 * kHz in 32 bits: the fraction is the best that fits.
 */
static void leaf_tsc(struct cpuid_entry *e, u64 khz)
{
	const u64 crystal_khz = VLAPIC_TIMER_HZ / 1000;
	const u64 numerator_max = 0xffffffff / crystal_khz - 1;

	e->eax = (u32)(numerator_max * crystal_khz / khz);
	e->ebx = (u32)((e->eax * khz + crystal_khz / 2) / crystal_khz);
	e->ecx = VLAPIC_TIMER_HZ;
	e->edx = 0;
}

/* The same by name, in the leaf that other hypervisors have for it: the TSC's kHz, and those of the APIC's timer. */
static void leaf_timing(struct cpuid_entry *e, u64 khz)
{
	e->eax = (u32)khz;
	e->ebx = VLAPIC_TIMER_HZ / 1000;
}

void cpuid_show_tsc(struct cpuid_table *t, u64 khz)
{
	for (u32 i = 0; i < t->count; i++) {
		struct cpuid_entry *e = &t->entries[i];

		if (e->leaf == LEAF_TSC)
			leaf_tsc(e, khz);
		else if (e->leaf == KVM_CPUID_TIMING)
			leaf_timing(e, khz);
	}
}

static void hypervisor_leaf(struct cpuid_table *t, u32 leaf, u32 eax, u32 ebx, u32 ecx, u32 edx)
{
	struct cpuid_entry *e = cpuid_add(t, leaf, 0, false);

	*e = (struct cpuid_entry){ leaf, 0, eax, ebx, ecx, edx, false, false };
	t->hypervisor_count++;
}

static void leaves_hypervisor(struct cpuid_table *t, const struct domain *cfg)
{
	t->hypervisor = (u8)t->count;
	t->pv_features = pv_features(cfg);
	if (!t->pv_features) {
		hypervisor_leaf(t, LEAF_HYPERVISOR, LEAF_HYPERVISOR, 0x6e696c50 /* "Plin" */,
				0x76486874 /* "thHv" */, 0x20202020 /* "    " */);
		return;
	}
	hypervisor_leaf(t, KVM_CPUID_SIGNATURE, KVM_CPUID_TIMING, KVM_SIGNATURE_EBX,
			KVM_SIGNATURE_ECX, KVM_SIGNATURE_EDX);
	hypervisor_leaf(t, KVM_CPUID_FEATURES, t->pv_features, 0, 0, pv_hints(cfg));
	for (u32 leaf = KVM_CPUID_FEATURES + 1; leaf <= KVM_CPUID_TIMING; leaf++)
		hypervisor_leaf(t, leaf, 0, 0, 0, 0);
}

/* AMD's ways to tell how vCPUs are arranged, beside leaf 0xb. */
static void leaves_amd(struct cpuid_table *t, const struct topology *topo, bool topoext)
{
	if (!topoext)
		return;
	cpuid_caches(t, LEAF_AMD_CACHES, topo);
	cpuid_amd_ids(t, topo);
}

/* The document asks for a feature by name. */
static bool wants(const struct domain *cfg, const char *name)
{
	int f = cpu_feature_find(name);

	for (u32 i = 0; i < cfg->cpu_feature_count; i++) {
		if (cfg->cpu_features[i].feature == f && cfg->cpu_features[i].policy <= CPU_FORCE)
			return true;
	}
	return false;
}

static void leaves_extended(struct cpuid_table *t, const struct domain *cfg,
			    const struct topology *topo)
{
	u32 last = cpuid(LEAF_EXTENDED, 0).eax;
	bool amd = cpu_vendor() == CPU_VENDOR_AMD;
	struct cpuid_entry *e = cpuid_add(t, LEAF_EXTENDED, 0, false);
	bool topoext =
		amd && last >= LEAF_AMD_IDS && (cpuid(LEAF_EXTENDED + 1, 0).ecx & X1_ECX_TOPOEXT);

	e = cpuid_add(t, LEAF_EXTENDED + 1, 0, false);
	mask(e, ~0u, 0, X1_ECX | (topoext ? X1_ECX_TOPOEXT : 0),
	     X1_EDX | (amd ? CPUID_AMD_SHARED & L1_EDX : 0));
	if (amd && topology_socket_threads(topo) > 1)
		e->ecx |= (u32)X1_ECX_CMP_LEGACY;
	if (!cpu_has(CPU_RDTSCP))
		e->edx &= ~(u32)BIT(27);
	for (u32 leaf = LEAF_EXTENDED + 2; leaf <= LEAF_EXTENDED + 6; leaf++)
		cpuid_add(t, leaf, 0, false);
	e = cpuid_add(t, LEAF_EXTENDED + 7, 0, false);
	mask(e, 0, 0, 0, 0);
	/* Beside an invariant TSC Linux leaves kvmclock alone, which goes with it to any host: docs/pv.md. */
	if (cmdline_is("tsc", "reliable") ||
	    (cpu_has(CPU_TSC_INVARIANT) &&
	     (!(t->pv_features & KVM_FEATURE_CLOCK) || wants(cfg, "invtsc"))))
		e->edx = (u32)X7_EDX_INVARIANT_TSC;
	e = cpuid_add(t, LEAF_EXTENDED + 8, 0, false);
	mask(e, BITS(15, 0), X8_EBX, 0, 0);
	/* SSBD once more, by another register: in its place only for who asks, since that one always exits. */
	if ((e->ebx & X8_EBX_SSBD) && wants(cfg, "virt-ssbd"))
		e->ebx |= (u32)X8_EBX_VIRT_SSBD;
	if (amd)
		cpuid_amd_sizes(e, topo);
	leaves_amd(t, topo, topoext);
	if (amd && last >= LEAF_AMD_MORE)
		mask(cpuid_add(t, LEAF_AMD_MORE, 0, false), X21_EAX, 0, X21_ECX, 0);
	cpuid_extended_last(t);
}

bool cpuid_table_has(const struct cpuid_table *t, u32 leaf, u32 reg, u64 bit)
{
	for (u32 i = 0; i < t->count; i++) {
		const struct cpuid_entry *e = &t->entries[i];

		if (e->leaf == leaf && e->subleaf == 0)
			return (&e->eax)[reg] & bit;
	}
	return false;
}

/* Which bits of control registers, and which other registers, the shown features allow. */
static void derive_controls(struct cpuid_table *t)
{
	static const struct {
		u32 leaf, reg;
		u64 bit, cr4;
	} rows[] = {
		{ 1, CPUID_EDX, BIT(1), CR4_VME | CR4_PVI },
		{ 1, CPUID_EDX, BIT(2), CR4_DE },
		{ 1, CPUID_EDX, BIT(3), CR4_PSE },
		{ 1, CPUID_EDX, BIT(4), CR4_TSD },
		{ 1, CPUID_EDX, BIT(6), CR4_PAE },
		{ 1, CPUID_EDX, BIT(13), CR4_PGE },
		{ 1, CPUID_EDX, BIT(24), CR4_OSFXSR },
		{ 1, CPUID_EDX, BIT(25), CR4_OSXMMEXCPT },
		{ 1, CPUID_ECX, BIT(17), CR4_PCIDE },
		{ 1, CPUID_ECX, BIT(26), CR4_OSXSAVE },
		{ 7, CPUID_EBX, BIT(0), CR4_FSGSBASE },
		{ 7, CPUID_EBX, BIT(7), CR4_SMEP },
		{ 7, CPUID_EBX, BIT(20), CR4_SMAP },
		{ 7, CPUID_ECX, BIT(2), CR4_UMIP },
	};

	t->cr4_allowed = CR4_PCE | CR4_MCE;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (cpuid_table_has(t, rows[i].leaf, rows[i].reg, rows[i].bit))
			t->cr4_allowed |= rows[i].cr4;
	}
	t->efer_allowed = EFER_SCE | EFER_LME;
	if (cpuid_table_has(t, LEAF_EXTENDED + 1, CPUID_EDX, BIT(20)))
		t->efer_allowed |= EFER_NXE;
	if (cpuid_table_has(t, LEAF_EXTENDED + 1, CPUID_EDX, BIT(25)))
		t->efer_allowed |= EFER_FFXSR;
	if (cpuid_table_has(t, LEAF_AMD_MORE, CPUID_EAX, X21_EAX_AUTO_IBRS))
		t->efer_allowed |= EFER_AUTO_IBRS;
	t->x2apic = cpuid_table_has(t, 1, CPUID_ECX, BIT(21));
	t->tsc_aux = cpuid_table_has(t, LEAF_EXTENDED + 1, CPUID_EDX, BIT(27)) || /* RDTSCP */
		     cpuid_table_has(t, 7, CPUID_ECX, BIT(22));                   /* RDPID */
	t->phys_bits = cpu_phys_bits();
	t->cr3_reserved = ~BITS(t->phys_bits - 1, 0);
}

/* Notes where each leaf starts. */
static void make_index(struct cpuid_table *t)
{
	for (u32 i = 0; i < CPUID_RANGE_LEAVES; i++)
		t->basic[i] = t->extended[i] = (u8)t->count;
	for (u32 i = t->count; i-- > 0;) {
		u32 leaf = t->entries[i].leaf;

		if (leaf < CPUID_RANGE_LEAVES)
			t->basic[leaf] = (u8)i;
		else if (leaf - LEAF_EXTENDED < CPUID_RANGE_LEAVES)
			t->extended[leaf - LEAF_EXTENDED] = (u8)i;
	}
}

/* All that this machine offers. */
static void fill(struct cpuid_table *t, const struct domain *cfg, const struct topology *topo)
{
	u32 last = cpuid(0, 0).eax;
	bool dies = cpu_vendor() == CPU_VENDOR_INTEL && last >= 0xb && topo->dies > 1;

	cpuid_add(t, 0, 0, false)->eax = dies ? LEAF_DIES : MIN(last, LEAF_TSC);
	leaf_features(t, topo);
	if (cpu_vendor() == CPU_VENDOR_INTEL && last >= 4)
		cpuid_caches(t, 4, topo);
	if (last >= 6) {
		struct cpuid_entry *e = cpuid_add(t, 6, 0, false);

		mask(e, 0, 0, 0, 0);
		e->eax = L6_ARAT;
	}
	if (last >= 7)
		leaf_features7(t);
	if (last >= 0xb)
		cpuid_levels(t, 0xb, topo);
	if (last >= 0xd)
		leaf_xsave(t);
	if (last >= LEAF_TSC)
		cpuid_add(t, LEAF_TSC, 0, false);
	if (dies)
		cpuid_levels(t, LEAF_DIES, topo);
	leaves_hypervisor(t, cfg);
	leaves_extended(t, cfg, topo);
	cpuid_spec_capabilities(t);
	cpuid_show_tsc(t, clock_tsc_khz());
}

int cpuid_offered(struct cpu_set *out)
{
	struct {
		struct cpuid_table table;
		struct domain cfg;
		struct topology topology;
	} *x = kalloc(sizeof(*x));

	if (!x)
		return -ENOMEM;
	x->cfg.vcpus = 1;
	x->cfg.kvm_on = DOMAIN_KVM_HIDDEN; /* an invariant TSC is not hidden for its sake */
	x->cfg.cpu_features[x->cfg.cpu_feature_count++] =
		(struct domain_cpu_feature){ (u16)cpu_feature_find("virt-ssbd"),
					     CPU_REQUIRE }; /* nor is what is for who asks alone */
	x->topology = topology_of(&x->cfg);
	fill(&x->table, &x->cfg, &x->topology);
	cpuid_shown(&x->table, out);
	kfree(x);
	return 0;
}

int cpuid_table_create(struct vm *vm)
{
	struct cpuid_table *t = heap_alloc(vm->heap, sizeof(*t), 0);

	if (!t)
		return -ENOMEM;
	vm->cpuid = t;
	fill(t, &vm->cfg, &vm->topology);
	cpuid_show_tsc(t, tscscale_khz(&vm->tsc));
	if (vm->cpu.chosen)
		cpuid_apply(t, &vm->cpu);
	make_index(t);
	derive_controls(t);
	cpuid_spec(t);
	return 0;
}

/* The entry that answers; that of unknown leaves is all zeroes. */
static const struct cpuid_entry *find(const struct cpuid_table *t, u32 leaf, u32 subleaf)
{
	const struct cpuid_entry *e;

	if (leaf < CPUID_RANGE_LEAVES)
		e = &t->entries[t->basic[leaf]];
	else if (leaf - LEAF_EXTENDED < CPUID_RANGE_LEAVES)
		e = &t->entries[t->extended[leaf - LEAF_EXTENDED]];
	else
		return &t->entries[leaf - LEAF_HYPERVISOR < t->hypervisor_count ?
					   t->hypervisor + leaf - LEAF_HYPERVISOR :
					   t->count];
	if (!e->indexed)
		return e;
	while (e->leaf == leaf && e->subleaf != subleaf)
		e++;
	return e->leaf == leaf ? e : &t->entries[t->count];
}

/* What depends on the vCPU's state. */
static __noinline void patch(struct vcpu *v, const struct cpuid_entry *e)
{
	u64 *g = v->regs.gpr;

	switch (e->leaf) {
	case 1:
		g[GPR_RBX] |= (u64)v->apic_id << 24;
		vcpu_need(v, RG_CR);
		if (v->regs.cr4 & CR4_OSXSAVE)
			g[GPR_RCX] |= L1_ECX_OSXSAVE;
		if (!(v->apic_base & APIC_BASE_ENABLE))
			g[GPR_RDX] &= ~BIT(9);
		break;
	case 0xb:
	case LEAF_DIES:
		g[GPR_RDX] = v->apic_id;
		break;
	case 0xd:
		g[GPR_RBX] =
			e->subleaf ? xsavec_size(v->regs.xcr0) : cpuid_xsave_size(v->regs.xcr0);
		break;
	case LEAF_AMD_IDS:
		cpuid_amd_patch(v);
		break;
	}
}

void cpuid_exit(struct vcpu *v)
{
	u64 *g = v->regs.gpr;
	const struct cpuid_entry *e = find(v->vm->cpuid, (u32)g[GPR_RAX], (u32)g[GPR_RCX]);

	g[GPR_RAX] = e->eax;
	g[GPR_RBX] = e->ebx;
	g[GPR_RCX] = e->ecx;
	g[GPR_RDX] = e->edx;
	if (unlikely(e->patched))
		patch(v, e);
}
