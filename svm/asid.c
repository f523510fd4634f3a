/*
 * Address space identifiers, which tag TLB entries (AMD APM vol. 2, "TLB Control"). Each CPU hands out
 * its own, rising; when none is left it flushes all and begins a new generation. A vCPU flushes by
 * taking a fresh one, or where the CPU can, by flushing its own.
 */
#include "svm/backend.h"

#include "arch/percpu.h"

struct asid_cpu {
	u64 generation; /* from 1 */
	u32 next;       /* ASID 0 is the host's */
	u32 count;
};
static PERCPU struct asid_cpu asid_cpu; /* owner: this CPU, interrupts off */

void asid_cpu_init(u32 asids)
{
	/* Not a new generation 1: vCPUs may hold ASIDs from before virtualization was off. */
	struct asid_cpu *a = this_cpu(asid_cpu);

	a->generation++;
	a->next = 1;
	a->count = asids;
}

void asid_load(struct hvm_vcpu *s, u32 cpu)
{
	if (s->cpu != (s32)cpu || s->asid_generation != this_cpu(asid_cpu)->generation) {
		/* Its old ASID here may have stale translations, and another CPU's means nothing. */
		s->cpu = (s32)cpu;
		s->asid = 0;
		s->work |= WORK_ASID;
		vmcb_changed(s, CLEAN_ALL);
	}
}

static void asid_take(struct hvm_vcpu *s)
{
	struct asid_cpu *a = this_cpu(asid_cpu);

	if (a->next >= a->count) {
		a->generation++;
		a->next = 1;
		s->vmcb->control.tlb_control = TLB_FLUSH_ALL;
		s->work |= WORK_TLB;
	}
	s->asid = a->next++;
	s->asid_generation = a->generation;
	s->vmcb->control.asid = s->asid;
	vmcb_changed(s, CLEAN_ASID);
}

void asid_assign(struct hvm_vcpu *s)
{
	if (s->asid && svm_caps.flush_by_asid) {
		s->vmcb->control.tlb_control = TLB_FLUSH_ASID;
		s->work |= WORK_TLB;
	} else {
		asid_take(s);
	}
}

void asid_flush(struct hvm_vcpu *s)
{
	s->work |= WORK_ASID;
}

void asid_flush_failed(void)
{
	struct asid_cpu *a = this_cpu(asid_cpu);

	a->next = a->count;
}
