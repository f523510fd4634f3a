/*
 * Runs the self-tests that the command line names. Tests list themselves in the section .selftest,
 * next to what they test.
 */
#include "core/selftest.h"

#include "core/cmdline.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/power.h"
#include "core/thread.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define REASON_MAX 160

extern const struct selftest selftests_first[], selftests_last[];

static char reason[REASON_MAX]; /* of the test under way; tests run one at a time */

int selftest_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	return -1;
}

/* Whether the word, len bytes of it, is the test's name, its group or `all`. */
static bool word_names(const char *word, size_t len, const struct selftest *t)
{
	const char *dash = strchr(t->name, '-');
	size_t group = dash ? (size_t)(dash - t->name) : strlen(t->name);

	if (len == 3 && !strncmp(word, "all", len))
		return !t->fatal;
	if (len == group && !strncmp(word, t->name, len))
		return true;
	return len == strlen(t->name) && !strncmp(word, t->name, len);
}

static bool chosen(const char *words, const struct selftest *t)
{
	for (;;) {
		const char *comma = strchr(words, ',');
		size_t len = comma ? (size_t)(comma - words) : strlen(words);

		if (word_names(words, len, t))
			return true;
		if (!comma)
			return false;
		words = comma + 1;
	}
}

/* Words that name no test: each is said, and counted. */
static u32 count_unknown(const char *words)
{
	u32 unknown = 0;

	for (const char *comma = words; comma; words = comma + 1) {
		const struct selftest *t = selftests_first;
		size_t len;

		comma = strchr(words, ',');
		len = comma ? (size_t)(comma - words) : strlen(words);
		while (t < selftests_last && !word_names(words, len, t))
			t++;
		if (t == selftests_last) {
			log_error("selftest: no test is called '%.*s'", (int)len, words);
			unknown++;
		}
	}
	return unknown;
}

static bool run(const struct selftest *t)
{
	reason[0] = '\0';
	if (t->fn()) {
		log_error("selftest %s: FAIL %s", t->name, reason);
		return false;
	}
	log_info("selftest %s: ok", t->name);
	return true;
}

static void run_all(void *arg)
{
	const char *words = arg;
	u32 ok = 0, failed = count_unknown(words);

	for (const struct selftest *t = selftests_first; t < selftests_last; t++) {
		if (!chosen(words, t))
			continue;
		if (run(t))
			ok++;
		else
			failed++;
	}
	log_info("selftest: %u ok, %u failed", ok, failed);
	power_off();
}

bool selftest_start(void)
{
	static char words[CMDLINE_MAX];
	const struct thread_spec spec = {
		.name = "selftest", .fn = run_all, .arg = words, .cpu = -1, .detached = true
	};
	struct thread *t;

	if (!cmdline_get("selftest", words, sizeof(words)))
		return false;
	t = thread_create(&spec);
	if (!t)
		panic("no memory for the self-tests");
	thread_start(t);
	return true;
}
