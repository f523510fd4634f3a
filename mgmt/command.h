/*
 * The commands: one table of them, whoever asks.
 */
#pragma once

/* Runs a line: a command and its arguments, separated by blanks. line is changed. The manager's thread. */
void command_run(char *line);
