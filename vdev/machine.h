/*
 * Where the guest's machine has what no hardware manual fixes: q35's places, which firmware for
 * that machine expects. Shared by the devices and the ACPI tables that describe them.
 */
#pragma once

#define PM_PORT       0x600 /* the ACPI fixed hardware's block */
#define PM_EVT        0     /* offsets: status, enable */
#define PM_EVT_LEN    4
#define PM_CNT        4
#define PM_CNT_LEN    2
#define PM_TMR        8
#define PM_TMR_LEN    4
#define PM_LEN        12
#define PM_SCI        9 /* level-triggered, active high */
#define PM_SLP_TYP_S5 0 /* of control, bits 12..10; _S5 says the same */

/* The reset control register (ICH9 data sheet, "Reset Control Register") */
#define RESET_PORT 0xcf9
#define RESET_SYS  0x02 /* hard reset rather than INIT */
#define RESET_CPU  0x04 /* 0 to 1 resets */

#define MACHINE_LAPIC 0xfee00000u

/* PCI configuration space by memory, of 256 buses, and where the host bridge says so (Intel 3 Series data sheet, 5.1.16). */
#define MACHINE_ECAM        0xe0000000u
#define MACHINE_ECAM_SIZE   0x10000000u
#define MACHINE_PCIEXBAR    0x60
#define MACHINE_PCIEXBAR_ON 1u /* and of 256 MiB */

/* Where the bus's functions may have memory: what is left below the I/O APIC. */
#define MACHINE_PCI_LOW      0xc0000000u
#define MACHINE_PCI_LOW_END  0xe0000000u
#define MACHINE_PCI_HIGH     0xf0000000u
#define MACHINE_PCI_HIGH_END 0xfec00000u

/* The HPET: Intel's, revision 1, three timers of 64 bits, a count of 10 ns; its own I/O APIC pins as the ICH9's. */
#define MACHINE_HPET   0xfed00000u
#define HPET_HZ        100000000u
#define HPET_ID        0x8086a201u
#define HPET_GSI_FIRST 20u
#define HPET_GSI_COUNT 4u
#define HPET_GSIS      (((1u << HPET_GSI_COUNT) - 1) << HPET_GSI_FIRST)
#define HPET_MIN_TICK  5000u /* counts: no timer fires more often */
