/*
 * AMD's AVIC, which no emulator has: what the CPU is given (APM vol. 2, "AVIC Data Structures" and "VMCB
 * Changes in Support of AVIC"), when it is on, posts at every point of a vCPU's way, and the exits it leaves.
 *
 * sources: tests/host/fake_trace.c
 * sources: svm/build.c svm/maps.c svm/exits.c svm/crinsn.c svm/event.c svm/asid.c svm/regs.c
 * sources: svm/run.c svm/caps.c svm/tscratio.c svm/avic.c vm/topology.c tests/host/fake_svm.c
 * flags: -include tests/host/fake_irq.h
 */
#include "svm/avic.h"

#include "arch/lapic.h"
#include "lib/hw/lapic.h"
#include "tests/host/fake_svm.h"
#include "vm/apicv.h"

#include <string.h>

#define COUNT 3

/* Three vCPUs: v of fake_svm.c is number 0. */
static struct vcpu others[COUNT - 1];
static struct hvm_vcpu other_hvs[COUNT - 1];
static struct vmcb other_vmcbs[COUNT - 1] __attribute__((aligned(4096)));
static struct vlapic other_lapics[COUNT - 1];
static u8 other_pages[COUNT - 1][4096] __attribute__((aligned(4096)));

static struct vcpu *vcpu(u32 i)
{
	return i ? &others[i - 1] : &v;
}

static u32 *page_reg(u32 i, u32 offset)
{
	return (u32 *)(vcpu(i)->lapic->page + offset);
}

static void make(u32 i)
{
	struct vcpu *c = vcpu(i);

	vm.ports[i].vcpu = c;
	c->vm = &vm;
	c->index = c->apic_id = i;
	c->port = &vm.ports[i];
	if (i) {
		c->hvm = &other_hvs[i - 1];
		c->lapic = &other_lapics[i - 1];
		c->lapic->page = other_pages[i - 1];
		c->hvm->vmcb = &other_vmcbs[i - 1];
	}
	c->lapic->vcpu = c;
	c->lapic->hw = false;
	c->apic_base = APIC_BASE_ENABLE;
	*page_reg(i, LAPIC_DFR) = 0xffffffff;
	*page_reg(i, LAPIC_LDR) = 0;
	avic_vcpu_create(c);
}

static void free_vm(void)
{
	if (hvm_vm.avic.physical)
		avic_vm_destroy(&vm);
	memset(&hvm_vm, 0, sizeof(hvm_vm));
}

static void setup_vm(u32 use)
{
	free_vm();
	setup();
	memset(others, 0, sizeof(others));
	memset(other_hvs, 0, sizeof(other_hvs));
	memset(other_vmcbs, 0, sizeof(other_vmcbs));
	memset(other_pages, 0, sizeof(other_pages));
	memset(fake_requests, 0, sizeof(fake_requests));
	fake_mapped = fake_barriers = 0;
	fake_doorbells = 0;
	fake_on_unmap = NULL;
	fake_extint = true;
	fake_lapic_id = 5;
	svm_caps.avic = use;
	apicv = NULL;
	avic_init();
	vm.vcpu_count = COUNT;
	vm.topology = (struct topology){ .dies = 1, .cores = COUNT, .threads = 1 };
	CHECK_EQ(avic_vm_create(&vm), 0);
	for (u32 i = 0; i < COUNT; i++)
		make(i);
}

/* The guest has masked LINT0: all follow. */
static void all_on(void)
{
	fake_extint = false;
	apicv->refresh(&v);
	for (u32 i = 1; i < COUNT; i++)
		avic_follow(vcpu(i));
}

static u64 physical(u32 i)
{
	return hvm_vm.avic.physical[i];
}

static u64 page_address(u32 i)
{
	return (u64)vcpu(i)->lapic->page & BITS(51, 0);
}

/* --- what is used --- */

TEST(decided_by_cpuid_and_the_command_line)
{
	const u32 zen4 = 0x00a60f12, zen1 = 0x00800f11, hygon = 0x00900f01;

	CHECK_EQ(avic_decide(0, zen4, APICV_ALL), 0);
	CHECK_EQ(avic_decide(1u << 13, zen4, APICV_ALL), AVIC_USED | AVIC_IPIS);
	CHECK_EQ(avic_decide(1u << 13, zen4, 0), 0); /* apicv=off */
	CHECK_EQ(avic_decide(1u << 13, zen4, APICV_ALL & ~APICV_IPI), AVIC_USED);
	CHECK_EQ(avic_decide(1u << 13, zen4, APICV_ALL & ~APICV_X2APIC), AVIC_USED | AVIC_IPIS);
	for (u32 bit = APICV_TPR; bit <= APICV_POSTED; bit <<= 1) {
		if (bit != APICV_X2APIC)
			CHECK_EQ(avic_decide(1u << 13, zen4, APICV_ALL & ~bit), 0);
	}
	/* Erratum 1235: families 17h and 18h lose IPIs. */
	CHECK_EQ(avic_decide(1u << 13, zen1, APICV_ALL), AVIC_USED);
	CHECK_EQ(avic_decide(1u << 13, hygon, APICV_ALL), AVIC_USED);
}

TEST(without_it_nothing_is_there)
{
	setup_vm(0);
	CHECK_EQ(apicv, NULL);
	CHECK_EQ(raw(0x98, 8), 0);
	CHECK_EQ(raw(0xf8, 8), 0);
	fake_extint = false;
	avic_follow(&v);
	avic_load(&v);
	avic_put(&v);
	CHECK_EQ(raw(0x60, 8) >> 31, 0);
	CHECK_EQ(avic_take_back(&v, 0x40), false);
}

/* --- what the CPU is given --- */

TEST(vmcb_fields_at_the_manuals_offsets)
{
	setup_vm(AVIC_USED | AVIC_IPIS);
	CHECK_EQ(raw(0x98, 8), 0xfee00000);
	CHECK_EQ(raw(0xe0, 8), page_address(0));
	CHECK_EQ(raw(0xf0, 8), (u64)hvm_vm.avic.logical & BITS(51, 0));
	CHECK_EQ(raw(0xf8, 8), ((u64)hvm_vm.avic.physical & BITS(51, 0)) | (COUNT - 1));
	CHECK_EQ(raw(0x60, 4) >> 31, 0); /* LINT0 passes the PIC's interrupts */
	CHECK_EQ(physical(0), 0);        /* IPIs to it exit */
	CHECK_EQ(fake_mapped, 0);
	all_on();
	CHECK_EQ(raw(0x60, 4), 1u << 31 | 1u << 24);
	CHECK(v.lapic->hw);
	CHECK_EQ(fake_mapped, 1);
	for (u32 i = 0; i < COUNT; i++)
		CHECK_EQ(physical(i) & ~(BIT(62) | 0xff), BIT(63) | page_address(i));
	CHECK_EQ(physical(COUNT), 0);
}

TEST(running_is_where_it_was_loaded)
{
	setup_vm(AVIC_USED | AVIC_IPIS);
	all_on();
	fake_lapic_id = 0x12;
	avic_load(&v);
	CHECK_EQ(physical(0), BIT(63) | BIT(62) | page_address(0) | 0x12);
	avic_put(&v);
	CHECK_EQ(physical(0), BIT(63) | page_address(0));
	/* An id that does not fit: posts kick it. */
	fake_lapic_id = 0x100;
	avic_load(&v);
	CHECK_EQ(physical(0), BIT(63) | page_address(0));
	apicv->post(&v, 0x40, false);
	CHECK_EQ(fake_requests[0], REQ_EVENT);
	CHECK_EQ(fake_doorbells, 0);
}

TEST(ipis_of_cpus_that_lose_them_exit)
{
	setup_vm(AVIC_USED);
	all_on();
	avic_load(&v);
	CHECK_EQ(physical(0), BIT(63) | page_address(0)); /* "not running" */
	apicv->post(&v, 0x40, false);
	CHECK_EQ(fake_doorbells, 1); /* but posts of software know better */
}

TEST(logical_ids)
{
	static const struct {
		u32 dfr, ldr;
		s32 slot;
	} rows[] = {
		{ 0xffffffff, 0x01, 0 },  { 0xffffffff, 0x80, 7 },  { 0x0fffffff, 0x01, 0 },
		{ 0x0fffffff, 0x28, 11 }, { 0x0fffffff, 0xe8, 59 }, { 0xffffffff, 0, -1 },
		{ 0xffffffff, 0x81, -1 }, { 0x0fffffff, 0x30, -1 }, { 0x0fffffff, 0xf1, -1 },
	};

	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		setup_vm(AVIC_USED);
		*page_reg(1, LAPIC_DFR) = rows[i].dfr;
		*page_reg(1, LAPIC_LDR) = rows[i].ldr << 24;
		all_on();
		for (s32 slot = 0; slot < 1024; slot++)
			CHECK_EQ(hvm_vm.avic.logical[slot],
				 slot == rows[i].slot ? 1u << 31 | 1 : 0);
	}
}

static void write_ldr(u32 i, u32 ldr)
{
	struct vm_exit e = { 0 };

	*page_reg(i, LAPIC_LDR) = ldr << 24;
	vcpu(i)->hvm->vmcb->control.exit_info1 = BIT(32) | LAPIC_LDR;
	avic_access_exit(vcpu(i), &e);
	CHECK_EQ(e.kind, EXIT_APIC_WRITE);
	CHECK_EQ(e.apic_write.offset, LAPIC_LDR);
}

TEST(logical_ids_change_and_clash)
{
	setup_vm(AVIC_USED);
	all_on();
	write_ldr(0, 1);
	write_ldr(1, 2);
	CHECK_EQ(hvm_vm.avic.logical[0], 1u << 31);
	CHECK_EQ(hvm_vm.avic.logical[1], 1u << 31 | 1);
	write_ldr(1, 4);
	CHECK_EQ(hvm_vm.avic.logical[1], 0);
	CHECK_EQ(hvm_vm.avic.logical[2], 1u << 31 | 1);
	/* Two with the same: all logical IPIs exit, for good. */
	write_ldr(1, 1);
	for (u32 slot = 0; slot < 8; slot++)
		CHECK_EQ(hvm_vm.avic.logical[slot], 0);
	write_ldr(2, 8);
	CHECK_EQ(hvm_vm.avic.logical[3], 0);
	/* The same where one counts in clusters. */
	setup_vm(AVIC_USED);
	*page_reg(1, LAPIC_DFR) = 0x0fffffff;
	all_on();
	write_ldr(0, 1);
	write_ldr(1, 2);
	CHECK_EQ(hvm_vm.avic.logical[0] | hvm_vm.avic.logical[1], 0);
}

/* --- on and off --- */

static u32 on_at_barrier[4], mapped_at_barrier[4], barrier;

/* What the others see when they pass, and then they follow. */
static void pass_barrier(void)
{
	if (barrier < ARRAY_LEN(on_at_barrier)) {
		on_at_barrier[barrier] = hvm_vm.avic.on;
		mapped_at_barrier[barrier++] = (u32)fake_mapped;
	}
	for (u32 i = 1; i < COUNT; i++)
		avic_follow(vcpu(i));
}

TEST(the_page_is_there_only_while_all_have_it_on)
{
	setup_vm(AVIC_USED);
	fake_on_unmap = pass_barrier;
	barrier = 0;
	fake_extint = false;
	apicv->refresh(&v);
	CHECK_EQ(barrier, 2 - 1); /* one is enough: nothing was there */
	CHECK(on_at_barrier[0] && !mapped_at_barrier[0]);
	CHECK_EQ(fake_mapped, 1);
	for (u32 i = 0; i < COUNT; i++)
		CHECK(vcpu(i)->lapic->hw);
	apicv->refresh(&v);
	CHECK_EQ(barrier, 1); /* nothing new */
	barrier = 0;
	fake_extint = true;
	apicv->refresh(&v);
	CHECK_EQ(barrier, 2);
	CHECK(on_at_barrier[0] && !mapped_at_barrier[0]); /* first it goes */
	CHECK(!on_at_barrier[1]);
	for (u32 i = 0; i < COUNT; i++) {
		CHECK(!vcpu(i)->lapic->hw);
		CHECK_EQ(physical(i), 0);
	}
	CHECK_EQ(raw(0x60, 4) >> 31, 0);
	CHECK_EQ(fake_mapped, 0);
	fake_on_unmap = NULL;
}

TEST(x2apic_mode_and_off_go_by_software)
{
	setup_vm(AVIC_USED | AVIC_IPIS);
	all_on();
	avic_load(&others[0]);
	others[0].apic_base |= APIC_BASE_X2APIC;
	apicv->refresh(&others[0]);
	CHECK(!others[0].lapic->hw);
	CHECK_EQ(physical(1), 0);
	CHECK(v.lapic->hw); /* the others stay */
	apicv->post(&others[0], 0x51, false);
	CHECK_EQ(fake_requests[1], REQ_EVENT);
	CHECK_EQ(fake_doorbells, 0);
	others[0].apic_base = 0;
	apicv->refresh(&others[0]);
	CHECK_EQ(physical(1), 0);
	others[0].apic_base = APIC_BASE_ENABLE;
	apicv->refresh(&others[0]);
	CHECK(others[0].lapic->hw);
	CHECK_EQ(physical(1) >> 62, 3); /* it is on a CPU */
	CHECK(others[0].recheck);
}

TEST(what_was_under_way_when_it_comes_on)
{
	setup_vm(AVIC_USED);
	/* An interrupt that software had acknowledged, a window for it, a CR8 that was watched. */
	v.event = (struct vm_event){ .kind = EVENT_INTR, .vector = 0x61 };
	*page_reg(0, LAPIC_ISR + 3 * 16) = 1u << 1;
	svm_window(&v, WINDOW_INTR, true);
	v.blocked_intr = true;
	hv.work |= WORK_CR8;
	vmcb.control.cr |= CR_WRITE(8);
	all_on();
	CHECK_EQ(v.event.kind, EVENT_NONE);
	CHECK_EQ(*page_reg(0, LAPIC_ISR + 3 * 16), 0);
	CHECK_EQ(*page_reg(0, LAPIC_IRR + 3 * 16), 1u << 1);
	CHECK(!v.blocked_intr);
	CHECK_EQ(raw(0x0c, 4) & MISC1_VINTR, 0);
	CHECK_EQ(raw(0x60, 4), 1u << 31 | 1u << 24); /* no V_IRQ */
	CHECK_EQ(raw(0x00, 4) & CR_WRITE(8), 0);
	CHECK_EQ(hv.work & WORK_CR8, 0);
}

/* --- entries and exits --- */

TEST(cr8_is_the_cpus)
{
	setup_vm(AVIC_USED);
	all_on();
	*page_reg(0, LAPIC_TPR) = 0x45;
	*page_reg(0, LAPIC_IRR + 16) = 1; /* held back: that is the CPU's to see */
	records(0x72, 0);
	CHECK_EQ(raw(0x60, 1), 4);
	CHECK_EQ(raw(0x00, 4) & CR_WRITE(8), 0);
	/* The guest wrote CR8: the page has it, and what its lower half is. */
	*page_reg(0, LAPIC_TPR) = 0x93;
	vmcb.control.v_tpr = 9;
	struct vm_exit e = { 0 };

	svm_exited(&v, &e);
	CHECK_EQ(*page_reg(0, LAPIC_TPR), 0x93);
	CHECK_EQ(hv.tpr, 9);
}

TEST(a_delivery_cut_short_is_requested_again)
{
	setup_vm(AVIC_USED);
	all_on();
	*page_reg(0, LAPIC_ISR + 7 * 16) = 1u << 12;
	v.recheck = false;
	records(0x400, 0x800000ec);
	CHECK_EQ(v.event.kind, EVENT_NONE);
	CHECK_EQ(*page_reg(0, LAPIC_ISR + 7 * 16), 0);
	CHECK_EQ(*page_reg(0, LAPIC_IRR + 7 * 16), 1u << 12);
}

static struct vm_exit decoded(u64 code, u64 info1, u64 info2)
{
	struct vm_exit e = { 0 };

	vmcb.control.exit_code = code;
	vmcb.control.exit_info1 = info1;
	vmcb.control.exit_info2 = info2;
	vmcb.control.exit_int_info = 0;
	svm_decode_exit(&v, &e);
	return e;
}

TEST(accesses_that_are_not_accelerated)
{
	static const u32 traps[] = { 0x20,  0xb0,  0xc0,  0xd0,  0xe0,  0xf0,  0x280, 0x300,
				     0x320, 0x330, 0x340, 0x350, 0x360, 0x370, 0x380, 0x3e0 };
	struct vm_exit e;

	setup_vm(AVIC_USED);
	all_on();
	for (u32 offset = 0; offset < 0x1000; offset += 16) {
		bool trap = false;

		for (u32 i = 0; i < ARRAY_LEN(traps); i++)
			trap |= traps[i] == offset;
		e = decoded(0x402, BIT(32) | offset, 0);
		if (trap) {
			CHECK_EQ(e.kind, EXIT_APIC_WRITE);
			CHECK_EQ(e.apic_write.offset, offset);
		} else {
			CHECK_EQ(e.kind, EXIT_S2);
			CHECK_EQ(e.s2.gpa.v, 0xfee00000 + offset);
			CHECK(e.s2.write && !e.s2.fetch && !e.s2.table_walk);
		}
		CHECK_EQ(e.insn_len, 0);
		e = decoded(0x402, offset, 0);
		CHECK_EQ(e.kind, EXIT_S2);
		CHECK_EQ(e.s2.gpa.v, 0xfee00000 + offset);
		CHECK(!e.s2.write);
	}
}

TEST(ipis_that_are_not_completed)
{
	struct vm_exit e;

	setup_vm(AVIC_USED | AVIC_IPIS);
	all_on();
	/* Not fixed, nobody there, vector below 16: by software, from the register. */
	for (u64 cause = 0; cause <= 4; cause += 2) {
		e = decoded(0x401, 0x4400, cause << 32);
		CHECK_EQ(e.kind, EXIT_APIC_WRITE);
		CHECK_EQ(e.apic_write.offset, LAPIC_ICR);
	}
	e = decoded(0x401, 0x40, 3ULL << 32 | 1);
	CHECK_EQ(e.kind, EXIT_ERROR);
	/* Requested, but asleep: only who has something is woken; who runs by now hears the bell. */
	*page_reg(1, LAPIC_IRR + 0x20) = 1;
	e = decoded(0x401, 0x40, 1ULL << 32 | 1);
	CHECK_EQ(e.kind, EXIT_NONE);
	CHECK_EQ(fake_requests[1], REQ_EVENT);
	CHECK_EQ(fake_requests[0] | fake_requests[2], 0);
	CHECK_EQ(fake_doorbells, 0);
	fake_requests[1] = 0;
	fake_lapic_id = 7;
	avic_load(&others[0]);
	e = decoded(0x401, 0x40, 1ULL << 32 | 1);
	CHECK_EQ(fake_requests[1], 0);
	CHECK_EQ(fake_doorbells, 1);
	CHECK_EQ(fake_doorbell_id, 7);
}

/* --- races of a post --- */

/*
 * A post that comes between any two steps of a vCPU that comes, runs, sleeps, is preempted and goes: either it
 * enters the guest after it, when the CPU looks at IRR, or runs there and hears the bell, or looks itself
 * before it sleeps, or is woken.
 */
enum step { LOAD, ENTER, EXIT, SLEEP_ON, LOOK, BLOCK, PUT, LOAD_AGAIN, SLEEP_OFF, STEPS };

TEST(a_post_at_any_point_is_noticed)
{
	for (int at = 0; at <= STEPS; at++) {
		bool in_guest = false, noticed = false;

		setup_vm(AVIC_USED | AVIC_IPIS);
		all_on();
		for (int step = 0; step <= STEPS; step++) {
			if (step == at) {
				apicv->post(&v, 0x40, false);
				noticed |= in_guest && fake_doorbells;
				noticed |= fake_requests[0] == REQ_EVENT;
			}
			bool pending = *page_reg(0, LAPIC_IRR + 0x20);

			switch (step) {
			case LOAD:
			case LOAD_AGAIN:
				avic_load(&v);
				break;
			case ENTER:
				in_guest = true;
				noticed |= pending; /* VMRUN looks */
				break;
			case EXIT:
				in_guest = false;
				break;
			case SLEEP_ON:
				apicv->sleep(&v, true);
				break;
			case LOOK:
				noticed |= pending;
				break;
			case BLOCK: /* for ever, but for a wake */
				break;
			case PUT:
				avic_put(&v);
				break;
			case SLEEP_OFF:
				apicv->sleep(&v, false);
				break;
			}
		}
		/* Behind the last step it is about to enter. */
		CHECK(noticed || at == STEPS);
		CHECK_EQ(*page_reg(0, LAPIC_IRR + 0x20), 1);
	}
	free_vm();
}

TEST(asleep_it_is_woken_wherever_it_is)
{
	setup_vm(AVIC_USED | AVIC_IPIS);
	all_on();
	avic_load(&v);
	apicv->sleep(&v, true);
	/* Preempted between its look and its sleep, and back. */
	avic_put(&v);
	avic_load(&v);
	CHECK_EQ(physical(0) >> 62, 2);
	apicv->post(&v, 0x40, false);
	CHECK_EQ(fake_requests[0], REQ_EVENT);
	CHECK_EQ(fake_doorbells, 0);
	apicv->sleep(&v, false);
	CHECK_EQ(physical(0) >> 62, 3);
	free_vm();
}
