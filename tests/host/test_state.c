/*
 * The state stream: what was saved comes back, and nothing else is taken.
 *
 * sources: tests/host/fake_vm.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 */
#include <stdlib.h>
#include <string.h>

#include "lib/errno.h"
#include "tests/host/fake_vm.h"
#include "tests/host/harness.h"
#include "vm/state.h"
#include "vm/vdev.h"

struct thing {
	u8 a;
	u16 b;
	u32 c;
	u64 d;
	bool e, f;
	u8 g[5];
};

static const struct thing sample = {
	.a = 0x12,
	.b = 0x3456,
	.c = 0x789abcde,
	.d = 0xfedcba9876543210ULL,
	.e = true,
	.f = false,
	.g = { 1, 2, 3, 4, 5 },
};

static void thing_state(struct thing *t, struct state *s)
{
	state_u8(s, "a", &t->a);
	state_u16(s, "b", &t->b);
	state_u32(s, "c", &t->c);
	state_u64(s, "d", &t->d);
	state_bool(s, "e", &t->e);
	state_bool(s, "f", &t->f);
	state_bytes(s, "g", t->g, sizeof(t->g));
}

static bool newest; /* both sections of the last two_things() had version 3 */

static void two_things(struct thing *one, struct thing *two, struct state *s)
{
	state_begin(s, "thing", 0, 3);
	newest = s->version == 3;
	thing_state(one, s);
	state_end(s);
	state_begin(s, "thing", 1, 3);
	newest &= s->version == 3;
	thing_state(two, s);
	state_end(s);
}

static u8 buf[1024];

static size_t save_two(void)
{
	struct thing one = sample, two = sample;
	struct state s;

	two.a = 99;
	state_init_save(&s, buf, sizeof(buf));
	two_things(&one, &two, &s);
	CHECK_EQ(state_result(&s), 0);
	return state_size(&s);
}

static bool equal(const struct thing *x, const struct thing *y)
{
	return x->a == y->a && x->b == y->b && x->c == y->c && x->d == y->d && x->e == y->e &&
	       x->f == y->f && !memcmp(x->g, y->g, sizeof(x->g));
}

/* Loads two things from a copy of exactly len bytes, so that a read past its end is caught. */
static int load_two(const u8 *data, size_t len, struct thing *one, struct thing *two)
{
	u8 *copy = malloc(len ? len : 1);
	struct state s;

	memcpy(copy, data, len);
	state_init_load(&s, copy, len);
	two_things(one, two, &s);
	free(copy);
	return state_result(&s);
}

TEST(round_trip)
{
	struct thing one = { 0 }, two = { 0 };
	size_t len = save_two();

	CHECK_EQ(load_two(buf, len, &one, &two), 0);
	CHECK(equal(&one, &sample));
	CHECK_EQ(two.a, 99);
	two.a = sample.a;
	CHECK(equal(&two, &sample));
}

TEST(buffer_too_small)
{
	size_t len = save_two();

	for (size_t cap = 0; cap < len; cap++) {
		struct thing one = sample, two = sample;
		u8 *small = malloc(cap ? cap : 1);
		struct state s;

		state_init_save(&s, small, cap);
		two_things(&one, &two, &s);
		CHECK_EQ(state_result(&s), -ENOSPC);
		free(small);
	}
}

TEST(every_truncation_is_refused)
{
	size_t len = save_two();

	for (size_t n = 0; n < len; n++) {
		struct thing one = { 0 }, two = { 0 };

		CHECK(load_two(buf, n, &one, &two) < 0);
	}
}

/* A changed byte may only show as a refusal or as a changed value of a field. */
TEST(every_mutation_is_harmless)
{
	size_t len = save_two();
	u32 accepted = 0, refused = 0;

	for (size_t n = 0; n < len; n++) {
		for (u32 v = 1; v < 256; v++) {
			struct thing one = { 0 }, two = { 0 };
			u8 old = buf[n];

			buf[n] ^= (u8)v;
			if (load_two(buf, len, &one, &two) == 0) {
				accepted++;
				two.a ^= 99 ^ sample.a;
				CHECK(!newest || !equal(&one, &sample) || !equal(&two, &sample));
			} else {
				refused++;
			}
			buf[n] = old;
		}
	}
	/*
	 * Only data can differ: 1+2+4+8+5 bytes of each thing in all 255 ways, a bool in one, and a
	 * section's version, 3, in two.
	 */
	CHECK_EQ(accepted, 2 * (20 * 255 + 2 + 2));
	CHECK(refused > 0);
}

/* Loads what save wrote with load; the result. */
static int cross(void (*save)(struct state *s), void (*load)(struct state *s))
{
	struct state s;
	size_t len;

	state_init_save(&s, buf, sizeof(buf));
	save(&s);
	CHECK_EQ(state_result(&s), 0);
	len = state_size(&s);
	state_init_load(&s, buf, len);
	load(&s);
	return state_result(&s);
}

static u32 x32 = 7, y32 = 8;
static u16 x16;
static u32 loaded_version;

static void xy(struct state *s)
{
	state_begin(s, "dev", 2, 5);
	state_u32(s, "x", &x32);
	state_u32(s, "y", &y32);
	state_end(s);
}

static void only_x(struct state *s)
{
	state_begin(s, "dev", 2, 5);
	state_u32(s, "x", &x32);
	state_end(s);
}

static void yx(struct state *s)
{
	state_begin(s, "dev", 2, 5);
	state_u32(s, "y", &y32);
	state_u32(s, "x", &x32);
	state_end(s);
}

static void narrow(struct state *s)
{
	state_begin(s, "dev", 2, 5);
	state_u16(s, "x", &x16);
	state_u32(s, "y", &y32);
	state_end(s);
}

static void as_bytes(struct state *s)
{
	state_begin(s, "dev", 2, 5);
	state_bytes(s, "x", &x32, sizeof(x32));
	state_u32(s, "y", &y32);
	state_end(s);
}

static void prefix(struct state *s)
{
	state_begin(s, "dev", 2, 5);
	state_u32(s, "xx", &x32);
	state_u32(s, "y", &y32);
	state_end(s);
}

static void other_name(struct state *s)
{
	state_begin(s, "deu", 2, 5);
	state_u32(s, "x", &x32);
	state_u32(s, "y", &y32);
	state_end(s);
}

static void other_instance(struct state *s)
{
	state_begin(s, "dev", 3, 5);
	state_u32(s, "x", &x32);
	state_u32(s, "y", &y32);
	state_end(s);
}

static void version(struct state *s, u32 v)
{
	state_begin(s, "dev", 2, v);
	loaded_version = s->version;
	state_u32(s, "x", &x32);
	state_u32(s, "y", &y32);
	state_end(s);
}

static void newer(struct state *s)
{
	version(s, 6);
}

static void older(struct state *s)
{
	version(s, 4);
}

TEST(another_shape_is_refused)
{
	CHECK_EQ(cross(xy, xy), 0);
	CHECK_EQ(cross(only_x, xy), -EINVAL); /* the section ends too early */
	CHECK_EQ(cross(xy, only_x), -EINVAL); /* or has more than is known */
	CHECK_EQ(cross(yx, xy), -ENOENT);
	CHECK_EQ(cross(narrow, xy), -EINVAL);
	CHECK_EQ(cross(as_bytes, xy), -EINVAL);
	CHECK_EQ(cross(prefix, xy), -ENOENT);
	CHECK_EQ(cross(xy, prefix), -ENOENT);
	CHECK_EQ(cross(other_name, xy), -ENOENT);
	CHECK_EQ(cross(other_instance, xy), -ENOENT);
}

TEST(versions)
{
	CHECK_EQ(cross(newer, xy), -EINVAL);
	CHECK_EQ(cross(older, newer), 0);
	CHECK_EQ(loaded_version, 4);
	CHECK_EQ(cross(newer, newer), 0);
	CHECK_EQ(loaded_version, 6);
}

TEST(a_refused_field_keeps_its_value)
{
	x32 = 7;
	CHECK_EQ(cross(narrow, xy), -EINVAL);
	CHECK_EQ(x32, 7);
}

TEST(rejected_by_the_device)
{
	struct state s;
	size_t len = save_two();
	struct thing one = { 0 };

	state_init_load(&s, buf, len);
	state_begin(&s, "thing", 0, 3);
	state_u8(&s, "a", &one.a);
	state_reject(&s, "a");
	CHECK_EQ(state_result(&s), -EINVAL);
	state_u16(&s, "b", &one.b);
	CHECK_EQ(one.b, 0); /* nothing is loaded any more */
	state_end(&s);
	CHECK_EQ(state_result(&s), -EINVAL);
}

TEST(long_names_and_nothing)
{
	char name[300];
	struct state s;
	u8 v = 5;

	memset(name, 'n', sizeof(name));
	name[255] = 0;
	state_init_save(&s, buf, sizeof(buf));
	state_begin(&s, name, 0, 1);
	state_u8(&s, name, &v);
	state_bytes(&s, "empty", &v, 0);
	state_end(&s);
	CHECK_EQ(state_result(&s), 0);

	size_t len = state_size(&s);

	v = 0;
	state_init_load(&s, buf, len);
	state_begin(&s, name, 0, 1);
	state_u8(&s, name, &v);
	state_bytes(&s, "empty", &v, 0);
	state_end(&s);
	CHECK_EQ(state_result(&s), 0);
	CHECK_EQ(v, 5);

	name[255] = 'n';
	name[256] = 0;
	state_init_save(&s, buf, sizeof(buf));
	CHECK_PANIC(state_begin(&s, name, 0, 1));
}

/* The encoding itself, byte by byte: streams outlive the program that wrote them. */
TEST(encoding)
{
	static const u8 expected[] = {
		'P',  'L', 'S', 'T', 1,   0, 0, 0, /* header, format */
		0x53, 3,   'd', 'e', 'v', 2, 0, 0, 0, 5, 0,
		0,    0,   22,  0,   0,   0,                /* section, 22 bytes */
		3,    1,   'x', 4,   0,   0, 0, 7, 0, 0, 0, /* u32 */
		3,    1,   'y', 4,   0,   0, 0, 8, 0, 0, 0,
	};
	struct state s;

	x32 = 7;
	y32 = 8;
	state_init_save(&s, buf, sizeof(buf));
	xy(&s);
	CHECK_EQ(state_size(&s), sizeof(expected));
	CHECK(!memcmp(buf, expected, sizeof(expected)));
}

/* The device list: sections in order of creation, each under its lock. */

static u32 order[8], order_count;
static u8 values[2];

static void listed_state(struct vdev *dev, struct state *s)
{
	CHECK_EQ(fake_locks_held, 1);
	state_u8(s, "value", &values[dev->instance]);
}

static void listed_note(struct vdev *dev)
{
	order[order_count++] = dev->instance;
}

static const struct vdev_ops listed_ops = {
	.name = "listed",
	.version = 1,
	.reset = listed_note,
	.state = listed_state,
	.destroy = listed_note,
};

static struct vdev listed[2];

static int listed_create(struct vm *vm, const struct domain *cfg)
{
	u32 i = listed[0].ops ? 1 : 0;

	vdev_add(vm, &listed[i], &listed_ops, i, RANK_VDEV);
	return 0;
}

static int failing_create(struct vm *vm, const struct domain *cfg)
{
	return -ENOMEM;
}

TEST(device_list)
{
	static const struct vdev_row rows[] = { { "a", listed_create }, { "b", listed_create } };
	static const struct vdev_row bad[] = { { "f", failing_create }, { "a", listed_create } };
	struct vm *vm = fake_vm_new(NULL);
	u8 stream[256];
	long len;

	vdev_set_table(bad, ARRAY_LEN(bad));
	CHECK_EQ(vdev_create_all(vm), -ENOMEM);
	CHECK(list_empty(&vm->devices));
	vdev_set_table(rows, ARRAY_LEN(rows));
	CHECK_EQ(vdev_create_all(vm), 0);
	vdev_reset_all(vm);
	CHECK_EQ(order_count, 2);
	CHECK(order[0] == 0 && order[1] == 1);

	values[0] = 10;
	values[1] = 20;
	len = fake_save(stream, sizeof(stream));
	CHECK(len > 0);
	memset(values, 0, sizeof(values));
	CHECK_EQ(fake_load(stream, (size_t)len), 0);
	CHECK(values[0] == 10 && values[1] == 20);

	/* After a stream that is refused, also for its last device, none keeps anything of it. */
	order_count = 0;
	CHECK(fake_load(stream, (size_t)len - 1) < 0);
	CHECK(order_count == 2 && order[0] == 0 && order[1] == 1);

	order_count = 0;
	vdev_destroy_all(vm);
	CHECK(list_empty(&vm->devices));
	CHECK(order_count == 2 && order[0] == 1 && order[1] == 0);
}
