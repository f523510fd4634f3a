/*
 * Which devices are the host's consoles: what the `console=` word names (docs/boot.md), else COM1 and what
 * the firmware says.
 */
#pragma once

struct boot_info;

/*
 * Reads the word and adds the consoles behind legacy ports, polled. Needs the command line, nothing else.
 * A console that is not there costs a warning.
 */
void consoles_init(void);

/* In place of consoles_late() where there is not going to be an mm_init(): adds the screen. */
void consoles_refusal(const struct boot_info *bi);

/* Adds the others. After mm_init() and acpi_init(). Boot CPU, once. */
void consoles_late(const struct boot_info *bi);
