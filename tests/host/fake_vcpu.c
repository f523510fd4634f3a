/*
 * A vCPU for host tests (see fake_vcpu.h).
 */
#include "tests/host/fake_vcpu.h"

#include <stdlib.h>
#include <string.h>

#include "arch/feature.h"
#include "arch/msr.h"
#include "core/clock.h"
#include "lib/errno.h"
#include "mm/layout.h"
#include "tests/host/harness.h"
#include "vm/apicv.h"
#include "vm/gmem.h"
#include "vm/lazy.h"
#include "vm/startup.h"

struct vm *fake_vm;
struct vcpu *fake_vcpu;
struct fake_backend fake_backend;
struct cpuid_table fake_cpuid_table;
u32 fake_requests, fake_startup_signals;
u64 fake_tsc, fake_xcr0, fake_dr6;
bool fake_features[CPU_FEATURE_COUNT];

static struct vcpu vcpu_storage;
static struct thread vcpu_thread;

/* --- the CPU ---------------------------------------------------------------------------------- */

u64 fake_rdtsc(void)
{
	return fake_tsc;
}

void fake_xsetbv(u32 index, u64 value)
{
	CHECK_EQ(index, 0);
	fake_xcr0 = value;
}

u64 fake_read_dr6(void)
{
	return fake_dr6;
}

void fake_write_dr6(u64 value)
{
	fake_dr6 = value;
}

/* MSRs exist only where a test says so, by its own functions. */
__weak u64 fake_rdmsr(u32 msr)
{
	abort();
}

__weak void fake_wrmsr(u32 msr, u64 value)
{
	abort();
}

__weak struct cpuid fake_cpuid(u32 leaf, u32 subleaf)
{
	return (struct cpuid){ 0, 0, 0, 0 };
}

bool cpu_has(enum cpu_feature f)
{
	return fake_features[f];
}

/* One tick is a nanosecond. */
__weak u64 clock_tsc_to_ns(u64 ticks)
{
	return ticks;
}

__weak u64 clock_tsc_khz(void)
{
	return 1000000;
}

/* --- the backend ------------------------------------------------------------------------------ */

static void backend_inject(struct vcpu *v, const struct vm_event *ev)
{
	if (fake_backend.injections < ARRAY_LEN(fake_backend.injected))
		fake_backend.injected[fake_backend.injections] = *ev;
	fake_backend.injections++;
}

static void backend_window(struct vcpu *v, enum hvm_window w, bool on)
{
	fake_backend.window[w] = on;
	fake_backend.window_calls[w]++;
}

static void backend_switch(struct vcpu *v) {}

static void backend_tsc_changed(struct vcpu *v)
{
	fake_backend.tsc_changes++;
}

static void backend_flush(struct vcpu *v)
{
	fake_backend.flushes++;
}

static void backend_read(struct vcpu *v, u32 groups)
{
	fake_backend.read_groups |= groups;
}

static const struct hvm_ops backend = {
	.name = "fake",
	.inject = backend_inject,
	.window = backend_window,
	.put = backend_switch,
	.load = backend_switch,
	.tsc_changed = backend_tsc_changed,
	.read_regs = backend_read,
	.flush = backend_flush,
};
const struct hvm_ops *hvm = &backend;
__weak const struct apicv_ops *apicv;

/* --- the rest of vm/ -------------------------------------------------------------------------- */

__weak void vcpu_request(struct vm *vm, u32 index, u32 requests)
{
	CHECK_EQ(index, fake_vcpu->index);
	fake_requests |= requests;
}

/* Of no thread: as if all calls came from elsewhere. A test may say otherwise. */
struct thread *fake_thread = (struct thread *)&fake_thread;

__weak struct thread *thread_current(void)
{
	return fake_thread;
}

void vtimer_init_vcpu(struct vtimer *t, struct vcpu *vcpu, void (*fn)(struct vtimer *t))
{
	vtimer_init_dev(t, NULL, fn);
	t->vcpu = vcpu;
}

/* What the CPU would hold, memory does. */
__weak void lazy_sync(struct vcpu *v) {}

__weak void lazy_reload(struct vcpu *v) {}

__weak void startup_signal_init(struct vcpu *v)
{
	fake_startup_signals++;
}

__weak void startup_signal_sipi(struct vcpu *v, u8 vector)
{
	fake_startup_signals++;
}

__weak void cpuid_show_tsc(struct cpuid_table *t, u64 khz) {}

u64 vcpu_tsc(const struct vcpu *v)
{
	return vcpu_tsc_at(v, fake_tsc);
}

static bool in_memory(gpa_t gpa, u64 n)
{
	return gpa.v <= sizeof(fake_memory) && n <= sizeof(fake_memory) - gpa.v;
}

int gmem_read(struct vm *v, gpa_t gpa, void *dst, size_t n)
{
	if (!in_memory(gpa, n))
		return -EFAULT;
	memcpy(dst, fake_memory + gpa.v, n);
	return 0;
}

int gmem_load(struct vm *v, gpa_t gpa, u64 *value, size_t size)
{
	if (gpa.v % size)
		abort(); /* the contract */
	*value = 0;
	return gmem_read(v, gpa, value, size);
}

__weak int gmem_store(struct vm *v, gpa_t gpa, u64 value, size_t size)
{
	if (gpa.v % size)
		abort();
	return gmem_write(v, gpa, &value, size);
}

__weak int gmem_cas(struct vm *v, gpa_t gpa, u64 *expected, u64 value, size_t size)
{
	u64 now = 0;

	if (gpa.v % size)
		abort();
	if (gmem_read(v, gpa, &now, size))
		return -EFAULT;
	if (now != *expected) {
		*expected = now;
		return -EAGAIN;
	}
	return gmem_write(v, gpa, &value, size);
}

bool fake_window_load64(const void *p, u64 *value)
{
	u64 gpa = (u64)p - WINDOW_BASE;

	if (gpa % 4096 > 4096 - 8)
		abort(); /* it would reach into the next page */
	return !gmem_read(fake_vm, GPA(gpa), value, 8);
}

bool gmem_is_ram(const struct vm *v, gpa_t gpa, u64 n)
{
	return in_memory(gpa, n);
}

/* --- for tests -------------------------------------------------------------------------------- */

void fake_vcpu_forget(void)
{
	memset(&fake_backend, 0, sizeof(fake_backend));
	fake_requests = fake_startup_signals = 0;
}

void fake_vcpu_new(void)
{
	struct vcpu *v = &vcpu_storage;

	memset(v, 0, sizeof(*v));
	memset(fake_features, 1, sizeof(fake_features));
	fake_vm = fake_vm_new(NULL);
	fake_vm->cpuid = &fake_cpuid_table;
	fake_cpuid_table.x2apic = fake_cpuid_table.tsc_aux = true;
	fake_vm->window_end = sizeof(fake_memory);
	fake_vm->ports[0].vcpu = v;
	fake_vm->ports[0].vm = fake_vm;
	vcpu_thread = (struct thread){ 0 };
	fake_vm->ports[0].thread = &vcpu_thread;
	v->vm = fake_vm;
	v->port = &fake_vm->ports[0];
	v->valid = RG_ALL;
	v->regs.rflags = BIT(1);
	v->apic_base = 0xfee00000 | APIC_BASE_ENABLE | APIC_BASE_BSP;
	list_init(&v->vtimers);
	fake_vcpu = v;
	fake_tsc = fake_xcr0 = 0;
	fake_dr6 = 0xffff0ff0;
	fake_vcpu_forget();
}

void fake_vcpu_set_cpl(u32 cpl)
{
	struct segment *ss = &fake_vcpu->regs.seg[SEG_SS], *cs = &fake_vcpu->regs.seg[SEG_CS];

	ss->attr = (u16)((ss->attr & ~0x60) | cpl << 5);
	cs->attr = (u16)((cs->attr & ~0x60) | cpl << 5);
	cs->selector = (u16)((cs->selector & ~3) | cpl);
}

void fake_vcpu_long_mode(u64 cr3)
{
	struct vcpu_regs *r = &fake_vcpu->regs;

	r->cr0 = CR0_PE | CR0_PG | CR0_WP | CR0_ET | CR0_NE;
	r->cr3 = cr3;
	r->cr4 = CR4_PAE;
	r->efer = EFER_LME | EFER_LMA | EFER_NXE;
	r->seg[SEG_CS].attr = SEG_ATTR_L | SEG_ATTR_P | SEG_ATTR_S | 0xb;
	r->seg[SEG_SS].attr = SEG_ATTR_P | SEG_ATTR_S | 3;
	fake_vcpu_set_cpl(0);
}
