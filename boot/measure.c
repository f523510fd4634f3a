/*
 * The image's hash is taken over what is in memory, so that it is also that of what runs.
 */
#include "boot/measure.h"

#include "arch/image.h"
#include "core/bootfs.h"
#include "core/host.h"
#include "core/log.h"
#include "core/random.h"
#include "drivers/tpm.h"
#include "lib/compiler.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/sha256.h"
#include "lib/string.h"
#include "mm/heap.h"

#define PCR_IMAGE   11
#define PCR_CMDLINE 12
#define PCR_BOOTSET 13
#define LINE_MAX    (SHA256_TEXT + 2 + sizeof(((struct bootfs_file *)0)->path))

static struct sha256_part section(const char *start, const char *end)
{
	return (struct sha256_part){ start, (size_t)(end - start) };
}

void measure_image(void)
{
	struct sha256_part parts[] = {
		section(image_text_start, image_text_end),
		section(image_rodata_start, image_rodata_end),
		section(image_data_start, image_file_end),
	};

	sha256(parts, ARRAY_LEN(parts), host.image_hash);
}

static int extend(u32 pcr, const void *data, size_t len)
{
	struct sha256_part part = { data, len };
	u8 hash[SHA256_SIZE];

	sha256(&part, 1, hash);
	return tpm_extend(pcr, hash);
}

/* A line of the list, as sha256sum prints it. */
static size_t describe(const struct bootfs_file *file, char *line)
{
	struct sha256_part part = { file->data, file->size };
	u8 hash[SHA256_SIZE];
	char text[SHA256_TEXT];

	sha256(&part, 1, hash);
	fmt_hex(text, hash, sizeof(hash));
	return (size_t)snprintf(line, LINE_MAX, "%s  %s\n", text, file->path);
}

static int extend_bootset(void)
{
	const struct bootfs_file *file;
	size_t count = 0, len = 0;
	char *list;
	int err;

	while (bootfs_get(count))
		count++;
	list = kalloc(count * LINE_MAX + 1);
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; (file = bootfs_get(i)); i++)
		len += describe(file, list + len);
	err = extend(PCR_BOOTSET, list, len);
	kfree(list);
	return err;
}

/* Another source for the host's generator. What it says is not believed beyond half. */
static void take_random(void)
{
	u8 bytes[TPM_RANDOM_MAX];
	int n = tpm_random(bytes, sizeof(bytes));

	if (n > 0)
		random_add(bytes, (size_t)n, (u32)n * 4);
	memset(bytes, 0, sizeof(bytes));
}

void measure_boot(const char *cmdline)
{
	int err = tpm_init(NULL);

	if (err == -ENODEV && host.tpm == HOST_TPM_NONE)
		return;
	if (!err)
		err = tpm_extend(PCR_IMAGE, host.image_hash);
	if (!err)
		err = extend(PCR_CMDLINE, cmdline, strlen(cmdline));
	if (!err)
		err = extend_bootset();
	take_random();
	if (err)
		log_warn("TPM: it was not told what runs here: error %d", -err);
	else
		log_info("TPM: image, command line and boot set are in PCR %u, %u and %u",
			 PCR_IMAGE, PCR_CMDLINE, PCR_BOOTSET);
}
