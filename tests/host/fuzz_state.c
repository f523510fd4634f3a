/*
 * State streams from outside: a whole machine's, with its vCPU. Any stream is refused, or loads to a state
 * that is saved again as it came, that the CPU can be given, and from which the machine can go on. An
 * input's first byte chooses: a stream as it is, or changes of a good one; then come steps.
 *
 * sources: tests/host/fake_trace.c
 * sources: tests/host/machine.c tests/host/machine_seeds.c tests/host/fake_vm.c tests/host/fake_vcpu.c vm/vcpu_state.c vm/tscscale.c vm/spec.c vm/vcpu.c vm/pv_msr.c vm/pv_clock.c
 * sources: vm/lapic.c vm/lapic_ipi.c vm/lapic_lint.c vm/lapic_mode.c vm/startup.c vm/lapic_timer.c vm/lapic_state.c vm/irq.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c lib/date.c
 * sources: vdev/pic.c vdev/ioapic.c vdev/pit.c vdev/rtc.c vdev/tick.c vdev/hpet.c vdev/i8042.c vdev/uart.c vdev/acpi_pm.c vdev/pci_host.c
 * flags: -include tests/host/fake_irq.h -include tests/host/fake_cpu.h
 * runs: 2000
 * max_len: 16384
 */
#include "arch/msr.h"
#include "tests/host/fake_vcpu.h"
#include "tests/host/machine.h"
#include "vm/emul.h"

/* vm/lazy.c without what only a kernel can do: what it checks of a vector state is what is wanted. */
#define irq_save()         0ULL
#define irq_restore(flags) ((void)(flags))
#include "vm/lazy.c"

#define STEPS_MAX 16
#define WHOLE     1 /* in an input's first byte */

u32 cpuid_xsave_size(u64 xcr0)
{
	(void)xcr0;
	return 832; /* with AVX */
}

enum cpu_vendor cpu_vendor(void)
{
	return CPU_VENDOR_INTEL;
}

u32 insn_length(struct vcpu *v)
{
	(void)v;
	return 0;
}

struct aspace *aspace_current(void)
{
	return NULL;
}

u64 aspace_enter_cr3(struct aspace *a)
{
	(void)a;
	abort(); /* no other vCPU's state is in this CPU */
}

void space_call(u64 cr3, void (*fn)(void *arg), void *arg, u64 back_cr3)
{
	abort();
}

static bool canonical(u64 va)
{
	return (u64)((s64)(va << 16) >> 16) == va;
}

/* What MOV to a register, WRMSR and XRSTOR demand of what is loaded (SDM vol. 1 to 3). */
static void check_cpu(const struct vcpu *v)
{
	const struct vcpu_regs *r = &v->regs;
	const struct xsave_area *x = v->xsave;
	const struct cpuid_table *t = v->vm->cpuid;

	CHECK((r->xcr0 & 1) && !(r->xcr0 & ~t->xcr0_allowed) && (r->xcr0 & 6) != 4);
	CHECK_EQ(r->sfmask >> 32 | r->dr6 >> 32 | r->dr7 >> 32 | r->tsc_aux >> 32, 0);
	CHECK(canonical(r->lstar) && canonical(r->cstar) && canonical(r->kernel_gs));
	CHECK_EQ(r->cr4 & ~t->cr4_allowed, 0);
	CHECK_EQ(r->efer & ~(t->efer_allowed | EFER_LMA), 0);
	CHECK_EQ(x->mxcsr & ~MXCSR_MASK_DEFAULT, 0);
	CHECK(!(x->xstate_bv & ~t->xcr0_allowed) && !x->xcomp_bv);
	for (u32 i = 0; i < ARRAY_LEN(x->reserved); i++)
		CHECK_EQ(x->reserved[i], 0);
	CHECK(!v->event.kind || v->event.insn_len <= 15);
	CHECK(!v->exception.kind || v->exception.insn_len <= 15);
	CHECK(!(v->spec_ctrl & ~t->spec.ctrl) && !(v->virt_spec_ctrl & ~t->spec.virt));
}

void machine_cpu_state(struct state *s)
{
	vcpu_state(fake_vcpu, s);
	check_cpu(fake_vcpu); /* also when it was refused */
}

/* A machine that is in use. */
static void start(void)
{
	static u8 steps[4096];
	struct fuzz_in in = { steps, 0 };

	machine_new(MACHINE_DEVICES);
	fake_cpuid_table = (struct cpuid_table){
		.cr4_allowed = CR4_PAE | CR4_PGE | CR4_OSXSAVE,
		.efer_allowed = EFER_SCE | EFER_LME | EFER_NXE,
		.xcr0_allowed = 7,
		.phys_bits = 40,
		.spec = { .ctrl = 7, .virt = 4 },
	};
	CHECK_EQ(lazy_create(fake_vcpu), 0);
	vcpu_reset(fake_vcpu);
	for (in.left = machine_put_drivers(steps); in.left;)
		machine_step(&in);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };

	start();
	if (fuzz_bytes(&in, 1) & WHOLE) {
		(void)!machine_load(in.p, in.left);
		in.left = 0;
	}
	for (u32 i = 0; i < STEPS_MAX && in.left; i++) {
		machine_load_changed(&in);
		machine_step(&in);
	}
	return 0;
}

/* A whole stream; one with each field's highest byte changed, or one in the XSAVE header; and anything. */
void fuzz_seeds(void)
{
	static const u8 places[] = { 3, 14, 15 };
	static u8 input[1 + MACHINE_STREAM_MAX];

	start();
	input[0] = WHOLE;
	fuzz_seed(input, 1 + machine_save(input + 1));
	for (u32 i = 0; i < ARRAY_LEN(places) * 256; i++) {
		u8 change[] = { 0, 0, (u8)i, places[i / 256], i & 1 ? 0xff : 0x7f, STEP_SAVE };

		fuzz_seed(change, sizeof(change));
	}
	for (u32 n = 0; n < 4; n++) {
		for (u32 i = 0; i < 128; i++)
			input[i] = (u8)fuzz_random(256);
		input[0] = 0;
		fuzz_seed(input, 128);
	}
}
