/*
 * Backtraces by frame pointers, which all of the image keeps. A damaged stack must not fault again
 * here: every load is listed in the exception table.
 */
#include "core/backtrace.h"
#include "arch/cet.h"
#include "arch/extable.h"
#include "arch/trap.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "lib/symbols.h"

#define FRAMES_MAX     32
#define CANONICAL_HIGH 0xffff800000000000ULL
/* The entry code of traps, which calls C with the trap frame on top of the stack (arch/trap.asm). */
#define TRAP_ENTRY     "trap_common"

struct frame {
	u64 rbp, rip;
};

static bool load(u64 addr, u64 *value)
{
	u64 v = 0;
	u32 ok = 0;

	if (addr < CANONICAL_HIGH || addr % 8)
		return false;
	__asm__ volatile("1: mov (%[addr]), %[v]\n\t"
			 "mov $1, %[ok]\n"
			 "2:\n\t" EXTABLE("1b", "2b")
			 : [v] "+r"(v), [ok] "+r"(ok)
			 : [addr] "r"(addr)
			 : "memory");
	*value = v;
	return ok;
}

static bool load_frame(u64 rbp, struct frame *out)
{
	return load(rbp, &out->rbp) && load(rbp + 8, &out->rip) && out->rip;
}

void address_text(u64 addr, char buf[ADDRESS_TEXT_MAX])
{
	u64 offset;
	const char *name = symbol_lookup(addr, &offset);

	if (name)
		snprintf(buf, ADDRESS_TEXT_MAX, "0x%016llx %s+0x%llx", (unsigned long long)addr,
			 name, (unsigned long long)offset);
	else
		snprintf(buf, ADDRESS_TEXT_MAX, "0x%016llx", (unsigned long long)addr);
}

static void print(u64 addr, void (*line)(const char *text))
{
	char text[ADDRESS_TEXT_MAX];

	address_text(addr, text);
	line(text);
}

static bool in_trap_entry(u64 rip)
{
	u64 offset;
	const char *name = symbol_lookup(rip, &offset);

	return name && !strcmp(name, TRAP_ENTRY);
}

/* The trap frame at addr: where it came from. */
static bool load_trap(u64 addr, struct frame *out)
{
	return load(addr + offsetof(struct trap_frame, rbp), &out->rbp) &&
	       load(addr + offsetof(struct trap_frame, rip), &out->rip);
}

/* Whether rip is where its function begins, with an ENDBR64 or behind that. */
static bool at_start(u64 rip)
{
	u64 offset, code;

	if (!symbol_lookup(rip, &offset))
		return false;
	return !offset ||
	       (offset == ENDBR64_SIZE && load(rip - offset, &code) && (u32)code == ENDBR64);
}

/* The function that trapped; its caller too, where it had not yet made a frame of its own. */
static void print_trapped(const struct trap_frame *f, void (*line)(const char *text))
{
	u64 caller;

	print(f->rip, line);
	if (at_start(f->rip) && load(f->rsp, &caller))
		print(caller - 1, line);
}

void backtrace(const struct trap_frame *f, u64 rbp, void (*line)(const char *text))
{
	struct frame frame;

	if (f) {
		print_trapped(f, line);
		rbp = f->rbp;
	}
	for (u32 i = 0; i < FRAMES_MAX && load_frame(rbp, &frame); i++) {
		/* A return address may be just past its function: look where the call is. */
		print(frame.rip - 1, line);
		if (in_trap_entry(frame.rip - 1)) {
			if (!load_trap(rbp + sizeof(frame), &frame))
				return;
			line("interrupted:");
			print(frame.rip, line);
		} else if (frame.rbp <= rbp) { /* up the stack only */
			return;
		}
		rbp = frame.rbp;
	}
}
