/*
 * Domains from their documents to the end of the last guest. What a domain is beyond a VM is in its hooks:
 * a transient one has others than one that was defined. Who starts a domain holds the host until it is off
 * again; where nobody holds it, poweroff=last-guest applies.
 */
#include "mgmt/domains.h"

#include "core/bootfs.h"
#include "core/cmdline.h"
#include "core/log.h"
#include "core/power.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mgmt/domain_xml.h"
#include "mgmt/serial.h"
#include "mgmt/uuid.h"
#include "mm/heap.h"
#include "vm/call.h"
#include "vm/cputune.h"
#include "vm/irq.h"
#include "vm/vm.h"

static u32 count; /* atomic: of domains */
static u32 holds; /* atomic: reasons to keep the host on */

static const struct vm_hooks defined_hooks, transient_hooks;

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

static __printf(4, 5) int fail(int code, char *err, size_t errlen, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, errlen, fmt, ap);
	va_end(ap);
	return code;
}

/* --- the registry ---------------------------------------------------------------------------------- */

static bool is_domain(const struct vm *vm)
{
	const struct vm_hooks *hooks = atomic_load_acquire(&vm->hooks); /* pairs with make() */

	return hooks == &defined_hooks || hooks == &transient_hooks;
}

static bool has_name(const struct vm *vm, const char *text)
{
	return !strcmp(vm->cfg.name, text);
}

static bool has_id(const struct vm *vm, const char *text)
{
	char id[12];

	snprintf(id, sizeof(id), "%u", vm->id);
	return !strcmp(id, text);
}

static bool has_uuid(const struct vm *vm, const char *text)
{
	u8 uuid[UUID_SIZE];

	return !uuid_parse(text, uuid) && !memcmp(uuid, vm->cfg.uuid, sizeof(uuid));
}

static struct vm *find_by(bool (*has)(const struct vm *vm, const char *text), const char *text)
{
	struct vm *vm = NULL;

	while ((vm = vm_next(vm))) {
		if (is_domain(vm) && has(vm, text))
			break;
	}
	return vm;
}

struct vm *domains_find(const char *name)
{
	struct vm *vm = find_by(has_name, name);

	if (!vm)
		vm = find_by(has_id, name);
	return vm ? vm : find_by(has_uuid, name);
}

int domains_each(int (*fn)(struct vm *vm, void *ctx), void *ctx)
{
	struct vm *vm = NULL;
	int ret = 0;

	while (!ret && (vm = vm_next(vm))) {
		if (is_domain(vm))
			ret = fn(vm, ctx);
	}
	if (vm)
		vm_put(vm);
	return ret;
}

bool domain_active(const struct vm *vm)
{
	return vm_active(vm);
}

/* --- making and unmaking --------------------------------------------------------------------------- */

/* Who has the name or the UUID already, for the message; it may be gone by now. */
static int fail_twin(const char *file, const struct domain *cfg, char *err, size_t errlen)
{
	char uuid[UUID_TEXT_SIZE];
	struct vm *twin;

	uuid_format(cfg->uuid, uuid);
	twin = find_by(has_name, cfg->name);
	if (!twin)
		twin = find_by(has_uuid, uuid);
	fail(-EEXIST, err, errlen, "%s: domain %s has the name or the UUID of domain %s", file,
	     cfg->name, twin ? twin->cfg.name : "that is gone by now");
	if (twin)
		vm_put(twin);
	return -EEXIST;
}

/* A VM that is no domain yet, and that nobody finds as one, with its serial ports. */
static int make_vm(const char *file, const struct domain *cfg, struct vm **out, char *err,
		   size_t errlen)
{
	int code = vm_create(cfg, out);

	if (code == -EEXIST)
		return fail_twin(file, cfg, err, errlen);
	if (!code && serial_add(*out)) {
		code = vm_undefine(*out);
		vm_put(*out);
		if (!code)
			code = -ENOMEM;
	}
	if (code)
		fail(code, err, errlen, "%s: no memory for domain %s", file, cfg->name);
	return code;
}

static int make(const char *file, const struct domain *cfg, const struct vm_hooks *hooks,
		struct vm **out, char *err, size_t errlen)
{
	int code;

	if (atomic_fetch_add(&count, 1) >= DOMAINS_MAX)
		code = fail(-ENOSPC, err, errlen, "%s: there are %u domains, and no room for more",
			    file, DOMAINS_MAX);
	else
		code = make_vm(file, cfg, out, err, errlen);
	if (code)
		atomic_fetch_sub(&count, 1);
	else
		/* Release: from now on others find it, with its ports. Pairs with is_domain(). */
		atomic_store_release(&(*out)->hooks, hooks);
	return code;
}

/* A domain out of a document; *out is a reference. */
static int read(const char *file, const struct vm_hooks *hooks, struct vm **out, char *err,
		size_t errlen)
{
	const struct bootfs_file *f = bootfs_find(file);
	struct domain *cfg;
	int code;

	if (!f)
		return fail(-ENOENT, err, errlen, "file '%s' is not in the boot set", file);
	cfg = kalloc(sizeof(*cfg));
	if (!cfg)
		return fail(-ENOMEM, err, errlen, "%s: no memory to read it", file);
	code = domain_parse(f->path, f->data, f->size, cfg, err, errlen);
	if (!code)
		code = make(f->path, cfg, hooks, out, err, errlen);
	kfree(cfg);
	return code;
}

int domain_define(const char *file, char *err, size_t errlen)
{
	struct vm *vm;
	int code = read(file, &defined_hooks, &vm, err, errlen);

	if (!code)
		vm_put(vm);
	return code;
}

/* Takes off the list what is off. */
static int unmake(struct vm *vm)
{
	int code = vm_undefine(vm);

	if (!code) {
		serial_remove(vm);
		atomic_fetch_sub(&count, 1);
	}
	return code;
}

int domain_undefine(struct vm *vm, char *err, size_t errlen)
{
	int code = unmake(vm);

	if (code == -EBUSY)
		fail(code, err, errlen, "domain %s is active", vm->cfg.name);
	else if (code)
		fail(code, err, errlen, "domain %s is gone", vm->cfg.name);
	return code;
}

int domain_create(const char *file, char *err, size_t errlen)
{
	struct vm *vm;
	int code = read(file, &transient_hooks, &vm, err, errlen);

	if (code)
		return code;
	code = domain_start(vm, err, errlen);
	if (code && unmake(vm))
		log_debug("domain %s: someone else started it", vm->cfg.name);
	vm_put(vm);
	return code;
}

/* --- operations ------------------------------------------------------------------------------------ */

/* Says why an operation failed, if it did. */
static int said(int code, struct vm *vm, char *err, size_t errlen)
{
	const char *why = "";

	switch (code) {
	case 0:
		return 0;
	case -ENODEV:
		why = "is not running";
		break;
	case -EBUSY:
		why = vm->preserved ? "is kept as it ended; destroy it first" : "is active already";
		break;
	case -ENOENT:
		why = "is gone";
		break;
	case -ENOTSUP:
		why = "has no power button: its document lacks <acpi/>";
		break;
	case -EALREADY:
		why = "is so already";
		break;
	default:
		return fail(code, err, errlen, "domain %s: error %d", vm->cfg.name, -code);
	}
	return fail(code, err, errlen, "domain %s %s", vm->cfg.name, why);
}

int domain_start(struct vm *vm, char *err, size_t errlen)
{
	int code;

	/* First, so that its end cannot come before. */
	hold();
	code = vm_start(vm);
	if (!code)
		return 0;
	unhold();
	if (code == -ENODEV)
		return fail(code, err, errlen,
			    "domain %s: cannot start: this machine has no usable VT-x or AMD-V",
			    vm->cfg.name);
	if (code == -EBUSY || code == -ENOENT)
		return said(code, vm, err, errlen);
	return fail(code, err, errlen, "domain %s: cannot start: %s", vm->cfg.name, vm->stop_text);
}

int domain_shutdown(struct vm *vm, char *err, size_t errlen)
{
	atomic_store_relaxed(&vm->reboot, 0);
	return said(vm_shutdown(vm), vm, err, errlen);
}

int domain_reboot(struct vm *vm, char *err, size_t errlen)
{
	/* Before the button: the guest's end comes after that. */
	atomic_store_relaxed(&vm->reboot, 1);
	return said(vm_shutdown(vm), vm, err, errlen);
}

int domain_reset(struct vm *vm, char *err, size_t errlen)
{
	return said(vm_reset(vm), vm, err, errlen);
}

static void press_nmi(struct vcpu *v, void *arg)
{
	vm_irq_nmi(arg);
	(void)v;
}

int domain_inject_nmi(struct vm *vm, char *err, size_t errlen)
{
	return said(vcpu_call(vm, 0, press_nmi, vm), vm, err, errlen);
}

int domain_destroy(struct vm *vm, char *err, size_t errlen)
{
	return said(vm_destroy(vm), vm, err, errlen);
}

int domain_suspend(struct vm *vm, char *err, size_t errlen)
{
	int code = vm_pause(vm);

	if (code == -EALREADY)
		return fail(code, err, errlen, "domain %s is paused already", vm->cfg.name);
	return said(code, vm, err, errlen);
}

int domain_resume(struct vm *vm, char *err, size_t errlen)
{
	int code = vm_resume(vm);

	if (code == -EALREADY)
		return fail(code, err, errlen, "domain %s is not paused", vm->cfg.name);
	return said(code, vm, err, errlen);
}

int domain_pin(struct vm *vm, u32 vcpu, const struct cpuset *cpus, char *err, size_t errlen)
{
	int code = vm_pin(vm, vcpu, cpus);

	if (vcpu >= vm->vcpu_count)
		return fail(code, err, errlen, "domain %s has no vCPU %u", vm->cfg.name, vcpu);
	if (code)
		return fail(code, err, errlen, "this machine has none of these CPUs");
	return 0;
}

int domain_pin_soft(struct vm *vm, u32 vcpu, const struct cpuset *cpus, char *err, size_t errlen)
{
	int code = vm_pin_soft(vm, vcpu, cpus);

	if (code == -EINVAL)
		return fail(code, err, errlen, "domain %s has no vCPU %u", vm->cfg.name, vcpu);
	return said(code, vm, err, errlen);
}

int domain_set_sched(struct vm *vm, u32 shares, u64 period_us, s64 quota_us, char *err,
		     size_t errlen)
{
	int code = vm_set_sched(vm, shares, period_us, quota_us);

	if (code == -EINVAL)
		return fail(code, err, errlen,
			    "shares are %u to %u, a period is %u to %u us, a quota at least %u us",
			    CPUTUNE_SHARES_MIN, CPUTUNE_SHARES_MAX, CPUTUNE_PERIOD_MIN_US,
			    CPUTUNE_PERIOD_MAX_US, CPUTUNE_QUOTA_MIN_US);
	return said(code, vm, err, errlen);
}

/* --- ends ------------------------------------------------------------------------------------------ */

static enum domain_action action(struct vm *vm)
{
	switch ((enum stop_reason)vm->stop_reason) {
	case STOP_POWEROFF:
		return atomic_xchg(&vm->reboot, 0) ? ACTION_RESTART : vm->cfg.on_poweroff;
	case STOP_RESET:
		return vm->cfg.on_reboot;
	case STOP_TRIPLE_FAULT:
	case STOP_BAD_STATE:
	case STOP_EMULATION:
	case STOP_MACHINE_CHECK:
		return vm->cfg.on_crash;
	case STOP_NONE:
	case STOP_DESTROYED:
	case STOP_ERROR: /* of ours: it would come again */
		break;
	}
	return ACTION_DESTROY;
}

static enum vm_fate domain_ended(struct vm *vm)
{
	static const enum vm_fate fates[] = {
		[ACTION_DESTROY] = FATE_OFF,
		[ACTION_RESTART] = FATE_RESTART,
		[ACTION_PRESERVE] = FATE_PRESERVE,
	};

	/* What the guest wrote last is shown before it is said that it has ended. */
	serial_sync(vm);
	return fates[action(vm)];
}

static void domain_off(struct vm *vm)
{
	(void)vm;
	unhold();
}

static void domain_stays(struct vm *vm)
{
	(void)vm;
}

static void domain_vanishes(struct vm *vm)
{
	if (unmake(vm))
		log_debug("domain %s: gone or started again already", vm->cfg.name);
}

static const struct vm_hooks defined_hooks = {
	.ended = domain_ended,
	.off = domain_off,
	.gone = domain_stays,
};

static const struct vm_hooks transient_hooks = {
	.ended = domain_ended,
	.off = domain_off,
	.gone = domain_vanishes,
};

/* --- the boot set ---------------------------------------------------------------------------------- */

static bool is_xml(const char *path)
{
	size_t n = strlen(path);

	return n > 4 && !strcmp(path + n - 4, ".xml");
}

/* Words whose values only make sense with the domains that there are. */
static void check_words(void)
{
	char word[DOMAIN_NAME_MAX];
	struct vm *vm;

	if (cmdline_get("follow", word, sizeof(word)) && strcmp(word, "all")) {
		vm = find_by(has_name, word);
		if (vm)
			vm_put(vm);
		else
			log_warn("follow=%s: neither all nor a domain's name", word);
	}
	if (cmdline_get("poweroff", word, sizeof(word)) && strcmp(word, "last-guest"))
		log_warn("poweroff=%s: only last-guest is known", word);
}

void domains_load(void)
{
	const struct bootfs_file *f;
	char err[DOMAIN_ERROR_MAX];
	u32 documents = 0;

	for (size_t i = 0; (f = bootfs_get(i)); i++) {
		if (!is_xml(f->path))
			continue;
		documents++;
		if (domain_define(f->path, err, sizeof(err)))
			log_error("%s", err);
	}
	if (!documents)
		log_warn("boot set: no *.xml, so no domain");
	check_words();
}

static int start_one(struct vm *vm, void *ctx)
{
	char err[DOMAIN_ERROR_MAX];
	u32 *started = ctx;

	if (domain_start(vm, err, sizeof(err)))
		log_error("%s", err);
	else
		(*started)++;
	return 0;
}

void domains_start_all(void)
{
	u32 started = 0;

	hold();
	domains_each(start_one, &started);
	if (!started)
		log_warn("no domain was started");
	unhold();
}
