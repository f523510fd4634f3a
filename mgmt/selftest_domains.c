/*
 * Self-test `concurrent`: threads on all CPUs do whatever there is to do with a handful of domains, all at the
 * same time and in any order; whatever each finds, it ends with everything destroyed and nothing lost. The boot
 * set has domain documents whose names begin with "any", with whatever guests.
 */
#include "core/bootfs.h"
#include "core/clock.h"
#include "core/cmdline.h"
#include "core/host.h"
#include "core/log.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/cpuset.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mgmt/domain_xml.h"
#include "mgmt/domains.h"
#include "mgmt/manager.h"
#include "mm/heap.h"
#include "vm/selftest_count.h"
#include "vm/vm.h"

#define OPERATIONS   100 /* cycles=N: of all threads together */
#define THREADS_MAX  16
#define FILES_MAX    8
#define BREATH_NS    500000ull
#define PREFIX       "any"
#define WEIGHT_RANGE 1000u

/* What each thread draws from; the errors that it may come to besides 0. */
static int op_shares(struct vm *vm, char *err, size_t errlen)
{
	return domain_set_sched(vm, WEIGHT_RANGE + vm->id, 0, 0, err, errlen);
}

static int op_pin(struct vm *vm, char *err, size_t errlen)
{
	struct cpuset cpus;

	cpuset_zero(&cpus);
	cpuset_set(&cpus, vm->id % host.cpu_count);
	return domain_pin(vm, 0, &cpus, err, errlen);
}

static int op_look(struct vm *vm, char *err, size_t errlen)
{
	(void)err;
	(void)errlen;
	return vm_cpu_time(vm, 0) == ~0ULL;
}

static const struct op {
	const char *name;
	int (*fn)(struct vm *vm, char *err, size_t errlen);
	int allowed[3];
} ops[] = {
	{ "start", domain_start, { -EBUSY, -ENOENT } }, /* the first one is drawn twice as often */
	{ "suspend", domain_suspend, { -ENODEV, -EALREADY } },
	{ "resume", domain_resume, { -ENODEV, -EALREADY } },
	{ "shutdown", domain_shutdown, { -ENODEV, -ENOTSUP } },
	{ "reboot", domain_reboot, { -ENODEV, -ENOTSUP } },
	{ "reset", domain_reset, { -ENODEV } },
	{ "destroy", domain_destroy, { -ENODEV } },
	{ "undefine", domain_undefine, { -EBUSY, -ENOENT } },
	{ "schedinfo", op_shares, { 0 } },
	{ "vcpupin", op_pin, { 0 } },
	{ "look", op_look, { 0 } },
};

static struct {
	const char *files[FILES_MAX];
	u32 file_count;
	u32 left;                     /* atomic: operations still to be done */
	u32 done[ARRAY_LEN(ops) + 1]; /* atomic: that succeeded; the last one: creations */
	u32 wrong;                    /* atomic */
} test;

struct worker {
	struct thread *thread;
	u64 seed;
};

static u32 draw(struct worker *w, u32 below)
{
	w->seed ^= w->seed << 13; /* xorshift64 */
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return (u32)(w->seed >> 20) % below;
}

static bool allowed(const int *codes, u32 n, int code)
{
	for (u32 i = 0; i < n; i++) {
		if (codes[i] == code)
			return true;
	}
	return !code;
}

static void judge(const char *what, const int *codes, u32 n, int code, const char *err, u32 *done)
{
	if (!code) {
		atomic_fetch_add(done, 1);
	} else if (!allowed(codes, n, code)) {
		log_error("concurrent: %s gave %d: %s", what, code, err);
		atomic_fetch_add(&test.wrong, 1);
	}
}

/* Someone else may have made it, or be about to take it away. */
static void create(struct worker *w, const char *file)
{
	static const int codes[] = { -EEXIST, -EBUSY, -ENOENT };
	char err[DOMAIN_ERROR_MAX] = "";
	int code = draw(w, 2) ? domain_create(file, err, sizeof(err)) :
				domain_define(file, err, sizeof(err));

	judge("create", codes, ARRAY_LEN(codes), code, err, &test.done[ARRAY_LEN(ops)]);
}

/* The domain of a file has its name, without the ending. */
static struct vm *find(const char *file)
{
	char name[DOMAIN_NAME_MAX];

	if (str_copy(name, sizeof(name), file))
		return NULL;
	name[strlen(name) - strlen(".xml")] = '\0';
	return domains_find(name);
}

static void operate(struct worker *w)
{
	const char *file = test.files[draw(w, test.file_count)];
	const struct op *op = &ops[draw(w, ARRAY_LEN(ops) + 1) % ARRAY_LEN(ops)];
	struct vm *vm = find(file);
	char err[DOMAIN_ERROR_MAX] = "";
	int code;

	if (!vm) {
		create(w, file);
		return;
	}
	code = op->fn(vm, err, sizeof(err));
	judge(op->name, op->allowed, ARRAY_LEN(op->allowed), code, err, &test.done[op - ops]);
	vm_put(vm);
}

static bool take_turn(void)
{
	u32 left = atomic_load_relaxed(&test.left);

	while (left && !atomic_cas(&test.left, &left, left - 1))
		;
	return left;
}

static void work(void *arg)
{
	struct worker *w = arg;

	while (take_turn()) {
		operate(w);
		if (draw(w, 2))
			thread_block_until(clock_ns() + draw(w, BREATH_NS));
	}
}

static int work_all(u32 count)
{
	static struct worker workers[THREADS_MAX];
	u32 n;

	for (n = 0; n < count; n++) {
		struct thread_spec spec = { .name = "worker", .fn = work, .arg = &workers[n] };

		spec.cpu = (s32)(n % host.cpu_count);
		workers[n].seed = 88172645463325252ULL * (n + 1);
		workers[n].thread = thread_create(&spec);
		if (!workers[n].thread)
			break;
	}
	for (u32 i = 0; i < n; i++)
		thread_start(workers[i].thread);
	for (u32 i = 0; i < n; i++)
		thread_join(workers[i].thread);
	return n == count ? 0 : -ENOMEM;
}

/* Transient ones go by themselves when they are off; true: it is still there. */
static int clear_one(struct vm *vm, void *ctx)
{
	char err[DOMAIN_ERROR_MAX];
	u32 *there = ctx;

	if (domain_destroy(vm, err, sizeof(err)) &&
	    (domain_active(vm) || domain_undefine(vm, err, sizeof(err))))
		log_debug("concurrent: %s", err);
	(*there)++;
	return 0;
}

static int clear_all(void)
{
	u64 end = clock_ns() + SELFTEST_PATIENCE_NS;
	u32 there;

	do {
		there = 0;
		domains_each(clear_one, &there);
		if (!there)
			return 0;
		thread_block_until(clock_ns() + BREATH_NS);
	} while (clock_ns() < end);
	return selftest_fail("%u domains cannot be ended", there);
}

static void find_files(void)
{
	const struct bootfs_file *f;

	test.file_count = 0;
	for (size_t i = 0; (f = bootfs_get(i)) && test.file_count < FILES_MAX; i++) {
		size_t n = strlen(f->path);

		if (n > 4 && !strcmp(f->path + n - 4, ".xml") &&
		    !strncmp(f->path, PREFIX, strlen(PREFIX)))
			test.files[test.file_count++] = f->path;
	}
}

static u32 operations_wanted(void)
{
	char word[12];
	u32 n = 0;

	if (!cmdline_get("cycles", word, sizeof(word)))
		return OPERATIONS;
	for (const char *p = word; *p >= '0' && *p <= '9'; p++)
		n = n * 10 + (u32)(*p - '0');
	return n;
}

static int rounds(u32 operations)
{
	test.left = operations;
	if (work_all(MIN(4 * host.cpu_count, (u32)THREADS_MAX)))
		return selftest_fail("no memory for threads");
	return clear_all();
}

static int test_concurrent(void)
{
	struct counts before;

	find_files();
	if (!test.file_count)
		return selftest_fail("no " PREFIX "*.xml in the boot set");
	manager_start();
	/* What is kept for the next time is there after this. */
	if (rounds(OPERATIONS))
		return -1;
	thread_block_until(clock_ns() + BREATH_NS);
	memset(test.done, 0, sizeof(test.done));
	counts_take(&before);
	if (rounds(operations_wanted()))
		return -1;
	for (u32 i = 0; i < ARRAY_LEN(ops); i++)
		log_info("concurrent: %u times %s", test.done[i], ops[i].name);
	log_info("concurrent: %u domains made", test.done[ARRAY_LEN(ops)]);
	if (counts_back(&before))
		return selftest_fail("something was lost");
	SELFTEST_CHECK(!test.wrong);
	/* Else it would have tested nothing. */
	SELFTEST_CHECK(test.done[0] + test.done[ARRAY_LEN(ops)]);
	return 0;
}
SELFTEST(concurrent, "concurrent", test_concurrent);
