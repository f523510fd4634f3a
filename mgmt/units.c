/*
 * Units of sizes (libvirt's "Domain XML format", memory's attribute unit).
 */
#include "mgmt/units.h"

#include "lib/string.h"

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

/* s is in lower case. */
static bool same(const char *a, const char *s)
{
	while (*s && lower(*a) == *s)
		a++, s++;
	return !*a && !*s;
}

u64 unit_bytes(const char *unit)
{
	static const char prefixes[] = "kmgtpe";
	const char *p;
	u64 base, bytes = 1;

	if (same(unit, "b") || same(unit, "byte") || same(unit, "bytes"))
		return 1;
	p = *unit ? strchr(prefixes, lower(*unit)) : NULL;
	if (!p)
		return 0;
	if (!unit[1] || same(unit + 1, "ib"))
		base = 1024;
	else if (same(unit + 1, "b"))
		base = 1000;
	else
		return 0;
	for (; p >= prefixes; p--)
		bytes *= base;
	return bytes;
}
