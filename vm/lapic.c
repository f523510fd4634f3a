/*
 * The virtual local APIC: registers, priorities, acceptance and sending of interrupts. The timer is in
 * vm/lapic_timer.c, the state stream in vm/lapic_state.c.
 */
#include "vm/lapic.h"

#include "arch/msr.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/compiler.h"
#include "lib/errno.h"
#include "lib/hw/lapic.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vm/apicv.h"
#include "vm/hvm.h"
#include "vm/lapic_timer.h"
#include "vm/startup.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define VERSION           0x14u
#define LVT_COUNT         6 /* timer, thermal, performance, LINT0, LINT1, error */
#define APIC_BASE_ADDR    BITS(51, 12)
#define APIC_PAGE_DEFAULT 0xfee00000ULL
#define BROADCAST_XAPIC   0xffu
#define BROADCAST_X2APIC  0xffffffffu

static u32 reg(const struct vlapic *l, u32 offset)
{
	return atomic_load_relaxed((const u32 *)(l->page + offset));
}

static void set_reg(struct vlapic *l, u32 offset, u32 value)
{
	atomic_store_relaxed((u32 *)(l->page + offset), value);
}

static bool x2apic(const struct vlapic *l)
{
	return l->vcpu->apic_base & APIC_BASE_X2APIC;
}

static bool hw_enabled(const struct vlapic *l)
{
	return l->vcpu->apic_base & APIC_BASE_ENABLE;
}

static bool sw_enabled(const struct vlapic *l)
{
	return hw_enabled(l) && (reg(l, LAPIC_SVR) & LAPIC_SVR_ENABLE);
}

/* IRR, ISR and TMR: bit vector of the array at offset. Others may set IRR bits at any time. */
static u32 *array_word(struct vlapic *l, u32 array, u8 vector)
{
	return (u32 *)(l->page + array + (u32)(vector / 32) * 16);
}

static void array_set(struct vlapic *l, u32 array, u8 vector)
{
	/* Full order: pairs with the exchange of requests; the bit is there when REQ_EVENT is. */
	atomic_fetch_or(array_word(l, array, vector), 1u << (vector % 32));
}

static void array_clear(struct vlapic *l, u32 array, u8 vector)
{
	atomic_fetch_and(array_word(l, array, vector), ~(1u << (vector % 32)));
}

static bool array_test(struct vlapic *l, u32 array, u8 vector)
{
	return atomic_load_relaxed(array_word(l, array, vector)) >> (vector % 32) & 1;
}

/* In a word and those below it. */
static __always_inline int highest_below(const struct vlapic *l, u32 array, int i)
{
	for (; i >= 0; i--) {
		u32 word = reg(l, array + (u32)i * 16);

		if (word)
			return i * 32 + 31 - __builtin_clz(word);
	}
	return -1;
}

/* Unrolled: every entry with something to inject looks through this. */
static __always_inline int array_highest(const struct vlapic *l, u32 array)
{
#pragma GCC unroll 8
	for (int i = 7; i >= 0; i--) {
		u32 word = reg(l, array + (u32)i * 16);

		if (word)
			return i * 32 + 31 - __builtin_clz(word);
	}
	return -1;
}

int vlapic_requested(const struct vlapic *l)
{
	return sw_enabled(l) ? array_highest(l, LAPIC_IRR) : -1;
}

int vlapic_in_service(const struct vlapic *l)
{
	return unlikely(l->hw) ? array_highest(l, LAPIC_ISR) : READ_ONCE(l->in_service);
}

/* SDM vol. 3, "Task and Processor Priorities". */
u8 vlapic_ppr(const struct vlapic *l)
{
	u32 tpr = reg(l, LAPIC_TPR) & 0xff;
	int isrv = vlapic_in_service(l);
	u32 isr_class = isrv < 0 ? 0 : (u32)isrv & 0xf0;

	return (u8)((tpr & 0xf0) >= isr_class ? tpr : isr_class);
}

int vlapic_pending_vector(struct vlapic *l)
{
	int vector = vlapic_requested(l);

	if (vector < 16 || (vector & 0xf0) <= (vlapic_ppr(l) & 0xf0))
		return -1;
	return vector;
}

void vlapic_ack_vector(struct vlapic *l, u8 vector)
{
	array_clear(l, LAPIC_IRR, vector);
	*array_word(l, LAPIC_ISR, vector) |= 1u << (vector % 32);
	l->in_service = MAX(l->in_service, vector);
}

void vlapic_isr_changed(struct vlapic *l)
{
	l->in_service = array_highest(l, LAPIC_ISR);
}

/* Whether any interrupt is requested. Who requests one later has us look again. */
static __always_inline bool irr_any(const struct vlapic *l)
{
	u32 any = 0;

#pragma GCC unroll 8
	for (u32 i = 0; i < 8; i++)
		any |= reg(l, LAPIC_IRR + i * 16);
	return any;
}

/* Those who wait for the EOI of a level-triggered vector hear of it. */
static __always_inline void eoi_broadcast(struct vlapic *l, u8 vector)
{
	if (array_test(l, LAPIC_TMR, vector) && !(reg(l, LAPIC_SVR) & LAPIC_SVR_EOI_SUPPRESS))
		vm_irq_eoi(l->vcpu->vm, vector);
}

static void eoi(struct vlapic *l)
{
	int vector = vlapic_in_service(l);

	l->vcpu->port->irq_exits[IRQ_EXIT_EOI]++;
	if (vector < 0)
		return;
	*array_word(l, LAPIC_ISR, (u8)vector) &= ~(1u << (vector % 32));
	l->in_service = highest_below(l, LAPIC_ISR, vector / 32);
	if (unlikely(l->hw))
		apicv->refresh(l->vcpu);
	if (irr_any(l))
		l->vcpu->recheck = true;
	eoi_broadcast(l, (u8)vector);
}

void vlapic_eoi_exit(struct vcpu *v, const struct vm_exit *e)
{
	v->port->irq_exits[IRQ_EXIT_EOI]++;
	eoi_broadcast(v->lapic, e->eoi.vector);
}

/* Logical destinations (SDM vol. 3, "Logical Destination Mode"). */
static bool match_logical(const struct vlapic *l, u32 dest)
{
	if (x2apic(l)) {
		u32 id = l->vcpu->index;

		return dest == BROADCAST_X2APIC ||
		       (dest >> 16 == id >> 4 && (dest & (1u << (id & 0xf))));
	}

	u32 ldr = reg(l, LAPIC_LDR) >> 24;

	if (dest == BROADCAST_XAPIC)
		return true;
	if (reg(l, LAPIC_DFR) >> 28 == 0xf) /* flat */
		return ldr & dest & 0xff;
	return (ldr ^ dest) >> 4 == 0 && (ldr & dest & 0xf);
}

bool vlapic_match(const struct vlapic *l, const struct irq_msg *msg)
{
	if (!hw_enabled(l))
		return false;
	/* Switched off by software it takes NMIs and their like, but no interrupts. */
	if (msg->delivery <= DELIVER_LOWEST && !sw_enabled(l))
		return false;
	if (msg->logical)
		return match_logical(l, msg->dest);
	if (x2apic(l) && msg->dest == BROADCAST_X2APIC)
		return true;
	return msg->dest == BROADCAST_XAPIC || msg->dest == l->vcpu->index;
}

/*
 * Requests vector. The vCPU shall see what it can be given now: on its own thread it is about to; from
 * another it is asked, and woken.
 */
static void request(struct vlapic *l, u8 vector, bool level)
{
	struct vcpu *v = l->vcpu;

	if (level)
		array_set(l, LAPIC_TMR, vector);
	else
		array_clear(l, LAPIC_TMR, vector);
	if (thread_current() == v->port->thread) {
		array_set(l, LAPIC_IRR, vector);
		v->recheck = true;
	} else if (apicv) {
		apicv->post(v, vector, level);
	} else {
		array_set(l, LAPIC_IRR, vector);
		vcpu_request(v->vm, v->index, REQ_EVENT);
	}
}

static void error(struct vlapic *l, u32 bit)
{
	u32 lvt = reg(l, LAPIC_LVT_ERROR);

	l->esr_pending |= bit;
	/* Not through vlapic_accept(): an illegal vector here must not raise another error. */
	if (!(lvt & LAPIC_LVT_MASKED) && (lvt & LAPIC_LVT_VECTOR) >= 16)
		request(l, (u8)lvt, false);
}

static void accept_fixed(struct vlapic *l, u8 vector, bool level)
{
	if (!sw_enabled(l))
		return;
	if (vector < 16) {
		error(l, LAPIC_ESR_RECV_ILLEGAL);
		return;
	}
	request(l, vector, level);
}

void vlapic_accept(struct vlapic *l, const struct irq_msg *msg)
{
	struct vcpu *v = l->vcpu;

	switch (msg->delivery) {
	case DELIVER_FIXED:
	case DELIVER_LOWEST:
		accept_fixed(l, msg->vector, msg->level);
		break;
	case DELIVER_NMI:
		vcpu_request(v->vm, v->index, REQ_NMI);
		break;
	case DELIVER_EXTINT:
		vcpu_request(v->vm, v->index, REQ_EVENT);
		break;
	case DELIVER_INIT:
		startup_signal_init(v);
		break;
	case DELIVER_SIPI:
		startup_signal_sipi(v, msg->vector);
		break;
	default: /* SMI is not offered */
		break;
	}
}

bool vlapic_accepts_extint(const struct vlapic *l)
{
	u32 lvt = reg(l, LAPIC_LVT_LINT0);

	if (!hw_enabled(l))
		return true;
	return !(lvt & LAPIC_LVT_MASKED) && (lvt & LAPIC_LVT_MODE) >> 8 == DELIVER_EXTINT;
}

u8 vlapic_get_cr8(const struct vlapic *l)
{
	return (u8)(reg(l, LAPIC_TPR) >> 4 & 0xf);
}

void vlapic_set_cr8(struct vlapic *l, u8 cr8)
{
	set_reg(l, LAPIC_TPR, (u32)cr8 << 4);
}

/* A fixed interrupt to oneself. */
static void send_self(struct vlapic *l, u8 vector)
{
	l->vcpu->port->irq_exits[IRQ_EXIT_SELF_IPI]++;
	if (vector < 16) {
		error(l, LAPIC_ESR_SEND_ILLEGAL);
	} else if (sw_enabled(l)) {
		array_clear(l, LAPIC_TMR, vector);
		array_set(l, LAPIC_IRR, vector);
		l->vcpu->recheck = true;
	}
}

static void send_ipi(struct vlapic *l, u32 low, u32 dest)
{
	struct irq_msg msg = {
		.dest = dest,
		.logical = low & LAPIC_ICR_LOGICAL,
		.level = low & LAPIC_ICR_LEVEL,
		.delivery = low >> 8 & 7,
		.vector = (u8)low,
	};
	u32 shorthand = low & (u32)LAPIC_ICR_SHORTHAND;
	struct vm *vm = l->vcpu->vm;

	l->vcpu->port->irq_exits[shorthand == LAPIC_ICR_SELF ? IRQ_EXIT_SELF_IPI : IRQ_EXIT_IPI]++;
	if (msg.delivery == DELIVER_INIT && (low & LAPIC_ICR_LEVEL) && !(low & LAPIC_ICR_ASSERT))
		return; /* INIT level de-assert: nothing on these processors */
	if (msg.delivery <= DELIVER_LOWEST && msg.vector < 16) {
		error(l, LAPIC_ESR_SEND_ILLEGAL);
		return;
	}
	msg.level = false; /* IPIs are edge-triggered whatever the bit says */
	if (!shorthand) {
		vm_irq_deliver(vm, &msg);
		return;
	}
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *v = vm->ports[i].vcpu;
		bool self = v == l->vcpu;

		if (v && (self ? shorthand != LAPIC_ICR_OTHERS : shorthand != LAPIC_ICR_SELF))
			vlapic_accept(v->lapic, &msg);
	}
}

bool vlapic_fixed(const struct vlapic *l, u32 offset, u32 *value)
{
	u32 id = l->vcpu->index;

	switch (offset) {
	case LAPIC_ID:
		*value = x2apic(l) ? id : id << 24;
		return true;
	case LAPIC_VERSION:
		*value = VERSION | (LVT_COUNT - 1) << 16 | (u32)LAPIC_VERSION_EOI_SUPPRESS;
		return true;
	case LAPIC_LDR:
		*value = (id >> 4) << 16 | 1u << (id & 0xf);
		return x2apic(l);
	}
	return false;
}

static void show_fixed(struct vlapic *l)
{
	static const u32 offsets[] = { LAPIC_ID, LAPIC_VERSION, LAPIC_LDR };

	for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
		u32 value;

		if (vlapic_fixed(l, offsets[i], &value))
			set_reg(l, offsets[i], value);
	}
}

static bool readable(u32 offset)
{
	switch (offset) {
	case LAPIC_ID:
	case LAPIC_VERSION:
	case LAPIC_TPR:
	case LAPIC_APR:
	case LAPIC_PPR:
	case LAPIC_RRD:
	case LAPIC_LDR:
	case LAPIC_DFR:
	case LAPIC_SVR:
	case LAPIC_ESR:
	case LAPIC_ICR:
	case LAPIC_ICR_HIGH:
	case LAPIC_TIMER_INITIAL:
	case LAPIC_TIMER_CURRENT:
	case LAPIC_TIMER_DIVIDE:
		return true;
	}
	return (offset >= LAPIC_ISR && offset < LAPIC_ESR) ||
	       (offset >= LAPIC_LVT_TIMER && offset <= LAPIC_LVT_ERROR);
}

static u32 read_reg(struct vlapic *l, u32 offset)
{
	switch (offset) {
	case LAPIC_PPR:
		return vlapic_ppr(l);
	case LAPIC_TIMER_CURRENT:
		return vlapic_timer_current(l);
	}
	return reg(l, offset);
}

u32 vlapic_lvt_mask(u32 offset)
{
	const u32 base = LAPIC_LVT_VECTOR | LAPIC_LVT_MASKED;

	switch (offset) {
	case LAPIC_LVT_TIMER:
		return base | (u32)LAPIC_TIMER_MODE;
	case LAPIC_LVT_LINT0:
	case LAPIC_LVT_LINT1:
		return base | (u32)(LAPIC_LVT_MODE | LAPIC_LVT_ACTIVE_LOW | LAPIC_LVT_LEVEL);
	case LAPIC_LVT_ERROR:
		return base;
	default:
		return base | (u32)LAPIC_LVT_MODE;
	}
}

static void write_lvt(struct vlapic *l, u32 offset, u32 value)
{
	value &= vlapic_lvt_mask(offset);
	if (!(reg(l, LAPIC_SVR) & LAPIC_SVR_ENABLE))
		value |= LAPIC_LVT_MASKED;
	set_reg(l, offset, value);
	if (offset == LAPIC_LVT_TIMER)
		vlapic_timer_lvt_changed(l);
	else if (offset == LAPIC_LVT_LINT0 && apicv)
		apicv->refresh(l->vcpu); /* it may pass the PIC's interrupts now, or no more */
	l->vcpu->recheck = true;
}

static void write_svr(struct vlapic *l, u32 value)
{
	set_reg(l, LAPIC_SVR, value & (u32)(BITS(8, 0) | LAPIC_SVR_EOI_SUPPRESS));
	if (!(value & LAPIC_SVR_ENABLE)) {
		for (u32 o = LAPIC_LVT_TIMER; o <= LAPIC_LVT_ERROR; o += 16)
			set_reg(l, o, reg(l, o) | LAPIC_LVT_MASKED);
	}
	l->vcpu->recheck = true;
}

/* One write; -EINVAL: no such register to write. */
static int write_reg(struct vlapic *l, u32 offset, u32 value)
{
	switch (offset) {
	case LAPIC_TPR:
		set_reg(l, LAPIC_TPR, value & 0xff);
		l->vcpu->port->irq_exits[IRQ_EXIT_TPR]++;
		l->vcpu->recheck = true;
		return 0;
	case LAPIC_EOI:
		eoi(l);
		return 0;
	case LAPIC_LDR:
		set_reg(l, LAPIC_LDR, value & 0xff000000);
		return 0;
	case LAPIC_DFR:
		set_reg(l, LAPIC_DFR, value | 0x0fffffff);
		return 0;
	case LAPIC_SVR:
		write_svr(l, value);
		return 0;
	case LAPIC_ESR:
		set_reg(l, LAPIC_ESR, l->esr_pending);
		l->esr_pending = 0;
		return 0;
	case LAPIC_ICR:
		set_reg(l, LAPIC_ICR, value & ~(u32)LAPIC_ICR_PENDING);
		send_ipi(l, value, reg(l, LAPIC_ICR_HIGH) >> 24);
		return 0;
	case LAPIC_ICR_HIGH:
		set_reg(l, LAPIC_ICR_HIGH, value & 0xff000000);
		return 0;
	case LAPIC_TIMER_INITIAL:
		vlapic_timer_set_initial(l, value);
		return 0;
	case LAPIC_TIMER_DIVIDE:
		vlapic_timer_set_divide(l, value & 0xb);
		return 0;
	}
	if (offset >= LAPIC_LVT_TIMER && offset <= LAPIC_LVT_ERROR) {
		write_lvt(l, offset, value);
		return 0;
	}
	return -EINVAL;
}

void vlapic_write_exit(struct vcpu *v, const struct vm_exit *e)
{
	struct vlapic *l = v->lapic;
	u32 offset = e->apic_write.offset & ~0xfu, value = reg(l, offset);

	if (offset == LAPIC_ID)
		show_fixed(l); /* it cannot be changed */
	else if (offset == LAPIC_SELF_IPI && x2apic(l))
		send_self(l, (u8)value);
	else if (write_reg(l, offset, value))
		error(l, LAPIC_ESR_ILLEGAL_REG);
}

int vlapic_mmio(struct vlapic *l, u32 offset, u64 *value, u32 size, bool write)
{
	bool aligned = !(offset & 0xf);

	/* Only aligned 32-bit accesses are defined; reads inside a register give its bytes. */
	if (!write) {
		u32 whole = readable(offset & ~0xfu) ? read_reg(l, offset & ~0xfu) : 0;
		u32 shift = (offset & 3) * 8;

		*value = (offset & 0xf) < 4 ?
				 (whole >> shift) & (u32)BITS(size >= 4 ? 31 : size * 8 - 1, 0) :
				 0;
		if (aligned && !readable(offset))
			error(l, LAPIC_ESR_ILLEGAL_REG);
		return 0;
	}
	if (!aligned || size != 4)
		return 0;
	if (write_reg(l, offset, (u32)*value))
		error(l, LAPIC_ESR_ILLEGAL_REG);
	return 0;
}

int vlapic_rdmsr(struct vlapic *l, u32 msr, u64 *value)
{
	u32 offset = (msr - MSR_X2APIC_BASE) * 16;

	if (msr == MSR_TSC_DEADLINE) {
		*value = vlapic_timer_deadline(l);
		return 0;
	}
	if (!x2apic(l) || !readable(offset) || offset == LAPIC_APR || offset == LAPIC_RRD ||
	    offset == LAPIC_DFR || offset == LAPIC_ICR_HIGH)
		return -EINVAL;
	*value = read_reg(l, offset);
	if (offset == LAPIC_ICR)
		*value |= (u64)reg(l, LAPIC_ICR_HIGH) << 32;
	return 0;
}

/* Reserved bits of x2APIC writes raise #GP (SDM vol. 3, "x2APIC Register Address Space"). */
static bool x2apic_write_valid(u32 offset, u64 value)
{
	switch (offset) {
	case LAPIC_EOI:
	case LAPIC_ESR:
		return value == 0;
	case LAPIC_TPR:
	case LAPIC_SELF_IPI:
		return !(value & ~BITS(7, 0));
	case LAPIC_SVR:
		return !(value & ~(BITS(8, 0) | LAPIC_SVR_EOI_SUPPRESS));
	case LAPIC_TIMER_DIVIDE:
		return !(value & ~0xbULL);
	case LAPIC_ID:
	case LAPIC_LDR:
	case LAPIC_DFR:
	case LAPIC_ICR_HIGH:
		return false;
	case LAPIC_ICR:
		return !(value & (BITS(31, 20) | BITS(17, 16) | BIT(13)));
	default:
		return !(value >> 32);
	}
}

int vlapic_wrmsr(struct vlapic *l, u32 msr, u64 value)
{
	u32 offset = (msr - MSR_X2APIC_BASE) * 16;

	if (msr == MSR_TSC_DEADLINE) {
		vlapic_timer_set_deadline(l, value);
		return 0;
	}
	if (offset == LAPIC_EOI && likely(x2apic(l)) && likely(!value)) {
		eoi(l);
		return 0;
	}
	if (!x2apic(l) || !x2apic_write_valid(offset, value))
		return -EINVAL;
	if (offset == LAPIC_SELF_IPI) {
		send_self(l, (u8)value);
		return 0;
	}
	if (offset == LAPIC_ICR) {
		set_reg(l, LAPIC_ICR_HIGH, (u32)(value >> 32));
		set_reg(l, LAPIC_ICR, (u32)value & ~(u32)LAPIC_ICR_PENDING);
		/* Fixed delivery is 0. */
		if ((value & (LAPIC_ICR_SHORTHAND | LAPIC_LVT_MODE)) == LAPIC_ICR_SELF)
			send_self(l, (u8)value);
		else
			send_ipi(l, (u32)value, (u32)(value >> 32));
		return 0;
	}
	return write_reg(l, offset, (u32)value);
}

int vlapic_set_base(struct vlapic *l, u64 value)
{
	struct vcpu *v = l->vcpu;
	const u64 mode = APIC_BASE_ENABLE | APIC_BASE_X2APIC;
	u64 old = v->apic_base & mode, new = value &mode;

	if ((value & ~(mode | APIC_BASE_BSP | APIC_BASE_ADDR)) || new == APIC_BASE_X2APIC)
		return -EINVAL;
	/* SDM vol. 3, "x2APIC State Transitions": not back to xAPIC, not straight from off. */
	if ((old == mode && new == APIC_BASE_ENABLE) || (old == 0 && new == mode))
		return -EINVAL;
	if ((value & APIC_BASE_ADDR) != APIC_PAGE_DEFAULT)
		return -EINVAL; /* a moved page is not supported: docs/status.md */
	v->apic_base = value;
	v->recheck = true;
	if (old && !new)
		vlapic_reset(l);
	else
		show_fixed(l);
	if (apicv)
		apicv->refresh(v);
	return 0;
}

void vlapic_reset(struct vlapic *l)
{
	memset(l->page, 0, PAGE_SIZE);
	set_reg(l, LAPIC_DFR, LAPIC_DFR_FLAT);
	set_reg(l, LAPIC_SVR, 0xff);
	for (u32 o = LAPIC_LVT_TIMER; o <= LAPIC_LVT_ERROR; o += 16)
		set_reg(l, o, LAPIC_LVT_MASKED);
	vlapic_timer_reset(l);
	show_fixed(l);
	l->esr_pending = 0;
	l->in_service = -1;
	if (apicv)
		apicv->refresh(l->vcpu);
}

int vlapic_create(struct vcpu *v)
{
	struct vlapic *l = heap_alloc(v->vm->heap, sizeof(*l), 0);

	if (!l)
		return -ENOMEM;
	l->page = heap_alloc(v->vm->heap, PAGE_SIZE, PAGE_SIZE);
	if (!l->page)
		return -ENOMEM;
	l->vcpu = v;
	v->lapic = l;
	vlapic_timer_init(l);
	vlapic_reset(l);
	return 0;
}
