/*
 * Fuzz target for mgmt's reading of domain XML, in libFuzzer's form. tests/host/test_fuzz_domain.c runs
 * it on mutated documents; with libFuzzer:
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -DPLINTH_HOST_TEST -I. -Imgmt/port \
 *       -Ibuild/deps/expat/lib tests/host/fuzz_domain.c mgmt/{domain_xml,xml,units,uuid}.c \
 *       build/deps/expat/lib/xml{parse,tok,role}.c lib/string.c
 */
#include "tests/host/fuzz_domain.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/panic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mgmt/domain_xml.h"
#include "vm/domain.h"
#include "vm/vm.h"

u64 clock_ns(void)
{
	return 1;
}

/* An assertion of the code under test. */
void panic(const char *fmt, ...)
{
	(void)fmt;
	abort();
}

static void require(bool ok)
{
	if (!ok)
		abort();
}

static bool ends_within(const char *s, size_t size)
{
	return memchr(s, 0, size) != NULL;
}

/* What the rest of Plinth relies on, whatever the document says. */
static void check_domain(const struct domain *d)
{
	require(ends_within(d->name, sizeof(d->name)) && d->name[0]);
	for (const char *p = d->name; *p; p++)
		require(*p > ' ' && *p <= '~' && *p != '/');
	require(ends_within(d->kernel, sizeof(d->kernel)) && d->kernel[0]);
	require(ends_within(d->initrd, sizeof(d->initrd)));
	require(ends_within(d->cmdline, sizeof(d->cmdline)));
	require(d->memory > 0 && d->memory <= 8ULL << 40);
	require(d->vcpus == 1 && d->serials <= VM_MAX_SERIALS);
	require(d->loader == LOADER_LINUX || (d->loader == LOADER_FLAT && !d->initrd[0]));
	require(d->clock == CLOCK_UTC || d->clock == CLOCK_LOCALTIME);
	require(d->on_poweroff <= ACTION_PRESERVE && d->on_reboot <= ACTION_PRESERVE &&
		d->on_crash <= ACTION_PRESERVE);
}

/* One line of plain text that begins with file and line. */
static void check_message(const char *err)
{
	const char *p = err + 5;

	require(ends_within(err, DOMAIN_ERROR_MAX) && str_prefix(err, "fuzz:"));
	require(*p >= '1' && *p <= '9');
	while (*p >= '0' && *p <= '9')
		p++;
	require(p[0] == ':' && p[1] == ' ' && p[2]);
	for (; *p; p++)
		require(*p >= ' ' && *p <= '~');
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char err[DOMAIN_ERROR_MAX];
	struct domain d;
	/* A block of exactly that size: the sanitizer sees any byte too many. */
	u8 *copy = malloc(size ? size : 1);
	int ret;

	memcpy(copy, data, size);
	memset(err, 0xff, sizeof(err));
	ret = domain_parse("fuzz", copy, size, &d, err, sizeof(err));
	require(ret == 0 || ret == -EINVAL);
	if (ret)
		check_message(err);
	else
		check_domain(&d);
	free(copy);
	return 0;
}
