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

static struct vm *domains[DOMAINS_MAX]; /* const after domains_load() */
static u32 domain_count;
static u32 holds; /* atomic: reasons to keep the host on */

struct vm *domains_get(u32 i)
{
	return i < domain_count ? domains[i] : NULL;
}

struct vm *domains_find(const char *name)
{
	for (u32 i = 0; i < domain_count; i++) {
		if (!strcmp(domains[i]->cfg.name, name))
			return domains[i];
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
		const struct domain *other = &domains[i]->cfg;

		if (!strcmp(other->name, cfg->name) ||
		    !memcmp(other->uuid, cfg->uuid, sizeof(cfg->uuid)))
			return domains[i];
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
	domains[domain_count++] = vm;
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
}

int domain_start(struct vm *vm)
{
	int err;

	hold();
	err = vm_start(vm);
	if (!err)
		return 0;
	if (err == -EBUSY)
		log_error("domain %s: runs already", vm->cfg.name);
	else if (err == -ENODEV)
		log_error("domain %s: cannot start: this machine has no usable VT-x or AMD-V",
			  vm->cfg.name);
	else
		log_error("domain %s: cannot start: %s", vm->cfg.name, vm->stop_text);
	unhold();
	return err;
}

void domains_start_all(void)
{
	u32 started = 0;

	hold();
	for (u32 i = 0; i < domain_count; i++)
		started += !domain_start(domains[i]);
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

void domains_stopped(struct vm *vm)
{
	if (domains_find(vm->cfg.name) != vm)
		return; /* a self-test's */
	serial_sync(vm);
	if (shall_restart(vm)) {
		log_info("domain %s: restarting", vm->cfg.name);
		(void)!domain_start(vm);
	}
	unhold();
}
