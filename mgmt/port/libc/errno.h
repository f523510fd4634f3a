/* For expat: it sets errno for getenv() and friends, and nobody reads it. */
#pragma once

#define errno (*(int[]){ 0 })
