/*
 * What a vCPU gets at an entry, and what led to it: exceptions raised and combined, instructions stepped
 * over, events that come again, NMIs, interrupts by priority, windows (SDM vol. 3, "Interrupt 8, Double
 * Fault", "Priority Among Concurrent Events", "Masking Exceptions and Interrupts ...").
 *
 * sources: tests/host/fake_trace.c
 * sources: tests/host/fake_vm.c tests/host/fake_vcpu.c vm/inject.c vm/vcpu.c vm/lapic.c vm/lapic_ipi.c vm/lapic_lint.c vm/lapic_mode.c vm/tscscale.c vm/lapic_timer.c vm/lapic_state.c
 * sources: vm/irq.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "arch/msr.h"
#include "arch/trap.h"
#include "lib/hw/lapic.h"
#include "tests/host/fake_vcpu.h"
#include "tests/host/harness.h"
#include "vm/emul.h"
#include "vm/irq.h"
#include "vm/lazy.h"
#include "vm/skip.h"

#include <string.h>

static struct vcpu *v;
static u32 decoded_length; /* what insn_length() says */

u32 insn_length(struct vcpu *c)
{
	return decoded_length;
}

void lazy_reset(struct vcpu *c) {}

/* The PIC: one vector that waits. */
static int pic_vector;

static int pic_ack(struct vdev *dev)
{
	return pic_vector;
}

static void lapic_write(u32 offset, u32 value)
{
	u64 val = value;

	vlapic_mmio(v->lapic, offset, &val, 4, true);
}

static void start(void)
{
	static const struct extint_ops pic = { .ack = pic_ack };

	fake_vcpu_new();
	v = fake_vcpu;
	CHECK_EQ(vm_irqs_create(fake_vm), 0);
	CHECK_EQ(vlapic_create(v), 0);
	vm_extint_register(fake_vm, &pic, NULL);
	lapic_write(LAPIC_SVR, 0x1ff);
	lapic_write(LAPIC_LVT_LINT0, 0x700);
	v->regs.rflags |= RFLAGS_IF;
	fake_vcpu_long_mode(0);
	fake_vcpu_forget();
}

static void post(u8 vector)
{
	struct irq_msg msg = { .delivery = DELIVER_FIXED, .vector = vector };

	vlapic_accept(v->lapic, &msg);
}

static void inject(void)
{
	fake_vcpu_forget();
	vcpu_inject(v);
}

/* Exactly this was injected. */
static void expect(u8 kind, u8 vector)
{
	CHECK_EQ(fake_backend.injections, 1);
	CHECK_EQ(fake_backend.injected[0].kind, kind);
	CHECK_EQ(fake_backend.injected[0].vector, vector);
}

/* --- inject ------------------------------------------------------------------------------------- */

TEST(nothing)
{
	start();
	inject();
	CHECK_EQ(fake_backend.injections, 0);
	CHECK(!v->recheck);
	CHECK(!vcpu_has_work(v));
}

TEST(interrupt)
{
	start();
	post(0x41);
	CHECK(vcpu_has_work(v));
	inject();
	expect(EVENT_INTR, 0x41);
	CHECK(!fake_backend.injected[0].has_error);
	CHECK_EQ(vlapic_ppr(v->lapic), 0x40); /* acknowledged */
	CHECK(!v->blocked_intr);
	inject();
	CHECK_EQ(fake_backend.injections, 0);
}

/* Two wait: one is delivered, for the other a window is asked for; then it is withdrawn. */
TEST(two_interrupts)
{
	start();
	post(0x41);
	post(0x92);
	inject();
	expect(EVENT_INTR, 0x92);
	CHECK(!fake_backend.window[WINDOW_INTR]); /* 0x41 must wait for the EOI */
	lapic_write(LAPIC_EOI, 0);
	CHECK(v->recheck);
	inject();
	expect(EVENT_INTR, 0x41);
	post(0x92);
	post(0xa0);
	inject();
	expect(EVENT_INTR, 0xa0);
	CHECK(!v->blocked_intr);
	lapic_write(LAPIC_EOI, 0);
	v->regs.rflags &= ~RFLAGS_IF; /* in its handler */
	inject();
	CHECK_EQ(fake_backend.injections, 0);
	CHECK(fake_backend.window[WINDOW_INTR]);
	v->regs.rflags |= RFLAGS_IF;
	inject();
	expect(EVENT_INTR, 0x92);
	CHECK_EQ(fake_backend.window_calls[WINDOW_INTR], 1);
	CHECK(!fake_backend.window[WINDOW_INTR]);
}

/* IF clear, or the shadow of STI or MOV SS: a window, once. */
TEST(blocked_interrupt)
{
	static const u32 shadows[] = { 0, SHADOW_STI, SHADOW_MOVSS };

	for (size_t i = 0; i < ARRAY_LEN(shadows); i++) {
		start();
		post(0x41);
		v->regs.shadow = shadows[i];
		if (!shadows[i])
			v->regs.rflags &= ~RFLAGS_IF;
		CHECK_EQ(vcpu_has_work(v), shadows[i] != 0);
		inject();
		CHECK_EQ(fake_backend.injections, 0);
		CHECK(fake_backend.window[WINDOW_INTR]);
		CHECK_EQ(vlapic_pending_vector(v->lapic), 0x41); /* not acknowledged */
		inject();
		CHECK_EQ(fake_backend.window_calls[WINDOW_INTR], 0); /* it is on */
		/* What waited goes away: the window is withdrawn. */
		lapic_write(LAPIC_TPR, 0xf0);
		inject();
		CHECK_EQ(fake_backend.window_calls[WINDOW_INTR], 1);
		CHECK(!fake_backend.window[WINDOW_INTR]);
	}
}

/* The shadow of an NMI handler blocks no interrupts. */
TEST(interrupt_in_nmi_handler)
{
	start();
	v->regs.shadow = SHADOW_NMI;
	post(0x41);
	inject();
	expect(EVENT_INTR, 0x41);
}

TEST(pic)
{
	start();
	pic_vector = 0x08;
	vm_extint_set(fake_vm, true);
	CHECK(vcpu_has_work(v));
	lapic_write(LAPIC_LVT_LINT0, 0x10700); /* the local APIC does not let it through */
	CHECK(!vcpu_has_work(v));
	inject();
	CHECK_EQ(fake_backend.injections, 0);
	lapic_write(LAPIC_LVT_LINT0, 0x700);
	post(0x33); /* the local APIC's own go first */
	inject();
	expect(EVENT_INTR, 0x33);
	CHECK(fake_backend.window[WINDOW_INTR]);
	inject();
	expect(EVENT_INTR, 0x08);
	/* Nothing there any more when it is asked. */
	pic_vector = -1;
	inject();
	CHECK_EQ(fake_backend.injections, 0);
	vm_extint_set(fake_vm, false);
	inject();
	CHECK(!fake_backend.window[WINDOW_INTR]);
}

TEST(nmi)
{
	start();
	v->nmi_pending = true;
	CHECK(vcpu_has_work(v));
	post(0x41);
	inject(); /* before interrupts */
	expect(EVENT_NMI, 2);
	CHECK(!v->nmi_pending);
	CHECK(fake_backend.window[WINDOW_INTR]);
	/* In the handler another one waits for its end. */
	v->regs.shadow = SHADOW_NMI;
	v->nmi_pending = true;
	CHECK_EQ(vlapic_pending_vector(v->lapic), 0x41);
	inject();
	CHECK(fake_backend.window[WINDOW_NMI]);
	expect(EVENT_INTR, 0x41);
	CHECK(v->nmi_pending);
	CHECK(!vcpu_has_work(v));
	/* IF does not matter, the shadow of STI does. */
	v->regs.shadow = SHADOW_STI;
	inject();
	CHECK(v->nmi_pending);
	v->regs.shadow = 0;
	v->regs.rflags &= ~RFLAGS_IF;
	inject();
	expect(EVENT_NMI, 2);
}

/* An exception is delivered first, whatever else waits. */
TEST(exception_first)
{
	start();
	vcpu_raise_error(v, TRAP_GP, 0x18);
	post(0x41);
	v->nmi_pending = true;
	CHECK(vcpu_has_work(v));
	inject();
	expect(EVENT_EXCEPTION, TRAP_GP);
	CHECK(fake_backend.injected[0].has_error);
	CHECK_EQ(fake_backend.injected[0].error, 0x18);
	CHECK(fake_backend.window[WINDOW_NMI] && fake_backend.window[WINDOW_INTR]);
	CHECK(v->nmi_pending);
	inject();
	expect(EVENT_NMI, 2); /* the exception came once */
}

/* An event whose delivery an exit cut short is delivered at the next entry, with all that belongs to it. */
TEST(redelivery)
{
	static const struct vm_event events[] = {
		{ .kind = EVENT_INTR, .vector = 0x55 },
		{ .kind = EVENT_NMI, .vector = 2 },
		{ .kind = EVENT_EXCEPTION, .vector = TRAP_PF, .has_error = true, .error = 7 },
		{ .kind = EVENT_SOFT_INT, .vector = 0x80, .insn_len = 2 },
		{ .kind = EVENT_SOFT_EXC, .vector = TRAP_BP, .insn_len = 1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		start();
		v->event = events[i];
		post(0x91);
		CHECK(vcpu_has_work(v));
		inject();
		CHECK_EQ(fake_backend.injections, 1);
		CHECK(!memcmp(&fake_backend.injected[0], &events[i], sizeof(events[i])));
		CHECK(fake_backend.window[WINDOW_INTR]);
		CHECK_EQ(v->event.kind, EVENT_NONE);
		CHECK_EQ(vlapic_pending_vector(v->lapic), 0x91);
	}
}

/*
 * An exception while an interrupt was being delivered: both come, the interrupt only when the guest can
 * take it (VM entry refuses it with IF clear).
 */
TEST(exception_while_an_interrupt_is_delivered)
{
	start();
	v->event = (struct vm_event){ .kind = EVENT_INTR, .vector = 0x55 };
	vcpu_raise_error(v, TRAP_PF, 2);
	inject();
	expect(EVENT_EXCEPTION, TRAP_PF);
	v->regs.rflags &= ~RFLAGS_IF; /* in the handler */
	inject();
	CHECK_EQ(fake_backend.injections, 0);
	CHECK(v->blocked_intr); /* the window is still asked for */
	v->regs.rflags |= RFLAGS_IF;
	v->regs.shadow = SHADOW_STI;
	inject();
	CHECK_EQ(fake_backend.injections, 0);
	v->regs.shadow = 0;
	inject();
	expect(EVENT_INTR, 0x55);
}

/* INT n is executed again after an exception's handler: it must not come twice. */
TEST(exception_while_a_software_interrupt_is_delivered)
{
	start();
	v->event = (struct vm_event){ .kind = EVENT_SOFT_INT, .vector = 0x80, .insn_len = 2 };
	vcpu_raise_error(v, TRAP_NP, 2);
	inject();
	expect(EVENT_EXCEPTION, TRAP_NP);
	inject();
	CHECK_EQ(fake_backend.injections, 0);
}

/* --- raise -------------------------------------------------------------------------------------- */

/* 0: one after the other, 1: double fault, 2: shutdown */
static u32 combined(u8 first, u8 second, bool delivering)
{
	start();
	if (delivering)
		v->event = (struct vm_event){ .kind = EVENT_EXCEPTION, .vector = first };
	else
		vcpu_raise(v, first);
	vcpu_raise(v, second);
	if (fake_stops) {
		CHECK_EQ(fake_stop_reason, STOP_TRIPLE_FAULT);
		return 2;
	}
	CHECK_EQ(v->exception.kind, EVENT_EXCEPTION);
	if (v->exception.vector == TRAP_DF && second != TRAP_DF) {
		CHECK(v->exception.has_error);
		CHECK_EQ(v->exception.error, 0);
		CHECK_EQ(v->event.kind, EVENT_NONE);
		return 1;
	}
	CHECK_EQ(v->exception.vector, second);
	return 0;
}

/* SDM vol. 3, table "Conditions for Generating a Double Fault" */
TEST(double_faults)
{
	static const u8 contributory[] = { TRAP_DE, TRAP_TS, TRAP_NP, TRAP_SS, TRAP_GP };
	static const u8 benign[] = { TRAP_DB, TRAP_BP, TRAP_UD, TRAP_NM, TRAP_AC, TRAP_MC };

	for (u32 delivering = 0; delivering < 2; delivering++) {
		for (size_t i = 0; i < ARRAY_LEN(contributory); i++) {
			u8 c = contributory[i];

			for (size_t k = 0; k < ARRAY_LEN(contributory); k++)
				CHECK_EQ(combined(c, contributory[k], delivering), 1);
			for (size_t k = 0; k < ARRAY_LEN(benign); k++) {
				CHECK_EQ(combined(benign[k], c, delivering), 0);
				CHECK_EQ(combined(c, benign[k], delivering), 0);
			}
			CHECK_EQ(combined(TRAP_PF, c, delivering), 1);
			CHECK_EQ(combined(c, TRAP_PF, delivering), 0);
			CHECK_EQ(combined(TRAP_DF, c, delivering), 2);
		}
		CHECK_EQ(combined(TRAP_PF, TRAP_PF, delivering), 1);
		CHECK_EQ(combined(TRAP_DF, TRAP_PF, delivering), 2);
		CHECK_EQ(combined(TRAP_DB, TRAP_PF, delivering), 0);
	}
}

/* --- skip --------------------------------------------------------------------------------------- */

static void skip(u64 rip, u8 len)
{
	struct vm_exit e = { .insn_len = len };

	v->regs.rip = rip;
	vcpu_skip(v, &e);
}

TEST(skip)
{
	start();
	skip(0xffffffff81000000, 3);
	CHECK_EQ(v->regs.rip, 0xffffffff81000003);
	CHECK(v->dirty & RG_RIP);
	CHECK_EQ(v->exception.kind, EVENT_NONE);
	decoded_length = 7;
	skip(0x1000, 0);
	CHECK_EQ(v->regs.rip, 0x1007);
	decoded_length = 0;
	skip(0x1000, 0);
	CHECK_EQ(v->regs.rip, 0x1000);
	CHECK_EQ(fake_stops, 1);
	CHECK_EQ(fake_stop_reason, STOP_EMULATION);
}

/* 32-bit code wraps at 4 GiB, 64-bit code does not. */
TEST(skip_at_4_gib)
{
	start();
	skip(0xffffffff, 2);
	CHECK_EQ(v->regs.rip, 0x100000001);
	v->regs.seg[SEG_CS].attr = SEG_ATTR_DB | SEG_ATTR_P | SEG_ATTR_S | 0xb;
	v->regs.efer = 0;
	skip(0xffffffff, 2);
	CHECK_EQ(v->regs.rip, 1);
}

/* The shadow of STI and MOV SS lasts for one instruction, that of an NMI till IRET. */
TEST(skip_ends_the_shadow)
{
	start();
	v->regs.shadow = SHADOW_STI;
	skip(0x1000, 1);
	CHECK_EQ(v->regs.shadow, 0);
	CHECK(v->dirty & RG_STEPPED);
	v->regs.shadow = SHADOW_MOVSS | SHADOW_NMI;
	skip(0x1000, 1);
	CHECK_EQ(v->regs.shadow, SHADOW_NMI);
}

/* Single steps: #DB with DR6.BS behind the instruction, the bits for breakpoints clear. */
TEST(skip_single_step)
{
	start();
	v->regs.rflags |= RFLAGS_TF;
	fake_dr6 = 0xffff0ff3;
	skip(0x1000, 2);
	CHECK_EQ(v->exception.kind, EVENT_EXCEPTION);
	CHECK_EQ(v->exception.vector, TRAP_DB);
	CHECK(!v->exception.has_error);
	CHECK_EQ(fake_dr6, 0xffff4ff0);
}

/* --- the rest ----------------------------------------------------------------------------------- */

TEST(mode_and_cpl)
{
	start();
	CHECK_EQ(vcpu_mode(v), 64);
	fake_vcpu_set_cpl(3);
	CHECK_EQ(vcpu_cpl(v), 3);
	v->regs.seg[SEG_CS].attr &= (u16)~SEG_ATTR_L; /* compatibility mode */
	CHECK_EQ(vcpu_mode(v), 16);
	v->regs.seg[SEG_CS].attr |= SEG_ATTR_DB;
	CHECK_EQ(vcpu_mode(v), 32);
	v->regs.efer = 0;
	v->regs.seg[SEG_CS].attr |= SEG_ATTR_L; /* means nothing outside long mode */
	CHECK_EQ(vcpu_mode(v), 32);
	v->regs.rflags |= RFLAGS_VM;
	fake_vcpu_set_cpl(0);
	CHECK_EQ(vcpu_cpl(v), 3); /* virtual-8086 mode */
	v->regs.cr0 = CR0_ET;
	CHECK_EQ(vcpu_mode(v), 16);
	v->regs.rflags = BIT(1);
	fake_vcpu_set_cpl(3);
	CHECK_EQ(vcpu_cpl(v), 0); /* real mode */
}

/* SDM vol. 3, table "IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT" */
TEST(reset)
{
	struct vcpu_regs *r;

	start();
	memset(&v->regs, 0xa5, sizeof(v->regs));
	v->nmi_pending = true;
	v->activity = ACTIVITY_HALTED;
	v->event.kind = EVENT_INTR;
	v->exception.kind = EVENT_EXCEPTION;
	vcpu_reset(v);
	r = &v->regs;
	CHECK_EQ(r->rip, 0xfff0);
	CHECK_EQ(r->rflags, 2);
	CHECK_EQ(r->cr0, 0x60000010);
	CHECK_EQ(r->cr2 | r->cr3 | r->cr4 | r->efer, 0);
	CHECK_EQ(r->seg[SEG_CS].selector, 0xf000);
	CHECK_EQ(r->seg[SEG_CS].base, 0xffff0000);
	CHECK_EQ(r->seg[SEG_CS].limit, 0xffff);
	CHECK_EQ(r->seg[SEG_CS].attr & 0x9f, 0x9b);
	for (u32 s = SEG_ES; s <= SEG_GS; s++) {
		if (s == SEG_CS)
			continue;
		CHECK_EQ(r->seg[s].selector | r->seg[s].base, 0);
		CHECK_EQ(r->seg[s].limit, 0xffff);
		CHECK_EQ(r->seg[s].attr & 0x9f, 0x93);
	}
	CHECK_EQ(r->gdt.base | r->idt.base, 0);
	CHECK_EQ(r->gdt.limit, 0xffff);
	CHECK_EQ(r->idt.limit, 0xffff);
	CHECK_EQ(r->seg[SEG_LDTR].attr & 0x9f, 0x82);
	CHECK_EQ(r->seg[SEG_TR].attr & 0x9d, 0x89); /* a TSS, busy or not */
	CHECK_EQ(r->dr6, 0xffff0ff0);
	CHECK_EQ(r->dr7, 0x400);
	CHECK_EQ(r->dr[0] | r->dr[1] | r->dr[2] | r->dr[3], 0);
	CHECK_EQ(r->pat, 0x0007040600070406);
	CHECK_EQ(r->xcr0, 1);
	CHECK_EQ(r->gpr[GPR_RDX] >> 8 & 0xf, 6);
	CHECK_EQ(r->gpr[GPR_RAX] | r->gpr[GPR_RBX] | r->gpr[GPR_RSP] | r->gpr[GPR_R15], 0);
	CHECK_EQ(r->star | r->lstar | r->cstar | r->sfmask | r->kernel_gs | r->debugctl, 0);
	CHECK_EQ(v->apic_base, 0xfee00900);
	CHECK_EQ(v->mtrr_def_type, 0);
	CHECK(!v->nmi_pending && v->activity == ACTIVITY_RUNS);
	CHECK_EQ(v->event.kind, EVENT_NONE);
	CHECK_EQ(v->exception.kind, EVENT_NONE);
	CHECK_EQ(v->dirty & RG_ALL, RG_ALL);
}

/* Groups are read once, when first asked for. */
TEST(lazy_registers)
{
	start();
	v->valid = 0;
	vcpu_need(v, RG_RIP | RG_CR);
	CHECK_EQ(fake_backend.read_groups, RG_RIP | RG_CR);
	fake_vcpu_forget();
	vcpu_need(v, RG_CR | RG_DT);
	CHECK_EQ(fake_backend.read_groups, RG_DT);
	fake_vcpu_forget();
	vcpu_need(v, RG_CR | RG_DT | RG_RIP);
	CHECK_EQ(fake_backend.read_groups, 0);
}
