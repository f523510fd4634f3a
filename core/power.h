/*
 * Ending the host in an orderly way.
 */
#pragma once

/* Maps the reset register where that lies in memory. Once, after acpi_init(). */
void power_init(void);

/* What is to be done before the machine goes off or is restarted: devices are shut down. Once, at start. */
void power_set_hook(void (*fn)(void));

/*
 * Runs the hook, prints "plinth: powering off", switches the machine off (ACPI S5, else emulators' ports), else
 * halts. A thread.
 */
__attribute__((noreturn)) void power_off(void);

/* Runs the hook, then power_reset(). A thread. */
__attribute__((noreturn)) void power_restart(void);

/* Without the hook: prints "plinth: resetting" and resets (ACPI reset register, 0xcf9, i8042, triple fault). */
__attribute__((noreturn)) void power_reset(void);
