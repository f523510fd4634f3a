/*
 * Attached consoles: keys for the guest, and those that leave or go on to the next console.
 */
#include "mgmt/shell_attach.h"

#include "core/clock.h"
#include "core/console.h"
#include "core/thread.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mgmt/domains.h"
#include "mgmt/hotkey.h"
#include "mgmt/manager.h"
#include "mgmt/serial.h"
#include "vm/vm.h"

#define BATCH_SIZE 64u
#define FULL_NS    10000000ULL   /* how soon a full guest is tried again */
#define FULL_TRIES 50u           /* so often; then what is typed is lost, as on a real line */
#define LOOK_NS    1000000000ULL /* how often it is looked whether the domain is still there */

static struct vm *attached; /* a reference; NULL: the shell has the keys */
static u32 attached_port;
static struct hotkey hotkey;
static u8 batch[BATCH_SIZE]; /* for the guest */
static u32 batch_len;
static bool full; /* the guest took nothing for FULL_TRIES */

struct input {
	u32 taken;
	bool gone; /* there is no such port any more */
};

static void print(const char *s)
{
	console_write(s, strlen(s));
}

/* On the manager's thread, as are the next two. */
static void start_output(void *arg)
{
	struct serial *s = serial_find(attached, attached_port);

	(void)arg;
	if (s)
		serial_attach(s);
}

static void stop_output(void *arg)
{
	(void)arg;
	serial_attach(NULL);
}

static void give_input(void *arg)
{
	struct input *in = arg;
	struct serial *s = serial_find(attached, attached_port);

	in->gone = !s || s != serial_attached();
	in->taken = in->gone ? batch_len : (u32)serial_input(s, batch, batch_len);
}

bool shell_attached(void)
{
	return attached;
}

static void detach(void)
{
	if (!attached)
		return;
	manager_run(stop_output, NULL);
	vm_put(attached);
	attached = NULL;
	batch_len = 0;
	print("\n");
}

void shell_attach(struct vm *vm, u32 port)
{
	char text[DOMAIN_NAME_MAX + 96];

	detach();
	attached = vm;
	attached_port = port;
	hotkey.held = 0;
	full = false;
	snprintf(text, sizeof(text),
		 "Connected to domain '%s'\nEscape character is ^] (Ctrl + ])\n", vm->cfg.name);
	print(text);
	manager_run(start_output, NULL);
}

/* Hands the batch on. What the guest has no room for waits a while, then it is lost. */
static void flush(void)
{
	struct input in = { .taken = 0 };

	for (u32 tries = 0; attached; tries++) {
		manager_run(give_input, &in);
		if (in.gone) {
			print("\nthe domain is gone");
			detach();
			return;
		}
		if (in.taken) {
			full = false;
			tries = 0;
		}
		batch_len -= in.taken;
		memmove(batch, batch + in.taken, batch_len);
		if (!batch_len)
			return;
		if (full || tries == FULL_TRIES)
			break;
		thread_block_until(clock_ns() + FULL_NS);
	}
	full = true;
	batch_len = 0;
}

struct next {
	u64 after; /* the number of the domain before; if not first */
	bool first;
	struct vm *vm; /* a reference */
};

static int find_next(struct vm *vm, void *ctx)
{
	struct next *n = ctx;

	if (!domain_active(vm) || !vm->cfg.serials || (!n->first && vm->number <= n->after))
		return 0;
	vm_get(vm);
	n->vm = vm;
	return 1;
}

bool shell_attach_next(void)
{
	struct next n = { .first = !attached };

	if (attached)
		n.after = attached->number;
	(void)domains_each(find_next, &n);
	if (n.vm)
		shell_attach(n.vm, 0);
	return n.vm;
}

static void put(const u8 *bytes, size_t n)
{
	for (size_t i = 0; i < n && attached; i++) {
		batch[batch_len++] = bytes[i];
		if (batch_len == BATCH_SIZE)
			flush();
	}
}

void shell_attach_key(u8 byte)
{
	u8 out[HOTKEY_OUT_MAX];
	enum hotkey_event event;
	size_t n;

	event = hotkey_byte(&hotkey, byte, clock_ns(), out, &n);
	put(out, n);
	if (event == HOTKEY_NONE || !attached)
		return;
	flush();
	if (event == HOTKEY_LEAVE || !shell_attach_next())
		detach();
}

void shell_attach_idle(void)
{
	u8 out[HOTKEY_OUT_MAX];
	size_t n = hotkey_expired(&hotkey, clock_ns(), out);

	put(out, n);
	flush();
}

u64 shell_attach_deadline(void)
{
	return attached ? MIN(hotkey_deadline(&hotkey), clock_ns() + LOOK_NS) : ~0ULL;
}
