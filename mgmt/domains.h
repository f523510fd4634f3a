/*
 * Domains: what the boot set's documents or the shell make of VMs, what may be done to them, and what
 * becomes of them when their guests end. All of it from any thread of the hypervisor's, also at the same
 * time; nothing here waits for a guest to end. The registry is the list of VMs (vm/vm.h).
 *
 * Functions that take err put one line without a line end there when they fail, DOMAIN_ERROR_MAX bytes at
 * most, and return 0 or -Exxx.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct cpuset;
struct vm;

#define DOMAINS_MAX 64

/* Makes a domain of every *.xml of the boot set, in name order. Says what is wrong with the others. */
void domains_load(void);

/* Starts them all. With poweroff=last-guest and none running, powers the host off. */
void domains_start_all(void);

/* By name, id or UUID, in this order; a reference, given back by vm_put(). NULL: there is none. */
struct vm *domains_find(const char *name) __must_check;

/*
 * Calls fn for each domain, in the order of making, until it returns other than 0: that is returned.
 * No lock is held, so fn may do anything; vm is there while fn runs.
 */
int domains_each(int (*fn)(struct vm *vm, void *ctx), void *ctx);

/* True while the guest is starting, running, paused, or waits to start again. */
bool domain_active(const struct vm *vm);

/*
 * file is a document in the boot set. domain_create() starts it, too, and it is gone when it is off.
 * -ENOENT: no such file; -EINVAL: its text; -EEXIST: the name or UUID; -ENOSPC: DOMAINS_MAX; -ENOMEM.
 */
int domain_create(const char *file, char *err, size_t errlen) __must_check;
int domain_define(const char *file, char *err, size_t errlen) __must_check;
/* -EBUSY: it is active. */
int domain_undefine(struct vm *vm, char *err, size_t errlen) __must_check;

/* -EBUSY: active already. */
int domain_start(struct vm *vm, char *err, size_t errlen) __must_check;
/* The ACPI power button; whether the guest heeds it is up to it. -ENODEV: off; -ENOTSUP: no ACPI. */
int domain_shutdown(struct vm *vm, char *err, size_t errlen) __must_check;
/* The same, but when the guest has switched itself off it starts again, as libvirt does it. */
int domain_reboot(struct vm *vm, char *err, size_t errlen) __must_check;
/* The reset button. -ENODEV: off. */
int domain_reset(struct vm *vm, char *err, size_t errlen) __must_check;
/* The NMI button: LINT1 of all its vCPUs. Waits till that is done. */
int domain_inject_nmi(struct vm *vm, char *err, size_t errlen) __must_check;
/* Off at once and for good, also one that waits to start again. -ENODEV: off. */
int domain_destroy(struct vm *vm, char *err, size_t errlen) __must_check;
/* -ENODEV: off; -EALREADY: (not) paused. */
int domain_suspend(struct vm *vm, char *err, size_t errlen) __must_check;
int domain_resume(struct vm *vm, char *err, size_t errlen) __must_check;

/* Where a vCPU may run, from now on and after each start. -EINVAL: no such vCPU, no CPU of these is there. */
int domain_pin(struct vm *vm, u32 vcpu, const struct cpuset *cpus, char *err, size_t errlen)
	__must_check;
int domain_pin_soft(struct vm *vm, u32 vcpu, const struct cpuset *cpus, char *err, size_t errlen)
	__must_check;
/*
 * Shares (0: as they are), and how long each vCPU may run in each period (period_us 0: as it is; quota_us
 * negative: no limit, 0: as it is). -EINVAL: outside of libvirt's limits.
 */
int domain_set_sched(struct vm *vm, u32 shares, u64 period_us, s64 quota_us, char *err,
		     size_t errlen) __must_check;
