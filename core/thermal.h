/*
 * Temperature and throttling of all CPUs.
 */
#pragma once

#include "arch/thermal.h"

/* Asks each CPU in turn, by a thread that runs there: on a thread that may block. CPUs that no memory is left for are left out. */
void thermal_all(struct thermal *t);
