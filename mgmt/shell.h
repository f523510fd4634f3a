/*
 * The shell on the host's console. Everything here is for the manager's thread.
 */
#pragma once

#include "lib/types.h"

struct serial;

/* Takes the console's input and says how to use it. */
void shell_start(void);

/* Handles what was typed; true: there was something. */
bool shell_poll(void);

/* When shell_poll() wants to be called though nobody woke the manager; ~0: not. */
u64 shell_deadline(void);

/* Takes the prompt and what was typed off the screen, and shows them again. */
void shell_hide(void);
void shell_show(void);

/* From now on input goes to that serial port, until Ctrl-]. For commands. */
void shell_attach(struct serial *s);
