/*
 * Names for our own string and format functions in the tests of those: the C library's are what
 * they are compared with. Forced in front of every file by the test's flags.
 */
#pragma once

#define STRING_UNDER_TEST 1

#define memcpy    plinth_memcpy
#define memmove   plinth_memmove
#define memset    plinth_memset
#define memcmp    plinth_memcmp
#define memchr    plinth_memchr
#define strlen    plinth_strlen
#define strnlen   plinth_strnlen
#define strcmp    plinth_strcmp
#define strncmp   plinth_strncmp
#define strchr    plinth_strchr
#define strrchr   plinth_strrchr
#define snprintf  plinth_snprintf
#define vsnprintf plinth_vsnprintf
