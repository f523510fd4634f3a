/*
 * The driver's threads. An interrupt handler only wakes: ending a request means to take its pages from the device, which takes
 * locks and may wait for an IOMMU, and that is a thread's work. While many requests are in flight the queue's thread
 * looks for completions again and again, giving way in between, so that interrupts find it awake.
 */
#include "core/clock.h"
#include "core/log.h"
#include "core/thread.h"
#include "drivers/nvme/nvme.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/fmt.h"

#define BUSY      8u  /* so many in flight: the thread polls */
#define POLLS_MAX 64u /* without finding anything */

static void keeper_main(void *arg)
{
	struct nvme *c = arg;

	if (!nvme_bring_up(c)) {
		/* Pairs with nvme_threads_stop(). */
		while (!atomic_load_acquire(&c->stop_wanted)) {
			nvme_service(c);
			thread_block_until(clock_ns() + NVME_TICK_NS);
		}
	}
	nvme_die(c, "it was taken out");
}

static void namespaces_main(void *arg)
{
	struct nvme *c = arg;

	while (!nvme_serve_namespaces(c) || atomic_load_acquire(&c->stop_wanted) < 2)
		thread_block();
}

static bool is_busy(struct nvme_queue *q)
{
	return READ_ONCE(q->in_flight) >= BUSY;
}

static void queue_main(void *arg)
{
	struct nvme_queue *q = arg;
	u32 empty = 0;

	while (atomic_load_acquire(&q->c->stop_wanted) < 2) {
		(void)atomic_xchg(&q->woken,
				  false); /* before the look: pairs with nvme_interrupt() */
		empty = nvme_queue_drain(q) ? 0 : empty + 1;
		if (!empty || (is_busy(q) && empty < POLLS_MAX)) {
			thread_yield();
			continue;
		}
		empty = 0;
		if (!atomic_load_acquire(&q->woken))
			thread_block();
	}
}

static struct thread *make(const char *name, u32 n, void (*fn)(void *), void *arg, s32 cpu)
{
	char text[24];
	struct thread_spec spec = { .name = text, .fn = fn, .arg = arg, .cpu = cpu };

	snprintf(text, sizeof(text), "%s/%u", name, n);
	return thread_create(&spec);
}

int nvme_queue_thread(struct nvme_queue *q)
{
	q->cpu = (q->id - 1u) % q->c->wanted_queues;
	q->thread = make(q->c->name, q->id, queue_main, q, (s32)q->cpu);
	if (!q->thread)
		return -ENOMEM;
	thread_start(q->thread);
	return 0;
}

int nvme_threads_start(struct nvme *c)
{
	c->keeper = make("nvme-keeper", c->number, keeper_main, c, -1);
	c->namespaces = make("nvme-ns", c->number, namespaces_main, c, -1);
	if (c->keeper && c->namespaces) {
		thread_start(c->namespaces);
		thread_start(c->keeper);
		return 0;
	}
	if (c->keeper)
		thread_join(c->keeper);
	if (c->namespaces)
		thread_join(c->namespaces);
	return -ENOMEM;
}

void nvme_threads_stop(struct nvme *c)
{
	/* Pairs with the threads' loads. */
	atomic_store_release(&c->stop_wanted, 1);
	thread_wake(c->keeper);
	thread_join(c->keeper);
	c->keeper = NULL;
	atomic_store_release(&c->stop_wanted, 2);
	thread_wake(c->namespaces);
	thread_join(c->namespaces);
	c->namespaces = NULL;
	for (u32 i = 0; i < c->queue_count; i++) {
		if (!c->io[i].thread)
			continue;
		thread_wake(c->io[i].thread);
		thread_join(c->io[i].thread);
		c->io[i].thread = NULL;
	}
}

void nvme_wake_keeper(struct nvme *c)
{
	if (c->keeper)
		thread_wake(c->keeper);
}

void nvme_wake_namespaces(struct nvme *c)
{
	thread_wake(c->namespaces);
}

void nvme_interrupt(struct nvme *c, u32 vector)
{
	if (!vector)
		nvme_wake_keeper(c);
	for (u32 i = 0; i < c->queue_count; i++) {
		struct nvme_queue *q = &c->io[i];

		if ((c->vectors > 1 ? q->id : 0) != vector || !q->thread)
			continue;
		atomic_store_release(&q->woken, true); /* pairs with queue_main() */
		thread_wake(q->thread);
	}
}

void nvme_pause(struct nvme *c, u64 ns)
{
	(void)c;
	thread_block_until(clock_ns() + ns);
}
