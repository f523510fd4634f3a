/*
 * The virtual local APIC: registers, priorities, acceptance and end of interrupts. Its modes are in
 * vm/lapic_mode.c, destinations and sending in vm/lapic_ipi.c, its pins in vm/lapic_lint.c, the timer in
 * vm/lapic_timer.c, the state stream in vm/lapic_state.c.
 */
#include "vm/lapic.h"
#include "vm/trace.h"

#include "core/thread.h"
#include "lib/errno.h"
#include "vm/apicv.h"
#include "vm/hvm.h"
#include "vm/lapic_page.h"
#include "vm/lapic_timer.h"
#include "vm/startup.h"
#include "vm/vm.h"

/* In a word and those below it. */
static __always_inline int highest_below(const struct vlapic *l, u32 array, int i)
{
	for (; i >= 0; i--) {
		u32 word = vlapic_reg(l, array + (u32)i * 16);

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
		u32 word = vlapic_reg(l, array + (u32)i * 16);

		if (word)
			return i * 32 + 31 - __builtin_clz(word);
	}
	return -1;
}

static __always_inline int requested(const struct vlapic *l)
{
	return vlapic_sw_enabled(l) ? array_highest(l, LAPIC_IRR) : -1;
}

int vlapic_requested(const struct vlapic *l)
{
	return requested(l);
}

static __noinline int isr_highest(const struct vlapic *l)
{
	return array_highest(l, LAPIC_ISR);
}

static __always_inline int in_service(const struct vlapic *l)
{
	int vector = READ_ONCE(l->in_service);

	return vector < 0 && unlikely(l->hw) ? isr_highest(l) : vector;
}

int vlapic_in_service(const struct vlapic *l)
{
	return in_service(l);
}

/* SDM vol. 3, "Task and Processor Priorities". */
static __always_inline u8 ppr(const struct vlapic *l)
{
	u32 tpr = vlapic_reg(l, LAPIC_TPR) & 0xff;
	int isrv = in_service(l);
	u32 isr_class = isrv < 0 ? 0 : (u32)isrv & 0xf0;

	return (u8)((tpr & 0xf0) >= isr_class ? tpr : isr_class);
}

u8 vlapic_ppr(const struct vlapic *l)
{
	return ppr(l);
}

int vlapic_pending_vector(struct vlapic *l)
{
	int vector = requested(l);

	if (vector < VECTOR_LEGAL || (vector & 0xf0) <= (ppr(l) & 0xf0))
		return -1;
	return vector;
}

void vlapic_ack_vector(struct vlapic *l, u8 vector)
{
	vlapic_array_clear(l, LAPIC_IRR, vector);
	*vlapic_array_word(l, LAPIC_ISR, vector) |= 1u << (vector % 32);
	WRITE_ONCE(l->in_service, MAX(l->in_service, vector)); /* senders look: vlapic_ppr() */
}

void vlapic_isr_changed(struct vlapic *l)
{
	WRITE_ONCE(l->in_service, l->hw ? -1 : array_highest(l, LAPIC_ISR));
}

static __noinline void eoi_level(struct vlapic *l, u8 vector)
{
	vlapic_lint0_eoi(l, vector);
	if (!(vlapic_reg(l, LAPIC_SVR) & LAPIC_SVR_EOI_SUPPRESS))
		vm_irq_eoi(l->vcpu->vm, vector);
}

/* Those who wait for the EOI of a level-triggered vector hear of it. */
static __always_inline void eoi_broadcast(struct vlapic *l, u8 vector)
{
	if (vlapic_array_test(l, LAPIC_TMR, vector))
		eoi_level(l, vector);
}

static __always_inline void isr_clear(struct vlapic *l, u8 vector)
{
	*vlapic_array_word(l, LAPIC_ISR, vector) &= ~(1u << (vector % 32));
}

/* Nothing is in service, but where the hardware keeps that to itself, and left the EOI to us. */
static __noinline void eoi_hw(struct vlapic *l)
{
	int vector = isr_highest(l);

	if (!l->hw || vector < 0)
		return;
	isr_clear(l, (u8)vector);
	apicv->refresh(l->vcpu);
	l->vcpu->recheck = true;
	eoi_broadcast(l, (u8)vector);
}

static void eoi(struct vlapic *l)
{
	int vector = l->in_service;

	l->vcpu->port->irq_exits[IRQ_EXIT_EOI]++;
	if (unlikely(vector < 0)) {
		eoi_hw(l);
		return;
	}
	isr_clear(l, (u8)vector);
	WRITE_ONCE(l->in_service, highest_below(l, LAPIC_ISR, vector / 32));
	if (vlapic_irr_any(l))
		l->vcpu->recheck = true;
	eoi_broadcast(l, (u8)vector);
}

void vlapic_eoi_exit(struct vcpu *v, const struct vm_exit *e)
{
	v->port->irq_exits[IRQ_EXIT_EOI]++;
	eoi_broadcast(v->lapic, e->eoi.vector);
}

/* On its own thread it is about to look; from another it is asked, and woken. */
static __always_inline void look_again(struct vlapic *l)
{
	struct vcpu *v = l->vcpu;

	if (thread_current() == v->port->thread)
		v->recheck = true;
	else
		vcpu_request(v->vm, v->index, REQ_EVENT);
}

void vlapic_look_again(struct vlapic *l)
{
	look_again(l);
}

/*
 * The one place where a fixed interrupt is requested, from any thread. TMR before IRR: who takes the request
 * knows how it was triggered.
 */
static __always_inline void request(struct vlapic *l, u8 vector, bool level)
{
	struct vcpu *v = l->vcpu;

	if (level)
		vlapic_array_set(l, LAPIC_TMR, vector);
	else
		vlapic_array_clear(l, LAPIC_TMR, vector);
	if (unlikely(apicv) && thread_current() != v->port->thread) {
		atomic_fetch_add(&v->port->posted, 1);
		trace(v->port, TRACE_POST, vector, 0, 0);
		apicv->post(v, vector, level);
		return;
	}
	vlapic_array_set(l, LAPIC_IRR, vector);
	look_again(l);
}

void vlapic_error(struct vlapic *l, u32 bit)
{
	u32 lvt;

	/* Any order: only the write to ESR takes it away, and arms the interrupt again. */
	if (atomic_fetch_or(&l->esr_pending, bit))
		return;
	lvt = vlapic_reg(l, LAPIC_LVT_ERROR);
	if (lvt & LAPIC_LVT_MASKED)
		return;
	if ((lvt & LAPIC_LVT_VECTOR) < VECTOR_LEGAL) {
		/* One error more, but no interrupt for it: it would be the same. */
		atomic_fetch_or(&l->esr_pending, LAPIC_ESR_RECV_ILLEGAL);
		return;
	}
	request(l, (u8)lvt, false);
}

static __always_inline bool accept_fixed(struct vlapic *l, u8 vector, bool level)
{
	if (!vlapic_sw_enabled(l))
		return false;
	if (vector < VECTOR_LEGAL) {
		vlapic_error(l, LAPIC_ESR_RECV_ILLEGAL);
		return false;
	}
	request(l, vector, level);
	return true;
}

bool vlapic_accept(struct vlapic *l, const struct irq_msg *msg)
{
	struct vcpu *v = l->vcpu;

	switch (msg->delivery) {
	case DELIVER_FIXED:
	case DELIVER_LOWEST:
		return accept_fixed(l, msg->vector, msg->level);
	case DELIVER_NMI:
		vcpu_request(v->vm, v->index, REQ_NMI);
		return true;
	case DELIVER_EXTINT:
		/* Full order, as in vlapic_array_set(). */
		atomic_fetch_or(&l->extint, EXTINT_MESSAGE);
		vlapic_look_again(l);
		return true;
	case DELIVER_INIT:
		startup_signal_init(v);
		return true;
	case DELIVER_SIPI:
		startup_signal_sipi(v, msg->vector);
		return true;
	default: /* SMI is not offered: taken, and nothing comes of it */
		return true;
	}
}

u8 vlapic_get_cr8(const struct vlapic *l)
{
	return (u8)(vlapic_reg(l, LAPIC_TPR) >> 4 & 0xf);
}

void vlapic_set_cr8(struct vlapic *l, u8 cr8)
{
	vlapic_set_reg(l, LAPIC_TPR, (u32)cr8 << 4);
}

/* A fixed interrupt to oneself: request() in short. */
static void send_self(struct vlapic *l, u8 vector)
{
	l->vcpu->port->irq_exits[IRQ_EXIT_SELF_IPI]++;
	if (vector < VECTOR_LEGAL) {
		vlapic_error(l, LAPIC_ESR_SEND_ILLEGAL);
	} else if (vlapic_sw_enabled(l)) {
		vlapic_array_clear(l, LAPIC_TMR, vector);
		vlapic_array_set(l, LAPIC_IRR, vector);
		l->vcpu->recheck = true;
	}
}

/*
 * What is there: a read of EOI gives 0, as where the CPU reads the page itself; so do APR and RRD, which
 * these processors do not have any more.
 */
static bool exists(u32 offset)
{
	switch (offset) {
	case LAPIC_ID:
	case LAPIC_VERSION:
	case LAPIC_TPR:
	case LAPIC_APR:
	case LAPIC_PPR:
	case LAPIC_EOI:
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
	if (offset == LAPIC_PPR)
		return vlapic_ppr(l);
	if (offset == LAPIC_TIMER_CURRENT)
		return vlapic_timer_current(l);
	return vlapic_reg(l, offset);
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

/* Of these, what is written is ignored. */
static u32 lvt_read_only(u32 offset)
{
	bool pin = offset == LAPIC_LVT_LINT0 || offset == LAPIC_LVT_LINT1;

	return (u32)(LAPIC_LVT_PENDING | (pin ? LAPIC_LVT_REMOTE_IRR : 0));
}

static void write_lvt(struct vlapic *l, u32 offset, u32 value)
{
	value &= vlapic_lvt_mask(offset);
	if (!(vlapic_reg(l, LAPIC_SVR) & LAPIC_SVR_ENABLE))
		value |= LAPIC_LVT_MASKED;
	if (offset == LAPIC_LVT_LINT0)
		vlapic_write_lint0(l, value);
	else
		vlapic_set_reg(l, offset, value);
	if (offset == LAPIC_LVT_TIMER)
		vlapic_timer_lvt_changed(l);
	else if (offset == LAPIC_LVT_LINT0 && apicv)
		apicv->refresh(l->vcpu); /* it may pass the PIC's interrupts now, or no more */
	l->vcpu->recheck = true;
}

static void write_svr(struct vlapic *l, u32 value)
{
	vlapic_set_reg(l, LAPIC_SVR, value & (u32)(BITS(8, 0) | LAPIC_SVR_EOI_SUPPRESS));
	if (!(value & LAPIC_SVR_ENABLE)) {
		for (u32 o = LAPIC_LVT_TIMER; o <= LAPIC_LVT_ERROR; o += 16)
			atomic_fetch_or((u32 *)(l->page + o), (u32)LAPIC_LVT_MASKED);
	}
	if (apicv)
		apicv->refresh(l->vcpu); /* it may take IPIs now, or no more */
	l->vcpu->recheck = true;
}

/* One write; -EINVAL: no register that is written. */
static int write_reg(struct vlapic *l, u32 offset, u32 value)
{
	switch (offset) {
	case LAPIC_TPR:
		vlapic_set_reg(l, LAPIC_TPR, value & 0xff);
		l->vcpu->port->irq_exits[IRQ_EXIT_TPR]++;
		l->vcpu->recheck = true;
		return 0;
	case LAPIC_EOI:
		eoi(l);
		return 0;
	case LAPIC_LDR:
		vlapic_set_reg(l, LAPIC_LDR, value & 0xff000000);
		return 0;
	case LAPIC_DFR:
		vlapic_set_reg(l, LAPIC_DFR, value | 0x0fffffff);
		return 0;
	case LAPIC_SVR:
		write_svr(l, value);
		return 0;
	case LAPIC_ESR:
		/* Any order: an error is in this write's or in the next one's. */
		vlapic_set_reg(l, LAPIC_ESR, atomic_xchg(&l->esr_pending, 0));
		return 0;
	case LAPIC_ICR:
		vlapic_set_reg(l, LAPIC_ICR, value & VLAPIC_ICR_BITS);
		vlapic_send(l, value, vlapic_reg(l, LAPIC_ICR_HIGH) >> 24);
		return 0;
	case LAPIC_ICR_HIGH:
		vlapic_set_reg(l, LAPIC_ICR_HIGH, value & 0xff000000);
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

/* An x2APIC's ICR. */
static void write_icr(struct vlapic *l, u32 low, u32 dest)
{
	vlapic_set_reg(l, LAPIC_ICR_HIGH_X2, dest);
	vlapic_set_reg(l, LAPIC_ICR, low & VLAPIC_ICR_BITS);
	/* Fixed delivery is 0. */
	if ((low & (LAPIC_ICR_SHORTHAND | LAPIC_LVT_MODE)) == LAPIC_ICR_SELF)
		send_self(l, (u8)low);
	else
		vlapic_send(l, low, dest);
}

void vlapic_write_exit(struct vcpu *v, const struct vm_exit *e)
{
	struct vlapic *l = v->lapic;
	u32 offset = e->apic_write.offset & ~0xfu, value = vlapic_reg(l, offset);

	if (offset == LAPIC_ICR && vlapic_x2apic(l))
		write_icr(l, value, vlapic_reg(l, LAPIC_ICR_HIGH_X2));
	else if (offset == LAPIC_ID)
		vlapic_show_fixed(l); /* it cannot be changed */
	else if (offset == LAPIC_SELF_IPI && vlapic_x2apic(l))
		send_self(l, (u8)value);
	else if (write_reg(l, offset, value) && !exists(offset))
		vlapic_error(l, LAPIC_ESR_ILLEGAL_REG);
}

int vlapic_mmio(struct vlapic *l, u32 offset, u64 *value, u32 size, bool write)
{
	bool aligned = !(offset & 0xf);

	/* Only aligned 32-bit accesses are defined; reads inside a register give its bytes. */
	if (!write) {
		u32 whole = exists(offset & ~0xfu) ? read_reg(l, offset & ~0xfu) : 0;
		u32 shift = (offset & 3) * 8;

		*value = (offset & 0xf) < 4 ?
				 (whole >> shift) & (u32)BITS(size >= 4 ? 31 : size * 8 - 1, 0) :
				 0;
		if (aligned && !exists(offset))
			vlapic_error(l, LAPIC_ESR_ILLEGAL_REG);
		return 0;
	}
	if (!aligned || size != 4)
		return 0;
	/* A register that is only read ignores it; an error is what is reserved. */
	if (write_reg(l, offset, (u32)*value) && !exists(offset))
		vlapic_error(l, LAPIC_ESR_ILLEGAL_REG);
	return 0;
}

/* Of the xAPIC's registers (SDM vol. 3, "Local APIC Register Address Map Supported by x2APIC"). */
static bool x2apic_readable(u32 offset)
{
	return offset != LAPIC_APR && offset != LAPIC_EOI && offset != LAPIC_RRD &&
	       offset != LAPIC_DFR && offset != LAPIC_ICR_HIGH;
}

int vlapic_rdmsr(struct vlapic *l, u32 msr, u64 *value)
{
	u32 offset = (msr - MSR_X2APIC_BASE) * 16;

	if (msr == MSR_TSC_DEADLINE) {
		*value = vlapic_timer_deadline(l);
		return 0;
	}
	if (!vlapic_x2apic(l) || !exists(offset) || !x2apic_readable(offset))
		return -EINVAL;
	*value = read_reg(l, offset);
	if (offset == LAPIC_ICR)
		*value |= (u64)vlapic_reg(l, LAPIC_ICR_HIGH_X2) << 32;
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
	case LAPIC_ICR: /* the destination is in the upper half */
		return !((u32)value & ~(VLAPIC_ICR_BITS | (u32)LAPIC_ICR_PENDING));
	}
	if (offset >= LAPIC_LVT_TIMER && offset <= LAPIC_LVT_ERROR)
		return !(value & ~(u64)(vlapic_lvt_mask(offset) | lvt_read_only(offset)));
	return !(value >> 32);
}

int vlapic_wrmsr(struct vlapic *l, u32 msr, u64 value)
{
	u32 offset = (msr - MSR_X2APIC_BASE) * 16;

	if (msr == MSR_TSC_DEADLINE) {
		vlapic_timer_set_deadline(l, value);
		return 0;
	}
	if (offset == LAPIC_EOI && likely(vlapic_x2apic(l)) && likely(!value)) {
		eoi(l);
		return 0;
	}
	if (!vlapic_x2apic(l) || !x2apic_write_valid(offset, value))
		return -EINVAL;
	if (offset == LAPIC_SELF_IPI) {
		send_self(l, (u8)value);
		return 0;
	}
	if (offset == LAPIC_ICR) {
		write_icr(l, (u32)value, (u32)(value >> 32));
		return 0;
	}
	return write_reg(l, offset, (u32)value);
}
