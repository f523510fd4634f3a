/*
 * The harness of the host unit tests (see harness.h): runs what TEST() registered, prints failures
 * with file and line, ends with status 1 on a failure, or when nothing was checked at all.
 */
#include "tests/host/harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_TESTS    512
#define PANIC_STATUS 99

static struct {
	const char *name;
	void (*run)(void);
} tests[MAX_TESTS];

static int nr_tests, nr_checks, nr_failures;
static int in_child, child_status;

void harness_add(const char *name, void (*run)(void))
{
	if (nr_tests == MAX_TESTS)
		abort();
	tests[nr_tests].name = name;
	tests[nr_tests++].run = run;
}

void harness_check(int ok, const char *file, int line, const char *what)
{
	nr_checks++;
	if (ok)
		return;
	nr_failures++;
	printf("%s:%d: failed: %s\n", file, line, what);
}

void harness_check_eq(unsigned long long a, unsigned long long b, const char *file, int line,
		      const char *what)
{
	harness_check(a == b, file, line, what);
	if (a != b)
		printf("\tleft %llu (0x%llx), right %llu (0x%llx)\n", a, a, b, b);
}

void harness_check_str(const char *a, const char *b, const char *file, int line, const char *what)
{
	const char *p = a, *q = b;

	/* No strcmp(): the test may link the hypervisor's own, which is what it tests. */
	while (p && q && *p && *p == *q) {
		p++;
		q++;
	}
	int same = p && q ? *p == *q : p == q;

	harness_check(same, file, line, what);
	if (!same)
		printf("\tleft \"%s\", right \"%s\"\n", a ? a : "(null)", b ? b : "(null)");
}

int harness_child(void)
{
	fflush(stdout);
	pid_t pid = fork();

	if (pid < 0) {
		perror("fork");
		exit(1);
	}
	if (pid == 0) {
		in_child = 1;
		return 1;
	}
	if (waitpid(pid, &child_status, 0) != pid)
		child_status = 0;
	return 0;
}

void harness_child_end(void)
{
	fflush(stdout);
	_exit(0);
}

int harness_child_panicked(void)
{
	return WIFEXITED(child_status) && WEXITSTATUS(child_status) == PANIC_STATUS;
}

/*
 * Stand-ins for core/panic.h and core/log.h. Those headers are not included: they belong to the
 * freestanding side, and their enum log_level is passed as an int.
 */
void panic(const char *fmt, ...) __attribute__((weak, noreturn, format(printf, 1, 2)));
void log_printf(int level, const char *fmt, ...) __attribute__((weak));
void log_limited(void *limit, int level, const char *fmt, ...) __attribute__((weak));

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("panic: ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	fflush(stdout);
	if (in_child)
		_exit(PANIC_STATUS);
	abort();
}

void log_printf(int level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("log %d: ", level);
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
}

void log_limited(void *limit, int level, const char *fmt, ...)
{
	va_list ap;

	(void)limit;
	va_start(ap, fmt);
	printf("log %d: ", level);
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
}

int main(void)
{
	for (int i = 0; i < nr_tests; i++) {
		int before = nr_failures;

		tests[i].run();
		printf("%s %s\n", nr_failures == before ? "ok  " : "FAIL", tests[i].name);
		fflush(stdout);
	}
	printf("%d tests, %d checks, %d failed\n", nr_tests, nr_checks, nr_failures);
	if (nr_checks == 0)
		printf("nothing was checked\n");
	return nr_failures != 0 || nr_checks == 0;
}
