/* For expat: lib's functions are the C library's. */
#pragma once

#include "lib/string.h"
