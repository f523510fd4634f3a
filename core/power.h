/*
 * Ending the host in an orderly way.
 */
#pragma once

/* Maps the reset register where that lies in memory. Once, after acpi_init(). */
void power_init(void);

/*
 * Prints "plinth: powering off", switches the machine off (ACPI S5, else emulators' ports), else
 * halts.
 */
__attribute__((noreturn)) void power_off(void);

/* Prints "plinth: resetting" and resets (ACPI reset register, 0xcf9, i8042, triple fault). */
__attribute__((noreturn)) void power_reset(void);
