/*
 * What virtual devices need of the hypervisor, for host tests (see fake_vm.h).
 */
#include "tests/host/fake_vm.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "tests/host/harness.h"
#include "vm/exitstat.h"
#include "vm/gmem.h"
#include "vm/state.h"
#include "vm/vdev.h"
#include "vm/vtimer.h"

struct fake_line fake_lines[VM_GSI_COUNT];
u64 fake_now, fake_wall, fake_low_ram, fake_high_ram;
u32 fake_stops, fake_stop_reason, fake_locks_held, fake_log_lines;
u8 fake_memory[1 << 20];

static struct vm *vm;
static struct list timers = LIST_INIT(timers);

#define MAX_BLOCKS 64
static void *blocks[MAX_BLOCKS];
static u32 block_count;

void *heap_alloc(struct heap *h, size_t size, size_t align)
{
	if (align < 16)
		align = 16;

	void *p = aligned_alloc(align, ALIGN_UP(size, align));

	if (!p || block_count == MAX_BLOCKS)
		abort();
	blocks[block_count++] = p;
	return memset(p, 0, size);
}

void heap_free(struct heap *h, void *p)
{
	abort(); /* devices free nothing */
}

void spin_init(struct spinlock *l, enum lock_rank rank, const char *name)
{
	*l = (struct spinlock){ .rank = rank, .name = name };
}

/* Not recursive, and in rising rank; a lock's `serving` says here that it is held. */
static u8 ranks[16];

void spin_lock(struct spinlock *l)
{
	if (l->serving || fake_locks_held == sizeof(ranks) ||
	    (fake_locks_held && ranks[fake_locks_held - 1] >= l->rank))
		abort();
	l->serving = 1;
	ranks[fake_locks_held++] = l->rank;
}

void spin_unlock(struct spinlock *l)
{
	if (!l->serving)
		abort();
	l->serving = 0;
	fake_locks_held--;
}

u64 spin_lock_irq(struct spinlock *l)
{
	spin_lock(l);
	return 0;
}

void spin_unlock_irq(struct spinlock *l, u64 flags)
{
	spin_unlock(l);
}

/* Loading broken streams would log thousands of lines: shown only to who asks. */
void log_printf(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	fake_log_lines++;
	if (!getenv("PLINTH_TEST_LOG"))
		return;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
}

u64 vm_time_ns(const struct vm *v)
{
	return fake_now;
}

u64 clock_wall_s(void)
{
	return fake_wall;
}

u64 vm_low_ram(const struct vm *v)
{
	return fake_low_ram;
}

u64 vm_high_ram(const struct vm *v)
{
	return fake_high_ram;
}

void vm_stop(struct vm *v, enum stop_reason why, const char *fmt, ...)
{
	fake_stops++;
	fake_stop_reason = why;
}

/* Weak: a test may link vm/irq.c. */
__weak void vm_irq_line(struct vm *v, u32 gsi, bool level)
{
	struct fake_line *l;

	if (gsi >= VM_GSI_COUNT)
		abort();
	l = &fake_lines[gsi];
	l->calls++;
	l->rises += level && !l->level;
	l->level = level;
}

int gmem_write(struct vm *v, gpa_t gpa, const void *src, size_t n)
{
	if (gpa.v > sizeof(fake_memory) || n > sizeof(fake_memory) - gpa.v)
		return -EFAULT;
	memcpy(fake_memory + gpa.v, src, n);
	return 0;
}

void vtimer_init_dev(struct vtimer *t, struct vdev *dev, void (*fn)(struct vtimer *t))
{
	list_init(&t->node);
	t->dev = dev;
	t->fn = fn;
	t->armed = false;
}

void vtimer_arm(struct vtimer *t, u64 deadline_ns)
{
	struct list *pos = &timers;

	list_del(&t->node);
	t->deadline_ns = deadline_ns;
	t->armed = true;
	list_for_each(node, &timers) {
		if (list_entry(node, struct vtimer, node)->deadline_ns > deadline_ns) {
			pos = node;
			break;
		}
	}
	list_insert_before(pos, &t->node);
}

void vtimer_cancel(struct vtimer *t)
{
	t->armed = false;
	list_del(&t->node);
}

u64 fake_deadline(void)
{
	return list_empty(&timers) ? ~0ULL :
				     list_entry(timers.next, struct vtimer, node)->deadline_ns;
}

/* Calls what has expired at `end`, each at its time, or when the clock says later already. */
static u32 run_until(u64 end)
{
	u32 calls = 0;

	while (fake_deadline() <= end) {
		struct vtimer *t = list_entry(timers.next, struct vtimer, node);

		fake_now = MAX(fake_now, t->deadline_ns);
		vtimer_cancel(t);
		if (t->dev)
			spin_lock(&t->dev->lock);
		t->fn(t);
		if (t->dev)
			spin_unlock(&t->dev->lock);
		if (++calls == 1000000)
			abort(); /* a timer that always arms itself for now */
	}
	return calls;
}

u32 fake_advance(u64 ns)
{
	u64 end = fake_now + ns;
	u32 calls = run_until(end);

	fake_now = end;
	return calls;
}

u32 fake_late(u64 ns)
{
	fake_now += ns;
	return run_until(fake_now);
}

struct vm *fake_vm_new(const struct domain *cfg)
{
	while (block_count)
		free(blocks[--block_count]);
	list_init(&timers);
	memset(fake_lines, 0, sizeof(fake_lines));
	memset(fake_memory, 0, sizeof(fake_memory));
	fake_now = 0;
	fake_wall = 0;
	fake_stops = 0;
	fake_stop_reason = STOP_NONE;
	fake_locks_held = 0;
	fake_log_lines = 0;
	fake_low_ram = 512 * MIB;
	fake_high_ram = 0;

	vm = heap_alloc(NULL, sizeof(*vm), 0);
	list_init(&vm->devices);
	vm->bus = heap_alloc(NULL, sizeof(*vm->bus), 0);
	vm->vcpu_count = 1;
	vm->ports[0].stats = heap_alloc(NULL, sizeof(*vm->ports[0].stats), 0);
	vm->topology = (struct topology){ 1, 1, 1, 1, 0, 0, 0, { 0 } };
	for (u32 i = 0; i < TOPOLOGY_IDS; i++)
		vm->topology.vcpu_of[i] = (u8)i;
	if (cfg)
		vm->cfg = *cfg;
	else
		vm->cfg = (struct domain){ .acpi = true, .apic = true, .serials = 1, .vcpus = 1 };
	for (u32 i = 0; i < VM_MAX_SERIALS; i++)
		chardev_init(&vm->serial[i], "serial");
	return vm;
}

struct vm *fake_vm_with(int (*create)(struct vm *vm, const struct domain *cfg),
			const struct domain *cfg)
{
	fake_vm_new(cfg);
	CHECK_EQ(create(vm, &vm->cfg), 0);
	vdev_reset_all(vm);
	return vm;
}

static u64 io(enum io_space space, u64 addr, u32 size, bool write, u64 value)
{
	struct io_access a = { .size = (u8)size, .write = write, .value = value };

	iobus_access(vm->bus, space, addr, &a);
	return a.value;
}

u64 fake_in(u32 port, u32 size)
{
	return io(IO_PORT, port, size, false, 0x5a5a5a5a5a5a5a5aULL);
}

void fake_out(u32 port, u32 size, u64 value)
{
	io(IO_PORT, port, size, true, value);
}

long fake_save(void *buf, size_t cap)
{
	struct state s;

	state_init_save(&s, buf, cap);
	vdev_state_all(vm, &s);
	return state_result(&s) ? state_result(&s) : (long)state_size(&s);
}

int fake_load(const void *buf, size_t len)
{
	struct state s;
	u8 *copy =
		malloc(len ? len : 1); /* of exact size, so that reading past its end is caught */

	memcpy(copy, buf, len);
	state_init_load(&s, copy, len);
	vdev_state_all(vm, &s);
	free(copy);
	return state_result(&s);
}

static u32 random32(void)
{
	static u64 seed = 88172645463325252ULL; /* xorshift64: the same numbers in each run */

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (u32)(seed >> 16);
}

/* Does to each claimed range what a guest might. */
static void poke(u32 times)
{
	for (u32 space = 0; space < IO_SPACES; space++) {
		for (u32 i = 0; i < vm->bus->count[space]; i++) {
			const struct io_range *r = &vm->bus->ranges[space][i];

			for (u32 n = 0; n < times; n++) {
				u64 value = (u64)random32() << 32 | random32();

				io(space, r->base + random32() % r->len, 1u << random32() % 4,
				   random32() & 1, value);
			}
		}
	}
}

void fake_state_torture(void)
{
	static const u8 flips[] = { 0x01, 0x80, 0xff };
	u8 good[8192], bad[8192], again[8192];
	long len = fake_save(good, sizeof(good));
	u64 now = fake_now;

	CHECK(len > 0);
	if (len <= 0)
		return;
	CHECK_EQ(fake_save(again, (size_t)len - 1), -ENOSPC);
	for (long n = 0; n < len; n++)
		CHECK(fake_load(good, (size_t)n) < 0);
	for (u32 i = 0; i < ARRAY_LEN(flips) * (u32)len; i++) {
		memcpy(bad, good, (size_t)len);
		bad[i / ARRAY_LEN(flips)] ^= flips[i % ARRAY_LEN(flips)];
		fake_load(bad, (size_t)len);
		poke(4);
		fake_advance(random32() % 20000000);
	}
	list_for_each(node, &timers)
		CHECK(list_entry(node, struct vtimer, node)->deadline_ns >= fake_now);
	fake_now = now;
	CHECK_EQ(fake_load(good, (size_t)len), 0);
	CHECK_EQ(fake_save(again, sizeof(again)), len);
	CHECK(!memcmp(good, again, (size_t)len));
	poke(2000);
	fake_advance(10000000000ULL);
	CHECK_EQ(fake_locks_held, 0);
}
