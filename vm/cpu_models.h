/*
 * CPU models and features by libvirt's names: const tables out of its cpu_map, that tools/mkcpumodels has
 * flattened. What of it this machine can offer is vm/cpu_choice.h's matter.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

#define CPU_SET_WORDS    12
#define CPU_FEATURES_MAX (CPU_SET_WORDS * 32)

/* Features, by their numbers in the table. */
struct cpu_set {
	u32 word[CPU_SET_WORDS];
};

/* Where features are shown. */
struct cpu_place {
	u32 leaf; /* or the MSR's index */
	u16 subleaf;
	u16 reg; /* 0 to 3: EAX to EDX; CPU_PLACE_MSR and the next: an MSR's halves */
};
#define CPU_PLACE_MSR 4

struct cpu_feature_row {
	u16 name; /* in cpu_feature_names */
	u8 place; /* in cpu_places */
	u8 bit;
};

struct cpu_model_row {
	u16 name;      /* in cpu_model_names */
	u8 vendor;     /* in cpu_vendor_names; 0: none in particular */
	bool decode;   /* may be what a host's CPU is called */
	u32 signature; /* leaf 1's EAX; 0: none in particular */
	struct cpu_set features;
};

extern const struct cpu_place cpu_places[];
extern const char cpu_feature_names[], cpu_model_names[];
extern const struct cpu_feature_row cpu_feature_rows[];
extern const u32 cpu_feature_count;
extern const struct cpu_model_row cpu_model_rows[];
extern const u32 cpu_model_count;
#define CPU_VENDORS 4
extern const char *const cpu_vendor_names[CPU_VENDORS]; /* "", "Intel", "AMD", "Hygon" */
extern const char *const cpu_vendor_ids[CPU_VENDORS];   /* as CPUID has them */

static inline const char *cpu_feature_text(u32 feature)
{
	return cpu_feature_names + cpu_feature_rows[feature].name;
}

static inline const char *cpu_model_text(u32 model)
{
	return cpu_model_names + cpu_model_rows[model].name;
}

/* By name: the number, or -ENOENT. */
int cpu_feature_find(const char *name) __must_check;
int cpu_model_find(const char *name) __must_check;

static inline bool cpu_set_has(const struct cpu_set *s, u32 feature)
{
	return s->word[feature / 32] >> feature % 32 & 1;
}

static inline void cpu_set_add(struct cpu_set *s, u32 feature)
{
	s->word[feature / 32] |= 1u << feature % 32;
}

static inline void cpu_set_drop(struct cpu_set *s, u32 feature)
{
	s->word[feature / 32] &= ~(1u << feature % 32);
}
