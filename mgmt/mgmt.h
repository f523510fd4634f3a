/*
 * Management: domains out of the boot set, their consoles, the shell. The composition root starts it
 * when everything else runs; the rest is done by the manager, one thread of the hypervisor's.
 */
#pragma once

/* Reads the boot set's domains, starts the manager and the shell. In a thread; once, after vm_init(). */
void mgmt_init(void);

/* Starts every domain of the boot set, behind mgmt_init(); one may be at its end when this comes back. */
void mgmt_start_domains(void);
