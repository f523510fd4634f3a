/*
 * The virtual local APIC's timer (SDM vol. 3, "APIC Timer"): one-shot, periodic and TSC-deadline. Its
 * input clock is 25 MHz, as the crystal's of common CPUs.
 */
#pragma once

#include "lib/types.h"

#define VLAPIC_TIMER_HZ 25000000u
#define VLAPIC_TICK_NS  40u

struct state;
struct vlapic;

void vlapic_timer_init(struct vlapic *l);
/* Off, as after a reset; its registers have been reset. */
void vlapic_timer_reset(struct vlapic *l);
void vlapic_timer_set_initial(struct vlapic *l, u32 value);
void vlapic_timer_set_divide(struct vlapic *l, u32 value);
u32 vlapic_timer_current(const struct vlapic *l);
u64 vlapic_timer_deadline(const struct vlapic *l);
void vlapic_timer_set_deadline(struct vlapic *l, u64 tsc);
/* The guest's TSC was set: a deadline is on its scale. */
void vlapic_timer_tsc_changed(struct vlapic *l);
/* LVT_TIMER was written. */
void vlapic_timer_lvt_changed(struct vlapic *l);
void vlapic_timer_state(struct vlapic *l, struct state *s);
