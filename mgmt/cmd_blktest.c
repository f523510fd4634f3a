/*
 * blktest: reads a block device, fills it with a pattern, or looks whether the pattern is there; so many requests at a
 * time, as an owner of its own with limits of its own.
 */
#include "block/fair.h"
#include "core/clock.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mgmt/cmd.h"
#include "mm/heap.h"

#define CHUNK       (64 * KIB)
#define DEPTH_MAX   16u
#define PROGRESS_NS NS_PER_SECOND
#define KEY_CTRL_C  3

enum {
	DEVICE,
	READ,
	VERIFY,
	WRITE,
	OFFSET,
	LENGTH,
	SEED,
	DEPTH,
	BYTES_SEC,
	IOPS_SEC,
	RESETS,
	DESTROY
};

const struct arg_spec cmd_blktest_args[] = {
	DISK_ARG,
	FLAG_ARG("read", "read it"),
	FLAG_ARG("verify", "read it, and compare with the pattern"),
	FLAG_ARG("write-pattern", "write the pattern, then flush"),
	{ "offset", ARG_NUMBER, .help = "the first byte" },
	{ "length", ARG_NUMBER, .help = "how many bytes; else to the end" },
	{ "seed", ARG_NUMBER, .help = "of the pattern; else 1" },
	{ "depth", ARG_NUMBER, .help = "requests at a time, 1 to 16; else 4" },
	{ "bytes-sec", ARG_NUMBER, .help = "at most so many bytes a second" },
	{ "iops-sec", ARG_NUMBER, .help = "at most so many requests a second" },
	{ "resets", ARG_NUMBER, .help = "reset the hardware so often meanwhile" },
	FLAG_ARG("destroy-data", "yes, the data shall be lost"),
	{ .name = NULL },
};

struct slot {
	struct fair_request f;
	struct dma_piece piece;
	struct blktest *test;
	u8 *buf; /* CHUNK bytes */
	s32 status;
	u32 done; /* atomic: 1: status counts, 2: and nobody else has it any more */
	bool busy;
};

struct blktest {
	const struct call *call;
	struct blkdev *b;
	struct thread *thread;
	struct fair_owner owner;
	u64 at, end, done; /* the next byte; bytes done */
	u64 seed, begun_ns, told_ns;
	u64 reset_at, reset_step; /* bytes done at which the hardware is reset next; 0: never */
	u32 depth, wrong;         /* blocks */
	int err;
	u64 err_at;
	bool write, verify, stopped;
	struct slot slots[DEPTH_MAX];
};

/* A word of the pattern: splitmix64 (Steele, Lea and Flood 2014) of where it is, so that a block in a wrong place is seen. */
static u64 pattern(u64 seed, u64 at)
{
	u64 z = seed * 0x9e3779b97f4a7c15ull + at;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static void fill(u64 *words, u64 seed, u64 at, u64 len)
{
	for (u64 i = 0; i < len / sizeof(u64); i++)
		words[i] = pattern(seed, at + i * sizeof(u64));
}

static bool block_is_right(const u64 *words, u64 seed, u64 at, u32 len)
{
	for (u32 i = 0; i < len / sizeof(u64); i++)
		if (words[i] != pattern(seed, at + i * sizeof(u64)))
			return false;
	return true;
}

static void slot_done(struct blk_request *r, int status)
{
	struct slot *s = r->owner;

	s->status = status;
	atomic_store_release(&s->done, 1); /* pairs with reap() */
	thread_wake(s->test->thread);
	atomic_store_release(&s->done, 2); /* the same: the test may end now */
}

static void send(struct blktest *t, struct slot *s)
{
	u64 len = MIN(t->end - t->at, CHUNK);

	if (t->write)
		fill((u64 *)s->buf, t->seed, t->at, len);
	s->piece.len = (u32)len;
	s->f.r = (struct blk_request){ .op = t->write ? BLK_WRITE : BLK_READ,
				       .offset = t->at,
				       .len = len,
				       .pieces = &s->piece,
				       .piece_count = 1,
				       .done = slot_done,
				       .owner = s };
	s->done = 0;
	s->busy = true;
	t->at += len;
	fair_submit(&t->owner, &s->f);
}

static void compare(struct blktest *t, const struct slot *s)
{
	u32 bs = t->b->block_size;

	for (u64 i = 0; i < s->f.r.len; i += bs) {
		if (block_is_right((const u64 *)(s->buf + i), t->seed, s->f.r.offset + i, bs))
			continue;
		if (!t->wrong++)
			say_error(t->call->session, "%s: the block at %llu is wrong", t->b->name,
				  (unsigned long long)(s->f.r.offset + i));
	}
}

static void reap(struct blktest *t, struct slot *s)
{
	s->busy = false;
	if (s->status && !t->err) {
		t->err = s->status;
		t->err_at = s->f.r.offset;
	}
	if (s->status)
		return;
	t->done += s->f.r.len;
	if (t->verify)
		compare(t, s);
}

/* Evenly over the whole, while requests are under way. True: it is time, but the last one has not ended. */
static bool reset_in_flight(struct blktest *t)
{
	int err;

	if (!t->reset_step || t->done < t->reset_at || t->err)
		return false;
	err = blkdev_reset(t->b);
	if (err == -EAGAIN)
		return true;
	t->reset_at += t->reset_step;
	t->err = err;
	return false;
}

/* Sends, takes what is done; false: nothing is under way any more. */
static bool step(struct blktest *t)
{
	bool busy = false, wait = reset_in_flight(t);

	for (u32 i = 0; i < t->depth; i++) {
		struct slot *s = &t->slots[i];

		if (s->busy && atomic_load_acquire(&s->done) == 2) /* pairs with slot_done() */
			reap(t, s);
		if (!s->busy && t->at < t->end && !t->err && !t->stopped && !wait)
			send(t, s);
		busy |= s->busy;
	}
	return busy || wait;
}

static bool any_done(const struct blktest *t)
{
	for (u32 i = 0; i < t->depth; i++)
		if (t->slots[i].busy &&
		    atomic_load_acquire(&t->slots[i].done)) /* pairs with slot_done() */
			return true;
	return false;
}

static void look_at_keys(struct blktest *t, u64 total)
{
	const struct session *s = t->call->session;
	static const struct iotune none;

	if (s->ops->key(s->ctx, 0) == KEY_CTRL_C && !t->stopped) {
		t->stopped = true;
		/* What waits for its limit shall not. */
		if (fair_set_limits(&t->owner, &none))
			say_error(s, "the limit stays");
	}
	if (clock_ns() - t->told_ns < PROGRESS_NS)
		return;
	t->told_ns = clock_ns();
	say(s, "%llu of %llu KiB\n", (unsigned long long)(t->done / KIB),
	    (unsigned long long)(total / KIB));
}

static void run(struct blktest *t)
{
	u64 total = t->end - t->at;

	t->begun_ns = t->told_ns = clock_ns();
	while (step(t)) {
		look_at_keys(t, total);
		if (any_done(t))
			thread_yield(); /* who is at it may have been preempted, on this CPU */
		else
			thread_block_until(clock_ns() + NS_PER_TENTH);
	}
	if (t->write && !t->err && !t->stopped)
		t->err = blkdev_flush(t->b);
}

static int report(struct blktest *t)
{
	const struct call *c = t->call;
	u64 us = MAX((clock_ns() - t->begun_ns) / 1000, 1u);

	say(c->session, "%s: %llu KiB %s in %llu ms, %llu KiB/s\n", t->b->name,
	    (unsigned long long)(t->done / KIB),
	    t->write  ? "written" :
	    t->verify ? "verified" :
			"read",
	    (unsigned long long)(us / 1000),
	    (unsigned long long)(t->done * 1000 / us * 1000 / KIB));
	if (t->stopped)
		return say_error(c->session, "interrupted");
	if (t->wrong)
		return say_error(c->session, "%s: %u blocks are wrong", t->b->name, t->wrong);
	if (t->err)
		return say_blk_error(c, t->b->name, t->err);
	say(c->session, "\n");
	return 0;
}

static u64 number_or(const struct call *c, u32 spec, u64 standard)
{
	const struct arg_value *v = call_value(c, spec, 0);

	return v ? v->number : standard;
}

/* What was asked for; says what is wrong with it. */
static int prepare(struct blktest *t, const struct call *c)
{
	u64 depth = number_or(c, DEPTH, 4), len, bs = t->b->block_size;

	t->write = call_flag(c, WRITE);
	t->verify = call_flag(c, VERIFY);
	t->seed = number_or(c, SEED, 1);
	t->at = number_or(c, OFFSET, 0);
	if (t->write + t->verify + call_flag(c, READ) != 1)
		return say_error(c->session, "one of --read, --verify and --write-pattern");
	if (t->write && !call_flag(c, DESTROY))
		return say_error(c->session, "this destroys data: say so with --destroy-data");
	if (!depth || depth > DEPTH_MAX)
		return say_error(c->session, "--depth is 1 to %u", DEPTH_MAX);
	if (t->at > t->b->size)
		return say_blk_error(c, t->b->name, -EINVAL);
	len = number_or(c, LENGTH, t->b->size - t->at);
	if (len > t->b->size - t->at || t->at % bs || len % bs || !len)
		return say_blk_error(c, t->b->name, -EINVAL);
	t->end = t->at + len;
	t->depth = (u32)depth;
	t->reset_step = number_or(c, RESETS, 0) ? len / (number_or(c, RESETS, 0) + 1) : 0;
	t->reset_at = t->reset_step;
	return 0;
}

static int buffers(struct blktest *t)
{
	for (u32 i = 0; i < t->depth; i++) {
		struct slot *s = &t->slots[i];

		s->test = t;
		s->buf = kalloc(CHUNK);
		if (!s->buf)
			return -ENOMEM;
		s->piece.pa = blkdev_phys(s->buf);
	}
	return 0;
}

static int start(struct blktest *t, const struct call *c)
{
	struct iotune limits = { .bytes = { { .rate = number_or(c, BYTES_SEC, 0) } },
				 .iops = { { .rate = number_or(c, IOPS_SEC, 0) } } };
	int err = buffers(t);

	if (!err)
		err = fair_start(&t->owner, t->b);
	if (err)
		return say_blk_error(c, t->b->name, err);
	err = fair_set_limits(&t->owner, &limits);
	if (err)
		say_error(c->session, "a limit is out of range");
	else
		run(t);
	fair_stop(&t->owner);
	return err ? err : report(t);
}

static int claimed(struct blktest *t, const struct call *c)
{
	int err;

	if (!t->write)
		return start(t, c);
	if (blkdev_claim(t->b, "blktest"))
		return say_error(c->session, "%s is in use", t->b->name);
	err = start(t, c);
	blkdev_release(t->b);
	return err;
}

int cmd_blktest(struct call *c)
{
	struct blkdev *b = call_disk(c);
	struct blktest *t;
	int err;

	if (!b)
		return -1;
	t = kalloc(sizeof(*t));
	if (t) {
		t->call = c;
		t->b = b;
		t->thread = thread_current();
		err = prepare(t, c);
		if (!err)
			err = claimed(t, c);
		for (u32 i = 0; i < DEPTH_MAX; i++)
			kfree(t->slots[i].buf);
	} else {
		err = say_error(c->session, "no memory");
	}
	kfree(t);
	blkdev_put(b);
	return err;
}
