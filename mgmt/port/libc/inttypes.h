/* For expat: formats of its debugging output. */
#pragma once

#include <stdint.h>

#define PRIdPTR "ld"
#define PRIuPTR "lu"
