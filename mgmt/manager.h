/*
 * How other threads and interrupt handlers get the manager to look at what they left for it.
 */
#pragma once

/* Any context in which a thread may be woken. */
void manager_wake(void);
