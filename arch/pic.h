/*
 * The two 8259A interrupt controllers, which Plinth does not use.
 */
#pragma once

/*
 * Moves them off the exceptions' vectors, to 0x20..0x2f, and masks all their lines. A spurious one may
 * come nevertheless and is ignored. Boot CPU, once, interrupts off.
 */
void pic_disable(void);
