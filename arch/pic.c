/*
 * Silences the 8259A pair that PC firmware leaves running (8259A data sheet, initialization words).
 */
#include "arch/pic.h"
#include "arch/io.h"

#define PIC1_COMMAND       0x20
#define PIC1_DATA          0x21
#define PIC2_COMMAND       0xa0
#define PIC2_DATA          0xa1
#define ICW1_INIT_ICW4     0x11
#define ICW3_PIC1_CASCADE  0x04 /* the other one is on line 2 */
#define ICW3_PIC2_IDENTITY 0x02
#define ICW4_8086          0x01
#define PIC_VECTOR_BASE    0x20
#define PIC_LINES          8
#define MASK_ALL           0xff

void pic_disable(void)
{
	outb(PIC1_COMMAND, ICW1_INIT_ICW4);
	outb(PIC2_COMMAND, ICW1_INIT_ICW4);
	outb(PIC1_DATA, PIC_VECTOR_BASE);
	outb(PIC2_DATA, PIC_VECTOR_BASE + PIC_LINES);
	outb(PIC1_DATA, ICW3_PIC1_CASCADE);
	outb(PIC2_DATA, ICW3_PIC2_IDENTITY);
	outb(PIC1_DATA, ICW4_8086);
	outb(PIC2_DATA, ICW4_8086);
	outb(PIC1_DATA, MASK_ALL);
	outb(PIC2_DATA, MASK_ALL);
}
