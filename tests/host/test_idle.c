/*
 * core/idle.h: MWAIT's hint, and when MWAIT is used.
 *
 * sources: core/idle.c lib/string.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "arch/feature.h"
#include "core/cmdline.h"
#include "core/idle.h"
#include "lib/string.h"
#include "tests/host/harness.h"

#define ARAT 4

static const char *word;
static bool monitor;

struct cpuid fake_cpuid(u32 leaf, u32 subleaf)
{
	return (struct cpuid){ .eax = ARAT, .edx = 0x120 };
}
bool cpu_has(enum cpu_feature f)
{
	CHECK_EQ(f, CPU_MONITOR);
	return monitor;
}
bool cmdline_get(const char *key, char *buf, size_t size)
{
	CHECK_STR(key, "idle");
	return word && !str_copy(buf, size, word);
}

/* SDM vol. 2, "MWAIT": bits 7:4 are the state less one; CPUID.05H:EDX has four bits for each from C0. */
TEST(hints)
{
	CHECK_EQ(idle_hint(0x00000020, ARAT), 0x00);
	CHECK_EQ(idle_hint(0x00000120, ARAT), 0x10);
	CHECK_EQ(idle_hint(0x00002120, ARAT), 0x20);
	CHECK_EQ(idle_hint(0x11142120, ARAT), 0x60);
	CHECK_EQ(idle_hint(0, ARAT), 0x00);
	CHECK_EQ(idle_hint(0x11142120, 0), 0x00); /* the timer would stand still */
	CHECK_EQ(idle_hint(0x11142120, ~(u32)ARAT), 0x00);
}

static bool with(const char *w, bool has)
{
	word = w;
	monitor = has;
	idle_init();
	return idle_watches();
}

TEST(when)
{
	CHECK(!with(NULL, true));
	CHECK(!with("hlt", true));
	CHECK(!with("mwait", false));
	CHECK(!with("deep", true));
	CHECK(with("mwait", true));
}
