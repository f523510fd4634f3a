/*
 * What a guest sees by CPUID, from machines that claim everything and nothing: each bit of the feature
 * leaves is either on the list below or hidden; CR4, EFER and XCR0 follow what is shown.
 *
 * sources: tests/host/fake_cpuid.c tests/host/fake_vm.c tests/host/fake_vcpu.c vm/cpuid.c vm/tscscale.c vm/cpuid_apply.c vm/cpuid_host.c vm/cpuid_spec.c vm/cpu_models.c vm/pv_cpuid.c
 * sources: vm/cpuid_topology.c vm/topology.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "arch/feature.h"
#include "arch/msr.h"
#include "tests/host/fake_cpuid.h"
#include "tests/host/fake_vcpu.h"
#include "tests/host/harness.h"

#include <stdlib.h>
#include <string.h>

/*
 * SDM vol. 2, "CPUID--CPU Identification"; APM vol. 3, appendix E. Hidden, among others: VMX (1:ECX.5), SMX,
 * MONITOR, PDCM, DCA, debug store, thermal control; SGX, TSX, MPX,
 * AVX-512, PT, PKU, CET, LA57, WAITPKG, AMX; SVM (8000_0001:ECX.2), IBS.
 */
#define SEEN_1_ECX                                                                                 \
	0xf7fa3203u /* less XSAVE's copy OSXSAVE (27), plus x2APIC, TSC-deadline, hypervisor */
#define SEEN_1_EDX        0x078bfbffu
#define SEEN_7_EBX        0x219c07abu
#define SEEN_7_ECX        0x00400704u
#define SEEN_7_EDX        0xbc000410u
#define SEEN_X8_EBX       0x750fd005u
#define SEEN_X1_ECX       0x000001e1u
#define SEEN_X1_EDX_INTEL 0x2e500800u
/*
 * Old and new clock, no I/O delay, steal time, unhalt, TLB flush, IPIs, poll control, yield, stable clock. No asynchronous
 * page faults (4, 10, 14), page-table operations (2), migration control (17).
 */
#define SEEN_KVM          0x01003aabu

TEST(all_features_are_claimed)
{
	struct cpuid c;

	start(~0u, CPU_VENDOR_INTEL);
	fake_vm->cfg.kvm_off = DOMAIN_KVM_CLOCK;
	create();
	c = ask(1, 0);
	CHECK_EQ(c.ecx, SEEN_1_ECX);
	CHECK_EQ(c.edx, SEEN_1_EDX);
	CHECK(!(c.ecx & BIT(5))); /* VMX */
	c = ask(7, 2);
	CHECK_EQ(c.edx, 0x3f); /* PSFD, IPRED_DIS, RRSBA_DIS, DDPD_U, BHI_DIS_S, MCDT_NO */
	CHECK_EQ(c.eax | c.ebx | c.ecx, 0);
	c = ask(7, 1);
	CHECK_EQ(c.eax | c.ebx | c.ecx | c.edx, 0);
	c = ask(7, 0);
	CHECK_EQ(c.eax, 2);
	CHECK_EQ(c.ebx, SEEN_7_EBX);
	CHECK_EQ(c.ecx, SEEN_7_ECX);
	CHECK_EQ(c.edx, SEEN_7_EDX);
	c = ask(6, 0);
	CHECK_EQ(c.eax, 4); /* ARAT */
	CHECK_EQ(c.ebx | c.ecx | c.edx, 0);
	c = ask(0x80000001, 0);
	CHECK_EQ(c.ecx, SEEN_X1_ECX);
	CHECK_EQ(c.edx, SEEN_X1_EDX_INTEL);
	c = ask(0x80000007, 0);
	CHECK_EQ(c.eax | c.ebx | c.ecx, 0);
	CHECK_EQ(c.edx, 0x100); /* invariant TSC */
	c = ask(0x80000008, 0);
	CHECK_EQ(c.eax & 0xffff0000, 0);
	CHECK_EQ(c.ebx, SEEN_X8_EBX); /* CLZERO, XSAVEERPTR, AMD's speculation controls */
	CHECK_EQ(c.ecx | c.edx, 0);
	CHECK_EQ(ask(0x80000000, 0).eax, 0x80000008);
	CHECK_EQ(ask(0x80000021, 0).eax, 0);
}

TEST(all_features_are_claimed_amd)
{
	struct cpuid c;

	start(~0u, CPU_VENDOR_AMD);
	create();
	c = ask(0x80000001, 0);
	CHECK_EQ(c.ecx, SEEN_X1_ECX | BIT(22) /* more of how CPUs are arranged */);
	CHECK(!(c.ecx & BIT(2))); /* SVM */
	/* The lower bits are copies of leaf 1's; none shows what leaf 1 hides. */
	CHECK_EQ(c.edx & 0x0183f3ff & ~SEEN_1_EDX, 0);
	CHECK_EQ(c.edx & ~0x0183f3ffu, SEEN_X1_EDX_INTEL);
	c = ask(4, 0);
	CHECK_EQ(c.eax | c.ebx | c.ecx | c.edx, 0);
	CHECK_EQ(ask(0x80000000, 0).eax, 0x80000021);
	CHECK_EQ(ask(0x8000001f, 0).eax, 0); /* SEV, and its like, are not */
	c = ask(0x80000021, 0);
	CHECK_EQ(c.eax, 0x78000165);
	CHECK_EQ(c.ecx, 6); /* TSA_SQ_NO, TSA_L1_NO */
	CHECK_EQ(c.ebx | c.edx, 0);
	CHECK_EQ(fake_vm->cpuid->efer_allowed & BIT(21), BIT(21)); /* automatic IBRS */
}

TEST(no_feature_is_claimed)
{
	struct cpuid c;

	start(0, CPU_VENDOR_AMD);
	memset(fake_features, 0, CPU_FEATURE_COUNT * sizeof(fake_features[0]));
	create();
	c = ask(1, 0);
	CHECK_EQ(c.ecx, BIT(21) | BIT(24) | BIT(31)); /* of Plinth's own making */
	CHECK_EQ(c.edx, 0);
	c = ask(7, 0);
	CHECK_EQ(c.ebx, BIT(1)); /* TSC_ADJUST */
	CHECK_EQ(c.ecx | c.edx, 0);
	c = ask(0x80000001, 0);
	CHECK_EQ(c.ecx | c.edx, 0);
	CHECK_EQ(ask(0x80000007, 0).edx, 0);
	c = ask(0xd, 0);
	CHECK_EQ(c.eax | c.ebx | c.ecx | c.edx, 0);
	CHECK_EQ(fake_vm->cpuid->cr4_allowed, CR4_PCE | CR4_MCE);
	CHECK_EQ(fake_vm->cpuid->efer_allowed, EFER_SCE | EFER_LME);
	CHECK_EQ(fake_vm->cpuid->xcr0_allowed, 0);
}

/* An invariant TSC is shown where the machine has one, or is said to, and there is no kvmclock. */
static void start_without_kvmclock(u32 fill, enum cpu_vendor vendor)
{
	start(fill, vendor);
	fake_vm->cfg.kvm_off = DOMAIN_KVM_CLOCK;
}

TEST(invariant_tsc)
{
	start_without_kvmclock(~0u, CPU_VENDOR_INTEL);
	create();
	CHECK_EQ(ask(0x80000007, 0).edx, 0x100);
	start_without_kvmclock(~0u, CPU_VENDOR_INTEL);
	fake_features[CPU_TSC_INVARIANT] = false;
	create();
	CHECK_EQ(ask(0x80000007, 0).edx, 0);
	told_reliable = true;
	start(0, CPU_VENDOR_AMD);
	fake_features[CPU_TSC_INVARIANT] = false;
	create();
	CHECK_EQ(ask(0x80000007, 0).edx, 0x100);
	told_reliable = false;
	start(~0u, CPU_VENDOR_AMD); /* kvmclock is to be the guest's clock */
	create();
	CHECK_EQ(ask(0x80000007, 0).edx, 0);
}

/* Switched off for the host (cpu.off=): what the hypervisor then does not switch is not shown, either. */
TEST(switched_off)
{
	struct cpuid c;

	start(~0u, CPU_VENDOR_INTEL);
	fake_features[CPU_XSAVE] = false;
	fake_features[CPU_RDTSCP] = false;
	fake_features[CPU_PCID] = false;
	create();
	c = ask(1, 0);
	CHECK_EQ(c.ecx & (BIT(26) | BIT(27) | BIT(28) | BIT(12) | BIT(29)),
		 0); /* XSAVE, AVX, FMA, F16C */
	CHECK_EQ(c.ecx & BIT(17), 0);
	CHECK(!(fake_vm->cpuid->cr4_allowed & (CR4_OSXSAVE | CR4_PCIDE)));
	c = ask(7, 0);
	CHECK_EQ(c.ebx & BIT(5), 0);                   /* AVX2 */
	CHECK_EQ(c.ecx & (BIT(9) | BIT(10)), 0);       /* VAES, VPCLMULQDQ */
	CHECK_EQ(c.ecx & BIT(22), 0);                  /* RDPID */
	CHECK_EQ(ask(0x80000001, 0).edx & BIT(27), 0); /* RDTSCP */
	CHECK_EQ(ask(0xd, 0).eax, 0);
}

TEST(controls_follow)
{
	start(~0u, CPU_VENDOR_INTEL);
	create();
	CHECK_EQ(fake_vm->cpuid->cr4_allowed, BITS(11, 0) | BITS(18, 16) | BITS(21, 20));
	CHECK(!(fake_vm->cpuid->cr4_allowed &
		(CR4_VMXE | CR4_SMXE | CR4_LA57 | CR4_PKE | CR4_CET)));
	CHECK_EQ(fake_vm->cpuid->efer_allowed, EFER_SCE | EFER_LME | EFER_NXE | EFER_FFXSR);
	CHECK_EQ(fake_vm->cpuid->xcr0_allowed, 7);
	CHECK_EQ(fake_vm->cpuid->cr3_reserved, ~BITS(39, 0));
}

TEST(leaves_of_state)
{
	struct cpuid c;

	start(~0u, CPU_VENDOR_INTEL);
	create();
	c = ask(1, 0);
	CHECK_EQ(c.ebx >> 24, 0); /* APIC id */
	CHECK_EQ(c.ebx >> 16 & 0xff, 1);
	CHECK(!(c.ecx & BIT(27)) && (c.edx & BIT(9)));
	v->regs.cr4 |= CR4_OSXSAVE;
	CHECK(ask(1, 0).ecx & BIT(27));
	v->apic_base = 0;
	CHECK(!(ask(1, 0).edx & BIT(9)));
	v->regs.xcr0 = 1;
	CHECK_EQ(ask(0xd, 0).ebx, 576);
	v->regs.xcr0 = 7;
	CHECK_EQ(ask(0xd, 0).ebx, 832);
	CHECK_EQ(ask(0xd, 0).ecx, 832);
	CHECK_EQ(ask(0xd, 0).eax, 7);
	CHECK_EQ(ask(0xd, 0).edx, 0);
	CHECK_EQ(ask(0xd, 1).eax & ~7u, 0); /* XSAVEOPT, XSAVEC and XGETBV(1): no XSS */
	c = ask(0xd, 1);
	CHECK_EQ(c.ebx, 832); /* in the compacted format, too */
	CHECK_EQ(c.ecx | c.edx, 0);
	v->regs.xcr0 = 3;
	CHECK_EQ(ask(0xd, 1).ebx, 576);
	v->regs.xcr0 = 7;
	c = ask(0xd, 2);
	CHECK_EQ(c.eax, 256);
	CHECK_EQ(c.ebx, 576);
	for (u32 sub = 3; sub < 64; sub++) {
		c = ask(0xd, sub);
		CHECK_EQ(c.eax | c.ebx | c.ecx | c.edx, 0);
	}
	c = ask(0xb, 0);
	CHECK_EQ(c.ecx, 0x100);
	CHECK_EQ(c.edx, 0);
	CHECK_EQ(ask(0xb, 1).ecx, 0x201);
	CHECK_EQ(ask(0xb, 2).ebx, 0);
}

/* --- how vCPUs are arranged ------------------------------------------------------------------------------ */

/* Two sockets of so many dies with 3 cores of 2 threads. */
static void arrange(u32 dies)
{
	struct domain cfg = { .vcpus = 12 * dies, .sockets = 2, .dies = dies, .cores = 3 };

	cfg.threads = 2;
	fake_vm->topology = topology_of(&cfg);
	fake_vm->vcpu_count = cfg.vcpus;
	v->index = 6 * dies +
		   3; /* in the second socket's first die: the second core's second thread */
	v->apic_id = topology_apic_id(&fake_vm->topology, v->index);
}

TEST(apic_ids)
{
	struct domain cfg = { .vcpus = 64 };
	struct topology t = topology_of(&cfg);

	CHECK(t.sockets == 1 && t.cores == 64 && t.threads == 1);
	CHECK_EQ(topology_apic_id(&t, 63), 63);
	/* Every arrangement of up to 64: rising, no two alike, and below what xAPICs can be told. */
	for (u32 s = 1; s <= 64; s++) {
		for (u32 d = 1; s * d <= 64; d++) {
			for (u32 c = 1; s * d * c <= 64; c++) {
				u32 n = 64 / (s * d * c), last = 0;

				cfg = (struct domain){ .vcpus = s * d * c * n, .sockets = s };
				cfg.dies = d;
				cfg.cores = c;
				cfg.threads = n;
				t = topology_of(&cfg);
				for (u32 i = 1; i < cfg.vcpus; i++) {
					u32 id = topology_apic_id(&t, i);

					CHECK(id > last && id < TOPOLOGY_IDS);
					CHECK_EQ(t.vcpu_of[id], i);
					last = id;
				}
			}
		}
	}
}

/* SDM vol. 2, "CPUID", leaves 1, 4 and 0BH. */
TEST(arrangement_intel)
{
	struct cpuid c;

	start(~0u, CPU_VENDOR_INTEL);
	arrange(1);
	create();
	CHECK_EQ(v->apic_id, 8 + 3);
	c = ask(1, 0);
	CHECK_EQ(c.ebx >> 16, 11 << 8 | 6);
	CHECK(c.edx & BIT(28));
	c = ask(0xb, 0);
	CHECK(c.eax == 1 && c.ebx == 2 && c.ecx == 0x100 && c.edx == 11);
	c = ask(0xb, 1);
	CHECK(c.eax == 3 && c.ebx == 6 && c.ecx == 0x201 && c.edx == 11);
	CHECK_EQ(ask(0xb, 2).ebx, 0);
	c = ask(4, 0); /* the machine says level 7: the socket's */
	CHECK_EQ(c.eax >> 26, 3);
	CHECK_EQ(c.eax >> 14 & 0xfff, 7);
	CHECK_EQ(ask(0, 0).eax, 0x15);
	CHECK_EQ(ask(0x1f, 0).ebx, 0);
}

/* Leaf 1FH: only with it can dies be told. */
TEST(arrangement_with_dies)
{
	struct cpuid c;

	start(~0u, CPU_VENDOR_INTEL);
	arrange(2);
	create();
	CHECK_EQ(v->apic_id, 16 + 3);
	CHECK_EQ(ask(0, 0).eax, 0x1f);
	c = ask(0x1f, 0);
	CHECK(c.eax == 1 && c.ebx == 2 && c.ecx == 0x100 && c.edx == 19);
	c = ask(0x1f, 1);
	CHECK(c.eax == 3 && c.ebx == 6 && c.ecx == 0x201);
	c = ask(0x1f, 2);
	CHECK(c.eax == 4 && c.ebx == 12 && c.ecx == 0x502 && c.edx == 19);
	CHECK_EQ(ask(0x1f, 3).ebx, 0);
	c = ask(0xb, 1);
	CHECK(c.eax == 4 && c.ebx == 12 && c.ecx == 0x201);
}

/* AMD APM vol. 3, appendix E, "Multiple Processor Calculation" and Fn8000_001D, _001E. */
TEST(arrangement_amd)
{
	struct cpuid c;

	start(~0u, CPU_VENDOR_AMD);
	arrange(2);
	v->index += 6; /* the second die */
	v->apic_id = topology_apic_id(&fake_vm->topology, v->index);
	create();
	CHECK_EQ(v->apic_id, 16 + 8 + 3);
	CHECK_EQ(ask(0x80000000, 0).eax, 0x80000021);
	CHECK_EQ(ask(0x80000001, 0).ecx & (BIT(22) | BIT(1)), BIT(22) | BIT(1));
	CHECK_EQ(ask(0x80000008, 0).ecx, 4 << 12 | 11);
	CHECK_EQ(ask(0x8000001d, 0).eax >> 14, 7);
	c = ask(0x8000001e, 0);
	CHECK(c.eax == 27 && c.ebx == (1 << 8 | 5) && c.ecx == (1 << 8 | 3) && !c.edx);
	CHECK_EQ(ask(0x1f, 0).ebx, 0);

	/* A machine without them. */
	start(~0u, CPU_VENDOR_AMD);
	machine_last_extended = 0x8000001a;
	arrange(1);
	create();
	CHECK_EQ(ask(0x80000000, 0).eax, 0x80000008);
	CHECK_EQ(ask(0x80000001, 0).ecx & (BIT(22) | BIT(1)), BIT(1));
	CHECK_EQ(ask(0x8000001e, 0).eax, 0);
}

/* Leaves that are not offered are all zeroes, wherever they are. */
TEST(other_leaves)
{
	static const u32 known[] = { 0, 1, 4, 6, 7, 0xb, 0xd, 0x15 };
	u32 k = 0;

	start(~0u, CPU_VENDOR_INTEL);
	create();
	CHECK_EQ(ask(0, 0).eax, 0x15);
	CHECK_EQ(ask(0x80000000, 0).eax, 0x80000008);
	for (u32 leaf = 0; leaf < 0x100; leaf++) {
		struct cpuid c = ask(leaf, 0);
		u32 any = c.eax | c.ebx | c.ecx | c.edx;

		if (k < ARRAY_LEN(known) && leaf == known[k]) {
			k++;
			CHECK(any);
		} else {
			CHECK_EQ(any, 0);
		}
		c = ask(0x80000000 + leaf, 0);
		if (leaf > 8)
			CHECK_EQ(c.eax | c.ebx | c.ecx | c.edx, 0);
		c = ask(0x40000002 + leaf + (leaf >= 14), 0); /* 40000010H is the TSC's */
		CHECK_EQ(c.eax | c.ebx | c.ecx | c.edx, 0);
		c = ask(0xc0000000 + leaf, 0);
		CHECK_EQ(c.eax | c.ebx | c.ecx | c.edx, 0);
	}
	CHECK_EQ(ask(7, 1).eax, 0); /* sub-leaves that are not offered */
	CHECK_EQ(ask(7, 3).edx, 0);
	CHECK_EQ(ask(0xffffffff, 0xffffffff).eax, 0);
}

TEST(hypervisor)
{
	struct cpuid c;
	char name[13] = "";

	start(~0u, CPU_VENDOR_INTEL);
	fake_vm->cfg.kvm_on = DOMAIN_KVM_HIDDEN;
	create();
	c = ask(0x40000000, 0);
	CHECK_EQ(c.eax, 0x40000000);
	memcpy(name, &c.ebx, 4);
	memcpy(name + 4, &c.ecx, 4);
	memcpy(name + 8, &c.edx, 4);
	CHECK_STR(name, "PlinthHv    ");
	c = ask(0x40000001, 0);
	CHECK_EQ(c.eax | c.ebx | c.ecx | c.edx, 0);
	CHECK_EQ(fake_vm->cpuid->pv_features, 0);
}

/* Linux, "KVM CPUID bits". */
TEST(kvm)
{
	struct cpuid c;

	start(~0u, CPU_VENDOR_AMD);
	create();
	c = ask(0x40000000, 0);
	CHECK_EQ(c.eax, 0x40000010);
	CHECK_EQ(c.ebx, 0x4b4d564b);
	CHECK_EQ(c.ecx, 0x564b4d56);
	CHECK_EQ(c.edx, 0x4d);
	c = ask(0x40000001, 0);
	CHECK_EQ(c.eax, SEEN_KVM);
	CHECK_EQ(c.ebx | c.ecx | c.edx, 0);
	CHECK_EQ(fake_vm->cpuid->pv_features, SEEN_KVM);
	c = ask(0x3fffffff, 0);
	CHECK_EQ(c.eax | c.ebx | c.ecx | c.edx, 0);
}

TEST(kvm_by_choice)
{
	static const struct {
		u32 off, missing;
	} rows[] = {
		{ DOMAIN_KVM_CLOCK, BIT(0) | BIT(3) | BIT(24) },
		{ DOMAIN_KVM_PVSPINLOCK, BIT(7) },
		{ DOMAIN_KVM_PV_IPI, BIT(11) },
		{ DOMAIN_KVM_POLL_CONTROL, BIT(12) },
		{ DOMAIN_KVM_HIDDEN, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		start(~0u, CPU_VENDOR_INTEL);
		fake_vm->cfg.kvm_off = rows[i].off;
		create();
		CHECK_EQ(ask(0x40000001, 0).eax, SEEN_KVM & ~rows[i].missing);
	}
	start(~0u, CPU_VENDOR_INTEL);
	fake_vm->cfg.kvm_on = DOMAIN_KVM_DEDICATED;
	create();
	CHECK_EQ(ask(0x40000001, 0).edx, 1);
	apicv_ipis = true; /* the hypercall would be an exit */
	create();
	CHECK_EQ(ask(0x40000001, 0).eax, SEEN_KVM & ~BIT(11));
	fake_vm->cfg.kvm_on = DOMAIN_KVM_PV_IPI; /* wanted all the same */
	create();
	CHECK_EQ(ask(0x40000001, 0).eax, SEEN_KVM);
	apicv_ipis = false;
}

/* What the VM's is, where it is not the host's: in leaf 15H and in the hypervisor's own. */
TEST(tsc_frequency_of_its_own)
{
	struct cpuid c;

	start(~0u, CPU_VENDOR_INTEL);
	machine_khz = 2000000;
	create();
	c = ask(0x40000010, 0);
	CHECK(c.eax == 2000000 && c.ebx == 25000 && !c.ecx && !c.edx);
	fake_vm->tsc.khz = 3000000;
	create();
	c = ask(0x15, 0);
	CHECK_EQ((u64)c.ecx * c.ebx / c.eax / 1000000, 3000);
	CHECK_EQ(ask(0x40000010, 0).eax, 3000000);
	CHECK_EQ(ask(0x40000011, 0).eax | ask(0x4000000f, 0).eax, 0);
	CHECK_EQ(ask(0x40000000, 0).eax, 0x40000010);
	cpuid_show_tsc(fake_vm->cpuid, 1000000);
	c = ask(0x15, 0);
	CHECK_EQ((u64)c.ecx * c.ebx / c.eax / 1000000, 1000);
	fake_vm->tsc.khz = 0;
}

/* Leaf 15H: the TSC's frequency is ECX * EBX / EAX, within a few millionths; and fits 32 bits of kHz. */
TEST(tsc_frequency)
{
	static const u64 khz[] = { 100000, 999999, 1000000, 2400123, 3799999, 5123456 };

	for (size_t i = 0; i < ARRAY_LEN(khz); i++) {
		struct cpuid c;
		u64 got;

		start(~0u, CPU_VENDOR_INTEL);
		machine_khz = khz[i];
		create();
		c = ask(0x15, 0);
		CHECK(c.eax && c.ebx);
		CHECK_EQ(c.ecx, 25000000);
		CHECK((u64)(c.ecx / 1000) * c.ebx <= 0xffffffff);
		got = c.ecx / 1000 * (u64)c.ebx / (c.eax ? c.eax : 1);
		CHECK(got + 20 >= khz[i] && got <= khz[i] + 20);
	}
}

TEST(old_machine)
{
	start(~0u, CPU_VENDOR_AMD);
	machine_last = 1;
	machine_last_extended = 0x80000008;
	create();
	CHECK_EQ(ask(0, 0).eax, 1);
	CHECK_EQ(ask(7, 0).ebx, 0);
	CHECK(!(fake_vm->cpuid->cr4_allowed & (CR4_SMEP | CR4_SMAP | CR4_FSGSBASE)));
	CHECK_EQ(fake_vm->cpuid->xcr0_allowed, 0);
}

/* --- models -------------------------------------------------------------------------------------------- */

/* All of the list is offered where the machine has it, by the names that libvirt has. */
TEST(offered_by_name)
{
	static const char *const yes[] = { "fpu",       "mce",    "mca",        "aes",
					   "avx2",      "arat",   "nx",         "lm",
					   "x2apic",    "xsavec", "xgetbv1",    "tsc-deadline",
					   "clzero",    "rdpid",  "xsaveerptr", "invtsc",
					   "tsc_adjust" };
	static const char *const no[] = { "vmx",     "svm",      "monitor", "mpx", "xsaves",
					  "avx512f", "npt",      "la57",    "pku", "hle",
					  "vmx-ept", "amx-tile", "pdcm" };
	struct cpu_set s;

	start(~0u, CPU_VENDOR_AMD);
	CHECK_EQ(cpuid_offered(&s), 0);
	for (u32 i = 0; i < ARRAY_LEN(yes); i++)
		CHECK(cpu_set_has(&s, number(yes[i])));
	for (u32 i = 0; i < ARRAY_LEN(no); i++)
		CHECK(!cpu_set_has(&s, number(no[i])));
	start(0, CPU_VENDOR_AMD);
	memset(fake_features, 0, CPU_FEATURE_COUNT * sizeof(fake_features[0]));
	CHECK_EQ(cpuid_offered(&s), 0);
	CHECK(cpu_set_has(&s, number("x2apic")) && cpu_set_has(&s, number("arat")));
	CHECK(!cpu_set_has(&s, number("fpu")) && !cpu_set_has(&s, number("aes")));
}

/* What a domain's CPU does without is not shown and cannot be used. */
TEST(taken_away)
{
	static const char *const some[] = {
		"x2apic", "smep", "nx", "rdtscp", "rdpid", "pcid", NULL
	};

	start_without(CPU_VENDOR_INTEL, some);
	CHECK_EQ(ask(1, 0).ecx, SEEN_1_ECX & ~(BIT(21) | BIT(17)));
	CHECK_EQ(ask(7, 0).ebx, SEEN_7_EBX & ~BIT(7));
	CHECK_EQ(ask(0x80000001, 0).edx, SEEN_X1_EDX_INTEL & ~(BIT(20) | BIT(27)));
	CHECK(!(fake_vm->cpuid->cr4_allowed & (CR4_SMEP | CR4_PCIDE)));
	CHECK(fake_vm->cpuid->cr4_allowed & CR4_SMAP);
	CHECK(!(fake_vm->cpuid->efer_allowed & EFER_NXE));
	CHECK(!fake_vm->cpuid->x2apic && !fake_vm->cpuid->tsc_aux);
	start_without(CPU_VENDOR_INTEL, some + ARRAY_LEN(some) - 1);
	CHECK_EQ(ask(1, 0).ecx, SEEN_1_ECX);
	CHECK(fake_vm->cpuid->x2apic && fake_vm->cpuid->tsc_aux);
}

TEST(without_avx_and_xsave)
{
	static const char *const avx[] = { "avx", NULL }, *const xsave[] = { "xsave", "avx", NULL };

	start_without(CPU_VENDOR_INTEL, avx);
	CHECK_EQ(fake_vm->cpuid->xcr0_allowed, 3);
	CHECK_EQ(ask(0xd, 0).eax, 3);
	CHECK_EQ(ask(0xd, 0).ecx, 576);
	CHECK_EQ(ask(0xd, 2).eax | ask(0xd, 2).ebx, 0);
	CHECK(fake_vm->cpuid->cr4_allowed & CR4_OSXSAVE);
	start_without(CPU_VENDOR_INTEL, xsave);
	CHECK_EQ(fake_vm->cpuid->xcr0_allowed, 3); /* what is switched, all the same */
	for (u32 sub = 0; sub < 3; sub++) {
		struct cpuid c = ask(0xd, sub);

		CHECK_EQ(c.eax | c.ebx | c.ecx | c.edx, 0);
	}
	CHECK(!(fake_vm->cpuid->cr4_allowed & CR4_OSXSAVE));
}

/* AMD's copies of leaf 1, and the leaves that only they have. */
TEST(taken_away_amd)
{
	static const char *const some[] = { "vme", "mmx", "topoext", NULL };

	start_without(CPU_VENDOR_AMD, some);
	CHECK_EQ(ask(1, 0).edx & (BIT(1) | BIT(23)), 0);
	CHECK_EQ(ask(0x80000001, 0).edx & (BIT(1) | BIT(23) | BIT(24)), BIT(24));
	CHECK_EQ(ask(0x80000000, 0).eax, 0x80000021);
	CHECK_EQ(ask(0x8000001e, 0).eax | ask(0x8000001d, 0).eax, 0);
}

TEST(signature_and_name)
{
	start(~0u, CPU_VENDOR_AMD);
	CHECK_EQ(cpuid_offered(&fake_vm->cpu.features), 0);
	fake_vm->cpu.chosen = true;
	fake_vm->cpu.signature = 0x206c1;
	fake_vm->cpu.name = "Skylake-Server-noTSX";
	create();
	CHECK_EQ(ask(1, 0).eax, 0x206c1);
	CHECK_EQ(ask(0x80000001, 0).eax, 0x206c1);
	CHECK(!memcmp(&(struct cpuid){ 0x6c796b53, 0x2d656b61, 0x76726553, 0x6e2d7265 },
		      &(struct cpuid){ ask(0x80000002, 0).eax, ask(0x80000002, 0).ebx,
				       ask(0x80000002, 0).ecx, ask(0x80000002, 0).edx },
		      16)); /* "Skylake-Server-n" */
	CHECK_EQ(ask(0x80000003, 0).ebx, 0);
	CHECK_EQ(ask(0x80000004, 0).edx, 0);
}

/* KVM's clock hides it, but from who asks for it by name. */
TEST(invariant_tsc_by_name)
{
	start(~0u, CPU_VENDOR_INTEL);
	create();
	CHECK_EQ(ask(0x80000007, 0).edx, 0);
	start(~0u, CPU_VENDOR_INTEL);
	fake_vm->cfg.cpu_features[0] =
		(struct domain_cpu_feature){ (u16)number("invtsc"), CPU_REQUIRE };
	fake_vm->cfg.cpu_feature_count = 1;
	create();
	CHECK_EQ(ask(0x80000007, 0).edx, 0x100);
}

/* CPUs that differ: the last test, since what one CPU has counts from then on. */
TEST(what_all_cpus_have)
{
	struct cpu_set s;

	start(~0u, CPU_VENDOR_AMD);
	machine_capabilities = 0x27 | 1 << 8;
	cpuid_host_add();
	machine_fill = ~(u32)(BIT(25) | BIT(5)); /* 1 ECX: AES; 7 EBX: AVX2 */
	machine_capabilities = 0x23 | 1 << 19;
	cpuid_host_add();
	machine_fill = ~0u;
	CHECK_EQ(cpuid_offered(&s), 0);
	CHECK(!cpu_set_has(&s, number("aes")) && !cpu_set_has(&s, number("avx2")));
	CHECK(cpu_set_has(&s, number("ssse3")) && cpu_set_has(&s, number("bmi2")));
	create();
	CHECK_EQ(ask(1, 0).ecx, SEEN_1_ECX & ~BIT(25));
	CHECK_EQ(ask(1, 0).eax, ~0u); /* no feature */
	CHECK_EQ(capabilities(),
		 0x27 | 1 << 19); /* RSBA and RRSBA warn of any, the others are of all */
}
