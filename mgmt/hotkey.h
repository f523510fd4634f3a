/*
 * The keys that do not go to the guest whose console is attached: Ctrl-] and Ctrl-A three times in a row.
 * A Ctrl-A is kept for a moment: it goes to the guest with the byte that follows, or when none does.
 */
#pragma once

#include "lib/types.h"

#define HOTKEY_COUNT   3u
#define HOTKEY_HOLD_NS 500000000ULL /* the next Ctrl-A comes before that */
#define HOTKEY_OUT_MAX HOTKEY_COUNT

enum hotkey_event {
	HOTKEY_NONE,
	HOTKEY_LEAVE, /* Ctrl-] */
	HOTKEY_NEXT,  /* Ctrl-A three times */
};

struct hotkey {
	u32 held;    /* so many Ctrl-A are kept */
	u64 held_ns; /* since then */
};

/* Handles a byte that came now: *n bytes in out are for the guest. */
enum hotkey_event hotkey_byte(struct hotkey *h, u8 byte, u64 now, u8 out[HOTKEY_OUT_MAX],
			      size_t *n);

/* Bytes for the guest that were kept for long enough; returns how many. */
size_t hotkey_expired(struct hotkey *h, u64 now, u8 out[HOTKEY_OUT_MAX]);

/* When hotkey_expired() will have some; ~0: never. */
u64 hotkey_deadline(const struct hotkey *h);
