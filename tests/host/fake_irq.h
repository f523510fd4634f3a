/*
 * For `flags: -include tests/host/fake_irq.h`: a program may not switch the CPU's interrupts off.
 */
#pragma once

#include "arch/cpu.h"

#define irq_save()         0ULL
#define irq_restore(flags) ((void)(flags))
