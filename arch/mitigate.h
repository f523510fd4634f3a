/*
 * Clearing what a CPU remembers of the code that ran before. arch/mitigate.asm; core/mitigation.h decides when.
 */
#pragma once

/* Fills the return stack with places where nothing comes of a return. */
void mitigate_fill_returns(void);

/* VERW: on CPUs with MD_CLEAR or FB_CLEAR it overwrites their buffers. */
void mitigate_clear_buffers(void);
