/*
 * The posted-interrupt descriptor, as software uses it: who posts, and the thread of the vCPU. Its control word has
 * all that they must agree on, and changes by atomic operations alone: docs/apicv.md has the states and why nothing
 * is lost, tests/models/posted.pml checks them.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct pi_desc;

/* What is left to whoever posted. */
enum posted_next {
	POSTED_NOTHING, /* another has notified, and the vCPU has yet to look */
	POSTED_NOTIFY,  /* send the notification to the CPU */
	POSTED_WAKE,    /* the vCPU does not run: ask its thread to look */
};

/* Posts vector. With POSTED_NOTIFY *ndst says where to. Any context. */
enum posted_next posted_post(struct pi_desc *d, u8 vector, u32 *ndst);

/*
 * From now on posts are notified at ndst, by IRQ_VECTOR_POSTED: the vCPU's thread, which is there, takes or enters
 * with them; or by IRQ_VECTOR_WAKE_UP: its thread is to be asked, which software that posts does at once. True:
 * something was posted before that, and perhaps notified elsewhere, so it must look by itself.
 */
bool posted_listen(struct pi_desc *d, u8 notification, u32 ndst) __must_check;
/*
 * Behind it, where hardware posts, too: this sets no ON while SN is set. True: it did so, and ON is set now.
 */
bool posted_quietly(struct pi_desc *d) __must_check;
/* As posted_listen() said before, where it has not moved since. */
void posted_resume(struct pi_desc *d);
/* From now on software that posts asks the thread, and hardware leaves it to posted_quietly(). */
void posted_suppress(struct pi_desc *d);

/* Takes what was posted. False: nothing. On the vCPU's thread, not in guest mode. */
bool posted_take(struct pi_desc *d, u64 requests[4]) __must_check;
