/*
 * The shell's connection to a guest's serial port. All of it is for the shell's thread; what is
 * shown is moved by the manager's.
 */
#pragma once

#include "lib/types.h"

struct vm;

/* True while keys are for shell_attach_key(). */
bool shell_attached(void);

/* Prints the scroll-back, then what comes. Takes over a reference of the caller's to vm. */
void shell_attach(struct vm *vm, u32 port);

/*
 * Attaches to the console of the next domain that runs, after the one that is attached; false:
 * there is none.
 */
bool shell_attach_next(void);

/* A byte that was typed. */
void shell_attach_key(u8 byte);

/* When no more bytes are there: hands them on. */
void shell_attach_idle(void);

/* When shell_attach_idle() wants to be called though nothing is typed; ~0: never. */
u64 shell_attach_deadline(void);
