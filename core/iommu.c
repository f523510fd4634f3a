/*
 * Which IOMMU there is, and how strictly it is used: the word iommu of the host's command line.
 */
#include "core/iommu.h"

#include "core/cmdline.h"
#include "core/log.h"
#include "lib/string.h"

#define WORD_MAX 16u

static const struct iommu_ops *registered; /* const after start */

enum iommu_mode iommu_mode(void)
{
	static const char *const words[] = {
		[IOMMU_STRICT] = "strict", [IOMMU_LAZY] = "lazy", [IOMMU_OFF] = "off"
	};
	static bool known;
	static enum iommu_mode mode; /* const once known; strict if nothing is said */
	char word[WORD_MAX];

	if (known || !cmdline_get("iommu", word, sizeof(word)))
		return mode;
	known = true;
	for (u32 i = 0; i < ARRAY_LEN(words); i++) {
		if (!strcmp(word, words[i])) {
			mode = i;
			return mode;
		}
	}
	log_warn("iommu=%s: not one of strict, lazy and off: strict", word);
	return mode;
}

void iommu_register(const struct iommu_ops *ops)
{
	registered = ops;
}

const struct iommu_ops *iommu_ops(void)
{
	return iommu_mode() == IOMMU_OFF ? NULL : registered;
}
