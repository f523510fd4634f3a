/*
 * Self-test of the state stream on a running VM: all of its vCPU's and devices' state is saved, everything is
 * reset, and what was saved is loaded again, many times, while the guest checks its registers and counts.
 */
#include "core/clock.h"
#include "core/log.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vm/call.h"
#include "vm/lapic.h"
#include "vm/selftest_flat.h"
#include "vm/state.h"
#include "vm/vcpu.h"
#include "vm/vdev.h"
#include "vm/vm.h"

#define STREAM_MAX (64 * KIB)
#define ROUNDS     20
#define PAUSE_NS   5000000ull

struct round {
	u8 *stream; /* in the VM's heap from the first round on */
	size_t size;
	int save_error, load_error;
};

static void save_all(struct vcpu *v, struct state *s)
{
	vcpu_state(v, s);
	vdev_state_all(v->vm, s);
}

static void save_and_load(struct vcpu *v, void *arg)
{
	struct round *r = arg;
	struct state s;

	if (!r->stream)
		r->stream = heap_alloc(v->vm->heap, STREAM_MAX, 0);
	if (!r->stream) {
		r->save_error = -1;
		return;
	}
	state_init_save(&s, r->stream, STREAM_MAX);
	save_all(v, &s);
	r->save_error = state_result(&s);
	r->size = state_size(&s);

	vcpu_reset(v);
	vlapic_reset(v->lapic);
	vdev_reset_all(v->vm);

	state_init_load(&s, r->stream, r->size);
	save_all(v, &s);
	r->load_error = state_result(&s);
}

static int test_state(void)
{
	static struct round r;
	struct vm *vm = flat_vm("state", "state_a.bin");
	u32 rounds = 0;

	SELFTEST_CHECK(vm);
	r = (struct round){ .stream = NULL };
	SELFTEST_CHECK(!vm_start(vm) && !flat_running(vm));
	while (rounds < ROUNDS && !vcpu_call(vm, 0, save_and_load, &r)) {
		if (r.save_error || r.load_error)
			return selftest_fail("round %u: save %d, load %d, %zu bytes", rounds,
					     r.save_error, r.load_error, r.size);
		rounds++;
		thread_block_until(clock_ns() + PAUSE_NS);
	}
	log_info("state: %u rounds, %zu bytes", rounds, r.size);
	if (!rounds)
		return selftest_fail("the guest ended before it was saved once: %s", vm->stop_text);
	if (flat_expect(vm, "state ok\n"))
		return selftest_fail("the guest found a difference: %s", vm->stop_text);
	SELFTEST_CHECK(!flat_end(vm));
	return 0;
}
SELFTEST(vm_state, "vm-state", test_state);
