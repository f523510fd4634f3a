/*
 * Searches the table of functions that tools/mksyms made.
 */
#include "lib/symbols.h"

extern char image_text_start[], image_text_end[];
extern const u32 symtab_count, symtab_offsets[], symtab_places[];
extern const char symtab_names[];

const char *symbol_lookup(u64 addr, u64 *offset)
{
	u64 at = addr - (u64)image_text_start;
	u32 lo = 0, hi = symtab_count;

	if (at >= (u64)(image_text_end - image_text_start))
		return NULL;
	while (lo < hi) { /* the first entry behind at */
		u32 mid = lo + (hi - lo) / 2;

		if (symtab_offsets[mid] <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return NULL;
	*offset = at - symtab_offsets[lo - 1];
	return symtab_names + symtab_places[lo - 1];
}
