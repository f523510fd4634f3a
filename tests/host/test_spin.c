/*
 * vm/spin.h: to whom a vCPU that spins gives its CPU.
 *
 * sources: vm/spin.c
 */
#include "vm/spin.h"
#include "tests/host/harness.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#include <string.h>

#define VCPUS 5

static struct vm vm;
static struct thread threads[VCPUS];
static struct vcpu spinner;
static u32 ready;  /* bit n: vCPU n's thread goes on when it is yielded to */
static s32 chosen; /* the vCPU that did; VCPUS: whoever is ready; -1: none yet */

bool thread_yield_to(struct thread *t)
{
	u32 i = (u32)(t - threads);

	CHECK(i < VCPUS && i != spinner.index && chosen < 0);
	CHECK(spinner.port->spins);
	if (!(ready & BIT(i)))
		return false;
	chosen = (s32)i;
	return true;
}

void thread_yield(void)
{
	CHECK(spinner.port->spins && chosen < 0);
	chosen = VCPUS;
}

static void setup(void)
{
	memset(&vm, 0, sizeof(vm));
	vm.vcpu_count = VCPUS;
	for (u32 i = 0; i < VCPUS; i++)
		vm.ports[i].thread = &threads[i];
	spinner = (struct vcpu){ .vm = &vm, .index = 1, .port = &vm.ports[1] };
}

static s32 spin(u32 now_ready)
{
	ready = now_ready;
	chosen = -1;
	vcpu_spins(&spinner);
	CHECK(!spinner.port->spins);
	return chosen;
}

TEST(who_does_not_spin_comes_first)
{
	setup();
	vm.ports[2].spins = vm.ports[4].spins = true;
	CHECK_EQ(spin(BIT(2) | BIT(3) | BIT(4)), 3);
	CHECK_EQ(spin(BIT(0) | BIT(2) | BIT(4)), 0);
	CHECK_EQ(spinner.port->yields_done, 2);
}

TEST(spinners_have_their_turns)
{
	setup();
	vm.ports[0].spins = vm.ports[2].spins = vm.ports[4].spins = true;
	u32 seen = 0;

	for (u32 i = 0; i < 3; i++)
		seen |= BIT(spin(BIT(0) | BIT(2) | BIT(4)));
	CHECK_EQ(seen, BIT(0) | BIT(2) | BIT(4));
	/* Also while all others are asked first. */
	seen = 0;
	for (u32 i = 0; i < 2; i++)
		seen |= BIT(spin(BIT(2) | BIT(4)));
	CHECK_EQ(seen, BIT(2) | BIT(4));
}

TEST(whoever_is_ready_where_none_of_its_own_is)
{
	setup();
	CHECK_EQ(spin(0), VCPUS);
	CHECK_EQ(spin(BIT(1)), VCPUS); /* not itself */
	CHECK_EQ(spinner.port->yields_tried, 2);
	CHECK_EQ(spinner.port->yields_done, 0);
	vm.vcpu_count = 1;
	spinner.index = 0;
	spinner.port = &vm.ports[0];
	CHECK_EQ(spin(BIT(0)), VCPUS);
}
