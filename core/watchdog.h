/*
 * CPUs watch each other: one that takes no interrupts any more is a panic, which says where it is. Word
 * watchdog=SECONDS or off. With one CPU there is nobody to watch. docs/failures.md
 */
#pragma once

/* From now on. Boot CPU, once, when all CPUs run. */
void watchdog_start(void);
