/*
 * What the boot loader's fall-back rests on (tools/disk/grub.cfg): it cleared the byte before it started a slot
 * on trial, and takes the slot for good if Plinth has set it until the next boot.
 */
#include "core/slot.h"

#include "arch/io.h"
#include "core/cmdline.h"
#include "core/log.h"
#include "lib/hw/rtc.h"
#include "lib/string.h"

#define WORD_MAX    32
#define FREE_FIRST  0x30u /* below are the clock, and what firmware keeps behind a checksum */
#define VALUE_MAX   0xffu
#define METHOD_CMOS "cmos:"

void slot_report(void)
{
	char name[WORD_MAX];

	if (cmdline_get("slot-failed", name, sizeof(name)))
		log_warn("boot: slot %s did not come up; this is another one", name);
	if (cmdline_get("slot", name, sizeof(name)))
		log_info("boot: slot %s", name);
}

/* Neither the time nor what decides how the machine starts. */
static bool may_write(u64 byte)
{
	if (byte == RTC_CENTURY)
		return false;
	return byte == RTC_SECONDS_ALARM || byte == RTC_MINUTES_ALARM || byte == RTC_HOURS_ALARM ||
	       (byte >= FREE_FIRST && byte < RTC_CMOS_SIZE);
}

/* Takes "cmos:BYTE:VALUE" apart. */
static bool parse(char *word, u64 *byte, u64 *value)
{
	char *number = word + strlen(METHOD_CMOS), *colon;

	if (!str_prefix(word, METHOD_CMOS))
		return false;
	colon = strchr(number, ':');
	if (!colon)
		return false;
	*colon = '\0';
	return !str_to_u64(number, byte) && !str_to_u64(colon + 1, value) && may_write(*byte) &&
	       *value && *value <= VALUE_MAX;
}

void slot_confirm(void)
{
	char word[WORD_MAX];
	u64 byte, value;

	if (!cmdline_get("confirm", word, sizeof(word)))
		return;
	if (!parse(word, &byte, &value)) {
		log_error(
			"boot: confirm=: it is not cmos:BYTE:VALUE with a byte that may be written to");
		return;
	}
	outb(RTC_INDEX_PORT, (u8)byte);
	outb(RTC_DATA_PORT, (u8)value);
	log_info("boot: this trial came up, the slot is the good one from the next boot on");
}
