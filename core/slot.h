/*
 * The slot of a disk that this Plinth was booted from, as the boot loader's words have it: slot=NAME;
 * slot-failed=NAME, one that did not come up; confirm=cmos:BYTE:VALUE, that this boot is a trial.
 */
#pragma once

/* Logs what the words say. */
void slot_report(void);

/*
 * When all is started: notes, where the words ask for it, that this Plinth came up. That is VALUE (1 to 255) in
 * BYTE of the clock's CMOS memory: an alarm byte (1, 3, 5), or one from 0x30 on. Once, with nobody
 * else at the clock's ports.
 */
void slot_confirm(void);
