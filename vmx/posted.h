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

/* From now on posts are notified by vector at ndst; the vCPU's thread, which is there, takes or enters with them. */
void posted_listen(struct pi_desc *d, u8 vector, u32 ndst);
/* The same where it said so before, and has not moved since. */
void posted_resume(struct pi_desc *d);
/* From now on posters wake the thread. True: something was posted before that, so it must look by itself. */
bool posted_suppress(struct pi_desc *d) __must_check;

/* Takes what was posted. False: nothing. On the vCPU's thread, not in guest mode. */
bool posted_take(struct pi_desc *d, u64 requests[4]) __must_check;
