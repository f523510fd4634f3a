/*
 * A ring of trace records that one CPU writes and anyone reads, without a lock. Writers are that CPU's threads and the
 * interrupts in between; the oldest record goes when there is no room. A reader that is too slow is told how many it lost.
 */
#pragma once

#include "lib/atomic.h"
#include "lib/compiler.h"
#include "lib/string.h"
#include "lib/types.h"

#define TRACE_RING_RECORDS 2048u
#define TRACE_WORDS        4u

struct trace_record {
	u64 tsc;
	u64 a, b;
	u32 vm;   /* the number of the VM */
	u16 vcpu; /* whom it is about */
	u8 kind;  /* enum trace_kind; the kind says what the others are */
	u8 sub;
};
static_assert(sizeof(struct trace_record) == TRACE_WORDS * sizeof(u64), "words");

struct trace_slot {
	u64 seq; /* atomic: the record's number, from 1; 0: it is being written */
	u64 words[TRACE_WORDS];
};

struct trace_ring {
	u64 head; /* atomic: how many were begun */
	struct trace_slot slots[TRACE_RING_RECORDS];
};

/* On the ring's CPU; any context but NMI. */
static inline void trace_ring_put(struct trace_ring *ring, const struct trace_record *r)
{
	u64 number = atomic_fetch_add(&ring->head, 1), words[TRACE_WORDS];
	struct trace_slot *s = &ring->slots[number % TRACE_RING_RECORDS];

	memcpy(words, r, sizeof(words));
	atomic_store_relaxed(&s->seq, 0);
	/* Who reads a word of this record sees that the old one is gone: pairs with the fence in trace_ring_next(). */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	for (u32 i = 0; i < TRACE_WORDS; i++)
		atomic_store_relaxed(&s->words[i], words[i]);
	atomic_store_release(&s->seq, number + 1); /* pairs with the first load of it there */
}

/* A reader's place in a ring. */
struct trace_cursor {
	u64 next; /* the number of the record that it reads next, from 0 */
	u64 lost; /* how many were overwritten before it came to them */
};

/* The next record; false: there is none yet. */
static inline bool trace_ring_next(const struct trace_ring *ring, struct trace_cursor *c,
				   struct trace_record *r)
{
	for (;;) {
		u64 head = atomic_load_acquire(&ring->head), words[TRACE_WORDS], seq;
		const struct trace_slot *s;

		if (head - c->next > TRACE_RING_RECORDS) {
			c->lost += head - TRACE_RING_RECORDS - c->next;
			c->next = head - TRACE_RING_RECORDS;
		}
		s = &ring->slots[c->next % TRACE_RING_RECORDS];
		seq = atomic_load_acquire(
			&s->seq); /* pairs with the last store in trace_ring_put() */
		if (seq <= c->next)
			return false; /* not written yet; or again, which head says next time */
		for (u32 i = 0; i < TRACE_WORDS; i++)
			words[i] = atomic_load_relaxed(&s->words[i]);
		/* The words before the look whether they are still that record's: pairs with trace_ring_put(). */
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (seq != c->next + 1 || atomic_load_relaxed(&s->seq) != seq)
			continue; /* overwritten: head has gone on */
		c->next++;
		memcpy(r, words, sizeof(words));
		return true;
	}
}
