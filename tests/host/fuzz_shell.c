/*
 * What comes over the serial line, and what goes to it: keys for the line editor, whose output must make a
 * terminal show what it says; lines taken apart into words; keys that leave a guest's console; a guest's
 * output as it is followed. An input's first byte chooses.
 *
 * sources: mgmt/lineedit.c mgmt/history.c mgmt/words.c mgmt/hotkey.c mgmt/follow.c lib/string.c
 * sources: tests/host/screen.c
 * runs: 8000
 * max_len: 1024
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/console.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mgmt/follow.h"
#include "mgmt/history.h"
#include "mgmt/hotkey.h"
#include "mgmt/lineedit.h"
#include "mgmt/words.h"
#include "tests/host/fuzzing.h"
#include "tests/host/screen.h"

static u64 now;

u64 clock_ns(void)
{
	return now;
}

static bool printable(char c)
{
	return c >= ' ' && c <= '~';
}

/* --- the line editor ------------------------------------------------------------------------------- */

static struct history history;
static struct lineedit editor;
static struct line_view shown;
static struct screen screen;

static void show(void)
{
	char want[SCREEN_COLUMNS];
	struct line_view view;
	char *out = malloc(LINEEDIT_OUT_MAX); /* the sanitizer watches its end */
	size_t n;

	lineedit_view(&editor, &view);
	CHECK(view.len <= LINEEDIT_COLUMNS && view.cursor <= view.len);
	n = lineedit_update(&shown, &view, out);
	CHECK(n <= LINEEDIT_OUT_MAX);
	screen_put(&screen, out, n);
	free(out);
	CHECK_EQ(screen.errors, 0);
	memset(want, ' ', sizeof(want));
	memcpy(want, view.text, view.len);
	CHECK(!memcmp(screen.text[0], want, sizeof(want)));
	CHECK_EQ(screen.row, 0);
	CHECK_EQ(screen.column, view.cursor);
	shown = view;
}

static void check_line(void)
{
	CHECK(editor.len < LINEEDIT_SIZE && editor.cursor <= editor.len);
	CHECK_EQ(strlen(editor.text), editor.len);
	for (u32 i = 0; i < editor.len; i++)
		CHECK(printable(editor.text[i]));
}

static void new_row(void)
{
	screen_clear(&screen);
	memset(&shown, 0, sizeof(shown));
}

static void fuzz_keys(struct fuzz_in *in)
{
	memset(&history, 0, sizeof(history));
	lineedit_init(&editor, "plinth # ", &history);
	new_row();
	while (in->left) {
		switch (lineedit_key(&editor, (u8)fuzz_bytes(in, 1))) {
		case LINE_DONE:
		case LINE_CANCEL:
			check_line();
			lineedit_reset(&editor);
			new_row();
			break;
		case LINE_TAB:
			lineedit_insert(&editor, "completed\\ word ");
			break;
		case LINE_CLEAR:
			new_row();
			break;
		default:
			break;
		}
		check_line();
		show();
	}
}

/* --- words ----------------------------------------------------------------------------------------- */

static void fuzz_words(const u8 *data, size_t size)
{
	char *line = (char *)fuzz_copy(data, size), *end = line + size;
	struct words w;
	int ret;

	line[size - 1] = '\0';
	ret = words_split(&w, line);
	CHECK(ret == 0 || ret == -E2BIG);
	CHECK(w.count <= WORDS_MAX);
	for (u32 i = 0; i < w.count; i++) {
		char quoted[2 * 1024 + 2];
		struct words again;

		CHECK(w.word[i] >= line && w.word[i] + strlen(w.word[i]) < end);
		CHECK_EQ(words_quote(w.word[i], quoted, sizeof(quoted)), 0);
		CHECK_EQ(words_quote(w.word[i], quoted, strlen(quoted)), -ENOSPC);
		CHECK_EQ(words_quote(w.word[i], quoted, sizeof(quoted)), 0);
		CHECK_EQ(words_split(&again, quoted), 0);
		CHECK_EQ(again.count, *w.word[i] ? 1 : 0);
		CHECK(!again.unbalanced);
		if (again.count)
			CHECK_STR(again.word[0], w.word[i]);
	}
	free(line);
}

/* --- keys beside those for a guest ------------------------------------------------------------------ */

/* All bytes but the keys come out, in their order. */
static void fuzz_hotkey(struct fuzz_in *in)
{
	struct hotkey h = { 0 };
	u32 entered = 0, passed = 0, keys = 0;

	while (in->left) {
		u8 byte = (u8)fuzz_bytes(in, 1), out[HOTKEY_OUT_MAX];
		size_t n = 0;

		if (byte == 0xff) {
			now += HOTKEY_HOLD_NS * fuzz_below(in, 3) / 2;
			n = hotkey_expired(&h, now, out);
			CHECK(n <= HOTKEY_OUT_MAX);
			passed += (u32)n;
			CHECK(hotkey_deadline(&h) > now);
			continue;
		}
		entered++;
		switch (hotkey_byte(&h, byte, now, out, &n)) {
		case HOTKEY_LEAVE:
			keys++;
			break;
		case HOTKEY_NEXT:
			keys += HOTKEY_COUNT;
			break;
		default:
			break;
		}
		CHECK(n <= HOTKEY_OUT_MAX);
		passed += (u32)n;
		CHECK(h.held < HOTKEY_COUNT);
		CHECK_EQ(entered, passed + keys + h.held);
	}
}

/* --- followed output -------------------------------------------------------------------------------- */

#define PREFIX "[guest:1] "

void console_write_line(const char *text, size_t n)
{
	const char *start = text;

	CHECK(n && text[n - 1] == '\n');
	for (const char *p = text; p < text + n; p++) {
		CHECK(printable(*p) || *p == '\t' || *p == '\n');
		if (*p != '\n')
			continue;
		CHECK(str_prefix(start, PREFIX) && p - start < FOLLOW_LINE_SIZE);
		start = p + 1;
	}
}

static void fuzz_follow(struct fuzz_in *in)
{
	static struct follow f;

	follow_init(&f, "guest", 1);
	while (in->left) {
		u8 byte = (u8)fuzz_bytes(in, 1);
		u32 times = byte == 'x' ? 1 + 8 * (u32)fuzz_bytes(in, 1) : 1;

		while (times--)
			follow_add(&f, byte);
		CHECK(f.len < FOLLOW_LINE_SIZE);
		if (byte == 'y')
			follow_flush();
		if (byte == 'z')
			follow_finish(&f);
	}
	follow_finish(&f);
	follow_flush();
	CHECK_EQ(follow_collected(), 0);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data + 1, size - 1 };

	if (size < 2)
		return 0;
	switch (data[0] & 3) {
	case 0:
		fuzz_keys(&in);
		break;
	case 1:
		fuzz_words(data + 1, size - 1);
		break;
	case 2:
		fuzz_hotkey(&in);
		break;
	default:
		fuzz_follow(&in);
	}
	return 0;
}

void fuzz_seeds(void)
{
	/* clang-format off */
	static const char *const seeds[] = {
		"\4" "list --all\rstart guest\r\x10\x10\x0e\x1b[A\x1b[B\x1b[D\x1b[3~x\x17\x15",
		"\4" "dominfo some-name\x01\x06\x06\x14\x0b\x08\x7f\x1bOH\x1b[1;5C\x04\t\x0c\x03",
		"\4" "a line that is a good deal longer than any row of a terminal has columns, "
		"and longer still than that: it scrolls\x01\x05\x02\x02\x02\x1b[D",
		"\1" "start 'my guest' \"the \\\" other\" back\\ slash '' x",
		"\1" "a b c d e f g h i j k l m n o p q r s t u v w x y z 1 2 3 4 5 6 7",
		"\2" "ab\x01\x01\x01" "cd\x01\xff\x02\x01\x01" "e\x1d",
		"\3" "a line\n\x1b[2J\x07\rover\tx\x80xyz\nx\xff",
	};
	/* clang-format on */
	char full[2 * LINEEDIT_SIZE];

	memset(full, 'x', sizeof(full));
	full[0] = 0;
	full[700] = KEY_CTRL_A;
	fuzz_seed(full, 800);
	for (u32 i = 0; i < ARRAY_LEN(seeds); i++)
		fuzz_seed(seeds[i], strlen(seeds[i]));
}
