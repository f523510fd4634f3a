/*
 * The image's hash is taken over what is in memory, so that it is also that of what runs.
 */
#include "boot/measure.h"

#include "arch/image.h"
#include "core/host.h"
#include "lib/compiler.h"
#include "lib/sha256.h"

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
