/*
 * Domains from the boot set's documents to the end of the last guest. Who starts a VM holds the host
 * until the end of that VM has been dealt with; where nobody holds it, poweroff=last-guest applies.
 */
#include "mgmt/domains.h"

#include "core/bootfs.h"
#include "core/cmdline.h"
#include "core/log.h"
#include "core/power.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mgmt/domain_xml.h"
#include "mgmt/serial.h"
#include "mm/heap.h"
#include "vm/hvm.h"
#include "vm/vm.h"

struct domain_state {
	struct vm *vm; /* const */
	u32 live;      /* atomic: started, and its end has not been dealt with */
	u32 destroyed; /* atomic: its next end is final */
};

static struct domain_state domains[DOMAINS_MAX];
static u32 domain_count; /* const after domains_load() */
static u32 holds;        /* atomic: reasons to keep the host on */

struct vm *domains_get(u32 i)
{
	return i < domain_count ? domains[i].vm : NULL;
}

struct vm *domains_find(const char *name)
{
	for (u32 i = 0; i < domain_count; i++) {
		if (!strcmp(domains[i].vm->cfg.name, name))
			return domains[i].vm;
	}
	return NULL;
}

bool domain_active(const struct vm *vm)
{
	u8 state = atomic_load_acquire(&vm->state); /* pairs with the release in vm/vm.c */

	return state == VM_STARTING || state == VM_RUNNING || state == VM_PAUSED;
}

static void hold(void)
{
	atomic_fetch_add(&holds, 1);
}

static void unhold(void)
{
	/* Full order: the last one sees what the others did before. */
	if (atomic_fetch_sub(&holds, 1) == 1 && cmdline_is("poweroff", "last-guest"))
		power_off();
}

/* NULL, or the domain that has the name or the UUID already. */
static const struct vm *find_twin(const struct domain *cfg)
{
	for (u32 i = 0; i < domain_count; i++) {
		const struct domain *other = &domains[i].vm->cfg;

		if (!strcmp(other->name, cfg->name) ||
		    !memcmp(other->uuid, cfg->uuid, sizeof(cfg->uuid)))
			return domains[i].vm;
	}
	return NULL;
}

static int define(const char *file, const struct domain *cfg)
{
	const struct vm *twin = find_twin(cfg);
	struct vm *vm;

	if (twin) {
		log_error("%s: domain %s has the name or the UUID of domain %s", file, cfg->name,
			  twin->cfg.name);
		return -EEXIST;
	}
	vm = domain_count < DOMAINS_MAX ? vm_create(cfg) : NULL;
	if (!vm) {
		log_error("%s: no memory for domain %s", file, cfg->name);
		return -ENOMEM;
	}
	domains[domain_count++].vm = vm;
	serial_add(vm);
	return 0;
}

static void load(const struct bootfs_file *f)
{
	struct domain *cfg = kalloc(sizeof(*cfg));
	char err[DOMAIN_ERROR_MAX];

	if (!cfg)
		log_error("%s: no memory to read it", f->path);
	else if (domain_parse(f->path, f->data, f->size, cfg, err, sizeof(err)))
		log_error("%s", err);
	else
		(void)define(f->path, cfg);
	kfree(cfg);
}

static bool is_xml(const char *path)
{
	size_t n = strlen(path);

	return n > 4 && !strcmp(path + n - 4, ".xml");
}

/* Words whose values only make sense with the domains that there are. */
static void check_words(void)
{
	char word[DOMAIN_NAME_MAX];

	if (cmdline_get("follow", word, sizeof(word)) && strcmp(word, "all") && !domains_find(word))
		log_warn("follow=%s: neither all nor a domain's name", word);
	if (cmdline_get("poweroff", word, sizeof(word)) && strcmp(word, "last-guest"))
		log_warn("poweroff=%s: only last-guest is known", word);
}

void domains_load(void)
{
	const struct bootfs_file *f;
	u32 documents = 0;

	for (size_t i = 0; (f = bootfs_get(i)); i++) {
		if (is_xml(f->path)) {
			documents++;
			load(f);
		}
	}
	if (!documents)
		log_warn("boot set: no *.xml, so no domain");
	check_words();
}

/* NULL: a self-test's VM. */
static struct domain_state *state_of(const struct vm *vm)
{
	for (u32 i = 0; i < domain_count; i++) {
		if (domains[i].vm == vm)
			return &domains[i];
	}
	return NULL;
}

static int start(struct vm *vm)
{
	int err = vm_start(vm);

	if (err == -ENODEV)
		log_error("domain %s: cannot start: this machine has no usable VT-x or AMD-V",
			  vm->cfg.name);
	else if (err)
		log_error("domain %s: cannot start: %s", vm->cfg.name, vm->stop_text);
	return err;
}

int domain_start(struct vm *vm)
{
	struct domain_state *d = state_of(vm);
	int err;

	if (atomic_xchg(&d->live, 1)) {
		log_error("domain %s: runs already", vm->cfg.name);
		return -EBUSY;
	}
	hold();
	atomic_store_relaxed(&d->destroyed, 0);
	err = start(vm);
	if (err) {
		atomic_xchg(&d->live, 0);
		unhold();
	}
	return err;
}

int domain_destroy(struct vm *vm)
{
	struct domain_state *d = state_of(vm);

	if (!atomic_load_acquire(&d->live)) /* pairs with the exchanges on it */
		return -ENOENT;
	/* Before the guest is stopped: its end or its next start finds it. Pairs with restart(). */
	atomic_xchg(&d->destroyed, 1);
	vm_stop(vm, STOP_DESTROYED, "destroyed");
	return 0;
}

void domains_start_all(void)
{
	u32 started = 0;

	hold();
	for (u32 i = 0; i < domain_count; i++)
		started += !domain_start(domains[i].vm);
	if (!started)
		log_warn("no domain was started");
	unhold();
}

static bool shall_restart(const struct vm *vm)
{
	enum domain_action action = ACTION_DESTROY;

	switch ((enum stop_reason)vm->stop_reason) {
	case STOP_POWEROFF:
		action = vm->cfg.on_poweroff;
		break;
	case STOP_RESET:
		action = vm->cfg.on_reboot;
		break;
	case STOP_TRIPLE_FAULT:
	case STOP_BAD_STATE:
	case STOP_EMULATION:
		action = vm->cfg.on_crash;
		break;
	case STOP_NONE:
	case STOP_DESTROYED:
	case STOP_ERROR: /* of ours: it would come again */
		break;
	}
	return action == ACTION_RESTART;
}

/* Starts it again if that is wanted; true when it runs. */
static bool restart(struct domain_state *d)
{
	if (!shall_restart(d->vm))
		return false;
	if (atomic_load_acquire(&d->destroyed)) { /* pairs with domain_destroy() */
		log_info("domain %s: destroyed", d->vm->cfg.name);
		return false;
	}
	log_info("domain %s: restarting", d->vm->cfg.name);
	if (start(d->vm))
		return false;
	/* It may have been destroyed meanwhile, before there was something to stop. */
	if (atomic_load_acquire(&d->destroyed)) /* pairs with domain_destroy() */
		vm_stop(d->vm, STOP_DESTROYED, "destroyed");
	return true;
}

void domains_stopped(struct vm *vm)
{
	struct domain_state *d = state_of(vm);

	if (!d)
		return;
	serial_sync(vm);
	if (restart(d))
		return;
	atomic_xchg(&d->live, 0);
	unhold();
}
