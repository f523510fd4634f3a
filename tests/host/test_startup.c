/*
 * INIT and SIPI: what comes when, in every order; a SIPI behind an INIT is never lost, any other is; what INIT
 * leaves of the registers.
 *
 * sources: tests/host/fake_trace.c
 * sources: tests/host/fake_vm.c tests/host/fake_vcpu.c vm/startup.c vm/vcpu.c vm/state.c vm/vdev.c vm/iobus.c
 * sources: core/chardev.c
 * flags: -include tests/host/fake_cpu.h
 */
#include <string.h>

#include "arch/msr.h"
#include "lib/errno.h"
#include "tests/host/fake_vcpu.h"
#include "tests/host/harness.h"
#include "vm/emul.h"
#include "vm/startup.h"
#include "vm/state.h"
#include "vm/vm.h"

static struct vcpu *v;
static u32 syncs, reloads, lapic_resets;

void lazy_reset(struct vcpu *c) {}

void lazy_sync(struct vcpu *c)
{
	syncs++;
}

void lazy_reload(struct vcpu *c)
{
	reloads++;
	CHECK_EQ(c->regs.dr[0], 0);
}

u32 insn_length(struct vcpu *c)
{
	return 0;
}

void vlapic_reset(struct vlapic *l)
{
	lapic_resets++;
}

/* An application processor, or vCPU 0, as after power-on. */
static void start(bool ap)
{
	fake_vcpu_new();
	v = fake_vcpu;
	if (ap) {
		v->index = 1;
		v->port = &fake_vm->ports[1];
		v->port->vm = fake_vm;
		fake_vm->vcpu_count = 2;
	}
	startup_reset(v);
	syncs = reloads = lapic_resets = 0;
}

/* What the run loop does with what was asked for. */
static void serve(void)
{
	u32 req = fake_requests;

	fake_requests = 0;
	if (req & REQ_INIT)
		startup_init(v);
	if (v->activity == ACTIVITY_WAITS_SIPI)
		startup_begin(v);
}

static bool runs_at(u8 vector)
{
	const struct segment *cs = &v->regs.seg[SEG_CS];

	return v->activity == ACTIVITY_RUNS && !v->regs.rip && cs->base == (u64)vector << 12 &&
	       cs->selector == vector << 8 && !(v->regs.cr0 & CR0_PE);
}

TEST(power_on)
{
	start(false);
	CHECK_EQ(v->activity, ACTIVITY_RUNS);
	start(true);
	CHECK_EQ(v->activity, ACTIVITY_WAITS_SIPI);
	serve();
	CHECK_EQ(v->activity, ACTIVITY_WAITS_SIPI);
	startup_signal_sipi(v, 0x9a); /* without an INIT: it waits since power-on */
	CHECK_EQ(fake_requests, REQ_EVENT);
	serve();
	CHECK(runs_at(0x9a));
}

TEST(init_sipi_sipi)
{
	start(true);
	startup_signal_init(v);
	CHECK_EQ(fake_requests, REQ_INIT);
	serve();
	startup_signal_sipi(v, 8);
	serve();
	CHECK(runs_at(8));
	v->regs.rip = 0x123;
	fake_requests = 0;
	startup_signal_sipi(v, 9); /* it runs: dropped, and nobody is woken */
	CHECK_EQ(fake_requests, 0);
	serve();
	CHECK_EQ(v->regs.rip, 0x123);
	CHECK_EQ(v->regs.seg[SEG_CS].base, 0x8000);
}

/* It does not get to look before both are there. */
TEST(init_and_sipi_at_once)
{
	start(true);
	startup_signal_sipi(v, 1);
	serve();
	startup_signal_init(v);
	startup_signal_sipi(v, 2);
	startup_signal_sipi(v, 3);
	serve();
	CHECK(runs_at(2));
	CHECK_EQ(lapic_resets, 1);
}

/* An INIT voids a SIPI that was not used yet. */
TEST(init_after_sipi)
{
	start(true);
	startup_signal_sipi(v, 1);
	startup_signal_init(v);
	serve();
	CHECK_EQ(v->activity, ACTIVITY_WAITS_SIPI);
	startup_signal_sipi(v, 2);
	serve();
	CHECK(runs_at(2));
}

/* The INIT's request comes late, behind another sender's SIPI, which waits for it. */
TEST(torn_init)
{
	start(true);
	startup_signal_init(v);
	fake_requests = 0;
	startup_signal_sipi(v, 1);
	serve();
	CHECK_EQ(v->activity, ACTIVITY_WAITS_SIPI);
	fake_requests = REQ_INIT;
	serve();
	CHECK(runs_at(1));
}

/* Between an INIT that was served and the look for a SIPI there come another INIT and its SIPI. */
TEST(init_between)
{
	start(true);
	startup_signal_init(v);
	fake_requests = 0;
	startup_init(v);
	startup_signal_init(v);
	startup_signal_sipi(v, 2);
	CHECK(!startup_begin(v));
	serve();
	CHECK(runs_at(2));
	CHECK_EQ(lapic_resets, 2);
}

/* Two INITs are served as one, and the second's request comes when a SIPI has started it since. */
TEST(late_request)
{
	start(true);
	startup_signal_init(v);
	startup_signal_init(v);
	startup_signal_sipi(v, 2);
	serve();
	CHECK(runs_at(2));
	fake_requests = REQ_INIT;
	serve();
	CHECK(runs_at(2));
	CHECK_EQ(lapic_resets, 1);
}

TEST(storm)
{
	start(true);
	for (u32 i = 0; i < 10000; i++) {
		if (i % 3)
			startup_signal_init(v);
		if (i % 7)
			startup_signal_sipi(v, (u8)i);
		if (i % 5 == 0)
			serve();
	}
	startup_signal_init(v);
	startup_signal_sipi(v, 0x42);
	serve();
	CHECK(runs_at(0x42));
}

/* vCPU 0 goes to its reset vector, and no SIPI moves it. */
TEST(boot_processor)
{
	start(false);
	v->regs.rip = 0x1000;
	v->activity = ACTIVITY_HALTED;
	startup_signal_init(v);
	startup_signal_sipi(v, 5);
	serve();
	CHECK_EQ(v->activity, ACTIVITY_RUNS);
	CHECK_EQ(v->regs.rip, 0xfff0);
	CHECK_EQ(v->regs.seg[SEG_CS].base, 0xffff0000);
}

/* SDM vol. 3, "Processor States Following Power-up, Reset, or INIT". */
TEST(registers_after_init)
{
	struct vcpu_regs old, *r;

	start(true);
	r = &v->regs;
	memset(r, 0x5a, sizeof(*r));
	r->cr0 = CR0_PE | CR0_PG | CR0_CD | CR0_ET;
	v->apic_base = 0xfee00000 | APIC_BASE_ENABLE | APIC_BASE_X2APIC;
	v->mtrr_def_type = 0xc06;
	v->tsc_offset = 77;
	v->tsc_adjust = 7;
	v->spec_ctrl = v->virt_spec_ctrl = 4;
	v->nmi_pending = true;
	v->event.kind = EVENT_INTR;
	v->exception.kind = EVENT_EXCEPTION;
	old = *r;
	v->dirty = 0;
	startup_signal_init(v);
	startup_init(v);
	for (u32 i = 0; i < ARRAY_LEN(r->gpr); i++)
		CHECK_EQ(r->gpr[i], i == GPR_RDX ? 0x600 : 0);
	CHECK(r->rip == 0xfff0 && r->rflags == 2);
	CHECK_EQ(r->cr0, CR0_CD | CR0_ET); /* caching as it was */
	CHECK(!r->cr2 && !r->cr3 && !r->cr4 && !r->efer && !r->shadow);
	CHECK(r->dr6 == 0xffff0ff0 && r->dr7 == 0x400 && !r->dr[3]);
	CHECK(!r->gdt.base && r->gdt.limit == 0xffff && r->idt.limit == 0xffff);
	CHECK(r->seg[SEG_GS].base == 0 && r->seg[SEG_TR].limit == 0xffff);
	/* Left alone. */
	CHECK(r->pat == old.pat && r->xcr0 == old.xcr0 && r->tsc_aux == old.tsc_aux);
	CHECK(r->star == old.star && r->lstar == old.lstar && r->kernel_gs == old.kernel_gs);
	CHECK(r->sysenter_eip == old.sysenter_eip);
	CHECK(v->apic_base & APIC_BASE_X2APIC);
	CHECK(v->mtrr_def_type == 0xc06 && v->tsc_offset == 77 && v->tsc_adjust == 7);
	CHECK(!v->spec_ctrl && !v->virt_spec_ctrl && v->dirty & RG_SPEC);
	/* Nothing is on its way any more. */
	CHECK(!v->nmi_pending && !v->event.kind && !v->exception.kind && v->recheck);
	CHECK(syncs == 1 && reloads == 1 && lapic_resets == 1);
	CHECK_EQ(v->dirty & (RG_CR | RG_CS | RG_DR7 | RG_SHADOW),
		 RG_CR | RG_CS | RG_DR7 | RG_SHADOW);
}

/* --- saved and loaded ---------------------------------------------------------------------------------- */

static u8 stream[256];

static size_t save(void)
{
	struct state s;

	state_init_save(&s, stream, sizeof(stream));
	state_begin(&s, "startup", 0, 1);
	startup_state(v, &s);
	state_end(&s);
	CHECK_EQ(state_result(&s), 0);
	return state_size(&s);
}

static int load(size_t n)
{
	struct state s;

	state_init_load(&s, stream, n);
	state_begin(&s, "startup", 0, 1);
	startup_state(v, &s);
	state_end(&s);
	return state_result(&s);
}

/* It waits, and the SIPI that it has not seen goes with it. */
TEST(state_with_sipi)
{
	size_t n;

	start(true);
	startup_signal_sipi(v, 0x33);
	n = save();
	startup_reset(v);
	CHECK_EQ(load(n), 0);
	serve();
	CHECK(runs_at(0x33));
	n = save();
	startup_reset(v);
	CHECK_EQ(load(n), 0);
	CHECK_EQ(v->activity, ACTIVITY_RUNS);
	startup_signal_sipi(v, 0x34);
	CHECK_EQ(fake_requests, 0);
}

TEST(state_refused)
{
	size_t n;

	start(true);
	n = save(); /* it waits */
	start(false);
	CHECK_EQ(load(n), -EINVAL); /* vCPU 0 never does */
	start(true);
	v->activity = ACTIVITY_HALTED; /* with a port that says that it waits */
	n = save();
	CHECK_EQ(load(n), -EINVAL);
	v->activity = 7;
	n = save();
	CHECK_EQ(load(n), -EINVAL);
}
