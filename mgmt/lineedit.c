/*
 * The line editor: its text and keys, and the smallest change that brings a terminal's row up to date.
 */
#include "mgmt/lineedit.h"

#include "lib/fmt.h"
#include "lib/string.h"

#define ERASE_TO_END    "\x1b[K"
#define STEPS_MAX       4u   /* so many single steps to the left are as short as a sequence */
#define PARAMETER_LIMIT 100u /* no key has one as large */

void lineedit_reset(struct lineedit *e)
{
	e->len = 0;
	e->cursor = 0;
	e->first = 0;
	e->back = 0;
	e->text[0] = '\0';
}

void lineedit_init(struct lineedit *e, const char *prompt, struct history *history)
{
	memset(e, 0, sizeof(*e));
	e->prompt = prompt;
	e->history = history;
}

static void insert(struct lineedit *e, const char *s, u32 n)
{
	n = MIN(n, LINEEDIT_SIZE - 1 - e->len);
	memmove(e->text + e->cursor + n, e->text + e->cursor, e->len - e->cursor + 1);
	memcpy(e->text + e->cursor, s, n);
	e->len += n;
	e->cursor += n;
}

void lineedit_insert(struct lineedit *e, const char *text)
{
	insert(e, text, (u32)strnlen(text, LINEEDIT_SIZE));
}

/* Takes out what lies between two places; the cursor stays behind it, or moves to its start. */
static void cut(struct lineedit *e, u32 from, u32 to)
{
	memmove(e->text + from, e->text + to, e->len - to + 1);
	e->len -= to - from;
	e->cursor = from;
}

static void to_start(struct lineedit *e)
{
	e->cursor = 0;
}

static void to_end(struct lineedit *e)
{
	e->cursor = e->len;
}

static void left(struct lineedit *e)
{
	if (e->cursor)
		e->cursor--;
}

static void right(struct lineedit *e)
{
	if (e->cursor < e->len)
		e->cursor++;
}

static void erase(struct lineedit *e)
{
	if (e->cursor)
		cut(e, e->cursor - 1, e->cursor);
}

static void delete (struct lineedit *e)
{
	if (e->cursor < e->len)
		cut(e, e->cursor, e->cursor + 1);
}

static void cut_end(struct lineedit *e)
{
	cut(e, e->cursor, e->len);
}

static void cut_start(struct lineedit *e)
{
	cut(e, 0, e->cursor);
}

static void cut_word(struct lineedit *e)
{
	u32 from = e->cursor;

	while (from && e->text[from - 1] == ' ')
		from--;
	while (from && e->text[from - 1] != ' ')
		from--;
	cut(e, from, e->cursor);
}

/* The two characters around the cursor change places; at the end of the line the last two do. */
static void transpose(struct lineedit *e)
{
	char c;

	if (!e->cursor || e->len < 2)
		return;
	right(e);
	c = e->text[e->cursor - 1];
	e->text[e->cursor - 1] = e->text[e->cursor - 2];
	e->text[e->cursor - 2] = c;
}

/* Shows the line that is so many back in the history. */
static void recall(struct lineedit *e, u32 back)
{
	const char *line = back ? history_get(e->history, back) : e->own;

	if (!line)
		return;
	if (!e->back)
		memcpy(e->own, e->text, e->len + 1);
	e->back = back;
	e->len = (u32)strlen(line);
	memcpy(e->text, line, e->len + 1);
	e->cursor = e->len;
}

static void older(struct lineedit *e)
{
	recall(e, e->back + 1);
}

static void newer(struct lineedit *e)
{
	if (e->back)
		recall(e, e->back - 1);
}

static const struct {
	u8 key;
	void (*edit)(struct lineedit *e);
} edits[] = {
	{ KEY_CTRL_A, to_start }, { KEY_CTRL_B, left },      { KEY_CTRL_D, delete },
	{ KEY_CTRL_E, to_end },   { KEY_CTRL_F, right },     { KEY_BACKSPACE, erase },
	{ KEY_DELETE, erase },    { KEY_CTRL_K, cut_end },   { KEY_CTRL_N, newer },
	{ KEY_CTRL_P, older },    { KEY_CTRL_T, transpose }, { KEY_CTRL_U, cut_start },
	{ KEY_CTRL_W, cut_word },
};

/* A control sequence's key as the control character that does the same; 0: it does nothing. */
static u8 sequence_key(u8 final, u32 parameter)
{
	static const u8 letters[] = { ['A'] = KEY_CTRL_P, ['B'] = KEY_CTRL_N, ['C'] = KEY_CTRL_F,
				      ['D'] = KEY_CTRL_B, ['F'] = KEY_CTRL_E, ['H'] = KEY_CTRL_A };
	static const u8 numbers[] = {
		[1] = KEY_CTRL_A, [3] = KEY_CTRL_D, [4] = KEY_CTRL_E, [7] = KEY_CTRL_A, [8] = KEY_CTRL_E
	};

	if (final == '~')
		return parameter < sizeof(numbers) ? numbers[parameter] : 0;
	return final < sizeof(letters) ? letters[final] : 0;
}

/*
 * True: the byte belongs to an escape sequence (ECMA-48, "Control sequences"). Its last byte leaves in
 * *key what it stands for, else 0. A byte that cannot belong to one ends it and counts by itself.
 */
static bool escaped(struct lineedit *e, u8 byte, u8 *key)
{
	enum line_escape escape = e->escape;

	*key = 0;
	e->escape = LINE_ESC_NONE;
	if (byte == KEY_ESCAPE) {
		e->escape = LINE_ESC_STARTED;
		e->parameter = 0;
		return true;
	}
	if (escape == LINE_ESC_NONE || byte < ' ' || byte > '~')
		return false;
	if (escape == LINE_ESC_STARTED) {
		if (byte == '[')
			e->escape = LINE_ESC_CSI;
		else if (byte == 'O')
			e->escape = LINE_ESC_SS3;
	} else if (byte >= '@' || escape == LINE_ESC_SS3) {
		*key = sequence_key(byte, e->parameter);
	} else {
		e->escape = LINE_ESC_CSI;
		if (byte >= '0' && byte <= '9' && e->parameter < PARAMETER_LIMIT)
			e->parameter = 10 * e->parameter + (byte - '0');
		else
			e->parameter = PARAMETER_LIMIT; /* a second one, or a modifier */
	}
	return true;
}

static void edit(struct lineedit *e, u8 key)
{
	if (key >= ' ' && key <= '~') {
		insert(e, (const char *)&key, 1);
		return;
	}
	for (u32 i = 0; i < ARRAY_LEN(edits); i++) {
		if (edits[i].key == key)
			edits[i].edit(e);
	}
}

enum line_event lineedit_key(struct lineedit *e, u8 byte)
{
	u8 before = e->last, key;

	e->last = byte;
	if (escaped(e, byte, &key)) {
		edit(e, key);
		return LINE_MORE;
	}
	switch (byte) {
	case '\n':
		if (before == '\r')
			return LINE_MORE;
		/* fall through */
	case '\r':
		history_add(e->history, e->text);
		return LINE_DONE;
	case KEY_CTRL_C:
		return LINE_CANCEL;
	case KEY_TAB:
		return LINE_TAB;
	case KEY_CTRL_L:
		return LINE_CLEAR;
	default:
		edit(e, byte);
		return LINE_MORE;
	}
}

/* Moves the part of the text that is shown, so that the cursor is not on a mark for what is not. */
static void scroll(struct lineedit *e, u32 room)
{
	u32 end = e->first + room;

	if (e->len <= room) {
		e->first = 0;
		return;
	}
	if (e->cursor < e->first + (e->first ? 1 : 0) || e->cursor > (end < e->len ? end - 2 : end))
		e->first = e->cursor > room / 2 ? e->cursor - room / 2 : 0;
}

void lineedit_view(struct lineedit *e, struct line_view *v)
{
	u32 prompt = (u32)strlen(e->prompt), room = LINEEDIT_COLUMNS - prompt, n;

	scroll(e, room);
	n = MIN(e->len - e->first, room);
	memcpy(v->text, e->prompt, prompt);
	memcpy(v->text + prompt, e->text + e->first, n);
	v->len = prompt + n;
	v->cursor = prompt + e->cursor - e->first;
	if (e->first)
		v->text[prompt] = '<';
	if (e->first + n < e->len)
		v->text[v->len - 1] = '>';
}

static size_t move(char *out, u32 from, u32 to)
{
	u32 n = from > to ? from - to : to - from;

	if (!n)
		return 0;
	if (to < from && n <= STEPS_MAX) {
		memset(out, '\b', n);
		return n;
	}
	return (size_t)snprintf(out, LINEEDIT_OUT_MAX, "\x1b[%u%c", n, to < from ? 'D' : 'C');
}

size_t lineedit_update(const struct line_view *from, const struct line_view *to,
		       char out[LINEEDIT_OUT_MAX])
{
	u32 same = 0, cursor = from->cursor;
	size_t n = 0;

	while (same < from->len && same < to->len && from->text[same] == to->text[same])
		same++;
	if (same < from->len || same < to->len) {
		n += move(out, cursor, same);
		memcpy(out + n, to->text + same, to->len - same);
		n += to->len - same;
		if (from->len > to->len) {
			memcpy(out + n, ERASE_TO_END, sizeof(ERASE_TO_END) - 1);
			n += sizeof(ERASE_TO_END) - 1;
		}
		cursor = to->len;
	}
	return n + move(out + n, cursor, to->cursor);
}
