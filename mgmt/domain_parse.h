/*
 * What the parts of reading a domain's document share: the state while it is read, and words that the
 * writer uses, too. Private to mgmt/domain_*.c.
 */
#pragma once

#include "mgmt/xml.h"
#include "vm/domain.h"

struct domain_builder {
	struct domain *d;
	bool have_uuid;
	bool have_initrd, have_cmdline, have_kernel;
	u64 unit;    /* of the memory size being read */
	u64 current; /* currentMemory in bytes; 0: absent */
	u32 current_line;
	s32 port;  /* of the serial port being read; -1: not given */
	u32 ports; /* serial ports that were named, as bits */
	bool console;
	u32 vcpus_now, vcpu_line; /* of <vcpu>: its attribute current, 0: absent; where it is */
	u32 topology_line;
	bool have_model;
	struct domain_cpu_feature cpu_feature; /* the one being read */
	u32 pin_vcpu;                          /* of the vcpupin being read */
	struct cpuset pin_cpus;                /* and its soft ones, in plinth:vcpupin */
	u32 pin_max, pin_line;                 /* the highest vCPU that was pinned, and where */
	bool have_adjustment, have_basis, have_start;
	u32 kvm_bit; /* DOMAIN_KVM_* of the element being read */
	u32 timers; /* of enum domain_timer and DOMAIN_TIMERS for kvmclock and the TSC, as bits: those that were read */
	int timer; /* the one being read */
	enum tick_policy timer_ticks;
	bool timer_present, timer_absent;
	u64 timer_hz;
};

/* Of a document that is being read. */
struct domain_builder *domain_builder(struct xml *x);
struct domain *domain_of(struct xml *x);

/* Refuses any value but expected. */
int domain_only(struct xml *x, const char *value, const char *expected) __must_check;

#define XML_ATTRS(...)    ((const struct xml_attr[]){ __VA_ARGS__, { .name = NULL } })
#define XML_CHILDREN(...) ((const struct xml_element[]){ __VA_ARGS__, { .name = NULL } })

/* Words of values, by enum. */
extern const char *const domain_action_names[3];
extern const char *const domain_core_names[3];
extern const char *const domain_numa_names[4]; /* the first is none */
extern const char *const domain_clock_names[4];
extern const char *const domain_cpu_names[4], *const domain_match_names[4];
extern const char *const domain_check_names[4], *const domain_fallback_names[3];
extern const char *const domain_migratable_names[3], *const domain_policy_names[5];
extern const char
	*const domain_timer_names[DOMAIN_TIMERS + 2]; /* the last are kvmclock and the TSC */
extern const char *const domain_tick_names[5];        /* by enum tick_policy; the first is none */
/* Features that say what is so anyway: names, and the states that they may be said to have. */
struct domain_feature {
	const char *name;
	const char *state; /* NULL: it is not said */
	u32 bit;
};
extern const struct domain_feature domain_features[5];
/* Children of <kvm>, in the order in which they are written: names, and their DOMAIN_KVM_*. */
struct domain_kvm_feature {
	const char *name;
	u32 bit;
};
extern const struct domain_kvm_feature domain_kvm_features[4];

/* Of domain_cpu.c: the CPU. */
extern const struct xml_attr domain_cpu_attrs[];
extern const struct xml_element domain_cpu_elements[];
int domain_end_cpu(struct xml *x) __must_check;
/* At the document's end: as many vCPUs as the topology has, and all of them from the start. */
int domain_check_vcpus(struct xml *x) __must_check;

/* Of domain_clock.c: the clock and timers. */
extern const struct xml_attr domain_clock_attrs[];
extern const struct xml_element domain_clock_elements[];
int domain_end_clock(struct xml *x) __must_check;

/* The namespace of what libvirt's document has no words for. */
#define DOMAIN_PLINTH_NS "urn:plinth:domain:1"

/* Of domain_tune.c: vCPUs and where they run, features. */
extern const struct xml_attr domain_plinth_sched_attrs[];
extern const struct xml_element domain_plinth_sched_elements[];
int domain_end_plinth_sched(struct xml *x) __must_check;
extern const struct xml_attr domain_vcpu_attrs[];
extern const struct xml_element domain_cputune[];
extern const struct xml_element domain_numatune[];
extern const struct xml_element domain_feature_elements[];
int domain_set_vcpus(struct xml *x, const char *text) __must_check;
/* At the document's end: pins are those of vCPUs that there are. */
int domain_check_pins(struct xml *x) __must_check;
