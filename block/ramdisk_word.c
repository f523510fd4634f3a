/*
 * RAM disks that the host's command line asks for.
 */
#include "block/ramdisk.h"
#include "core/bootfs.h"
#include "core/cmdline.h"
#include "core/log.h"
#include "lib/errno.h"
#include "lib/string.h"

#define WORD_MAX 512u

/* A number of bytes, perhaps with K, M or G behind it. */
static int parse_size(const char *text, u64 *out)
{
	static const char units[] = "KMG";
	u64 n = 0;
	u32 shift = 0;

	if (!*text)
		return -EINVAL;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (n > RAMDISK_SIZE_MAX)
			return -ERANGE;
		n = n * 10 + (u64)(*text - '0');
	}
	if (*text) {
		const char *unit = strchr(units, *text & ~0x20);

		if (!unit || text[1])
			return -EINVAL;
		shift = 10u * (u32)(unit - units + 1);
	}
	if (n > RAMDISK_SIZE_MAX >> shift)
		return -ERANGE;
	*out = n << shift;
	return n ? 0 : -EINVAL;
}

/* Cuts off what stands before the next c or the end; NULL: nothing is left. */
static char *cut(char **p, char c)
{
	char *from = *p, *end;

	if (!from)
		return NULL;
	end = strchr(from, c);
	if (end)
		*end++ = '\0';
	*p = end;
	return from;
}

static int parse_source(const char *source, struct ramdisk_spec *spec)
{
	const struct bootfs_file *f = bootfs_find(source);

	if (f) {
		spec->file = f->data;
		spec->file_size = f->size;
		return 0;
	}
	return parse_size(source, &spec->size) ? -ENOENT : 0;
}

static int parse_option(const char *word, struct ramdisk_spec *spec)
{
	if (!strcmp(word, "ro"))
		spec->read_only = true;
	else if (!strcmp(word, "4k"))
		spec->block_size = PAGE_SIZE;
	else if (str_prefix(word, "max="))
		return parse_size(word + 4, &spec->limit);
	else
		return -EINVAL;
	return 0;
}

/* What may stand in file names and shells: letters, digits, '-' and '_'. */
static bool is_name(const char *s)
{
	size_t n = 0;

	for (; s[n]; n++) {
		char low = s[n] | 0x20;

		if (!(low >= 'a' && low <= 'z') && !(s[n] >= '0' && s[n] <= '9') && s[n] != '-' &&
		    s[n] != '_')
			return false;
	}
	return n && n < BLKDEV_NAME_MAX;
}

bool ramdisk_parse(char **p, struct ramdisk_spec *spec, int *err)
{
	char *one = cut(p, ','), *source, *option;

	if (!one)
		return false;
	*spec = (struct ramdisk_spec){ .limit = RAMDISK_LIMIT, .block_size = 512 };
	spec->name = cut(&one, ':');
	source = cut(&one, ':');
	*err = is_name(spec->name) && source ? parse_source(source, spec) : -EINVAL;
	while (!*err && (option = cut(&one, ':')))
		*err = parse_option(option, spec);
	return true;
}

void ramdisks_start(void)
{
	static char word[WORD_MAX];
	struct ramdisk_spec spec;
	struct blkdev *b;
	char *p = word;
	int err;

	if (!cmdline_get("ramdisk", word, sizeof(word)))
		return;
	while (ramdisk_parse(&p, &spec, &err)) {
		if (!err)
			err = ramdisk_create(&spec, &b);
		if (err)
			log_error("ramdisk=%s: not made (error %d): NAME:FILE or SIZE[:ro][:4k][:max=SIZE]",
				  spec.name, -err);
		else
			log_info("%s: RAM disk of %llu KiB%s", b->name,
				 (unsigned long long)(b->size / KIB),
				 b->read_only ? ", read-only" : "");
	}
}
