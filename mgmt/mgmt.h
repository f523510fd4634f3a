/*
 * Management: domains out of the boot set, their consoles, the shell. The composition root starts it
 * when everything else runs; the rest is done by the manager, one thread of the hypervisor's.
 */
#pragma once

/* Starts the manager, then every domain of the boot set. In a thread; once, after vm_init(). */
void mgmt_init(void);
