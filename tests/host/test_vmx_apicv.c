/*
 * Interrupts without exits on VT-x: what is used of what there is, the controls and the MSR bitmap of each mode of the
 * APIC, the descriptor between posters and the vCPU, and the fields that follow the APIC's page. Bits and encodings
 * are the SDM's, as numbers (vol. 3, "VM-Execution Control Fields", "APIC Virtualization and Virtual Interrupts").
 *
 * sources: vmx/apicv.c vmx/apicmode.c vmx/posted.c vmx/msrmap.c vm/apicv.c
 * flags: -include tests/host/fake_vmcs.h
 */
#include <stdlib.h>
#include <string.h>

#include "arch/lapic.h"
#include "core/cmdline.h"
#include "core/irq.h"
#include "core/log.h"
#include "core/thread.h"
#include "ept/s2.h"
#include "lib/hw/lapic.h"
#include "lib/hw/pid.h"
#include "mm/heap.h"
#include "mm/page.h"
#include "tests/host/harness.h"
#include "vm/apicv.h"
#include "vm/build.h"
#include "vm/lapic.h"
#include "vm/msr.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vmx/apicmode.h"
#include "vmx/apicv.h"
#include "vmx/guest.h"
#include "vmx/posted.h"
#include "vmx/vmcs.h"

#define F_VECTOR     0x0002
#define F_STATUS     0x0810
#define F_BITMAP     0x2004
#define F_VAPIC      0x2012
#define F_ACCESS     0x2014
#define F_DESC       0x2016
#define F_EOI_EXIT   0x201c
#define F_PIN        0x4000
#define F_PROC2      0x401e
#define VAPIC_ON     0xfee00800ull
#define VAPIC_X2     0xfee00c00ull
#define VAPIC_OFF    0xfee00000ull
#define PASSED(b, n) (!((b)[(n) / 8] >> (n) % 8 & 1))
#define WRITES       2048

u64 fake_vmcs[FAKE_VMCS_FIELDS];
struct vmx_caps vmx_caps;
const struct thread_ops build_vcpu_thread_ops;
const struct msr_pass msr_pass_list[] = { { 0x10, true, false } };
const size_t msr_pass_count = ARRAY_LEN(msr_pass_list);

static struct vm vm;
static struct vcpu v;
static struct hvm_vcpu h;
static struct vlapic lapic;
static u8 page[4096] __aligned(4096);
static u32 ipis, ipi_to, warnings, requests, here;
static bool x2apic_host;
static char word[64];
static void (*notified)(void);
static struct thread thread;
static struct thread *current;
static u64 mapped_gpa;

bool cmdline_get(const char *key, char *buf, size_t size)
{
	CHECK_STR(key, "apicv");
	strncpy(buf, word, size - 1);
	return word[0];
}

void log_printf(enum log_level level, const char *fmt, ...)
{
	warnings += level == LOG_WARN;
}

void *heap_alloc(struct heap *heap, size_t size, size_t align)
{
	return memset(aligned_alloc(4096, 4096), 0, 4096);
}

void heap_free(struct heap *heap, void *p)
{
	free(p);
}

paddr_t heap_phys(const struct heap *heap, const void *p)
{
	return PADDR((u64)p);
}

void *page_alloc(u32 order)
{
	return heap_alloc(NULL, 4096, 4096);
}

void page_free(void *p, u32 order)
{
	free(p);
}

paddr_t virt_to_phys(const void *p)
{
	return PADDR((u64)p);
}

int s2_map(struct s2 *s2, gpa_t gpa, paddr_t pa, u64 len, u32 prot)
{
	CHECK_EQ(len, 4096);
	CHECK_EQ(pa.v, (u64)vm.hvm->access_page);
	CHECK_EQ(prot, PTAB_R | PTAB_W);
	mapped_gpa = gpa.v;
	return 0;
}

u32 lapic_id(void)
{
	return here;
}

bool lapic_uses_x2apic(void)
{
	return x2apic_host;
}

void lapic_ipi_apic(u32 apic_id, u8 vector)
{
	CHECK_EQ(vector, 0xf1);
	ipis++;
	ipi_to = apic_id;
}

void irq_set_fixed(u8 vector, void (*fn)(void))
{
	CHECK_EQ(vector, 0xf1);
	notified = fn;
}

struct thread *thread_current(void)
{
	return current;
}

void vcpu_request(struct vm *m, u32 index, u32 req)
{
	CHECK_EQ(index, 1);
	CHECK_EQ(req, REQ_EVENT);
	requests++;
}

static int highest(u32 array)
{
	for (int i = 255; i >= 0; i--) {
		if (page[array + i / 32 * 16 + i % 32 / 8] >> i % 8 & 1)
			return i;
	}
	return -1;
}

int vlapic_requested(const struct vlapic *l)
{
	return highest(LAPIC_IRR);
}

int vlapic_in_service(const struct vlapic *l)
{
	return highest(LAPIC_ISR);
}

static u32 isr_changes;
void vlapic_isr_changed(struct vlapic *l)
{
	isr_changes++;
}

/* All that a Xeon Scalable has. */
static struct vmx_caps full(void)
{
	return (struct vmx_caps){ .pin_may = 0xff,
				  .proc_may = 0xfff9fffe,
				  .proc2_may = 0x1ffcff | 0x300,
				  .base = { .pin = 0x3f, .proc2 = 0xe2 } };
}

static u32 used(const char *words)
{
	struct vmx_caps caps = full();

	return apic_features(&caps, apicv_parse(words));
}

/* --- what is used ------------------------------------------------------------------------------------ */

enum { TPR = 1, REGISTERS = 2, XAPIC = 4, X2APIC = 8, DELIVERY = 16, POSTED = 32, IPI = 64 };

TEST(words)
{
	warnings = 0;
	CHECK_EQ(apicv_parse(""), 127);
	CHECK_EQ(apicv_parse("off"), 0);
	CHECK_EQ(apicv_parse("-posted"), 127 - POSTED);
	CHECK_EQ(apicv_parse("-x2apic,-registers"), 127 - X2APIC - REGISTERS);
	CHECK_EQ(apicv_parse("-tpr,-xapic,-delivery,-ipi,"), REGISTERS + X2APIC + POSTED);
	CHECK_EQ(warnings, 0);
	CHECK_EQ(apicv_parse("posted"), 127);
	CHECK_EQ(apicv_parse("-poste"), 127);
	CHECK_EQ(apicv_parse("-postedx,-x2apic"), 127 - X2APIC);
	CHECK_EQ(warnings, 3);
	strcpy(word, "-delivery");
	CHECK_EQ(apicv_allowed(), 127 - DELIVERY);
	word[0] = 0;
}

/* Each switch, with what cannot be without it (checks of VM entry). */
TEST(switches)
{
	CHECK_EQ(used(""), 63);
	CHECK_EQ(used("off"), 0);
	CHECK_EQ(used("-tpr"), 0);
	CHECK_EQ(used("-registers"), 63 - REGISTERS);
	CHECK_EQ(used("-xapic"), 63 - XAPIC);
	CHECK_EQ(used("-x2apic"), 63 - X2APIC);
	CHECK_EQ(used("-delivery"), 63 - DELIVERY - POSTED);
	CHECK_EQ(used("-posted"), 63 - POSTED);
}

TEST(what_is_not_there)
{
	static const struct {
		u32 pin, proc, proc2, left;
	} rows[] = {
		{ 0, BIT(21), 0, 0 },
		{ 0, 0, BIT(8), 63 - REGISTERS },
		{ 0, 0, BIT(0), 63 - XAPIC },
		{ 0, 0, BIT(4), 63 - X2APIC },
		{ 0, 0, BIT(9), 63 - DELIVERY - POSTED },
		{ BIT(7), 0, 0, 63 - POSTED },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct vmx_caps caps = full();

		caps.pin_may &= ~rows[i].pin;
		caps.proc_may &= ~rows[i].proc;
		caps.proc2_may &= ~rows[i].proc2;
		CHECK_EQ(apic_features(&caps, APICV_ALL), rows[i].left);
	}
}

TEST(modes)
{
	CHECK_EQ(apic_mode(63, VAPIC_OFF), APIC_MODE_OFF);
	CHECK_EQ(apic_mode(63, VAPIC_ON), APIC_MODE_XAPIC);
	CHECK_EQ(apic_mode(63, VAPIC_X2), APIC_MODE_X2APIC);
	CHECK_EQ(apic_mode(63 - XAPIC, VAPIC_ON), APIC_MODE_OFF);
	CHECK_EQ(apic_mode(63 - XAPIC, VAPIC_X2), APIC_MODE_X2APIC);
	CHECK_EQ(apic_mode(63 - X2APIC, VAPIC_X2), APIC_MODE_OFF);
}

/* Secondary: 0 accesses, 4 x2APIC, 8 registers, 9 delivery; never 0 and 4 together. Pin: 7 posted. */
TEST(controls)
{
	static const struct {
		u32 features;
		enum apic_mode mode;
		u32 pin, proc2;
	} rows[] = {
		{ 63, APIC_MODE_OFF, 0, 0 },
		{ 63, APIC_MODE_XAPIC, 0x80, 0x301 },
		{ 63, APIC_MODE_X2APIC, 0x80, 0x310 },
		{ 63 - REGISTERS, APIC_MODE_X2APIC, 0x80, 0x210 },
		{ 63 - POSTED, APIC_MODE_XAPIC, 0, 0x301 },
		{ 63 - POSTED - DELIVERY, APIC_MODE_X2APIC, 0, 0x110 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct apic_controls c = apic_controls(rows[i].features, rows[i].mode);

		CHECK_EQ(c.pin, rows[i].pin);
		CHECK_EQ(c.proc2, rows[i].proc2);
		CHECK_EQ(c.delivery, (rows[i].proc2 & 0x200) != 0);
		CHECK_EQ(c.posted, rows[i].pin != 0);
	}
}

static void bitmap_of(u8 *bitmap, u32 features)
{
	memset(bitmap, 0xff, 4096);
	apic_pass_msrs(bitmap, features);
}

TEST(x2apic_msrs)
{
	u8 b[4096];
	u32 reads = 0, writes = 0;

	bitmap_of(b, 63);
	for (u32 msr = 0x800; msr < 0x900; msr++) {
		reads += PASSED(b, msr);
		writes += PASSED(b + WRITES, msr);
	}
	/* ID, version, TPR, PPR, LDR, SVR, 24 of ISR, TMR and IRR, ESR, 6 of the LVT, initial count, divide */
	CHECK_EQ(reads, 6 + 24 + 1 + 6 + 2);
	CHECK_EQ(writes, 3);
	CHECK(PASSED(b + WRITES, 0x808) && PASSED(b + WRITES, 0x80b) && PASSED(b + WRITES, 0x83f));
	CHECK(!PASSED(b, 0x839)); /* it counts */
	CHECK(!PASSED(b, 0x830) && !PASSED(b, 0x80b) && !PASSED(b, 0x83f) && !PASSED(b, 0x80e));
	CHECK(!PASSED(b, 0x6e0) && !PASSED(b + WRITES, 0x6e0));
	/* By software: no EOI, no interrupt to itself, and PPR is not in the page. */
	bitmap_of(b, 63 - DELIVERY - POSTED);
	CHECK(PASSED(b, 0x808) && PASSED(b + WRITES, 0x808) && PASSED(b, 0x802));
	CHECK(!PASSED(b + WRITES, 0x80b) && !PASSED(b + WRITES, 0x83f) && !PASSED(b, 0x80a));
	/* Reads would be the host's. */
	bitmap_of(b, 63 - REGISTERS);
	CHECK(PASSED(b, 0x808) && !PASSED(b, 0x802) && !PASSED(b, 0x810) &&
	      PASSED(b + WRITES, 0x80b));
}

/* --- the descriptor ---------------------------------------------------------------------------------- */

TEST(descriptor)
{
	struct pi_desc d = { .control = 0 };
	u64 got[4];
	u32 to = 0;

	posted_listen(&d, 0xf1, 5);
	CHECK_EQ(d.control, 5ull << 32 | 0xf1ull << 16);
	CHECK(!posted_take(&d, got));
	CHECK_EQ(posted_post(&d, 0x41, &to), POSTED_NOTIFY);
	CHECK_EQ(to, 5);
	CHECK_EQ(d.control & 3, 1);
	CHECK_EQ(posted_post(&d, 0xff, &to), POSTED_NOTHING);
	CHECK_EQ(d.pir[1], 2);
	CHECK_EQ(d.pir[3], 1ull << 63);
	CHECK(posted_suppress(&d)); /* it has to look */
	CHECK_EQ(d.control & 3, 3);
	CHECK(posted_take(&d, got));
	CHECK_EQ(got[1], 2);
	CHECK_EQ(got[3], 1ull << 63);
	CHECK_EQ(d.pir[0] | d.pir[1] | d.pir[2] | d.pir[3], 0);
	CHECK(!posted_suppress(&d));
	CHECK_EQ(posted_post(&d, 0x10, &to), POSTED_WAKE);
	posted_resume(&d); /* ON and all the rest stay */
	CHECK_EQ(d.control, 5ull << 32 | 0xf1ull << 16 | 1);
	CHECK(posted_suppress(&d));
	/* On another CPU: ON stays. */
	posted_listen(&d, 0xf1, 7);
	CHECK_EQ(d.control, 7ull << 32 | 0xf1ull << 16 | 1);
	CHECK(posted_take(&d, got));
	CHECK_EQ(got[0], 1 << 16);
	CHECK_EQ(posted_post(&d, 0x20, &to), POSTED_NOTIFY);
	CHECK_EQ(to, 7);
}

/* --- a vCPU ------------------------------------------------------------------------------------------ */

static void finish(void)
{
	if (!vm.hvm)
		return;
	vmx_apicv_vm_destroy(&vm);
	heap_free(NULL, vm.hvm);
	vm.hvm = NULL;
}

static void start(const char *words, u64 apic_base)
{
	finish();
	memset(fake_vmcs, 0x5a, sizeof(fake_vmcs));
	memset(page, 0, sizeof(page));
	memset(&v, 0, sizeof(v));
	memset(&h, 0, sizeof(h));
	apicv = NULL;
	strcpy(word, words);
	vmx_caps = full();
	vmx_apicv_init();
	vm.hvm = heap_alloc(NULL, sizeof(*vm.hvm), 0);
	vm.hvm->msr_bitmap = page; /* anything */
	CHECK_EQ(vmx_apicv_vm_create(&vm), 0);
	lapic = (struct vlapic){ .page = page, .vcpu = &v };
	v = (struct vcpu){ .vm = &vm, .index = 1, .lapic = &lapic, .hvm = &h, .port = &vm.ports[1] };
	v.apic_base = apic_base;
	h.controls.proc2 = 0xe2;
	here = 3;
	x2apic_host = true;
	current = NULL;
	ipis = requests = warnings = 0;
	vm.ports[1].requests = 0;
	if (apicv)
		apicv->refresh(&v);
	vmx_apicv_construct(&v);
	vmx_apicv_load(&v);
}

TEST(off)
{
	start("off", VAPIC_ON);
	CHECK(!apicv && !lapic.hw && !h.tpr);
	CHECK_EQ(fake_vmcs[F_PIN], 0x3f);
	CHECK_EQ(fake_vmcs[F_PROC2], 0xe2);
	CHECK_EQ(fake_vmcs[F_BITMAP], (u64)vm.hvm->msr_bitmap);
	CHECK(!vm.hvm->posted && !vm.hvm->access_page && !vm.hvm->x2apic_bitmap);
	finish();
}

TEST(construct)
{
	start("", VAPIC_ON);
	CHECK(apicv && lapic.hw && !h.tpr);
	CHECK_EQ(fake_vmcs[F_PIN], 0xbf);
	CHECK_EQ(fake_vmcs[F_PROC2], 0x3e3);
	CHECK_EQ(fake_vmcs[F_VAPIC], (u64)page);
	CHECK_EQ(fake_vmcs[F_ACCESS], (u64)vm.hvm->access_page);
	CHECK_EQ(mapped_gpa, 0xfee00000);
	CHECK_EQ(fake_vmcs[F_VECTOR], 0xf1);
	CHECK_EQ(fake_vmcs[F_DESC], (u64)&vm.hvm->posted[1]);
	CHECK_EQ(fake_vmcs[F_DESC] % 64, 0);
	CHECK_EQ(fake_vmcs[F_STATUS], 0);
	for (u32 i = 0; i < 4; i++)
		CHECK_EQ(fake_vmcs[F_EOI_EXIT + 2 * i], 0);
	CHECK_EQ(vm.hvm->posted[1].control, 3ull << 32 | 0xf1ull << 16);
	/* The TPR shadow is all there is. */
	start("-xapic,-x2apic", VAPIC_ON);
	CHECK(!apicv && !lapic.hw);
	CHECK(h.tpr == page + 0x80);
	finish();
}

static void set_mode(u64 base)
{
	v.apic_base = base;
	apicv->refresh(&v);
	CHECK(h.pending & VMX_APIC);
	h.pending = 0;
	vmx_apicv_follow(&v);
}

TEST(transitions)
{
	start("", VAPIC_ON);
	page[LAPIC_ISR + 0x20] = 4; /* 0x42 */
	page[LAPIC_IRR + 0x20] = 2;
	set_mode(VAPIC_X2);
	CHECK(lapic.hw && h.posted);
	CHECK_EQ(fake_vmcs[F_PROC2], 0x3f2);
	CHECK_EQ(fake_vmcs[F_BITMAP], (u64)vm.hvm->x2apic_bitmap);
	CHECK_EQ(fake_vmcs[F_STATUS], 0x4241);
	isr_changes = 0;
	set_mode(VAPIC_OFF);
	CHECK(!lapic.hw && !h.posted && isr_changes == 1);
	CHECK_EQ(fake_vmcs[F_PIN], 0x3f);
	CHECK_EQ(fake_vmcs[F_PROC2], 0xe2);
	CHECK_EQ(fake_vmcs[F_BITMAP], (u64)vm.hvm->msr_bitmap);
	CHECK_EQ(vm.hvm->posted[1].control & PID_SN, PID_SN);
	CHECK(h.tpr == page + 0x80);
	set_mode(VAPIC_ON);
	CHECK(lapic.hw && h.posted && !h.tpr);
	CHECK_EQ(vm.hvm->posted[1].control & PID_SN, 0);
	CHECK_EQ(fake_vmcs[F_PROC2], 0x3e3);
	finish();
}

/* Where it is, who posts notifies; else its thread is asked to look. */
TEST(posting)
{
	start("", VAPIC_X2);
	apicv->post(&v, 0x51, false);
	CHECK_EQ(ipis, 1);
	CHECK_EQ(ipi_to, 3);
	apicv->post(&v, 0x52, false);
	CHECK_EQ(ipis, 1);
	apicv->sync(&v);
	CHECK_EQ(highest(LAPIC_IRR), 0x52);
	CHECK_EQ(fake_vmcs[F_STATUS], 0x52);
	apicv->sleep(&v, true);
	CHECK(!v.recheck);
	apicv->post(&v, 0x53, false);
	CHECK_EQ(ipis, 1);
	CHECK_EQ(requests, 1);
	v.activity = ACTIVITY_HALTED;
	apicv->sync(&v);
	CHECK_EQ(highest(LAPIC_IRR), 0x53);
	CHECK_EQ(fake_vmcs[F_STATUS], 0x52);
	v.activity = ACTIVITY_RUNS;
	apicv->sleep(&v, false);
	apicv->sync(&v);
	CHECK_EQ(fake_vmcs[F_STATUS], 0x53);
	/* On its way out something was posted: it looks when it comes back. */
	apicv->post(&v, 0x54, false);
	vmx_apicv_put(&v);
	CHECK(v.recheck);
	here = 9;
	x2apic_host = false;
	vmx_apicv_load(&v);
	apicv->sync(&v);
	apicv->post(&v, 0x55, false);
	CHECK_EQ(ipi_to, 9);
	CHECK_EQ(vm.hvm->posted[1].control >> 32, 9 << 8);
	finish();
	/* Without notifications each post asks the thread. */
	start("-posted", VAPIC_X2);
	CHECK(lapic.hw);
	apicv->post(&v, 0x51, false);
	CHECK_EQ(requests, 1);
	CHECK_EQ(ipis, 0);
	apicv->sync(&v);
	CHECK_EQ(fake_vmcs[F_STATUS], 0x51);
	finish();
}

/* The notification came while no guest ran: the thread that is there looks. */
TEST(notified_on_the_host)
{
	start("", VAPIC_X2);
	notified();
	thread = (struct thread){ .data = &vm.ports[1] };
	current = &thread;
	notified();
	CHECK_EQ(vm.ports[1].requests, 0); /* not a vCPU's */
	thread.ops = &build_vcpu_thread_ops;
	notified();
	CHECK_EQ(vm.ports[1].requests, REQ_EVENT);
	finish();
}

/* EOIs of level-triggered vectors exit: TMR is the bitmap, and a vector is not there before its bit is. */
TEST(eoi_exits)
{
	start("", VAPIC_X2);
	page[LAPIC_TMR + 0x20] = 2; /* 0x41 */
	apicv->post(&v, 0x41, true);
	CHECK_EQ(vm.hvm->posted[1].pir[1], 0);
	CHECK_EQ(ipis, 0);
	CHECK_EQ(requests, 1);
	apicv->sync(&v);
	CHECK_EQ(fake_vmcs[F_EOI_EXIT + 2], 2);
	CHECK_EQ(highest(LAPIC_IRR), 0x41);
	CHECK_EQ(fake_vmcs[F_STATUS] & 0xff, 0x41);
	/* Now it is. */
	apicv->post(&v, 0x41, true);
	CHECK_EQ(vm.hvm->posted[1].pir[1], 2);
	CHECK_EQ(ipis, 1);
	/* By edge again. */
	page[LAPIC_TMR + 0x20] = 0;
	page[LAPIC_TMR + 0x70] = 1; /* 0xe0 */
	apicv->sync(&v);
	CHECK_EQ(fake_vmcs[F_EOI_EXIT + 2], 0);
	CHECK_EQ(fake_vmcs[F_EOI_EXIT + 6], 1ull << 32);
	/* RVI goes down, too; SVI stays. */
	fake_vmcs[F_STATUS] = 0x3041;
	memset(page + LAPIC_IRR, 0, 0x80);
	apicv->sync(&v);
	CHECK_EQ(fake_vmcs[F_STATUS], 0x3000);
	finish();
}
