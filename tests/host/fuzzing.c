/*
 * The frame around a fuzz target (see fuzzing.h). libFuzzer has the main function; with --seeds DIR as
 * its only arguments the program writes the target's seeds there instead and ends.
 */
#include "tests/host/fuzzing.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *seed_folder;
static u32 seed_count;

__attribute__((weak)) void fuzz_seeds(void) {}

void fuzz_seed(const void *data, size_t size)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%04u", seed_folder, seed_count++);
	f = fopen(path, "wb");
	if (!f || fwrite(data, 1, size, f) != size || fclose(f)) {
		perror(path);
		exit(1);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	if (*argc != 3 || strcmp((*argv)[1], "--seeds"))
		return 0;
	seed_folder = (*argv)[2];
	fuzz_seeds();
	printf("%u seeds\n", seed_count);
	exit(0);
}

u64 fuzz_bytes(struct fuzz_in *in, u32 n)
{
	u64 v = 0;

	for (u32 i = 0; i < n && in->left; i++) {
		v |= (u64)*in->p++ << 8 * i;
		in->left--;
	}
	return v;
}

u32 fuzz_below(struct fuzz_in *in, u32 n)
{
	return (u32)fuzz_bytes(in, 1) % n;
}

u8 *fuzz_copy(const u8 *data, size_t size)
{
	u8 *p = malloc(size ? size : 1);

	if (!p)
		abort();
	memcpy(p, data, size);
	return p;
}

u32 fuzz_random(u32 below)
{
	static u64 state = 0x9e3779b97f4a7c15ULL; /* xorshift64 */

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (u32)(state >> 24) % below;
}

/* --- what harness.h declares: a finding ends the run --------------------------------------------- */

void harness_check(int ok, const char *file, int line, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s:%d: failed: %s\n", file, line, what);
	abort();
}

void harness_check_eq(unsigned long long a, unsigned long long b, const char *file, int line,
		      const char *what)
{
	if (a != b)
		fprintf(stderr, "left %llu (%#llx), right %llu (%#llx)\n", a, a, b, b);
	harness_check(a == b, file, line, what);
}

void harness_check_str(const char *a, const char *b, const char *file, int line, const char *what)
{
	harness_check(!strcmp(a, b), file, line, what);
}

/* Stand-ins for core/panic.h and core/log.h, which a target may have its own of. */
void panic(const char *fmt, ...) __attribute__((weak, noreturn, format(printf, 1, 2)));
void log_printf(int level, const char *fmt, ...) __attribute__((weak));

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "panic: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	abort();
}

void log_printf(int level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}
