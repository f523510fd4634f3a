/*
 * core/watchdog.h: CPUs that answer, hang, or stand still together.
 *
 * sources: core/watchdog.c core/cmdline.c lib/fmt.c lib/string.c tests/host/fake_cpus.c
 * flags: -include tests/host/fake_percpu.h
 */
#include "arch/lapic.h"
#include "core/cmdline.h"
#include "core/irq.h"
#include "core/timer.h"
#include "core/watchdog.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "tests/host/fake_cpus.h"
#include "tests/host/harness.h"

#define SECOND 1000000000ULL
#define PROBES 8

static u32 ipis;
static bool hangs[FAKE_CPUS];

void lapic_ipi(u32 cpu, u8 vector)
{
	u32 from = this;

	CHECK_EQ(vector, IRQ_VECTOR_PROBE);
	ipis++;
	if (hangs[cpu])
		return;
	this = cpu;
	handlers[IRQ_VECTOR_PROBE]();
	this = from;
}

static void begin(u32 count, const char *seconds)
{
	char words[32];

	cpus = count;
	snprintf(words, sizeof(words), seconds ? "watchdog=%s" : "", seconds);
	cmdline_init(words);
	ipis = 0;
	this = 0;
	fake_cpus_clear();
	memset(hangs, 0, sizeof(hangs));
	watchdog_start();
}

/* Each CPU that does not hang has its ticks for so long; late: by how much. */
static void run(u64 ns, u64 late)
{
	u64 end = now + ns;

	for (;;) {
		u64 first = ~0ULL;

		for (u32 i = 0; i < cpus; i++) {
			if (!timers[i] || hangs[i] || timers[i]->deadline_ns >= first)
				continue;
			first = timers[i]->deadline_ns;
			this = i;
		}
		if (first > end)
			break;
		now = MAX(now, first + late);
		timers[this]->fn(timers[this]);
	}
	now = end;
}

TEST(all_answer)
{
	begin(4, "8");
	for (u32 i = 0; i < 4; i++)
		CHECK(timers[i]);
	ipis = 0;
	run(80 * SECOND, 0);
	CHECK_EQ(ipis, 4 * 80); /* one each second from each */
	/* The default leaves idle CPUs more quiet. */
	begin(2, NULL);
	ipis = 0;
	run(100 * SECOND, 0);
	CHECK_EQ(ipis, 2 * 40);
}

TEST(one_hangs)
{
	begin(3, "8");
	run(20 * SECOND, 0);
	hangs[1] = true;
	run(7 * SECOND, 0);
	CHECK_PANIC(run(2 * SECOND, 0));
	/* It was only slow: it has time anew. */
	hangs[1] = false;
	run(3 * SECOND, 0);
	hangs[1] = true;
	run(7 * SECOND, 0);
	CHECK_PANIC(run(2 * SECOND, 0));
}

/* One that goes on sees its neighbour, whoever else hangs. */
TEST(all_but_one_hang)
{
	for (u32 alive = 0; alive < 4; alive++) {
		begin(4, "8");
		run(20 * SECOND, 0);
		for (u32 i = 0; i < 4; i++)
			hangs[i] = i != alive;
		CHECK_PANIC(run(10 * SECOND, 0));
	}
}

/* The whole machine is stopped again and again, and a CPU's answers come late then. */
TEST(standing_still_together)
{
	begin(2, "8");
	run(20 * SECOND, 0);
	hangs[1] = true;
	for (u32 i = 0; i < 6; i++) {
		now += 1000 * SECOND;
		run(SECOND / 2, 0);
	}
	hangs[1] = false;
	now += 1000 * SECOND;
	run(100 * SECOND, 0);
	hangs[1] = true;
	run(3 * SECOND, 0);
	now += 1000 * SECOND;
	run(3 * SECOND, 0);
	hangs[1] = false;
	run(3 * SECOND, 0);
	/* Ticks that are late count, too: this CPU may get little time. */
	hangs[1] = true;
	CHECK_PANIC(run(40 * SECOND, 3 * SECOND));
}

TEST(off)
{
	begin(2, "off");
	CHECK_EQ(ipis, 0);
	begin(1, "8");
	CHECK_EQ(ipis, 0);
}

TEST(bad_words)
{
	static const char *const bad[] = { "", "1", "3601", "8s", "on" };

	for (u32 i = 0; i < ARRAY_LEN(bad); i++) {
		begin(2, bad[i]);
		ipis = 0;
		run(100 * SECOND, 0);
		CHECK_EQ(ipis, 2 * 40);
	}
}
