#include "tests/host/fake_vmx_apicv.h"

#include <stdlib.h>
#include <string.h>

#include "arch/lapic.h"
#include "core/cmdline.h"
#include "core/log.h"
#include "core/timer.h"
#include "lib/errno.h"
#include "ept/s2.h"
#include "mm/heap.h"
#include "mm/page.h"
#include "vm/build.h"
#include "vm/cpuid.h"
#include "vm/msr.h"

u64 fake_vmcs[FAKE_VMCS_FIELDS];
struct vmx_caps vmx_caps;
static const struct thread_ops vcpu_ops;
const struct thread_ops *build_vcpu_thread_ops = &vcpu_ops;
const struct msr_pass msr_pass_list[] = { { 0x10, true, false } };
const size_t msr_pass_count = ARRAY_LEN(msr_pass_list);

struct vm vm;
static struct cpuid_table cpuid_table;
struct vcpu v;
struct hvm_vcpu h;
struct vlapic lapic;
u8 page[4096] __aligned(4096);
u32 ipis, ipi_to, warnings, requests, isr_changes, host_id;
bool x2apic_host;
char word[64];
struct thread *current;
u64 mapped_gpa;
void (*while_mapping)(void);

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
	size = (size + 4095) & ~4095ull;
	return memset(aligned_alloc(4096, size), 0, size);
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

static void interrupt_mapping(void)
{
	void (*other)(void) = while_mapping;

	while_mapping = NULL;
	if (other)
		other();
}

int s2_map(struct s2 *s2, gpa_t gpa, paddr_t pa, u64 len, u32 prot)
{
	CHECK_EQ(len, 4096);
	CHECK_EQ(pa.v, (u64)vm.hvm->access_page);
	CHECK_EQ(prot, PTAB_R | PTAB_W);
	if (mapped_gpa)
		return -EEXIST;
	interrupt_mapping();
	mapped_gpa = gpa.v;
	return 0;
}

int s2_unmap(struct s2 *s2, gpa_t gpa, u64 len)
{
	CHECK_EQ(len, 4096);
	CHECK_EQ(gpa.v, 0xfee00000);
	interrupt_mapping();
	mapped_gpa = 0;
	return 0;
}

u32 lapic_id(void)
{
	return host_id;
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

int highest(u32 array)
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

void vlapic_isr_changed(struct vlapic *l)
{
	isr_changes++;
}

struct vmx_caps full(void)
{
	return (struct vmx_caps){ .pin_may = 0xff,
				  .proc_may = 0xfff9fffe,
				  .proc2_may = 0x1ffcff | 0x300,
				  .base = { .pin = 0x3f, .proc2 = 0xe2 } };
}

struct vmx_caps fourth(void)
{
	struct vmx_caps caps = full();

	caps.proc_may |= 1 << 17;
	caps.msrs.proc3 = 1 << 4;
	return caps;
}

void finish(void)
{
	if (!vm.hvm)
		return;
	vmx_apicv_vm_destroy(&vm);
	heap_free(NULL, vm.hvm);
	vm.hvm = NULL;
}

void start_on(struct vmx_caps caps, const char *words, u64 apic_base)
{
	finish();
	memset(fake_vmcs, 0x5a, sizeof(fake_vmcs));
	memset(page, 0, sizeof(page));
	memset(&v, 0, sizeof(v));
	memset(&h, 0, sizeof(h));
	mapped_gpa = 0;
	fake_cpus_clear();
	cpus = 2;
	apicv = NULL;
	strcpy(word, words);
	vmx_caps = caps;
	vmx_apicv_init();
	vm.hvm = heap_alloc(NULL, sizeof(*vm.hvm), 0);
	vm.hvm->msr_bitmap = page; /* anything */
	vm.cpuid = &cpuid_table;
	CHECK_EQ(vmx_apicv_vm_create(&vm), 0);
	lapic = (struct vlapic){ .page = page, .vcpu = &v };
	v = (struct vcpu){ .vm = &vm, .index = 1, .lapic = &lapic, .hvm = &h, .port = &vm.ports[1] };
	v.apic_base = apic_base;
	v.apic_id = 5;
	h.controls.proc2 = 0xe2;
	host_id = 3;
	this = 0;
	x2apic_host = true;
	current = NULL;
	ipis = requests = warnings = 0;
	vm.ports[1].requests = 0;
	if (apicv)
		apicv->refresh(&v);
	vmx_apicv_construct(&v);
	vmx_apicv_load(&v);
}

void start(const char *words, u64 apic_base)
{
	start_on(full(), words, apic_base);
}

void set_mode(u64 base)
{
	v.apic_base = base;
	apicv->refresh(&v);
	CHECK(h.pending & VMX_APIC);
	h.pending = 0;
	vmx_apicv_follow(&v);
}
