/*
 * The last part of the start: virtualization, the devices' table, and then what there is to do.
 */
#pragma once

/* Starts the thread that does it, since some of it waits for other CPUs. */
void guests_start(void);
