/*
 * Which events were traced: fake_trace.c.
 */
#pragma once

#include "lib/types.h"

extern u32 fake_traced;    /* by bits of enum trace_kind, since the test cleared it */
extern u8 fake_traced_sub; /* of the last one */
