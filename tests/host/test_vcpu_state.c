/*
 * A vCPU in the state stream: all of it comes back; what would hurt the hypervisor, or give the guest what it
 * was not offered, is refused, and then nothing of it stays.
 *
 * sources: tests/host/fake_trace.c
 * sources: tests/host/fake_vm.c tests/host/fake_vcpu.c vm/vcpu_state.c vm/tscscale.c vm/spec.c vm/vcpu.c vm/pv_msr.c vm/pv_clock.c vm/lapic.c vm/lapic_ipi.c vm/lapic_lint.c vm/lapic_mode.c vm/startup.c vm/lapic_timer.c vm/lapic_state.c
 * sources: vm/irq.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 * flags: -include tests/host/fake_irq.h -include tests/host/fake_cpu.h
 */
#include "arch/msr.h"
#include "lib/errno.h"
#include "tests/host/fake_vcpu.h"
#include "tests/host/harness.h"
#include "vm/emul.h"
#include "vm/irq.h"
#include "vm/lazy.h"
#include "vm/state.h"

#include <string.h>

static struct vcpu *v;
static u32 syncs, reloads;
static u8 vector[832];
static u8 stream[16384], other[16384];

static u64 shown_khz;

void cpuid_show_tsc(struct cpuid_table *t, u64 khz)
{
	shown_khz = khz;
}

u32 insn_length(struct vcpu *c)
{
	return 0;
}

void lazy_reset(struct vcpu *c) {}

void lazy_sync(struct vcpu *c)
{
	syncs++;
}

/* What memory holds goes into the CPU: it must not be able to fault there. */
void lazy_reload(struct vcpu *c)
{
	const struct vcpu_regs *r = &c->regs;

	reloads++;
	CHECK((r->xcr0 & 1) && !(r->xcr0 & ~fake_cpuid_table.xcr0_allowed & ~1ull) &&
	      (r->xcr0 & 6) != 4);
	CHECK_EQ(r->sfmask >> 32 | r->dr6 >> 32 | r->dr7 >> 32 | r->tsc_aux >> 32, 0);
	CHECK_EQ((u64)((s64)(r->lstar << 16) >> 16), r->lstar);
	CHECK_EQ((u64)((s64)(r->cstar << 16) >> 16), r->cstar);
	CHECK_EQ((u64)((s64)(r->kernel_gs << 16) >> 16), r->kernel_gs);
	CHECK_EQ(r->cr4 & ~fake_cpuid_table.cr4_allowed, 0);
	CHECK_EQ(r->efer & ~(fake_cpuid_table.efer_allowed | EFER_LMA), 0);
}

void lazy_vector_state(struct vcpu *c, struct state *s)
{
	state_bytes(s, "vector", vector, sizeof(vector));
}

static void start(void)
{
	fake_vcpu_new();
	v = fake_vcpu;
	fake_cpuid_table = (struct cpuid_table){
		.cr4_allowed = CR4_PAE | CR4_PGE | CR4_OSXSAVE,
		.efer_allowed = EFER_SCE | EFER_LME | EFER_NXE,
		.xcr0_allowed = 7,
		.phys_bits = 40,
		.spec = { .ctrl = 7, .virt = 4 },
	};
	CHECK_EQ(vm_irqs_create(fake_vm), 0);
	CHECK_EQ(vlapic_create(v), 0);
	vcpu_reset(v);
	fake_tsc = 1000;
	syncs = reloads = 0;
}

static size_t save(u8 *buf)
{
	struct state s;

	state_init_save(&s, buf, sizeof(stream));
	vcpu_state(v, &s);
	CHECK_EQ(state_result(&s), 0);
	return state_size(&s);
}

static int load(const u8 *buf, size_t n)
{
	struct state s;

	state_init_load(&s, buf, n);
	vcpu_state(v, &s);
	return state_result(&s);
}

/* Different values in all that the guest can see. */
static void fill(void)
{
	struct vcpu_regs *r = &v->regs;
	u64 n = 0x1111;

	for (u32 i = 0; i < 16; i++)
		r->gpr[i] = n += 0x1111111111111111 / 16;
	r->rip = 0xffffffff81234567;
	r->rflags = 0x246;
	r->cr0 = 0x80050033;
	r->cr2 = 0x123456;
	r->cr3 = 0x7000;
	r->cr4 = CR4_PAE | CR4_PGE;
	r->efer = EFER_LME | EFER_LMA | EFER_NXE;
	for (u32 i = 0; i < SEG_COUNT; i++)
		r->seg[i] = (struct segment){ 0x1000 * i, 0x100 * i + 7, (u16)(8 * i),
					      (u16)(0x93 + 0x100 * i) };
	r->gdt = (struct dtable){ 0xfffffe0000001000, 0x7f };
	r->idt = (struct dtable){ 0xfffffe0000002000, 0xfff };
	for (u32 i = 0; i < 4; i++)
		r->dr[i] = 0x4000 + i;
	r->dr6 = 0xffff0ff1;
	r->dr7 = 0x402;
	r->shadow = SHADOW_STI;
	r->sysenter_cs = 0x10;
	r->sysenter_esp = 0x2000;
	r->sysenter_eip = 0x3000;
	r->pat = 0x0007010600070106;
	r->star = 0x23001000000000;
	r->lstar = 0xffffffff81000000;
	r->cstar = 0xffffffff81000100;
	r->sfmask = 0x47700;
	r->kernel_gs = 0xffff888000000000;
	r->xcr0 = 7;
	r->tsc_aux = 3;
	v->mtrr_def_type = 0xc06;
	for (u32 i = 0; i < 11; i++)
		v->mtrr_fixed[i] = i;
	for (u32 i = 0; i < 16; i++)
		v->mtrr_var[i] = 0x1000 * i;
	v->tsc_adjust = 77;
	v->spec_ctrl = 5;
	v->virt_spec_ctrl = 4;
	v->tsc_offset = -100ull;
	v->pv.clock = 0x4001;
	v->pv.wall = 0x5000;
	v->pv.steal = 0x6041;
	v->pv.poll = 0;
	v->pv.unhalted = true;
	v->pv.tsc_ref = 400 - 77;
	v->pv.ns_ref = 70;
	v->activity = ACTIVITY_HALTED;
	v->nmi_pending = true;
	v->event = (struct vm_event){ .kind = EVENT_INTR, .vector = 0x55 };
	v->exception = (struct vm_event){
		.kind = EVENT_EXCEPTION, .vector = 14, .has_error = true, .error = 2
	};
	for (u32 i = 0; i < sizeof(vector); i++)
		vector[i] = (u8)(i * 7);
}

TEST(round_trip)
{
	struct vcpu before;
	size_t n;

	start();
	fill();
	n = save(stream);
	CHECK_EQ(syncs, 1);
	before = *v;
	vcpu_reset(v);
	memset(vector, 0, sizeof(vector));
	fake_tsc = 500000; /* elsewhere, later */
	v->dirty = 0;
	CHECK_EQ(load(stream, n), 0);
	CHECK(!memcmp(&v->regs, &before.regs, sizeof(v->regs)));
	CHECK(!memcmp(&v->event, &before.event, sizeof(v->event)));
	CHECK(!memcmp(&v->exception, &before.exception, sizeof(v->exception)));
	CHECK(!memcmp(v->mtrr_fixed, before.mtrr_fixed, sizeof(v->mtrr_fixed)));
	CHECK(!memcmp(v->mtrr_var, before.mtrr_var, sizeof(v->mtrr_var)));
	CHECK_EQ(v->mtrr_def_type, 0xc06);
	CHECK_EQ(v->tsc_adjust, 77);
	CHECK(v->spec_ctrl == 5 && v->virt_spec_ctrl == 4);
	CHECK_EQ(v->apic_base, before.apic_base);
	CHECK(v->pv.clock == 0x4001 && v->pv.wall == 0x5000 && v->pv.steal == 0x6041);
	CHECK(!v->pv.poll && v->pv.unhalted && fake_requests & REQ_PV_CLOCK);
	CHECK_EQ(pv_clock_ns(v, 1000), 670); /* so does its clock */
	CHECK(v->activity == ACTIVITY_HALTED && v->nmi_pending && v->recheck);
	CHECK_EQ(vector[831], (u8)(831 * 7));
	CHECK_EQ(fake_tsc + v->tsc_offset, 900); /* the guest's TSC goes on where it was */
	CHECK_EQ(v->dirty & RG_ALL, RG_ALL);
	CHECK_EQ(reloads, 1);
	CHECK_EQ(save(other), n);
	CHECK(!memcmp(stream, other, n));
}

/* Loaded where TSCs run at another frequency: it goes on as fast as it did, at all vCPUs alike, or is refused. */
TEST(another_tsc_frequency)
{
	size_t n;
	u64 tsc;

	tscscale_hw = (struct tscscale_hw){ .feature = "it", .bits = 48, .max = BITS(59, 0) };
	start();
	fill();
	fake_vm->tsc = (struct tscscale){ .khz = 3000000, .mult = 3ull << 48, .bits = 48 };
	tsc = vcpu_tsc(v);
	n = save(stream);
	start();
	fake_tsc = 500000;
	CHECK_EQ(load(stream, n), 0);
	CHECK(fake_vm->tsc.khz == 3000000 && fake_vm->tsc.mult == 3ull << 48);
	CHECK_EQ(shown_khz, 3000000);
	CHECK_EQ(vcpu_tsc(v), tsc);
	CHECK_EQ(fake_backend.tsc_changes, 1);
	fake_tsc += 1000;
	CHECK_EQ(vcpu_tsc(v), tsc + 3000);

	/* The other vCPUs follow the first. */
	start();
	v->index = 1;
	n = save(stream);
	CHECK_EQ(load(stream, n), 0);
	fake_vm->tsc = (struct tscscale){ .khz = 3000000, .mult = 3ull << 48, .bits = 48 };
	CHECK_EQ(load(stream, n), -EINVAL);

	/* Nobody to do it: what is near passes, as this host's. */
	tscscale_hw.bits = 0;
	start();
	fake_vm->tsc.khz = 1000250;
	n = save(stream);
	start();
	CHECK_EQ(load(stream, n), 0);
	CHECK(!fake_vm->tsc.khz && !fake_vm->tsc.mult);
	fake_vm->tsc.khz = 1000251;
	n = save(stream);
	start();
	CHECK_EQ(load(stream, n), -EINVAL);
	CHECK(!fake_vm->tsc.khz && !fake_vm->tsc.mult);
}

/* What was asked for before saving: registers that are still in the hardware. */
TEST(saving_reads_all)
{
	start();
	v->valid = 0;
	save(stream);
	CHECK_EQ(fake_backend.read_groups, RG_ALL);
}

TEST(truncated)
{
	size_t n;

	start();
	n = save(stream);
	for (size_t k = 0; k < n; k += 3) {
		memcpy(other, stream, k);
		CHECK(load(other, k) < 0);
	}
	CHECK_EQ(v->regs.rip, 0xfff0); /* as after reset */
}

/* Spoils one value, saves, and loads that. */
#define REFUSED(spoil)                                                                             \
	do {                                                                                       \
		size_t size;                                                                       \
		start();                                                                           \
		fill();                                                                            \
		spoil;                                                                             \
		size = save(stream);                                                               \
		CHECK_EQ(load(stream, size), -EINVAL);                                             \
		CHECK_EQ(v->regs.rip, 0xfff0);                                                     \
		CHECK_EQ(v->regs.efer, 0);                                                         \
		CHECK(!v->spec_ctrl && !v->virt_spec_ctrl);                                        \
		CHECK(v->exception.kind == EVENT_NONE && v->event.kind == EVENT_NONE);             \
		CHECK_EQ(reloads, 1);                                                              \
	} while (0)

TEST(what_is_refused)
{
	REFUSED(v->regs.cr4 |= CR4_VMXE);
	REFUSED(v->regs.efer |= EFER_SVME);
	REFUSED(v->regs.xcr0 = 6);
	REFUSED(v->regs.xcr0 = 5);
	REFUSED(v->regs.xcr0 = 0xe7);
	REFUSED(v->regs.lstar = 0x800000000000);
	REFUSED(v->regs.cstar = 0x800000000000);
	REFUSED(v->regs.kernel_gs = 0xff00000000000000);
	REFUSED(v->regs.sfmask = 0x100000000);
	REFUSED(v->regs.dr6 |= 1ull << 32);
	REFUSED(v->regs.dr7 |= 1ull << 63);
	REFUSED(v->regs.tsc_aux = 1ull << 32);
	REFUSED(v->regs.debugctl = 1);
	REFUSED(v->regs.shadow = BIT(2));
	REFUSED(v->event.kind = EVENT_SOFT_EXC + 1);
	REFUSED(v->event.insn_len = 16);
	REFUSED(v->exception.vector = 32);
	REFUSED(v->event.kind = EVENT_NMI);
	REFUSED(v->apic_base = 0xfee00000 | APIC_BASE_X2APIC);
	REFUSED(v->apic_base = 0xfed00000 | APIC_BASE_ENABLE);
	REFUSED(v->apic_base |= BIT(52));
	REFUSED(v->spec_ctrl = 8);
	REFUSED(v->virt_spec_ctrl = 1);
}

/* What was refused is gone: the state after it can be saved and loaded. */
TEST(refused_and_gone)
{
	size_t n;

	start();
	fill();
	v->event.insn_len = 200;
	n = save(stream);
	CHECK_EQ(load(stream, n), -EINVAL);
	CHECK_EQ(v->event.insn_len, 0);
	n = save(stream);
	CHECK_EQ(load(stream, n), 0);
}

/* A machine without XSAVE: XCR0 is what it is after reset. */
TEST(without_xsave)
{
	size_t n;

	start();
	fake_cpuid_table.xcr0_allowed = 0;
	n = save(stream);
	CHECK_EQ(load(stream, n), 0);
	v->regs.xcr0 = 3;
	n = save(stream);
	CHECK_EQ(load(stream, n), -EINVAL);
}

/* Any damage: refused, or no harm (lazy_reload() above looks at what gets into the CPU). */
TEST(damaged)
{
	u64 seed = 99;
	size_t n;
	u32 loaded = 0;

	start();
	fill();
	n = save(stream);
	for (u32 round = 0; round < 3000; round++) {
		memcpy(other, stream, n);
		for (u32 k = 0; k < 1 + round % 4; k++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			other[(seed >> 20) % 2600] ^= (u8)(1u << (seed >> 60 & 7));
		}
		loaded += !load(other, n);
	}
	CHECK(loaded > 100 && loaded < 2900);
}
