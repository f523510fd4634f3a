/*
 * What a domain is configured to be: libvirt's domain XML after parsing, as plain data. What is 0 or
 * empty was not said; docs/domain.md has the defaults.
 */
#pragma once

#include "lib/cpuset.h"
#include "lib/types.h"
#include "vm/cpu_models.h"

#define VM_MAX_VCPUS   64
#define VM_MAX_SERIALS 4

/* Sizes of texts, their NULs included. */
#define DOMAIN_NAME_MAX        64
#define DOMAIN_TITLE_MAX       128
#define DOMAIN_DESCRIPTION_MAX 1024
#define DOMAIN_METADATA_MAX    4096
#define DOMAIN_PATH_MAX        128
#define DOMAIN_INITRD_MAX      1024
#define DOMAIN_CMDLINE_MAX     2048

enum domain_action { ACTION_DESTROY, ACTION_RESTART, ACTION_PRESERVE };
/* What the guest's real-time clock is set to at a start. */
enum domain_clock {
	CLOCK_UTC,
	CLOCK_LOCALTIME, /* the same, since Plinth knows no time zone */
	CLOCK_VARIABLE,  /* clock_s seconds later than the host's */
	CLOCK_ABSOLUTE,  /* clock_s seconds after 1970 */
};
/* What becomes of a timer's ticks that could not be given in time, of those that libvirt names. */
enum tick_policy {
	TICK_UNSAID,  /* the timer's own: PIT catchup, RTC and HPET merge */
	TICK_DELAY,   /* all later ones come as much later */
	TICK_CATCHUP, /* they come faster than others until all were given */
	TICK_MERGE,   /* one stands for all that are due */
	TICK_DISCARD, /* those that are late by a period do not come */
};
enum domain_timer { TIMER_PIT, TIMER_RTC, TIMER_HPET, DOMAIN_TIMERS };
enum domain_cpu { CPU_UNSAID, CPU_HOST_PASSTHROUGH, CPU_HOST_MODEL, CPU_CUSTOM };
/* Of <cpu> and its <model>; 0: not said. */
enum cpu_match { CPU_MATCH_UNSAID, CPU_MATCH_EXACT, CPU_MATCH_MINIMUM, CPU_MATCH_STRICT };
enum cpu_check { CPU_CHECK_UNSAID, CPU_CHECK_NONE, CPU_CHECK_PARTIAL, CPU_CHECK_FULL };
enum cpu_fallback { CPU_FALLBACK_UNSAID, CPU_FALLBACK_ALLOW, CPU_FALLBACK_FORBID };
enum cpu_migratable { CPU_MIGRATABLE_UNSAID, CPU_MIGRATABLE_ON, CPU_MIGRATABLE_OFF };
/* What a single feature is asked to be; docs/domain.md has what each means. */
enum cpu_policy { CPU_REQUIRE, CPU_FORCE, CPU_OPTIONAL, CPU_DISABLE, CPU_FORBID };

/* With whom its vCPUs run on the threads of one core at the same time. */
enum domain_core {
	CORE_UNSAID,
	CORE_SHARED, /* with anyone who shares, too */
	CORE_ALONE,  /* with each other only */
};

/* Of which NUMA nodes its memory is. */
enum domain_numa {
	NUMA_UNSAID,     /* near its vCPUs, as far as there is some */
	NUMA_STRICT,     /* of numa_nodes and no others */
	NUMA_PREFERRED,  /* of the one of numa_nodes, as far as there is some */
	NUMA_INTERLEAVE, /* of numa_nodes in turn, as far as there is some */
};

struct domain_cpu_feature {
	u16 feature; /* its number: vm/cpu_models.h */
	u8 policy;   /* enum cpu_policy */
};

enum domain_loader {
	LOADER_KERNEL, /* <kernel>: what it is, its content says */
	LOADER_FLAT, /* for tests: <os><loader type='flat'>: raw image at 1 MiB, 64-bit entry at its start */
};

/* Of <features>: those that say what is so anyway, to be given back. */
#define FEATURE_PAE    BIT(0)
#define FEATURE_HAP    BIT(1)
#define FEATURE_PMU    BIT(2) /* state='off'; so the next two */
#define FEATURE_VMPORT BIT(3)
#define FEATURE_SMM    BIT(4)

/* Parts of KVM's paravirtual interface that a document may switch on or off: docs/pv.md. */
#define DOMAIN_KVM_HIDDEN       BIT(0) /* all of it is not shown */
#define DOMAIN_KVM_DEDICATED    BIT(1) /* the hint that vCPUs have CPUs of their own */
#define DOMAIN_KVM_POLL_CONTROL BIT(2)
#define DOMAIN_KVM_PV_IPI       BIT(3)
#define DOMAIN_KVM_PVSPINLOCK   BIT(4)
#define DOMAIN_KVM_CLOCK        BIT(5)

struct domain {
	char name[DOMAIN_NAME_MAX];
	u8 uuid[16];
	char title[DOMAIN_TITLE_MAX];
	char description[DOMAIN_DESCRIPTION_MAX];
	char metadata[DOMAIN_METADATA_MAX]; /* what is in <metadata>, as XML */
	u64 memory;                         /* bytes */
	u32 vcpus;
	struct cpuset cpus;                  /* where all vCPUs may run; empty: everywhere */
	struct cpuset vcpupin[VM_MAX_VCPUS]; /* where this one may run; empty: cpus */
	struct cpuset soft;                  /* of those, where they run rather; empty: all alike */
	struct cpuset vcpusoft[VM_MAX_VCPUS]; /* where this one runs rather; empty: soft */
	u32 shares;                           /* its weight against others; 0: the default, 1024 */
	u64 period_us;                        /* of quota_us; 0: the default, 100 ms */
	s64 quota_us;                         /* of each vCPU in each period; 0 or less: no limit */
	enum domain_core core;
	enum domain_numa numa;
	struct cpuset numa_nodes; /* numbers of nodes; some, where numa is said */
	enum domain_loader loader;
	char kernel[DOMAIN_PATH_MAX];   /* boot-set path */
	char initrd[DOMAIN_INITRD_MAX]; /* a path, or multiboot's and PVH's "path words,path words" */
	char cmdline[DOMAIN_CMDLINE_MAX];
	bool acpi, apic;
	u32 features;
	u32 kvm_on, kvm_off; /* DOMAIN_KVM_*; in neither: not said */
	enum domain_cpu cpu;
	u16 cpu_model; /* its number, where cpu is CPU_CUSTOM */
	u8 cpu_match, cpu_check, cpu_fallback, cpu_migratable; /* enums as above */
	u8 cpu_vendor; /* that the host must have, in cpu_vendor_names; 0: any */
	u32 cpu_feature_count;
	struct domain_cpu_feature
		cpu_features[CPU_FEATURES_MAX]; /* in the document's order; none twice */
	u32 sockets, dies, cores, threads;      /* their product is vcpus; all 0: not said */
	enum domain_clock clock;
	s64 clock_s;
	u32 timers; /* of enum domain_timer, as bits: those that were named; an HPET is there only then */
	enum tick_policy ticks[DOMAIN_TIMERS];
	u64 tsc_hz; /* of the guest's TSC; 0: the host's */
	enum domain_action on_poweroff, on_reboot, on_crash;
	u32 serials; /* 0 to 4 */
};
