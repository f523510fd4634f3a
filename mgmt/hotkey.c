/*
 * Telling keys for the shell from keys for the guest.
 */
#include "mgmt/hotkey.h"

#include "lib/string.h"
#include "mgmt/lineedit.h"

static size_t release(struct hotkey *h, u8 *out)
{
	size_t n = h->held;

	memset(out, KEY_CTRL_A, n);
	h->held = 0;
	return n;
}

enum hotkey_event hotkey_byte(struct hotkey *h, u8 byte, u64 now, u8 out[HOTKEY_OUT_MAX], size_t *n)
{
	*n = hotkey_expired(h, now, out);
	if (byte == KEY_CTRL_A) {
		h->held_ns = now;
		if (++h->held < HOTKEY_COUNT)
			return HOTKEY_NONE;
		h->held = 0;
		return HOTKEY_NEXT;
	}
	*n += release(h, out + *n);
	if (byte == KEY_CTRL_BRACKET)
		return HOTKEY_LEAVE;
	out[(*n)++] = byte;
	return HOTKEY_NONE;
}

size_t hotkey_expired(struct hotkey *h, u64 now, u8 out[HOTKEY_OUT_MAX])
{
	return h->held && now >= h->held_ns + HOTKEY_HOLD_NS ? release(h, out) : 0;
}

u64 hotkey_deadline(const struct hotkey *h)
{
	return h->held ? h->held_ns + HOTKEY_HOLD_NS : ~0ULL;
}
