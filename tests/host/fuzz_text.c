/*
 * Small texts that files and people write: sets of CPUs, UUIDs, units, numbers, and the boot set's paths.
 * What is taken is written again as text, and means the same. An input's first byte chooses.
 *
 * sources: lib/cpuset.c mgmt/uuid.c mgmt/units.c lib/string.c
 * runs: 60000
 * max_len: 256
 */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "core/bootfs.c" /* its files are never taken out: here they are */
#include "lib/cpuset.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mgmt/units.h"
#include "mgmt/uuid.h"
#include "tests/host/fuzzing.h"

static void text_cpuset(const char *text)
{
	struct cpuset set, again;
	char *out;
	int ret = cpuset_parse(text, &set), len = 0;

	CHECK(ret == 0 || ret == -EINVAL);
	if (ret)
		return;
	CHECK(!cpuset_empty(&set));
	for (size_t size = 1; size < 512;
	     size = 2 * size + 1) { /* the sanitizer watches each end */
		out = malloc(size);
		len = cpuset_format(&set, out, size);
		CHECK(len == -ENOSPC || (len > 0 && (size_t)len < size && !out[len]));
		if (len > 0) {
			CHECK_EQ(cpuset_parse(out, &again), 0);
			CHECK(!memcmp(&set, &again, sizeof(set)));
		}
		free(out);
	}
	CHECK(len > 0);
}

static void text_uuid(const char *text)
{
	u8 uuid[UUID_SIZE], again[UUID_SIZE];
	char out[UUID_TEXT_SIZE];
	int ret = uuid_parse(text, uuid);

	uuid_from_name(text, again);
	CHECK(again[6] >> 4 == 8 && again[8] >> 6 == 2);
	CHECK(ret == 0 || ret == -EINVAL);
	if (ret)
		return;
	CHECK(strlen(text) == 32 || strlen(text) == 36);
	uuid_format(uuid, out);
	CHECK_EQ(strlen(out), 36);
	CHECK_EQ(uuid_parse(out, again), 0);
	CHECK(!memcmp(uuid, again, sizeof(uuid)));
}

static void text_number(const char *text)
{
	u64 value, bytes = unit_bytes(text);
	char out[32];
	bool hex;

	CHECK(bytes == 0 || bytes % 1000 == 0 || !(bytes & (bytes - 1)));
	if (str_to_u64(text, &value))
		return;
	hex = !strncasecmp(text, "0x", 2);
	text += hex ? 2 : 0;
	while (text[0] == '0' && text[1])
		text++;
	snprintf(out, sizeof(out), hex ? "%llx" : "%llu", (unsigned long long)value);
	CHECK(!strcasecmp(out, text));
}

/* Lines are paths of files. */
static void text_paths(char *text)
{
	size_t given = 0;

	count = 0;
	for (char *end; text; text = end) {
		end = strchr(text, '\n');
		if (end)
			*end++ = '\0';
		if (bootfs_add(text, text, strlen(text)))
			continue;
		given++;
		CHECK(*text && *text != '/' && strcmp(text, "..") && !str_prefix(text, "../"));
		CHECK(!strstr(text, "/../"));
		CHECK(strlen(text) < 3 || strcmp(text + strlen(text) - 3, "/.."));
		CHECK_STR(bootfs_find(text)->path, text);
	}
	CHECK_EQ(given, count);
	for (size_t i = 1; i < count; i++)
		CHECK(strcmp(bootfs_get(i - 1)->path, bootfs_get(i)->path) < 0);
	CHECK(!bootfs_get(count));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char *text;

	if (size < 2)
		return 0;
	text = (char *)fuzz_copy(data, size);
	memmove(text, text + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0] & 3) {
	case 0:
		text_cpuset(text);
		break;
	case 1:
		text_uuid(text);
		break;
	case 2:
		text_number(text);
		break;
	default:
		text_paths(text);
	}
	free(text);
	return 0;
}

void fuzz_seeds(void)
{
	/* clang-format off */
	static const char *const seeds[] = {
		"\4" "0-3,^2,5",
		"\4" "63",
		"\4" "0-63,^1-62",
		"\1" "4dea22b3-1d52-d8f3-2516-782e98ab3fa0",
		"\1" "4DEA22B31D52D8F32516782E98AB3FA0",
		"\2" "MiB",
		"\2" "kb",
		"\2" "18446744073709551615",
		"\3" "vm1.xml\nimages/vmlinuz\nimages/../x\n..\na/..\n/abs\na..b\nvm1.xml",
	};
	/* clang-format on */

	for (u32 i = 0; i < ARRAY_LEN(seeds); i++)
		fuzz_seed(seeds[i], strlen(seeds[i]));
}
