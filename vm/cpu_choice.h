/*
 * Which CPU a domain gets here: its document's <cpu>, held against what this machine offers (libvirt's "CPU
 * model and topology").
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"
#include "vm/cpu_models.h"

struct domain;

/* What a run of a VM shows. */
struct vm_cpu {
	bool chosen;      /* by the document; else all that is offered is shown */
	u32 signature;    /* leaf 1's EAX; 0: the machine's */
	const char *name; /* the model's; NULL: the machine's */
	struct cpu_set features;
};

/*
 * 0, or -ENOMEM, or -EINVAL: refused, with a line in text that names the features. 0 with a line in text: what the
 * domain goes without, since it has check='none'.
 */
int cpu_choose(const struct domain *d, struct vm_cpu *out, char *text, size_t size) __must_check;

/* The same with what the machine offers given: for tests, and for who has it already. */
int cpu_choose_of(const struct domain *d, const struct cpu_set *offered, struct vm_cpu *out,
		  char *text, size_t size) __must_check;

/* The model that comes next to this host, as host-model names it; its number, or -ENOENT. */
int cpu_host_model(const struct cpu_set *offered) __must_check;

/* The features of a model that are not offered; true where there is none. */
bool cpu_model_usable(u32 model, const struct cpu_set *offered, struct cpu_set *missing);

/*
 * Makes a host-model CPU one that is said in full, as it is on this machine: a model and what differs from
 * it. -ENOENT: no model comes near.
 */
int cpu_expand(struct domain *d, const struct cpu_set *offered) __must_check;

/* Names with commas between, as many as fit, "and N more". */
void cpu_set_text(const struct cpu_set *s, char *text, size_t size);
