/*
 * vm/trace.h: records come whole, in order and once; what was overwritten is counted, also while the reader reads; all
 * rings in the order of time; who is traced, and for what.
 *
 * sources: vm/trace.c
 * flags: -pthread -include tests/host/fake_cpu.h
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "mm/heap.h"
#include "tests/host/harness.h"
#include "vm/hvm.h"
#include "vm/trace.h"
#include "vm/vcpu.h"

#define CPUS 3u

static __thread u32 here;
static u64 tsc;
static bool no_memory;
static u32 blocks;
static struct vm vm;
static struct vcpu v;

u64 fake_rdtsc(void)
{
	return tsc;
}

u32 cpu_id(void)
{
	return here;
}

u32 cpu_count(void)
{
	return CPUS;
}

void *kalloc(size_t size)
{
	blocks++;
	return no_memory ? NULL : calloc(1, size);
}

void kfree(void *p)
{
	free(p);
}

void vcpu_need(struct vcpu *c, u32 groups)
{
	abort(); /* it is all there */
}

/* --- one ring ------------------------------------------------------------------------------------------ */

static struct trace_ring ring;

static void put(u64 n)
{
	const struct trace_record r = {
		.tsc = n, .a = n * 3, .b = ~n, .vm = (u32)n, .vcpu = (u16)n, .sub = (u8)n
	};

	trace_ring_put(&ring, &r);
}

static bool is_record(const struct trace_record *r, u64 n)
{
	return r->tsc == n && r->a == n * 3 && r->b == ~n && r->vm == (u32)n && r->vcpu == (u16)n &&
	       r->sub == (u8)n;
}

TEST(one_by_one)
{
	struct trace_cursor c = { 0 };
	struct trace_record r;

	for (u64 n = 0; n < 3 * TRACE_RING_RECORDS; n++) {
		CHECK(!trace_ring_next(&ring, &c, &r));
		put(n);
		CHECK(trace_ring_next(&ring, &c, &r) && is_record(&r, n));
	}
	CHECK_EQ(c.lost, 0);
}

/* So many are put before it reads: it has the last, and knows of all others. */
static void behind(u64 count)
{
	u64 kept = MIN(count, TRACE_RING_RECORDS), n = 0;
	struct trace_cursor c = { 0 };
	struct trace_record r;

	memset(&ring, 0, sizeof(ring));
	for (u64 i = 0; i < count; i++)
		put(i);
	while (trace_ring_next(&ring, &c, &r))
		CHECK(is_record(&r, count - kept + n++));
	CHECK_EQ(n, kept);
	CHECK_EQ(c.lost, count - kept);
}

TEST(wrap)
{
	behind(0);
	behind(1);
	behind(TRACE_RING_RECORDS - 1);
	behind(TRACE_RING_RECORDS);
	behind(TRACE_RING_RECORDS + 1);
	behind(5 * TRACE_RING_RECORDS + 7);
}

/* An interrupt amid a record's writing: the reader waits for the first one. */
TEST(one_is_being_written)
{
	struct trace_cursor c = { 0 };
	struct trace_record r;

	memset(&ring, 0, sizeof(ring));
	ring.head = 1;
	put(1);
	CHECK(!trace_ring_next(&ring, &c, &r));
	ring.slots[0].seq = 1;
	CHECK(trace_ring_next(&ring, &c, &r));
	CHECK(trace_ring_next(&ring, &c, &r) && is_record(&r, 1));
	CHECK_EQ(c.lost, 0);
}

#define MANY 2000000ULL

static void *writer(void *arg)
{
	for (u64 n = 0; n < MANY; n++)
		put(n);
	return arg;
}

TEST(reads_while_it_is_written)
{
	struct trace_cursor c = { 0 };
	u64 got = 0, bad = 0, last = 0;
	struct trace_record r = { 0 };
	pthread_t thread;

	memset(&ring, 0, sizeof(ring));
	pthread_create(&thread, NULL, writer, NULL);
	while (last != MANY - 1) {
		if (!trace_ring_next(&ring, &c, &r))
			continue;
		bad += !is_record(&r, r.tsc) || (got && r.tsc <= last);
		last = r.tsc;
		got++;
	}
	pthread_join(thread, NULL);
	CHECK_EQ(bad, 0);
	CHECK_EQ(got + c.lost, MANY);
}

/* --- all of them ------------------------------------------------------------------------------------------ */

static struct trace_reader reader;

/* An event of vCPU index on that CPU at that time. */
static void event(u32 cpu, u32 index, u64 when)
{
	here = cpu;
	tsc = when;
	trace(&vm.ports[index], TRACE_POST, (u8)when, 0, 0);
}

static void expect(u32 cpu, u32 index, u64 when)
{
	struct trace_record r;
	u32 from = CPUS;

	CHECK(trace_read(&reader, &r, &from));
	CHECK_EQ(from, cpu);
	CHECK_EQ(r.tsc, when);
	CHECK_EQ(r.kind, TRACE_POST);
	CHECK_EQ(r.sub, when);
	CHECK_EQ(r.vm, 7);
	CHECK_EQ(r.vcpu, index);
}

static void expect_none(void)
{
	struct trace_record r;
	u32 cpu;

	CHECK(!trace_read(&reader, &r, &cpu));
}

static void setup(void)
{
	vm.number = 7;
	vm.vcpu_count = 2;
	for (u32 i = 0; i < 2; i++) {
		vm.ports[i].vm = &vm;
		vm.ports[i].index = i;
	}
}

TEST(off)
{
	setup();
	event(0, 0, 1); /* there are no rings */
	trace_reader_init(&reader, false);
	expect_none();
	no_memory = true;
	CHECK(trace_start(&vm, TRACE_EVERY, TRACE_ALL));
	CHECK_EQ(vm.ports[0].trace | vm.ports[1].trace, 0);
	CHECK(!vm.ports[0].traced);
	no_memory = false;
	event(0, 0, 2);
	expect_none();
}

TEST(in_the_order_of_time)
{
	setup();
	blocks = 0;
	CHECK(!trace_start(&vm, TRACE_EVERY, TRACE_ALL));
	CHECK_EQ(blocks, CPUS);
	trace_reader_init(&reader, true);
	event(2, 0, 10);
	event(0, 1, 11);
	event(1, 1, 9);
	event(2, 1, 12);
	expect(1, 1, 9);
	expect(2, 0, 10);
	expect(0, 1, 11);
	event(0, 0, 13);
	expect(2, 1, 12);
	expect(0, 0, 13);
	expect_none();
	CHECK_EQ(trace_lost(&reader), 0);
	CHECK(!trace_start(&vm, TRACE_EVERY, TRACE_ALL));
	CHECK_EQ(blocks, CPUS);
}

TEST(who_and_what)
{
	setup();
	CHECK(!trace_start(&vm, 1, 1u << TRACE_POST));
	trace_reader_init(&reader, true);
	CHECK(vm.ports[1].traced && !vm.ports[0].traced);
	event(0, 0, 20);
	event(0, 1, 21);
	trace(&vm.ports[1], TRACE_KICK, 0, 0, 0);
	expect(0, 1, 21);
	expect_none();
	CHECK(!trace_start(&vm, 1, TRACE_ALL & ~(1u << TRACE_POST)));
	event(0, 1, 22);
	expect_none();
	trace_stop(&vm);
	trace(&vm.ports[1], TRACE_KICK, 0, 0, 0);
	expect_none();
}

/* Who reads what was there before gets at most a ring of each; that is no loss. */
TEST(from_the_start)
{
	setup();
	CHECK(!trace_start(&vm, TRACE_EVERY, TRACE_ALL));
	for (u64 n = 0; n < 2 * TRACE_RING_RECORDS; n++)
		event(1, 0, n);
	trace_reader_init(&reader, false);
	for (u64 n = 0; n < TRACE_RING_RECORDS; n++) {
		struct trace_record r;
		u32 cpu = 0;

		while (trace_read(&reader, &r, &cpu) && cpu != 1)
			;
		CHECK_EQ(r.tsc, TRACE_RING_RECORDS + n);
	}
	CHECK_EQ(trace_lost(&reader), 0);
}

static void exit_record(struct vm_exit e, u64 b)
{
	struct trace_record r;
	u32 cpu;

	v.exit_tsc = 0xfffffff0;
	tsc = 0x200000010ULL; /* 32 ticks later */
	trace_exit(&v, &e);
	CHECK(trace_read(&reader, &r, &cpu));
	CHECK_EQ(r.kind, TRACE_EXIT);
	CHECK_EQ(r.sub, e.kind);
	CHECK_EQ(r.tsc, 0x1fffffff0ULL);
	CHECK_EQ(r.a, 0x1234);
	CHECK_EQ(r.b, b);
}

/* Of registers RIP and the number of an MSR alone are recorded. */
TEST(exits)
{
	struct trace_record r;
	u32 cpu;

	setup();
	v = (struct vcpu){ .port = &vm.ports[0], .valid = RG_RIP };
	memset(v.regs.gpr, 0x5e, sizeof(v.regs.gpr)); /* secrets */
	v.regs.gpr[GPR_RCX] = 0xffffffff00000834ULL;
	v.regs.rip = 0x1234;
	here = 0;
	CHECK(!trace_start(&vm, TRACE_EVERY, TRACE_ALL));
	trace_reader_init(&reader, true);
	exit_record((struct vm_exit){ .kind = EXIT_CPUID }, 0);
	exit_record((struct vm_exit){ .kind = EXIT_HYPERCALL }, 0);
	exit_record((struct vm_exit){ .kind = EXIT_PORT, .port = { 0x3f8, 1, true } }, 0x10103f8);
	exit_record((struct vm_exit){ .kind = EXIT_MSR, .msr = { true } }, 0x100000834);
	exit_record((struct vm_exit){ .kind = EXIT_CR,
				      .cr = { .cr = 4, .write = true, .value = 77 } },
		    0x104);
	exit_record((struct vm_exit){ .kind = EXIT_EXCEPTION,
				      .exception = { .vector = 17, .error = 9 } },
		    17);
	exit_record((struct vm_exit){ .kind = EXIT_S2,
				      .s2 = { .gpa = GPA(0xfec00010),
					      .write = true,
					      .delivery = true } },
		    0xfec00010);
	CHECK(trace_read(&reader, &r, &cpu));
	CHECK_EQ(r.kind, TRACE_FAULT);
	CHECK_EQ(r.a, 0xfec00010);
	CHECK_EQ(r.b, TRACE_WRITE | TRACE_DELIVERY);
	expect_none();
	trace_stop(&vm);
}
