/*
 * Who gets a message: SDM vol. 3, "Issuing Interprocessor Interrupts" and "Message Signalled Interrupts", in
 * tables of mode, destination, shorthand and delivery mode, in a VM of 20 vCPUs: so clusters have more than one, and a second one.
 *
 * sources: tests/host/fake_trace.c
 * sources: tests/host/fake_vm.c tests/host/fake_vcpu.c vm/lapic.c vm/lapic_ipi.c vm/lapic_lint.c vm/lapic_mode.c
 * sources: vm/tscscale.c vm/lapic_timer.c vm/irq.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "arch/msr.h"
#include "lib/hw/lapic.h"
#include "tests/host/fake_vcpu.h"
#include "tests/host/harness.h"
#include "vm/hvm.h"
#include "vm/irq.h"
#include "vm/lapic.h"
#include "vm/startup.h"

#include <string.h>

#define CPUS   20
#define VECTOR 0x51
#define X2     (APIC_BASE_ENABLE | APIC_BASE_X2APIC)

static struct vcpu vcpus[CPUS];
static u32 nmis, inits, sipis, events; /* bit n: vCPU n's */
static u8 sipi_vector;

void vcpu_request(struct vm *vm, u32 index, u32 requests)
{
	if (requests & REQ_NMI)
		nmis |= 1u << index;
	if (requests & REQ_EVENT)
		events |= 1u << index;
}

void startup_signal_init(struct vcpu *v)
{
	inits |= 1u << v->index;
}

void startup_signal_sipi(struct vcpu *v, u8 vector)
{
	sipis |= 1u << v->index;
	sipi_vector = vector;
}

static struct vlapic *apic(u32 i)
{
	return vcpus[i].lapic;
}

static u32 rd(u32 i, u32 offset)
{
	u64 value;

	CHECK_EQ(vlapic_mmio(apic(i), offset, &value, 4, false), 0);
	return (u32)value;
}

static void wr(u32 i, u32 offset, u32 value)
{
	u64 v = value;

	CHECK_EQ(vlapic_mmio(apic(i), offset, &v, 4, true), 0);
}

static void forget(void)
{
	nmis = inits = sipis = events = 0;
}

/* All in xAPIC mode and switched on; logical ids in flat mode: bit n % 8 of the first eight, the others none. */
static void start(void)
{
	fake_vcpu_new();
	fake_vm->vcpu_count = CPUS;
	CHECK_EQ(vm_irqs_create(fake_vm), 0);
	for (u32 i = 0; i < CPUS; i++) {
		vcpus[i] = (struct vcpu){
			.vm = fake_vm, .port = &fake_vm->ports[i], .index = i, .apic_id = i
		};
		vcpus[i].apic_base = VLAPIC_BASE | APIC_BASE_ENABLE;
		list_init(&vcpus[i].vtimers);
		fake_vm->ports[i].vcpu = &vcpus[i];
		CHECK_EQ(vlapic_create(&vcpus[i]), 0);
		wr(i, LAPIC_SVR, 0x1ff);
		wr(i, LAPIC_LDR, i < 8 ? 1u << (24 + i) : 0);
	}
	forget();
}

/* Logical ids in the cluster model: four in each. */
static void clusters(void)
{
	start();
	for (u32 i = 0; i < CPUS; i++) {
		wr(i, LAPIC_DFR, 0x0fffffff);
		wr(i, LAPIC_LDR, (i / 4) << 28 | 1u << (24 + i % 4));
	}
}

static void x2apics(void)
{
	start();
	for (u32 i = 0; i < CPUS; i++)
		CHECK_EQ(vlapic_set_base(apic(i), VLAPIC_BASE | X2), 0);
}

/* Who has requested vector, one bit each; and no longer afterwards. */
static u32 takers(u8 vector)
{
	u32 who = 0;

	for (u32 i = 0; i < CPUS; i++) {
		u32 *word = (u32 *)(apic(i)->page + LAPIC_IRR + vector / 32 * 16);

		who |= (*word >> vector % 32 & 1) << i;
		*word &= ~(1u << vector % 32);
	}
	return who;
}

/* What the error status register says, gathered anew. */
static u32 errors(u32 i)
{
	u64 value = 0;

	if (!(vcpus[i].apic_base & APIC_BASE_X2APIC)) {
		wr(i, LAPIC_ESR, 0);
		return rd(i, LAPIC_ESR);
	}
	CHECK_EQ(vlapic_wrmsr(apic(i), MSR_X2APIC_BASE + LAPIC_ESR / 16, 0), 0);
	CHECK_EQ(vlapic_rdmsr(apic(i), MSR_X2APIC_BASE + LAPIC_ESR / 16, &value), 0);
	return (u32)value;
}

/* Hardware has written the registers before it leaves the IPI to software. */
static bool traps;

static void send_trap(u32 from, u32 dest, u32 low)
{
	const struct vm_exit e = { .kind = EXIT_APIC_WRITE, .apic_write = { .offset = LAPIC_ICR } };
	bool x2 = vcpus[from].apic_base & APIC_BASE_X2APIC;
	u8 *icr = apic(from)->page + LAPIC_ICR;

	dest = x2 ? dest : dest << 24;
	memcpy(icr, &low, sizeof(low));
	memcpy(icr + (x2 ? 4 : 16), &dest, sizeof(dest));
	vlapic_write_exit(&vcpus[from], &e);
}

static void send(u32 from, u32 dest, u32 low)
{
	if (traps) {
		send_trap(from, dest, low);
		return;
	}
	if (vcpus[from].apic_base & APIC_BASE_X2APIC) {
		CHECK_EQ(vlapic_wrmsr(apic(from), MSR_X2APIC_BASE + LAPIC_ICR / 16,
				      (u64)dest << 32 | low),
			 0);
		return;
	}
	wr(from, LAPIC_ICR_HIGH, dest << 24);
	wr(from, LAPIC_ICR, low);
	CHECK_EQ(rd(from, LAPIC_ICR) & LAPIC_ICR_PENDING, 0);
}

#define ALL     ((1u << CPUS) - 1)
#define LOGICAL ((u32)LAPIC_ICR_LOGICAL)

struct row {
	void (*mode)(void);
	u32 dest, low, who; /* low: beside the vector; who: bit n is vCPU n */
};

/* "Determining IPI Destination": each row sent by vCPU 1. */
TEST(destinations)
{
	static const struct row rows[] = {
		{ start, 0, 0, 1 << 0 },
		{ start, 7, 0, 1 << 7 },
		{ start, 19, 0, 1 << 19 },
		{ start, 20, 0, 0 }, /* there is none */
		{ start, 0xfe, 0, 0 },
		{ start, 0xff, 0, ALL },
		{ start, 0x01, LOGICAL, 1 << 0 },
		{ start, 0x82, LOGICAL, 1 << 7 | 1 << 1 },
		{ start, 0, LOGICAL, 0 },
		{ start, 0xff, LOGICAL, ALL },
		{ clusters, 0x01, LOGICAL, 1 << 0 },
		{ clusters, 0x0f, LOGICAL, 0xf },
		{ clusters, 0x25, LOGICAL, 5 << 8 },
		{ clusters, 0x4f, LOGICAL, 0xfu << 16 },
		{ clusters, 0x5f, LOGICAL, 0 }, /* no such cluster */
		{ clusters, 0x30, LOGICAL, 0 },
		{ clusters, 0xff, LOGICAL, ALL },
		{ clusters, 5, 0, 1 << 5 },
		{ x2apics, 3, 0, 1 << 3 },
		{ x2apics, 0xff, 0, 0 },  /* an id like others here */
		{ x2apics, 0x100, 0, 0 }, /* nor modulo 256 */
		{ x2apics, 0x103, 0, 0 },
		{ x2apics, 0xffffffff, 0, ALL },
		{ x2apics, 0x00000005, LOGICAL, 5 },
		{ x2apics, 0x00010003, LOGICAL, 3u << 16 },
		{ x2apics, 0x0001ffff, LOGICAL, 0xfu << 16 },
		{ x2apics, 0x00020001, LOGICAL, 0 },
		{ x2apics, 0x000000ff, LOGICAL, 0xff },
		{ x2apics, 0xffffffff, LOGICAL, ALL },
	};

	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i / 2];

		traps = i % 2;
		r->mode();
		send(1, r->dest, r->low | VECTOR);
		CHECK_EQ(takers(VECTOR), r->who);
		send(1, r->dest, r->low | DELIVER_NMI << 8);
		CHECK_EQ(nmis, r->who);
		/* An IPI to nobody is no error on these processors. */
		CHECK_EQ(errors(1), 0);
	}
	traps = false;
}

/* Of the models that DFR can name, two are defined. */
TEST(no_such_model)
{
	start();
	wr(3, LAPIC_DFR, 0x7fffffff);
	send(1, 0x08, LOGICAL | VECTOR);
	CHECK_EQ(takers(VECTOR), 0);
	send(1, 3, VECTOR);
	CHECK_EQ(takers(VECTOR), 1 << 3);
}

/* "Valid Combinations for the Pentium 4 and Intel Xeon Processors' Local xAPIC ICR" */
TEST(shorthands)
{
	static const u32 shorthands[] = { 0, LAPIC_ICR_SELF, LAPIC_ICR_ALL, LAPIC_ICR_OTHERS };
	const u32 others = ALL & ~2u;

	for (u32 x2 = 0; x2 < 2; x2++) {
		for (u32 s = 0; s < 4; s++) {
			const u32 who[] = { 1 << 9, 2, ALL, others };

			for (u8 mode = DELIVER_FIXED; mode <= DELIVER_EXTINT; mode++) {
				bool valid = s == 0 || s == 3 ? mode != 3 && mode != 7 :
								mode == DELIVER_FIXED;
				u32 expected = valid ? who[s] : 0, fixed;

				(x2 ? x2apics : start)();
				send(1, 9,
				     shorthands[s] | (u32)mode << 8 | (u32)LAPIC_ICR_ASSERT |
					     VECTOR);
				fixed = takers(VECTOR);
				if (mode == DELIVER_LOWEST && valid) { /* one of those */
					CHECK_EQ(__builtin_popcount(fixed), 1);
					CHECK_EQ(fixed & ~expected, 0);
				} else {
					CHECK_EQ(fixed, mode == DELIVER_FIXED ? expected : 0);
				}
				CHECK_EQ(nmis, mode == DELIVER_NMI ? expected : 0);
				CHECK_EQ(inits, mode == DELIVER_INIT ? expected : 0);
				CHECK_EQ(sipis, mode == DELIVER_SIPI ? expected : 0);
				CHECK_EQ(errors(1), 0);
			}
		}
	}
	CHECK_EQ(sipi_vector, VECTOR);
}

/* INIT level de-assert does nothing; trigger mode and level of others mean nothing. */
TEST(level_bits)
{
	start();
	send(1, 2, DELIVER_INIT << 8 | LAPIC_ICR_LEVEL);
	CHECK_EQ(inits, 0);
	send(1, 2, DELIVER_INIT << 8 | LAPIC_ICR_LEVEL | LAPIC_ICR_ASSERT);
	CHECK_EQ(inits, 4);
	send(1, 2, LAPIC_ICR_LEVEL | VECTOR);
	CHECK_EQ(takers(VECTOR), 4);
	CHECK_EQ(rd(2, LAPIC_TMR + VECTOR / 32 * 16), 0);
}

/* Vectors 0 to 15: an error of the sender's, and nothing is sent. */
TEST(illegal_vectors)
{
	start();
	for (u32 vector = 0; vector < 16; vector++) {
		send(1, 0xff, vector);
		send(1, 3, DELIVER_LOWEST << 8 | vector);
		CHECK_EQ(errors(1), BIT(5));
		CHECK_EQ(errors(3), 0);
	}
	send(1, 3, DELIVER_SIPI << 8 | 8); /* no vector of an interrupt */
	CHECK_EQ(errors(1), 0);
	CHECK_EQ(sipis, 8);
	for (u32 i = 0; i < CPUS; i++)
		CHECK_EQ(rd(i, LAPIC_IRR), 0);
}

/* The lowest processor priority; equals take turns; who is switched off is not asked. */
TEST(lowest_priority)
{
	u32 seen = 0;

	start();
	for (u32 i = 0; i < CPUS; i++)
		wr(i, LAPIC_TPR, i == 4 || i == 6 ? 0x20 : 0x30);
	for (u32 n = 0; n < 10; n++) {
		u32 one;

		send(1, 0xf0, LOGICAL | DELIVER_LOWEST << 8 | VECTOR);
		one = takers(VECTOR);
		CHECK_EQ(one, n % 2 ? 1u << 6 : 1u << 4);
	}
	wr(6, LAPIC_TPR, 0x10);
	for (u32 n = 0; n < 3; n++) {
		send(1, 0xff, DELIVER_LOWEST << 8 | VECTOR);
		CHECK_EQ(takers(VECTOR), 1 << 6);
	}
	wr(6, LAPIC_SVR, 0xff);
	send(1, 0xff, DELIVER_LOWEST << 8 | VECTOR);
	CHECK_EQ(takers(VECTOR), 1 << 4);
	/* What is in service counts as well as TPR. */
	vlapic_ack_vector(apic(4), 0x61);
	wr(9, LAPIC_TPR, 0x5f);
	send(1, 0xff, DELIVER_LOWEST << 8 | VECTOR);
	CHECK_EQ(takers(VECTOR) & (1 << 4 | 1 << 6 | 1 << 9), 0);
	/* All the same: each once in a round. */
	start();
	for (u32 n = 0; n < CPUS; n++) {
		send(1, 0xff, DELIVER_LOWEST << 8 | VECTOR);
		seen |= takers(VECTOR);
	}
	CHECK_EQ(seen, ALL);
}

/* Switched off by software an APIC takes no interrupts, but the rest; switched off altogether, nothing. */
TEST(switched_off)
{
	start();
	wr(2, LAPIC_SVR, 0xff);
	CHECK_EQ(vlapic_set_base(apic(3), VLAPIC_BASE), 0);
	send(1, 0xff, VECTOR);
	CHECK_EQ(takers(VECTOR), ALL & ~12u);
	send(1, 0xff, DELIVER_NMI << 8);
	CHECK_EQ(nmis, ALL & ~8u);
	send(1, 0xff, DELIVER_INIT << 8);
	CHECK_EQ(inits, ALL & ~8u);
	send(1, 3, VECTOR);
	CHECK_EQ(takers(VECTOR), 0);
	/* It can send all the same. */
	send(2, 5, VECTOR);
	CHECK_EQ(takers(VECTOR), 1 << 5);
}

/* IPIs between modes, as while a guest switches: 8 ones from an xAPIC are everyone. */
TEST(mixed_modes)
{
	start();
	for (u32 i = 10; i < CPUS; i++)
		CHECK_EQ(vlapic_set_base(apic(i), VLAPIC_BASE | X2), 0);
	send(1, 0xff, VECTOR);
	CHECK_EQ(takers(VECTOR), ALL);
	send(12, 0xffffffff, VECTOR);
	CHECK_EQ(takers(VECTOR), ALL);
	send(12, 0xff, VECTOR);
	CHECK_EQ(takers(VECTOR), 0);
	send(12, 3, VECTOR);
	CHECK_EQ(takers(VECTOR), 8);
	send(12, 0x00000104,
	     LOGICAL | VECTOR); /* no flat id: bit 2 of an xAPIC's is not looked at */
	CHECK_EQ(takers(VECTOR), 0);
}

/* "Message Address Register Format", with extended destination ids. */
TEST(messages)
{
	static const struct {
		u64 address;
		u32 data, who, nmi, extint;
	} rows[] = {
		{ 0xfee00000, 0x51, 1, 0, 0 },
		{ 0xfee13000, 0x51, 1 << 19, 0, 0 },
		{ 0xfee14000, 0x51, 0, 0, 0 },
		{ 0xfeeff000, 0x51, ALL, 0, 0 },
		{ 0xfee82004, 0x51, 1 << 7 | 1 << 1, 0, 0 }, /* logical */
		{ 0xfee00fe0, 0x51, 0, 0, 0 },               /* id 0x7f00 */
		{ 0xfee03020, 0x51, 0, 0, 0 },               /* id 0x103 */
		{ 0xfee03010, 0x51, 0, 0, 0 },               /* remappable */
		{ 0xfee03000, 0x451, 0, 1 << 3, 0 },
		{ 0xfee03000, 0x8451, 0, 1 << 3, 0 },
		{ 0xfee03000, 0x751, 0, 0, 1 << 3 },
		{ 0xfee03000, 0x651, 0, 0, 0 }, /* no SIPI */
		{ 0xfee03000, 0x351, 0, 0, 0 },
		{ 0xfee03000, 0x251, 0, 0, 0 },  /* SMI */
		{ 0xfee03000, 0x8051, 0, 0, 0 }, /* a level that ends */
		{ 0xfee03000, 0xc051, 1 << 3, 0, 0 },
		{ 0xfee03000, 0x05, 0, 0, 0 },
		{ 0xfed03000, 0x51, 0, 0, 0 },
		{ 0x1fee03000, 0x51, 0, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		u32 extint = 0;

		start();
		vm_msi(fake_vm, rows[i].address, rows[i].data);
		CHECK_EQ(takers(VECTOR), rows[i].who);
		CHECK_EQ(nmis, rows[i].nmi);
		for (u32 k = 0; k < CPUS; k++)
			extint |= (apic(k)->extint & EXTINT_MESSAGE ? 1u : 0) << k;
		CHECK_EQ(extint, rows[i].extint);
		CHECK_EQ(sipis, 0);
		for (u32 k = 0; k < CPUS; k++) {
			bool level = rows[i].who >> k & 1 && rows[i].data & BIT(15);

			CHECK_EQ(rd(k, LAPIC_TMR + 0x20), level ? 1u << (VECTOR % 32) : 0);
		}
	}
	/* An illegal vector is the receiver's error. */
	start();
	vm_msi(fake_vm, 0xfee03000, 5);
	CHECK_EQ(errors(3), BIT(6));
	/* The redirection hint with a logical destination: one of those. */
	start();
	wr(1, LAPIC_TPR, 0x40);
	vm_msi(fake_vm, 0xfee0300c, 0x51);
	CHECK_EQ(takers(VECTOR), 1);
	vm_msi(fake_vm, 0xfee03008, 0x51); /* physical: that one */
	CHECK_EQ(takers(VECTOR), 1 << 3);
	/* To x2APICs: the first eight of cluster 0, or with more bits of it. */
	x2apics();
	vm_msi(fake_vm, 0xfee81004, 0x51);
	CHECK_EQ(takers(VECTOR), 1 << 7 | 1 << 0);
	vm_msi(fake_vm, 0xfee01024, 0x51);
	CHECK_EQ(takers(VECTOR), 1 << 8 | 1 << 0);
	vm_msi(fake_vm, 0xfee13000, 0x51);
	CHECK_EQ(takers(VECTOR), 1 << 19);
}

/* A device may write any data anywhere: nobody gets more than one thing, and no SIPI, and no legal vector is invented. */
TEST(hostile_messages)
{
	u64 seed = 7;

	for (u32 round = 0; round < 20000; round++) {
		u64 address;
		u32 data, taken = 0;

		if (round % 2000 == 0)
			(round % 4000 ? x2apics : clusters)();
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		address = round % 3 ? 0xfee00000 | (seed >> 33 & 0xfffff) : seed ^ seed >> 31;
		data = (u32)(seed >> 29);
		forget();
		vm_msi(fake_vm, address, data);
		CHECK_EQ(sipis, 0);
		for (u32 k = 0; k < CPUS; k++) {
			struct vlapic *l = apic(k);
			u32 own = 0;

			for (u32 i = 0; i < 8; i++) {
				u32 *irr = (u32 *)(l->page + LAPIC_IRR + i * 16);

				own += (u32)__builtin_popcount(*irr);
				CHECK(!(*irr & ~(i == (data & 0xff) / 32 ? 1u << data % 32 : 0)));
				CHECK(i || !(*irr & 0xffff));
				*irr = 0;
			}
			own += (nmis >> k & 1) + (inits >> k & 1);
			own += (l->extint & EXTINT_MESSAGE) != 0;
			l->extint = 0;
			CHECK(own <= 1);
			taken += own;
		}
		CHECK(address >> 20 == 0xfee || !taken);
		CHECK(!(address & BIT(4)) || !taken);
	}
	start();
}

/* The PIC's output is on LINT0 of all; LINT1 makes NMIs where it is so programmed. */
TEST(pins)
{
	start();
	wr(0, LAPIC_LVT_LINT0, 0x700);
	wr(5, LAPIC_LVT_LINT0, 0x400);
	wr(6, LAPIC_LVT_LINT0, VECTOR);
	CHECK_EQ(vlapic_set_base(apic(7), VLAPIC_BASE), 0); /* then it is the CPU's INTR */
	forget();
	vm_extint_set(fake_vm, true);
	CHECK_EQ(events, 1 << 0 | 1 << 6 | 1 << 7);
	CHECK_EQ(nmis, 1 << 5);
	CHECK_EQ(takers(VECTOR), 1 << 6);
	forget();
	vm_extint_set(fake_vm, true); /* no edge */
	CHECK_EQ(events, 1 << 0 | 1 << 7);
	CHECK_EQ(nmis | takers(VECTOR), 0);
	vm_extint_set(fake_vm, false);
	forget();
	wr(1, LAPIC_LVT_LINT1, 0x400);
	wr(2, LAPIC_LVT_LINT1, 0x10400);
	wr(3, LAPIC_LVT_LINT1, 0x8000 | VECTOR); /* edge all the same */
	for (u32 i = 0; i < 8; i++)
		vlapic_lint1(apic(i));
	CHECK_EQ(nmis, 1 << 1 | 1 << 7);
	CHECK_EQ(rd(3, LAPIC_TMR + 0x20), 0);
	CHECK_EQ(takers(VECTOR), 1 << 3);
}
