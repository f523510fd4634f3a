/*
 * The same requests as drivers/nvme/selftest.c's, by Linux's asynchronous I/O without its page cache: what it says is
 * what tools/measure/nvme.py looks for.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DISK      "/dev/nvme0n1"
#define COUNT     20000u
#define SIZE      4096u
#define DEPTH_MAX 32u
#define PLACES    4096u

static aio_context_t context;
static struct iocb slots[DEPTH_MAX];
static unsigned int sent;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void mark(const char *what, unsigned int depth, const char *how)
{
	const struct timespec quiet = { 0, 500000000 };

	printf("cost: %s %u %s\n", what, depth, how);
	fflush(stdout);
	nanosleep(&quiet, NULL);
}

static void next(struct iocb *s)
{
	s->aio_offset = (long long)(sent % PLACES) * SIZE;
	sent++;
}

static void submit(struct iocb **list, unsigned int n)
{
	if (n && syscall(SYS_io_submit, context, (long)n, list) != (long)n)
		fail("io_submit");
}

static void requests(unsigned int depth)
{
	struct io_event events[DEPTH_MAX];
	struct iocb *list[DEPTH_MAX];
	unsigned int out = 0;

	for (sent = 0; sent < depth;) {
		list[sent] = &slots[sent];
		next(&slots[sent]);
	}
	submit(list, depth);
	while (out < COUNT) {
		long n = syscall(SYS_io_getevents, context, 1L, (long)depth, events, NULL);
		unsigned int more = 0;

		if (n <= 0)
			fail("io_getevents");
		for (long i = 0; i < n; i++) {
			struct iocb *s = (struct iocb *)(uintptr_t)events[i].obj;

			if (events[i].res != SIZE)
				fail("a request");
			out++;
			if (sent == COUNT)
				continue;
			next(s);
			list[more++] = s;
		}
		submit(list, more);
	}
}

static void measure(const char *what, unsigned int op, unsigned int depth)
{
	for (unsigned int i = 0; i < DEPTH_MAX; i++)
		slots[i].aio_lio_opcode = (uint16_t)op;
	mark(what, depth, "begins");
	requests(depth);
	mark(what, depth, "has ended");
}

int main(void)
{
	char *memory = mmap(NULL, DEPTH_MAX * SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	int file = open(DISK, O_RDWR | O_DIRECT);

	if (file < 0)
		fail(DISK);
	if (memory == MAP_FAILED || syscall(SYS_io_setup, DEPTH_MAX, &context))
		fail("memory");
	for (unsigned int i = 0; i < DEPTH_MAX; i++)
		slots[i] = (struct iocb){ .aio_data = i,
					  .aio_fildes = (uint32_t)file,
					  .aio_buf = (uintptr_t)(memory + i * SIZE),
					  .aio_nbytes = SIZE };
	measure("read", IOCB_CMD_PREAD, 1);
	measure("read", IOCB_CMD_PREAD, DEPTH_MAX);
	measure("write", IOCB_CMD_PWRITE, 1);
	measure("write", IOCB_CMD_PWRITE, DEPTH_MAX);
	puts("nvmeload: ok");
	return 0;
}
