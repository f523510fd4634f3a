/*
 * KVM's paravirtual interface, used by three vCPUs in any order: MSRs, hypercalls, areas that the guest changes, vCPUs
 * that lose and get their CPU, state that is saved and loaded. Nothing is written but in areas that were taken for
 * good, a refused write changes nothing, hypercalls change RAX alone and reach the VM's own vCPUs alone.
 *
 * sources: tests/host/fake_vm.c tests/host/fake_vcpu.c vm/pv_msr.c vm/pv_clock.c vm/tscscale.c vm/pv_steal.c vm/pv_call.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 * flags: -include tests/host/fake_cpu.h
 * runs: 10000
 * max_len: 512
 */
#include "arch/msr.h"
#include "core/thread.h"
#include "lib/errno.h"
#include "tests/host/fake_vcpu.h"
#include "tests/host/fuzzing.h"
#include "vm/irq.h"
#include "vm/pv.h"
#include "vm/pv_abi.h"
#include "vm/skip.h"
#include "vm/state.h"

#include <string.h>

#define VCPUS 3
#define STEPS 40
#define LOW   0x800u /* the ends of memory, where areas are */

static struct vcpu vcpus[VCPUS];
static struct thread threads[VCPUS];
static struct vlapic lapics[VCPUS];
static u8 low[LOW], high[LOW]; /* how they were */
static u32 mode, cpl;

void vcpu_need(struct vcpu *v, u32 groups)
{
	(void)v;
	(void)groups;
}

u32 vcpu_mode(struct vcpu *v)
{
	(void)v;
	return mode;
}

u32 vcpu_cpl(struct vcpu *v)
{
	(void)v;
	return cpl;
}

void vcpu_skip_slow(struct vcpu *v, u32 len)
{
	(void)v;
	(void)len;
}

void vcpu_request(struct vm *vm, u32 index, u32 requests)
{
	CHECK(index < VCPUS && requests == REQ_PV_CLOCK);
	(void)vm;
}

static void check_thread(const struct thread *t)
{
	CHECK(t >= threads && t < threads + VCPUS);
}

bool thread_yield_to(struct thread *t)
{
	check_thread(t);
	return true;
}

void thread_wake(struct thread *t)
{
	check_thread(t);
}

bool vlapic_match(const struct vlapic *l, const struct irq_msg *msg)
{
	CHECK(l >= lapics && l < lapics + VCPUS && msg->dest == l->vcpu->apic_id);
	return true;
}

bool vlapic_accept(struct vlapic *l, const struct irq_msg *msg)
{
	CHECK(l >= lapics && l < lapics + VCPUS);
	CHECK(msg->delivery == DELIVER_NMI ||
	      (msg->delivery == DELIVER_FIXED && msg->vector >= VECTOR_LEGAL));
	return true;
}

static void start(void)
{
	fake_vcpu_new();
	fake_cpuid_table = (struct cpuid_table){ .pv_features = ~0u };
	fake_vm->vcpu_count = VCPUS;
	memset(fake_vm->topology.vcpu_of, TOPOLOGY_NOBODY, sizeof(fake_vm->topology.vcpu_of));
	for (u32 i = 0; i < VCPUS; i++) {
		vcpus[i] = (struct vcpu){ .vm = fake_vm,
					  .port = &fake_vm->ports[i],
					  .index = i,
					  .apic_id = 2 * i,
					  .lapic = &lapics[i] };
		lapics[i] = (struct vlapic){ .vcpu = &vcpus[i] };
		threads[i] = (struct thread){ 0 };
		fake_vm->ports[i].thread = &threads[i];
		fake_vm->ports[i].vcpu = &vcpus[i];
		fake_vm->topology.vcpu_of[2 * i] = (u8)i;
		pv_reset(&vcpus[i].pv);
	}
	memset(fake_memory, 0x55, sizeof(fake_memory));
	mode = 64;
	cpl = 0;
}

static u8 *high_memory(void)
{
	return fake_memory + sizeof(fake_memory) - LOW;
}

static void remember(void)
{
	memcpy(low, fake_memory, LOW);
	memcpy(high, high_memory(), LOW);
}

/* What may have been written counts as it is now. */
static void allow(u64 gpa, u64 size)
{
	for (u64 at = gpa; at < gpa + size && at < sizeof(fake_memory); at++) {
		if (at < LOW)
			low[at] = fake_memory[at];
		else if (at >= sizeof(fake_memory) - LOW)
			high[at - (sizeof(fake_memory) - LOW)] = fake_memory[at];
	}
}

static void check_memory(void)
{
	for (u32 i = 0; i < VCPUS; i++) {
		const struct vcpu_pv *pv = &vcpus[i].pv;

		if (pv->clock & 1)
			allow(pv->clock & ~1ull, sizeof(struct kvm_system_time));
		if (pv->steal & 1)
			allow(pv->steal & ~1ull, sizeof(struct kvm_steal_time));
		if (pv->wall)
			allow(pv->wall, sizeof(struct kvm_wall_clock));
	}
	CHECK(!memcmp(low, fake_memory, LOW));
	CHECK(!memcmp(high, high_memory(), LOW));
}

/* Most are near one of the ends of memory. */
static u64 address(struct fuzz_in *in)
{
	switch (fuzz_below(in, 4)) {
	case 0:
		return fuzz_bytes(in, 2) % LOW;
	case 1:
		return sizeof(fake_memory) - LOW / 2 + fuzz_bytes(in, 2) % LOW;
	case 2:
		return (fuzz_bytes(in, 2) % LOW & ~63ull) | 1;
	default:
		return fuzz_bytes(in, 8) | 1ull << 40;
	}
}

static u32 msr(struct fuzz_in *in)
{
	u32 n = fuzz_below(in, 10);

	return n < 8 ? 0x4b564d00 + n : 0x11 + n - 8;
}

static void write_msr(struct vcpu *v, struct fuzz_in *in)
{
	u32 index = msr(in);
	u64 value = address(in), before = 0, after = 0;
	int known = pv_rdmsr(v, index, &before), err = pv_wrmsr(v, index, value);

	CHECK(!err || err == -EINVAL);
	CHECK_EQ(pv_rdmsr(v, index, &after), known);
	CHECK(known ? err : after == (err ? before : value));
}

static void hypercall(struct vcpu *v, struct fuzz_in *in)
{
	static const struct vm_exit e = { .kind = EXIT_HYPERCALL };
	u64 *g = v->regs.gpr, before[16];

	mode = fuzz_below(in, 4) ? 64 : 32;
	cpl = fuzz_below(in, 8) ? 0 : 3;
	g[GPR_RAX] = fuzz_below(in, 16);
	g[GPR_RBX] = fuzz_bytes(in, 8);
	g[GPR_RCX] = fuzz_bytes(in, 1 + fuzz_below(in, 8));
	g[GPR_RDX] = fuzz_bytes(in, 1 + fuzz_below(in, 8));
	g[GPR_RSI] = fuzz_bytes(in, 1 + fuzz_below(in, 4));
	memcpy(before, g, sizeof(before));
	pv_hypercall(v, &e);
	CHECK(!memcmp(before + 1, g + 1, sizeof(before) - sizeof(before[0])));
	CHECK((s64)g[GPR_RAX] <= VCPUS && (s64)g[GPR_RAX] >= -1000);
}

static void save_and_load(struct vcpu *v, struct fuzz_in *in)
{
	u8 stream[1024];
	struct state s;

	state_init_save(&s, stream, sizeof(stream));
	state_begin(&s, "v", 0, 1);
	pv_state(v, &s);
	state_end(&s);
	CHECK_EQ(state_result(&s), 0);
	for (u32 n = fuzz_below(in, 4); n; n--)
		stream[fuzz_bytes(in, 2) % state_size(&s)] ^= (u8)fuzz_bytes(in, 1);
	state_init_load(&s, stream, state_size(&s));
	state_begin(&s, "v", 0, 1);
	pv_state(v, &s);
	state_end(&s);
	if (state_result(&s))
		pv_reset(&v->pv); /* as vcpu_state() does */
}

static void step(struct fuzz_in *in)
{
	struct vcpu *v = &vcpus[fuzz_below(in, VCPUS)];
	u64 gpa;

	switch (fuzz_below(in, 8)) {
	case 0:
	case 1:
		write_msr(v, in);
		break;
	case 2:
		hypercall(v, in);
		break;
	case 3:
		pv_steal_switched_out(v);
		v->port->thread->waited_ns += fuzz_bytes(in, 3);
		break;
	case 4:
		pv_steal_switched_in(v);
		break;
	case 5:
		v->tsc_adjust = fuzz_bytes(in, 8);
		pv_clock_update_all(v);
		break;
	case 6: /* the guest's own writes */
		gpa = fuzz_bytes(in, 2) % LOW;
		fake_memory[gpa] = low[gpa] = (u8)fuzz_bytes(in, 1);
		break;
	case 7:
		fake_tsc += fuzz_bytes(in, 5);
		save_and_load(v, in);
		break;
	}
	check_memory();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };

	start();
	remember();
	for (u32 i = 0; i < STEPS && in.left; i++)
		step(&in);
	return 0;
}

void fuzz_seeds(void)
{
	u8 seed[256];

	for (u32 n = 0; n < 60; n++) {
		for (u32 i = 0; i < sizeof(seed); i++)
			seed[i] = (u8)fuzz_random(n % 2 ? 256 : 16);
		fuzz_seed(seed, sizeof(seed));
	}
}
