/*
 * Microcode from the boot set: the files intel-ucode.bin and amd-ucode.bin. docs/boot.md
 */
#pragma once

/* Boot CPU, on the boot path's page tables, before CPUID is read for good. */
void ucode_init(void);

/* Every other CPU, as it is started. */
void ucode_init_cpu(void);

/* Boot CPU, all CPUs being there: says what became of them. */
void ucode_report(void);
