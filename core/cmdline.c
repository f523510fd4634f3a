/*
 * The host command line: a copy of what the loader passed, looked up word by word.
 */
#include "core/cmdline.h"

#include "core/log.h"
#include "lib/string.h"

/* Every word that some part of Plinth reads; docs/boot.md explains them. */
static const char *const known[] = {
	"apicv",       "confirm",     "console", "cpu.off",  "cycles",  "follow",   "haltpoll",
	"hostile",     "idle",        "iommu",   "loglevel", "mcepoll", "memtest",  "microcode",
	"mitigations", "nmi",         "panic",   "poweroff", "pstate",  "ramdisk",  "selftest",
	"slot",        "slot-failed", "smp",     "tsc",      "vmx.off", "watchdog",
};

static char line[CMDLINE_MAX];

struct word {
	const char *key, *value; /* value: behind the '=', or the empty end of a bare key */
	size_t key_len, value_len;
};

void cmdline_init(const char *text)
{
	if (str_copy(line, sizeof(line), text))
		log_warn("command line cut to %d bytes", CMDLINE_MAX - 1);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Splits the next word off *p. */
static bool next_word(const char **p, struct word *w)
{
	const char *s = *p, *end;

	while (is_blank(*s))
		s++;
	for (end = s; *end && !is_blank(*end);)
		end++;
	*p = end;
	w->key = s;
	while (s < end && *s != '=')
		s++;
	w->key_len = s - w->key;
	w->value = s < end ? s + 1 : end;
	w->value_len = end - w->value;
	return end > w->key;
}

static bool key_is(const struct word *w, const char *key)
{
	return strlen(key) == w->key_len && !memcmp(w->key, key, w->key_len);
}

/* The last word with that key. */
static bool find(const char *key, struct word *found)
{
	const char *p = line;
	bool any = false;
	struct word w;

	while (next_word(&p, &w)) {
		if (key_is(&w, key)) {
			*found = w;
			any = true;
		}
	}
	return any;
}

bool cmdline_get(const char *key, char *buf, size_t size)
{
	struct word w;

	if (!find(key, &w))
		return false;
	if (size) {
		size_t n = MIN(w.value_len, size - 1);

		memcpy(buf, w.value, n);
		buf[n] = '\0';
	}
	return true;
}

bool cmdline_is(const char *key, const char *value)
{
	struct word w;

	return find(key, &w) && strlen(value) == w.value_len &&
	       !memcmp(w.value, value, w.value_len);
}

u64 cmdline_number(const char *key, const char *unit, u64 min, u64 max, u64 standard)
{
	char word[16];
	u64 n;

	if (!cmdline_get(key, word, sizeof(word)))
		return standard;
	if (!strcmp(word, "off"))
		return 0;
	if (!str_to_u64(word, &n) && n >= min && n <= max)
		return n;
	log_warn("%s=%s: not %llu to %llu %s, nor off: %llu", key, word, (unsigned long long)min,
		 (unsigned long long)max, unit, (unsigned long long)standard);
	return standard;
}

bool cmdline_off(const char *key)
{
	char word[16];

	if (!cmdline_get(key, word, sizeof(word)))
		return false;
	if (!strcmp(word, "off"))
		return true;
	log_warn("%s=%s: not off: ignored", key, word);
	return false;
}

void cmdline_check(void)
{
	const char *p = line;
	struct word w;

	while (next_word(&p, &w)) {
		u32 i = 0;

		while (i < ARRAY_LEN(known) && !key_is(&w, known[i]))
			i++;
		if (i == ARRAY_LEN(known))
			log_warn("unknown word on the command line: %.*s", (int)w.key_len, w.key);
	}
}
