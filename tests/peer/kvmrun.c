/*
 * Runs one guest on /dev/kvm: the peer that `make bench` measures beside Plinth. Interrupt controllers and PIT are
 * KVM's own. Prints what the guest prints, then "exits VCPU NAME COUNT" for what KVM has counted.
 *
 * usage: kvmrun [-m MIB] [-n VCPUS] [-c CPUS] [-e TEXT] [-t] [-2] [-k -i INITRD -w WORDS -a TABLES] IMAGE
 *   -c N    vCPU i runs on CPU i modulo N; default 1
 *   -e TEXT the guest ends behind a line with that text
 *   -t      the guest's memory is touched before it starts;  -2  it is made of pages of 2 MiB
 *   -k      IMAGE is a bzImage; -i, -w, -a: its initrd, its words, its ACPI tables
 */
#define _GNU_SOURCE
#include "tests/peer/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_VCPUS    4
#define CPUID_MAX    100
#define LIMIT_S      100 /* then it is given up */
#define HUGE         (2u << 20)
#define TSS_ADDR     0xfffbd000u
#define IDENTITY_MAP 0xfffbc000u
#define MSR_TSC      0x10
#define ECX_X2APIC   (1u << 21)
#define ECX_DEADLINE (1u << 24)
#define ECX_GUEST    (1u << 31)
#define EDX_HTT      (1u << 28)

/* Where Plinth's loaders put them (vm/loader.c, vm/loader.h). */
#define GDT    0x500u
#define TABLES 0x9000u

static struct {
	int kvm, vm, vcpu[MAX_VCPUS], counters[MAX_VCPUS];
	struct kvm_run *run[MAX_VCPUS];
	struct guest_memory mem;
	unsigned vcpus, cpus;
	bool touched, huge, linux_kernel;
	const char *image, *initrd, *words, *tables;
} guest = { .vcpus = 1, .cpus = 1, .mem.size = 64u << 20, .words = "" };

static pthread_mutex_t devices = PTHREAD_MUTEX_INITIALIZER;

void die(const char *what)
{
	device_flush();
	fprintf(stderr, "kvmrun: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int call(int fd, unsigned long request, void *arg, const char *what)
{
	int result = ioctl(fd, request, arg);

	if (result < 0)
		die(what);
	return result;
}

static void make_memory(void)
{
	struct kvm_userspace_memory_region slot = { .memory_size = guest.mem.size };
	char *all = mmap(NULL, guest.mem.size + HUGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (all == MAP_FAILED)
		die("memory");
	guest.mem.base = (uint8_t *)(((uintptr_t)all + HUGE - 1) & -(uintptr_t)HUGE);
	if (madvise(guest.mem.base, guest.mem.size, guest.huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
		die("madvise");
	if (guest.touched)
		memset(guest.mem.base, 1, guest.mem.size);
	memset(guest.mem.base, 0, 1u << 20);
	slot.userspace_addr = (uintptr_t)guest.mem.base;
	call(guest.vm, KVM_SET_USER_MEMORY_REGION, &slot, "memory slot");
}

static void make_vm(void)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	uint64_t map = IDENTITY_MAP;

	guest.kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (guest.kvm < 0)
		die("/dev/kvm");
	guest.vm = call(guest.kvm, KVM_CREATE_VM, NULL, "VM");
	ioctl(guest.vm, KVM_SET_TSS_ADDR, TSS_ADDR); /* Intel's alone has them */
	ioctl(guest.vm, KVM_SET_IDENTITY_MAP_ADDR, &map);
	call(guest.vm, KVM_CREATE_IRQCHIP, NULL, "interrupt controllers");
	call(guest.vm, KVM_CREATE_PIT2, &pit, "PIT");
	make_memory();
}

/* All that KVM offers, as one socket with a core for each vCPU. */
static void set_cpuid(unsigned n)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[CPUID_MAX];
	} id = { .head.nent = CPUID_MAX };

	call(guest.kvm, KVM_GET_SUPPORTED_CPUID, &id, "CPUID");
	for (unsigned i = 0; i < id.head.nent; i++) {
		struct kvm_cpuid_entry2 *e = &id.entries[i];

		if (e->function == 1) {
			e->ebx = (e->ebx & 0xffff) | guest.vcpus << 16 | n << 24;
			e->ecx |= ECX_X2APIC | ECX_DEADLINE | ECX_GUEST;
			e->edx = guest.vcpus > 1 ? e->edx | EDX_HTT : e->edx & ~EDX_HTT;
		} else if (e->function == 0xb || e->function == 0x1f) {
			e->edx = n;
		}
	}
	call(guest.vcpu[n], KVM_SET_CPUID2, &id, "set CPUID");
}

static void make_vcpu(unsigned n)
{
	int size = call(guest.kvm, KVM_GET_VCPU_MMAP_SIZE, NULL, "size of a vCPU");

	guest.vcpu[n] = ioctl(guest.vm, KVM_CREATE_VCPU, n);
	if (guest.vcpu[n] < 0)
		die("vCPU");
	guest.run[n] =
		mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, guest.vcpu[n], 0);
	if (guest.run[n] == MAP_FAILED)
		die("vCPU's page");
	set_cpuid(n);
	/* Later it would have to wait for the vCPU's thread. */
	guest.counters[n] = call(guest.vcpu[n], KVM_GET_STATS_FD, NULL, "counters");
}

/* As loader_enter64() has it. */
static void map_identity(void)
{
	uint64_t *pml4 = (uint64_t *)(guest.mem.base + TABLES);

	pml4[0] = (TABLES + 0x1000) | 3;
	for (uint64_t i = 0; i < 4; i++)
		pml4[512 + i] = (TABLES + 0x2000 + i * 0x1000) | 3;
	for (uint64_t i = 0; i < 4 * 512; i++)
		pml4[1024 + i] = i << 21 | 0x83;
}

static void enter_at(struct entry_point at)
{
	static const uint64_t gdt[4] = { 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff };
	struct kvm_segment data = {
		.limit = ~0u, .selector = 0x18, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1
	};
	struct kvm_segment code = {
		.limit = ~0u, .selector = 0x10, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1
	};
	struct kvm_regs regs = { .rip = at.rip, .rsp = at.rsp, .rsi = at.rsi, .rflags = 2 };
	struct kvm_sregs s;

	map_identity();
	memcpy(guest.mem.base + GDT, gdt, sizeof(gdt));
	call(guest.vcpu[0], KVM_GET_SREGS, &s, "registers");
	s.cs = code;
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.gdt.base = GDT;
	s.gdt.limit = sizeof(gdt) - 1;
	s.cr0 = 0x80000031; /* PG, NE, ET, PE */
	s.cr3 = TABLES;
	s.cr4 = 0x20;   /* PAE */
	s.efer = 0x500; /* LMA, LME */
	call(guest.vcpu[0], KVM_SET_SREGS, &s, "set registers");
	call(guest.vcpu[0], KVM_SET_REGS, &regs, "set registers");
}

/* What KVM has counted for that vCPU and is not 0. */
static void show_counters(unsigned n)
{
	int fd = guest.counters[n];
	struct kvm_stats_header head;
	char buffer[sizeof(struct kvm_stats_desc) + 256];
	struct kvm_stats_desc *d = (struct kvm_stats_desc *)buffer;

	if (pread(fd, &head, sizeof(head), 0) != sizeof(head) || head.name_size > 255)
		die("counters");
	for (unsigned i = 0; i < head.num_desc; i++) {
		size_t size = sizeof(*d) + head.name_size;
		uint64_t value;

		if (pread(fd, buffer, size, (off_t)(head.desc_offset + i * size)) !=
			    (ssize_t)size ||
		    d->size != 1)
			continue; /* a histogram */
		if (pread(fd, &value, 8, (off_t)(head.data_offset + d->offset)) == 8 && value)
			printf("exits %u %s %llu\n", n, d->name, (unsigned long long)value);
	}
}

static void finish(int status, const char *why)
{
	device_flush();
	printf("kvmrun: %s\n", why);
	for (unsigned n = 0; n < guest.vcpus; n++)
		show_counters(n);
	fflush(stdout);
	_exit(status);
}

static void give_up(int number)
{
	(void)number;
	finish(1, "the guest has not ended in time");
}

static void port_exit(struct kvm_run *r)
{
	uint8_t *data = (uint8_t *)r + r->io.data_offset;
	bool goes_on = true;

	pthread_mutex_lock(&devices);
	for (uint32_t i = 0; i < r->io.count && goes_on; i++, data += r->io.size)
		goes_on = device_port(guest.vm, r->io.port, r->io.direction == KVM_EXIT_IO_OUT,
				      r->io.size, data);
	if (!goes_on)
		finish(0, "the guest has ended");
	pthread_mutex_unlock(&devices);
}

static void *run_vcpu(void *arg)
{
	unsigned n = (unsigned)(uintptr_t)arg;
	struct kvm_run *r = guest.run[n];
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(n % guest.cpus, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("affinity");
	for (;;) {
		/* EAGAIN: it has been started by another, or not yet. */
		if (ioctl(guest.vcpu[n], KVM_RUN, NULL)) {
			if (errno != EINTR && errno != EAGAIN)
				die("run");
			continue;
		}
		switch (r->exit_reason) {
		case KVM_EXIT_IO:
			port_exit(r);
			break;
		case KVM_EXIT_MMIO: /* nothing is there */
			if (!r->mmio.is_write)
				memset(r->mmio.data, 0xff, sizeof(r->mmio.data));
			break;
		default:
			printf("kvmrun: vCPU %u: exit %u, %llx\n", n, r->exit_reason,
			       (unsigned long long)r->hw.hardware_exit_reason);
			finish(1, "the guest has failed");
		}
	}
}

/* The guest's TSC as it is when the first vCPU starts. */
static void show_tsc(void)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msr = { .head.nmsrs = 1, .entry.index = MSR_TSC };

	call(guest.vcpu[0], KVM_GET_MSRS, &msr, "TSC");
	printf("kvmrun: entered at TSC %llu\n", (unsigned long long)msr.entry.data);
	fflush(stdout);
}

static void parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "m:n:c:e:t2ki:w:a:")) != -1) {
		switch (option) {
		case 'm':
			guest.mem.size = strtoul(optarg, NULL, 10) << 20;
			break;
		case 'n':
			guest.vcpus = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'c':
			guest.cpus = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'e':
			device_end_at(optarg);
			break;
		case 't':
			guest.touched = true;
			break;
		case '2':
			guest.huge = true;
			break;
		case 'k':
			guest.linux_kernel = true;
			break;
		case 'i':
			guest.initrd = optarg;
			break;
		case 'w':
			guest.words = optarg;
			break;
		case 'a':
			guest.tables = optarg;
			break;
		default:
			exit(2);
		}
	}
	if (optind + 1 != argc || !guest.vcpus || guest.vcpus > MAX_VCPUS || !guest.cpus) {
		fputs("usage: kvmrun [option]... IMAGE\n", stderr);
		exit(2);
	}
	guest.image = argv[optind];
}

int main(int argc, char **argv)
{
	pthread_t thread;

	parse(argc, argv);
	signal(SIGALRM, give_up);
	alarm(LIMIT_S);
	make_vm();
	for (unsigned n = 0; n < guest.vcpus; n++)
		make_vcpu(n);
	enter_at(guest.linux_kernel ? load_linux(&guest.mem, guest.image, guest.initrd, guest.words,
						 guest.tables) :
				      load_flat(&guest.mem, guest.image));
	for (unsigned n = 1; n < guest.vcpus; n++) {
		if (pthread_create(&thread, NULL, run_vcpu, (void *)(uintptr_t)n))
			die("thread");
	}
	show_tsc();
	run_vcpu(NULL);
}
