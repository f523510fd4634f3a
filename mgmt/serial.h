/*
 * Guests' serial ports on the host's side: what guests write is taken at once, kept in a scroll-back, and
 * shown where somebody is attached or follow= asks for it.
 */
#pragma once

#include "lib/types.h"

struct vm;
struct serial;

/* Takes over a VM's serial ports. Before the manager runs. */
void serial_add(struct vm *vm);

/* A VM's serial port; NULL: it has none of that number. */
struct serial *serial_find(const struct vm *vm, u32 port);

/*
 * Returns when all that a VM's guest wrote has been moved on, an unfinished line too. The VM has ended.
 * The keeper's thread.
 */
void serial_sync(struct vm *vm);

/* The rest is for the manager's thread. */

/* Moves a piece of what each guest wrote; true: there may be more. */
bool serial_poll(void);

/* When serial_poll() wants to be called though nobody woke the manager; ~0: not. */
u64 serial_deadline(void);

/* Prints the scroll-back, and from now on whatever comes, as it is. NULL: nobody's output any more. */
void serial_attach(struct serial *s);

/* Bytes for the guest; how many it had room for. A guest that does not run takes them all. */
size_t serial_input(struct serial *s, const u8 *data, size_t n);
