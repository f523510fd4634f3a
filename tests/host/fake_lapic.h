/*
 * A virtual local APIC without a guest, for tests of its registers and of its state: one vCPU's, with an
 * interrupt controller that notes EOIs. Include fake_lapic.c in a test's sources.
 */
#pragma once

#include "lib/types.h"
#include "vm/lapic.h"

extern struct vlapic *l;

/* The vectors whose EOI was broadcast. */
extern u8 eois[64];
extern u32 eoi_count;

/* After power-up; then also enabled, all interrupts welcome. */
void start(void);
void start_on(void);

u32 rd(u32 offset);
void wr(u32 offset, u32 value);

/* An interrupt arrives; what the CPU would take, and takes (-1: nothing). */
void post(u8 vector, bool level);
int take(void);
