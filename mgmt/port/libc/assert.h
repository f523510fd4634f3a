/* For expat: its assertions are left out, as in a release build. */
#pragma once

#define assert(cond) ((void)0)
