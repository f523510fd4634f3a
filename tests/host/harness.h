/*
 * The harness of the host unit tests: TEST(name) { ... } registers itself, harness.c holds main().
 *
 * Includes nothing of the C library, so that it mixes with the hypervisor's own headers. harness.c
 * supplies panic() and log_printf() as weak symbols: a test that links the real ones gets those.
 */
#pragma once

void harness_add(const char *name, void (*run)(void));
void harness_check(int ok, const char *file, int line, const char *what);
void harness_check_eq(unsigned long long a, unsigned long long b, const char *file, int line,
		      const char *what);
void harness_check_str(const char *a, const char *b, const char *file, int line, const char *what);

/* Forks: 1 in the child, 0 in the parent once the child has ended. */
int harness_child(void);
void harness_child_end(void);
/* Whether the last child ended in panic(). */
int harness_child_panicked(void);

#define TEST(name)                                                                                 \
	static void test_##name(void);                                                             \
	__attribute__((constructor)) static void add_##name(void)                                  \
	{                                                                                          \
		harness_add(#name, test_##name);                                                   \
	}                                                                                          \
	static void test_##name(void)

#define CHECK(cond) harness_check(!!(cond), __FILE__, __LINE__, #cond)

/* Integers and pointers, compared as 64 bits: -1 of type int and 0xffffffff differ. */
#define CHECK_EQ(a, b)                                                                             \
	harness_check_eq((unsigned long long)(a), (unsigned long long)(b), __FILE__, __LINE__,     \
			 #a " == " #b)

#define CHECK_STR(a, b) harness_check_str((a), (b), __FILE__, __LINE__, #a " == " #b)

/* The statement must end in panic(). It runs in a child process: its effects do not come back. */
#define CHECK_PANIC(stmt)                                                                          \
	do {                                                                                       \
		if (harness_child()) {                                                             \
			stmt;                                                                      \
			harness_child_end();                                                       \
		}                                                                                  \
		harness_check(harness_child_panicked(), __FILE__, __LINE__, #stmt " panics");      \
	} while (0)
