/*
 * The command line's `console=` word: names of consoles, each with its options behind it, separated by
 * commas. Only text here: whether there are such devices is found out later.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

#define CONSOLE_WORD_MAX 256 /* bytes, NUL included */
#define CONSOLES_MAX     5

enum console_kind { CONSOLE_COM, CONSOLE_MMIO, CONSOLE_PCI, CONSOLE_FB };

struct console_choice {
	enum console_kind kind;
	u8 com;          /* 1 to 4 */
	bool have_place; /* the next two were said */
	u64 address;     /* physical, of registers in memory */
	u8 bus, dev, fn; /* of a PCI function */
	u8 stride;       /* bytes from one register in memory to the next; 0: not said */
	u32 baud;        /* 0: not said */
	bool flow, poll; /* RTS and CTS are heeded; no interrupt is used */
};

struct console_choices {
	struct console_choice list[CONSOLES_MAX];
	u32 count;
	bool automatic; /* whatever there is: list is empty */
};

/* Reads the word's value. NULL, or what is wrong with it, as text for the log; *out then has no meaning. */
const char *console_word_parse(const char *word, struct console_choices *out) __must_check;
