/*
 * The shell on the host's console: a thread that edits a line, runs it by the command table, and
 * passes keys on to the guest whose console is attached.
 */
#pragma once

/* Takes the console's input, starts the shell's thread and says how to use it. Once. */
void shell_start(void);
