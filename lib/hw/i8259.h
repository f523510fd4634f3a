/*
 * The 8259A programmable interrupt controller (Intel 8259A data sheet), as the PC wires two of them.
 */
#pragma once

#include "lib/types.h"

#define PIC_MASTER      0x20 /* command; data at + 1 */
#define PIC_SLAVE       0xa0
#define PIC_ELCR        0x4d0 /* edge/level control, master; slave at + 1 */
#define PIC_CASCADE_IRQ 2

/* Initialisation command word 1: a command write with this bit */
#define PIC_ICW1_INIT     BIT(4)
#define PIC_ICW1_ICW4     BIT(0)
#define PIC_ICW1_SINGLE   BIT(1)
#define PIC_ICW4_AUTO_EOI BIT(1)
#define PIC_ICW4_NESTED   BIT(4)

/* Operation command word 3 has this bit, word 2 neither */
#define PIC_OCW3          BIT(3)
#define PIC_OCW3_READ     BIT(1)
#define PIC_OCW3_READ_ISR BIT(0)
#define PIC_OCW3_POLL     BIT(2)
#define PIC_OCW3_SMM_SET  BIT(6)
#define PIC_OCW3_SMM      BIT(5)

/* Operation command word 2: bits 7..5 */
enum pic_ocw2 {
	PIC_CLEAR_AUTO_ROTATE = 0,
	PIC_EOI = 1,
	PIC_EOI_SPECIFIC = 3,
	PIC_SET_AUTO_ROTATE = 4,
	PIC_EOI_ROTATE = 5,
	PIC_SET_PRIORITY = 6,
	PIC_EOI_SPECIFIC_ROTATE = 7,
};
