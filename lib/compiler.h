/*
 * Compiler attributes under the names that the code uses.
 */
#pragma once

#define __packed            __attribute__((packed))
#define __aligned(n)        __attribute__((aligned(n)))
#define __noreturn          __attribute__((noreturn))
#define __must_check        __attribute__((warn_unused_result))
#define __printf(fmt, args) __attribute__((format(printf, fmt, args)))
#define __noinline          __attribute__((noinline))
#undef __always_inline /* the C library has one too, in host tests */
#define __always_inline inline __attribute__((always_inline))
#define __used          __attribute__((used))
#define __section(name) __attribute__((section(name)))
#define __weak          __attribute__((weak))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* Keeps the compiler from moving memory accesses across this point. */
#define barrier() __asm__ volatile("" ::: "memory")

/* One access, neither torn nor repeated by the compiler. */
#define READ_ONCE(x)     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
