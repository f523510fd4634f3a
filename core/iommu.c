/*
 * Which IOMMU there is, and how strictly it is used: the word iommu of the host's command line.
 */
#include "core/iommu.h"

#include "core/cmdline.h"
#include "core/log.h"
#include "lib/string.h"

#define WORD_MAX 16u

static const struct iommu_ops *registered; /* const after start */

static enum iommu_mode read_mode(void)
{
	static const char *const words[] = {
		[IOMMU_STRICT] = "strict", [IOMMU_LAZY] = "lazy", [IOMMU_OFF] = "off"
	};
	char word[WORD_MAX];

	if (!cmdline_get("iommu", word, sizeof(word)))
		return IOMMU_STRICT;
	for (u32 i = 0; i < ARRAY_LEN(words); i++) {
		if (!strcmp(word, words[i]))
			return i;
	}
	log_warn("iommu=%s: not one of strict, lazy and off: strict", word);
	return IOMMU_STRICT;
}

enum iommu_mode iommu_mode(void)
{
	static enum iommu_mode
		mode; /* const once known: first asked by drivers/iommu, before any other driver starts */
	static bool known;

	if (!known)
		mode = read_mode();
	known = true;
	return mode;
}

void iommu_register(const struct iommu_ops *ops)
{
	registered = ops;
}

const struct iommu_ops *iommu_ops(void)
{
	return registered;
}
