/* For expat: formats of its debugging output. */
#pragma once

#include "lib/types.h"

#define PRIdPTR "ld"
#define PRIuPTR "lu"
