/*
 * arch/lock.h: ranks, interrupts, what is held. One CPU; exclusion is tested in the emulator.
 *
 * sources: arch/lock.c
 * flags: -DPLINTH_DEBUG
 */
#include "arch/lock.h"
#include "tests/host/harness.h"

static struct spinlock vdev = SPINLOCK_INIT(RANK_VDEV, "vdev");
static struct spinlock heap = SPINLOCK_INIT(RANK_HEAP, "heap");
static struct spinlock heap2 = SPINLOCK_INIT(RANK_HEAP, "heap2");
static struct spinlock page = SPINLOCK_INIT(RANK_PAGE, "page");
static struct spinlock runq = SPINLOCK_INIT(RANK_RUNQ, "runq");

static void take_two(struct spinlock *a, struct spinlock *b)
{
	spin_lock(a);
	spin_lock(b);
}

TEST(rising_ranks_are_fine)
{
	CHECK(!spin_any_held());
	take_two(&vdev, &heap);
	spin_lock(&page);
	CHECK(spin_any_held());
	spin_unlock(&page);
	spin_unlock(&heap);
	CHECK(spin_any_held());
	spin_unlock(&vdev);
	CHECK(!spin_any_held());
}

TEST(falling_ranks_panic)
{
	CHECK_PANIC(take_two(&heap, &vdev));
}

TEST(equal_ranks_panic)
{
	CHECK_PANIC(take_two(&heap, &heap2));
}

TEST(taking_a_lock_twice_panics)
{
	CHECK_PANIC(take_two(&heap, &heap));
}

TEST(released_out_of_order)
{
	take_two(&vdev, &heap);
	spin_unlock(&vdev);
	/* heap is still held: its rank still counts, that of vdev no more. */
	CHECK_PANIC(spin_lock(&vdev));
	spin_lock(&page);
	spin_unlock(&heap);
	CHECK_PANIC(spin_lock(&heap));
	spin_unlock(&page);
	CHECK(!spin_any_held());
	take_two(&vdev, &heap);
	spin_unlock(&heap);
	spin_unlock(&vdev);
}

static void unlock_unheld(void)
{
	spin_unlock(&page);
}

TEST(releasing_what_is_not_held_panics)
{
	CHECK_PANIC(unlock_unheld());
}

TEST(locks_of_handlers_want_interrupts_off)
{
	/* Interrupts are on in a program. */
	CHECK_PANIC(spin_lock(&runq));
}

TEST(init_leaves_it_free)
{
	struct spinlock l = { .next = 7, .serving = 6 };

	spin_init(&l, RANK_VM, "fresh");
	for (int i = 0; i < 3; i++) {
		spin_lock(&l);
		spin_unlock(&l);
	}
	CHECK_EQ(l.next, l.serving);
	CHECK_STR(l.name, "fresh");
}
