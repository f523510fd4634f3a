/*
 * Which of the aids for interrupts may be used: the words of apicv=.
 */
#include "vm/apicv.h"

#include "core/cmdline.h"
#include "core/log.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define WORDS_MAX 96

const struct apicv_ops *apicv;
bool apicv_ipis;

static const struct {
	const char *name;
	u32 feature;
} names[] = {
	{ "tpr", APICV_TPR },       { "registers", APICV_REGISTERS }, { "xapic", APICV_XAPIC },
	{ "x2apic", APICV_X2APIC }, { "delivery", APICV_DELIVERY },   { "posted", APICV_POSTED },
	{ "ipi", APICV_IPI },
};

/* The features of a word of len bytes; 0: there is no such word. */
static u32 feature_of(const char *word, size_t len)
{
	if (len == 3 && !strncmp(word, "off", len))
		return APICV_ALL;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (len == strlen(names[i].name) + 1 && word[0] == '-' &&
		    !strncmp(word + 1, names[i].name, len - 1))
			return names[i].feature;
	}
	return 0;
}

u32 apicv_parse(const char *words)
{
	u32 allowed = APICV_ALL;

	while (*words) {
		const char *end = strchr(words, ',');
		size_t len = end ? (size_t)(end - words) : strlen(words);
		u32 feature = feature_of(words, len);

		if (!feature && len)
			log_warn("apicv=: unknown word '%s'", words);
		allowed &= ~feature;
		words += end ? len + 1 : len;
	}
	return allowed;
}

void apicv_report(const char *who, u32 features)
{
	char text[WORDS_MAX] = "";

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		size_t len = strlen(text);

		if (features & names[i].feature)
			snprintf(text + len, sizeof(text) - len, " %s", names[i].name);
	}
	log_info("%s: interrupts without exits:%s", who, features ? text : " none");
}

u32 apicv_allowed(void)
{
	char words[WORDS_MAX] = "";

	cmdline_get("apicv", words, sizeof(words));
	return apicv_parse(words);
}
