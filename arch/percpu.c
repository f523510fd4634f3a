/*
 * Where each CPU's copy of the .percpu section is, and the variables that every copy starts with.
 */
#include "arch/percpu.h"
#include "arch/cpu.h"
#include "arch/entry.h"
#include "arch/smp.h"
#include "core/panic.h"
#include "lib/atomic.h"
#include "lib/string.h"

extern char percpu_start[], percpu_end[], percpu_template[];

/* linker.ld puts it first: arch/percpu.h reads it at GS:0 and GS:8. The boot CPU's copy is the section. */
static __section(".percpu.first") __used struct {
	u64 self_offset;
	u32 locks;
} head;
static_assert(offsetof(__typeof__(head), locks) == 8, "arch/percpu.h");
static PERCPU u32 index;

static u64 offsets[MAX_CPUS];
static u32 online = 1;

u64 percpu_offset_of(u32 cpu)
{
	return offsets[cpu];
}

u32 cpu_id(void)
{
	return *this_cpu(index);
}

u32 cpu_count(void)
{
	/* pairs with the release in smp_set_online() */
	return atomic_load_acquire(&online);
}

void smp_set_online(u32 count)
{
	/* pairs with the acquire in cpu_count(): a counted CPU's per-CPU area is set up */
	atomic_store_release(&online, count);
}

size_t percpu_size(void)
{
	return ALIGN_UP((size_t)(percpu_end - percpu_start), PAGE_SIZE);
}

void percpu_register(u32 cpu, void *area)
{
	ASSERT(cpu < MAX_CPUS);
	offsets[cpu] = (u64)area - (u64)percpu_start;
	memcpy(area, percpu_template, (size_t)(percpu_end - percpu_start));
	other_cpu(head, cpu)->self_offset = offsets[cpu];
	*other_cpu(index, cpu) = cpu;
}

extern u64 __stack_chk_guard; /* boot/entry.asm */

__attribute__((no_stack_protector)) void stack_guard_set(u64 value)
{
	__stack_chk_guard = value & ~0xffULL; /* a zero byte stops string functions */
}

__noreturn void __stack_chk_fail(void)
{
	panic("stack overflow into a canary, called from %p", __builtin_return_address(0));
}
