/*
 * What commands call beyond the command table, in memory.
 */
#include "tests/host/fake_domains.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bootfs.h"
#include "core/clock.h"
#include "core/host.h"
#include "core/coresched.h"
#include "core/place.h"
#include "core/log.h"
#include "core/mce.h"
#include "core/mitigation.h"
#include "core/power.h"
#include "core/thermal.h"
#include "lib/cpuset.h"
#include "lib/errno.h"
#include "mgmt/command.h"
#include "mgmt/domains.h"
#include "vm/cpuid.h"
#include "mgmt/manager.h"
#include "mgmt/serial.h"
#include "mgmt/session.h"
#include "mgmt/uuid.h"
#include "vm/exitstat.h"
#include "vm/hvm.h"
#include "vm/memory.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vm/vtimer.h"

#define VMS_MAX 16

char fake_did[1024], fake_output[262144];
const char *fake_last_panic;
int fake_references;
const char *fake_failure;
void (*fake_at_key)(void);
struct vm *fake_attached;
/* Two nodes with a core of two threads each. */
struct host host = {
	.cpu_count = 4,
	.node_count = 2,
	.range_count = 2,
	.ranges = { { 0, 16 * MIB, 0 }, { 16 * MIB, 8 * MIB, 1 } },
};

static const struct place fake_places[] = {
	{ 0, 0, 0, 0, 0, 3, 4 * MIB },
	{ 1, 0, 0, 1, 0, 3, 4 * MIB },
	{ 8, 1, 0, 0, 1, 3, 4 * MIB },
	{ 9, 1, 0, 1, 1, 3, 4 * MIB },
};

bool place_threads = true;

u64 core_idled_ns(u32 cpu)
{
	return (cpu + 1) * 1500000ULL;
}

const struct place *place_of(u32 cpu)
{
	return &fake_places[cpu];
}

u64 place_core(u32 cpu)
{
	return cpu < 2 ? 3 : 12;
}

u64 place_llc(u32 cpu)
{
	return place_core(cpu);
}

bool place_shape(struct place_shape *out)
{
	*out = (struct place_shape){ .packages = 1, .cores = 1, .threads = 2 };
	return true;
}

u32 host_distance(const struct host *h, u32 a, u32 b)
{
	return a == b ? 10 : 21;
}
const struct hvm_ops *hvm;

static struct vm *vms[VMS_MAX];
static bool active[VMS_MAX];
static u32 count;
static size_t output_len;
static u64 now_ns;

static void output(void *ctx, const char *s, size_t n)
{
	(void)ctx;
	if (output_len + n >= sizeof(fake_output))
		abort();
	memcpy(fake_output + output_len, s, n);
	output_len += n;
	fake_output[output_len] = '\0';
}

/* top: a second passes, then somebody types q. */
static int key(void *ctx, u64 timeout_ns)
{
	static u32 calls;

	(void)ctx;
	now_ns += timeout_ns;
	if (fake_at_key)
		fake_at_key();
	return calls++ % 2 ? 'q' : -1;
}

static void attach(void *ctx, struct vm *vm, u32 port)
{
	(void)ctx;
	(void)port;
	fake_attached = vm;
}

static const struct session_ops ops = { .write = output, .key = key, .attach = attach };
const struct session fake_session = { .ops = &ops };

static void forget(struct vm *vm)
{
	free(vm->ports[0].stats);
	free(vm);
}

void fake_domains_clear(void)
{
	for (u32 i = 0; i < count; i++)
		forget(vms[i]);
	count = 0;
	output_len = 0;
	fake_output[0] = fake_did[0] = '\0';
	fake_failure = NULL;
	fake_attached = NULL;
	fake_references = 0;
}

struct vm *fake_domain(const char *name, bool is_active)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	vms[count] = vm;
	active[count] = is_active;
	vm->number = count++;
	vm->id = count;
	vm->vcpu_count = 1;
	vm->ports[0].vm = vm;
	vm->ports[0].stats = calloc(1, sizeof(*vm->ports[0].stats));
	vm->ports[0].poll = (struct halt_poll){
		.window = 200, .hits = 3, .misses = 2, .hit_tsc = 40, .miss_tsc = 20
	};
	vm->state = is_active ? VM_RUNNING : VM_STOPPED;
	vm->cfg.vcpus = 1;
	vm->cfg.serials = 1;
	vm->cfg.memory = 64 * MIB;
	snprintf(vm->cfg.name, sizeof(vm->cfg.name), "%s", name);
	vm->cfg.uuid[15] = (u8)count;
	return vm;
}

static __printf(1, 2) void did(const char *fmt, ...)
{
	size_t n = strlen(fake_did);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fake_did + n, sizeof(fake_did) - n, fmt, ap);
	va_end(ap);
}

static int done(const char *what, const struct vm *vm, char *err, size_t errlen)
{
	did("%s %s; ", what, vm ? vm->cfg.name : "");
	if (!fake_failure)
		return 0;
	snprintf(err, errlen, "%s", fake_failure);
	return -EINVAL;
}

#define ACTION(name)                                                                               \
	int domain_##name(struct vm *vm, char *err, size_t errlen)                                 \
	{                                                                                          \
		return done(#name, vm, err, errlen);                                               \
	}
ACTION(start)
ACTION(shutdown)
ACTION(reboot)
ACTION(reset)
ACTION(inject_nmi)
ACTION(destroy)
ACTION(suspend)
ACTION(resume)
ACTION(undefine)

int domain_create(const char *file, char *err, size_t errlen)
{
	did("create %s; ", file);
	return fake_failure ? done("fail", NULL, err, errlen) : 0;
}

int domain_define(const char *file, char *err, size_t errlen)
{
	did("define %s; ", file);
	return fake_failure ? done("fail", NULL, err, errlen) : 0;
}

int domain_pin(struct vm *vm, u32 vcpu, const struct cpuset *cpus, char *err, size_t errlen)
{
	char text[64] = "";

	if (cpuset_format(cpus, text, sizeof(text)) < 0)
		abort();
	did("vcpu %u on %s: ", vcpu, text);
	return done("pin", vm, err, errlen);
}

int domain_pin_soft(struct vm *vm, u32 vcpu, const struct cpuset *cpus, char *err, size_t errlen)
{
	did("softly ");
	return domain_pin(vm, vcpu, cpus, err, errlen);
}

int domain_set_sched(struct vm *vm, u32 shares, u64 period_us, s64 quota_us, char *err,
		     size_t errlen)
{
	did("%u %llu %lld: ", shares, (unsigned long long)period_us, (long long)quota_us);
	return done("sched", vm, err, errlen);
}

bool domain_active(const struct vm *vm)
{
	return active[vm->number];
}

struct vm *domains_find(const char *name)
{
	for (u32 i = 0; i < count; i++) {
		if (!strcmp(vms[i]->cfg.name, name)) {
			vm_get(vms[i]);
			return vms[i];
		}
	}
	return NULL;
}

int domains_each(int (*fn)(struct vm *vm, void *ctx), void *ctx)
{
	int err = 0;

	for (u32 i = 0; i < count && !err; i++)
		err = fn(vms[i], ctx);
	return err;
}

void vm_get(struct vm *vm)
{
	(void)vm;
	fake_references++;
}

void vm_put(struct vm *vm)
{
	(void)vm;
	fake_references--;
}

u64 vm_time_ns(const struct vm *vm)
{
	return vm->start_ns; /* its clock stands */
}

void vm_cpu_times(struct vm *vm, u32 index, struct vcpu_times *out)
{
	*out = (struct vcpu_times){ vm_cpu_time(vm, index), now_ns / 10, 30, 40, true };
}

u64 vm_cpu_time(struct vm *vm, u32 index)
{
	(void)index;
	return now_ns / (vm->number + 2);
}

const char *vm_state_name(enum vm_state s)
{
	return s == VM_RUNNING ? "running" : "shut off";
}

static const struct bootfs_file files[] = { { .path = "a.xml" },
					    { .path = "my domain.xml" },
					    { .path = "vmlinuz" } };

const struct bootfs_file *bootfs_get(size_t i)
{
	return i < ARRAY_LEN(files) ? &files[i] : NULL;
}

const struct bootfs_file *bootfs_find(const char *path)
{
	for (u32 i = 0; i < ARRAY_LEN(files); i++) {
		if (!strcmp(files[i].path, path))
			return &files[i];
	}
	return NULL;
}

int domain_format(const struct domain *cfg, char *buf, size_t size);
int domain_format(const struct domain *cfg, char *buf, size_t size)
{
	return snprintf(buf, size, "<domain>%s</domain>\n", cfg->name);
}

__weak u64 clock_ns(void)
{
	return ++now_ns;
}

u64 clock_tsc_khz(void)
{
	return 2000000;
}

u64 clock_tsc_to_ns(u64 ticks)
{
	return ticks / 2;
}

struct vm *vm_next(struct vm *prev)
{
	u64 next = prev ? prev->number + 1 : 0;

	if (prev)
		vm_put(prev);
	if (next >= count)
		return NULL;
	vm_get(vms[next]);
	return vms[next];
}

/* What traces ask of the CPU. */
__weak u32 cpu_id(void)
{
	return 0;
}

__weak u32 cpu_count(void)
{
	return host.cpu_count;
}

void vcpu_need(struct vcpu *v, u32 groups)
{
	(void)v;
	(void)groups;
	abort();
}

/* Tests that link the real ones get those. */
__weak void log_replay(void (*sink)(void *ctx, const char *line), void *ctx)
{
	sink(ctx, "a line of the log");
}

void mce_counts(struct mce_counts *c)
{
	*c = (struct mce_counts){ .corrected = 5, .uncorrected = 1, .retired = 2 * MIB };
}

struct thermal fake_thermal;

void thermal_all(struct thermal *t)
{
	*t = fake_thermal;
}

bool panic_log_last(void (*sink)(void *ctx, const char *line), void *ctx)
{
	if (fake_last_panic)
		sink(ctx, fake_last_panic);
	return fake_last_panic;
}

u64 numa_free(u32 node)
{
	return (node + 1) * 64 * MIB;
}

void memory_report(struct memory_report *m)
{
	memset(m, 0, sizeof(*m));
	m->total = GIB;
}

void power_off(void)
{
	did("power off; ");
	exit(1);
}

void power_restart(void)
{
	did("power reset; ");
	exit(1);
}

__weak void manager_run(void (*fn)(void *arg), void *arg)
{
	fn(arg);
}

__weak struct serial *serial_find(const struct vm *vm, u32 port)
{
	return port < vm->cfg.serials ? (struct serial *)vm : NULL;
}

__weak void serial_counts(const struct serial *s, struct serial_counts *c)
{
	(void)s;
	*c = (struct serial_counts){ 1000, 20, 3, 4, 5000000 };
}

__weak void spin_lock(struct spinlock *l)
{
	(void)l;
}

__weak void spin_unlock(struct spinlock *l)
{
	(void)l;
}

void *kalloc(size_t size)
{
	return calloc(1, size);
}

void kfree(void *p)
{
	free(p);
}

/* A host of the model Westmere. */
int cpuid_offered(struct cpu_set *out)
{
	int model = cpu_model_find("Westmere");

	*out = cpu_model_rows[model].features;
	return 0;
}

/* host/command has its own. */
__weak u32 halt_poll_max_us(void)
{
	return 0;
}

void mitigation_each(void (*say)(void *ctx, const char *attack, const char *what), void *ctx)
{
	say(ctx, "buffers", "not affected");
}

/* What block devices there are is for other tests. */
static const struct command no_commands[] = { { .name = NULL } };
const struct command_group group_block = { "Block Devices", "block", no_commands };
const struct command_group group_nodedev = { "Node Device", "nodedev", no_commands };
