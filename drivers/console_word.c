/*
 * Takes the `console=` word apart, part by part: a name begins a console, anything else is an option of
 * the last one.
 */
#include "drivers/console_word.h"

#include "lib/string.h"

#define PART_MAX    32 /* bytes, NUL included: longer parts are none that we know */
#define PCI_DEV_MAX 31
#define PCI_FN_MAX  7
#define STRIDE_MAX  8

/* What a terminal's speed may be set to. */
static const u32 speeds[] = { 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200 };

/* Copies the part at *p up to the comma and moves *p behind it; false: it is empty or too long. */
static bool next_part(const char **p, char part[PART_MAX])
{
	const char *comma = strchr(*p, ',');
	size_t n = comma ? (size_t)(comma - *p) : strlen(*p);

	if (!n || n >= PART_MAX)
		return false;
	memcpy(part, *p, n);
	part[n] = '\0';
	*p += comma ? n + 1 : n;
	/* A comma at the end has nothing behind it. */
	return !comma || **p;
}

static bool is_speed(u64 baud)
{
	for (u32 i = 0; i < ARRAY_LEN(speeds); i++) {
		if (baud == speeds[i])
			return true;
	}
	return false;
}

/* Two hexadecimal digits at most, up to the character end (or the text's end); false: it is no number. */
static bool hex_field(const char **p, char end, u32 max, u8 *out)
{
	u32 v = 0, digits = 0;

	for (; **p && **p != end; ++*p) {
		char c = **p | ' ';
		bool decimal = c >= '0' && c <= '9';

		if (++digits > 2 || !(decimal || (c >= 'a' && c <= 'f')))
			return false;
		v = v * 16 + (u32)(decimal ? c - '0' : c - 'a' + 10);
	}
	if (!digits || v > max || **p != end)
		return false;
	*p += end != '\0';
	*out = (u8)v;
	return true;
}

/* BUS:DEV.FN, hexadecimal, as lspci prints it. */
static bool pci_place(const char *p, struct console_choice *c)
{
	return hex_field(&p, ':', 0xff, &c->bus) && hex_field(&p, '.', PCI_DEV_MAX, &c->dev) &&
	       hex_field(&p, '\0', PCI_FN_MAX, &c->fn);
}

/* What must follow `mmio` or `pci`: where it is. */
static const char *take_place(const char *part, struct console_choice *c)
{
	c->have_place = true;
	if (c->kind == CONSOLE_PCI)
		return pci_place(part, c) ? NULL : "behind pci there is no BUS:DEV.FN";
	return str_to_u64(part, &c->address) || !c->address ? "behind mmio there is no address" :
							      NULL;
}

/* A stride, which is a power of two up to 8, or a speed. */
static const char *take_number(u64 number, struct console_choice *c)
{
	bool stride = number && number <= STRIDE_MAX && !(number & (number - 1));

	if (stride && c->kind == CONSOLE_MMIO && !c->stride && !c->baud) {
		c->stride = (u8)number;
		return NULL;
	}
	if (c->baud || !is_speed(number))
		return "a speed is none of 1200, 2400, 4800, 9600, 19200, 38400, 57600 and 115200, or "
		       "a second one";
	c->baud = (u32)number;
	return NULL;
}

static const char *take_option(const char *part, struct console_choice *c)
{
	u64 number;

	if (!c)
		return "it begins with no console's name";
	if (c->kind == CONSOLE_FB)
		return "the screen has no options";
	if (c->kind != CONSOLE_COM && !c->have_place)
		return take_place(part, c);
	if (!strcmp(part, "flow"))
		c->flow = true;
	else if (!strcmp(part, "poll"))
		c->poll = true;
	else if (!str_to_u64(part, &number))
		return take_number(number, c);
	else
		return "a part of it is neither a console nor one's option";
	return NULL;
}

/* Whether the part is a console's name; then *c is one without options. */
static bool console_name(const char *part, struct console_choice *c)
{
	*c = (struct console_choice){ 0 };
	if (!strcmp(part, "mmio") || !strcmp(part, "pci")) {
		c->kind = part[0] == 'm' ? CONSOLE_MMIO : CONSOLE_PCI;
		return true;
	}
	if (!strcmp(part, "fb")) {
		c->kind = CONSOLE_FB;
		c->have_place = true;
		return true;
	}
	if (!str_prefix(part, "com") || strlen(part) != 4 || part[3] < '1' || part[3] > '4')
		return false;
	c->com = (u8)(part[3] - '0');
	return true;
}

static const char *check_last(const struct console_choices *out)
{
	const struct console_choice *c = &out->list[out->count ? out->count - 1 : 0];

	if (out->count && c->kind != CONSOLE_COM && !c->have_place)
		return "it does not say where a console is";
	return NULL;
}

static const char *add_console(const struct console_choice *c, struct console_choices *out)
{
	const char *wrong = check_last(out);

	if (wrong)
		return wrong;
	for (u32 i = 0; i < out->count; i++) {
		if ((c->com && out->list[i].com == c->com) ||
		    (c->kind == CONSOLE_FB && out->list[i].kind == CONSOLE_FB))
			return "a console is named twice";
	}
	if (out->count == CONSOLES_MAX)
		return "it names too many consoles";
	out->list[out->count++] = *c;
	return NULL;
}

const char *console_word_parse(const char *word, struct console_choices *out)
{
	const char *p = word, *wrong = NULL;
	char part[PART_MAX];

	memset(out, 0, sizeof(*out));
	out->automatic = !strcmp(word, "auto");
	if (out->automatic || !strcmp(word, "none"))
		return NULL;
	do {
		struct console_choice c;

		if (!next_part(&p, part))
			return "a part of it is empty or too long";
		wrong = console_name(part, &c) ?
				add_console(&c, out) :
				take_option(part, out->count ? &out->list[out->count - 1] : NULL);
	} while (!wrong && *p);
	return wrong ? wrong : check_last(out);
}
