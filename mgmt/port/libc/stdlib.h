/* For expat: its memory, from the hypervisor's heap; the environment, which is empty. */
#pragma once

#include "lib/types.h"

/*
 * As in C, but the memory comes zeroed and all blocks together are bounded (libc.c): what one document
 * can make the parser take is limited. NULL: no more memory.
 */
void *malloc(size_t size);
void *realloc(void *p, size_t size);
void free(void *p);

static inline char *getenv(const char *name)
{
	(void)name;
	return NULL;
}

/* For numbers in the environment. */
static inline unsigned long strtoul(const char *s, char **end, int base)
{
	(void)base;
	*end = (char *)s;
	return 0;
}
