/*
 * Looks up the exception table. It has a few dozen entries, in the order of linking.
 */
#include "arch/extable.h"

struct extable_entry {
	u64 fault, fixup;
};

extern const struct extable_entry extable_start[], extable_end[];

u64 extable_find(u64 rip)
{
	for (const struct extable_entry *e = extable_start; e < extable_end; e++)
		if (e->fault == rip)
			return e->fixup;
	return 0;
}
