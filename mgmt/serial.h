/*
 * Guests' serial ports on the host's side: what guests write is kept in a scroll-back, and shown where
 * somebody is attached or follow= asks for it, as fast as the host's console takes it. Where it is not
 * shown, no guest waits; where it is, the guest's transmitter waits, and nothing is lost.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct vm;
struct serial;

/*
 * Takes over a VM's serial ports, before its first start. Any thread. -ENOMEM: none of them.
 */
int serial_add(struct vm *vm) __must_check;

/*
 * Gives them up: their scroll-backs go, and who is attached to one is so no more. The VM does not run
 * and will not. Any thread; returns when the manager has done it.
 */
void serial_remove(struct vm *vm);

/*
 * Returns when all that a VM's guest wrote has been moved on, an unfinished line too, and a mark has been
 * put behind it in the scroll-back. The VM has ended and does not start meanwhile. Any thread but the
 * manager's.
 */
void serial_sync(struct vm *vm);

/* The rest is for the manager's thread. */

/* A VM's serial port; NULL: it has none of that number. */
struct serial *serial_find(const struct vm *vm, u32 port);

/* Moves a piece of what each guest wrote; true: there may be more. */
bool serial_poll(void);

/* When serial_poll() wants to be called though nobody woke the manager; ~0: not. */
u64 serial_deadline(void);

/* Shows the scroll-back, and from now on whatever comes, as it is. NULL: nobody's output any more. */
void serial_attach(struct serial *s);

/* Whose output is shown; NULL: nobody's, or its domain has gone. */
struct serial *serial_attached(void);

/*
 * Bytes for the guest that is attached; how many it had room for. A guest that does not run takes them
 * all, and so does one that is not attached any more.
 */
size_t serial_input(struct serial *s, const u8 *data, size_t n);

/* What a port has seen since it was added. */
struct serial_counts {
	u64 from_guest, to_guest; /* bytes */
	u64 ignored;              /* bytes of input while the guest did not run */
	u64 held;                 /* how often its output waited because the console had no room */
	u64 longest_ns;           /* the longest of these waits */
};

void serial_counts(const struct serial *s, struct serial_counts *c);
