/*
 * The firmware's description of this machine: finds the ACPI tables and fills `host` (core/host.h).
 */
#pragma once

struct boot_info;

/*
 * Reads MADT, FADT, MCFG, HPET, SPCR, SRAT, SLIT, TPM2 and the DSDT's _S5_ package. Each table is mapped, copied, checked
 * and parsed from the copy; a broken one costs a warning that names it, the reason and what Plinth
 * goes without. 0, or -ENODEV when there is no usable root table; host names the boot CPU either
 * way. Boot CPU, once, after the kernel heap.
 */
int acpi_init(const struct boot_info *bi);
