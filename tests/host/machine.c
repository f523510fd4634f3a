/*
 * A machine that is fuzzed (see machine.h).
 */
#include "tests/host/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/msr.h"
#include "core/chardev.h"
#include "lib/hw/lapic.h"
#include "tests/host/fake_vcpu.h"
#include "vdev/vdevs.h"
#include "vm/irq.h"
#include "vm/lapic.h"
#include "vm/lapic_timer.h"
#include "vm/state.h"
#include "vm/vdev.h"

/* What one access, or one timer, may cause at most. */
#define LINES_PER_STEP  64u
#define LINES_PER_TIMER 4u
/* No timer of a guest is honoured more often. */
#define TIMER_MIN_NS    20000u
/* What a guest has asked for sooner comes so much later: until then a line is not what registers say. */
#define SETTLE_NS       50000u
#define TIMERS          11u
#define APIC_PAGE       0xfee00000u
#define WAIT_MAX        BIT(62)
/* A section of a state stream (vm/state.c). */
#define TAG_SECTION     0x53

static int (*const creators[])(struct vm *vm, const struct domain *cfg) = {
	pic_create,  ioapic_create,  pit_create,  rtc_create,      i8042_create,
	uart_create, acpi_pm_create, hpet_create, pci_host_create,
};
static_assert(ARRAY_LEN(creators) + 1 == MACHINE_DEVICES, "the local APIC is the first");

static struct vm *vm;
static struct vlapic *apic;
static struct vdev listener; /* hears the interrupt lines, as the controllers do */
static u32 levels, line_calls;
static bool whole; /* all devices, together */

static void listen(struct vdev *dev, u32 gsi, bool level)
{
	CHECK(gsi < VM_GSI_COUNT);
	line_calls++;
	levels = level ? levels | 1u << gsi : levels & ~(1u << gsi);
}

void machine_new(u32 which)
{
	struct domain cfg = {
		.acpi = true, .apic = true, .serials = 3, .vcpus = 1, .timers = 1u << TIMER_HPET
	};
	const struct irqchip chip = { .line = listen, .dev = &listener };

	/* Alone a timer does other than it would by itself. */
	if (which < MACHINE_DEVICES) {
		cfg.ticks[TIMER_PIT] = TICK_DELAY;
		cfg.ticks[TIMER_RTC] = TICK_CATCHUP;
	}
	fake_vcpu_new();
	vm = fake_vm;
	vm->cfg = cfg;
	fake_wall = 1790000000;
	fake_tsc = 0;
	levels = 0;
	whole = which >= MACHINE_DEVICES;
	CHECK_EQ(vm_irqs_create(vm), 0);
	CHECK_EQ(vlapic_create(fake_vcpu), 0);
	apic = fake_vcpu->lapic;
	CHECK_EQ(vm_irqchip_add(vm, &chip), 0);
	for (u32 i = 0; i < ARRAY_LEN(creators); i++) {
		if (whole || which == i + 1)
			CHECK_EQ(creators[i](vm, &cfg), 0);
	}
	vdev_reset_all(vm);
}

/* --- state ---------------------------------------------------------------------------------------- */

__weak void machine_cpu_state(struct state *s)
{
	vlapic_state(apic, s);
}

size_t machine_save(u8 *buf)
{
	struct state s;

	state_init_save(&s, buf, MACHINE_STREAM_MAX);
	machine_cpu_state(&s);
	vdev_state_all(vm, &s);
	CHECK_EQ(state_result(&s), 0);
	return state_size(&s);
}

int machine_load(const u8 *buf, size_t size)
{
	u8 *copy = fuzz_copy(buf, size);
	struct state s;

	state_init_load(&s, copy, size);
	machine_cpu_state(&s);
	vdev_state_all(vm, &s);
	free(copy);
	return state_result(&s);
}

/*
 * Loading lets a UART take what waits for it, and send what waits in it: so nothing does, and there is
 * no room.
 */
static void serials_settle(void)
{
	static u8 bytes[CHARDEV_RING_SIZE];

	for (u32 i = 0; i < VM_MAX_SERIALS; i++) {
		chardev_guest_read(&vm->serial[i], bytes, sizeof(bytes));
		chardev_guest_write(&vm->serial[i], bytes, sizeof(bytes));
	}
}

static void serials_drain(void)
{
	static u8 bytes[CHARDEV_RING_SIZE];

	for (u32 i = 0; i < VM_MAX_SERIALS; i++)
		chardev_host_read(&vm->serial[i], bytes, sizeof(bytes));
}

/* Shows which field's data is at pos of a stream. */
static void show_place(const u8 *stream, size_t pos)
{
	size_t at = 8, next = at; /* behind the header */

	for (u32 len; next <= pos; at = next) {
		bool section = stream[at] == TAG_SECTION;

		next = at + 2u + stream[at + 1];
		if (section) {
			fprintf(stderr, "section %.*s, ", stream[at + 1], stream + at + 2);
			next += 12;
		} else {
			memcpy(&len, stream + next, 4);
			next += 4 + len;
		}
		if (next > pos)
			fprintf(stderr, "field %.*s: data up to %zu from here\n", stream[at + 1],
				stream + at + 2, next - pos);
	}
}

static void expect_same(const u8 *want, size_t size)
{
	static u8 again[MACHINE_STREAM_MAX];

	CHECK_EQ(machine_save(again), size);
	if (!memcmp(want, again, size))
		return;
	for (size_t i = 0; i < size; i++) {
		if (want[i] != again[i]) {
			show_place(want, i);
			CHECK_EQ(want[i], again[i]);
		}
	}
}

/* Nothing changes: not what is saved next, and no line's level. */
static void save_and_load(void)
{
	static u8 stream[MACHINE_STREAM_MAX];
	bool output;
	u32 before;
	size_t size;

	fake_advance(SETTLE_NS);
	before = levels;
	output = (bool)(apic->extint & EXTINT_LINE);
	serials_settle();
	size = machine_save(stream);
	CHECK_EQ(machine_load(stream, size), 0);
	CHECK_EQ(levels, before);
	CHECK_EQ((bool)(apic->extint & EXTINT_LINE), output);
	expect_same(stream, size);
	serials_drain();
}

/* The place of a byte in one of a stream's fields: of each as likely, however long it is. */
static size_t data_place(const u8 *stream, size_t size, u32 n)
{
	u32 fields = 0, want = n % 256, byte = n / 256;

	for (;;) {
		for (size_t pos = 8, next; pos < size; pos = next) { /* behind the header */
			bool section = stream[pos] == TAG_SECTION;
			u32 len;

			next = pos + 2u + stream[pos + 1]; /* tag, name */
			if (section) {
				next += 12;
				continue;
			}
			memcpy(&len, stream + next, 4);
			if (len && fields++ == want)
				return next + 4 + byte * 37 % len;
			next += 4 + len;
		}
		want = want % fields;
		fields = 0;
	}
}

void machine_load_changed(struct fuzz_in *in)
{
	static u8 saved[MACHINE_STREAM_MAX], stream[MACHINE_STREAM_MAX];
	u32 changes = 1 + fuzz_below(in, 4);
	size_t size;

	serials_settle();
	size = machine_save(saved);
	memcpy(stream, saved, size);
	while (changes--) {
		u32 at = (u32)fuzz_bytes(in, 2);
		u8 value = (u8)fuzz_bytes(in, 1);

		/* Mostly in data: elsewhere nothing can be changed without being refused. */
		stream[at >= 0xe000 ? at % size : data_place(saved, size, at)] = value;
	}
	if (!machine_load(stream, size)) {
		/* Lines that devices drive are what these say, whatever a controller remembers. */
		if (whole)
			save_and_load();
		else
			expect_same(stream, size);
	}
	serials_drain();
}

/* --- what a guest does ---------------------------------------------------------------------------- */

/* A place in a range: often where registers are that lie 16 bytes apart. */
static u64 range_offset(struct fuzz_in *in, u64 len, u8 *size)
{
	u32 byte = (u32)fuzz_bytes(in, 1);

	if (len <= 256)
		return byte % len;
	if (byte & 0x80)
		return (byte | fuzz_bytes(in, 1) << 8) % len;
	*size = byte & 0x40 ? *size : 4;
	return byte % 16 * 16 % len;
}

static void access_range(struct fuzz_in *in)
{
	const struct iobus *bus = vm->bus;
	u32 ranges = bus->count[IO_PORT] + bus->count[IO_MEM];
	u32 control = (u32)fuzz_bytes(in, 1), n = control >> 3;
	enum io_space space = IO_PORT;
	struct io_access a = {
		.size = (u8)(1u << (control & 3)),
		.write = control & 4,
	};
	const struct io_range *r;
	u64 offset;

	if (!ranges)
		return;
	n %= ranges;
	if (n >= bus->count[IO_PORT]) {
		n -= bus->count[IO_PORT];
		space = IO_MEM;
	}
	r = &bus->ranges[space][n];
	offset = range_offset(in, r->len, &a.size);
	a.value = a.write ? fuzz_bytes(in, a.size) : 0x5a5a5a5a5a5a5a5aULL;
	iobus_access(vm->bus, space, r->base + offset, &a);
	if (!a.write && a.size < 8)
		CHECK_EQ(a.value >> 8 * a.size, 0);
}

static void apic_mmio(struct fuzz_in *in)
{
	u32 control = (u32)fuzz_bytes(in, 1), size = 1u << (control & 3);
	u32 offset = (u32)fuzz_bytes(in, 1) << 4;
	bool write = control & 4;
	u64 value = write ? fuzz_bytes(in, size) : ~0ULL;

	if (control & 8)
		offset = (offset | (control >> 4)) & (u32)(PAGE_SIZE - size);
	CHECK_EQ(vlapic_mmio(apic, offset, &value, size, write), 0);
	if (!write)
		CHECK_EQ(value >> MIN(8 * size, 32u), 0);
}

static void apic_msr(struct fuzz_in *in)
{
	u32 control = (u32)fuzz_bytes(in, 1), msr = MSR_X2APIC_BASE + (control & 0x3f);
	u64 value = ~0ULL;

	if (control & 0x80)
		msr = MSR_TSC_DEADLINE;
	if (control & 0x40) {
		value = fuzz_bytes(in, 8);
		if (msr == MSR_TSC_DEADLINE && (value & 1)) /* a near one, too */
			value = fake_tsc + (value >> 40);
		(void)!vlapic_wrmsr(apic, msr, value);
	} else if (!vlapic_rdmsr(apic, msr, &value) && msr != MSR_TSC_DEADLINE &&
		   msr != MSR_X2APIC_BASE + LAPIC_ICR / 16) {
		CHECK_EQ(value >> 32, 0);
	}
}

static void apic_other(struct fuzz_in *in)
{
	u32 what = fuzz_below(in, 5);
	struct irq_msg msg;

	switch (what) {
	case 0:
		vlapic_set_cr8(apic, (u8)fuzz_below(in, 16));
		break;
	case 1: /* the mode */
		(void)!vlapic_set_base(apic, 0xfee00000 | APIC_BASE_BSP | fuzz_below(in, 16) << 8);
		break;
	case 2:
		vlapic_timer_tsc_changed(apic);
		break;
	case 3:
		vm_msi(vm, 0xfee00000 | fuzz_bytes(in, 3), (u32)fuzz_bytes(in, 2));
		break;
	default:
		msg = (struct irq_msg){ .delivery = (u8)fuzz_below(in, 8),
					.level = fuzz_below(in, 2),
					.vector = (u8)fuzz_bytes(in, 1) };
		vlapic_accept(apic, &msg);
	}
}

/* The CPU takes an interrupt, where there is one. */
static void acknowledge(struct fuzz_in *in)
{
	int vector = vlapic_pending_vector(apic);

	if (fuzz_below(in, 2)) {
		vector = vm_extint_ack(vm);
		CHECK(vector >= -1 && vector < 256);
	} else if (vector >= 0) {
		CHECK(vector >= 16 && vector < 256 && vector >> 4 > vlapic_ppr(apic) >> 4);
		vlapic_ack_vector(apic, (u8)vector);
		CHECK(vlapic_ppr(apic) >> 4 >= vector >> 4);
	}
}

/* --- what the world does -------------------------------------------------------------------------- */

static void pass_time(struct fuzz_in *in)
{
	u32 how = (u32)fuzz_bytes(in, 1), calls;
	u64 ns;

	if (how &
	    1) { /* for long, while the vCPU does not run: what was missed is not made up for */
		ns = BIT(how / 2 % 52);
		calls = fake_late(ns);
		CHECK(calls <= 2 * TIMERS);
	} else {
		ns = BIT(how / 2 % 26);
		calls = fake_advance(ns);
		CHECK(calls <= TIMERS * (ns / TIMER_MIN_NS + 2));
	}
	CHECK(line_calls <= LINES_PER_TIMER * calls);
	line_calls = 0;
	CHECK(fake_deadline() > fake_now);
	fake_tsc = fake_now;
}

/* A line that none of the devices drives: each of those has its own say only. */
static void line(struct fuzz_in *in)
{
	static const u8 free_lines[] = { 2, 5, 7, 10, 11, 12, 15, 16, 17, 18 };
	u32 what = (u32)fuzz_bytes(in, 1);

	vm_irq_line(vm, free_lines[what % ARRAY_LEN(free_lines)], what & 0x80);
}

static void host(struct fuzz_in *in)
{
	u32 what = (u32)fuzz_bytes(in, 1);
	struct chardev *c = &vm->serial[what % VM_MAX_SERIALS];
	u8 bytes[64] = "typed at the console";

	if (what & 0x80) {
		chardev_host_read(c, bytes, what / 4 % 32 + 1);
		return;
	}
	chardev_host_write(c, bytes, what / 4 % 32 + 1);
	list_for_each(node, &vm->devices) {
		struct vdev *dev = list_entry(node, struct vdev, node);

		spin_lock(&dev->lock);
		if (dev->ops->input)
			dev->ops->input(dev);
		spin_unlock(&dev->lock);
	}
}

/* --- what always holds ---------------------------------------------------------------------------- */

static void check_apic(void)
{
	const u32 *lvt = (const u32 *)(apic->page + LAPIC_LVT_TIMER);
	u32 svr = *(const u32 *)(apic->page + LAPIC_SVR);
	u32 tpr = *(const u32 *)(apic->page + LAPIC_TPR);
	int vector = vlapic_pending_vector(apic);

	CHECK(vector >= -1 && vector < 256);
	CHECK(vlapic_ppr(apic) >> 4 >= (tpr & 0xff) >> 4);
	CHECK_EQ(vlapic_get_cr8(apic), (tpr & 0xff) >> 4);
	CHECK(!apic->timer.armed || apic->timer.deadline_ns - fake_now < WAIT_MAX + 1);
	if (svr & LAPIC_SVR_ENABLE)
		return;
	CHECK_EQ(vector, -1);
	for (u32 i = 0; i < 6; i++)
		CHECK(lvt[4 * i] & LAPIC_LVT_MASKED);
}

static void act(struct fuzz_in *in)
{
	switch (fuzz_below(in, STEPS)) {
	case STEP_ACCESS ... STEP_APIC - 1:
		access_range(in);
		break;
	case STEP_APIC ... STEP_APIC_MSR - 1:
		apic_mmio(in);
		break;
	case STEP_APIC_MSR:
		apic_msr(in);
		break;
	case STEP_APIC_OTHER:
		apic_other(in);
		break;
	case STEP_ACKNOWLEDGE ... STEP_LINE - 1:
		acknowledge(in);
		break;
	case STEP_LINE ... STEP_HOST - 1:
		line(in);
		break;
	case STEP_HOST:
		host(in);
		break;
	case STEP_BUTTON:
		vdev_power_button(vm);
		break;
	case STEP_SAVE:
		save_and_load();
		break;
	case STEP_LOAD_CHANGED:
		machine_load_changed(in);
		break;
	default:
		pass_time(in);
	}
}

void machine_step(struct fuzz_in *in)
{
	fake_late(0); /* as in the run loop */
	line_calls = 0;
	act(in);
	CHECK_EQ(fake_locks_held, 0);
	CHECK(line_calls <= LINES_PER_STEP);
	check_apic();
}

/* --- steps as bytes ------------------------------------------------------------------------------- */

static u8 *put_value(u8 *p, u32 size, u32 value)
{
	memset(p, 0xff, size);
	memcpy(p, &value, MIN(size, sizeof(value)));
	return p + size;
}

u8 *machine_put_access(u8 *p, u64 address, u32 size, bool write, u32 value)
{
	u8 control = (u8)((u32)__builtin_ctz(size) | (write ? 4 : 0));
	u32 n = 0;

	if (address - APIC_PAGE < PAGE_SIZE) {
		*p++ = STEP_APIC;
		*p++ = control;
		*p++ = (u8)(address >> 4);
		return write ? put_value(p, size, value) : p;
	}
	for (u32 space = 0; space < IO_SPACES; space++) {
		for (u32 i = 0; i < vm->bus->count[space]; i++, n++) {
			const struct io_range *r = &vm->bus->ranges[space][i];
			u64 offset = address - r->base;

			if (offset >= r->len)
				continue;
			*p++ = STEP_ACCESS;
			*p++ = (u8)(control | n << 3);
			*p++ = (u8)(r->len > 256 ? offset / 16 : offset);
			return write ? put_value(p, size, value) : p;
		}
	}
	return p; /* this machine does not have it */
}

size_t machine_put_sweep(u8 *buf, u32 size)
{
	u8 *p = buf;

	for (u32 space = 0; space < IO_SPACES; space++) {
		for (u32 i = 0; i < vm->bus->count[space]; i++) {
			const struct io_range *r = &vm->bus->ranges[space][i];
			u32 apart = r->len > 256 ? 16 : 1;

			for (u32 at = 0; at < r->len && at < 16 * apart; at += apart) {
				p = machine_put_access(p, r->base + at, size, true, ~0u);
				p = machine_put_access(p, r->base + at, size, false, 0);
			}
		}
	}
	return (size_t)(p - buf);
}

u8 *machine_put_step(u8 *p, enum machine_step kind, u8 argument)
{
	*p++ = (u8)kind;
	*p++ = argument;
	return p;
}
