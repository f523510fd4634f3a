/*
 * The tables of CPU models and features, and looking names up in them.
 */
#include "vm/cpu_models.h"

#include "lib/errno.h"
#include "lib/string.h"

#include <build/deps/cpumap/models.inc>

int cpu_feature_find(const char *name)
{
	for (u32 i = 0; i < cpu_feature_count; i++) {
		if (!strcmp(cpu_feature_text(i), name))
			return (int)i;
	}
	return -ENOENT;
}

int cpu_model_find(const char *name)
{
	for (u32 i = 0; i < cpu_model_count; i++) {
		if (!strcmp(cpu_model_text(i), name))
			return (int)i;
	}
	return -ENOENT;
}
